"""The section on confusion: a heat map of errors whose cells open to the images in them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from loupe.examination.evaluation import Evaluation
from loupe.examination.mistakes import confused_pairs
from loupe.reporting.html import Section, render
from loupe.reporting.samples import Thumb, right_samples, wrong_samples
from loupe.reporting.words import count, of, percent
from loupe.runs.run import Run

MOST_CLASSES = 64  # rows of the matrix: with more, those with the most mistakes
CROWDED = 20  # classes from which on the matrix takes the page's whole width

# Classes up to which a size holds: (smallest, largest) side of a cell and type, in CSS pixels.
CELL_SIZES = {12: (26, 46, 13), CROWDED: (24, 36, 12), 36: (22, 26, 11), MOST_CLASSES: (19, 19, 10)}


@dataclass(frozen=True)
class Cell:
    """A cell of the matrix that holds images, ready for the template."""

    anchor: str
    label: str
    guess: str
    count: int
    of: int
    heat: float
    is_right: bool
    is_most: bool
    shown: list[Thumb]

    @property
    def share(self) -> float:
        """Share of the label's images."""
        return self.count / self.of


def confusion(run: Run, evaluation: Evaluation) -> Section:
    """Draw the confusion matrix as a heat map whose cells open to the images in them."""
    wrong, right = wrong_samples(evaluation), right_samples(evaluation)
    kept = _kept_classes(evaluation.confusion_matrix)
    names = [evaluation.dataset.class_names[label] for label in kept]
    rows = _rows(evaluation, kept, wrong.cells | right.cells)
    cells = [cell for row in rows for cell in row if cell is not None]
    hottest = max((cell.share for cell in cells if not cell.is_right), default=0.0)
    longest = max(map(len, names))
    html = render(
        "section_confusion.html.j2",
        names=names,
        rows=zip(names, rows, strict=True),
        cells=cells,
        first=max(cells, key=lambda cell: (not cell.is_right, cell.count)).anchor,
        names_width=f"{min(9.0, max(3.2, 0.62 * longest + 0.6)):g}rem",
        upright=longest > 3,
        cell_sizes=next(size for most, size in CELL_SIZES.items() if len(kept) <= most),
        crowded=len(kept) > CROWDED,
        all_classes=len(evaluation.per_class),
        hottest=percent(hottest, 1000) if hottest else "",
    )
    headline = _headline(evaluation)
    return Section("confusion", "Confusion", headline, html, (wrong.sheet, right.sheet))


def _kept_classes(matrix: Int64[np.ndarray, "k k"]) -> list[int]:
    """All classes, or those with the most mistakes where the matrix would be too large to read."""
    involved = matrix.sum(axis=0) + matrix.sum(axis=1) - 2 * matrix.diagonal()
    return sorted(np.argsort(-involved, kind="stable")[:MOST_CLASSES].tolist())


def _rows(
    evaluation: Evaluation, kept: list[int], thumbs: dict[tuple[int, int], list[Thumb]]
) -> list[list[Cell | None]]:
    matrix = evaluation.confusion_matrix
    heat = _heat(matrix[np.ix_(kept, kept)], matrix.sum(axis=1)[kept])
    names = evaluation.dataset.class_names
    return [
        [
            Cell(
                anchor=f"cell-{label}-{guess}",
                label=names[label],
                guess=names[guess],
                count=int(matrix[label, guess]),
                of=int(matrix[label].sum()),
                heat=round(float(heat[i, j]), 2),
                is_right=label == guess,
                is_most=bool(heat[i, j] > 0.87),
                shown=thumbs.get((label, guess), []),
            )
            if matrix[label, guess]
            else None
            for j, guess in enumerate(kept)
        ]
        for i, label in enumerate(kept)
    ]


def _heat(
    matrix: Int64[np.ndarray, "k k"], images: Int64[np.ndarray, " k"]
) -> Float64[np.ndarray, "k k"]:
    """Colour errors by their share of the label's images, on a scale of their own.

    The root lets single mistakes be seen beside the cell with the most of them.
    """
    wrong = matrix - np.diag(matrix.diagonal())
    shares = wrong / np.maximum(images, 1)[:, None]
    return np.where(wrong > 0, 0.1 + 0.9 * np.sqrt(shares / max(shares.max(), 1e-12)), 0.0)


def _headline(evaluation: Evaluation) -> str:
    pairs = confused_pairs(evaluation, limit=1)
    if not pairs:
        return "Nothing off the diagonal: every image was read rightly"
    top = pairs[0]
    return (
        f"Most often, {top.label} is taken for {top.guess}: {count(top.count)} of "
        f"{of(top.of, 'image')}"
    )
