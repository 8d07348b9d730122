"""`--abstain SHARE`: how many images are left to a person, in words."""

from collections.abc import Mapping, Sequence
from typing import Any

import loupe
from loupe.cli.screen import Screen
from loupe.errors import ModelError
from loupe.examination.abstention import WANTED, Abstention, wanted_share
from loupe.examination.wording import counted, percent


def shares(abstain: float | None, stored: Mapping[str, Any] | None = None) -> Sequence[float]:
    """Give the shares of right answers to measure: the one asked for, those of before, or ours.

    Example:
        >>> shares(None), shares(0.98)
        ((0.99, 0.995, 0.999), [0.98])
    """
    if abstain is not None:
        return [wanted_share(abstain)]
    before = [row["rule"]["wanted"] for row in (stored or {}).get("abstention", ())]
    return before or WANTED


def require_thresholds(classifier: "loupe.Classifier") -> None:
    """Refuse a model that says nothing of how sure it is.

    Raises:
        ModelError: its card has no thresholds.
    """
    if not classifier.card.certainty:
        raise ModelError(
            f"--abstain: the card of {classifier.source} has no thresholds to abstain by. They "
            "come from validation images when training ends: train it with some, and with this "
            "version of Loupe."
        )


def print_abstention(evaluation: "loupe.Evaluation", screen: Screen) -> None:
    """Say how many images are left to a person, and how many of the others are right."""
    if evaluation.certainty is None:
        screen.say("--abstain: without validation images there is no threshold to abstain by.")
        return
    for row in evaluation.certainty.abstention:
        screen.say(*sentences(row, evaluation.split))


def sentences(row: Abstention, split: str) -> list[str]:
    """Say what a rule does on the images of a split, and where it comes from."""
    rule = row.rule
    images = counted(row.n, "training image" if split == "train" else f"{split} image")
    if rule.threshold is None:
        return [
            f"To be right in {100 * rule.wanted:g} %, all images are left to a person: the "
            "surest guess on validation images is wrong."
        ]
    left = (
        f"Of the {images}, {row.left:,} ({percent(row.left / row.n, 1)}) are left to a person: "
        f"those with a confidence below {rule.threshold:.4g}. Of the others "
        f"{percent(row.accuracy)} are right ({row.right:,} of {row.answered:,}; 95 % interval "
        f"{percent(row.low)} to {percent(row.high)})."
    )
    seen = f"{counted(rule.wrong, 'mistake')} in {rule.kept:,} of {rule.n:,} validation images"
    if rule.promised:
        return [
            left,
            f"{100 * rule.wanted:g} % is promised with {rule.confidence:.0%} confidence: {seen}.",
        ]
    why = (
        f"that takes {rule.needed:,} validation images without a mistake"
        if rule.needed > rule.n
        else "there are too many mistakes among the surest"
    )
    return [
        left,
        f"{100 * rule.wanted:g} % was observed, and cannot be promised, for {why}: {seen}. "
        f"Promised with {rule.confidence:.0%} confidence are {percent(rule.bound)}.",
    ]
