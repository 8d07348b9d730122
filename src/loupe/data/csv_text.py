"""The first look at a CSV file: its separator, its header, its columns."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SEPARATORS = ",;\t"
_HEAD_BYTES = 1 << 20  # a line of 256 x 256 x 3 pixels fits
LABEL_NAMES = ("label", "labels", "class", "class_name", "category", "target", "digit", "y")
PATH_NAMES = ("path", "file", "filename", "file_name", "filepath", "image", "image_path")
SPLIT_NAMES = ("split", "subset", "set", "partition")
GROUP_NAMES = ("group", "writer", "writer_id", "author")


@dataclass(frozen=True)
class CsvHead:
    """What the first lines of a CSV file tell about it.

    Attributes:
        separator: comma, semicolon or tab.
        header: the column names in lower case; None where the first line is data already.
        rows: the cells of the first rows of data.
    """

    separator: str
    header: tuple[str, ...] | None
    rows: tuple[tuple[str, ...], ...]

    @property
    def width(self) -> int:
        """Count the columns."""
        return len(self.header or self.rows[0])

    def column(self, names: Sequence[str]) -> int | None:
        """Find the first column that has one of these names."""
        if self.header is None:
            return None
        return next((self.header.index(name) for name in names if name in self.header), None)


def csv_head(path: Path) -> CsvHead | None:
    """Look at the first lines of a file; None where it is no CSV with at least two columns."""
    lines = _first_lines(path)
    if not lines:
        return None
    separator = max(_SEPARATORS, key=lines[0].count)
    try:
        rows = [tuple(row) for row in csv.reader(lines, delimiter=separator)]
    except csv.Error:  # a quotation mark that is never closed, in a long text
        return None
    if not rows or len(rows[0]) < 2:
        return None
    names = tuple(cell.strip().lower() for cell in rows[0])
    if _is_header(names):
        return CsvHead(separator, names, tuple(rows[1:]))
    return CsvHead(separator, None, tuple(rows))


def is_number(text: str) -> bool:
    """Say whether a cell holds a number.

    Example:
        >>> is_number(" 12.5"), is_number("pixel0"), is_number("")
        (True, False, False)
    """
    try:
        float(text)
    except ValueError:
        return False
    return True


def _first_lines(path: Path) -> list[str]:
    """Read at most fifty whole lines of text; none where the content is no UTF-8 text."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if b"\0" in head:
        return []
    if len(head) == _HEAD_BYTES:
        head = head[: head.rfind(b"\n") + 1]
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError:
        return []
    return [line for line in text.splitlines() if line.strip()][:50]


def _is_header(names: tuple[str, ...]) -> bool:
    """A header names a path among few columns, or many columns whose names are no values."""
    if len(names) <= 4:
        return bool({*PATH_NAMES} & {*names})
    labelled = bool({*LABEL_NAMES} & {*names})
    counted = names == tuple(map(str, range(len(names))))  # as pandas names columns without names
    return labelled or counted or not any(map(is_number, names[1:-1]))
