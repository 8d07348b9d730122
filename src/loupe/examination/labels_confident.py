"""Confident learning: which labels the networks contradict with confidence, by cleanlab.

Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels"
(arXiv:1911.00068). An image counts as another class where that class's probability is over the
mean that the class's own images reach: a threshold for each class, taken from the data.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from loupe.arrays import Labels, Probabilities
from loupe.errors import require


@dataclass(frozen=True, eq=False)
class ConfidentLearning:
    """What confident learning says of some labels.

    Attributes:
        flagged: images whose label it takes for wrong, bool `[n]`.
        estimate: how many labels it takes to be wrong in all; more or fewer than it flags.
    """

    flagged: Bool[np.ndarray, " n"]
    estimate: int


def require_cleanlab() -> None:
    """Say how to install cleanlab where it is missing: before the work, not after it.

    Raises:
        MissingExtraError: it is not installed.
    """
    require("cleanlab", "Examining labels")


def confident_learning(labels: Labels, probabilities: Probabilities) -> ConfidentLearning:
    """Run confident learning on probabilities of networks that did not learn from these images.

    Args:
        labels: as given, int64 `[n]`.
        probabilities: out-of-fold, float32 `[n k]`.

    Raises:
        MissingExtraError: cleanlab is not installed.
    """
    require_cleanlab()
    from cleanlab.count import num_label_issues
    from cleanlab.filter import find_label_issues

    # Classes without images here are unknown to it: it wants every class to occur.
    present = np.unique(labels)
    known = probabilities[:, present].astype(np.float64)
    known = known / np.maximum(known.sum(axis=1, keepdims=True), 1e-12)
    numbered = np.searchsorted(present, labels)
    if len(present) < 2:
        return ConfidentLearning(np.zeros(len(labels), bool), 0)
    # One process: it would fork this one, with its threads, to save a second.
    flagged = find_label_issues(numbered, known, filter_by="prune_by_noise_rate", n_jobs=1)
    return ConfidentLearning(np.asarray(flagged, bool), int(num_label_issues(numbered, known)))
