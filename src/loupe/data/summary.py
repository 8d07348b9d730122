"""A data set at a glance: its shape, counts, pixel values, mean images and a contact sheet."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8

from loupe.arrays import Image, Images
from loupe.data.dataset import SPLITS, TRAIN, Dataset, Split
from loupe.errors import DataError
from loupe.framing import Framing, measure_framing

_PER_CLASS = 10  # images of a class on the contact sheet
_GAP = 1  # pixels between images on the contact sheet
_GAP_LEVEL = 128  # neither paper nor ink
_BLOCK_BYTES = 4_000_000  # of pixels counted at a time: their int64 copies stay small


@dataclass(frozen=True)
class PixelStatistics:
    """Values of all pixels of a split, 0..255.

    Attributes:
        mean: over all pixels and channels.
        std: standard deviation, likewise.
        min: smallest value.
        max: largest value.
        background_fraction: share of values that are exactly the background's level.
    """

    mean: float
    std: float
    min: int
    max: int
    background_fraction: float


@dataclass(frozen=True, eq=False)
class Summary:
    """What `loupe check` shows of a data set.

    Attributes:
        name: the data set's.
        fingerprint: the data set's.
        image_shape: height, width and channels.
        dtype: of the pixels.
        class_names: in the order of the labels.
        counts: images of each class, for every split that has images.
        num_groups: how many groups (writers) made them, where known.
        pixels: pixel statistics, for every split that has images.
        mean_images: mean training image of each class, uint8 `[k h w c]`; black where a class has
            no training images.
        contact_sheet: for each class the positions of up to ten training images, drawn by the
            data's fingerprint; `contact_sheet` makes the picture.
        framing: how the objects sit in the training images.
        num_skipped: files that were left out.
        notes: what the reader ignored, fitted or decided.
    """

    name: str
    fingerprint: str
    image_shape: tuple[int, int, int]
    dtype: str
    class_names: tuple[str, ...]
    counts: dict[Split, Int64[np.ndarray, " k"]]
    num_groups: int | None
    pixels: dict[Split, PixelStatistics]
    mean_images: UInt8[np.ndarray, "k h w c"]
    contact_sheet: tuple[tuple[int, ...], ...]
    framing: Framing
    num_skipped: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON types; the mean images are left to the pages that show pictures."""
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "image_shape": list(self.image_shape),
            "dtype": self.dtype,
            "class_names": list(self.class_names),
            "counts": {split: counts.tolist() for split, counts in self.counts.items()},
            "num_images": sum(int(counts.sum()) for counts in self.counts.values()),
            "num_groups": self.num_groups,
            "pixels": {split: asdict(values) for split, values in self.pixels.items()},
            "contact_sheet": [list(positions) for positions in self.contact_sheet],
            "framing": self.framing.to_dict(),
            "num_skipped": self.num_skipped,
            "notes": list(self.notes),
        }


def summarise(dataset: Dataset) -> Summary:
    """Look at a data set as a whole.

    Mean images, contact sheet and framing are of the training images, or of all where there are no
    training images.

    Raises:
        DataError: there are no images.

    Example:
        >>> from loupe.data.dataset import Rows
        >>> images = np.arange(64, dtype=np.uint8).reshape(16, 2, 2, 1)
        >>> labels, split = np.arange(16) % 2, np.zeros(16, np.uint8)
        >>> dataset = Dataset("grey", images, labels, split, ("a", "b"), Rows("grey", 16))
        >>> summary = summarise(dataset)
        >>> summary.counts["train"], summary.pixels["train"].mean, summary.mean_images.shape
        (array([8, 8]), 31.5, (2, 2, 2, 1))
    """
    if not len(dataset):
        raise DataError(f"{dataset.name} has no images. Give a data set that has some.")
    present = {code: name for code, name in enumerate(SPLITS) if np.any(dataset.split == code)}
    shown = np.flatnonzero(dataset.split == TRAIN) if TRAIN in present else np.arange(len(dataset))
    sample = dataset.select(shown)
    framing = measure_framing(sample.images)
    return Summary(
        name=dataset.name,
        fingerprint=dataset.fingerprint,
        image_shape=dataset.image_shape,
        dtype=str(dataset.images.dtype),
        class_names=dataset.class_names,
        counts={
            name: np.bincount(
                dataset.labels[dataset.split == code], minlength=len(dataset.class_names)
            )
            for code, name in present.items()
        },
        num_groups=None if dataset.groups is None else len(np.unique(dataset.groups)),
        pixels={
            name: _pixel_statistics(
                dataset.images, np.flatnonzero(dataset.split == code), framing.background
            )
            for code, name in present.items()
        },
        mean_images=_mean_images(sample),
        contact_sheet=_draw(sample, shown, int(dataset.fingerprint, 16)),
        framing=framing,
        num_skipped=len(dataset.skipped),
        notes=dataset.notes,
    )


