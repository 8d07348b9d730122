"""Abstention: what the classifier is not sure of is left to a person, so that the rest is right.

A threshold on the confidence of the first guess parts the images: above it the guess is given,
below it a person decides. Wanted is a share of right guesses among those that are given, as 0.999.
The threshold comes from held-out images, and it is one of two kinds:

- **promised**: with 95 % confidence over the draw of the held-out images, at least the wanted share
  is right of all images of their kind that are answered. Thresholds are tested from the strictest
  to the loosest, each by the exact binomial tail (Clopper and Pearson 1934, Biometrika 26), and
  the first that fails ends it: fixed-sequence testing, as in Angelopoulos, Bates, Candès, Jordan
  and Lei (2021), "Learn then test", arXiv:2110.01052, section 4. The first test is at the fewest
  images that could pass it, 2,995 without a mistake for 0.999.
- **observed**: the loosest at which so many of the held-out images were right. Where the images
  are too few for a promise, this is all that can be said, and it flatters.

The promise takes three things for granted: new images are like the held-out ones, these are
independent of each other (images of one writer are not quite), and who is surer errs less.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from loupe.arrays import Labels, Probabilities
from loupe.errors import LoupeError
from loupe.examination.intervals import wilson

WANTED = (0.99, 0.995, 0.999)  # shares of right answers, unless others are asked for
CONFIDENCE = 0.95  # of a promise
BISECTIONS = 50  # halve the bracket of a bound: to 1e-15


@dataclass(frozen=True)
class Step:
    """Thresholds between two mistakes of the held-out images, sorted by falling confidence.

    Attributes:
        first: images above the strictest of these thresholds.
        kept: images above the loosest of them.
        wrong: of these, read wrongly.
        threshold: the loosest: a confidence of at least this much is kept.
    """

    first: int
    kept: int
    wrong: int
    threshold: float


@dataclass(frozen=True)
class Rule:
    """From which confidence on a guess is given, and what held-out images say of it.

    Attributes:
        wanted: share of right guesses among those that are given.
        threshold: the least confidence of a guess that is given; None: none is sure enough.
        promised: whether the share is promised, or only observed.
        confidence: of the promise.
        n: held-out images.
        kept: of these, answered.
        wrong: of the answered, wrong.
        bound: share of right answers that the same confidence promises at this threshold alone.
        needed: images without a mistake that a promise takes at least.
    """

    wanted: float
    threshold: float | None
    promised: bool
    confidence: float
    n: int
    kept: int
    wrong: int
    bound: float
    needed: int


@dataclass(frozen=True)
class Abstention:
    """A rule, applied to images of one split.

    Attributes:
        rule: how it is decided which images are answered.
        n: images.
        answered: images that are answered; the others are left to a person.
        right: answered rightly.
        accuracy: `right / answered`; 1 where nothing is answered.
        low: lower end of its 95 % interval (Wilson).
        high: upper end.
    """

    rule: Rule
    n: int
    answered: int
    right: int
    accuracy: float
    low: float
    high: float

    @property
    def left(self) -> int:
        """Images that are left to a person."""
        return self.n - self.answered


def wanted_share(given: float) -> float:
    """Check a share that was asked for.

    Raises:
        LoupeError: it is no share, or one that nobody can promise.

    Example:
        >>> wanted_share(99.9)
        Traceback (most recent call last):
        ...
        loupe.errors.LoupeError: A share of 99.9 right answers cannot be had: give a fraction \
