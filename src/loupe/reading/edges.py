"""Edges of light: what is no darker than what lies to one side of it was not drawn."""

import cv2
import numpy as np

from loupe.arrays import Image
from loupe.reading.crop import Box
from loupe.reading.ink import Cover, shrunk

# Of 195 glyphs in real pictures the least keeps 0.82 of its contrast; of 197 shapes that blank
# sheets in shadow, gradients and with folded halves gave, nine in ten keep 0.39 at most.
_KEPT = 0.4
_STROKE = 8.0  # pixels that the broadest part of a glyph is shrunk to: sides are seen at once
_WIDER = 1.6  # than that: the square, and two pixels for soft edges
_DARKEST = 16  # grey levels, added to light: dark paper is noisy


def is_edge(picture: Image, box: Box, cover: Cover) -> bool:
    """Whether a shape is the edge of a shadow, a fold or a dark side instead of a stroke.

    A stroke differs from what lies to either side of it, an edge from one side alone. So its
    contrast is gone where the light is closed (Serra 1982) with a square that is wider than it.
    Beyond the border of the picture all goes on as it is there.

    Args:
        picture: uint8 `[h w c]`, in which the shape was found.
        box: of the shape in the picture, in pixels.
        cover: its ink, 0 to 255, at any scale.

    Example:
        >>> sheet = np.full((100, 100, 1), 200, np.uint8)
        >>> sheet[:, 50:] = 120  # in shadow
        >>> strip = np.full((100, 4), 255, np.uint8)
        >>> is_edge(sheet, (50, 0, 4, 100), strip)
        True
        >>> sheet[:, 20:24] = 60
        >>> is_edge(sheet, (20, 0, 4, 100), strip)
        False
    """
    light, mask, broad = _surroundings(picture, box, cover)
    if not mask.any():
        return False
    kernel = np.ones((round(_WIDER * broad) + 2,) * 2, np.uint8)
    pad = len(kernel)
    light = np.log(light.astype(np.float32) + _DARKEST)
    light = cv2.copyMakeBorder(light, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    within = (slice(pad, -pad), slice(pad, -pad))

    def contrast(operation: int) -> float:
        other = np.abs(cv2.morphologyEx(light, operation, kernel) - light)[within]
        return float(other.reshape(*mask.shape, -1)[mask].sum())

    # Ink may be darker or lighter than paper, whatever the rest of the picture is.
    kept = max(contrast(cv2.MORPH_CLOSE), contrast(cv2.MORPH_OPEN))
    return kept < _KEPT * max(contrast(cv2.MORPH_DILATE), contrast(cv2.MORPH_ERODE))


def _surroundings(picture: Image, box: Box, cover: Cover) -> tuple[np.ndarray, np.ndarray, float]:
    """The part around a shape, the mask of the shape in it, how broad it is; all shrunk alike."""
    drawn = (cover >= 128).astype(np.uint8)
    broad = 2 * float(cv2.distanceTransform(np.pad(drawn, 1), cv2.DIST_L2, 3).max())
    left, top, width, height = box
    broad *= height / cover.shape[0]
    around = int(2 * broad) + 3
    rows = slice(max(0, top - around), top + height + around)
    columns = slice(max(0, left - around), left + width + around)
    part = picture[rows, columns]
    factor = min(1.0, _STROKE / max(broad, 1.0))
    small = shrunk(part, max(1, round(factor * max(part.shape[:2]))))
    across, down = (small.shape[axis] / part.shape[axis] for axis in (1, 0))
    size = (max(1, round(width * across)), max(1, round(height * down)))
    own = np.asarray(cv2.resize(drawn * np.uint8(255), size, interpolation=cv2.INTER_AREA)) >= 128
    mask = np.zeros(small.shape[:2], bool)
    y, x = round((top - rows.start) * down), round((left - columns.start) * across)
    place = mask[y : y + own.shape[0], x : x + own.shape[1]]
    place[:] = own[: place.shape[0], : place.shape[1]]
    return small, mask, broad * factor
