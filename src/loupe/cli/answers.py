"""What `loupe predict` prints of each picture: text for people, JSON and CSV for programs."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from loupe.cli.screen import plain
from loupe.files import inert
from loupe.reading.predict import Answer
from loupe.reading.reading import REFUSED, Glyph, Reading
from loupe.reporting.words import share

BETWEEN_LINES = " | "  # of a page, where a picture has one line to itself


@dataclass(frozen=True)
class Style:
    """How answers are printed.

    Attributes:
        format: one of `FORMATS`.
        is_one: one picture was asked for: its name needs not be said.
        guesses: the guesses of each glyph are listed below the text.
        top: how many guesses a row of CSV has room for.
    """

    format: str
    is_one: bool
    guesses: bool
    top: int


def text_answer(answer: Answer, style: Style) -> str:
    """Give the text; of one picture among several, in one line with its name."""
    reading = answer.reading
    if reading is None:
        return ""
    text = reading.text if style.is_one else f"{answer.source}: {one_line(reading)}"
    lines = [text, *(_guess_lines(reading) if style.guesses else ())]
    return plain("\n".join(lines)) + "\n"


def json_answer(answer: Answer, style: Style) -> str:
    """Give one JSON object in one line."""
    content = {"source": answer.source}
    content |= {"error": answer.error} if answer.reading is None else answer.reading.to_dict()
    return json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"


def csv_answer(answer: Answer, style: Style) -> str:
    """Give one row a glyph; a picture without any has one row, without a glyph."""
    if answer.reading is None:
        return ""
    shared = (inert(answer.source), inert(one_line(answer.reading)))
    rows = [(*shared, *_cells(glyph)) for glyph in answer.reading.glyphs]
    return _csv(rows or [shared], len(csv_columns(style)))


def csv_columns(style: Style) -> Sequence[str]:
    """Name the columns of `csv_answer`; the guesses are named as in predictions.csv."""
    places = range(1, style.top + 1)
    return (
        *("source", "text", "line", "left", "top", "width", "height", "label", "outlier"),
        *(column for i in places for column in (f"guess_{i}", f"probability_{i}")),
    )


def csv_heading(style: Style) -> str:
    """Give the first line of a CSV file."""
    return _csv([csv_columns(style)], 0)


def no_heading(style: Style) -> str:
    """Give nothing: the format begins with its first answer."""
    return ""


# What stands above the answers, and what each is printed as.
FORMATS: dict[str, tuple[Callable[[Style], str], Callable[[Answer, Style], str]]] = {
    "text": (no_heading, text_answer),
    "json": (no_heading, json_answer),
    "csv": (csv_heading, csv_answer),
}


def one_line(reading: Reading) -> str:
    """Give a reading's text with its lines beside each other."""
    return reading.text.replace("\n", BETWEEN_LINES)


def _guess_lines(reading: Reading) -> Iterator[str]:
    wide = max([len(glyph.label) for glyph in reading.glyphs], default=0)
    for number, glyph in enumerate(reading.glyphs, 1):
        guesses = ", ".join(f"{name} {share(sure)}" for name, sure in glyph.guesses)
        refused = " (refused)" if glyph.label == REFUSED else ""
        yield f"{number:>5}  {glyph.label:<{wide}}  {guesses}{refused}"


def _cells(glyph: Glyph) -> tuple[str, ...]:
    guesses = [(inert(name), f"{sure:.6g}") for name, sure in glyph.guesses]
    return (
        *map(str, (glyph.line, *glyph.box)),
        inert(glyph.label),
        f"{glyph.outlier:.6g}",
        *(cell for guess in guesses for cell in guess),
    )


def _csv(rows: Sequence[Sequence[str]], num_cells: int) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows((*row, *[""] * (num_cells - len(row))) for row in rows)
    return text.getvalue()
