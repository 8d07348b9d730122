"""Even bars around a picture: of a screenshot, a letterbox, a scanner's or an editor's border.

They are taken off first. What is estimated of paper and light would else begin with a colour that
is neither. A thick frame on all four sides is left to `loupe.reading.outer`, which finds pages.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from loupe.arrays import Image

Place = tuple[int, int]  # left and top of a part in its picture, in pixels
Part = UInt8[np.ndarray, "rows columns c"]
Pixels = UInt8[np.ndarray, "_ _ c"]
Pixel = UInt8[np.ndarray, " c"]

_EVEN = 8  # levels by which a bar's pixels differ at most: JPEG disturbs them near its edge
_ELSEWHERE = 12  # levels from the bar's colour: another one
_ALONG = 0.95  # of the line next to a bar is of another colour: less is a stroke on plain paper
_BLENDED = 2  # lines between a bar and the picture may be of both
_SAME = 0.25  # of what lies within may be of a bar's colour
_DRAWN = 0.01  # of what lies within, at least, is not of its commonest colour
_SAMPLED = 200  # pixels a side, to see what lies within
_LEAST_SIDE = 16  # pixels that are left of each side
_AT_ONCE = 64  # lines that are looked at together
_LOOKED_AT = 64  # pixels of a line, before all of them are


def without_bars(picture: Image) -> tuple[Part, Place] | None:
    """Give what lies within even bars, and where; None where the picture has none.

    A margin of the paper's own colour is no bar: beyond a bar's whole length another colour begins.

    Args:
        picture: uint8 `[h w c]`.

    Example:
        >>> picture = np.full((100, 60, 1), 200, np.uint8)
        >>> picture[40:60, 25:35] = 90  # something is on it
        >>> picture[:30] = picture[80:] = 0
        >>> part, place = without_bars(picture)
        >>> part.shape, place
        ((50, 60, 1), (0, 30))
    """
    height, width = picture.shape[:2]
    top, left, bottom, right = 0, 0, height, width
    colours: list[Pixel] = []
    while True:
        part = picture[top:bottom, left:right]
        upper, lower = _bar(part), _bar(part[::-1])
        across = part[upper : len(part) - lower].swapaxes(0, 1)
        before, after = _bar(across), _bar(across[::-1])
        if not (upper or lower or before or after):
            break
        colours += [part[0, 0], part[-1, -1]]
        top, bottom, left, right = top + upper, bottom - lower, left + before, right - after
        if min(bottom - top, right - left) < _LEAST_SIDE:
            return None
    if not colours or not _is_a_picture(part, colours):
        return None
    return np.ascontiguousarray(part), (left, top)


def _is_a_picture(part: Part, colours: Sequence[Pixel]) -> bool:
    """Whether something is on a part but what the bars are of: else it is a stroke, they its paper.

    A straight 1 from edge to edge looks like a picture between two bars.
    """
    few = part[:: max(1, len(part) // _SAMPLED), :: max(1, part.shape[1] // _SAMPLED)]
    pixels = few.reshape(-1, 1, part.shape[2])
    of_bars = np.stack([_are_even(pixels, colour) for colour in colours])
    rest = pixels[~of_bars.any(axis=0)]
    if of_bars.mean(axis=1).max() > _SAME or not len(rest):
        return False
    main = np.median(rest, axis=0)[0].astype(np.uint8)
    return bool(_other(rest, main).mean() >= _DRAWN)


def _bar(pixels: Pixels) -> int:
    """Count the first rows that are a bar, and those that are blended with it; 0: there is none."""
    colour = pixels[0, 0]
    end = _even_rows(pixels[:, :: max(1, pixels.shape[1] // _LOOKED_AT)], colour)
    if end == 0 or end + _BLENDED >= len(pixels):
        return 0
    for beyond in range(end, end + _BLENDED + 1):
        if _other(pixels[beyond], colour).mean() >= _ALONG:
            return beyond if _are_even(pixels[:end], colour).all() else 0
    return 0


def _other(row: np.ndarray, colour: Pixel) -> np.ndarray:
    return np.asarray((_differences(row, colour) > _ELSEWHERE).any(axis=-1))


def _even_rows(pixels: Pixels, colour: Pixel) -> int:
    """Count the first rows that have the colour all along."""
    for start in range(0, len(pixels), _AT_ONCE):
        uneven = np.flatnonzero(~_are_even(pixels[start : start + _AT_ONCE], colour))
        if len(uneven):
            return start + int(uneven[0])
    return len(pixels)


def _are_even(rows: Pixels, colour: Pixel) -> np.ndarray:
    apart = _differences(rows, colour).reshape(len(rows), -1)
    return np.asarray(cv2.reduce(apart, 1, cv2.REDUCE_MAX))[:, 0] <= _EVEN


def _differences(pixels: np.ndarray, colour: Pixel) -> np.ndarray:
    """Levels between pixels and a colour, in each channel."""
    apart = cv2.absdiff(pixels, np.broadcast_to(colour, pixels.shape))
    return np.asarray(apart).reshape(pixels.shape)
