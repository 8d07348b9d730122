"""More images for data that has been read: of any of its classes, or of one class only."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from loupe.data.dataset import TRAIN, Dataset
from loupe.data.decoded import decode_all
from loupe.data.folder import scan
from loupe.data.generated import holds_generated
from loupe.data.layout import is_named_as_image
from loupe.data.options import BadFiles, stop_or_skip
from loupe.data.read import read
from loupe.data.sizes import fit
from loupe.errors import DataError


def read_more(
    what: str | os.PathLike[str],
    class_name: str,
    image_shape: tuple[int, int, int],
    *,
    bad_files: BadFiles = "stop",
) -> Dataset:
    """Read more images for a data set, all of them for training.

    Args:
        what: a folder of images, which are of the one class; a folder of class folders, of which
            there may be a single one; or anything else that `read` reads.
        class_name: the class of images that lie in no class folder.
        image_shape: height, width and channels that they are brought to.
        bad_files: "stop" names every bad file, "skip" leaves them out.

    Raises:
        DataError: there is no such data, or it is colour where the data set is grey.
        BadFilesError: some of its files cannot be used.

    Example:
        >>> read_more("digits", "1", (8, 8, 1)).train.image_shape
        (8, 8, 1)
    """
    path = Path(what).expanduser()
    is_folder = path.is_dir() and not holds_generated(path)
    more = _read_one_class(path, class_name, bad_files) if is_folder else None
    if more is None:
        more = read(what, bad_files=bad_files, seal=False)
    more = replace(more, split=np.full(len(more), TRAIN, np.uint8))
    return _in_shape(more, image_shape)


def _read_one_class(path: Path, class_name: str, bad_files: BadFiles) -> Dataset | None:
    """Read a folder of images of one class; None where there are folders of more."""
    files = {
        folder: [name for name in sorted(names) if is_named_as_image(name)]
        for folder, names in scan(path).files.items()
    }
    folders = [folder for folder, names in files.items() if names]
    if len(folders) != 1:
        return None
    (folder,) = folders
    paths = [str(path / folder / name) for name in files[folder]]
    decoded = decode_all(paths, paths)
    skipped = stop_or_skip(path.name, decoded.faults, len(paths), bad_files)
    count = len(decoded.images)
    return Dataset(
        name=path.resolve().name,
        images=decoded.images,
        labels=np.zeros(count, np.int64),
        split=np.full(count, TRAIN, np.uint8),
        class_names=(folder.rpartition("/")[2] or class_name,),
        sources=[paths[place] for place in decoded.kept],
        notes=decoded.notes,
        skipped=skipped,
        origin=str(path.resolve()),
    )


def _in_shape(more: Dataset, shape: tuple[int, int, int]) -> Dataset:
    """Bring images to a height and width, and grey ones to three channels."""
    height, width, channels = shape
    images, notes = more.images, list(more.notes)
    if images.shape[1:3] != (height, width):
        images = np.stack([fit(image, height, width) for image in images])
        notes.append(f"Images were fitted to {height}x{width} (height x width).")
    if (images.shape[3], channels) == (1, 3):
        images = np.repeat(images, 3, axis=3)
        notes.append("Grey images were given three equal channels.")
    if images.shape[3] != channels:
        raise DataError(
            f"The images of {more.name} are in colour, and those that they are to be added to are "
            "grey. Save them as grey images first."
        )
    return replace(more, images=images, notes=tuple(notes))
