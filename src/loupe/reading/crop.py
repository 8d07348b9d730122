"""A crop: the ink of one glyph with its box, and how crops are joined."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32

from loupe.reading.ink import Cover

Box = tuple[int, int, int, int]  # left, top, width, height
Numbers = Int32[np.ndarray, "y x"]  # of the part that each pixel belongs to, 0 paper

_GROUND = 0.8  # of its box that a glyph with the ground it stands on fills; digits fill 0.6
_NARROWEST_GROUND = 0.4  # of the longer side: a 1 fills its box as well


@dataclass(frozen=True, eq=False)
class Crop:
    """One glyph on the page: its box in pixels of the ink's cover, and its own ink in it."""

    box: Box
    cover: Cover


def joined(crops: Sequence[Crop]) -> Crop:
    """Join the ink of several crops into one.

    Example:
        >>> dot = np.full((1, 1), 255, np.uint8)
        >>> joined([Crop((3, 4, 1, 1), dot), Crop((5, 6, 1, 1), dot)]).box
        (3, 4, 3, 3)
    """
    left, top = (min(crop.box[i] for crop in crops) for i in (0, 1))
    right, bottom = (max(crop.box[i] + crop.box[i + 2] for crop in crops) for i in (0, 1))
    cover = np.zeros((bottom - top, right - left), np.uint8)
    for crop in crops:
        x, y, width, height = crop.box
        part = cover[y - top : y - top + height, x - left : x - left + width]
        np.maximum(part, crop.cover, out=part)
    return Crop((left, top, right - left, bottom - top), cover)


def without_ground(cover: Cover) -> Cover:
    """Leave out the pale ground that a glyph stands on: a label or a patch that was taken for ink.

    Example:
        >>> label = np.full((20, 20), 90, np.uint8)
        >>> label[5:15, 9:11] = 255
        >>> np.unique(without_ground(label)).tolist()
        [0, 255]
    """
    ink = cover > 0
    if min(cover.shape) < _NARROWEST_GROUND * max(cover.shape) or ink.mean() < _GROUND:
        return cover
    strong = cover >= int(cover.max()) / 2
    return np.where(strong, cover, 0).astype(np.uint8) if 2 * strong.sum() < ink.sum() else cover


def size_of(crop: Crop) -> int:
    """The longer side of its box, in pixels."""
    return max(crop.box[2:])


def overlap_of(some: Sequence[Crop], others: Sequence[Crop]) -> np.ndarray:
    """Columns that the boxes of each pair share; below 0 where there are some between them."""
    return -_between(some, others, 0)


def gaps_between(some: Sequence[Crop], others: Sequence[Crop]) -> np.ndarray:
    """How far the boxes of each pair are apart, in pixels."""
    across, along = (np.maximum(_between(some, others, axis), 0) for axis in (0, 1))
    return np.asarray(np.hypot(across, along))


def _between(some: Sequence[Crop], others: Sequence[Crop], axis: int) -> np.ndarray:
    """Pixels between the boxes of each pair along an axis (0 is x); below 0 where they overlap."""
    one = np.array([crop.box for crop in some], np.float64).reshape(-1, 1, 4)
    other = np.array([crop.box for crop in others], np.float64).reshape(1, -1, 4)
    ends = (box[..., axis] + box[..., axis + 2] for box in (one, other))
    between: np.ndarray = np.maximum(one[..., axis], other[..., axis]) - np.minimum(*ends)
    return between