def contact_sheet(dataset: Dataset, indices: Sequence[Sequence[int]]) -> Image:
    """Lay images out on one picture, a row for each sequence of positions.

    Example:
        >>> from loupe.data.dataset import Rows
        >>> images = np.full((2, 3, 3, 1), 255, np.uint8)
        >>> labels, split = np.array([0, 1]), np.zeros(2, np.uint8)
        >>> dataset = Dataset("white", images, labels, split, ("a", "b"), Rows("white", 2))
        >>> contact_sheet(dataset, [[0], [1, 0]]).shape  # two rows of two, a pixel around each
        (9, 9, 1)
    """
    height, width, channels = dataset.image_shape
    down, right = height + _GAP, width + _GAP
    columns = max((len(positions) for positions in indices), default=0)
    shape = (len(indices) * down + _GAP, columns * right + _GAP, channels)
    sheet = np.full(shape, _GAP_LEVEL, np.uint8)
    for row, positions in enumerate(indices):
        for column, position in enumerate(positions):
            top, left = row * down + _GAP, column * right + _GAP
            sheet[top : top + height, left : left + width] = dataset.images[position]
    return sheet


def _pixel_statistics(
    images: Images, positions: Int64[np.ndarray, " m"], background: tuple[int, ...]
) -> PixelStatistics:
    """Count every value of every channel; all figures follow exactly from the counts."""
    counts = np.zeros((images.shape[-1], 256), np.int64)
    block = max(1, _BLOCK_BYTES // images[0].size)
    for start in range(0, len(positions), block):
        pixels = images[positions[start : start + block]]
        for channel, of_channel in enumerate(counts):
            of_channel += np.bincount(pixels[..., channel].ravel(), minlength=256)
    levels, total = np.arange(256), counts.sum()
    of_all = counts.sum(axis=0)
    mean = float(of_all @ levels / total)
    found = np.flatnonzero(of_all)
    return PixelStatistics(
        mean=mean,
        std=float(np.sqrt(of_all @ (levels - mean) ** 2 / total)),
        min=int(found[0]),
        max=int(found[-1]),
        background_fraction=float(counts[np.arange(len(counts)), background].sum() / total),
    )


def _mean_images(dataset: Dataset) -> UInt8[np.ndarray, "k h w c"]:
    means = np.zeros((len(dataset.class_names), *dataset.image_shape), np.uint8)
    for label in np.unique(dataset.labels):
        of_class = dataset.images[dataset.labels == label]
        means[label] = (of_class.sum(axis=0, dtype=np.int64) / len(of_class)).round()
    return means


def _draw(
    sample: Dataset, positions: Int64[np.ndarray, " m"], seed: int
) -> tuple[tuple[int, ...], ...]:
    """Draw up to ten images of each class; `positions` are the sample's in the whole data set."""
    generator = np.random.default_rng(seed)
    drawn = []
    for label in range(len(sample.class_names)):
        of_class = positions[sample.labels == label]
        picked = generator.permutation(of_class)[:_PER_CLASS]
        drawn.append(tuple(picked.tolist()))
    return tuple(drawn)
