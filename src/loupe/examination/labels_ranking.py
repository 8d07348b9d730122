"""Ranking labels by how wrong they look: the odds that the label is right, pair by pair of classes.

The odds between the label and its strongest rival, from the networks' probabilities and the
neighbours' votes. A rival weighs more where it is a common mistake: of two images that are read as
4, the one labelled 9 is more likely mislabelled than the one labelled 0, if among all images 4 and
9 are exchanged often. How often is counted in the data, as confident learning does (Northcutt et
al. 2021, arXiv:1911.00068).

Chosen on flipped labels of MNIST's training images and of a sample of its test images (benchmarks/
NOTES.md); what it gains over plain cleanlab is in benchmarks/results/labels.md.
"""

import numpy as np
from jaxtyping import Bool, Float32, Float64

from loupe.arrays import Labels, Probabilities
from loupe.examination.labels_evidence import Evidence, Margins
from loupe.examination.metrics import best_guesses

NEIGHBOUR_WEIGHT = 0.2  # of the neighbours' votes; the rest is the networks'
FLOOR = 0.01  # probabilities below it are taken for it: nobody is surer than that of a label
PRIOR_COUNT = 5  # images that each pair of classes is taken to have exchanged before any is counted
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
    scores = (odds / (1 + odds)).astype(np.float32)
    scores[evidence.blank] = 0
    return scores


def exchange_weights(labels: Labels, probabilities: Probabilities) -> Weights:
    """Count how often each class carries the label of each other, against the mean of all pairs.

    Returns:
        For the class that images are read as (row) and their label (column), 1 for a pair as
        common as the mean; 0 on the diagonal.

    Example:
        >>> labels = np.repeat([0, 1, 2], 50)
        >>> shares = np.eye(3, dtype=np.float32)[np.repeat([0, 1, 2], 50)]
        >>> shares[:10] = [0, 1, 0]
        >>> exchange_weights(labels, shares).round(2).tolist()
        [[0.0, 0.69, 0.69], [1.83, 0.0, 0.61], [0.69, 0.69, 0.0]]
    """
    k = probabilities.shape[1]
    counts = np.zeros((k, k))
    np.add.at(counts, (best_guesses(probabilities), labels), 1)
    read = counts.sum(axis=1, keepdims=True)
    share = (counts + PRIOR_COUNT) / (read + k * PRIOR_COUNT)
    np.fill_diagonal(share, 0)
    weights: Weights = share / (share.sum() / max(k * (k - 1), 1))
    return weights
