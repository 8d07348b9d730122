"""From arrays of numbers to `Images`: uint8 `[n h w c]`, scaled only where that is said."""

import math

import numpy as np

from loupe.arrays import Images
from loupe.errors import DataError

_BLOCK = 4096  # images scaled at a time: keeps the copies in floating point small


def as_images(
    values: np.ndarray, name: str, high: float | None = None
) -> tuple[Images, tuple[str, ...]]:
    """Bring images from memory to uint8 `[n h w c]`, with notes on what had to be changed.

    Takes `[n h w]`, `[n h w c]`, `[n c h w]` and rows of pixels `[n p]` of square images, also
    with axes of length 1 left over; whole numbers 0..255 (kept) or 0..65535 (scaled), fractions
    0..1 (scaled) or 0..255 (rounded).

    Args:
        values: the images.
        name: what they are, for messages.
        high: the largest value of all images that are scaled alike, as those of the other splits;
            by default of these.

    Raises:
        DataError: another shape or type, or values outside these ranges.

    Example:
        >>> images, notes = as_images(np.ones((2, 4, 4), np.float32), "squares")
        >>> images.shape, int(images.max()), notes
        ((2, 4, 4, 1), 255, ('Pixels were fractions 0..1: scaled to 0..255.',))
    """
    shaped, shape_note = _shaped(np.asarray(values), name)
    scaled, scale_note = _scaled(shaped, name, high)
    return scaled, tuple(note for note in (shape_note, scale_note) if note)


def square_shape(pixels: int) -> tuple[int, int, int] | None:
    """Infer height, width and channels of a square image from its number of values.

    No count is both a square and three times a square, so the answer is unique.

    Example:
        >>> square_shape(784), square_shape(3072), square_shape(785)
        ((28, 28, 1), (32, 32, 3), None)
    """
    for channels in (1, 3):
        side = math.isqrt(max(pixels, 0) // channels)
        if side > 1 and side * side * channels == pixels:
            return side, side, channels
    return None


def _shaped(values: np.ndarray, name: str) -> tuple[np.ndarray, str]:
    if values.ndim > 4 and 1 in values.shape[1:]:
        return _without_left_over_axes(values, name)
    shape = values.shape
    if values.ndim == 4 and shape[3] in (1, 3):
        return values, ""
    if values.ndim == 4 and shape[1] in (1, 3):
        return values.transpose(0, 2, 3, 1), "Channels came first [n c h w]: moved to the end."
    if values.ndim == 3:
        return values[..., np.newaxis], ""
    if values.ndim == 2 and (square := square_shape(shape[1])):
        note = f"Rows of {shape[1]} values were taken as images [h w c] of {list(square)}."
        return values.reshape(-1, *square), note
    raise DataError(
        f"{name}: the images have the shape {list(shape)}; expected [n h w], or [n h w c] with 1 "
        f"(grey) or 3 (colour) channels, or rows of square images.{_shape_advice(shape)}"
    )


def _without_left_over_axes(values: np.ndarray, name: str) -> tuple[np.ndarray, str]:
    """Drop axes of length 1, the last first, until four axes are left."""
    fewer = values
    while fewer.ndim > 4 and 1 in fewer.shape[1:]:
        last = max(axis for axis in range(1, fewer.ndim) if fewer.shape[axis] == 1)
        fewer = fewer.squeeze(last)
    shaped, note = _shaped(fewer, name)
    dropped = f"The shape {list(values.shape)} was taken as {list(fewer.shape)}."
    return shaped, f"{dropped} {note}".rstrip()


def _shape_advice(shape: tuple[int, ...]) -> str:
    if len(shape) == 4 and 4 in (shape[1], shape[3]):
        return " Four channels: lay the images on a background and drop the transparency first."
    if len(shape) == 2:
        return f" {shape[1]} values make no square image: reshape them to [n h w] yourself."
    return " Reshape them so that the first axis counts the images."


def _scaled(values: np.ndarray, name: str, shared: float | None) -> tuple[Images, str]:
    kind = values.dtype.kind
    if values.dtype == np.uint8:
        return values, ""
    if kind == "b":
        return values.astype(np.uint8) * np.uint8(255), "Pixels were true or false: now 255 or 0."
    if kind not in "iuf":
        raise DataError(
            f"{name}: the images are of the type {values.dtype}; expected numbers, as in uint8."
        )
    if not values.size:
        return values.astype(np.uint8), ""
    low, high = float(values.min()), float(values.max())
    top = high if shared is None else shared
    full, note = _range_of_fractions(top) if kind == "f" else _range_of_numbers(values, top)
    if not (low >= 0 and high <= full):  # also false where a value is not a number
        raise DataError(
            f"{name}: the pixels go from {low:g} to {high:g} ({values.dtype}); expected 0..255, "
            "fractions 0..1, or 16-bit 0..65535. If they are standardised, undo that first: Loupe "
            "scales inside the model."
        )
    return _rescaled(values, 255 / full), note


def _range_of_fractions(high: float) -> tuple[float, str]:
    if high <= 1:
        return 1.0, "Pixels were fractions 0..1: scaled to 0..255."
    return 255.0, "Pixels were floating point 0..255: rounded to whole numbers."


def _range_of_numbers(values: np.ndarray, high: float) -> tuple[float, str]:
    if high <= 255:
        return 255.0, ""
    full = 32767.0 if values.dtype == np.int16 else 65535.0
    return full, f"Pixels were 16-bit: 0..{full:.0f} scaled to 0..255."


def _rescaled(values: np.ndarray, factor: float) -> Images:
    if factor == 1 and values.dtype.kind != "f":
        return values.astype(np.uint8)
    images = np.empty(values.shape, np.uint8)
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK]
        images[start : start + _BLOCK] = np.rint(block * factor)
    return images
