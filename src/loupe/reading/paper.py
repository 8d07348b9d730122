"""The paper of a picture: its light, the colour axis that separates ink from it, the polarity.

Everything here works on a reduced picture: light changes slowly, and a hundredth of the pixels say
as much of it as all of them.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32

from loupe.arrays import Image
from loupe.framing import Polarity

Levels = Float32[np.ndarray, "y x c"]  # 0..255
Depth = Float32[np.ndarray, "y x"]  # how far from the paper, on the side of the ink; paper is 0

# How many terms of the surface are fitted, and how many grey levels from it a pixel may lie before
# it loses its weight: few and many at first, so that neither ink nor a gradient leads astray.
_ROUGH = ((1, 48.0), (3, 40.0), (6, 32.0))
_CLOSE = ((1, 0.35), (3, 0.3), (6, 0.25), (6, 0.2), (6, 0.15), (6, 0.15))  # of the ink's depth
_FAR_MORE = 2.0  # times as much of the picture as has the border's colour
_FREE = 0.4  # of the greatest depth: shapes are cut out there
_FITTED_PIXELS = 1501  # enough for six figures; odd, so that they are of all columns
_NARROW = 1 / 12  # of the picture's longer side: strokes are not wider, as a rule
_LEAST_TOLERANCE = 6.0  # grey levels
_STIFFNESS, _LAST_STIFFNESS = 1e-2, 5e-4  # of the weight of all pixels
_DARKEST_DIVISOR = 96.0  # grey levels; paper darker than this is no measure of the light


@dataclass(frozen=True, eq=False)
class Paper:
    """What a picture looks like where nothing is drawn on it.

    Attributes:
        coefficients: of a quadratic surface over the picture, for each channel, `[6 c]`.
        axis: weight of each channel in the direction from paper to ink.
        polarity: whether the ink is lighter or darker than the paper.
    """

    coefficients: np.ndarray
    axis: np.ndarray
    polarity: Polarity

    def levels(self, height: int, width: int) -> Levels:
        """The paper itself, at any size: float32 `[y x c]`, 0..255."""
        surface = surface_terms(height, width) @ self.coefficients
        return np.asarray(surface.reshape(height, width, -1).clip(1, 255), np.float32)

    def depth(self, picture: Image) -> Depth:
        """How far each pixel is from the paper along the axis, the light divided out."""
        height, width = picture.shape[:2]
        small = self.levels(min(height, 64), min(width, 64))
        levels = _scaled(small @ self.axis, width, height)
        light = np.maximum(_scaled(small @ np.abs(self.axis), width, height), 1)
        light = np.maximum(light, _DARKEST_DIVISOR * float(np.abs(self.axis).sum()))
        projected = cv2.transform(picture.astype(np.float32), self.axis[np.newaxis])
        return np.asarray((projected.reshape(height, width) - levels) / light, np.float32)


def find_paper(picture: Image) -> Paper:
    """Fit the light on the paper, and find along which colours the ink leaves it.

    Args:
        picture: reduced to some 100 or 200 pixels.
    """
    pixels = picture.astype(np.float32)
    terms = surface_terms(*pixels.shape[:2])
    values = pixels.reshape(-1, pixels.shape[2])
    every = max(1, len(values) // _FITTED_PIXELS)
    fitted = (terms[::every], values[::every].astype(np.float64))
    coefficients = _roughly_fitted(*fitted, _border(pixels))
    # The axis is better known when the light is, and the light when the axis is.
    for _ in range(2):
        axis = _axis(pixels, (terms @ coefficients).reshape(pixels.shape))
        coefficients = _closely_fitted(*fitted, coefficients, axis)
    polarity: Polarity = "light on dark" if axis.sum() > 0 else "dark on light"
    return Paper(coefficients, axis, polarity)


def _axis(pixels: Levels, surface: np.ndarray) -> np.ndarray:
    """The weights of the channels on the way from paper to ink."""
    surface = surface.clip(1, 255)
    deviation = (pixels - surface) / np.maximum(surface, _DARKEST_DIVISOR)
    axis = _separating_axis(deviation.reshape(-1, pixels.shape[2]))
    depth = deviation @ axis
    return -axis if _evidence(-depth) > _evidence(depth) else axis


def surface_terms(height: int, width: int) -> np.ndarray:
    """The terms of a quadratic surface at each pixel, `[height * width, 6]`; sides are -1..1."""
    y, x = np.meshgrid(
        (np.arange(height) + 0.5) * 2 / height - 1,
        (np.arange(width) + 0.5) * 2 / width - 1,
        indexing="ij",
    )
    terms = [np.ones_like(x), x, y, x * x, x * y, y * y]
    return np.stack([term.ravel() for term in terms], axis=1)


def _farthest(deviation: np.ndarray) -> np.ndarray:
    """The largest size among the channels, `[n c]` to `[n]`: slow as `max(axis=1)`."""
    sizes = np.abs(deviation)
    farthest: np.ndarray = sizes[:, 0]
    for channel in range(1, sizes.shape[1]):
        farthest = np.maximum(farthest, sizes[:, channel])
    return farthest


def _quantile(values: np.ndarray, share: float) -> float:
    """One of the values, by rank; `np.percentile`, which goes between them, takes far longer."""
    place = round(share * (len(values) - 1))
    return float(np.partition(values, place)[place])


def _border(pixels: Levels) -> np.ndarray:
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])


def _roughly_fitted(terms: np.ndarray, values: np.ndarray, border: np.ndarray) -> np.ndarray:
    """Fit a plane, from the colour of most of the border or of most of the picture on.

    The border is paper, as a rule. A frame along it, or a table around the page, is not: then far
    more of the picture has the other colour.
    """
    fits = [_plane(terms, values, np.median(colours, axis=0)) for colours in (border, values)]
    shares = [float((_farthest(values - terms @ fit) < _ROUGH[-1][1]).mean()) for fit in fits]
    return fits[1] if shares[1] > _FAR_MORE * shares[0] else fits[0]


def _plane(terms: np.ndarray, values: np.ndarray, colour: np.ndarray) -> np.ndarray:
    coefficients = np.zeros((6, values.shape[1]))
    coefficients[0] = colour
    for order, tolerance in _ROUGH:
        distance = _farthest(values - terms @ coefficients)
        coefficients = _solved(terms, values, _weights(distance, tolerance), order)
    return coefficients


def _closely_fitted(
    terms: np.ndarray, values: np.ndarray, coefficients: np.ndarray, axis: np.ndarray
) -> np.ndarray:
    """Fit a quadratic surface to the side of the paper that the ink is not on.

    Noise strays to both sides, ink and its soft edges to one (asymmetric least squares: Eilers,
    "A perfect smoother", Analytical Chemistry 75, 2003).
    """
    for number, (order, share) in enumerate(_CLOSE, start=1):
        depth = (values - terms @ coefficients) @ axis
        tolerance = max(share * _quantile(depth, 0.98), _LEAST_TOLERANCE)
        distance = np.where(depth > 0, depth, -depth / 4)
        stiffness = _STIFFNESS if number < len(_CLOSE) - 1 else _LAST_STIFFNESS
        coefficients = _solved(terms, values, _weights(distance, tolerance), order, stiffness)
    return coefficients


def _weights(distance: np.ndarray, tolerance: float) -> np.ndarray:
    weights: np.ndarray = 1 / (1 + (distance / tolerance) ** 2) ** 2
    return weights


def _solved(
    terms: np.ndarray,
    values: np.ndarray,
    weights: np.ndarray,
    order: int,
    stiffness: float = _STIFFNESS,
) -> np.ndarray:
    """Weighted least squares with the first `order` terms; the others stay 0."""
    weighted = terms[:, :order] * weights[:, np.newaxis]
    # Bends that few pixels speak for are kept flat, and pictures of one row solvable.
    penalty = stiffness * weights.sum() * np.eye(order)
    penalty[0, 0] = 0
    solution = np.zeros((6, values.shape[1]))
    solution[:order] = np.linalg.solve(weighted.T @ terms[:, :order] + penalty, weighted.T @ values)
    return solution


def _separating_axis(deviation: np.ndarray) -> np.ndarray:
    """Fisher's discriminant between paper and what is far from it; its weights sum to 1 in size."""
    channels = deviation.shape[1]
    if channels == 1:
        return np.ones(1)
    strength = _farthest(deviation)
    far = strength > max(_quantile(strength, 0.99) / 2, 0.02)
    if not far.any():
        return np.full(channels, 1 / channels)
    weight = strength[far] ** 2
    ink = deviation[far]
    # Deviations of both signs (shadows and highlights) must not cancel out.
    main = np.linalg.eigh((ink * weight[:, None]).T @ ink)[1][:, -1]
    sides = np.sign(ink @ main)
    mean = ((ink * sides[:, None]) * weight[:, None]).sum(axis=0) / weight.sum()
    near = deviation[strength <= _quantile(strength, 0.5) * 2]
    noise = near.T @ near / max(len(near), 1) + 0.01**2 * np.eye(channels)
    axis = np.linalg.solve(noise, mean)
    return np.asarray(axis / np.abs(axis).sum())


def _evidence(depth: np.ndarray) -> float:
    """How much of the depth lies in shapes that stand free in the picture, as strokes do.

    Shadows, lit corners and dark edges lean on the border with much of their length.
    """
    positive = np.maximum(depth, 0).astype(np.float32)
    mask = (positive > max(_FREE * float(positive.max()), 0.03)).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    edges = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    contact = np.bincount(edges, minlength=len(stats))
    is_free = contact < 0.6 * stats[:, 2:4].max(axis=1)
    is_free[0] = False
    energy = positive**2
    side = max(3, round(_NARROW * max(depth.shape)) | 1)
    hat = cv2.morphologyEx(positive, cv2.MORPH_TOPHAT, np.ones((side, side), np.uint8))
    # Narrow shapes count too, where they hang together with a shadow.
    return float(energy[is_free[labels]].sum() + 0.3 * (np.asarray(hat) ** 2).sum())


def _scaled(values: np.ndarray, width: int, height: int) -> np.ndarray:
    scaled = cv2.resize(values.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(scaled)
