"""What is none of the classes: images of nothing, and how to tell them from those trained on.

How far an image's features lie from its class says little of what is strange about it. What tells
strange images from real ones is learnt instead: from pieces of training images in the wrong places,
shapes and noise, which need no data of their own (outlier exposure: Hendrycks et al. 2019,
arXiv:1812.04606; there with real images of other data sets).
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from loupe.arrays import Images

# Half of it is added to the mean loss for each squared weight; benchmarks/NOTES.md has others.
PENALTY = 0.05
STEPS = 12  # of Newton's method at most; it settles in five to eight

Drawing = np.ndarray[Any, np.dtype[Any]]  # `[h w c]`, of any type, perhaps beyond 0..255
Make = Callable[[Images, np.random.Generator], Drawing]


@dataclass(frozen=True, eq=False)
class Foreignness:
    """Log-odds that an image is none of the classes, from where it lies beside its class.

    They are `white @ linear + away**2 @ quadratic + offset`, where `white` are whitened features
    `[n p]`, and `away` is how far they lie from the mean of the class that was guessed.
    """

    linear: Float32[np.ndarray, " p"]
    quadratic: Float32[np.ndarray, " p"]
    offset: float


def foreign_images(images: Images, count: int) -> UInt8[np.ndarray, "m h w c"]:
    """Make images that are none of the classes, always the same ones for the same images.

    Args:
        images: of the training part, of every class.
        count: how many to make.

    Example:
        >>> foreign_images(np.zeros((4, 8, 8, 3), np.uint8), 6).shape
        (6, 8, 8, 3)
    """
    generator = np.random.default_rng(0)
    made = [KINDS[number % len(KINDS)](images, generator) for number in range(count)]
    return np.stack(made).clip(0, 255).astype(np.uint8)


def fit_foreignness(
    white: Float[np.ndarray, "n p"],
    means: Float[np.ndarray, "k p"],
    foreign: Float[np.ndarray, "m p"],
) -> Foreignness:
    """Learn to tell foreign images from the training images by logistic regression.

    By Newton's method: scikit-learn has the same regression, but takes a second to import at the
    end of a training that may have taken five.

    Args:
        white: whitened features of training images.
        means: of the classes, whitened.
        foreign: whitened features of images that are none of the classes.
    """
    points = np.concatenate([white, foreign]).astype(np.float32)
    inputs = np.hstack([points, _away(points, means) ** 2, np.ones((len(points), 1), np.float32)])
    scale = np.maximum(np.sqrt((inputs**2).mean(0)), np.float32(1e-6))
    inputs /= scale
    counts = [len(white), len(foreign)]
    answers = np.repeat([0, 1], counts).astype(np.float32)
    shares = np.repeat([0.5 / count for count in counts], counts).astype(np.float32)
    penalty = np.full(inputs.shape[1], PENALTY, np.float32)
    penalty[-1] = 0
    weights = np.zeros(inputs.shape[1], np.float32)
    for _ in range(STEPS):
        odds = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        slope = inputs.T @ (shares * (odds - answers)) + penalty * weights
        curvature = (inputs * (shares * np.maximum(odds * (1 - odds), 1e-6))[:, None]).T @ inputs
        step = np.linalg.solve(curvature + np.diag(penalty + 1e-6), slope)
        weights -= step
        if np.abs(step).max() < 1e-3:
            break
    weights /= scale
    linear, quadratic = np.split(weights[:-1].astype(np.float32), 2)
    return Foreignness(linear, quadratic, float(weights[-1]))


def _away(
    points: Float[np.ndarray, "n p"], means: Float[np.ndarray, "k p"]
) -> Float[np.ndarray, "n p"]:
    """From the nearest class to each point."""
    squared = (points**2).sum(1)[:, None] - 2 * points @ means.T + (means**2).sum(1)
    away: Float[np.ndarray, "n p"] = points - means[squared.argmin(1)]
    return away


# ------------------------------------------------------------------------------ images of nothing


def _puzzle(images: Images, generator: np.random.Generator) -> Drawing:
    """Pieces of several images in a grid of two to four, each from another place."""
    height, width = images.shape[1:3]
    image: Drawing = images[generator.integers(len(images))].copy()
    for top, bottom in _cuts(height, generator):
        for left, right in _cuts(width, generator):
            down = generator.integers(height - (bottom - top) + 1)
            over = generator.integers(width - (right - left) + 1)
            piece = images[generator.integers(len(images))][down:, over:]
            image[top:bottom, left:right] = piece[: bottom - top, : right - left]
    return image


def _overlaid(images: Images, generator: np.random.Generator) -> Drawing:
    """One image on another that is mirrored."""
    upside_down, other = generator.random() < 0.5, images[generator.integers(len(images))]
    other = other[::-1] if upside_down else other[:, ::-1]
    both: Drawing = np.maximum(images[generator.integers(len(images))], other)
    return both


def _negative(images: Images, generator: np.random.Generator) -> Drawing:
    negative: Drawing = np.uint8(255) - images[generator.integers(len(images))]
    return negative


def _crossed_out(images: Images, generator: np.random.Generator) -> Drawing:
    """Some lines across an image."""
    canvas: Drawing = images[generator.integers(len(images))].copy()
    level = int(generator.integers(256))
    height, width, channels = canvas.shape
    for _ in range(generator.integers(3, 7)):
        start, end = (generator.uniform(0, 1, (2, 2)) * (width, height)).astype(int).tolist()
        pen = int(generator.integers(1, 4))
        cv2.line(canvas, start, end, (level,) * channels, pen, cv2.LINE_AA)
    return canvas


def _noise(images: Images, generator: np.random.Generator) -> Drawing:
    """Noise of any grain and contrast, sparse or full, down to an even field."""
    field: Any = _field(images.shape[1:], generator)
    match generator.integers(4):
        case 0:
            field = generator.uniform(0.3, 1) * (field > generator.uniform(0.3, 1.5))
        case 1:
            field = generator.uniform(0, 1) + generator.uniform(0, 0.1) * field
        case 2:
            field = generator.random(field.shape) * generator.uniform(0.1, 1)
        case _:
            field = generator.uniform(0, 1) + generator.uniform(0.05, 0.5) * field
    drawn: Drawing = 255 * field
    return drawn


def _blot(images: Images, generator: np.random.Generator) -> Drawing:
    """Filled shapes with some grain, on the background of an image, often symmetrical."""
    height, width, channels = images.shape[1:]
    image = images[generator.integers(len(images))]
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    canvas = np.tile(np.median(border, axis=0), (height, width, 1))
    for _ in range(generator.integers(1, 4)):
        angles = np.sort(generator.uniform(0, 2 * np.pi, int(generator.integers(3, 12))))
        radii = generator.uniform(0.1, 0.5, len(angles)) * generator.uniform(0.6, 1.2)
        rim = np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None]
        corners = (generator.uniform(0.35, 0.65, 2) + rim) * (width, height) * 16
        cover = np.zeros((height, width), np.uint8)
        cv2.fillPoly(cover, [corners.astype(np.int32)], 255, cv2.LINE_AA, shift=4)
        share = (cover / 255)[..., np.newaxis]
        canvas = (1 - share) * canvas + share * generator.uniform(0, 255, channels)
    if generator.random() < 0.5:
        canvas = np.maximum(canvas, canvas[:, ::-1])
    return canvas * (1 + generator.uniform(0, 0.3) * _field(images.shape[1:], generator))


def _cuts(side: int, generator: np.random.Generator) -> list[tuple[int, int]]:
    """Two to four pieces of a side, from where to where."""
    pieces = min(int(generator.integers(2, 5)), side)
    edges = [round(side * number / pieces) for number in range(pieces + 1)]
    return list(pairwise(edges))


def _field(shape: tuple[int, ...], generator: np.random.Generator) -> Drawing:
    """A smooth or rough random field with a spread of about 1, `[h w c]`."""
    height, width, channels = shape
    cell = int(generator.choice([1, 2, 4, 8, 16]))
    coarse = (max(2, height // cell), max(2, width // cell), channels)
    field = generator.standard_normal(coarse, np.float32)
    return cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR).reshape(shape)


# How they are made in turn: of nothing as often as of training images.
KINDS: tuple[Make, ...] = (
    *(_puzzle, _noise, _blot, _crossed_out, _noise, _blot),
    *(_puzzle, _noise, _blot, _overlaid, _puzzle, _blot),
    *(_puzzle, _noise, _blot, _negative, _puzzle, _blot),
)
