"""Who is wrong, the model or the label: what an examination of labels found, image by image."""

import html
from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32, Int64

from loupe.data.dataset import Dataset, Split
from loupe.data.finding import Finding, Severity
from loupe.data.fixes import Fix, portable_source
from loupe.examination.labels_evidence import Evidence
from loupe.examination.wording import counted, percent

_ENOUGH = 0.75  # read as labelled. A tenth of Fashion-MNIST's flipped: 0.88 as it was, so 0.79

Verdict = Literal["label suspect", "not a valid image", "ambiguous", "model weak here"]

# In the order of urgency: what each verdict says, and what to do about it.
VERDICTS: dict[Verdict, tuple[str, str]] = {
    "label suspect": (
        "networks that never learnt from the image agree on another class, and so do its nearest "
        "neighbours",
        "Look at each; what you agree with stays in the fixes file, the rest is taken out of it.",
    ),
    "not a valid image": (
        "blank, or unlike every class",
        "Look whether it shows anything of its class; drop it if not.",
    ),
    "ambiguous": (
        "two classes are about as likely, by the networks or by the neighbours",
        "Look whether you can tell. If people cannot either, no model will: keep it, drop it, or "
        "make one class of two.",
    ),
    "model weak here": (
        "the networks doubt the label, but the evidence sides with it",
        "The label seems right: collect more images like these.",
    ),
}


@dataclass(frozen=True)
class Beside:
    """A training image that is shown beside a suspect.

    Attributes:
        index: its position among the training images that were dealt into folds.
        source: where it came from.
        label: the name of its class.
    """

    index: int
    source: str
    label: str


@dataclass(frozen=True)
class Suspect:
    """One image whose label is in doubt, with the evidence.

    Attributes:
        rank: place in the ranking of all images, from 1, the most suspicious first.
        index: position among the examined images.
        source: where it came from.
        label: its given class.
        verdict: who is wrong, as far as can be told.
        proposed: the class that it should have, "drop", or None to leave it.
        reason: the evidence in words.
        score: 0 (surely wrong) to 1 (surely right).
        guesses: the three likeliest classes, each with its probability, likeliest first.
        agreement: share of the networks whose first guess is this.
        votes: how many of the nearest training images have each label, most first.
        nearest: the nearest training images.
        twins: training images that are equal to it and have another label.
        is_flagged: whether confident learning takes the label for wrong.
        outlier: how strange it is; over 1 is stranger than 99.5 % of images.
    """

    rank: int
    index: int
    source: str
    label: str
    verdict: Verdict
    proposed: str | None
    reason: str
    score: float
    guesses: tuple[tuple[str, float], ...]
    agreement: float
    votes: tuple[tuple[str, int], ...]
    nearest: tuple[Beside, ...]
    twins: tuple[Beside, ...]
    is_flagged: bool
    outlier: float


