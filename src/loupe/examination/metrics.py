"""The metrics: functions of labels and probabilities, each measured with n and an interval.

`METRICS` is the table; to add one, write `f(labels, probabilities) -> float` and list it there. Its
interval is then found by drawing the images again, which takes 1,000 times as long as the metric.

Conventions, the same as scikit-learn's where it has the metric:

- The guess is the likeliest class; of equally likely ones, the first. The second and third follow
  as a stable sort of the negated probabilities has them.
- Macro averages are over the classes that occur among the labels or the guesses. A class without
  guesses has precision 0, one without images recall 0 (`zero_division=0`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from loupe.arrays import Labels, Probabilities
from loupe.errors import DataError
from loupe.examination.calibration import calibration_error, calibration_interval
from loupe.examination.intervals import (
    Interval,
    Method,
    bootstrap,
    bootstrap_mean,
    percentiles,
    resample,
    widened,
    wilson,
)

ConfusionMatrix = Int64[np.ndarray, "k k"]  # rows are labels, columns guesses


@dataclass(frozen=True)
class Metric:
    """One figure, the number of images that it rests on, and its 95 % interval."""

    value: float
    low: float
    high: float
    n: int
    interval: Method


@dataclass(frozen=True)
class PerClass:
    """How well one class is read; `n` counts its images.

    Precision's interval rests on the guesses of the class, recall's on its images (Wilson both).
    Where there are none, the figure is 0 and its interval 0 to 1.
    """

    name: str
    precision: float
    recall: float
    f1: float
    n: int
    precision_low: float
    precision_high: float
    recall_low: float
    recall_high: float


def best_guesses(probabilities: Probabilities) -> Labels:
    """Take the likeliest class of each image; of equally likely ones, the first."""
    guesses: Labels = probabilities.argmax(axis=1)
    return guesses


def top_guesses(probabilities: Probabilities, count: int = 3) -> Int64[np.ndarray, "n m"]:
    """Take the likeliest classes of each image, best first; all of them where there are fewer.

    Example:
        >>> top_guesses(np.array([[0.2, 0.5, 0.3, 0.0]], np.float32))
        array([[1, 2, 0]])
    """
    left = probabilities.copy()
    rows = np.arange(len(left))
    guesses = np.empty((len(left), min(count, left.shape[1])), np.int64)
    for place in range(guesses.shape[1]):
        guesses[:, place] = left.argmax(axis=1)
        left[rows, guesses[:, place]] = -np.inf
    return guesses


def confusion_matrix(labels: Labels, guesses: Labels, classes: int) -> ConfusionMatrix:
    """Count the images of each label (row) that were taken for each class (column).

    Example:
        >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2)
        array([[1, 1],
               [0, 1]])
    """
    cells = np.bincount(labels * classes + guesses, minlength=classes**2)
    return cells.reshape(classes, classes)


def accuracy(labels: Labels, probabilities: Probabilities) -> float:
    """Share of images whose first guess is right."""
    return _share(best_guesses(probabilities) == labels)


def top_3_accuracy(labels: Labels, probabilities: Probabilities) -> float:
    """Share of images whose label is among the first three guesses; 1 with three classes or fewer.

    Example:
        >>> top_3_accuracy(np.array([3]), np.array([[0.4, 0.3, 0.2, 0.1]], np.float32))
        0.0
    """
    return _share(_in_top_3(labels, probabilities))


def precision(labels: Labels, probabilities: Probabilities) -> float:
    """Mean over classes: of the images taken for it, the share that is it."""
    return float(_macro(*_margins(labels, probabilities))[0, 0])


def recall(labels: Labels, probabilities: Probabilities) -> float:
    """Mean over classes: of its images, the share that is recognised."""
    return float(_macro(*_margins(labels, probabilities))[1, 0])


def f1(labels: Labels, probabilities: Probabilities) -> float:
    """Mean over classes: harmonic mean of precision and recall."""
    return float(_macro(*_margins(labels, probabilities))[2, 0])


def log_loss(labels: Labels, probabilities: Probabilities) -> float:
    """Mean negative logarithm of the probability of the label; 0 is perfect.

    Probabilities are clipped to float32's resolution (1.2e-7), so that one image that was held
    to be impossible costs 15.9 and not infinity.

    Example:
        >>> round(log_loss(np.array([0]), np.array([[0.5, 0.5]], np.float32)), 3)
        0.693
    """
    return float(_losses(labels, probabilities).mean())


METRICS: dict[str, Callable[[Labels, Probabilities], float]] = {
    "accuracy": accuracy,
    "top_3_accuracy": top_3_accuracy,
    "precision": precision,
    "recall": recall,
    "f1": f1,
    "log_loss": log_loss,
    "calibration_error": calibration_error,
}


def measure(labels: Labels, probabilities: Probabilities) -> dict[str, Metric]:
    """Measure every metric of `METRICS`, each with its 95 % interval.

    Raises:
        DataError: there are no images, a label is no class, or a probability is not a number.

    Example:
        >>> labels = np.array([0, 1, 1])
        >>> found = measure(labels, np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], np.float32))
        >>> round(found["accuracy"].value, 3), found["accuracy"].interval, found["f1"].n
        (0.667, 'wilson', 3)
    """
    _refuse_what_has_no_figures(labels, probabilities)
    intervals = _quick_intervals(labels, probabilities)
    found = {}
    for name, metric in METRICS.items():
        interval = intervals.get(name) or bootstrap(metric, labels, probabilities)
        value = metric(labels, probabilities)
        found[name] = Metric(value, interval.low, interval.high, len(labels), interval.method)
    return found


def measure_classes(confusion: ConfusionMatrix, names: tuple[str, ...]) -> tuple[PerClass, ...]:
    """Measure precision, recall and F1 of each class.

    Example:
        >>> found = measure_classes(np.array([[8, 2], [0, 10]]), ("cat", "dog"))
        >>> found[0].name, found[0].precision, found[0].recall, found[0].n
        ('cat', 1.0, 0.8, 10)
    """
    right, images, guesses = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    found = []
    for i, name in enumerate(names):
        hits, n, guessed = int(right[i]), int(images[i]), int(guesses[i])
        of_guesses, of_images = wilson(hits, guessed), wilson(hits, n)
        found.append(
            PerClass(
                name=name,
                precision=hits / max(guessed, 1),
                recall=hits / max(n, 1),
                f1=2 * hits / max(guessed + n, 1),
                n=n,
                precision_low=of_guesses.low,
                precision_high=of_guesses.high,
                recall_low=of_images.low,
                recall_high=of_images.high,
            )
        )
    return tuple(found)


def _quick_intervals(labels: Labels, probabilities: Probabilities) -> dict[str, Interval]:
    n = len(labels)
    right = int((best_guesses(probabilities) == labels).sum())
    in_top_3 = int(_in_top_3(labels, probabilities).sum())
    return {
        "accuracy": wilson(right, n),
        "top_3_accuracy": wilson(in_top_3, n),
        **_macro_intervals(labels, probabilities),
        "log_loss": bootstrap_mean(_losses(labels, probabilities)),
        "calibration_error": calibration_interval(labels, probabilities),
    }


def _macro_intervals(labels: Labels, probabilities: Probabilities) -> dict[str, Interval]:
    """Intervals of the macro averages, from resamples of the confusion matrix's counts.

    Classes that are read all rightly or all wrongly do not vary in them: see `_doubts`.
    """
    k = probabilities.shape[1]
    names = ("precision", "recall", "f1")
    confusion = confusion_matrix(labels, best_guesses(probabilities), k)
    if int(confusion.trace()) == len(labels):
        # Resamples of a faultless reading are faultless: their interval would be 1 to 1. The
        # three averages equal the accuracy here, and Wilson knows that n images prove only so much.
        return dict.fromkeys(names, wilson(len(labels), len(labels)))
    cell_labels, cell_guesses = np.nonzero(confusion)
    draws = resample(confusion[cell_labels, cell_guesses]).astype(np.float64)
    classes = np.eye(k)
    right = draws @ (classes[cell_labels] * (cell_labels == cell_guesses)[:, None])
    resampled = _macro(right, draws @ classes[cell_labels], draws @ classes[cell_guesses])
    margins = _margins(labels, probabilities)
    found = {}
    for name, value, figures in zip(names, _macro(*margins)[:, 0], resampled, strict=True):
        seen = percentiles(float(value), figures)
        found[name] = widened(seen, float(value), _doubts(name, *(each[0] for each in margins)))
    return found


def _doubts(
    name: str,
    right: Float64[np.ndarray, " k"],
    images: Float64[np.ndarray, " k"],
    guesses: Float64[np.ndarray, " k"],
) -> list[tuple[float, float]]:
    """How far the classes of figure 0 or 1 may move a macro average down and up, by Wilson.

    F1 is 2 J / (1 + J), where J is the share of right ones among the images that are of the class
    or taken for it. A class without guesses has precision 0 by convention, which leaves no doubt.
    """
    out_of = {"precision": guesses, "recall": images, "f1": images + guesses - right}[name]
    present = np.count_nonzero(images + guesses)
    found = []
    for hits, n in zip(right.tolist(), out_of.tolist(), strict=True):
        if n and hits in (0, n):
            limits = wilson(int(hits), int(n))
            low, high = limits.low, limits.high
            if name == "f1":
                low, high = 2 * low / (1 + low), 2 * high / (1 + high)
            found.append(((hits / n - low) / present, (high - hits / n) / present))
    return found


def _margins(
    labels: Labels, probabilities: Probabilities
) -> tuple[Float64[np.ndarray, "1 k"], Float64[np.ndarray, "1 k"], Float64[np.ndarray, "1 k"]]:
    """Of each class: images read rightly, images, guesses."""
    k = probabilities.shape[1]
    guesses = best_guesses(probabilities)
    right = np.bincount(labels[guesses == labels], minlength=k)
    images, guessed = np.bincount(labels, minlength=k), np.bincount(guesses, minlength=k)
    return right[None].astype(float), images[None].astype(float), guessed[None].astype(float)


def _macro(
    right: Float64[np.ndarray, "r k"],
    images: Float64[np.ndarray, "r k"],
    guesses: Float64[np.ndarray, "r k"],
) -> Float64[np.ndarray, "3 r"]:
    """Macro precision, recall and F1 of each row of counts."""
    present = np.maximum((images + guesses > 0).sum(axis=1), 1)
    out_of = np.stack([guesses, images, (images + guesses) / 2])
    averages: Float64[np.ndarray, "3 r"] = (right / np.maximum(out_of, 0.5)).sum(axis=2) / present
    return averages


def _in_top_3(labels: Labels, probabilities: Probabilities) -> Bool[np.ndarray, " n"]:
    """Whether fewer than three classes come before the label: likelier, or as likely and first."""
    own = probabilities[np.arange(len(labels)), labels][:, None]
    earlier = np.arange(probabilities.shape[1]) < labels[:, None]
    before = (probabilities > own) | ((probabilities == own) & earlier)
    return np.asarray(before.sum(axis=1) < 3)


def _losses(labels: Labels, probabilities: Probabilities) -> Float64[np.ndarray, " n"]:
    own = probabilities[np.arange(len(labels)), labels]
    resolution = np.finfo(np.float32).eps
    losses: Float64[np.ndarray, " n"] = -np.log(
        np.clip(own, resolution, 1 - resolution).astype(np.float64)
    )
    return losses


def _share(right: Bool[np.ndarray, " n"]) -> float:
    return float(right.mean())


def _refuse_what_has_no_figures(labels: Labels, probabilities: Probabilities) -> None:
    classes = probabilities.shape[1]
    if not len(labels):
        raise DataError("There are no images to measure on. Give a data set with some.")
    if labels.min() < 0 or labels.max() >= classes:
        raise DataError(
            f"The labels run from {labels.min()} to {labels.max()}, but the classifier has "
            f"{classes} classes: labels from 0 to {classes - 1} were expected. "
            "Evaluate on data with the classes that it was trained on."
        )
    faulty = int((~np.isfinite(probabilities)).any(axis=1).sum())
    if faulty:
        raise DataError(
            f"The probabilities of {faulty} of {len(labels)} images are not numbers. The model's "
            "weights are broken: train it again, with a smaller learning rate."
        )
