"""Calibration: whether of the images read with 90 % confidence, 90 % are right.

Guo, Pleiss, Sun and Weinberger (2017), "On Calibration of Modern Neural Networks",
arXiv:1706.04599: one number, the temperature, by which all logits are divided, repairs most of
what training leaves; the expected calibration error says how much is left. The estimate by bins is
Naeini, Cooper and Hauskrecht's (2015), "Obtaining Well Calibrated Probabilities Using Bayesian
Binning", AAAI.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64

from loupe.arrays import Labels, Probabilities
from loupe.errors import DataError
from loupe.examination.intervals import Interval, percentiles, resample, wilson

BINS = 15  # as in Guo et al., section 4.1
TEMPERATURES = (0.05, 20.0)  # outside of these the logits are broken, not badly scaled
STEPS = 100  # Newton takes 5 to 10; bisection alone needs 60 for full precision


def fit_temperature(logits: Float32[np.ndarray, "n k"], labels: Labels) -> float:
    """Find the temperature that makes held-out labels likeliest: softmax(logits / temperature).

    The negative log-likelihood is convex in 1 / temperature, so Newton's method inside a bracket
    finds its one minimum. Two things keep it sane where there is little to learn from:

    - The label of each image is believed to (n + 1) / (n + 2), not to 1 (Platt 1999,
      "Probabilistic Outputs for Support Vector Machines", section 2.2). Without it, a classifier
      that is right on all of 200 validation images would be made sure of everything.
    - The result is clipped to 0.05..20. Where the logits say nothing, and without images, it is 1.

    Args:
        logits: outputs before the softmax, of images that the network was not trained on.
        labels: their classes.

    Raises:
        DataError: a logit is not a number.

    Example:
        >>> logits = np.array([[4, 0], [4, 0], [4, 0], [0, 4]], np.float32)
        >>> fit_temperature(logits, np.array([0, 0, 1, 1])) > 1  # surer than 3 in 4 allows
        True
    """
    if np.isnan(logits).any():
        raise DataError(
            f"The logits of {int(np.isnan(logits).any(axis=1).sum())} of {len(logits)} images are "
            "not numbers, so no temperature fits them. Train with a smaller learning rate."
        )
    if not logits.size or np.all(logits == logits[:, :1]):
        return 1.0
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    # The logarithm of a probability of 0 is minus infinity; exp(-100) is 0 in float32 all the same.
    scores = np.maximum(shifted, -100.0)
    return 1 / _newton(scores, _believed(scores, labels))


def calibration_error(labels: Labels, probabilities: Probabilities, bins: int = BINS) -> float:
    """Measure the expected calibration error: mean gap between confidence and accuracy.

    Confidence is the probability of the first guess; images are sorted by it into bins of equal
    width, each open below and closed above, and the gaps are weighted by the bins' images.

    Example:
        >>> sure = np.array([[0.9, 0.1], [0.9, 0.1]], np.float32)
        >>> round(calibration_error(np.array([0, 1]), sure), 3)  # 90 % sure, 50 % right
        0.4
    """
    confidence, right = _confidence(labels, probabilities)
    gaps = np.bincount(_bin(confidence, bins), right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def calibration_interval(labels: Labels, probabilities: Probabilities) -> Interval:
    """Find the bootstrap interval of the calibration error.

    Drawing images again adds noise to each bin's gap, and the error sums the gaps without their
    sign: resamples lie above the measured value on average. That difference is subtracted first.
    """
    value = calibration_error(labels, probabilities)
    confidence, right = _confidence(labels, probabilities)
    fine = _bin(confidence, BINS * 16)  # confidences that are alike to 1/240 are one kind
    kinds = 2 * fine + right.astype(np.int64)
    counts = np.bincount(kinds, minlength=BINS * 32)
    kept = np.flatnonzero(counts)
    mean_gap = np.bincount(kinds, right - confidence, minlength=BINS * 32)[kept] / counts[kept]
    bin_of_kind = np.zeros((len(kept), BINS))
    bin_of_kind[np.arange(len(kept)), kept // 32] = mean_gap
    resampled = np.abs(resample(counts[kept]) @ bin_of_kind).sum(axis=1) / len(labels)
    unbiased = np.clip(resampled - (resampled.mean() - value), 0.0, 1.0)
    return percentiles(value, unbiased)


@dataclass(frozen=True)
class Calibration:
    """The expected calibration error with and without the temperature, on the same images.

    Attributes:
        temperature: by which the logits are divided; below 1 it makes the model surer.
        n: images.
        before: error of the probabilities without it; `before_low` and `before_high` are the ends
            of its 95 % bootstrap interval.
        before_low: see before.
        before_high: see before.
        after: error of the probabilities as the model gives them, with its interval likewise.
        after_low: see after.
        after_high: see after.
    """

    temperature: float
    n: int
    before: float
    before_low: float
    before_high: float
    after: float
    after_low: float
    after_high: float


def measure_calibration(
    labels: Labels, probabilities: Probabilities, temperature: float
) -> Calibration:
    """Measure what a temperature did: the calibration error before and after it.

    Args:
        labels: of images that the temperature was not fitted on, or the error after it flatters.
        probabilities: of a model that divides its logits by the temperature.
        temperature: of that model.

    Example:
        >>> sure = np.array([[0.9, 0.1], [0.9, 0.1]], np.float32)
        >>> found = measure_calibration(np.array([0, 1]), sure, 2.0)
        >>> round(found.before, 2), round(found.after, 2)
        (0.49, 0.4)
    """
    raw = without_temperature(probabilities, temperature)
    before, after = (calibration_interval(labels, each) for each in (raw, probabilities))
    return Calibration(
        temperature=temperature,
        n=len(labels),
        before=calibration_error(labels, raw),
        before_low=before.low,
        before_high=before.high,
        after=calibration_error(labels, probabilities),
        after_low=after.low,
        after_high=after.high,
    )


def without_temperature(probabilities: Probabilities, temperature: float) -> Probabilities:
    """Take a temperature out of probabilities again: softmax(temperature * log p).

    Softmax(logits / temperature) holds the logits up to a constant, which softmax does not see.

    Example:
        >>> without_temperature(np.array([[0.8, 0.2]], np.float32), 2.0).round(3).tolist()
        [[0.9409999847412109, 0.05900000035762787]]
    """
    tiny = np.finfo(np.float32).tiny  # what is rounded to 0 stays next to nothing
    scores = temperature * np.log(np.maximum(probabilities, tiny).astype(np.float64))
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    restored: Probabilities = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return restored


@dataclass(frozen=True)
class ReliabilityBin:
    """The images read with a confidence in (low, high]: how sure the guesses were, how right.

    `accuracy_low` and `accuracy_high` are the Wilson interval of the accuracy.
    """

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float


def reliability(
    labels: Labels, probabilities: Probabilities, bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """Sort images by confidence for a reliability diagram; bins without images are left out.

    Example:
        >>> sure = np.array([[0.9, 0.1], [0.9, 0.1]], np.float32)
        >>> [(bin.n, bin.accuracy) for bin in reliability(np.array([0, 1]), sure, bins=10)]
        [(2, 0.5)]
    """
    confidence, right = _confidence(labels, probabilities)
    where = _bin(confidence, bins)
    counts = np.bincount(where, minlength=bins)
    sure = np.bincount(where, confidence, minlength=bins)
    correct = np.bincount(where, right, minlength=bins)
    filled = []
    for i in np.flatnonzero(counts):
        n = int(counts[i])
        interval = wilson(int(correct[i]), n)
        filled.append(
            ReliabilityBin(
                low=float(i / bins),
                high=float((i + 1) / bins),
                n=n,
                confidence=float(sure[i] / n),
                accuracy=float(correct[i] / n),
                accuracy_low=interval.low,
                accuracy_high=interval.high,
            )
        )
    return tuple(filled)


def _believed(scores: Float64[np.ndarray, "n k"], labels: Labels) -> Float64[np.ndarray, " n"]:
    """The score that the labels expect: the labelled class's, to (n + 1) / (n + 2)."""
    n, k = scores.shape
    labelled = scores[np.arange(n), labels]
    others = (scores.sum(axis=1) - labelled) / max(k - 1, 1)
    doubt = 1 / (n + 2)
    expected: Float64[np.ndarray, " n"] = (1 - doubt) * labelled + doubt * others
    return expected


