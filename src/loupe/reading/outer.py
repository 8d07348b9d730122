"""A page on a table: where the paper lies, if the picture shows more than paper."""

import cv2
import numpy as np
from jaxtyping import Bool

from loupe.arrays import Image

Mask = Bool[np.ndarray, "y x"]

_SMALLEST = 0.12  # of the picture: a page is larger
_RECTANGULAR = 0.9  # share of its rectangle that a page fills; an ellipse fills 0.785
_SOLID = 0.6  # share of a page's outline that is paper, not ink
_SLENDER = 0.2  # of its longer side: a narrower shape is a stroke
_DRAWN = 0.25  # of the page's distance from the ground: what is as far from the page is drawn on it
_LEAST_DRAWN, _LEAST_PIXELS = 16.0, 4  # grey levels; pixels that make a drawing
_BESIDE = 0.3  # of what is drawn on a page: as much may lie beside it
_RIM = 0.02  # of the page's shorter side: left out with the table


def find_page(picture: Image) -> Mask | None:
    """Find a sheet of paper, a slate or a canvas that lies free within the picture.

    Args:
        picture: reduced to some 200 pixels.

    Returns:
        Where the page is, without its rim; None where the picture shows one ground only.
    """
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    ground = np.median(border, axis=0)
    distance = np.abs(picture.astype(np.int16) - ground.astype(np.int16)).max(axis=2)
    levels = distance.astype(np.uint8)
    threshold, _ = cv2.threshold(levels.reshape(-1, 1), 0, 255, cv2.THRESH_OTSU)
    apart = (levels > max(threshold, 12)).astype(np.uint8)
    contours, _ = cv2.findContours(apart, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return None
    return _page_within(picture, levels, apart, max(contours, key=cv2.contourArea))


def _page_within(
    picture: Image, levels: np.ndarray, apart: np.ndarray, outline: np.ndarray
) -> Mask | None:
    rectangle = cv2.minAreaRect(outline)
    enclosed, sides = cv2.contourArea(outline), rectangle[1]
    if enclosed < _SMALLEST * apart.size or enclosed < _RECTANGULAR * sides[0] * sides[1]:
        return None
    if min(sides) < _SLENDER * max(sides):
        return None
    page = np.zeros_like(apart)
    cv2.drawContours(page, [outline], -1, 1, cv2.FILLED)
    if (page & apart).sum() < _SOLID * page.sum():
        return None
    depth = cv2.distanceTransform(np.pad(page, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    inner = np.asarray(depth > 2 + _RIM * min(sides))
    # Something must be drawn on it: a rectangle that is full is itself the drawing. Where more is
    # drawn beside it, it is a shadow on a page.
    contrast = float(np.median(levels[inner])) if inner.any() else 0.0
    least = max(_DRAWN * contrast, _LEAST_DRAWN)
    drawn = max(_drawn_on(picture[inner], least), int((inner & (apart == 0)).sum()))
    beside = cv2.dilate(page, np.ones((7, 7), np.uint8)) == 0
    is_alone = (levels[beside] > least).sum() < max(_BESIDE * drawn, _LEAST_PIXELS)
    return inner if drawn >= _LEAST_PIXELS and is_alone else None


def _drawn_on(pixels: np.ndarray, least: float) -> int:
    """How many pixels of a page are far from its paper, whatever the ground's colour is."""
    if not len(pixels):
        return 0
    paper = np.median(pixels, axis=0).astype(np.int16)
    return int((np.abs(pixels.astype(np.int16) - paper).max(axis=1) > least).sum())
