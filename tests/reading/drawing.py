"""Digits drawn with a pen, on paper in all kinds of light."""

import cv2
import numpy as np

# Corners of each digit's strokes in a box of 1 x 1 (x, y); curves go through them smoothly.
STROKES = {
    "0": [[(0.5, 0), (0.15, 0.25), (0.15, 0.75), (0.5, 1), (0.85, 0.75), (0.85, 0.25), (0.5, 0)]],
    "1": [[(0.55, 0), (0.5, 0.5), (0.45, 1)]],
    "2": [[(0.15, 0.25), (0.35, 0), (0.75, 0.1), (0.7, 0.45), (0.1, 1)], [(0.1, 1), (0.9, 0.97)]],
    "3": [[(0.15, 0.1), (0.55, 0), (0.75, 0.2), (0.4, 0.45), (0.8, 0.7), (0.5, 1), (0.1, 0.9)]],
    "4": [[(0.55, 0), (0.1, 0.65)], [(0.1, 0.65), (0.95, 0.62)], [(0.7, 0.3), (0.65, 1)]],
    "5": [[(0.25, 0), (0.2, 0.42), (0.6, 0.4), (0.8, 0.7), (0.5, 1), (0.1, 0.92)],
          [(0.25, 0), (0.85, 0.02)]],
    "6": [[(0.65, 0), (0.25, 0.4), (0.2, 0.8), (0.5, 1), (0.8, 0.8), (0.5, 0.55), (0.22, 0.75)]],
    "7": [[(0.1, 0.03), (0.85, 0)], [(0.85, 0), (0.55, 0.5), (0.4, 1)]],
    "8": [[(0.75, 0.1), (0.4, 0), (0.25, 0.25), (0.7, 0.65), (0.6, 0.97), (0.3, 0.95),
           (0.25, 0.7), (0.7, 0.3), (0.75, 0.1)]],
    "9": [[(0.75, 0.2), (0.45, 0), (0.2, 0.25), (0.45, 0.48), (0.75, 0.2), (0.72, 0.6),
           (0.65, 1)]],
}  # fmt: skip


def smooth(corners, closeness=12):
    """Points on a Catmull-Rom curve through the corners."""
    points = np.array([corners[0], *corners, corners[-1]], float)
    t = np.linspace(0, 1, closeness, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(points, points[1:], points[2:], points[3:], strict=False):
        pieces.append(
            0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2
                   + (3 * b - a - 3 * c + d) * t**3)
        )  # fmt: skip
    return np.concatenate([*pieces, points[-1:]])


def draw(page, digit, left, top, height, pen):
    """Draw a digit on a page of cover (float32, 0 paper, 1 ink), 0.7 as wide as high."""
    for corners in STROKES[digit]:
        points = smooth(corners) * [0.7 * height, height] + [left, top]
        for thickness, ink in ((max(1, round(pen)), 1.0),):
            cv2.polylines(
                page, [np.round(points * 16).astype(np.int32)], False, ink, thickness,
                cv2.LINE_AA if pen > 1 else cv2.LINE_8, 4,
            )  # fmt: skip
    return page


def photograph(cover, paper=(235, 235, 230), ink=(40, 40, 50), *, light=None, noise=2.0, seed=0):
    """A photo of ink on paper: uint8 `[h w 3]`."""
    generator = np.random.default_rng(seed)
    alpha = cover[..., np.newaxis]
    picture = np.array(paper, np.float32) * (1 - alpha) + np.array(ink, np.float32) * alpha
    if light is not None:
        picture = picture * light[..., np.newaxis]
    picture = picture + generator.normal(0, noise, picture.shape[:2])[..., np.newaxis]
    return np.clip(picture, 0, 255).astype(np.uint8)
