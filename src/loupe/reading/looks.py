"""Second looks: other ways to see a picture, where the first leaves the classifier in doubt."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import UInt8

from loupe.arrays import Image
from loupe.framing import Polarity
from loupe.reading.ink import Ink, shrunk

Part = UInt8[np.ndarray, "rows columns c"]
Place = tuple[int, int]  # left and top of a part in its picture, in pixels

_LEAST_SIDE = 16  # pixels; a smaller part is no page
_MOST = 0.9  # of the picture's area: a larger part is no closer look
_RIM = 0.02  # of the part's sides: the edge of a patch is not looked at
_LIGHT_SIDE = 400  # pixels of the longer side that light is estimated at
_WIDEST = 1 / 8  # of that side: strokes are narrower


@dataclass(frozen=True)
class Look:
    """One row of `LOOKS`.

    Attributes:
        note: what was done, in plain words.
        look: (picture, ink of the first look) -> what to read instead, and where in the picture
            it lies; None where there is nothing else to see.
        shadows: whether shadows are looked for.
    """

    note: str
    look: Callable[[Image, Ink], tuple[Part, Place] | None]
    shadows: bool = True


def closer(picture: Image, ink: Ink) -> tuple[Part, Place] | None:
    """Look at the part that has all ink: a label on a wall, a patch on white.

    Example:
        >>> cover = np.zeros((50, 100), np.uint8)
        >>> cover[10:40, 20:60] = 255
        >>> part, place = closer(np.zeros((50, 100, 1), np.uint8), Ink(cover, 1.0, "dark on light"))
        >>> part.shape, place
        ((28, 38, 1), (21, 11))
    """
    if not ink.cover.any():
        return None
    left, top, width, height = (
        round(side / ink.scale) for side in cv2.boundingRect((ink.cover > 0).astype(np.uint8))
    )
    rim = (max(1, round(_RIM * width)), max(1, round(_RIM * height)))
    part = picture[top + rim[1] : top + height - rim[1], left + rim[0] : left + width - rim[0]]
    whole = picture.shape[0] * picture.shape[1]
    if min(part.shape[:2]) < _LEAST_SIDE or part.shape[0] * part.shape[1] > _MOST * whole:
        return None
    return np.ascontiguousarray(part), (left + rim[0], top + rim[1])


def evenly_lit(picture: Image, ink: Ink) -> tuple[Part, Place] | None:
    """Divide out the light around each place: no shadow is narrower than a stroke is wide."""
    if min(picture.shape[:2]) < _LEAST_SIDE:
        return None
    dark = picture if ink.polarity == "dark on light" else 255 - picture
    small = shrunk(dark, _LIGHT_SIDE)
    side = max(3, round(_WIDEST * max(small.shape)) | 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    light = cv2.morphologyEx(small, cv2.MORPH_CLOSE, kernel)
    size = (picture.shape[1], picture.shape[0])
    light = np.asarray(cv2.resize(cv2.blur(light, (5, 5)), size, interpolation=cv2.INTER_LINEAR))
    light = light.reshape(picture.shape).astype(np.float32)
    even = dark.astype(np.float32) * (220 / np.maximum(light, 16))
    return np.clip(even, 0, 255).astype(np.uint8), (0, 0)


def exchanged(picture: Image, ink: Ink) -> tuple[Part, Place] | None:
    """Take what was paper for a shadow on it: most of the picture may lie in one."""
    is_dark = ink.polarity == "dark on light"
    other: Polarity = "light on dark" if is_dark else "dark on light"
    return evenly_lit(picture, replace(ink, polarity=other))


def unshaded(picture: Image, ink: Ink) -> tuple[Part, Place] | None:
    """Take what was a shadow for ink: a thick stroke that touches the border is as wide."""
    return (picture, (0, 0)) if "shade" in ink.steps else None


EXCHANGED = Look("the light evened out, ink and paper exchanged", exchanged)
LOOKS = (
    Look("looked closer at the part with the ink", closer),
    Look("the light evened out place by place", evenly_lit),
    EXCHANGED,
    Look("what seemed to be a shadow taken for ink", unshaded, shadows=False),
)
