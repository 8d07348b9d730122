"""What people draw around their digits: lines below and above, rings, the cells of a table."""

from collections.abc import Callable

import cv2
import numpy as np

Mark = Callable[[np.ndarray, np.ndarray, float, np.random.Generator], None]


def marked(
    name: str,
    cover: np.ndarray,
    places: np.ndarray,
    rows: list[int],
    width: float,
    generator: np.random.Generator,
) -> np.ndarray:
    """Draw a mark around the digits of each row, with the pen that wrote them.

    Args:
        name: of a row of `MARKS`.
        cover: of the page, uint8 `[y x]`; it is left as it is.
        places: of the digits: left, top, right, bottom.
        rows: how many digits there are in each.
        width: of the pen, in pixels.
        generator: of all that is left to chance.
    """
    page, at = cover.copy(), 0
    for count in rows:
        MARKS[name](page, places[at : at + count].astype(float), width, generator)
        at += count
    return page


def _line(below: bool) -> Mark:
    def draw(
        page: np.ndarray, places: np.ndarray, width: float, generator: np.random.Generator
    ) -> None:
        height = float((places[:, 3] - places[:, 1]).mean())
        left, top = places[:, :2].min(axis=0)
        right, bottom = places[:, 2:].max(axis=0)
        away = 0.5 * width + height * generator.uniform(0.05, 0.3)
        y = bottom + away if below else top - away
        out = height * generator.uniform(0.12, 0.5, 2)
        rise = (right - left) * generator.normal(0, 0.01)
        _stroke(page, [(left - out[0], y), (right + out[1], y + rise)], width)

    return draw


def _ring(
    page: np.ndarray, places: np.ndarray, width: float, generator: np.random.Generator
) -> None:
    """A ring around each digit, not always closed."""
    for left, top, right, bottom in places.tolist():
        longest = np.hypot(right - left, bottom - top)
        radii = longest * generator.uniform(0.68, 0.8) * generator.uniform(0.9, 1.1, 2)
        start = generator.uniform(0, 2 * np.pi)
        turn = np.linspace(start, start + 2 * np.pi * generator.uniform(0.94, 1.0), 60)
        middle = np.array([(left + right) / 2, (top + bottom) / 2])
        _stroke(page, middle + np.stack([np.cos(turn), np.sin(turn)], axis=1) * radii, width)


def _cells(
    page: np.ndarray, places: np.ndarray, width: float, generator: np.random.Generator
) -> None:
    """A frame around the row, and a line between any two digits."""
    height = float((places[:, 3] - places[:, 1]).mean())
    room = height * generator.uniform(0.15, 0.3)
    top, bottom = places[:, 1].min() - room, places[:, 3].max() + room
    between = (places[:-1, 2] + places[1:, 0]) / 2
    edges = [places[0, 0] - room, *between, places[-1, 2] + room]
    thin = max(1.0, width * generator.uniform(0.2, 0.6))
    for x in edges:
        _stroke(page, [(x, top), (x, bottom)], thin)
    for y in (top, bottom):
        _stroke(page, [(edges[0], y), (edges[-1], y)], thin)


def _stroke(page: np.ndarray, points: object, width: float) -> None:
    corners = np.round(np.asarray(points) * 16).astype(np.int32)
    cv2.polylines(page, [corners], False, 255, max(1, round(width)), cv2.LINE_AA, 4)


MARKS: dict[str, Mark] = {
    "underline": _line(below=True),
    "line above": _line(below=False),
    "ring": _ring,
    "cells": _cells,
}