between 0 and 1, as 0.999 for 99.9 %.
    """
    if not 0 < given < 1:
        raise LoupeError(
            f"A share of {given} right answers cannot be had: give a fraction between 0 and 1, "
            "as 0.999 for 99.9 %."
        )
    return float(given)


def steps(labels: Labels, probabilities: Probabilities) -> tuple[Step, ...]:
    """Sort held-out images by falling confidence, and part them at each mistake.

    Images of equal confidence are kept together or left together.

    Example:
        >>> sure = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]], np.float32)
        >>> [(step.kept, step.wrong) for step in steps(np.array([0, 1, 0]), sure)]
        [(1, 0), (3, 1)]
    """
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    confidence = confidence[order]
    wrong = np.cumsum(probabilities.argmax(axis=1)[order] != labels[order])
    ends = np.flatnonzero(np.append(confidence[1:] != confidence[:-1], True))
    found, start = [], 0
    for i in range(len(ends)):
        is_last = i + 1 == len(ends) or wrong[ends[i + 1]] > wrong[ends[i]]
        if is_last:
            last = ends[i]
            # The shortest text of a float32 is what the model's card holds.
            threshold = float(str(confidence[last]))
            found.append(Step(int(ends[start]) + 1, int(last) + 1, int(wrong[last]), threshold))
            start = i + 1
    return tuple(found)


def needed(wanted: float, confidence: float = CONFIDENCE) -> int:
    """Count the images without a mistake that a promise takes at least.

    Example:
        >>> needed(0.99), needed(0.999)
        (299, 2995)
    """
    return math.ceil(math.log(1 - confidence) / math.log(wanted))


def at_most(wrong: int, n: int, rate: float) -> float:
    """Find the chance of at most so many mistakes in n images, each wrong with the same rate.

    Example:
        >>> round(at_most(1, 10, 0.1), 4)
        0.7361
    """
    each = np.arange(1, wrong + 1)
    ways = np.cumsum(np.log(n - each + 1) - np.log(each))
    counts = np.arange(wrong + 1)
    logarithms = np.concatenate([[0.0], ways])
    logarithms += counts * math.log(rate) + (n - counts) * math.log1p(-rate)
    return float(min(np.exp(logarithms).sum(), 1.0))


def promise(kept: int, wrong: int, confidence: float = CONFIDENCE) -> float:
    """Find the share of right answers that so many images promise: Clopper and Pearson's bound.

    Example:
        >>> round(promise(2995, 0), 4)
        0.999
    """
    if wrong >= kept:
        return 0.0
    low, high = wrong / kept, 1.0
    for _ in range(BISECTIONS):
        rate = (low + high) / 2
        too_likely = at_most(wrong, kept, rate) > 1 - confidence
        low, high = (rate, high) if too_likely else (low, rate)
    return 1 - high


def choose(found: Sequence[Step], wanted: float, confidence: float = CONFIDENCE) -> Rule:
    """Choose the loosest threshold at which the wanted share is right: promised, or else observed.

    Args:
        found: of held-out images (`steps`).
        wanted: share of right guesses among those that are given.
        confidence: of the promise.

    Example:
        >>> first = np.linspace(0.999, 0.6, 400)
        >>> sure = np.stack([first, 1 - first], axis=1).astype(np.float32)
        >>> rule = choose(steps((np.arange(400) >= 380).astype(np.int64), sure), 0.99)
        >>> rule.promised, rule.kept, rule.wrong
        (True, 380, 0)
    """
    least, promised, observed = needed(wanted, confidence), None, None
    for step in found:
        if step.wrong <= (1 - wanted) * step.kept:
            observed = step
    for step in found:
        if step.kept < least:
            continue
        # The chance of so few mistakes, were the share just short of the wanted one.
        if at_most(step.wrong, max(step.first, least), 1 - wanted) > 1 - confidence:
            break
        promised = step
    chosen = promised or observed
    return Rule(
        wanted=wanted,
        threshold=chosen.threshold if chosen else None,
        promised=promised is not None,
        confidence=confidence,
        n=found[-1].kept if found else 0,
        kept=chosen.kept if chosen else 0,
        wrong=chosen.wrong if chosen else 0,
        bound=promise(chosen.kept, chosen.wrong, confidence) if chosen else 0.0,
        needed=least,
    )


def answered(probabilities: Probabilities, rule: Rule) -> Bool[np.ndarray, " n"]:
    """Say of each image whether the rule gives its guess."""
    if rule.threshold is None:
        return np.zeros(len(probabilities), bool)
    return np.asarray(probabilities.max(axis=1) >= np.float32(rule.threshold))


def apply(rule: Rule, labels: Labels, probabilities: Probabilities) -> Abstention:
    """Apply a rule to images, and count how many it answers, and how many of these rightly."""
    given = answered(probabilities, rule)
    right = int((given & (probabilities.argmax(axis=1) == labels)).sum())
    count = int(given.sum())
    interval = wilson(right, count)
    return Abstention(
        rule=rule,
        n=len(labels),
        answered=count,
        right=right,
        accuracy=right / count if count else 1.0,
        low=interval.low,
        high=interval.high,
    )
