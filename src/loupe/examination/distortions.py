"""What images are put through: `STRESSES`, each a way to distort images, in five strengths.

The idea is Hendrycks and Dietterich's (2019), "Benchmarking neural network robustness to common
corruptions and perturbations", arXiv:1903.12261; what happens to digits is close to Mu and Gilmer's
(2019), "MNIST-C", arXiv:1906.02337. Amounts of what moves are shares of the image's side, so that
they mean the same at 8 and at 64 pixels.

To add one, write `f(images, amount, ground, generator) -> images` and list it in `STRESSES`. The
generator is seeded alike for all strengths: an image is shifted in the same direction, only
farther.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32

from loupe.arrays import Images
from loupe.framing import Framing

NUM_STRENGTHS = 5
LAYERS = 128  # images that OpenCV filters at once, as the channels of one picture: its most
THICKEST_STROKE = 0.3  # of the object's longer side; filled squares and discs have 0.5


@dataclass(frozen=True)
class Ground:
    """What a distortion has to know of the images: where there is nothing, and what is drawn.

    Attributes:
        framing: of the training images, from the model's card.
        channels: of the images.
    """

    framing: Framing
    channels: int

    @property
    def level(self) -> tuple[int, ...]:
        """Level of the background in each channel; mid-grey where there is no background."""
        return self.framing.background if self.framing.kind != "none" else (128,) * self.channels


Distort = Callable[[Images, float, Ground, np.random.Generator], Images]


@dataclass(frozen=True)
class Stress:
    """One row of `STRESSES`.

    Attributes:
        amounts: five strengths, rising.
        unit: of an amount: "side" is a share of the image's side, written in pixels; "degree",
            "share", "times", "width" (of the strokes).
        says: what it does, for a caption.
        distort: (images, amount, ground, generator) -> images.
        refuses: why it makes no sense for some images; "" where it does.
    """

    amounts: tuple[float, float, float, float, float]
    unit: str
    says: str
    distort: Distort
    refuses: Callable[[Ground], str] = lambda ground: ""

    def written(self, amount: float, side: int) -> str:
        """Write a strength.

        Example:
            >>> STRESSES["shift"].written(0.07, 28), STRESSES["rotation"].written(10.0, 28)
            ('2 px', '10°')
        """
        if self.unit == "side":
            return f"{amount * side:.2g} px"
        return {
            "degree": f"{amount:g}°",
            "share": f"{100 * amount:g} %",
            "times": f"x{amount:g}",
            "width": f"+{100 * amount:g} %",
        }[self.unit]


def shift(images: Images, amount: float, ground: Ground, generator: np.random.Generator) -> Images:
    """Move each image in a direction of its own."""
    angles = generator.uniform(0, 2 * math.pi, len(images))
    distance = amount * max(images.shape[1:3])
    matrices = np.tile(np.eye(2, 3, dtype=np.float32), (len(images), 1, 1))
    matrices[:, 0, 2], matrices[:, 1, 2] = distance * np.cos(angles), distance * np.sin(angles)
    return _warped(images, matrices, ground)


def rotation(
    images: Images, amount: float, ground: Ground, generator: np.random.Generator
) -> Images:
    """Turn each image about its middle, one way or the other."""
    angles = np.radians(amount) * _signs(images, generator)
    return _warped(images, _about_the_middle(images, np.cos(angles), np.sin(angles)), ground)


def scale(images: Images, amount: float, ground: Ground, generator: np.random.Generator) -> Images:
    """Shrink half of the images by a factor, and enlarge the other half by it."""
    factors = amount ** _signs(images, generator)
    return _warped(images, _about_the_middle(images, factors, np.zeros(len(images))), ground)


def stroke_width(
    images: Images, amount: float, ground: Ground, generator: np.random.Generator
) -> Images:
    """Thicken the strokes of half of the images by a share of their width, thin the others'.

    Thinned strokes have 1 / (1 + amount) of their width. Parts of a pixel are blended.
    """
    width = ground.framing.stroke_width
    is_thicker = _signs(images, generator) > 0
    grows = (cv2.dilate, cv2.erode)
    if ground.framing.polarity == "dark on light":
        grows = grows[::-1]
    changed = np.empty_like(images)
    for chosen, operation, by in (
        (is_thicker, grows[0], width * amount / 2),
        (~is_thicker, grows[1], (width - width / (1 + amount)) / 2),
    ):
        changed[chosen] = _morphed(images[chosen], operation, by)
    return changed


def blur(images: Images, amount: float, ground: Ground, generator: np.random.Generator) -> Images:
    """Blur as a lens out of focus would, about: by a Gaussian."""
    sigma = amount * max(images.shape[1:3])

    def blurred(layers: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(layers, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)

    return _layered(images, blurred)


def noise(images: Images, amount: float, ground: Ground, generator: np.random.Generator) -> Images:
    """Add Gaussian noise to every pixel; its standard deviation is a share of full brightness."""
    drawn = generator.standard_normal(images.shape, np.float32)
    return _rounded(images + drawn * np.float32(255 * amount))


def contrast(
    images: Images, amount: float, ground: Ground, generator: np.random.Generator
) -> Images:
    """Take away a share of the contrast: each image fades towards its own mean."""
    mean = images.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    return _rounded(mean + np.float32(1 - amount) * (images - mean))


def inversion(
    images: Images, amount: float, ground: Ground, generator: np.random.Generator
) -> Images:
    """Blend each image with its negative: at one half nothing is left, at 1 it is the negative."""
    levels = np.arange(256, dtype=np.float32)
    table = np.round((1 - amount) * levels + amount * (255 - levels)).astype(np.uint8)
    blended: Images = table[images]
    return blended


def occlusion(
    images: Images, amount: float, ground: Ground, generator: np.random.Generator
) -> Images:
    """Cover a square of each image, somewhere inside it, with the background."""
    _, height, width, _ = images.shape
    side = max(1, round(amount * max(height, width)))
    places = generator.random((len(images), 2))
    covered = images.copy()
    tops = (places[:, 0] * max(height - side + 1, 1)).astype(int)
    lefts = (places[:, 1] * max(width - side + 1, 1)).astype(int)
    for image, top, left in zip(covered, tops.tolist(), lefts.tolist(), strict=True):
        image[top : top + side, left : left + side] = ground.level
    return covered


def _has_no_strokes(ground: Ground) -> str:
    """Why the width of strokes means nothing here."""
    framing = ground.framing
    if ground.channels > 1:
        return "the images are in colour, and the width of strokes is known of grey ones only"
    if framing.kind != "glyph" or framing.stroke_width > THICKEST_STROKE * framing.longer_side:
        return "the objects are filled, not drawn in strokes"
    return ""


STRESSES: dict[str, Stress] = {
    "shift": Stress(
        (0.035, 0.07, 0.11, 0.145, 0.18), "side",
        "Moved in any direction; what leaves the image is lost.", shift,
    ),
    "rotation": Stress(
        (5.0, 10.0, 20.0, 30.0, 45.0), "degree",
        "Turned about the middle, one way or the other.", rotation,
    ),
    "scale": Stress(
        (1.15, 1.3, 1.5, 1.75, 2.0), "times",
        "Half of the images are enlarged by the factor, half shrunk by it.", scale,
    ),
    "stroke width": Stress(
        (0.2, 0.4, 0.6, 0.8, 1.0), "width",
        "Half of the images get thicker strokes by so much of their width, half are thinned by "
        "the same factor.", stroke_width, _has_no_strokes,
    ),
    "blur": Stress(
        (0.02, 0.03, 0.045, 0.06, 0.08), "side",
        "Blurred; the strength is the Gaussian's standard deviation.", blur,
    ),
    "noise": Stress(
        (0.05, 0.1, 0.15, 0.2, 0.3), "share",
        "Gaussian noise on every pixel; the strength is its standard deviation.", noise,
    ),
    "contrast": Stress(
        (0.1, 0.2, 0.4, 0.6, 0.8), "share",
        "So much of the contrast is taken away: the image fades towards its mean.", contrast,
    ),
    "inversion": Stress(
        (0.05, 0.1, 0.2, 0.35, 1.0), "share",
        "Blended with its own negative; at 100 % light and dark have changed places.", inversion,
    ),
    "occlusion": Stress(
        (0.1, 0.15, 0.2, 0.3, 0.4), "side",
        "A square, as wide as that, is covered with the background.", occlusion,
    ),
}  # fmt: skip


def _signs(images: Images, generator: np.random.Generator) -> np.ndarray:
    """1 or -1 for each image."""
    return generator.integers(0, 2, len(images)) * 2.0 - 1.0


def _about_the_middle(
    images: Images, cos: np.ndarray, sin: np.ndarray
) -> Float32[np.ndarray, "n 2 3"]:
    """Matrices that turn and scale about the middle of the images."""
    height, width = images.shape[1:3]
    x, y = (width - 1) / 2, (height - 1) / 2
    rows = [[cos, sin, x - cos * x - sin * y], [-sin, cos, y + sin * x - cos * y]]
    matrices: Float32[np.ndarray, "n 2 3"] = np.array(rows, np.float32).transpose(2, 0, 1)
    return matrices


def _warped(images: Images, matrices: Float32[np.ndarray, "n 2 3"], ground: Ground) -> Images:
    height, width = images.shape[1:3]
    level = tuple(map(float, ground.level))
    moved = [
        cv2.warpAffine(image, matrix, (width, height), borderValue=level)
        for image, matrix in zip(images, matrices, strict=True)
    ]
    return np.array(moved, np.uint8).reshape(images.shape)


def _morphed(images: Images, operation: Callable[..., np.ndarray], by: float) -> Images:
    """Dilate or erode by a number of pixels to each side; the part of one is blended."""
    kernel = np.ones((3, 3), np.uint8)
    whole, part = int(by), by - int(by)

    def morphed(layers: np.ndarray) -> np.ndarray:
        near = operation(layers, kernel, iterations=whole) if whole else layers
        far = operation(near, kernel)
        return cv2.addWeighted(near, 1 - part, far, part, 0)

    return _layered(images, morphed)


def _layered(images: Images, change: Callable[[np.ndarray], np.ndarray]) -> Images:
    """Filter many images at once, as the channels of one picture: ten times as fast as singly."""
    changed = np.empty_like(images)
    n, height, width, channels = images.shape
    for part in _parts(n, LAYERS // channels):
        count = part.stop - part.start
        layers = images[part].transpose(1, 2, 0, 3).reshape(height, width, count * channels)
        result = change(np.ascontiguousarray(layers)).reshape(height, width, count, channels)
        changed[part] = result.transpose(2, 0, 1, 3)
    return changed


def _parts(n: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def _rounded(values: np.ndarray) -> Images:
    rounded: Images = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded
