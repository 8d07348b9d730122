"""The verdict on each suspicious image: who is wrong, as far as the evidence tells."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32, Int64

from loupe.data.dataset import Dataset
from loupe.data.fixes import DROP
from loupe.examination.labels import Beside, Suspect, Verdict
from loupe.examination.labels_confident import ConfidentLearning
from loupe.examination.labels_evidence import Evidence
from loupe.examination.labels_ranking import Scores
from loupe.examination.metrics import top_guesses
from loupe.examination.wording import percent, quoted

GUESSES = 3
MAJORITY = 0.5  # of what networks and neighbours say
TWO_CLASSES = 0.25  # a label that still has this much of it is not ruled out
# Of what is under all three limits, 97 to 99 % are wrong where a tenth of the labels was flipped to
# any class (Fashion-MNIST, MNIST), 45 % on Fashion-MNIST where one in a hundred was.
SURELY_WRONG = 0.05
UNLIKE = 1.0  # an outlier from which on an image is stranger than others
SHOWN = 8  # nearest training images of a suspect that are named


def suspects(
    dataset: Dataset,
    references: Dataset,
    evidence: Evidence,
    confident: ConfidentLearning,
    scores: Scores,
    ranking: Int64[np.ndarray, " n"],
) -> tuple[Suspect, ...]:
    """Give every suspicious image its verdict, the most suspicious first."""
    chosen = suspicious(evidence, confident)
    return tuple(
        _suspect(rank, index, dataset, references, evidence, confident, scores)
        for rank, index in enumerate(ranking.tolist(), start=1)
        if chosen[index]
    )


def suspicious(evidence: Evidence, confident: ConfidentLearning) -> Bool[np.ndarray, " n"]:
    """Say which labels are in doubt.

    Where the networks guess another class, confident learning flags it, an equal image has another
    label, or the image is like no class.
    """
    chosen: Bool[np.ndarray, " n"] = (evidence.guesses != evidence.labels) | confident.flagged
    chosen = chosen | evidence.blank | _is_like_nothing(evidence)
    chosen[list(evidence.twins)] = True
    return chosen


def verdict_on(evidence: Evidence, index: int, score: float) -> Verdict:
    """Weigh the evidence on one image, whose label has this score."""
    if evidence.blank[index] or _is_like_nothing(evidence)[index]:
        return "not a valid image"
    shares = _heard(evidence, index)
    label, rival = int(evidence.labels[index]), _rival(evidence, index)
    contradicted = shares[rival] >= MAJORITY and shares[label] < TWO_CLASSES
    if contradicted and (score < SURELY_WRONG or index in evidence.twins):
        return "label suspect"
    if shares[label] >= shares[rival]:
        return "ambiguous" if index in evidence.twins else "model weak here"
    return "ambiguous"


def _is_like_nothing(evidence: Evidence) -> Bool[np.ndarray, " n"]:
    """Images that are far from every class, and that nobody can place."""
    unsure = evidence.probabilities.max(axis=1) < MAJORITY
    divided = evidence.looked & (evidence.votes.max(axis=1) < MAJORITY)
    found: Bool[np.ndarray, " n"] = (evidence.outlier > UNLIKE) & unsure & divided
    return found


def _heard(evidence: Evidence, index: int) -> Float32[np.ndarray, " k"]:
    """Each class's share of what networks and neighbours say, both with the same weight."""
    said: Float32[np.ndarray, " k"] = evidence.probabilities[index]
    return (said + evidence.votes[index]) / 2 if evidence.looked[index] else said


def _rival(evidence: Evidence, index: int) -> int:
    """The likeliest class besides the label."""
    shares = _heard(evidence, index).copy()
    shares[evidence.labels[index]] = -1
    return int(shares.argmax())


def _suspect(
    rank: int,
    index: int,
    dataset: Dataset,
    references: Dataset,
    evidence: Evidence,
    confident: ConfidentLearning,
    scores: Scores,
) -> Suspect:
    names, shares = dataset.class_names, evidence.probabilities[index]
    guesses = top_guesses(shares[None], GUESSES)[0].tolist()
    nearest = evidence.nearest[index] if evidence.looked[index] else ()
    # Shares are means over several networks' neighbours: what is less than half of one is none.
    votes = np.rint(len(evidence.nearest[index]) * evidence.votes[index]).astype(int)
    order = np.argsort(-votes, kind="stable")
    verdict = verdict_on(evidence, index, float(scores[index]))
    proposed = {"label suspect": names[_rival(evidence, index)], "not a valid image": DROP}
    return Suspect(
        rank=rank,
        index=index,
        source=dataset.sources[index],
        label=names[evidence.labels[index]],
        verdict=verdict,
        proposed=proposed.get(verdict),
        reason=_reason(evidence, index, names),
        score=float(scores[index]),
        guesses=tuple((names[guess], float(shares[guess])) for guess in guesses),
        agreement=float(evidence.agreement[index]),
        votes=tuple((names[i], int(votes[i])) for i in order.tolist() if votes[i]),
        nearest=_beside(references, [int(i) for i in nearest][:SHOWN]),
        twins=_beside(references, evidence.twins.get(index, ())),
        is_flagged=bool(confident.flagged[index]),
        outlier=float(evidence.outlier[index]),
    )


def _beside(references: Dataset, positions: Sequence[int]) -> tuple[Beside, ...]:
    names = references.class_names
    return tuple(
        Beside(position, references.sources[position], names[references.labels[position]])
        for position in positions
    )


def _reason(evidence: Evidence, index: int, names: Sequence[str]) -> str:
    """Say what speaks for the verdict, shortly."""
    if evidence.blank[index]:
        return "blank, every pixel has one value"
    label, guess = int(evidence.labels[index]), int(evidence.guesses[index])
    shares = evidence.probabilities[index]
    parts = []
    if index in evidence.twins:
        parts.append("an equal image has another label")
    parts.append(
        f"read as {quoted(names[guess])} ({percent(float(shares[guess]), 0)}), as its label "
        f"{quoted(names[label])} with {percent(float(shares[label]), 1)}"
        if guess != label
        else f"read as its label with {percent(float(shares[label]), 0)} only"
    )
    if evidence.looked[index]:
        votes, number = evidence.votes[index], evidence.nearest.shape[1]
        most = int(votes.argmax())
        said = f"{round(number * votes[most])} of its {number} nearest are {quoted(names[most])}"
        if most != label:
            said += f", {round(number * votes[label]) or 'none'} {quoted(names[label])}"
        parts.append(said)
    if evidence.outlier[index] > UNLIKE:
        parts.append(f"{evidence.outlier[index]:.1f} times as strange as others get")
    return "; ".join(parts)
