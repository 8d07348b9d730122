"""Prediction sets: instead of one guess, the classes among which the label is, so often.

Split conformal prediction with the least ambiguous sets: Sadinle, Lei and Wasserman (2019), "Least
ambiguous set-valued classifiers with bounded error levels", JASA 114, arXiv:1609.00451. A class is
in the set of an image if its probability is at least a threshold; the threshold is the
finite-sample quantile of the labels' probabilities on held-out images, so that a new image's label
is in its set with at least the wanted chance, whatever the model, as long as images are
exchangeable. Of all rules that do so, this has the smallest sets on average where the
probabilities are true (their theorem 1), and it needs no random number and no tuned penalty.

Where the model is right more often than was asked for, some sets are empty: not even the first
guess was needed there. The promise is over all images; single classes may be covered less.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from loupe.arrays import Labels, Probabilities
from loupe.examination.intervals import wilson

LEVELS = (0.90, 0.95, 0.99)  # the shares of images whose label is to be in the set


@dataclass(frozen=True)
class PredictionSets:
    """The prediction sets of some images at one level.

    Attributes:
        level: share of images whose label was to be in its set.
        least: probability that a class in a set has at least; 0: every class is in every set.
        n: images.
        coverage: share of images whose label is in its set.
        low: lower end of its 95 % interval (Wilson).
        high: upper end.
        mean_size: classes in a set, on average.
        empty: share of images with no class in the set.
        single: share of images with one class in the set.
        weakest: the class whose images are covered least.
        weakest_coverage: share of its images that are.
    """

    level: float
    least: float
    n: int
    coverage: float
    low: float
    high: float
    mean_size: float
    empty: float
    single: float
    weakest: str
    weakest_coverage: float


def least_probability(labels: Labels, probabilities: Probabilities, level: float) -> float:
    """Find the probability that a class needs to be in a set, from held-out images.

    The k-th largest probability of a label, where k is the level's share of n + 1 images, rounded
    up: one more than the images at hand, because the new one counts too. 0, which lets all classes
    in, where that is more than there are: 0.99 takes 99 images.

    Example:
        >>> own = np.linspace(0.5, 0.99, 50).astype(np.float32)
        >>> sure = np.stack([own, 1 - own], axis=1)
        >>> round(least_probability(np.zeros(50, np.int64), sure, 0.9), 2)
        0.54
    """
    own = np.sort(probabilities[np.arange(len(labels)), labels])[::-1]
    # 0.9 * 10 is 9.000000000000002 in binary, and would be rounded up to 10.
    k = math.ceil(round((len(own) + 1) * level, 9))
    return float(str(own[k - 1])) if k <= len(own) else 0.0


def prediction_sets(probabilities: Probabilities, least: float) -> Bool[np.ndarray, "n k"]:
    """Say of each image which classes are in its set.

    Example:
        >>> prediction_sets(np.array([[0.7, 0.2, 0.1]], np.float32), 0.15).tolist()
        [[True, True, False]]
    """
    return np.asarray(probabilities >= np.float32(least))


def measure_sets(
    labels: Labels,
    sets: Bool[np.ndarray, "n k"],
    level: float,
    least: float,
    class_names: tuple[str, ...],
) -> PredictionSets:
    """Measure how often the label is in its set, and how large the sets are."""
    covered, sizes = sets[np.arange(len(labels)), labels], sets.sum(axis=1)
    interval = wilson(int(covered.sum()), len(labels))
    images = np.bincount(labels, minlength=len(class_names))
    hits = np.bincount(labels, covered, minlength=len(class_names))
    shares = np.where(images > 0, hits / np.maximum(images, 1), np.inf)
    weakest = int(shares.argmin())
    return PredictionSets(
        level=level,
        least=least,
        n=len(labels),
        coverage=float(covered.mean()),
        low=interval.low,
        high=interval.high,
        mean_size=float(sizes.mean()),
        empty=float((sizes == 0).mean()),
        single=float((sizes == 1).mean()),
        weakest=class_names[weakest],
        weakest_coverage=float(shares[weakest]),
    )
