"""Parquet, as Hugging Face writes image data sets: image bytes or paths, and labels."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from loupe.data.cache import identify_files, recall
from loupe.data.compressed import refuse_bomb
from loupe.data.csv_text import LABEL_NAMES, PATH_NAMES, SPLIT_NAMES
from loupe.data.dataset import Dataset, Split
from loupe.data.decoded import Decoded, decode_all, digest_all, read_file
from loupe.data.integrity import require_kept
from loupe.data.memory import dataset_from_arrays
from loupe.data.options import ReadOptions, stop_or_skip
from loupe.data.split_names import SPLIT_OF_NAME, files_by_split, split_of_file
from loupe.data.unknown import refuse_strangers
from loupe.errors import DataError, Fault, did_you_mean, require

_MAGIC = b"PAR1"
_PREFERRED_IMAGES = ("image", "img", "picture")
_ROWS_AT_A_TIME = 4096
_WHOLE: Split = "train"  # a file on its own brings no splits


@dataclass(frozen=True)
class Columns:
    """Which column holds what, and the class names where the file's schema lists them."""

    image: str
    label: str
    split: str | None
    class_names: tuple[str, ...] | None


@dataclass(frozen=True)
class Row:
    """One usable row: its image, as bytes or the path of a file, and what is known about it."""

    source: str
    image: bytes | Path
    label: int | str
    split: Split


def is_parquet(path: Path) -> bool:
    """Say whether a file begins as Parquet does."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def holds_parquet(path: Path) -> bool:
    """Say whether a path is a Parquet file, or a folder of them named by split."""
    return "train" in _files(path) if path.is_dir() else is_parquet(path)


def read_parquet(path: Path, options: ReadOptions) -> Dataset:
    """Read images and labels from a Parquet file, or from a folder of `train-*`, `test-*` files.

    An image is a struct of `bytes` and `path` as Hugging Face writes it, plain bytes, or the path
    of a file relative to the Parquet file. Class names are taken from Hugging Face's schema. A
    column `split` says of each row which split it is in.

    Raises:
        MissingExtraError: pyarrow is not installed.
        DataError: no column of images or labels, or a damaged file.
        BadFilesError: rows without image or label, or whose image cannot be read.
    """
    files = _files(path) if path.is_dir() else {_WHOLE: [path]}
    name = path.resolve().name if path.is_dir() else path.stem
    paths = [file for some in files.values() for file in some]
    tables = [_open(file) for file in paths]
    columns = _columns(paths, tables)
    splits: list[Split] = [split for split, some in files.items() for _ in some]
    every = [
        labelled
        for file, table, split in zip(paths, tables, splits, strict=True)
        for labelled in _rows(file, table, columns, split)
    ]
    rows = [row for _, row in every if isinstance(row, Row)]
    faults = [row for _, row in every if isinstance(row, Fault)]
    if not rows:
        stop_or_skip(name, faults, len(faults), options.bad_files)
        raise DataError(f"{path} has no rows; expected one for each image. Is it the right file?")
    decoded = _decoded(paths, rows, options)
    faults.extend(decoded.faults)
    skipped = stop_or_skip(name, faults, len(every), options.bad_files)
    good = [rows[position] for position in decoded.kept]
    left_out = [label for label, row in every if isinstance(row, Fault) and label not in (None, "")]
    left_out.extend(row.label for row in _without(rows, decoded.kept))
    require_kept(name, (row.label for row in good), left_out, skipped)
    dataset = dataset_from_arrays(
        decoded.images,
        np.array([row.label for row in good]),
        name=name,
        class_names=columns.class_names,
        split=[row.split for row in good],
    )
    sources = [row.source for row in good]
    return replace(dataset, sources=sources, skipped=skipped, notes=dataset.notes + decoded.notes)


def _files(folder: Path) -> dict[Split, list[Path]]:
    """Find the files in a folder or, as Hugging Face's repositories have them, one deeper."""
    folders = [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name[0] != "."]
    deeper = folders if len(folders) == 1 else [path for path in folders if path.name == "data"]
    passed: list[Path] = []
    found: dict[Split, list[Path]] = {}
    for place in (folder, *deeper):
        if found := _files_in(place):
            break
        passed += [path for path in sorted(place.glob("[!.]*.parquet")) if split_of_file(path.name)]
    refuse_strangers(folder, passed, "Parquet")  # no sound file was beside them
    return found


def _files_in(folder: Path) -> dict[Split, list[Path]]:
    return files_by_split(folder, is_parquet, (".parquet",), "Parquet")


def _open(path: Path) -> Any:
    """Open a Parquet file; its values are read later, block by block."""
    parquet = require("pyarrow.parquet", "Reading Parquet")
    with _damage_named(path):
        table = parquet.ParquetFile(path)
        rows, groups = table.metadata.num_rows, range(table.metadata.num_row_groups)
        unpacked = sum(table.metadata.row_group(i).total_byte_size for i in groups)
    size = path.stat().st_size
    refuse_bomb(str(path), size, unpacked)
    if not 0 <= rows <= size:
        raise DataError(
            f"{path} claims {rows:,} rows in {size:,} bytes, fewer than one byte an image: the "
            "file lies. Get it again from its source."
        )
    return table


