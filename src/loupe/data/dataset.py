"""The `Dataset`: images, labels, splits and names, as everyone after the readers sees them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from os import PathLike
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from loupe.arrays import Images, Labels
from loupe.errors import DataError, Fault
from loupe.files import sha256

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(3)  # the codes in `Dataset.split`: positions in SPLITS

Groups = Int64[np.ndarray, " n"]
Marks = Bool[np.ndarray, " n"]


@dataclass(frozen=True)
class AppliedFixes:
    """A fixes file (`loupe.data.fixes`) that was applied to a data set.

    Attributes:
        path: of the file, whole.
        sha256: of its content.
        changed: labels that were changed.
        dropped: images that were left out.
        left_alone: rows about test images, which nothing changes.
        fingerprint_before: of the data set as it lies.
    """

    path: str
    sha256: str
    changed: int
    dropped: int
    left_alone: int
    fingerprint_before: str


@dataclass(frozen=True, eq=False)
class Dataset:
    """A pile of small labelled images.

    Attributes:
        name: short name, as in "mnist" or the folder's name; names runs.
        images: raw pixels, uint8 `[n h w c]`; memory-mapped where they are large.
        labels: index into `class_names` of each image, int64 `[n]`.
        split: code of each image's split: `TRAIN`, `VALIDATION` or `TEST`, uint8 `[n]`.
        class_names: names in the order of the labels.
        sources: where each image came from: a file, or the data's name and row.
        groups: who wrote or made each image, if known, int64 `[n]`; a group is never divided
            between splits.
        notes: what the reader ignored, fitted or decided, in sentences.
        skipped: files that were left out because the user asked for it.
        mirrors: whether a mirrored image keeps its label: clothes do, digits and letters never;
            None where nobody said, as of one's own images.
        origin: what `read` reads to get the same data again: a name, or a whole path.
        read_options: what else it needs for that.
        fixes: the fixes file that its labels were mended by, if one was.
        generated: which images a generator made (`loupe generate`), bool `[n]`; None where none
            are. They are training images and nothing else.
    """

    name: str
    images: Images
    labels: Labels
    split: UInt8[np.ndarray, " n"]
    class_names: tuple[str, ...]
    sources: Sequence[str]
    groups: Groups | None = None
    notes: tuple[str, ...] = ()
    skipped: tuple[Fault, ...] = field(default=(), repr=False)
    mirrors: bool | None = None
    origin: str = ""
    read_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    fixes: AppliedFixes | None = None
    generated: Marks | None = None

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together, and generated images outside of training."""
        lengths = {len(self.images), len(self.labels), len(self.split), len(self.sources)}
        if self.groups is not None:
            lengths.add(len(self.groups))
        if self.generated is not None:
            lengths.add(len(self.generated))
        if len(lengths) > 1:
            raise DataError(
                f"{self.name}: {len(self.images)} images, {len(self.labels)} labels, "
                f"{len(self.split)} splits and {len(self.sources)} sources were given; "
                "each image needs one of each."
            )
        if self.generated is not None and np.any(self.split[self.generated] != TRAIN):
            raise DataError(_measured_on_generated(self))

    def __len__(self) -> int:
        """Count the images, over all splits."""
        return len(self.images)

    def __repr__(self) -> str:
        """Say what is in it, in one line."""
        from loupe.data.display import describe

        return f"<Dataset {describe(self)}>"

    def _repr_html_(self) -> str:
        from loupe.data.display import dataset_html

        return dataset_html(self)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        height, width, channels = self.images.shape[1:]
        return height, width, channels

    @property
    def has_generated(self) -> bool:
        """Whether a generator made any of the images."""
        return self.generated is not None and bool(self.generated.any())

    # Kept once made: where the images of a split do not lie together, its view is a copy.
    @cached_property
    def train(self) -> "Dataset":
        """The training images."""
        return self._only(TRAIN)

    @cached_property
    def validation(self) -> "Dataset":
        """The validation images; empty until they are taken out of training."""
        return self._only(VALIDATION)

    @cached_property
    def test(self) -> "Dataset":
        """The sealed test images."""
        return self._only(TEST)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of pixels, labels, splits and class names, in order.

        Names of files and the data's own name do not count: the same images are the same data.
        """
        names = "\n".join(self.class_names)
        shape = "x".join(map(str, self.images.shape))
        return sha256(
            f"{shape}\n{names}\n".encode(),
            np.ascontiguousarray(self.images).data,
            np.ascontiguousarray(self.labels).data,
            np.ascontiguousarray(self.split).data,
        )

    def counts(self) -> np.ndarray:
        """Images of each class, int64 `[k]`."""
        return np.bincount(self.labels, minlength=len(self.class_names))

    def select(self, indices: np.ndarray) -> "Dataset":
        """Take the images at these positions, in this order."""
        run = _contiguous(indices)
        return replace(
            self,
            images=self.images[run],
            labels=self.labels[run],
            split=self.split[run],
            sources=_Picked(self.sources, indices),
            groups=None if self.groups is None else self.groups[run],
            generated=None if self.generated is None else self.generated[run],
        )

    def _only(self, code: int) -> "Dataset":
        return self.select(np.flatnonzero(self.split == code))


class Rows(Sequence[str]):
    """Sources of data without files: the name and the row of each image, made when asked for."""

    def __init__(self, name: str, count: int) -> None:
        self.name, self.num_rows = name, count

    def __len__(self) -> int:
        """Count the rows."""
        return self.num_rows

    def __getitem__(self, index):  # type: ignore[no-untyped-def]  # Sequence's two overloads
        """Name one row, or list a slice of them."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self.num_rows))]
        row = range(self.num_rows)[int(index)]
        return f"{self.name}:{row}"


