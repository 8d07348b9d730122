"""Ranking labels by how wrong they look: the odds that the label is right.

The odds between the label and its strongest rival, from the networks' probabilities and, a little,
from the neighbours' votes. Where labels of one class are exchanged for those of one other above
all, that rival weighs more: of two images that are read as 4, the one labelled 9 is more likely
mislabelled than the one labelled 0. The exchanges are counted among the images that are read most
surely, as confident learning does (Northcutt et al. 2021, arXiv:1911.00068); the others' errors are
the networks' own.

The constants were chosen on flipped labels of MNIST and Fashion-MNIST: benchmarks/NOTES.md. What
all this gains over plain cleanlab is in benchmarks/results/labels.md.
"""

import numpy as np
from jaxtyping import Bool, Float32, Float64

from loupe.arrays import Labels, Probabilities
from loupe.examination.labels_evidence import Evidence, Margins
from loupe.examination.metrics import best_guesses

NEIGHBOUR_WEIGHT = 0.1  # of the neighbours' votes; the rest is the networks'
FLOOR = 0.003  # added to probabilities: nobody is surer of a label than that
PRIOR_COUNT = 5  # images that each pair of classes is taken to have exchanged before any is counted
DIFFUSE, TARGETED = 0.3, 0.6  # largest share of a class's exchanges that go to one other class
LOOKED_SHARE, LEAST_LOOKED = 0.25, 1_000  # images that are looked at closely

Scores = Float32[np.ndarray, " n"]
Weights = Float64[np.ndarray, "k k"]


def doubted(margins: Margins) -> Bool[np.ndarray, " n"]:
    """Choose the images that the networks doubt most, to look at them closely.

    A quarter of all: neighbours and varied readings of the rest would take longer than a fold's
    training, and change nothing that anybody looks at.
    """
    number = min(len(margins), max(LEAST_LOOKED, round(LOOKED_SHARE * len(margins))))
    chosen = np.zeros(len(margins), bool)
    chosen[np.argsort(margins, kind="stable")[:number]] = True
    return chosen


def label_scores(evidence: Evidence) -> Scores:
    """Give each label a score from 0 (surely wrong) to 1 (surely right); doubt is below 1/2.

    Blank images come first, as a matter of fact and not of degree.
    """
    rows, labels = np.arange(len(evidence)), evidence.labels
    said = evidence.probabilities.astype(np.float64)
    with_votes = (1 - NEIGHBOUR_WEIGHT) * said + NEIGHBOUR_WEIGHT * evidence.votes
    said = np.where(evidence.looked[:, None], with_votes, said)
    rivals = exchange_weights(labels, evidence.probabilities)[:, labels].T * said
    for image, twins in evidence.twins.items():  # an equal image with another label is a witness
        rivals[image] += len(twins) / (1 + len(twins))
    rivals[rows, labels] = 0
    odds = (said[rows, labels] + FLOOR) / (rivals.max(axis=1) + FLOOR)
    scores: Scores = (odds / (1 + odds)).astype(np.float32)
    scores[evidence.blank] = 0
    return scores


def exchange_weights(labels: Labels, probabilities: Probabilities) -> Weights:
    """Count how often each class carries the label of each other, against the mean of all pairs.

    Where the wrong labels of a class are spread over many others, all weights are 1: then a pair
    that stands out is one that networks confuse, and not people.

    Returns:
        For the class that images are read as (row) and their label (column), 1 for a pair as
        common as the mean; 0 on the diagonal.

    Example:
        >>> labels = np.repeat([0, 1, 2], 50)
        >>> shares = np.eye(3, dtype=np.float32)[np.repeat([0, 1, 2], 50)]
        >>> shares[50:80] = [1, 0, 0]
        >>> exchange_weights(labels, shares).round(2).tolist()
        [[0.0, 2.57, 0.37], [1.0, 0.0, 1.0], [0.66, 0.66, 0.0]]
    """
    k = probabilities.shape[1]
    counts, read = _sure_exchanges(labels, probabilities)
    smoothed = counts + PRIOR_COUNT
    np.fill_diagonal(smoothed, 0)
    share = smoothed / (read + k * PRIOR_COUNT)
    weights: Weights = share / (share.sum() / max(k * (k - 1), 1))
    largest = (smoothed / smoothed.sum(axis=1, keepdims=True)).max(axis=1, keepdims=True)
    targeted = ((largest - DIFFUSE) / (TARGETED - DIFFUSE)).clip(0, 1)
    return np.where(weights > 0, weights**targeted, 0)


def _sure_exchanges(
    labels: Labels, probabilities: Probabilities
) -> tuple[Weights, Float64[np.ndarray, "k 1"]]:
    """Count labels among the surer half of the images that are read as each class.

    Returns:
        Images by what they are read as (row) and their other label (column), and all that were
        counted of each row.
    """
    k = probabilities.shape[1]
    guesses, sureness = best_guesses(probabilities), probabilities.max(axis=1)
    counts, read = np.zeros((k, k)), np.zeros((k, 1))
    for name in np.unique(guesses):
        inside = np.flatnonzero(guesses == name)
        sure = inside[sureness[inside] >= np.median(sureness[inside])]
        counts[name] = np.bincount(labels[sure], minlength=k)
        read[name] = len(sure)
    np.fill_diagonal(counts, 0)
    return counts, read
