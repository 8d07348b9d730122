"""The mistakes of a classifier: which images, which pairs of classes, and what to do about them.

Advice is worth what its count is worth: each share comes with its interval, and a handful of images
is called a handful. Where the images are test images, they are for judging and not for mending: see
`CAUTION_ON_TEST`.
"""

from dataclasses import dataclass

import numpy as np

from loupe.examination.evaluation import Evaluation
from loupe.examination.intervals import Interval, wilson
from loupe.examination.metrics import top_guesses
from loupe.examination.wording import counted, percent, quoted

GUESSES = 3
HANDFUL = 5  # mistakes below which a pair of classes proves nothing: Wilson's interval of 4 of
# 1,000 runs from 0.2 % to 1 %, a factor of seven
SURE = 0.9  # a confidence at which a wrong guess is worth a look at the label

CAUTION_ON_TEST = (
    "These are test images: what is changed because of them makes the next test figure flatter. "
    "Look for the same mistakes among the validation images before acting, collect new images for "
    "training, and never train on these."
)


@dataclass(frozen=True)
class Mistake:
    """One image that was read wrongly.

    Attributes:
        index: its position in the evaluation.
        source: where it came from.
        label: its given class.
        guesses: the three likeliest classes, each with its probability, likeliest first.
    """

    index: int
    source: str
    label: str
    guesses: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class ConfusedPair:
    """One class that is taken for another.

    Attributes:
        label: the class that the images have.
        guess: the class that they were taken for.
        count: how many of them.
        of: images of the class `label`.
        share: `count / of`, with `low` and `high` its 95 % Wilson interval.
        low: see share.
        high: see share.
        advice: what was seen and what to do about it, in words.
    """

    label: str
    guess: str
    count: int
    of: int
    share: float
    low: float
    high: float
    advice: str


@dataclass(frozen=True)
class WeakClass:
    """One class that is read worse than the rest.

    Attributes:
        name: the class.
        wrong: how many of its images are read wrongly.
        of: its images.
        share: `wrong / of`.
        advice: what was seen and what to do about it, in words.
    """

    name: str
    wrong: int
    of: int
    share: float
    advice: str


def mistakes(evaluation: Evaluation, limit: int = 1_000) -> tuple[Mistake, ...]:
    """List the images that were read wrongly, the most confident first.

    A confident mistake is the most telling: either the classifier lacks such images, or the label
    is wrong.
    """
    wrong = evaluation.wrong
    confidence = evaluation.probabilities[wrong].max(axis=1, initial=0.0)
    listed = wrong[np.argsort(-confidence, kind="stable")][:limit]
    probabilities = evaluation.probabilities[listed]
    guesses = top_guesses(probabilities, GUESSES)
    shares = np.take_along_axis(probabilities, guesses, axis=1)
    names, sources = evaluation.dataset.class_names, evaluation.sources
    return tuple(
        Mistake(
            index=index,
            source=sources[index],
            label=names[evaluation.labels[index]],
            guesses=tuple((names[guess], share) for guess, share in zip(*each, strict=True)),
        )
        for index, each in zip(
            listed.tolist(), zip(guesses.tolist(), shares.tolist(), strict=True), strict=True
        )
    )


def confused_pairs(evaluation: Evaluation, limit: int = 10) -> tuple[ConfusedPair, ...]:
    """List the pairs of classes that are confused most, by count and then by share."""
    confusion = evaluation.confusion_matrix
    images = confusion.sum(axis=1)
    errors = confusion - np.diag(confusion.diagonal())
    rows, columns = np.nonzero(errors)
    counts = errors[rows, columns]
    order = np.lexsort((-(counts / images[rows]), -counts))[:limit]
    return tuple(_pair(evaluation, int(rows[i]), int(columns[i])) for i in order)


def has_learnt(evaluation: Evaluation) -> bool:
    """Whether the classifier reads half of the images rightly, and more than by guessing.

    By guessing: by always naming the class that has most images. Of one that has not, mistakes say
    nothing about the images yet.
    """
    right, n = len(evaluation) - len(evaluation.wrong), len(evaluation)
    commonest = int(evaluation.confusion_matrix.sum(axis=1).max())
    return right >= n / 2 and (right > commonest or commonest == n)


