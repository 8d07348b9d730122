"""Intervals of 95 %: how far a figure measured on n images may be from the truth.

Two methods, and every figure says which of them it used:

- **wilson** for a proportion (so many of n images): Wilson (1927), "Probable inference, the law of
  succession, and statistical inference", JASA 22. It stays inside 0..1 and says something sensible
  of 30 right out of 30.
- **bootstrap** for the rest: Efron (1979), "Bootstrap methods: another look at the jackknife",
  Annals of Statistics 7. The images are drawn again with replacement, 1,000 times, and the
  2.5th and 97.5th percentile of the figure are its interval. The draws are seeded: the same
  predictions have the same interval. What resamples cannot show, because a class is read all
  rightly or all wrongly, is added by Wilson's formula (`widened`).

Drawing n images again and counting them by kind is one multinomial draw over the kinds (same label
and guess, say). That costs what the number of kinds costs, whatever the number of images: 3 ms for
the confusion matrix of 10,000 images, where drawing the images themselves takes 100 ms.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64

from loupe.arrays import Labels, Probabilities

Method = Literal["wilson", "bootstrap"]

Z = 1.959963984540054  # standard deviations on either side that hold 95 % of a normal distribution
RESAMPLES = 1_000
SEED = 1979
LEVELS = 512  # kinds that the values of a mean are sorted into


@dataclass(frozen=True)
class Interval:
    """The two ends of a 95 % interval, and how they were found."""

    low: float
    high: float
    method: Method


def wilson(successes: int, n: int) -> Interval:
    """Find the interval of a proportion: so many successes of n images.

    Of no images at all nothing is known: the interval is 0 to 1.

    Example:
        >>> interval = wilson(9_952, 10_000)
        >>> round(interval.low, 4), round(interval.high, 4)
        (0.9936, 0.9964)
    """
    if n == 0:
        return Interval(0.0, 1.0, "wilson")
    share = successes / n
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * (share * (1 - share) / n + Z**2 / (4 * n**2)) ** 0.5
    # At 0 and n successes the end is exact; rounding must not push it past the share itself.
    low = 0.0 if successes == 0 else min(centre - half, share)
    high = 1.0 if successes == n else max(centre + half, share)
    return Interval(low, high, "wilson")


def resample(counts: Int64[np.ndarray, " g"]) -> Int64[np.ndarray, "r g"]:
    """Draw all images again with replacement, 1,000 times, and count them by kind.

    Args:
        counts: images of each kind; at least one image in all.

    Returns:
        Counts of each kind in each resample; each row sums to the number of images.
    """
    n = int(counts.sum())
    return np.random.default_rng(SEED).multinomial(n, counts / n, size=RESAMPLES)


def percentiles(value: float, resampled: Float64[np.ndarray, " r"]) -> Interval:
    """Take the 2.5th and 97.5th percentile of a figure's resamples; the figure itself is inside."""
    low, high = np.percentile(resampled, (2.5, 97.5))
    return Interval(min(float(low), value), max(float(high), value), "bootstrap")


def widened(interval: Interval, value: float, doubts: Sequence[tuple[float, float]]) -> Interval:
    """Add to the interval of an average of proportions what the bootstrap cannot see of it.

    Resamples of 4 images that were all read wrongly are all read wrongly, as if 4 images proved
    that all are. Such parts of the average do not vary in the resamples; their distances from
    their Wilson limits are added to those of the bootstrap as independent errors are, by their
    squares: Zou and Donner (2008), "Construction of confidence limits about effect measures",
    Statistics in Medicine 27. They shrink with 1 / n, the bootstrap's own with its root: of many
    images the bootstrap is what is left.

    Args:
        interval: what the bootstrap found.
        value: the average, between 0 and 1.
        doubts: of each part without variation, how far the average may be below and above because
            of it.

    Example:
        >>> third = Interval(1 / 3, 1 / 3, "bootstrap")
        >>> interval = widened(third, 1 / 3, [(0.1, 0.0), (0.0, 0.03), (0.0, 0.04)])
        >>> round(interval.low, 3), round(interval.high, 3)
        (0.233, 0.383)
    """
    below = math.hypot(value - interval.low, *(low for low, _ in doubts))
    above = math.hypot(interval.high - value, *(high for _, high in doubts))
    return Interval(max(value - below, 0.0), min(value + above, 1.0), interval.method)


def bootstrap_mean(values: Float64[np.ndarray, " n"]) -> Interval:
    """Find the interval of a mean over images.

    Values that are alike to 1/512 of their range are one kind with their own mean, which leaves
    the mean as it is and takes less than a hundredth from the interval's width.

    Example:
        >>> interval = bootstrap_mean(np.arange(100.0))
        >>> interval.low < 49.5 < interval.high
        True
    """
    kinds, counts = _kinds(values)
    sums = np.bincount(kinds, values, minlength=len(counts))
    kept = counts > 0
    means = sums[kept] / counts[kept]
    resampled = resample(counts[kept]) @ means / len(values)
    return percentiles(float(values.mean()), resampled)


def bootstrap(
    metric: Callable[[Labels, Probabilities], float], labels: Labels, probabilities: Probabilities
) -> Interval:
    """Find the interval of any metric by drawing the images themselves, 1,000 times.

    The way for a metric that has no quicker one: it costs 1,000 times the metric.
    """
    generator = np.random.default_rng(SEED)
    n = len(labels)
    draws = (generator.integers(0, n, n) for _ in range(RESAMPLES))
    resampled = np.array([metric(labels[drawn], probabilities[drawn]) for drawn in draws], float)
    return percentiles(metric(labels, probabilities), resampled)


def _kinds(
    values: Float64[np.ndarray, " n"],
) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " g"]]:
    """Sort values into `LEVELS` levels of equal width; count each level."""
    low, high = values.min(), values.max()
    if low == high:
        return np.zeros(len(values), np.int64), np.array([len(values)])
    levels = ((values - low) * (LEVELS / (high - low))).astype(np.int64)
    kinds = np.minimum(levels, LEVELS - 1)
    return kinds, np.bincount(kinds, minlength=LEVELS)
