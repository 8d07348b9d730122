"""A page on a table: where the paper lies, if the picture shows more than paper."""

import cv2
import numpy as np
from jaxtyping import Bool

from loupe.arrays import Image

Mask = Bool[np.ndarray, "y x"]

_SMALLEST = 0.12  # of the picture: a page is larger
_RECTANGULAR = 0.9  # share of its rectangle that a page fills; an ellipse fills 0.785
_SOLID = 0.6  # share of a page's outline that is paper, not ink
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
    contours, tree = cv2.findContours(apart, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if tree is None:
        return None
    outlines = [c for c, row in zip(contours, tree[0], strict=True) if row[3] < 0]
    outline = max(outlines, key=cv2.contourArea)
    return _page_within(apart, outline)


def _page_within(apart: np.ndarray, outline: np.ndarray) -> Mask | None:
    rectangle = cv2.minAreaRect(outline)
    enclosed, sides = cv2.contourArea(outline), rectangle[1]
    if enclosed < _SMALLEST * apart.size or enclosed < _RECTANGULAR * sides[0] * sides[1]:
        return None
    page = np.zeros_like(apart)
    cv2.drawContours(page, [outline], -1, 1, cv2.FILLED)
    paper = (page & apart).sum()
    holes = page.sum() - paper
    if paper < _SOLID * page.sum() or holes < 4:
        return None
    depth = cv2.distanceTransform(np.pad(page, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    inner = np.asarray(depth > 2 + _RIM * min(sides))
    # Something must be drawn on it: a rectangle that is full is itself the drawing.
    return inner if bool((inner & (apart == 0)).sum() >= 4) else None
