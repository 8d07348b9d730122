"""Which images a report shows: mistakes by confidence, rightly read ones by doubt."""

import math
from dataclasses import dataclass

import numpy as np

from loupe.examination.evaluation import Evaluation
from loupe.examination.mistakes import mistakes
from loupe.reporting.sheets import Sheet
from loupe.reporting.words import count, percent

MOST_MISTAKES = 1000  # images; the most confident come first
MOST_RIGHT = 20  # examples of a right cell, and at most MOST_MISTAKES of all of them
MOST_TILES = 25  # of the opening picture


@dataclass(frozen=True)
class Thumb:
    """A small image: its position on its sheet, its text, the probability of the first guess."""

    position: int
    text: str
    probability: float


@dataclass(frozen=True, eq=False)
class Samples:
    """Images on one sheet, sorted into the cells of the confusion matrix by label and guess."""

    sheet: Sheet
    cells: dict[tuple[int, int], list[Thumb]]


def wrong_samples(evaluation: Evaluation) -> Samples:
    """Take the most confident mistakes; their positions are those of the gallery."""
    found = mistakes(evaluation, limit=MOST_MISTAKES)
    cells: dict[tuple[int, int], list[Thumb]] = {}
    for position, mistake in enumerate(found):
        guess, probability = mistake.guesses[0]
        text = f"{mistake.label} taken for {guess}, {percent(probability, 1000)} sure"
        place = (int(evaluation.labels[mistake.index]), int(evaluation.guesses[mistake.index]))
        cells.setdefault(place, []).append(Thumb(position, text, probability))
    return Samples(_sheet("wrong", evaluation, [mistake.index for mistake in found]), cells)


def right_samples(evaluation: Evaluation) -> Samples:
    """Take the least sure of the rightly read images of each class: the nearest to mistakes."""
    most = max(1, min(MOST_RIGHT, MOST_MISTAKES // len(evaluation.per_class)))
    confidence = evaluation.probabilities.max(axis=1)
    order = np.argsort(confidence, kind="stable")
    order = order[evaluation.guesses[order] == evaluation.labels[order]]
    cells: dict[tuple[int, int], list[Thumb]] = {}
    indices: list[int] = []
    for label, name in enumerate(evaluation.dataset.class_names):
        least_sure = order[evaluation.labels[order] == label][:most]
        cells[label, label] = [
            Thumb(len(indices) + i, f"{name}, {percent(sure, 1000)} sure", sure)
            for i, sure in enumerate(confidence[least_sure].tolist())
        ]
        indices += least_sure.tolist()
    return Samples(_sheet("right", evaluation, indices), cells)


@dataclass(frozen=True)
class Tile:
    """An image of the opening picture, and where it leads."""

    position: int
    text: str
    anchor: str


@dataclass(frozen=True)
class Wall:
    """The opening picture: a rectangle of images from one sheet."""

    sheet: str
    tiles: list[Tile]
    columns: int
    caption: str


def wall(evaluation: Evaluation) -> Wall:
    """Lay out the most confident mistakes; where there are none, what it was least sure about."""
    total = len(evaluation.wrong)
    if not total:
        return _wall_of_doubts(evaluation)
    columns, kept = rectangle(min(total, MOST_TILES))
    tiles = [
        Tile(
            position,
            f"{mistake.label} taken for {mistake.guesses[0][0]}",
            f"mistake-{position}",
        )
        for position, mistake in enumerate(mistakes(evaluation, limit=kept))
    ]
    caption = f"Its {count(kept)} most confident mistakes of {count(total)}"
    if total == kept:
        caption = "Its only mistake" if total == 1 else f"All {total} of its mistakes"
    return Wall("wrong", tiles, columns, caption)


def _wall_of_doubts(evaluation: Evaluation) -> Wall:
    cells = right_samples(evaluation).cells
    filled = [(place, thumbs[0]) for place, thumbs in cells.items() if thumbs][:MOST_TILES]
    columns, kept = rectangle(len(filled))
    tiles = [
        Tile(thumb.position, thumb.text, f"cell-{label}-{guess}")
        for (label, guess), thumb in filled[:kept]
    ]
    return Wall("right", tiles, columns, "No mistakes. Of each class, what it was least sure of")


def rectangle(number: int) -> tuple[int, int]:
    """Columns (at most 5) of a picture without holes, and how many images it holds."""
    square = math.ceil(math.sqrt(number))
    columns = min(range(square, max(square, min(5, number)) + 1), key=lambda wide: number % wide)
    return columns, number - number % columns


def _sheet(name: str, evaluation: Evaluation, indices: list[int]) -> Sheet:
    return Sheet(name, evaluation.dataset.images[np.array(indices, np.int64)])
