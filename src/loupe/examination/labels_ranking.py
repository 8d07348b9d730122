"""Ranking labels by how wrong they look: what networks say, and what neighbours' labels say.

The first is the normalized margin of Northcutt et al. 2021 (arXiv:1911.00068), over several
networks where there are several. It alone takes an unusual image for a wrong label. Neighbours
correct that: an odd 4 lies beside other odd 4s; a 9 labelled 4 lies among 9s. What this gains is
measured in benchmarks/results/labels.md.
"""

import numpy as np
from jaxtyping import Bool, Float32

from loupe.examination.labels_evidence import Evidence, Margins

NEIGHBOUR_WEIGHT = 0.5  # of the neighbours' word; the rest is the networks'
LOOKED_SHARE, LEAST_LOOKED = 0.25, 1_000  # images whose neighbours are looked up

Scores = Float32[np.ndarray, " n"]


def doubted(margins: Margins) -> Bool[np.ndarray, " n"]:
    """Choose the images that the networks doubt most: theirs are the neighbours to look up.

    A quarter of all: looking up the rest would take longer than a fold's training, and changes
    nothing that anybody looks at.
    """
    number = min(len(margins), max(LEAST_LOOKED, round(LOOKED_SHARE * len(margins))))
    chosen = np.zeros(len(margins), bool)
    chosen[np.argsort(margins, kind="stable")[:number]] = True
    return chosen


def label_scores(evidence: Evidence) -> Scores:
    """Give each label a score from 0 (surely wrong) to 1 (surely right).

    Images with an equal one of another label come first, then blank ones: these are not a matter of
    degree.
    """
    mixed = (1 - NEIGHBOUR_WEIGHT) * evidence.margins + NEIGHBOUR_WEIGHT * evidence.vote_margins
    scores = ((1 + mixed) / 2).clip(0, 1).astype(np.float32)
    scores[evidence.blank] = 0
    scores[list(evidence.twins)] *= 0.5
    return scores
