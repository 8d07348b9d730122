"""The power law of learning: error = floor + scale * (size / reference) ** -exponent.

Errors of classifiers fall with the number of training images by such a law over orders of
magnitude: Hestness et al. (2017), "Deep learning scaling is predictable, empirically",
arXiv:1712.00409; Rosenfeld et al. (2020), "A constructive prediction of the generalization error
across scales", ICLR. The floor is what no amount of the same kind of data takes away: labels that
are wrong, images that nobody can read.

For a given exponent the law is linear in floor and scale, so that the best of a grid of exponents
is the best there is: no starting values, no search that ends beside the minimum. Neither floor nor
scale may be negative.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from loupe.errors import DataError

EXPONENTS = np.arange(0.05, 2.0001, 0.01)  # measured ones lie between 0.07 and 1
FEWEST_SIZES = 3  # as many as the law has unknowns

Sizes = Float64[np.ndarray, " p"]
Curves = Float64[np.ndarray, "r p"]


@dataclass(frozen=True, eq=False)
class PowerLaws:
    """One law, or as many as there are resamples of the figures that it was fitted to.

    Attributes:
        reference: the size at which `scale` is what data can still take away.
        floor: error that is left with endless data, float64 `[r]`.
        scale: of each law.
        exponent: of each law.
    """

    reference: float
    floor: Float64[np.ndarray, " r"]
    scale: Float64[np.ndarray, " r"]
    exponent: Float64[np.ndarray, " r"]

    def errors(self, sizes: Sequence[int]) -> Curves:
        """Give the errors that each law expects of so many training images, `[r p]`."""
        shrunk = (np.asarray(sizes, np.float64) / self.reference) ** -self.exponent[:, None]
        expected: Curves = self.floor[:, None] + self.scale[:, None] * shrunk
        return expected


def fit_power_laws(sizes: Sequence[int], errors: Curves, variances: Sizes) -> PowerLaws:
    """Fit a power law to each row of errors by weighted least squares.

    Args:
        sizes: numbers of training images, at least three different ones.
        errors: shares of mistakes at each size; a row for each law.
        variances: how much the errors at each size vary: what varies little counts for more.

    Raises:
        DataError: fewer than three sizes, which any law fits.

    Example:
        >>> sizes = [1_000, 2_000, 4_000, 8_000]
        >>> errors = np.array([[0.02 + 0.1 * (n / 8_000) ** -0.5 for n in sizes]])
        >>> law = fit_power_laws(sizes, errors, np.ones(4))
        >>> law.floor.round(3), law.scale.round(3), law.exponent.round(2)
        (array([0.02]), array([0.1]), array([0.5]))
    """
    if len(set(sizes)) < FEWEST_SIZES:
        raise DataError(
            f"A learning curve of {len(set(sizes))} sizes has nothing to say: any law fits it. "
            f"Give at least {FEWEST_SIZES} different sizes of training data."
        )
    reference = float(max(sizes))
    powers = (np.asarray(sizes, np.float64) / reference) ** -EXPONENTS[:, None]  # [e p]
    weights = 1 / np.maximum(variances, 1e-12)
    weights /= weights.sum()
    floors, scales = _fit_lines(powers, errors, weights)
    expected = floors[:, :, None] + scales[:, :, None] * powers  # [r e p]
    misfits = ((errors[:, None, :] - expected) ** 2 * weights).sum(axis=2)
    best = misfits.argmin(axis=1)
    rows = np.arange(len(errors))
    return PowerLaws(reference, floors[rows, best], scales[rows, best], EXPONENTS[best])


def _fit_lines(
    powers: Float64[np.ndarray, "e p"], errors: Curves, weights: Sizes
) -> tuple[Float64[np.ndarray, "r e"], Float64[np.ndarray, "r e"]]:
    """Fit floor and scale for each exponent, neither of them negative; weights sum to 1."""
    mean_power = powers @ weights
    mean_error = (errors @ weights)[:, None]
    mean_square = powers**2 @ weights
    product = (errors * weights) @ powers.T
    spread = mean_square - mean_power**2
    scales = (product - mean_error * mean_power) / spread
    floors = mean_error - scales * mean_power
    # Where one of the two is negative, the best without it, which is the best there is.
    through_zero = product / mean_square
    scales = np.where(floors < 0, through_zero, scales)
    floors = np.where(floors < 0, 0.0, floors)
    floors = np.where(scales < 0, mean_error, floors)
    return floors, np.maximum(scales, 0.0)
