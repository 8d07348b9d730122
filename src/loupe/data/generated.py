"""Generated images: read with their mark, and put into a training split, never elsewhere.

`loupe generate` writes a folder with `images.npz`, in which the array `generated` marks every
image. The mark stays with the images: a `Dataset` that has one of them in its validation or test
split cannot be made.
"""

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from loupe.data.dataset import TRAIN, Dataset, Rows
from loupe.data.memory import Joined
from loupe.data.named_arrays import dataset_from_named
from loupe.data.npz import read_npz_arrays
from loupe.data.options import ReadOptions
from loupe.data.split import hold_out_validation
from loupe.errors import DataError, did_you_mean

IMAGES_FILE = "images.npz"
GENERATOR_FILE = "generator.json"
# Of what the generator does not learn from: the recipes' default, so that the same images are new
# to both.
VALIDATION, VALIDATION_SEED = 1 / 12, 0


@dataclass(frozen=True)
class Origin:
    """What generated images were made from.

    Attributes:
        data: name of the data set that the generator learnt from.
        fingerprint: of that data set as it was read; "" where it is not known.
        steps: that the generator was trained for.
    """

    data: str
    fingerprint: str
    steps: int


def holds_generated(path: Path) -> bool:
    """Say whether a path is a folder that `loupe generate` wrote."""
    return path.is_dir() and all((path / name).is_file() for name in (GENERATOR_FILE, IMAGES_FILE))


def read_generated(path: Path, options: ReadOptions) -> Dataset:
    """Read the images in a folder that `loupe generate` wrote."""
    return _read_marked(path / IMAGES_FILE, path.resolve().name)[0]


def add_generated(
    dataset: Dataset, folder: str | os.PathLike[str], *, only: bool = False
) -> Dataset:
    """Put generated images into the training split of real data.

    Classes are matched by name. Validation images, which are drawn later, are the same as without.

    Args:
        dataset: real images, with a test split.
        folder: that `loupe generate` wrote, or the `images.npz` in it.
        only: train on the generated images alone, and measure on the real ones: how much they are
            worth by themselves (the classification accuracy score of Ravuri and Vinyals 2019,
            arXiv:1905.10887).

    Raises:
        DataError: there are no generated images there, or they do not fit the data.
    """
    path = Path(folder).expanduser()
    if path.is_dir():
        if not holds_generated(path):
            raise DataError(
                f"{path} holds no generated images: {GENERATOR_FILE} and {IMAGES_FILE} are not "
                "both there. Give a folder that loupe generate has finished."
            )
        path = path / IMAGES_FILE
    elif not path.is_file():
        raise DataError(f"There are no generated images at {path}: make them with loupe generate.")
    more, origin = _read_marked(path, path.resolve().parent.name)
    if not np.all(more.generated):
        raise DataError(
            f"{path} holds images that no generator made. For more real images, put them into the "
            "data set itself."
        )
    joined = _joined(dataset, _fitted_to(dataset, more), only)
    said = f"{len(more):,} generated images were {'put in the place of' if only else 'added to'} "
    note = said + f"the training images, from {path} ({origin.data}, {origin.steps:,} steps)."
    return replace(joined, notes=(*joined.notes, note, *_doubt(dataset, origin)))


def _read_marked(path: Path, name: str) -> tuple[Dataset, Origin]:
    """Read an NPZ file of generated images, and what it says about their making."""
    arrays = read_npz_arrays(path)
    dataset = dataset_from_named(arrays, name=name, source=str(path))
    try:
        said: dict[str, Any] = json.loads(str(arrays.get("generator", "{}")))
        origin = Origin(
            str(said.get("data", "unknown data")),
            str(said.get("fingerprint", "")),
            int(said.get("steps", 0)),
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: the array 'generator' is not readable ({error}). It says what the images "
            "were made from: leave it as loupe generate wrote it."
        ) from error
    made = f"A generator that learnt from {origin.data} made {_share(dataset)} of these images."
    return replace(dataset, notes=(*dataset.notes, made)), origin


def _share(dataset: Dataset) -> str:
    count = 0 if dataset.generated is None else int(dataset.generated.sum())
    return "all" if count == len(dataset) else f"{count:,}"


def _fitted_to(dataset: Dataset, more: Dataset) -> Dataset:
    """Give the generated images with labels as the data set numbers its classes."""
    if more.image_shape != dataset.image_shape:
        raise DataError(
            f"{dataset.name} has images of the shape {list(dataset.image_shape)}, and the "
            f"generated ones are {list(more.image_shape)} (height, width, channels). Generate from "
            "these data, read in the same size."
        )
    unknown = [name for name in more.class_names if name not in dataset.class_names]
    if unknown:
        raise DataError(
            f"The generated images have the class '{unknown[0]}', which {dataset.name} does not "
            f"have.{did_you_mean(unknown[0], dataset.class_names)} Generate from these data."
        )
    number = np.array([dataset.class_names.index(name) for name in more.class_names], np.int64)
    return replace(more, labels=number[more.labels], class_names=dataset.class_names)


def _joined(dataset: Dataset, more: Dataset, only: bool) -> Dataset:
    if only:
        dataset = hold_out_validation(dataset, VALIDATION, VALIDATION_SEED)
        dataset = dataset.select(np.flatnonzero(dataset.split != TRAIN))
    groups = dataset.groups
    if groups is not None:  # no writer made them: they are a group of their own
        own = int(groups.max(initial=0)) + 1
        groups = np.concatenate([groups, np.full(len(more), own, np.int64)])
    before = np.zeros(len(dataset), bool) if dataset.generated is None else dataset.generated
    return replace(
        dataset,
        images=np.concatenate([dataset.images, more.images]),
        labels=np.concatenate([dataset.labels, more.labels]),
        split=np.concatenate([dataset.split, np.full(len(more), TRAIN, np.uint8)]),
        sources=Joined([dataset.sources, Rows(f"generated/{more.name}", len(more))]),
        groups=groups,
        generated=np.concatenate([before, np.ones(len(more), bool)]),
    )


def _doubt(dataset: Dataset, origin: Origin) -> tuple[str, ...]:
    """Say so where it is not known that the generator saw no test image of these data."""
    known = {dataset.fingerprint} | (
        {dataset.fixes.fingerprint_before} if dataset.fixes is not None else set()
    )
    if origin.fingerprint in known:
        return ()
    return (
        f"The generator learnt from other data than these ('{origin.data}', fingerprint "
        f"{origin.fingerprint[:12] or 'unknown'}): make sure that none of the test images was "
        "among what it saw, or the test figures mean nothing.",
    )
