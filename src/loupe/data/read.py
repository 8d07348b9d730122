"""`read`: one door for every kind of data.

To add a file format, write `recognise(path)` and `read(path, options)` and list it in `READERS`.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from loupe.data.dataset import Dataset
from loupe.data.fixes import apply_fixes
from loupe.data.folder import holds_class_folders, read_folder
from loupe.data.generated import add_generated, holds_generated, read_generated
from loupe.data.idx import holds_idx, read_idx
from loupe.data.integrity import require_integrity
from loupe.data.memory import dataset_from_arrays
from loupe.data.named_arrays import dataset_from_named
from loupe.data.npz import is_npz, read_npz
from loupe.data.openml import read_openml
from loupe.data.options import BadFiles, ReadOptions, left_out
from loupe.data.parquet import holds_parquet, read_parquet
from loupe.data.path_csv import is_path_csv, read_path_csv
from loupe.data.pixel_csv import holds_pixel_csv, read_pixel_csv
from loupe.data.public import PUBLIC
from loupe.data.public_set import read_public
from loupe.data.sizes import fit
from loupe.data.split import seal_test
from loupe.data.unknown import told_by_content
from loupe.data.zipped import holds_zipped_images, read_zip
from loupe.errors import DataError, did_you_mean


@dataclass(frozen=True)
class Format:
    """A kind of file or folder: what it is, how it is told by its content, how it is read."""

    description: str
    recognise: Callable[[Path], bool]
    read: Callable[[Path, ReadOptions], Dataset]


# In the order in which they are tried; the first that recognises the content reads it.
READERS: dict[str, Format] = {
    "idx": Format("IDX files, as MNIST's", holds_idx, read_idx),
    "npz": Format("NPZ with x_train, y_train, …, or images and labels", is_npz, read_npz),
    "parquet": Format("Parquet of images and labels", holds_parquet, read_parquet),
    "pixel-csv": Format("CSV of a label and pixels per row", holds_pixel_csv, read_pixel_csv),
    "path-csv": Format("CSV of path,label", is_path_csv, read_path_csv),
    "zip": Format("ZIP of class folders", holds_zipped_images, read_zip),
    "generated": Format("a folder that loupe generate wrote", holds_generated, read_generated),
    "folder": Format("class folders, <class>/<image>", holds_class_folders, read_folder),
}
TABLES = (READERS["idx"], READERS["pixel-csv"])  # read from a folder whatever else lies there
_MOST_TRIED = 100  # files of a folder


def read(
    what: str | os.PathLike[str] | Sequence[Any] | Mapping[str, Any],
    *,
    size: int | None = None,
    bad_files: BadFiles = "stop",
    seal: bool = True,
    fixes: str | os.PathLike[str] | None = None,
    generated: str | os.PathLike[str] | None = None,
    generated_only: bool = False,
) -> Dataset:
    """Read a data set by name, from a file or folder, or from arrays.

    The format is recognised by content. What the data brings as splits is kept; where it brings no
    test split, 20 % of the training images are sealed as one.

    Args:
        what: a public set ("mnist"), "openml:NAME", a path, `(images, labels)`, keras'
            `((x_train, y_train), (x_test, y_test))`, or a `dict` of arrays named as in NPZ.
        size: height and width to fit all images to, in pixels: shrunk or enlarged, never
            stretched. By default image files are fitted to their median size, at most 64, and
            arrays stay as they are.
        bad_files: "stop" names every bad file or row and reads nothing, "skip" leaves them out.
        seal: False leaves the data without a test split where it brings none.
        fixes: a fixes file (`loupe examine` proposes one), applied to training and validation
            images once the test split is sealed: its test images stay the same with and without.
        generated: a folder that `loupe generate` wrote: its images are added to the training split.
        generated_only: they take the place of the training images.

    Raises:
        DataError: there is no such data, or it makes no sense, or the fixes do not fit it; says
            what to do.
        BadFilesError: some of its files or rows cannot be used; `faults` names every one.

    Example:
        >>> digits = read("digits")
        >>> len(digits), len(digits.test), digits.image_shape
        (1797, 359, (8, 8, 1))
    """
    options = _checked_options(size, bad_files)
    if not isinstance(what, (str, os.PathLike)):
        mended = _mended(_finished(_read_arrays(what), size, seal), fixes)
        return _with_generated(mended, generated, generated_only)
    given = os.fspath(what)
    if not given.strip():
        raise DataError(
            "An empty name was given. Expected the name of a public data set, a file or a folder; "
            "the working directory itself is '.'."
        )
    try:
        dataset, origin = _read_named(given) if isinstance(what, str) else None, given
        if dataset is None:
            path = Path(given).expanduser()
            dataset, origin = _read_path(path, options), str(path.resolve())
    except OSError as error:
        raise DataError(
            f"{given} cannot be read: {error}. Check that the file is there and that you may read "
            "it."
        ) from error
    chosen: dict[str, Any] = {} if size is None else {"size": size}
    if bad_files != "stop":
        chosen["bad_files"] = bad_files
    if not seal:
        chosen["seal"] = False
    if fixes is not None:
        chosen["fixes"] = str(Path(fixes).expanduser().resolve())
    if generated is not None:
        chosen["generated"] = str(Path(generated).expanduser().resolve())
        chosen["generated_only"] = generated_only
    dataset = replace(_finished(dataset, size, seal), origin=origin, read_options=chosen)
    return _with_generated(_mended(dataset, fixes), generated, generated_only)


def from_arrays(
    images: Any,
    labels: Any,
    *,
    name: str = "arrays",
    class_names: Sequence[str] | None = None,
    split: Any = None,
    groups: Any = None,
) -> Dataset:
    """Make a data set of arrays in memory.

    Args:
        images: `[n h w]`, `[n h w c]`, or rows of square images; 0..255, 16-bit, or fractions.
        labels: one an image: whole numbers or text.
        name: names the data set and its runs.
        class_names: the classes in order; labels that are numbers are then positions in it.
        split: "train", "validation" or "test" for each image; without test images, 20 % of the
            training images are sealed.
        groups: who made each image, if known; a group is never divided between splits.

    Raises:
        DataError: arrays that do not fit together; says what was given and what was expected.

    Example:
        >>> images = np.arange(20 * 64, dtype=np.uint16).reshape(20, 8, 8) % 251
        >>> from_arrays(images, ["cat", "dog"] * 10).class_names
        ('cat', 'dog')
    """
    dataset = dataset_from_arrays(
        images, labels, name=name, class_names=class_names, split=split, groups=groups
    )
    return _finished(dataset)


def _checked_options(size: int | None, bad_files: BadFiles) -> ReadOptions:
    if bad_files not in get_args(BadFiles):
        raise DataError(f"bad_files is {bad_files!r}; expected 'stop' or 'skip'.")
    if size is not None and not 2 <= size <= 1024:
        raise DataError(f"size is {size}; expected the images' height and width, 2 to 1024 pixels.")
    return ReadOptions(size, bad_files)


def _finished(dataset: Dataset, size: int | None = None, seal: bool = True) -> Dataset:
    """Do what every data set needs, whichever reader it came from."""
    require_integrity(dataset)
    dataset = _fitted(dataset, size)
    if dataset.skipped:
        count, first = len(dataset.skipped), dataset.skipped[0]
        start = "" if count == 1 else " the first is"
        note = f"{left_out(count)}:{start} {first.source}: {first.problem}"
        dataset = replace(dataset, notes=(note, *dataset.notes))
    return seal_test(dataset) if seal else dataset


def _mended(dataset: Dataset, fixes: str | os.PathLike[str] | None) -> Dataset:
    """Apply a fixes file, once it is known which images are test images."""
    if fixes is None:
        return dataset
    if not len(dataset.test):
        raise DataError(
            f"{dataset.name} brings no test split and seal is False: fixes are for training and "
            "validation images, and it is not known which these are. Leave seal=False out."
        )
    return apply_fixes(dataset, Path(fixes).expanduser())


def _with_generated(
    dataset: Dataset, generated: str | os.PathLike[str] | None, only: bool
) -> Dataset:
    """Add generated images to the training split, last: what is measured on is settled by then."""
    if generated is not None:
        return add_generated(dataset, generated, only=only)
    if only:
        raise DataError("generated_only was given without generated: name the folder of them.")
    return dataset


def _fitted(dataset: Dataset, size: int | None) -> Dataset:
    """Fit images to the size that was asked for; image files have been fitted before."""
    height, width, channels = dataset.image_shape
    if size is None or (height, width) == (size, size):
        return dataset
    images = np.empty((len(dataset), size, size, channels), np.uint8)
    for position, image in enumerate(dataset.images):
        images[position] = fit(image, size, size)
    note = f"Images of {height}x{width} pixels were fitted to {size}x{size}."
    return replace(dataset, images=images, notes=(*dataset.notes, note))


def _read_arrays(what: Sequence[Any] | Mapping[str, Any]) -> Dataset:
    if isinstance(what, Mapping):
        return dataset_from_named(what, name="arrays", source="the dict of arrays")
    if isinstance(what, (tuple, list)) and len(what) == 2:
        if all(isinstance(part, tuple) and len(part) == 2 for part in what):
            (x_train, y_train), (x_test, y_test) = what
            arrays = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
            return dataset_from_named(arrays, name="arrays", source="the tuple of arrays")
        return dataset_from_arrays(*what)
    raise DataError(
        f"{type(what).__name__} was given to read; expected a name, a path, (images, labels), "
        "((x_train, y_train), (x_test, y_test)) or a dict of arrays."
    )


def _read_named(given: str) -> Dataset | None:
    """Read what has a name rather than a path."""
    if given in PUBLIC:
        dataset = read_public(PUBLIC[given])
        if not Path(given).exists():
            return dataset
        note = f"'{given}' is the public data set; give ./{given} to read what has this name here."
        return replace(dataset, notes=(*dataset.notes, note))
    if given.startswith("openml:"):
        return read_openml(given.removeprefix("openml:"))
    if "://" in given:
        raise DataError(
            f"{given} is an address; expected a name or a path. Download it and give the file."
        )
    return None


def _read_path(path: Path, options: ReadOptions) -> Dataset:
    if not path.exists():
        raise DataError(_not_found(path))
    for known in READERS.values():
        if known.recognise(path):
            dataset = known.read(path, options)
            return _with_note_on_folders(dataset, path) if known in TABLES else dataset
    raise DataError(f"{path} is {_unknown(path)}")


def _unknown(path: Path) -> str:
    """Say what a path is that no reader recognises, and what to give instead."""
    expected = "; ".join(known.description for known in READERS.values())
    if path.is_dir():
        hint = _file_meant(path)
        return f"a folder without images or tables of them.{hint} Expected one of: {expected}."
    told = told_by_content(path)
    return told or f"of no known format. Expected one of: {expected}. Text must be UTF-8."


def _file_meant(folder: Path) -> str:
    """Name the file in a folder that could be read in its place."""
    for file in sorted(folder.iterdir())[:_MOST_TRIED]:
        if file.is_file() and any(known.recognise(file) for known in READERS.values()):
            return f" Did you mean the file in it, {file}?"
    return ""


def _with_note_on_folders(dataset: Dataset, folder: Path) -> Dataset:
    """Say so where class folders lie beside the tables that were read."""
    if not folder.is_dir():
        return dataset
    beside = [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name[0] != "."]
    beside = [path for path in beside[:_MOST_TRIED] if holds_class_folders(path)]
    if not beside:
        return dataset
    note = (
        f"Only tables were read, and not the folders beside them: '{beside[0].name}'"
        f"{f' and {len(beside) - 1} more' if len(beside) > 1 else ''}. To read the folders, move "
        "the tables elsewhere."
    )
    return replace(dataset, notes=(*dataset.notes, note))


def _not_found(path: Path) -> str:
    """Say what is missing, with the nearest names among the public sets and the files there."""
    missing = path
    while missing.parent != missing and not missing.parent.exists():
        missing = missing.parent
    beside = [other.name for other in missing.parent.iterdir()] if missing.parent.is_dir() else []
    plain = str(path).lower().replace("_", "-").replace(" ", "-")
    hint = did_you_mean(missing.name, beside) or did_you_mean(plain, PUBLIC)
    if plain in PUBLIC:
        hint = did_you_mean(plain, [plain])
    where = "" if missing == path else f": there is no {missing}"
    return (
        f"'{path}' is no public data set and no path that exists{where}.{hint} "
        f"Public sets: {', '.join(PUBLIC)}; or openml:NAME."
    )
