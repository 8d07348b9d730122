"""Data sets from arrays in memory: what NumPy users give, and what the array formats hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from loupe.arrays import Images
from loupe.data.dataset import SPLITS, TRAIN, Dataset, Groups, Rows, Split
from loupe.data.labels import encode_labels, one_each
from loupe.data.pixels import as_images
from loupe.data.split_names import SPLIT_OF_NAME
from loupe.errors import DataError, did_you_mean


@dataclass(frozen=True, eq=False)
class Part:
    """The images of one split, before its labels are numbered.

    Attributes:
        images: pixels in any shape and type that `as_images` takes.
        labels: one an image: numbers or text.
        sources: where each image came from; by default the data's name, split and row.
        groups: who made each image, if known: numbers or text.
    """

    images: np.ndarray
    labels: np.ndarray
    sources: Sequence[str] | None = None
    groups: np.ndarray | None = None


class Joined(Sequence[str]):
    """Several lists of sources, one after the other, without copying them."""

    def __init__(self, lists: Sequence[Sequence[str]]) -> None:
        self.lists = tuple(lists)
        self.ends = list(accumulate(map(len, self.lists)))

    def __len__(self) -> int:
        """Count the sources of all lists."""
        return self.ends[-1] if self.ends else 0

    def __getitem__(self, index):  # type: ignore[no-untyped-def]  # Sequence's two overloads
        """Give one source, or a list for a slice."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        position = range(len(self))[int(index)]
        part = int(np.searchsorted(self.ends, position, side="right"))
        return self.lists[part][position - (self.ends[part - 1] if part else 0)]


def join_parts(
    name: str, parts: Mapping[Split, Part], class_names: Sequence[str] | None = None
) -> Dataset:
    """Join the splits of a data set; labels are matched by what they are, never by position.

    Raises:
        DataError: images and labels that are not equal in number, or splits that differ in the
            shape of their images or the kind of their labels.
    """
    ordered = {split: parts[split] for split in SPLITS if split in parts}
    highest = _highest_of_each_kind(list(ordered.values()))
    pixels = {
        split: _checked(name, split, part, highest.get(part.images.dtype.kind))
        for split, part in ordered.items()
    }
    _require_one_shape(name, {split: images for split, (images, _) in pixels.items()})
    labels, names = encode_labels(_one_kind(name, ordered), name, class_names)
    counts = [len(images) for images, _ in pixels.values()]
    return Dataset(
        name=name,
        images=_concatenated([images for images, _ in pixels.values()]),
        labels=labels,
        split=np.repeat([SPLITS.index(split) for split in ordered], counts).astype(np.uint8),
        class_names=names,
        sources=Joined([_sources(name, split, part) for split, part in ordered.items()]),
        groups=_joined_groups([part.groups for part in ordered.values()]),
        notes=tuple(dict.fromkeys(note for _, notes in pixels.values() for note in notes)),
    )


def dataset_from_arrays(
    images: Any,
    labels: Any,
    *,
    name: str = "arrays",
    class_names: Sequence[str] | None = None,
    split: Any = None,
    groups: Any = None,
) -> Dataset:
    """Make a data set of arrays, with all images in training where no split is given.

    `loupe.from_arrays` adds what every reader's data set gets: the checks and a sealed test split.
    """
    part = Part(_as_array(images, name), np.asarray(labels))
    pixels, notes = _checked(name, None, part)
    encoded, names = encode_labels(part.labels, name, class_names)
    for what, given in (("splits", split), ("groups", groups)):
        if given is not None and np.ndim(given) and len(given) != len(pixels):
            raise DataError(
                f"{name}: {len(pixels)} images and {len(given)} {what} were given; each image "
                "needs one of each."
            )
    return Dataset(
        name=name,
        images=pixels,
        labels=encoded,
        split=_split_codes(split, len(pixels), name),
        class_names=names,
        sources=Rows(name, len(pixels)),
        groups=None if groups is None else _group_numbers(np.asarray(groups)),
        notes=notes,
    )


