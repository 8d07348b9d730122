"""A crop: the ink of one glyph with its box, and how crops are cut and joined."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Int32

from loupe.reading.ink import Cover

Box = tuple[int, int, int, int]  # left, top, width, height
Numbers = Int32[np.ndarray, "y x"]  # of the part that each pixel belongs to, 0 paper

_DEEPEST_CUTS = 6  # places where a wide glyph is cut on trial
_GROUND = 0.8  # of its box that a glyph with the ground it stands on fills; digits fill 0.6
_NARROWEST_GROUND = 0.4  # of the longer side: a 1 fills its box as well
_MARGIN = 0.15  # of the height: glyphs are not narrower


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


def divisions(crop: Crop) -> list[tuple[Crop, ...]]:
    """Divide a wide crop into two or three glyphs, at the places where there is least ink.

    Returns:
        Each way to divide it, from left to right; none where it is too narrow.
    """
    width, height = crop.box[2:]
    places = _cutting_places(crop.cover, max(3, round(_MARGIN * height)))
    twice = [_cut(crop, [place]) for place in places]
    thrice = [
        _cut(crop, sorted((one, other)))
        for i, one in enumerate(places)
        for other in places[:i]
        if abs(one - other) > _MARGIN * height and width > 1.4 * height
    ]
    return [parts for parts in (*twice, *thrice) if len(parts) > 1]


def _cutting_places(cover: Cover, margin: int) -> list[int]:
    """Columns where one stroke is crossed, as where glyphs touch: those with least ink first."""
    profile = cv2.blur(cover.sum(axis=0, dtype=np.float32)[np.newaxis], (3, 1))[0] / 255
    places: list[int] = []
    mask = np.pad(cover > 0, ((1, 0), (0, 0)))
    crossed = (mask[1:] & ~mask[:-1]).sum(axis=0)  # strokes that a cut would go through
    inner = np.arange(margin, len(profile) - margin)
    inner = inner[crossed[inner] <= 1]
    for place in inner[np.argsort(profile[inner], kind="stable")].tolist():
        if all(abs(place - other) > margin for other in places):
            places.append(place)
        if len(places) == _DEEPEST_CUTS:
            break
    return places


def _cut(crop: Crop, places: Sequence[int]) -> tuple[Crop, ...]:
    left, top = crop.box[:2]
    ends = [0, *places, crop.cover.shape[1]]
    parts = []
    for start, end in zip(ends, ends[1:], strict=False):
        part = crop.cover[:, start:end]
        rows = np.flatnonzero((part > 0).any(axis=1))
        columns = np.flatnonzero((part > 0).any(axis=0))
        if not rows.size:
            continue
        tight = part[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        place = (left + start + int(columns[0]), top + int(rows[0]))
        parts.append(Crop((*place, tight.shape[1], tight.shape[0]), tight))
    return tuple(parts)
