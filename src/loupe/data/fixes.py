"""Fixes: a CSV file that says which labels are wrong. The data itself is never changed.

    source,old_label,proposed_label,reason
    mnist/train:59915,4,7,"label suspect: read as '7' by all 5 networks"
    pets/cat/018.png,cat,drop,"not a valid image: blank"

`loupe examine` proposes such a file, a person edits it, `loupe.read(..., fixes=PATH)` applies it to
training and validation images. Test labels stay as they are.
"""

import csv
import io
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from loupe.arrays import Labels
from loupe.data.dataset import SPLITS, TEST, AppliedFixes, Dataset
from loupe.errors import DataError, did_you_mean
from loupe.files import inert, sha256, write_bytes

COLUMNS = ("source", "old_label", "proposed_label", "reason")
DROP = "drop"  # in place of a proposed label: leave the image out
_HINTS_AMONG = 2_000  # sources: a near name is looked for among these, which takes half a second
_LIKE_THE_DATA = "Take the row out, or mend it."


@dataclass(frozen=True)
class Fix:
    """One row of a fixes file.

    Attributes:
        source: which image.
        old_label: the name of the class that it has in the data.
        proposed_label: the name of the class that it should have, or "drop". The old label again
            says that somebody looked and found it right.
        reason: why, in words.
        line: of the file; 0 where it was not read from one.
    """

    source: str
    old_label: str
    proposed_label: str
    reason: str = ""
    line: int = 0


@dataclass(frozen=True, eq=False)
class Corrections:
    """What a fixes file means for a data set, image by image.

    Attributes:
        labels: after the changes, int64 `[n]`.
        dropped: which images are to be left out, bool `[n]`.
        changed: which images get another label, bool `[n]`.
        num_left_alone: rows about images that are not to be touched.
    """

    labels: Labels
    dropped: Bool[np.ndarray, " n"]
    changed: Bool[np.ndarray, " n"]
    num_left_alone: int


def write_fixes(path: Path, fixes: Sequence[Fix]) -> None:
    """Write a fixes file; a name that a spreadsheet takes for a formula stands behind a "'"."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")  # as RFC 4180; quotes a lone \r as well
    writer.writerow(COLUMNS)
    for fix in fixes:
        writer.writerow(
            inert(cell) for cell in (fix.source, fix.old_label, fix.proposed_label, fix.reason)
        )
    write_bytes(path, text.getvalue().encode(errors="surrogateescape"))


def read_fixes(path: str | os.PathLike[str]) -> tuple[Fix, ...]:
    """Read a fixes file, as `write_fixes` or a spreadsheet writes it.

    Raises:
        DataError: there is no such file, or one of its rows lacks something; says which.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise DataError(
            f"The fixes file {path} cannot be read: {error.strerror}. Expected a CSV file with "
            f"the columns {', '.join(COLUMNS)}, as loupe examine writes it."
        ) from error
    return _parsed(path, text)


def apply_fixes(dataset: Dataset, path: str | os.PathLike[str]) -> Dataset:
    """Give a data set with the labels of its training and validation images mended.

    Rows about test images are counted in the notes, and left alone.

    Args:
        dataset: with its test split sealed.
        path: of the fixes file.

    Raises:
        DataError: a row names an image or class that is not there, or a label that the image does
            not have; or nothing would be left of a class.
    """
    if dataset.fixes is not None:
        raise DataError(
            f"{dataset.name} was read with the fixes of {dataset.fixes.path} already: put the rows "
            f"of {path} into that file, or read the data without it."
        )
    path = Path(path)
    found = corrections(dataset, read_fixes(path), path, touched=dataset.split != TEST)
    _require_all_classes(dataset, found, path)
    applied = AppliedFixes(
        path=str(path.resolve()),
        sha256=sha256(path.read_bytes()),
        changed=int(found.changed.sum()),
        dropped=int(found.dropped.sum()),
        left_alone=found.num_left_alone,
        fingerprint_before=dataset.fingerprint,
    )
    mended = replace(dataset, labels=found.labels)
    if applied.dropped:
        mended = mended.select(np.flatnonzero(~found.dropped))
    return replace(mended, fixes=applied, notes=(*dataset.notes, _note(path, applied)))


def corrections(
    dataset: Dataset, fixes: Sequence[Fix], path: Path, touched: Bool[np.ndarray, " n"]
) -> Corrections:
    """Find out what fixes mean for each image.

    Args:
        dataset: the images, with the labels as they lie.
        fixes: what was read.
        path: of their file, for messages.
        touched: images that may be changed; rows about others are checked, and counted.

    Raises:
        DataError: a row does not fit the data.
    """
    _refuse_class_named_drop(dataset, fixes, path)
    place, times = places(dataset, fixes)
    _require_places(dataset, fixes, path, place, times)
    number = {name: i for i, name in enumerate(dataset.class_names)}
    number |= {inert(name): i for name, i in number.items()}
    labels, dropped = dataset.labels.copy(), np.zeros(len(dataset), bool)
    left_alone = 0
    seen: dict[int, int] = {}
    for fix in fixes:
        where = f"{path}, line {fix.line}"
        index = place[fix.source]
        if index in seen:
            raise DataError(f"{where}: '{fix.source}' has a row already, in line {seen[index]}. "
                            "Keep one of them.")  # fmt: skip
        seen[index] = fix.line
        old, new = (_class(name, number, where) for name in (fix.old_label, fix.proposed_label))
        if old != dataset.labels[index]:
            raise DataError(
                f"{where}: '{fix.source}' has the label "
                f"'{dataset.class_names[dataset.labels[index]]}' in the data, not "
                f"'{fix.old_label}' as the file says: the data has changed since, or the file is "
                f"of other data. {_LIKE_THE_DATA}"
            )
        if not touched[index]:
            left_alone += 1
        elif new is None:
            dropped[index] = True
        else:
            labels[index] = new
    return Corrections(labels, dropped, (labels != dataset.labels) & ~dropped, left_alone)