def weak_classes(evaluation: Evaluation, limit: int = 3) -> tuple[WeakClass, ...]:
    """List the classes that are read worse than the rest, beyond chance, the worst first.

    Beyond chance: at least five mistakes, and the 95 % interval of the class's share of mistakes
    lies above the share of mistakes over all images.
    """
    confusion = evaluation.confusion_matrix
    overall = len(evaluation.wrong) / len(evaluation)
    found = []
    for i, name in enumerate(evaluation.dataset.class_names):
        of = int(confusion[i].sum())
        wrong = of - int(confusion[i, i])
        interval = wilson(wrong, of)
        if wrong >= HANDFUL and interval.low > overall:
            found.append(WeakClass(name, wrong, of, wrong / of, _class_advice(evaluation, i)))
    return tuple(sorted(found, key=lambda weak: -weak.share)[:limit])


def _pair(evaluation: Evaluation, label: int, guess: int) -> ConfusedPair:
    names, confusion = evaluation.dataset.class_names, evaluation.confusion_matrix
    count, of = int(confusion[label, guess]), int(confusion[label].sum())
    interval = wilson(count, of)
    return ConfusedPair(
        label=names[label],
        guess=names[guess],
        count=count,
        of=of,
        share=count / of,
        low=interval.low,
        high=interval.high,
        advice=_pair_advice(evaluation, label, guess, interval),
    )


def _pair_advice(evaluation: Evaluation, label: int, guess: int, interval: Interval) -> str:
    """What to do about one class that is taken for another."""
    confusion = evaluation.confusion_matrix
    name, other = (quoted(evaluation.dataset.class_names[i]) for i in (label, guess))
    count, of = int(confusion[label, guess]), int(confusion[label].sum())
    seen = (
        f"{name} is taken for {other} in {count:,} of {counted(of, 'image')} "
        f"({percent(count / of, 1)}; 95 % interval {_span(interval)})"
    )
    sure = _sure(evaluation, label, guess)
    labels = "label of the one" if sure == 1 else f"labels of the {sure:,}"
    look = f" Look at the {labels} that it was sure of first." if sure else ""
    if count < HANDFUL:
        each = "Look at it" if count == 1 else "Look at them one by one"
        return f"{seen}: too few to conclude anything from. {each}.{look}"
    if interval.low > 0.1 and not has_learnt(evaluation):
        return f"{seen}: it has learnt too little yet to say that the two are alike."
    if interval.low > 0.1:
        return (
            f"{seen}: the two overlap. See whether you can tell them apart at this size yourself; "
            f"if not, larger images or one class for both.{look}"
        )
    back = int(confusion[guess, label])
    if 2 * back >= count:
        return (
            f"{seen}, and {other} for {name} in {back:,}: collect more varied images of both, "
            f"above all of the kinds seen here.{look}"
        )
    return (
        f"{seen}: collect more varied images of {name}, above all such as could be taken for "
        f"{other}.{look}"
    )


def _class_advice(evaluation: Evaluation, label: int) -> str:
    confusion = evaluation.confusion_matrix
    names = evaluation.dataset.class_names
    of = int(confusion[label].sum())
    others = confusion[label].copy()
    others[label] = 0
    worst = int(others.argmax())
    wrong = int(others.sum())
    overall = len(evaluation.wrong) / len(evaluation)
    return (
        f"{quoted(names[label])} is read wrongly in {wrong:,} of {counted(of, 'image')} "
        f"({percent(wrong / of, 1)}; 95 % interval {_span(wilson(wrong, of))}), all images in "
        f"{percent(overall, 1)}; most often it is taken for {quoted(names[worst])} "
        f"({int(others[worst]):,}). Collect more varied images of {quoted(names[label])}."
    )


def _sure(evaluation: Evaluation, label: int, guess: int) -> int:
    """How many of a pair's mistakes the classifier was sure of."""
    concerned = (evaluation.labels == label) & (evaluation.guesses == guess)
    return int((evaluation.probabilities[concerned, guess] >= SURE).sum())


def _span(interval: Interval) -> str:
    return f"{percent(interval.low, 1)} to {percent(interval.high, 1)}"
