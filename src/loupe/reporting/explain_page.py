"""The page of `loupe predict --explain`: how pictures were read, step by step."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from loupe import __version__
from loupe.arrays import Image
from loupe.classifier.classifier import Classifier
from loupe.files import write_text
from loupe.reading.ink import shrunk
from loupe.reading.predict import Answer
from loupe.reading.reading import REFUSED, Glyph, Reading
from loupe.reporting.html import Section, page, render
from loupe.reporting.samples import MOST_TILES, Tile, Wall, rectangle
from loupe.reporting.sheets import Sheet, data_uri
from loupe.reporting.words import MINUS, NBSP, Figure, count, listed, of, share

MOST_PICTURES = 50
MOST_GLYPHS = 1500  # of all pictures together
LARGEST_SIDE = 800  # pixels of a picture on the page
STEP_SHARE = 0.6  # of that, for the steps on the way
TINY = 64  # pixels: smaller pictures are drawn enlarged, with sharp pixels
PICTURE_BYTES = 3_000_000  # of the page's five million
# Longer side and JPEG quality, tried in this order until all pictures fit.
ENCODINGS = ((LARGEST_SIDE, 85), (560, 75), (400, 65), (280, 55))

Shown = UInt8[np.ndarray, "_ _ _"]  # rows, columns, channels: each picture has its own

Trace = Callable[[Image], Mapping[str, Shown]]  # the steps to the glyphs of a picture

# What the steps of `loupe.reading.steps` show, in words; others are named as they are there.
STEPS = {
    "part": "What was looked at",
    "page": "The page, without what is around it",
    "paper": "The paper and its light",
    "shade": "Shadows that were taken away",
    "strength": "How far each point is from the paper",
    "ruling": "Lines and boxes that were taken away",
    "ink": "The ink",
    "glyphs": "Glyphs, each in its colour; grey was left out",
}

# What a picture was read as.
LAYOUTS = {"single": "a single glyph", "line": "a line", "page": "a page", "frame": "it is"}


@dataclass(frozen=True, eq=False)
class Explained:
    """One picture of the page, no larger than it is shown.

    Attributes:
        answer: what became of it, without its pixels.
        picture: the picture as it is shown; None where it could not be opened.
        steps: pictures of the way to the ink, with what they show.
    """

    answer: Answer
    picture: Shown | None
    steps: tuple[tuple[str, Shown], ...]


def explain(answer: Answer, trace: Trace | None = None) -> Explained:
    """Keep of a picture what the page shows of it.

    Args:
        answer: what became of it.
        trace: gives the steps on the way; without it, none are shown.
    """
    if answer.picture is None or answer.reading is None:
        return Explained(answer, None, ())
    kept = Answer(answer.source, answer.reading)
    steps: tuple[tuple[str, Shown], ...] = ()
    if answer.reading.layout != "frame" and trace is not None:
        side = int(LARGEST_SIDE * STEP_SHARE)
        found = trace(answer.picture)
        steps = tuple((STEPS.get(name, name), shrunk(image, side)) for name, image in found.items())
    return Explained(kept, shrunk(answer.picture, LARGEST_SIDE), steps)


def gathered(
    answers: Iterable[Answer], kept: list[Explained], trace: Trace | None = None
) -> Iterator[Answer]:
    """Pass answers on, and keep what the page shows of the first of them."""
    for answer in answers:
        if len(kept) < MOST_PICTURES:
            kept.append(explain(answer, trace))
        yield answer


def write_explain_page(
    explained: Sequence[Explained], classifier: Classifier, path: Path, total: int | None = None
) -> Path:
    """Write how pictures were read as one HTML file.

    Args:
        explained: the pictures, in the order of the page.
        classifier: the model that read them.
        path: where to write it.
        total: how many pictures were read in all, where those are only the first.

    Returns:
        Where it was written.
    """
    shown = _within(explained, MOST_GLYPHS)
    side, quality = _encoding(explained)
    threshold = classifier.card.outlier_threshold
    sections, start = [], 0
    for number, each in enumerate(explained, 1):
        glyphs = shown[number - 1]
        cards = _cards(glyphs, number, start, threshold)
        start += len(glyphs)
        sections.append(_section(each, number, cards, side, quality))
    frames = [glyph.frame for glyphs in shown for glyph in glyphs]
    if sections:
        sheet = Sheet("frames", np.stack(frames)) if frames else None
        last = sections[-1]
        sections[-1] = Section(
            last.name, last.title, last.headline, last.html, (sheet,) if sheet else ()
        )
    readings = [each.answer.reading for each in explained if each.answer.reading is not None]
    content = page(
        "explain.html.j2",
        sections,
        version=__version__,
        headline=_headline(explained),
        one=_text(readings[0]) if len(explained) == 1 and readings and _reads(readings[0]) else "",
        first=f"The first {len(explained)} of {of(total, 'picture')} are shown. "
        if total and total > len(explained)
        else "",
        trained_on=classifier.card.training_data.get("name", ""),
        model=Path(classifier.source).name,
        refuses=threshold is not None,
        figures=_figures(readings, len(explained)),
        wall=_wall(shown),
    )
    write_text(path, content)
    return path


def _within(explained: Sequence[Explained], most: int) -> list[tuple[Glyph, ...]]:
    """The glyphs of each picture, as long as there is room."""
    shown, room = [], most
    for each in explained:
        reading = each.answer.reading
        glyphs = reading.glyphs[:room] if reading is not None else ()
        room -= len(glyphs)
        shown.append(glyphs)
    return shown


def _encoding(explained: Sequence[Explained]) -> tuple[int, int]:
    for side, quality in ENCODINGS:
        num_bytes = sum(
            len(_uri(image, side, quality))
            for each in explained
            for image in ([] if each.picture is None else [each.picture])
        )
        num_bytes += sum(
            len(_uri(image, int(side * STEP_SHARE), quality))
            for each in explained
            for _, image in each.steps
        )
        if num_bytes <= PICTURE_BYTES:
            break
    return side, quality


def _uri(image: Image, side: int, quality: int) -> str:
    small = shrunk(image, side)
    return data_uri(small, 0 if max(small.shape) <= TINY else quality)


def _section(
    each: Explained, number: int, cards: Sequence[dict[str, Any]], side: int, quality: int
) -> Section:
    source, reading = each.answer.source, each.answer.reading
    name = f"picture-{number}"
    title = Path(source).name or source
    title = title if len(title) <= 28 else f"{title[:25]}..."
    if reading is None or each.picture is None:
        html = render("explain_picture.html.j2", error=each.answer.error, source=source)
        return Section(name, title, "It could not be read", html)
    width, height = reading.size
    html = render(
        "explain_picture.html.j2",
        error="",
        source=source,
        number=number,
        size=f"{width}{NBSP}×{NBSP}{height} pixels",
        layout=LAYOUTS[reading.layout] if reading.glyphs else "",
        notes=[f"{note[:1].upper()}{note[1:]}." for note in reading.notes],
        picture=_uri(each.picture, side, quality),
        shown=_sides(each.picture),
        is_tiny=max(each.picture.shape[:2]) <= TINY,
        steps=[
            (text, _uri(image, int(side * STEP_SHARE), quality), _sides(image))
            for text, image in each.steps
        ],
        cards=cards,
        boxes=[] if reading.layout == "frame" else [_place(card, reading) for card in cards],
        more=len(reading.glyphs) - len(cards),
    )
    return Section(name, title, _sentence(reading), html)


def _cards(
    glyphs: Sequence[Glyph], number: int, start: int, threshold: float | None
) -> list[dict[str, Any]]:
    return [
        {
            "id": f"glyph-{number}-{place}",
            "number": place,
            "position": start + place - 1,
            "glyph": glyph,
            "refused": glyph.label == REFUSED,
            "outlier": f"{glyph.outlier:.3g}".replace("-", MINUS),
            "threshold": "" if threshold is None else f"{threshold:.3g}",
            "gauge": _gauge(glyph.outlier, threshold),
        }
        for place, glyph in enumerate(glyphs, 1)
    ]


def _gauge(outlier: float, threshold: float | None) -> float | None:
    """How far along a bar whose middle is the threshold."""
    if threshold is None or threshold <= 0 or not np.isfinite(outlier):
        return None
    return min(max(outlier / threshold / 2, 0.0), 1.0)


def _place(card: dict[str, Any], reading: Reading) -> dict[str, Any]:
    """Where a glyph's box stands on its picture, in percent of it."""
    (left, top, wide, high), (width, height) = card["glyph"].box, reading.size
    place = {
        "left": 100 * left / width,
        "top": 100 * top / height,
        "width": 100 * wide / width,
        "height": 100 * high / height,
    }
    style = ";".join(f"{side}:{share_:.2f}%" for side, share_ in place.items())
    return {**card, "style": style}


