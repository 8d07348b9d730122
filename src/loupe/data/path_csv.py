"""CSV of paths: an image file and its label in each row, perhaps its split and its writer."""

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from loupe.data.cache import identify_files, recall
from loupe.data.csv_text import (
    GROUP_NAMES,
    LABEL_NAMES,
    PATH_NAMES,
    SPLIT_NAMES,
    CsvHead,
    csv_head,
)
from loupe.data.dataset import Dataset
from loupe.data.decoded import decode_all, digest_all
from loupe.data.integrity import require_kept
from loupe.data.layout import is_named_as_image
from loupe.data.memory import dataset_from_arrays
from loupe.data.options import ReadOptions, stop_or_skip
from loupe.data.split_names import SPLIT_OF_NAME
from loupe.errors import DataError, Fault, did_you_mean

_MOST_COLUMNS_WITHOUT_HEADER = 4
_SHOWN = 100  # characters of a path in a message


@dataclass(frozen=True)
class Columns:
    """Which column holds what; None where there is no such column."""

    path: int
    label: int
    split: int | None
    group: int | None


@dataclass(frozen=True)
class Row:
    """One usable line: its number, the file that it names, and what it says about it."""

    line: int
    file: str
    label: str
    split: str
    group: str


def is_path_csv(path: Path) -> bool:
    """Say whether a file is text whose rows name image files."""
    head = csv_head(path) if path.is_file() else None
    if head is None:
        return False
    if head.header is not None:
        return head.column(PATH_NAMES) is not None
    if head.width > _MOST_COLUMNS_WITHOUT_HEADER:
        return False
    names = [row[0].strip() for row in head.rows]
    return any(is_named_as_image(name) or (path.parent / name).is_file() for name in names if name)


def read_path_csv(path: Path, options: ReadOptions) -> Dataset:
    """Read the image files that a CSV names, relative to its own folder or absolute.

    Raises:
        DataError: no column for the paths or the labels.
        BadFilesError: rows that lack something, that climb out of the CSV's folder by `..`, or
            whose files are missing or no images; every one is named.
    """
    head = csv_head(path)
    if head is None:
        raise DataError(f"{path} is no CSV; expected UTF-8 text with the columns path and label.")
    columns = _columns(path, head)
    rows, faults, left_out = _read_rows(path, head, columns)
    if not rows:
        stop_or_skip(path.stem, faults, len(faults), options.bad_files)
        raise DataError(f"{path} has no rows; expected one for each image. Is it the right file?")
    files = [row.file for row in rows]
    decoded = recall(
        identify_files(files, files, options.size),
        files,
        decode=lambda: decode_all(files, files, size=options.size),
        digest=lambda: digest_all(files),
    )
    bad = np.delete(np.arange(len(rows)), decoded.kept)
    for position, fault in zip(bad, decoded.faults, strict=True):
        where = f"{path.name}:{rows[position].line}: {rows[position].file}"
        faults.append(replace(fault, source=where))
    skipped = stop_or_skip(path.stem, faults, len(rows) + len(faults) - len(bad), options.bad_files)
    good = [rows[position] for position in decoded.kept]
    left_out.extend(rows[position].label for position in bad)
    require_kept(path.stem, (row.label for row in good), left_out, skipped)
    dataset = dataset_from_arrays(
        decoded.images,
        np.array([row.label for row in good], dtype=str),
        name=path.stem,
        split=None if columns.split is None else [row.split for row in good],
        groups=None if columns.group is None else [row.group for row in good],
    )
    sources = [row.file for row in good]
    return replace(dataset, sources=sources, skipped=skipped, notes=dataset.notes + decoded.notes)


def _columns(path: Path, head: CsvHead) -> Columns:
    if head.header is None:
        return Columns(0, 1, 2 if head.width > 2 else None, None)
    named, labelled = head.column(PATH_NAMES), head.column(LABEL_NAMES)
    if labelled is None and head.width == 2:
        labelled = 1 if named == 0 else 0  # whatever it is called, nothing else is there
    if named is None or labelled is None:
        raise DataError(
            f"{path} has the columns {', '.join(head.header)}; expected one called 'path' and one "
            "called 'label' (and perhaps 'split' and 'writer'). Name them in the first row."
        )
    return Columns(named, labelled, head.column(SPLIT_NAMES), head.column(GROUP_NAMES))


def _read_rows(
    path: Path, head: CsvHead, columns: Columns
) -> tuple[list[Row], list[Fault], list[str]]:
    """Give the usable rows, the faults of the others, and their labels where they have any."""
    rows: list[Row] = []
    faults: list[Fault] = []
    left_out: list[str] = []
    to_skip = head.header is not None
    for line, cells in _cells(path, head.separator):
        if not any(cell.strip() for cell in cells):
            continue
        if to_skip:
            to_skip = False
            continue
        row = _row(path.parent, line, cells, columns)
        if isinstance(row, Row):
            rows.append(row)
        else:
            faults.append(replace(row, source=f"{path.name}:{line}"))
            label = "".join(cells[columns.label :][:1]).strip()
            if label.lower() not in ("", *LABEL_NAMES):  # a header again, where files were joined
                left_out.append(label)
    return rows, faults, left_out


def _cells(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.reader(file, delimiter=separator)
        try:
            for cells in reader:
                yield reader.line_num, cells
        except csv.Error as error:
            raise DataError(
                f"{path}, line {reader.line_num}: {error}. Is a quotation mark never closed?"
            ) from error


def _row(folder: Path, line: int, cells: list[str], columns: Columns) -> Row | Fault:
    def cell(at: int | None) -> str:
        return "" if at is None or at >= len(cells) else cells[at].strip()

    file, label, split = cell(columns.path), cell(columns.label), cell(columns.split).lower()
    if not file or not label:
        missing = "label" if file else "path"
        return Fault("", f"it has no {missing}.", "Write a path and a label in every row.")
    if columns.split is not None and split not in SPLIT_OF_NAME:
        hint = did_you_mean(split, SPLIT_OF_NAME)
        return Fault("", f"'{split}' is no split.{hint}", "Write train, validation or test.")
    if columns.group is not None and not cell(columns.group):
        return Fault("", "it names no writer.", "Name one in every row, or leave the column out.")
    normal = os.path.normpath(file)
    if not os.path.isabs(file) and Path(normal).parts[:1] == ("..",):
        return Fault(
            "",
            f"'{file[:_SHOWN]}' leads out of the folder of the CSV.",
            "Move the CSV above its images, or write the absolute path if you mean it.",
        )
    if not os.path.exists(folder / normal):
        return Fault(
            "",
            f"there is no file '{file[:_SHOWN]}' in {folder}.",
            "Write paths relative to the CSV, with /, under the columns path and label.",
        )
    return Row(line, str(folder / normal), label, split, cell(columns.group))
