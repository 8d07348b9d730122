"""What to label or collect next: the pairs of classes with the most doubt, the thin places."""

import numpy as np

from loupe.data.dataset import Dataset
from loupe.examination.labels import Suspect, Want
from loupe.examination.labels_evidence import Evidence
from loupe.examination.wording import counted, percent, quoted

MOST_PAIRS, MOST_THIN = 5, 3
SHOWN = 7  # examples: a row of them fits beside the advice
LEAST = 3  # images: fewer prove nothing
UNLIKE = 1.0  # an outlier from which on an image is stranger than others


def wants(dataset: Dataset, evidence: Evidence, found: tuple[Suspect, ...]) -> tuple[Want, ...]:
    """List what to label or collect next, the most urgent first.

    Images whose label is probably wrong do not count: they want another label, not company.
    """
    settled = [s.index for s in found if s.verdict in ("label suspect", "not a valid image")]
    counts = np.ones(len(evidence), bool)
    counts[settled] = False
    return (*_pairs(dataset, evidence, counts), *_thin_places(dataset, evidence, counts))


def _pairs(dataset: Dataset, evidence: Evidence, counts: np.ndarray) -> list[Want]:
    """Pairs of classes between which the networks waver: by the probability lost to each other."""
    names, k = dataset.class_names, len(dataset.class_names)
    labels, shares = evidence.labels, evidence.probabilities
    lost = np.zeros((k, k))
    for label in range(k):
        lost[label] = shares[counts & (labels == label)].sum(axis=0)
    np.fill_diagonal(lost, 0)
    both = np.triu(lost + lost.T)
    found = []
    for place in np.argsort(-both, axis=None, kind="stable")[:MOST_PAIRS].tolist():
        one, other = divmod(place, k)
        if one >= other:  # there are fewer pairs than are listed
            continue
        between = counts & np.isin(labels, (one, other))
        against = np.where(labels == one, shares[:, other], shares[:, one])
        doubtful = np.flatnonzero(between & (against >= 0.25))
        if len(doubtful) < LEAST:
            continue
        doubtful = doubtful[np.argsort(-against[doubtful], kind="stable")]
        pair = f"{quoted(names[one])} and {quoted(names[other])}"
        worse = one if lost[one, other] >= lost[other, one] else other
        found.append(
            Want(
                what=f"{names[one]} / {names[other]}",
                number=len(doubtful),
                advice=(
                    f"Between {pair} the networks waver in {counted(len(doubtful), 'image')} of "
                    f"{int(between.sum()):,} whose labels seem right: collect more that lie "
                    f"between the two, above all of {quoted(names[worse])}, and agree on a rule "
                    "for labelling them."
                ),
                shown=tuple(doubtful[:SHOWN].tolist()),
            )
        )
    return found


def _thin_places(dataset: Dataset, evidence: Evidence, counts: np.ndarray) -> list[Want]:
    """Classes with images that stand alone: stranger than the others, often misread."""
    names = dataset.class_names
    alone = counts & (evidence.outlier > UNLIKE)
    found = []
    for label, name in enumerate(names):
        inside = counts & (evidence.labels == label)
        lonely = np.flatnonzero(alone & inside)
        if len(lonely) < LEAST:
            continue
        lonely = lonely[np.argsort(-evidence.outlier[lonely], kind="stable")]
        wrong = float((evidence.guesses[lonely] != label).mean())
        found.append(
            Want(
                what=name,
                number=len(lonely),
                advice=(
                    f"{counted(len(lonely), 'image')} of {int(inside.sum()):,} of {quoted(name)} "
                    f"stand alone: stranger than 99.5 % of images, and "
                    f"{percent(wrong, 0)} of them are misread. Collect more of these kinds."
                ),
                shown=tuple(lonely[:SHOWN].tolist()),
            )
        )
    return sorted(found, key=lambda want: -want.number)[:MOST_THIN]
