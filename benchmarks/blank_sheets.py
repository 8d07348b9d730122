"""Sheets with nothing written on them, in the light that falls on sheets; generated, seeded."""

import zlib
from collections.abc import Callable

import cv2
import numpy as np

import papers
from practice_pages import SEED

Random = np.random.Generator
Size = tuple[int, int]  # height, width


def sheet(situation: str, number: int, seed: int = SEED) -> np.ndarray:
    """Photograph a blank sheet: uint8 `[h w 3]`, in OpenCV's order of colours."""
    generator = np.random.default_rng([seed, number, zlib.crc32(situation.encode())])
    size = (int(generator.integers(300, 1200)), int(generator.integers(300, 1200)))
    light = SITUATIONS[situation](size, generator)
    colour = generator.uniform(150, 250) * np.array([generator.uniform(0.85, 1, 2).min(), 0.97, 1])
    picture = light.reshape(*size, -1) * colour
    picture += generator.uniform(1, 5) * generator.standard_normal(picture.shape)
    quality = int(generator.integers(60, 96))
    levels = picture.clip(0, 255).astype(np.uint8)
    coded = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))


def _shadow(size: Size, generator: Random) -> np.ndarray:
    return papers.shadow(size, generator.uniform(0.2, 0.7), generator)


def _squared(size: Size, generator: Random) -> np.ndarray:
    pitch = generator.uniform(0.03, 0.12) * max(size)
    lines = papers.ruled(size, pitch, bool(generator.integers(2)), pitch * 0.03)
    return 1 - generator.uniform(0.2, 0.5) * lines / 255


SITUATIONS: dict[str, Callable[[Size, Random], np.ndarray]] = {
    "even light": lambda size, _: np.ones(size),
    "texture": lambda size, g: papers.texture(size, g.uniform(0.01, 0.04), g),
    "gradient": lambda size, g: papers.gradient(size, g.uniform(0.2, 0.7), g),
    "vignette": lambda size, g: papers.vignette(size, g.uniform(0.2, 0.6), g),
    "shadow": _shadow,
    "two shadows": lambda size, g: _shadow(size, g) * _shadow(size, g),
    "fold": lambda size, g: papers.crease(size, g.uniform(0.05, 0.25), g),
    "dark edge": lambda size, g: papers.dark_edge(size, g.uniform(0.3, 0.9), max(size) / 8, g),
    "ruled or squared": _squared,
}
