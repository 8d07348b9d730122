"""Levels: any numbers as the 256 values of a pixel, and what 0 and 255 stand for."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Shaped

from loupe.arrays import Images

_BLOCK = 4096  # images at a time: keeps the copies in double precision small


@dataclass(frozen=True, eq=False)
class Levels:
    """The range of numbers that pixels of 0..255 stand for.

    Attributes:
        low: what 0 stands for: one number for all pixels, or one for each column of a table.
        high: what 255 stands for, likewise.
    """

    low: Float64[np.ndarray, "#h #w 1"]
    high: Float64[np.ndarray, "#h #w 1"]


def measure_levels(values: Shaped[np.ndarray, "n h w c"], *, each_column: bool) -> Levels:
    """Take the range of the training images; of a table, that of each column by itself."""
    axes = (0, 1, 3) if each_column else (0, 1, 2, 3)
    low = values.min(axis=axes, keepdims=True)[0].astype(np.float64)
    return Levels(low, values.max(axis=axes, keepdims=True)[0].astype(np.float64))


def to_levels(values: Shaped[np.ndarray, "n h w c"], levels: Levels) -> Images:
    """Bring numbers to 0..255: rounded to the nearest level, cut off outside of the range.

    A pixel that was always the same in training has no range: it becomes 0.

    Example:
        >>> sixteenths = np.arange(17.0).reshape(1, 1, 17, 1)
        >>> to_levels(sixteenths, measure_levels(sixteenths, each_column=False)).ravel()[:4]
        array([ 0, 16, 32, 48], dtype=uint8)
    """
    # Halves: the span of the largest doubles would be infinite.
    span = levels.high / 2 - levels.low / 2
    images = np.empty(values.shape, np.uint8)
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK].astype(np.float64)
        above = block / 2 - levels.low / 2
        share = np.divide(above, span, out=np.zeros_like(above), where=span > 0)
        images[start : start + _BLOCK] = np.rint(255 * share.clip(0, 1))
    return images
