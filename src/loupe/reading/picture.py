"""From whatever holds a picture to its pixels: a path, the bytes of a file, Pillow's, an array."""

import os
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from loupe.arrays import Image
from loupe.data.decode import LARGEST_PIXELS, Unreadable, decode
from loupe.data.pixels import as_images
from loupe.data.raster import Uninterpretable, rasterise
from loupe.errors import DataError

Given = str | os.PathLike[str] | bytes | Pillow.Image | np.ndarray


def open_picture(given: Given, source: str = "") -> Image:
    """Bring a picture to raw pixels: upright, opaque, 8-bit, `[h w 1]` grey or `[h w 3]` RGB.

    Args:
        given: a path, the bytes of an image file, a Pillow image, or an array `[h w]` or
            `[h w c]` with 1, 2, 3 or 4 channels (2 and 4: the last is opacity).
        source: where it is from, for messages.

    Raises:
        DataError: it is not there, no picture, damaged, or too large.

    Example:
        >>> open_picture(np.zeros((3, 4), bool)).shape
        (3, 4, 1)
    """
    if isinstance(given, (str, os.PathLike)):
        return decode(_content(Path(given)), source or str(given))
    if isinstance(given, (bytes, bytearray, memoryview)):
        return decode(bytes(given), source or "the picture")
    if isinstance(given, Pillow.Image):
        return _from_pillow(given, source or "the picture")
    return _from_array(np.asarray(given), source or "the picture")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"The picture {path} cannot be read: {error.strerror}. Expected an image file."
        ) from error


def _from_pillow(image: Pillow.Image, source: str) -> Image:
    width, height = image.size
    if not 0 < width * height <= LARGEST_PIXELS:
        raise DataError(
            f"{source} has {width} x {height} pixels; from 1 to {LARGEST_PIXELS:,} are read."
        )
    try:
        return rasterise(image).pixels
    except Uninterpretable as error:
        raise Unreadable(f"{error}.", "Convert it to 8-bit grey.", source) from error
    except (OSError, SyntaxError, ValueError) as error:  # lazily opened files break here
        raise Unreadable(f"it is damaged ({error}).", "Replace it.", source) from error


def _from_array(values: np.ndarray, source: str) -> Image:
    shaped = values[..., np.newaxis] if values.ndim == 2 else values
    if shaped.ndim != 3 or shaped.shape[2] not in (1, 2, 3, 4) or not shaped.size:
        raise DataError(
            f"{source} is an array of shape {list(values.shape)}; expected [h w], or [h w c] with "
            "1 (grey), 2 (grey and opacity), 3 (RGB) or 4 (RGB and opacity) channels."
        )
    if shaped.shape[0] * shaped.shape[1] > LARGEST_PIXELS:
        raise DataError(
            f"{source} has {shaped.shape[1]} x {shaped.shape[0]} pixels; at most "
            f"{LARGEST_PIXELS:,} are read. Make it smaller."
        )
    planes = [as_images(shaped[np.newaxis, ..., [i]], source)[0][0] for i in range(shaped.shape[2])]
    if shaped.dtype != np.uint8:  # one scale for all channels: that of the brightest
        whole = np.concatenate([shaped[..., i] for i in range(shaped.shape[2])], axis=0)
        pixels = as_images(whole[np.newaxis, ..., np.newaxis], source)[0][0]
        planes = np.split(pixels, shaped.shape[2], axis=0)
    stacked = np.concatenate(planes, axis=2)
    if shaped.shape[2] in (2, 4):
        return rasterise(Pillow.fromarray(stacked)).pixels
    return np.ascontiguousarray(stacked)