def portable_source(source: str, origin: str) -> str:
    """Name an image without the folder that its data lies in, so that the name holds elsewhere.

    Args:
        source: as the data set has it.
        origin: of the data set.

    Example:
        >>> portable_source("/pets/cat/1.png", "/pets")
        'cat/1.png'
        >>> portable_source("mnist/train:7", "mnist")
        'mnist/train:7'
    """
    if not os.path.isabs(origin):
        return source
    folder, _, name = source.rpartition("/")
    whole = f"{_real(folder)}/{name}"
    for root in (origin, os.path.dirname(origin)):  # a CSV's paths lie beside it
        if whole.startswith(f"{root}/"):
            return whole.removeprefix(f"{root}/")
    return source


@lru_cache(maxsize=4096)
def _real(folder: str) -> str:
    return os.path.realpath(folder)


def _parsed(path: Path, text: str) -> tuple[Fix, ...]:
    header = text.partition("\n")[0]
    separator = max(",;\t", key=header.count)  # spreadsheets write what their country does
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        lines = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}. Expected CSV.") from error
    names = [cell.strip().lower() for cell in lines[0][1]] if lines else []
    missing = [name for name in COLUMNS[:3] if name not in names]
    if missing:
        raise DataError(
            f"{path}, line 1: there is no column '{missing[0]}' among "
            f"{', '.join(map(repr, names)) or 'nothing'}. Expected {', '.join(COLUMNS)}, as loupe "
            "examine writes them."
        )
    place = {name: names.index(name) for name in COLUMNS if name in names}
    return tuple(
        _fix(path, line, row, place) for line, row in lines[1:] if any(cell.strip() for cell in row)
    )


def _fix(path: Path, line: int, row: Sequence[str], place: dict[str, int]) -> Fix:
    cells = {name: row[i] for name, i in place.items() if i < len(row)}
    for name in COLUMNS[:3]:
        if not cells.get(name, "").strip():
            what = "a class or 'drop'" if name == "proposed_label" else "one"
            raise DataError(f"{path}, line {line}: there is no {name}. Give {what}, or take the "
                            "row out.")  # fmt: skip
    return Fix(**cells, line=line)


def places(dataset: Dataset, fixes: Sequence[Fix]) -> tuple[dict[str, int], Counter[str]]:
    """Find the images that fixes name.

    Returns:
        The position of the image of each source that is there, and how many images have it.
    """
    wanted = {fix.source for fix in fixes}
    place: dict[str, int] = {}
    times: Counter[str] = Counter()
    for index, source in enumerate(dataset.sources):
        portable = portable_source(source, dataset.origin)
        whole = os.path.join(dataset.origin, portable)  # as the data's folder was named by then
        for name in {source, portable, whole, inert(source), inert(portable)} & wanted:
            place[name] = index
            times[name] += 1
    return place, times


def _require_places(
    dataset: Dataset,
    fixes: Sequence[Fix],
    path: Path,
    place: Mapping[str, int],
    times: Mapping[str, int],
) -> None:
    """Refuse fixes of images that are not there, or that cannot be told apart."""
    for fix in fixes:
        where = f"{path}, line {fix.line}"
        if fix.source not in place:
            near = did_you_mean(fix.source, list(dataset.sources[:_HINTS_AMONG]))
            raise DataError(
                f"{where}: '{fix.source}' is no image of {dataset.name}.{near} Expected the source "
                f"of one, as '{dataset.sources[0]}'. {_LIKE_THE_DATA}"
            )
        if times[fix.source] > 1:
            raise DataError(
                f"{where}: {times[fix.source]} images of {dataset.name} have the source "
                f"'{fix.source}', and nobody can tell which is meant. Give each its own first."
            )


def _class(name: str, number: dict[str, int], where: str) -> int | None:
    """The number of a class; None for "drop"."""
    if name == DROP:
        return None
    if name not in number:
        known = list(number)
        raise DataError(
            f"{where}: '{name}' is none of the data's classes.{did_you_mean(name, [*known, DROP])} "
            f"Expected one of them, or '{DROP}'."
        )
    return number[name]


def _refuse_class_named_drop(dataset: Dataset, fixes: Sequence[Fix], path: Path) -> None:
    if DROP in dataset.class_names and fixes:
        raise DataError(
            f"{dataset.name} has a class named '{DROP}', which in {path} would mean two things: "
            "this class, and to leave an image out. Rename the class."
        )


def _require_all_classes(dataset: Dataset, found: Corrections, path: Path) -> None:
    kept = (dataset.split != TEST) & ~found.dropped
    after = np.bincount(found.labels[kept], minlength=len(dataset.class_names))
    before = np.bincount(dataset.labels[dataset.split != TEST], minlength=len(dataset.class_names))
    for label in np.flatnonzero((before > 0) & (after == 0)):
        raise DataError(
            f"{path}: nothing would be left of class '{dataset.class_names[label]}' "
            f"({before[label]} images before). Take some of its rows out of the file, or the class "
            "out of the data."
        )


def _note(path: Path, applied: AppliedFixes) -> str:
    alone = (
        f"; {applied.left_alone} rows about {SPLITS[TEST]} images were left alone"
        if applied.left_alone
        else ""
    )
    return (
        f"Fixes of {path.name}: {applied.changed:,} labels of training and validation images were "
        f"changed, {applied.dropped:,} images left out{alone}."
    )
