"""Two classifiers on the same images: whether their difference is real.

Both have read the same images, so the images that both read rightly, or both wrongly, say nothing
about which is better. What remains are two counts: images that only the first reads rightly, and
images that only the second does.

- **McNemar's test**, exact: were the two equally good, each of these images would fall to either
  with even chance. McNemar (1947), "Note on the sampling error of the difference between correlated
  proportions or percentages", Psychometrika 12; exact by the binomial distribution.
- **Holm's correction** where several pairs are tested: Holm (1979), "A simple sequentially
  rejective multiple test procedure", Scandinavian Journal of Statistics 6.
- **Exchanging signs at random** where several classifiers of each kind have read the images: were
  the kinds equally good, the mean difference on each image could as well have the other sign.
  Fisher (1935), "The design of experiments"; of one classifier each it is McNemar's test.
- **The interval of the difference** by a paired bootstrap: images are drawn again with both
  readings of them (`loupe.examination.intervals`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from loupe.examination.intervals import SEED, Interval, percentiles, resample, wilson

Rightness = Bool[np.ndarray, " n"]  # whether each image was read rightly

SIGNIFICANT = 0.05  # p-values below it are no chance
SIGN_ROUNDS, SIGN_ROUND = 20, 1000  # exchanges of signs, so many at a time: 0.2 s for 500 images


@dataclass(frozen=True)
class Difference:
    """How much better one classifier is than another on the same images.

    Attributes:
        value: accuracy of the first less that of the second.
        low: lower end of its 95 % interval (paired bootstrap).
        high: upper end.
        p: chance of a difference at least as large between equally good classifiers, two-sided
            (McNemar, exact; of several classifiers each, by exchanging signs at random).
        only_first: images that only the first reads rightly, or more of the first kind do.
        only_second: images that only the second reads rightly, or more of the second kind do.
        n: images that both have read.
    """

    value: float
    low: float
    high: float
    p: float
    only_first: int
    only_second: int
    n: int


def difference(first: Rightness, second: Rightness) -> Difference:
    """Compare two classifiers on the images that both have read.

    Args:
        first: whether the first reads each image rightly.
        second: the same of the second, in the same order; at least one image.

    Example:
        >>> found = difference(np.arange(100) < 95, np.arange(100) < 83)
        >>> round(found.value, 2), found.only_first, found.p < 0.001
        (0.12, 12, True)
    """
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    n = len(first)
    interval = difference_interval(only_first, only_second, n)
    return Difference(
        value=(only_first - only_second) / n,
        low=interval.low,
        high=interval.high,
        p=mcnemar(only_first, only_second),
        only_first=only_first,
        only_second=only_second,
        n=n,
    )


def mean_difference(first: Bool[np.ndarray, "s n"], second: Bool[np.ndarray, "s n"]) -> Difference:
    """Compare two kinds of classifiers, of each several that have read the same images.

    Args:
        first: whether each classifier of the first kind reads each image rightly.
        second: the same of as many of the second kind.

    Example:
        >>> right = np.random.default_rng(0).random((2, 4, 500)) < [[[0.95]], [[0.85]]]
        >>> found = mean_difference(*right)
        >>> round(found.value, 1), found.p < 0.001
        (0.1, True)
    """
    if len(first) == 1:
        return difference(first[0], second[0])
    each = first.mean(axis=0) - second.mean(axis=0)
    value, n = float(each.mean()), len(each)
    steps, counts = np.unique(each, return_counts=True)
    seen = percentiles(value, resample(counts) @ steps / n)
    return Difference(
        value=value,
        low=seen.low,
        high=seen.high,
        p=_signs_exchanged(each[each != 0]),
        only_first=int((each > 0).sum()),
        only_second=int((each < 0).sum()),
        n=n,
    )


def _signs_exchanged(each: Float64[np.ndarray, " m"]) -> float:
    """How often a sum is as far from 0 if every sign is left to chance."""
    generator = np.random.default_rng(SEED)
    further, reached = 0, abs(float(each.sum())) - 1e-9
    for _ in range(SIGN_ROUNDS):
        signs = generator.integers(0, 2, (SIGN_ROUND, len(each)), np.int8) * 2 - 1
        further += int((abs(signs @ each) >= reached).sum())
    return (1 + further) / (1 + SIGN_ROUNDS * SIGN_ROUND)


def mcnemar(only_first: int, only_second: int) -> float:
    """Give the p-value of McNemar's exact test, two-sided.

    Twice the chance of at most the smaller count among as many throws of a fair coin. It is counted
    in whole numbers, so that no digit is lost: 0.1 s for 60,000 images.

    Example:
        >>> mcnemar(8, 1), mcnemar(0, 0)
        (0.0390625, 1.0)
    """
    throws, fewer = only_first + only_second, min(only_first, only_second)
    ways = term = 1
    for hits in range(1, fewer + 1):
        term = term * (throws - hits + 1) // hits
        ways += term
    p: float = 2 * ways / 2**throws
    return min(1.0, p)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Correct p-values for their number: together they err as often as a single one would.

    The smallest of m is multiplied by m, the next by m - 1, and so on; none may fall below one that
    was smaller.

    Example:
        >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
        [0.03, 0.06, 0.06]
    """
    corrected = [1.0] * len(p_values)
    least = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[i]))
        corrected[i] = least
    return tuple(corrected)


def chance(p: float) -> str:
    """Write a p-value: as much of it as anybody reads.

    Example:
        >>> chance(0.0342), chance(1e-9), chance(1.0)
        ('p = 0.034', 'p < 0.001', 'p = 1')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def difference_interval(only_first: int, only_second: int, n: int) -> Interval:
    """Find the 95 % interval of the difference of two accuracies on the same n images.

    Drawing n images again with both readings is one multinomial draw over three kinds of image.
    Where no image is of a kind, resamples have none of it either, as if n images proved that there
    are none: Wilson's limit of 0 in n is added there (see `loupe.examination.intervals.widened`).

    Example:
        >>> interval = difference_interval(30, 10, 1_000)
        >>> round(interval.low, 3), round(interval.high, 3)
        (0.008, 0.032)
    """
    value = (only_first - only_second) / n
    drawn = resample(np.array([only_first, only_second, n - only_first - only_second]))
    seen = percentiles(value, (drawn[:, 0] - drawn[:, 1]) / n)
    unseen = wilson(0, n).high
    below = math.hypot(value - seen.low, 0.0 if only_second else unseen)
    above = math.hypot(seen.high - value, 0.0 if only_first else unseen)
    return Interval(max(value - below, -1.0), min(value + above, 1.0), "bootstrap")
