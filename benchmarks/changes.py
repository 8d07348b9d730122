"""`CHANGES`: what may happen to a picture on its way and leaves it as easy for a person to read.

Each takes a picture, uint8 `[h w c]`, and gives another. What stands at the border goes on beyond
it where a change needs more of the picture than there is.
"""

from collections.abc import Callable

import cv2
import numpy as np

Change = Callable[[np.ndarray], np.ndarray]


def _with_channels(picture: np.ndarray) -> np.ndarray:
    """OpenCV drops the only channel of grey pictures."""
    return np.ascontiguousarray(picture if picture.ndim == 3 else picture[..., np.newaxis])


def _resized(factor: float, how: int) -> Change:
    def change(picture: np.ndarray) -> np.ndarray:
        size = [max(8, round(side * factor)) for side in picture.shape[1::-1]]
        return _with_channels(cv2.resize(picture, size, interpolation=how))

    return change


def _moved(turn: float = 0.0, slant: float = 0.0) -> Change:
    """Turned by degrees about the middle, or slanted by a share of the height."""

    def change(picture: np.ndarray) -> np.ndarray:
        height, width = picture.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, 1)
        matrix = matrix + [[0, slant, -slant * height / 2], [0, 0, 0]]
        border = cv2.BORDER_REPLICATE
        return _with_channels(cv2.warpAffine(picture, matrix, (width, height), borderMode=border))

    return change


def _barred(level: int, across: float, along: float) -> Change:
    """Even bars above and below, and at both sides, in shares of height and width."""

    def change(picture: np.ndarray) -> np.ndarray:
        rows, columns = round(across * picture.shape[0]), round(along * picture.shape[1])
        widths, colour = (rows, rows, columns, columns), [level] * 3
        return _with_channels(
            cv2.copyMakeBorder(picture, *widths, cv2.BORDER_CONSTANT, value=colour)
        )

    return change


def _longer_borders(picture: np.ndarray) -> np.ndarray:
    more = [round(0.1 * max(picture.shape[:2]))] * 4
    return _with_channels(cv2.copyMakeBorder(picture, *more, cv2.BORDER_REPLICATE))


def _compressed(quality: int) -> Change:
    def change(picture: np.ndarray) -> np.ndarray:
        content = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return _with_channels(cv2.imdecode(content, cv2.IMREAD_UNCHANGED))

    return change


def _toned(gamma: float = 1.0, contrast: float = 1.0) -> Change:
    def change(picture: np.ndarray) -> np.ndarray:
        levels = 255 * (picture / 255.0) ** gamma
        return np.clip(128 + (levels - 128) * contrast, 0, 255).astype(np.uint8)

    return change


def _noisy(levels: float) -> Change:
    def change(picture: np.ndarray) -> np.ndarray:
        noise = np.random.default_rng(5).normal(0, levels, picture.shape)
        return np.clip(picture + noise, 0, 255).astype(np.uint8)

    return change


def _unevenly_lit(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    light = np.linspace(0.8, 1, height)[:, np.newaxis] * np.linspace(1, 0.6, width)
    return (picture * light[..., np.newaxis]).astype(np.uint8)


def _without_colour(picture: np.ndarray) -> np.ndarray:
    if picture.shape[2] == 1:
        return picture
    return _with_channels(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))


CHANGES: dict[str, Change] = {
    "negative": lambda picture: 255 - picture,
    "half as large": _resized(0.5, cv2.INTER_AREA),
    "0.7 as large": _resized(0.7, cv2.INTER_LINEAR),
    "1.3 as large": _resized(1.3, cv2.INTER_LINEAR),
    "twice as large": _resized(2, cv2.INTER_CUBIC),
    "turned by 5 degrees": _moved(turn=5),
    "turned by -5 degrees": _moved(turn=-5),
    "turned by 10 degrees": _moved(turn=10),
    "turned by -10 degrees": _moved(turn=-10),
    "slanted by 0.15": _moved(slant=0.15),
    "slanted by -0.15": _moved(slant=-0.15),
    "longer borders": _longer_borders,
    "black bars above and below": _barred(0, 0.4, 0),
    "white bars above and below": _barred(255, 0.4, 0),
    "black bars at the sides": _barred(0, 0, 0.3),
    "black frame": _barred(0, 0.2, 0.2),
    "white frame": _barred(255, 0.2, 0.2),
    "grey frame": _barred(128, 0.2, 0.2),
    "thin black frame": _barred(0, 0.01, 0.01),
    "thin white frame": _barred(255, 0.01, 0.01),
    "JPEG, quality 50": _compressed(50),
    "JPEG, quality 20": _compressed(20),
    "gamma 0.6": _toned(gamma=0.6),
    "gamma 1.6": _toned(gamma=1.6),
    "contrast 0.6": _toned(contrast=0.6),
    "contrast 0.4": _toned(contrast=0.4),
    "noise of 8 levels": _noisy(8),
    "noise of 20 levels": _noisy(20),
    "uneven light": _unevenly_lit,
    "grey": _without_colour,
}