def _sides(image: Image) -> tuple[int, int]:
    return image.shape[1], image.shape[0]


def _text(reading: Reading) -> str:
    return reading.text.replace("\n", f"{NBSP}| ")  # no line of the page begins with a bar


def _reads(reading: Reading) -> bool:
    """Whether any glyph of the picture is of the model's classes."""
    return any(glyph.label != REFUSED for glyph in reading.glyphs)


def _sentence(reading: Reading) -> str:
    if not reading.glyphs:
        return "Nothing was found on it"
    if not _reads(reading):
        return "Nothing on it is of the model’s classes"
    return f"Read as {_text(reading)}"


def _headline(explained: Sequence[Explained]) -> str:
    """The page's first sentence, up to the text of a single picture."""
    if len(explained) == 1:
        reading = explained[0].answer.reading
        if reading is None:
            return "It could not be read"
        if not reading.glyphs:
            return "Nothing was found on the picture"
        return "It reads" if _reads(reading) else "Nothing on the picture is of the model’s classes"
    failed = sum(each.answer.reading is None for each in explained)
    said = f"What was read on {of(len(explained) - failed, 'picture')}"
    return f"{said}; {count(failed)} could not be opened" if failed else said


def _figures(readings: Sequence[Reading], num_pictures: int) -> list[Figure]:
    glyphs = [glyph for reading in readings for glyph in reading.glyphs]
    refused = sum(glyph.label == REFUSED for glyph in glyphs)
    layouts = {reading.layout for reading in readings if reading.glyphs}
    kinds = listed([said for layout, said in LAYOUTS.items() if layout in layouts])
    figures = [
        Figure("Pictures", count(num_pictures), f"read as {kinds}" if kinds else ""),
        Figure("Glyphs", count(len(glyphs)), "found on them"),
        Figure("Refused", count(refused), "none of the model’s classes"),
    ]
    read = [glyph for glyph in glyphs if glyph.label != REFUSED]
    if read:
        doubtful = min(read, key=lambda glyph: glyph.guesses[0][1])
        said = f"for the glyph read as {doubtful.label}"
        figures.append(Figure("Least sure", share(doubtful.guesses[0][1]), said))
    return figures


def _wall(shown: Sequence[Sequence[Glyph]]) -> Wall:
    """The first glyphs as the model saw them."""
    tiles: list[Tile] = []
    for number, glyphs in enumerate(shown, 1):
        for place, glyph in enumerate(glyphs, 1):
            tiles.append(Tile(len(tiles), f"read as {glyph.label}", f"glyph-{number}-{place}"))
    columns, fitting = rectangle(min(MOST_TILES, len(tiles))) if tiles else (1, 0)
    kept = tiles[:fitting]
    caption = "What the model saw" if len(kept) == len(tiles) else "Some of what the model saw"
    return Wall("frames", kept, columns, caption)