def _newton(scores: Float64[np.ndarray, "n k"], believed: Float64[np.ndarray, " n"]) -> float:
    """Minimise the negative log-likelihood over the inverse temperature."""
    low, high = 1 / TEMPERATURES[1], 1 / TEMPERATURES[0]
    inverse = 1.0
    for _ in range(STEPS):
        weights = np.exp(scores * inverse)
        weights /= weights.sum(axis=1, keepdims=True)
        mean = (weights * scores).sum(axis=1)
        slope = float((mean - believed).mean())
        curvature = float(((weights * scores**2).sum(axis=1) - mean**2).mean())
        low, high = (inverse, high) if slope < 0 else (low, inverse)
        step = inverse - slope / curvature if curvature > 0 else np.inf
        previous, inverse = inverse, step if low < step < high else (low + high) / 2
        if abs(inverse - previous) <= 1e-9 * previous:
            break
    return inverse


def _confidence(
    labels: Labels, probabilities: Probabilities
) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """Each image's confidence in the first guess, and 1.0 where that guess is right."""
    right = probabilities.argmax(axis=1) == labels
    return probabilities.max(axis=1).astype(np.float64), right.astype(np.float64)


def _bin(confidence: Float64[np.ndarray, " n"], bins: int) -> Int64[np.ndarray, " n"]:
    """The bin of each confidence, open below and closed above."""
    found: Int64[np.ndarray, " n"] = np.ceil(confidence * bins).astype(np.int64) - 1
    return found.clip(0, bins - 1)