@contextlib.contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Turn what pyarrow raises at damaged files, which is of many kinds, into one error."""
    try:
        yield
    except (require("pyarrow", "Reading Parquet").ArrowException, OSError, ValueError) as error:
        raise DataError(
            f"{path} is a damaged Parquet file ({str(error).strip('. ')}). Get it again from its "
            "source."
        ) from error


def _columns(paths: Sequence[Path], tables: Sequence[Any]) -> Columns:
    schema = tables[0].schema_arrow
    for path, table in zip(paths, tables, strict=True):
        if table.schema_arrow.names != schema.names:
            raise DataError(
                f"{path} has the columns {', '.join(table.schema_arrow.names)}, but "
                f"{paths[0].name} has {', '.join(schema.names)}. Give files of one data set only."
            )
    image = _image_column(schema)
    label = next((name for name in schema.names if name.lower() in LABEL_NAMES), None)
    if image is None or label is None:
        raise DataError(
            f"{paths[0]} has the columns {', '.join(schema.names)}; expected one of images (bytes, "
            "or a struct of bytes and path, or a path) and one called 'label'. Rename them."
        )
    listed = {_class_names(table.schema_arrow, label) for table in tables} - {None}
    if len(listed) > 1:
        raise DataError(
            f"{paths[0].parent}: the files differ in their class names, so a number means one "
            "class here and another there. Give files of one data set only."
        )
    return Columns(image, label, _split_column(schema), next(iter(listed), None))


def _image_column(schema: Any) -> str | None:
    """Find the column of images: by its type, or a text that is called as paths are."""
    types = require("pyarrow", "Reading Parquet").types
    found = [field.name for field in schema if _holds_bytes(field.type, types)]
    preferred = [name for name in found if name.lower() in _PREFERRED_IMAGES]
    texts = [
        field.name
        for field in schema
        if field.name.lower() in PATH_NAMES
        and (types.is_string(field.type) or types.is_large_string(field.type))
    ]
    return next(iter(preferred + found + texts), None)


def _split_column(schema: Any) -> str | None:
    return next((name for name in schema.names if name.lower() in SPLIT_NAMES), None)


def _holds_bytes(kind: Any, types: Any) -> bool:
    if types.is_struct(kind):
        return any(kind.field(i).name in ("bytes", "path") for i in range(kind.num_fields))
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _class_names(schema: Any, label: str) -> tuple[str, ...] | None:
    """Take the class names that Hugging Face keeps in the schema's metadata, if it wrote it."""
    try:
        described = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        names = described["info"]["features"][label]["names"]
    except (ValueError, KeyError, TypeError):
        return None
    return tuple(map(str, names)) if isinstance(names, list) else None


def _rows(
    path: Path, table: Any, columns: Columns, split: Split
) -> Iterator[tuple[Any, Row | Fault]]:
    """Give each row's label, whatever it is, and the row, or what is wrong with it."""
    number = 0
    wanted = [columns.image, columns.label, *([columns.split] if columns.split else [])]
    with _damage_named(path):
        for batch in table.iter_batches(_ROWS_AT_A_TIME, columns=wanted):
            for values in zip(*(batch.column(name).to_pylist() for name in wanted), strict=True):
                source, (image, label) = f"{path.name}:{number}", values[:2]
                own = _own_split(source, values[2], split) if columns.split else split
                if isinstance(own, Fault):
                    yield label, own
                else:
                    yield label, _row(source, path.parent, image, label, own)
                number += 1


def _own_split(source: str, value: Any, of_file: Split) -> Split | Fault:
    """Take a row's split from its column; a file named as another split than training is that."""
    word = str(value).strip().lower()
    split = SPLIT_OF_NAME.get(word)
    if split is None:
        hint = did_you_mean(word, SPLIT_OF_NAME)
        return Fault(source, f"'{value}' is no split.{hint}", "Write train, validation or test.")
    if of_file not in (_WHOLE, split):
        return Fault(
            source,
            f"its split is '{value}', but its file is named as one of {of_file} images.",
            "Leave out the column, or name the file anew.",
        )
    return split


def _row(source: str, folder: Path, image: Any, label: Any, split: Split) -> Row | Fault:
    content, name = (
        (image.get("bytes"), image.get("path")) if isinstance(image, dict) else (image, None)
    )
    if isinstance(content, str):
        content, name = None, content
    if label is None or label == "":
        return Fault(source, "it has no label.", "Give every row one, or leave the row out.")
    if content is not None:
        return Row(f"{source}: {name}" if name else source, content, label, split)
    if not name:
        return Fault(source, "it has no image.", "Fill it in, or leave the row out.")
    file = (folder / name).resolve()
    if not Path(name).is_absolute() and not file.is_relative_to(folder.resolve()):
        advice = "Move the Parquet file above its images."
        return Fault(source, f"'{name}' leads out of the folder of the file.", advice)
    return Row(f"{source}: {name}", file, label, split)


def _without(rows: Sequence[Row], kept: np.ndarray) -> list[Row]:
    return [rows[position] for position in np.delete(np.arange(len(rows)), kept).tolist()]


def _decoded(paths: Sequence[Path], rows: Sequence[Row], options: ReadOptions) -> Decoded:
    images, sources = [row.image for row in rows], [row.source for row in rows]

    def decode() -> Decoded:
        return decode_all(images, sources, size=options.size, read=_content)

    if any(isinstance(image, Path) for image in images):
        return decode()  # the cache would not notice a change of these files
    names = [str(path) for path in paths]
    identity = identify_files(names, ["parquet", *names], options.size)
    return recall(identity, sources, decode, lambda: digest_all(images, _content))


def _content(image: bytes | Path) -> bytes:
    return read_file(image) if isinstance(image, Path) else image