class _Picked(Sequence[str]):
    """The sources at some positions, without copying all of them."""

    def __init__(self, sources: Sequence[str], indices: np.ndarray) -> None:
        self.sources, self.indices = sources, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]  # Sequence's two overloads
        if isinstance(index, slice):
            return [self.sources[i] for i in self.indices[index]]
        return self.sources[self.indices[index]]


def require_dataset(given: object) -> None:
    """Refuse what is no `Dataset`, and say how to come by one.

    Raises:
        DataError: it is something else.

    Example:
        >>> require_dataset("digits")
        Traceback (most recent call last):
        ...
        loupe.errors.DataError: A Dataset was expected, not 'digits'. Give loupe.read('digits').
    """
    if isinstance(given, Dataset):
        return
    if isinstance(given, (str, PathLike)):
        raise DataError(
            f"A Dataset was expected, not {str(given)!r}. Give loupe.read({str(given)!r})."
        )
    raise DataError(
        f"A Dataset was expected, not a {type(given).__name__}. Read one with "
        "loupe.read(name_or_path), or make one with loupe.from_arrays(images, labels)."
    )


def _measured_on_generated(dataset: Dataset) -> str:
    """Say why generated images may be no validation or test images, and what to do."""
    counts = np.bincount(dataset.split[dataset.generated], minlength=len(SPLITS))
    outside = " and ".join(
        f"{count:,} {name}"
        for name, count in zip(SPLITS, counts, strict=True)
        if count and name != "train"
    )
    return (
        f"{dataset.name}: {outside} images were made by a generator. What a classifier reads of "
        "them says nothing about real images: generated images are for training only. Measure on "
        "real images, and train on these with loupe train REAL --generated DIR."
    )


def _contiguous(indices: np.ndarray) -> slice | np.ndarray:
    """A slice where the indices are one run: slicing shares memory, picking copies it."""
    if len(indices) and np.array_equal(indices, np.arange(indices[0], indices[0] + len(indices))):
        return slice(int(indices[0]), int(indices[0]) + len(indices))
    return indices
