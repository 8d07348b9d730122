"""The end of a search: which of its best is best, and whether that is better than the base.

The best of many figures is partly luck: the luck of a training and that of the images that chose
it. Trained again with other seeds, trials lose the first; read on images that were kept from the
search, they lose the second. Several trainings of each make a small difference certain, where two
models of one recipe already differ on a few images in a hundred.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from loupe.classifier.classifier import Classifier
from loupe.data.dataset import Dataset
from loupe.examination.intervals import wilson
from loupe.examination.paired import Difference, mean_difference
from loupe.recipes.recipe import Recipe
from loupe.runs.run import Run
from loupe.studies.attempt import Cut, Watcher, trained, validation_accuracy
from loupe.studies.folder import is_done
from loupe.studies.journal import LOCKS
from loupe.studies.lock import locked
from loupe.studies.search import Final, Reading
from loupe.studies.trials import Trial

FINALS, CONFIRMED = "finals", "confirmed"
OTHER_SEED = 1_000_003  # added to the recipe's; and as many again for each further training
OVERHEAD = 1.3  # of training seconds: validation, export, and what differs between two times

FINALISTS, FINAL_SEEDS = 3, 2  # trials that are trained again, and how often
MOST_PAIRS = 5  # trainings of the best and of the base that are compared
SHARE = 0.4  # of a search's time, for all that at most


@dataclass(frozen=True)
class Clock:
    """The time that a search has.

    Attributes:
        seconds: in all.
        deadline: when they are over, of `time.monotonic`.
    """

    seconds: float
    deadline: float

    @classmethod
    def started(cls, seconds: float) -> "Clock":
        """Begin to count."""
        return cls(seconds, time.monotonic() + seconds)


class Ended(Exception):
    """Ctrl-C, or the clock, while something else than a trial was trained."""

    def __init__(self, by_hand: bool) -> None:
        super().__init__()
        self.by_hand = by_hand


@dataclass(frozen=True)
class Plan:
    """What there is time for after the last trial.

    Attributes:
        finalists: how many of the best trials are trained again; 0 for none.
        pairs: how often the best and the base are trained to be compared.
        seconds: of both together.
    """

    finalists: int
    pairs: int
    seconds: float


def plan(base: Trial, best: Sequence[Trial], seconds: float, beside: float = 0.0) -> Plan:
    """Share out the last part of a search.

    Args:
        base: the trial of the recipe that is to be beaten.
        best: the best trials so far, best first.
        seconds: of the whole search.
        beside: seconds that each takes beside its training: of small ones these are most.
    """
    first = best[0].seconds if best else base.seconds
    pair = OVERHEAD * (base.seconds + first + 2 * beside)
    again = OVERHEAD * FINAL_SEEDS * sum(trial.seconds + beside for trial in best)
    free = SHARE * seconds
    if len(best) < 2 or again + 2 * pair > free:
        pairs = int(min(max(1, free // max(pair, 1e-9)), MOST_PAIRS))
        return Plan(0, pairs, min(pairs * pair, seconds / 2))  # no trial, nothing to compare
    pairs = int(min((free - again) // max(pair, 1e-9), MOST_PAIRS))
    return Plan(len(best), pairs, again + pairs * pair)


@dataclass(frozen=True, eq=False)
class Again:
    """Recipes of a study, trained again: in its folder, until its time is over."""

    folder: Path
    dataset: Dataset
    deadline: float

    def train(self, place: str, recipe: Recipe, number: int) -> Run:
        """Train a recipe the nth time with another seed, or take the run that is there.

        Raises:
            Ended: by the clock or by Ctrl-C.
        """
        seed = recipe.seed + (number + 1) * OTHER_SEED
        name = f"{recipe.name}-{number + 1}"
        lock = f"{place}-{name}"
        return self.once(lock, self.folder / place / name, replace(recipe, name=name, seed=seed))

    def once(self, lock: str, folder: Path, recipe: Recipe) -> Run:
        """Train a recipe in a folder, by one process at a time, or take the run that is there."""
        watcher = Watcher(recipe.members, deadline=self.deadline)
        with locked(self.folder / LOCKS / lock):
            try:
                run = trained(recipe, self.dataset, folder, watcher)
            except Cut as cut:
                raise Ended(by_hand=False) from cut
        if run.environment["interrupted"]:
            raise Ended(by_hand=True)
        return run


def finals(
    again: Again, recipes: Sequence[tuple[Trial, Recipe]], finalists: int
) -> tuple[Final, ...]:
    """Train the best trials again, and give their mean accuracy on the images that chose them.

    Where there is no time for it, those that were trained again before stay the finalists: a study
    that goes on for a moment must not fall back to the luckiest figure.

    Args:
        again: how they are trained.
        recipes: the best trials, best first.
        finalists: how many of them there is time for.

    Raises:
        Ended: by Ctrl-C.
    """
    found = []
    for place, (trial, recipe) in enumerate(recipes):
        if place >= finalists and not _has_finals(again.folder, trial):
            continue
        try:
            runs = [again.train(FINALS, recipe, number) for number in range(FINAL_SEEDS)]
        except Ended as ended:
            if ended.by_hand:
                raise
            continue
        accuracies = [validation_accuracy(run) for run in runs]
        found.append(Final(trial.number, float(np.mean(accuracies)), FINAL_SEEDS))
    return tuple(found) if len(found) > 1 else ()  # one alone has won against none


def _has_finals(folder: Path, trial: Trial) -> bool:
    names = [f"{trial.name}-{number + 1}" for number in range(FINAL_SEEDS)]
    return all(is_done(folder / FINALS / name) for name in names)


@dataclass(frozen=True)
class Comparison:
    """The base and the best of a search, each trained several times.

    Attributes:
        readings: mean readings of the kept images, the base's first.
        difference: the best less the base.
        seconds: of training, mean, the base's first.
        pairs: how often each was trained.
    """

    readings: tuple[Reading, Reading]
    difference: Difference
    seconds: tuple[float, float]
    pairs: int


def compare(again: Again, base: Recipe, best: Recipe, pairs: int) -> Comparison:
    """Train two recipes again, in turn, and compare them on the images kept from the search.

    Fewer times than `pairs` where the time is over before.

    Raises:
        Ended: before each was trained once.
    """
    trained: list[list[Run]] = []
    try:
        for number in range(pairs):
            trained.append([again.train(CONFIRMED, each, number) for each in (base, best)])
    except Ended as ended:
        if ended.by_hand or not trained:
            raise
    kept = again.dataset.test
    of_base, of_best = (
        np.stack([read_rightly(run.classifier, kept) for run in runs])
        for runs in zip(*trained, strict=True)
    )
    seconds = np.array(
        [[run.environment["seconds"]["training"] for run in runs] for runs in trained]
    ).mean(axis=0)
    return Comparison(
        (reading(of_base), reading(of_best)),
        mean_difference(of_best, of_base),
        (float(seconds[0]), float(seconds[1])),
        len(trained),
    )


def reading(right: Bool[np.ndarray, "s n"]) -> Reading:
    """Sum up how models read the kept images: their mean, with the interval of one."""
    n = right.shape[1]
    accuracy = float(right.mean())
    interval = wilson(round(accuracy * n), n)
    return Reading(accuracy, min(interval.low, accuracy), max(interval.high, accuracy), n)


def read_rightly(classifier: Classifier, kept: Dataset) -> Bool[np.ndarray, " n"]:
    """Whether a model reads each of the kept images as its label says."""
    right: np.ndarray = classifier.predict(kept.images).argmax(axis=1) == kept.labels
    return right