@dataclass(frozen=True)
class Want:
    """Something to label or collect next.

    Attributes:
        what: a class, or a pair of classes.
        number: images that speak for it.
        advice: what was seen and what to do about it, in words.
        shown: positions of examples among the examined images.
    """

    what: str
    number: int
    advice: str
    shown: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class LabelExamination:
    """The labels of one split, examined.

    Attributes:
        dataset: the examined images.
        references: the training images that networks learnt from, and neighbours come from.
        split: "train" (with validation) or "test".
        evidence: what is known of each label.
        scores: of each image, 0 (surely wrong) to 1 (surely right), float32 `[n]`.
        ranking: positions of all images, the most suspicious first, int64 `[n]`.
        suspects: those in doubt, in the order of the ranking.
        wants: what to label or collect next, the most urgent first.
        estimate: how many labels are wrong, by confident learning.
        num_networks: how many read each image without having learnt from it.
        folds: into how many the training images were dealt.
        recipe: the name of the recipe that the networks were trained with.
        looks_at_test: how often these test images have been looked at; 0 for training images.
    """

    dataset: Dataset = field(repr=False)
    references: Dataset = field(repr=False)
    split: Split
    evidence: Evidence = field(repr=False)
    scores: Float32[np.ndarray, " n"] = field(repr=False)
    ranking: Int64[np.ndarray, " n"] = field(repr=False)
    suspects: tuple[Suspect, ...] = field(repr=False)
    wants: tuple[Want, ...] = field(repr=False)
    estimate: int
    num_networks: int
    folds: int
    recipe: str
    looks_at_test: int = 0

    def __len__(self) -> int:
        """Count the examined images."""
        return len(self.dataset)

    @cached_property
    def counts(self) -> dict[Verdict, int]:
        """How many suspects got each verdict."""
        number = Counter(suspect.verdict for suspect in self.suspects)
        return {verdict: number[verdict] for verdict in VERDICTS}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """One finding for each verdict that was given, with its images and their scores."""
        return tuple(self._finding(verdict) for verdict, number in self.counts.items() if number)

    @property
    def fixes(self) -> tuple[Fix, ...]:
        """Rows for a fixes file: of the suspects for which a change is proposed."""
        return tuple(
            Fix(
                source=portable_source(suspect.source, self.dataset.origin),
                old_label=suspect.label,
                proposed_label=suspect.proposed,
                reason=f"{suspect.verdict}: {suspect.reason}",
            )
            for suspect in self.suspects
            if suspect.proposed is not None
        )

    @property
    def sentence(self) -> str:
        """What was found, in one sentence."""
        wrong = self.counts["label suspect"]
        kind = "test" if self.split == "test" else "training"
        images = counted(len(self), f"{kind} image")
        said = {0: f"No label of {images}", 1: f"1 label of {images}"}.get(
            wrong, f"{wrong:,} labels of {images}"
        )
        return f"{said} of {self.dataset.name} {'is' if wrong < 2 else 'are'} suspect."

    @property
    def agreement(self) -> float:
        """The share of images that networks which never learnt from them read as labelled."""
        return float((self.evidence.guesses == self.evidence.labels).mean())

    @property
    def caution(self) -> str:
        """What to say before all else where the networks read too little to judge; or nothing."""
        if self.agreement >= _ENOUGH:
            return ""
        return (
            f"The networks of the recipe {self.recipe} read only {percent(self.agreement, 0)} of "
            "the images as they are labelled: what they say of single labels is no better than "
            "that. Examine again with a recipe that learns these images, or more folds."
        )

    def ranked(self, limit: int | None = None) -> list[dict[str, Any]]:
        """List the ranking for programs: rank, index, source, label and score of each image."""
        names = self.dataset.class_names
        return [
            {
                "rank": rank,
                "index": index,
                "source": self.dataset.sources[index],
                "label": names[self.evidence.labels[index]],
                "score": round(float(self.scores[index]), 6),
            }
            for rank, index in enumerate(self.ranking[:limit].tolist(), start=1)
        ]

    def to_dict(self, limit: int | None = None) -> dict[str, Any]:
        """Give everything that was found for programs.

        Args:
            limit: images of the ranking to list; None for all.
        """
        return {
            "data": self.dataset.name,
            "split": self.split,
            "n": len(self),
            "recipe": self.recipe,
            "folds": self.folds,
            "networks": self.num_networks,
            "looks_at_test": self.looks_at_test,
            "verdicts": dict(self.counts),
            "estimated_label_errors": self.estimate,
            "agreement": round(self.agreement, 6),
            "caution": self.caution,
            "suspects": [_as_dict(suspect) for suspect in self.suspects],
            "next": [asdict(want) for want in self.wants],
            "ranking": self.ranked(limit),
        }

    def _finding(self, verdict: Verdict) -> Finding:
        found = [suspect for suspect in self.suspects if suspect.verdict == verdict]
        seen, advice = VERDICTS[verdict]
        severity: Severity = "warning" if found[0].proposed else "note"
        first = "; ".join(f"{suspect.source}: {suspect.reason}" for suspect in found[:2])
        return Finding(
            check=verdict,
            severity=severity,
            message=f"{counted(len(found), 'image')}: {verdict} ({seen}). First: {first}.",
            indices=np.array([suspect.index for suspect in found], np.int64),
            scores=np.array([suspect.score for suspect in found], np.float32),
            suggestion=advice,
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{verdict}</th><td>{number:,}</td><td>{html.escape(VERDICTS[verdict][0])}</td>"
            "</tr>"
            for verdict, number in self.counts.items()
        )
        first = "".join(
            f"<tr><td>{suspect.rank}</td><td>{html.escape(suspect.source)}</td>"
            f"<td>{html.escape(suspect.label)}</td><td>{html.escape(suspect.verdict)}</td>"
            f"<td>{html.escape(suspect.reason)}</td></tr>"
            for suspect in self.suspects[:10]
        )
        return (
            f"<p>{html.escape(self.sentence)}</p><table><tbody>{rows}</tbody></table>"
            "<table><thead><tr><th>rank</th><th>source</th><th>label</th><th>verdict</th>"
            f"<th>why</th></tr></thead><tbody>{first}</tbody></table>"
        )


def _as_dict(suspect: Suspect) -> dict[str, Any]:
    content = asdict(suspect)
    content["guesses"] = [
        {"name": name, "probability": round(share, 6)} for name, share in suspect.guesses
    ]
    content["votes"] = dict(suspect.votes)
    content["nearest"] = [beside.source for beside in suspect.nearest]
    content["twins"] = [beside.source for beside in suspect.twins]
    return content
