"""CSV of pixels: one image a row, as Kaggle writes MNIST: `label,pixel0,pixel1,...`."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from loupe.data.csv_text import LABEL_NAMES, CsvHead, csv_head, is_number
from loupe.data.dataset import Dataset, Split
from loupe.data.integrity import require_kept
from loupe.data.memory import Part, join_parts
from loupe.data.options import ReadOptions, stop_or_skip
from loupe.data.pixels import square_shape
from loupe.data.split_names import files_by_split
from loupe.errors import DataError, Fault

_BLOCK_BYTES = 1 << 23
_WHOLE: Split = "train"  # a file on its own brings no splits
_FEWEST_COLUMNS = 5  # a label and 2 x 2 pixels


@dataclass(frozen=True)
class Columns:
    """Which column holds the label; the other `count` are the pixels of a square image."""

    separator: bytes
    has_header: bool
    label: int
    count: int
    shape: tuple[int, int, int]


@dataclass(frozen=True)
class Row:
    """One line of the file: its number, its label, its pixels still as text."""

    line: int
    label: str
    pixels: bytes


@dataclass(frozen=True)
class Table:
    """What was read: pixels, labels and sources of good rows, faults and labels of bad ones."""

    pixels: list[np.ndarray] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    note: str = ""


def is_pixel_csv(path: Path) -> bool:
    """Say whether a file is text whose rows are numbers, but for the label."""
    head = csv_head(path)
    if head is None or head.width < _FEWEST_COLUMNS or not head.rows:
        return False
    return sum(map(is_number, head.rows[0])) >= len(head.rows[0]) - 1


def holds_pixel_csv(path: Path) -> bool:
    """Say whether a path is a CSV of pixels, or a folder of such files named by split."""
    if path.is_dir():
        return "train" in _files(path)
    return is_pixel_csv(path)


def read_pixel_csv(path: Path, options: ReadOptions) -> Dataset:
    """Read a CSV of pixels, with or without header, label first or last or named.

    A folder is read as its files named by split, as in `mnist_train.csv` and `mnist_test.csv`.

    Raises:
        DataError: no label column, or pixels that make no square image.
        BadFilesError: rows that lack cells or hold what is no pixel; every one is named.
    """
    name = path.resolve().name if path.is_dir() else path.stem
    files = _files(path) if path.is_dir() else {_WHOLE: [path]}
    _require_labelled(files)
    tables = {split: [_read_table(file) for file in some] for split, some in files.items()}
    every = [table for some in tables.values() for table in some]
    faults = [fault for table in every for fault in table.faults]
    total = sum(len(table.labels) for table in every) + len(faults)
    skipped = stop_or_skip(name, faults, total, options.bad_files)
    kept = (label for table in every for label in table.labels)
    left_out = (label for table in every for label in table.left_out)
    require_kept(name, kept, left_out, skipped)
    dataset = join_parts(name, {split: _part(some) for split, some in tables.items()})
    notes = tuple(dict.fromkeys(table.note for table in every if table.note))
    return replace(dataset, skipped=skipped, notes=dataset.notes + notes)


def _files(folder: Path) -> dict[Split, list[Path]]:
    return files_by_split(
        folder, is_pixel_csv, (".csv", ".tsv"), "CSV of a label and pixels in each row"
    )


def _require_labelled(files: Mapping[Split, Sequence[Path]]) -> None:
    """Refuse files that have one column less than training's, as Kaggle's test files have."""
    training = {width for path in files.get("train", ()) if (width := _width(path))}
    for split, some in files.items():
        for path in some if split != "train" else ():
            if _width(path) + 1 in training:
                raise DataError(
                    f"{path} has one column less than {files['train'][0].name}: it seems to have "
                    f"no labels, and nothing can be measured on it. Give {files['train'][0]} "
                    "alone; a fifth of it is sealed as the test split."
                )


def _width(path: Path) -> int:
    head = csv_head(path)
    return 0 if head is None else head.width


def _part(tables: Sequence[Table]) -> Part:
    pixels = [block for table in tables for block in table.pixels]
    return Part(
        images=np.concatenate(pixels) if pixels else np.empty((0, 1, 1, 1), np.uint8),
        labels=np.array([label for table in tables for label in table.labels], dtype=str),
        sources=[source for table in tables for source in table.sources],
    )


def _read_table(path: Path) -> Table:
    head = csv_head(path)
    if head is None:
        raise DataError(f"{path} is no CSV; expected UTF-8 text with a label and pixels per row.")
    _refuse_old_line_ends(path)
    columns = _columns(path, head)
    table = _rows(path, columns)
    if head.header is None and columns.label == 0 and len(set(table.labels)) == 1:
        # A first column that never changes is the blank corner of the images, not their label.
        last = _rows(path, replace(columns, label=columns.count))
        if len(set(last.labels)) > 1:
            return replace(last, note="No header: the last column was taken as the label.")
    if head.header is None:
        place = "first" if columns.label == 0 else "last"
        return replace(table, note=f"No header: the {place} column was taken as the label.")
    return table


def _refuse_old_line_ends(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(_BLOCK_BYTES)
    if b"\r" in start and b"\n" not in start:
        raise DataError(
            f"{path} has lines that end with CR alone, as on Macs before 2001; expected LF or CR "
            "LF. Save it anew with such line ends."
        )


def _rows(path: Path, columns: Columns) -> Table:
    table = Table()
    to_skip = columns.has_header
    for first_line, lines in _blocks(path):
        rows: list[Row] = []
        for line, text in enumerate(lines, first_line):
            if not text.strip():
                continue
            if to_skip:
                to_skip = False
                continue
            row = _row(line, text, columns)
            if isinstance(row, Row):
                rows.append(row)
            else:
                table.faults.append(replace(row, source=f"{path.name}:{line}"))
                table.left_out.extend(_label_of_bad_row(text, columns))
        _add(table, rows, columns, path.name)
    return table


def _columns(path: Path, head: CsvHead) -> Columns:
    count = head.width - 1
    shape = square_shape(count)
    if shape is None:
        reason = (
            "that is a whole square image, with no column left for the label"
            if square_shape(head.width)
            else f"after the label, {count} are left, and no square image has as many pixels"
        )
        raise DataError(
            f"{path} has {head.width} columns: {reason}. Expected a label and 784 pixels for "
            "28 x 28, 4096 for 64 x 64, 3072 for 32 x 32 x 3. Leave out a column of row numbers "
            "(pandas: to_csv(index=False)); save images that are not square as NPZ [n h w]."
        )
    named = head.column(LABEL_NAMES)
    label = _guessed_label(head) if named is None else named
    return Columns(head.separator.encode(), head.header is not None, label, count, shape)


def _guessed_label(head: CsvHead) -> int:
    """Take the first column, as Kaggle does, unless only the last can be the label: it is text."""
    rows = [row for row in head.rows if len(row) == head.width]
    first_is_text, last_is_text = (any(not is_number(row[at]) for row in rows) for at in (0, -1))
    return head.width - 1 if last_is_text and not first_is_text else 0


def _blocks(path: Path) -> Iterator[tuple[int, list[bytes]]]:
    """Give the file's lines by blocks of some megabytes, with the number of each block's first."""
    number, rest = 1, b""
    with path.open("rb") as file:
        start = file.read(3)
        rest = b"" if start == b"\xef\xbb\xbf" else start
        while chunk := file.read(_BLOCK_BYTES):
            whole, newline, rest = (rest + chunk).rpartition(b"\n")
            lines = (whole + newline).split(b"\n")[:-1]
            yield number, lines
            number += len(lines)
    if rest:
        yield number, [rest]


def _row(line: int, text: bytes, columns: Columns) -> Row | Fault:
    """Cut a line into label and pixels; a fault where the cells are not the right number."""
    text = text.rstrip(b"\r")
    label, pixels = _cut(text, columns)
    cells = pixels.count(columns.separator) + 2
    if cells != columns.count + 1:
        return Fault(
            "",
            f"it has {cells} cells instead of {columns.count + 1}.",
            "Write one label and all pixels in every row.",
        )
    name = label.strip().decode("utf-8", "replace")
    if not name or "\ufffd" in name:
        return Fault("", "it has no label that can be read.", "Give it one, as UTF-8 text.")
    return Row(line, name, pixels)


def _label_of_bad_row(text: bytes, columns: Columns) -> list[str]:
    """Give the label of a row with too few or too many cells, where it can be told: it is first."""
    label, pixels = _cut(text, columns) if columns.label == 0 else (b"", b"")
    name = label.strip().decode("utf-8", "replace")
    return [name] if name and pixels and "\ufffd" not in name else []


def _cut(text: bytes, columns: Columns) -> tuple[bytes, bytes]:
    """Give the label and the rest of a line, which is long: cells are split only where need be."""
    if b'"' in text:
        return _cut_quoted(text.decode("utf-8", "replace"), columns)
    if columns.label == 0:
        label, _, pixels = text.partition(columns.separator)
        return label, pixels
    if columns.label == columns.count:
        pixels, _, label = text.rpartition(columns.separator)
        return label, pixels
    cells = text.split(columns.separator)
    label = cells.pop(min(columns.label, len(cells) - 1))
    return label, columns.separator.join(cells)


def _cut_quoted(text: str, columns: Columns) -> tuple[bytes, bytes]:
    separator = columns.separator.decode()
    try:
        cells = next(csv.reader([text], delimiter=separator))
    except csv.Error:  # a quotation mark that is never closed: a row of no cells
        return b"", b""
    label = cells.pop(min(columns.label, len(cells) - 1))
    return label.encode(), separator.join(cells).encode()


def _add(table: Table, rows: Sequence[Row], columns: Columns, name: str) -> None:
    """Parse the pixels of some rows at once; by halves where some row of them cannot be."""
    if not rows:
        return
    values = _parsed([row.pixels for row in rows], columns.separator.decode())
    if values is None and len(rows) > 1:
        middle = len(rows) // 2
        _add(table, rows[:middle], columns, name)
        _add(table, rows[middle:], columns, name)
        return
    fits = np.zeros(len(rows), bool) if values is None else _fit(values)
    for row in (row for row, good in zip(rows, fits, strict=True) if not good):
        advice = "Pixels are numbers from 0 to 255, or fractions from 0 to 1."
        table.faults.append(Fault(f"{name}:{row.line}", _problem(row, columns.separator), advice))
        if row.label.lower() not in LABEL_NAMES:  # a header again, where files were joined
            table.left_out.append(row.label)
    if values is not None and fits.any():
        whole = values.dtype.kind == "i"
        kept = values[fits].reshape(-1, *columns.shape)
        table.pixels.append(kept.astype(np.uint8) if whole else kept)
    good_rows = [row for row, good in zip(rows, fits, strict=True) if good]
    table.labels.extend(row.label for row in good_rows)
    table.sources.extend(f"{name}:{row.line}" for row in good_rows)


def _parsed(rows: list[bytes], separator: str) -> np.ndarray | None:
    """Parse rows of numbers, int16 where all are whole, float32 where not; None if some is none.

    NumPy's `loadtxt` takes 1.2 s for MNIST's 70,000 rows of whole numbers, twice that for others.
    """
    whole = not b"".join(rows).translate(None, b"0123456789 " + separator.encode())
    for dtype in (np.int16, np.float32) if whole else (np.float32,):
        try:
            return np.loadtxt(rows, dtype, delimiter=separator, comments=None, ndmin=2)
        except ValueError:
            continue
    return None


def _fit(values: np.ndarray) -> np.ndarray:
    """Say of each row whether all its values may be pixels; not-a-number never is."""
    return np.asarray(np.all((values >= 0) & (values <= 255), axis=1))


def _problem(row: Row, separator: bytes) -> str:
    for cell in row.pixels.decode("utf-8", "replace").split(separator.decode()):
        if not is_number(cell):
            return f"'{cell.strip()[:20]}' is no number." if cell.strip() else "a pixel is empty."
        if not 0 <= float(cell) <= 255:
            return f"{cell.strip()[:20]} is no pixel."
    return "its pixels cannot be read."