def _as_array(images: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(images)
    except ValueError as error:  # a list of images whose sizes differ
        raise DataError(
            f"{name}: the images are not all of one size, so they make no array. Resize them to "
            "one size, or save them as files and read the folder."
        ) from error


def _highest_of_each_kind(parts: Sequence[Part]) -> dict[str, float]:
    """The largest pixel of all splits, by kind of number: a split alone may hold dark images only.

    Bytes are kept as they are, and need none.
    """
    highest: dict[str, float] = {}
    for images in (part.images for part in parts):
        kind = images.dtype.kind
        if kind in "iuf" and images.dtype != np.uint8 and images.size:
            highest[kind] = max(highest.get(kind, 0.0), float(images.max()))
    return highest


def _checked(
    name: str, split: Split | None, part: Part, high: float | None = None
) -> tuple[Images, tuple[str, ...]]:
    where = f"{name} ({split})" if split else name
    images, labels = (len(array) if array.ndim else 0 for array in (part.images, part.labels))
    if images != labels:
        raise DataError(
            f"{where}: {images} images and {labels} labels were given; each image needs exactly "
            "one label. Give both for the same images, in the same order."
        )
    return as_images(part.images, where, high)


def _require_one_shape(name: str, images: Mapping[Split, np.ndarray]) -> None:
    shapes = {split: list(array.shape[1:]) for split, array in images.items()}
    if len({tuple(shape) for shape in shapes.values()}) > 1:
        listed = ", ".join(f"{split} {shape}" for split, shape in shapes.items())
        raise DataError(
            f"{name}: the splits differ in the shape [h w c] of their images: {listed}. Bring all "
            "images to one shape."
        )


def _one_kind(name: str, parts: Mapping[Split, Part]) -> np.ndarray:
    kinds = {split: _label_kind(part.labels) for split, part in parts.items()}
    if len(set(kinds.values())) > 1:
        listed = ", ".join(f"{split}: {kind}" for split, kind in kinds.items())
        raise DataError(
            f"{name}: labels are text in one split and numbers in another ({listed}). Write them "
            "the same way in all splits."
        )
    return np.concatenate([one_each(part.labels, name) for part in parts.values()])


def _label_kind(labels: np.ndarray) -> str:
    return "numbers" if labels.dtype.kind in "iufb" else "text"


def _concatenated(arrays: Sequence[np.ndarray]) -> Images:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _sources(name: str, split: Split, part: Part) -> Sequence[str]:
    return Rows(f"{name}/{split}", len(part.images)) if part.sources is None else part.sources


def _joined_groups(groups: Sequence[np.ndarray | None]) -> Groups | None:
    known = [group for group in groups if group is not None]
    if not known or len(known) < len(groups):
        return None
    return _group_numbers(np.concatenate(known))


def _group_numbers(groups: np.ndarray) -> Groups:
    """Keep whole numbers, number everything else."""
    if groups.dtype.kind in "iu":
        return groups.astype(np.int64)
    return np.unique(groups.astype(str), return_inverse=True)[1].astype(np.int64)


def _split_codes(split: Any, count: int, name: str) -> np.ndarray:
    """Turn split names, or codes of `Dataset.split`, into codes; a single one is for all images."""
    if split is None:
        return np.full(count, TRAIN, np.uint8)
    given = np.asarray(split)
    array = np.broadcast_to(given, (count,)) if given.ndim == 0 else given
    if array.dtype.kind in "iu":
        words = [SPLITS[code] if 0 <= code < len(SPLITS) else str(code) for code in array.tolist()]
    else:
        words = [str(word).lower() for word in array.tolist()]
    unknown = next((word for word in words if word not in SPLIT_OF_NAME), None)
    if unknown is not None:
        raise DataError(
            f"{name}: '{unknown}' is no split.{did_you_mean(unknown, SPLIT_OF_NAME)} "
            f"Expected one of {', '.join(SPLITS)} for each image."
        )
    return np.array([SPLITS.index(SPLIT_OF_NAME[word]) for word in words], np.uint8)
