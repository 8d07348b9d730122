"""`compare`: which of several models is better, whether that is real, and which one to take.

Compared is on validation images that none of the models was trained on; no test image is looked at.
The advice: of the models that are not significantly worse than the best, take the simplest. Simple
is what has few parameters, or, where those of a model are not known, a small file.
"""

import itertools
import math
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Int64

from loupe.arrays import Images
from loupe.classifier.classifier import BATCH_SIZE, Classifier
from loupe.data.dataset import Dataset
from loupe.examination.candidates import (
    Candidate,
    data_of,
    find_candidates,
    require_same_terms,
)
from loupe.examination.evaluation import Evaluation, evaluate
from loupe.examination.held_out import shared_validation
from loupe.examination.metrics import top_guesses
from loupe.examination.paired import (
    SIGNIFICANT,
    Difference,
    Rightness,
    chance,
    difference,
    holm,
)
from loupe.examination.wording import counted
from loupe.runs.run import Run

ROUNDS, ROUND_SECONDS = 3, 0.1  # of measuring speed, at least both; seconds for each model
TIMED_IMAGES = 4 * BATCH_SIZE


@dataclass(frozen=True, eq=False)
class ComparedModel:
    """One model of a comparison and what was measured of it.

    Attributes:
        candidate: the model, its run, its time and size.
        evaluation: its reading of the shared validation images.
        images_per_second: how fast it read them on this machine.
    """

    candidate: Candidate
    evaluation: Evaluation
    images_per_second: float

    @property
    def name(self) -> str:
        """What it is called."""
        return self.candidate.name

    @property
    def accuracy(self) -> float:
        """Share of the shared images that it reads rightly."""
        return self.evaluation.metrics["accuracy"].value

    @cached_property
    def right(self) -> Rightness:
        """Whether it reads each shared image rightly."""
        return np.asarray(self.evaluation.guesses == self.evaluation.labels)

    def to_dict(self) -> dict[str, Any]:
        """Give everything but the images."""
        of = self.candidate
        test = of.test
        return {
            "name": of.name,
            "model": of.classifier.source,
            "run": str(of.run.folder) if of.run else None,
            "recipe": of.recipe["name"],
            "network": of.recipe["network"],
            "members": of.recipe["members"],
            "training_seconds": of.seconds,
            "parameters": of.parameters,
            "model_bytes": of.size_bytes,
            "images_per_second": self.images_per_second,
            "metrics": {name: asdict(m) for name, m in self.evaluation.metrics.items()},
            "test": test
            and {
                "n": test["n"],
                "accuracy": test["metrics"]["accuracy"],
                "looks_at_test": test["looks_at_test"],
            },
        }


@dataclass(frozen=True)
class Pair:
    """Two models of a comparison, by their positions, and how they differ.

    Attributes:
        first: the more accurate of the two.
        second: the other.
        difference: of the first to the second.
        p: its p-value, corrected for the number of pairs (Holm).
    """

    first: int
    second: int
    difference: Difference
    p: float

    @property
    def is_real(self) -> bool:
        """Whether the first is significantly better."""
        return self.p < SIGNIFICANT


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several models, read on the same images, and which one to take.

    Attributes:
        data: name of the data set.
        models: in the order in which they were given.
        pairs: every two of them.
        best: position of the most accurate model.
        recommended: position of the simplest that is not significantly worse.
        sentences: all of it in words.
    """

    data: str
    models: tuple[ComparedModel, ...]
    pairs: tuple[Pair, ...]
    best: int
    recommended: int
    sentences: tuple[str, ...] = field(repr=False)

    @property
    def num_images(self) -> int:
        """Validation images that were compared on."""
        return len(self.models[0].evaluation)

    @cached_property
    def disagreements(self) -> Int64[np.ndarray, " m"]:
        """Positions of the images that the models read differently, the surest mistakes first."""
        guesses = np.stack([model.evaluation.guesses for model in self.models])
        differ = np.flatnonzero((guesses != guesses[0]).any(axis=0))
        sure = [
            np.where(model.right, 0, model.evaluation.probabilities.max(axis=1))[differ]
            for model in self.models
        ]
        return differ[np.argsort(-np.max(sure, axis=0), kind="stable")]

    def pair(self, one: int, other: int) -> Pair:
        """Find the pair of two models, whichever is the better one."""
        return next(pair for pair in self.pairs if {pair.first, pair.second} == {one, other})

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values, as `loupe compare --json` prints it."""
        names = [model.name for model in self.models]
        return {
            "data": self.data,
            "split": "validation",
            "n": self.num_images,
            "models": [model.to_dict() for model in self.models],
            "pairs": [
                {
                    "first": names[pair.first],
                    "second": names[pair.second],
                    **asdict(pair.difference),
                    "p_corrected": pair.p,
                    "significant": pair.is_real,
                }
                for pair in self.pairs
            ],
            "best": names[self.best],
            "recommended": names[self.recommended],
            "sentences": list(self.sentences),
            "disagreements": [self._disagreement(index) for index in self.disagreements.tolist()],
        }

    def _disagreement(self, index: int) -> dict[str, Any]:
        evaluation = self.models[0].evaluation
        names = evaluation.dataset.class_names
        return {
            "source": evaluation.sources[index],
            "label": names[evaluation.labels[index]],
            "guesses": {
                model.name: {"guess": guess, "probability": probability}
                for model in self.models
                for guess, probability in top_of(model.evaluation, index, 1)
            },
        }

    def _repr_html_(self) -> str:
        from loupe.examination.display import comparison_html

        return comparison_html(self)


def compare(
    models: Sequence[Run | str | os.PathLike[str]], dataset: Dataset | None = None
) -> Comparison:
    """Compare models on validation images that none of them was trained on.

    Args:
        models: two runs or more, their folders, or model files; all trained on the same data, with
            other fixes or generated images perhaps.
        dataset: that data; without it, and where others differ, read again from where the runs
            had it from.

    Raises:
        RunError: fewer than two models, an unfinished run, other data or classes, or too few
            images that all of them have held out.
        ModelError: a file that is no model.

    Example:
        >>> import loupe, tempfile
        >>> from pathlib import Path
        >>> digits, folder = loupe.read("digits"), Path(tempfile.mkdtemp())
        >>> runs = [loupe.train(digits, loupe.recipe("mlp-64-32", epochs=epochs, seed=0),
        ...                     out=folder / f"{epochs} epochs") for epochs in (1, 8)]
        >>> compare(runs, digits).sentences[1][:14]
        'Take 8 epochs:'
    """
    candidates = find_candidates(models)
    require_same_terms(candidates)
    shared = shared_validation(candidates, data_of(candidates, dataset))
    evaluations = [evaluate(each.classifier, shared, ledger=None) for each in candidates]
    speeds = images_per_second([each.classifier for each in candidates], shared.images)
    compared = tuple(map(ComparedModel, candidates, evaluations, speeds))
    pairs = _pairs(compared)
    order = simplest_first(compared)
    best = max(order, key=lambda i: compared[i].accuracy)  # of equals the first, the simplest
    worse = {pair.second for pair in pairs if pair.first == best and pair.is_real}
    recommended = next(i for i in order if i not in worse)
    sentences = _sentences(shared.name, compared, pairs, best, recommended)
    return Comparison(shared.name, compared, pairs, best, recommended, sentences)


def top_of(evaluation: Evaluation, index: int, count: int) -> list[tuple[str, float]]:
    """The likeliest classes of one image with their probabilities, likeliest first."""
    names, row = evaluation.dataset.class_names, evaluation.probabilities[index]
    return [(names[i], float(row[i])) for i in top_guesses(row[None], count)[0].tolist()]


def images_per_second(classifiers: Sequence[Classifier], images: Images) -> list[float]:
    """Measure how fast models read images, by turns.

    The best of many rounds counts: other work on the machine only ever slows one down.
    """
    batch = np.resize(images, (TIMED_IMAGES, *images.shape[1:]))
    least = [math.inf] * len(classifiers)
    began, rounds = time.perf_counter(), 0
    while rounds < ROUNDS or time.perf_counter() - began < ROUND_SECONDS * len(classifiers):
        rounds += 1
        for i, classifier in enumerate(classifiers):
            start = time.perf_counter()
            classifier.predict(batch)
            least[i] = min(least[i], time.perf_counter() - start)
    return [TIMED_IMAGES / seconds for seconds in least]


def _pairs(models: Sequence[ComparedModel]) -> tuple[Pair, ...]:
    """Every two models, the more accurate one first, with p-values corrected for their number."""
    twos = [
        (i, j) if models[i].accuracy >= models[j].accuracy else (j, i)
        for i, j in itertools.combinations(range(len(models)), 2)
    ]
    found = [difference(models[i].right, models[j].right) for i, j in twos]
    corrected = holm([each.p for each in found])
    return tuple(Pair(*two, each, p) for two, each, p in zip(twos, found, corrected, strict=True))


def simplest_first(models: Sequence[ComparedModel]) -> list[int]:
    """Sort the positions of models by their parameters, or all by file size; then by accuracy."""
    parameters = [model.candidate.parameters for model in models]
    sizes = [model.candidate.size_bytes for model in models]

    def complexity(i: int) -> tuple[int, float]:
        count = parameters[i] if None not in parameters else None
        return (sizes[i] if count is None else count, -models[i].accuracy)

    return sorted(range(len(models)), key=complexity)


def _sentences(
    data: str, models: Sequence[ComparedModel], pairs: Sequence[Pair], best: int, recommended: int
) -> tuple[str, ...]:
    """Say what was compared, what to take and why, and what to beware of."""
    n = len(models[0].evaluation)
    said = [
        f"{len(models)} models were compared on {counted(n, 'validation image')} of {data} that "
        "none of them was trained on.",
        _advice(models, pairs, best, recommended),
    ]
    if len({model.candidate.fingerprint for model in models}) > 1:
        said.append(
            "They were not trained on the same images and labels; their test images are the same. "
            "Compared is on real images that each of them held out under the same label."
        )
    if len(models) > 2:
        said.append(
            f"With {len(models)} models there are {len(pairs)} pairs: p-values are corrected for "
            "that (Holm)."
        )
    flattered = [m.name for m in models if m.candidate.recipe["keep"] == "best"]
    if flattered:
        said.append(
            f"Of {' and '.join(flattered)} the epoch was chosen on validation images, these among "
            "them: expect a little less of it on new images."
        )
    return tuple(said)


def _advice(
    models: Sequence[ComparedModel], pairs: Sequence[Pair], best: int, recommended: int
) -> str:
    top, taken = models[best], models[recommended]
    if recommended != best:
        pair = next(p for p in pairs if {p.first, p.second} == {best, recommended})
        return (
            f"Take {taken.name}: it is the simplest of those that are not significantly worse than "
            f"the best, {top.name}. {_gap(top.name, pair)}, which chance explains."
            f"{_what_is_not_known(pair.difference)}"
        )
    order = simplest_first(models)
    if recommended == order[0]:
        return f"Take {taken.name}: none is simpler, and none reads more images rightly."
    next_best = max((i for i in order if i != best), key=lambda i: models[i].accuracy)
    pair = next(p for p in pairs if {p.first, p.second} == {best, next_best})
    return (
        f"Take {taken.name}: every simpler model is significantly worse. "
        f"{_gap('It', pair, f'the next best, {models[next_best].name}')}."
    )


def _gap(name: str, pair: Pair, other: str = "") -> str:
    found = pair.difference
    than = f" than {other}" if other else ""
    return (
        f"{name} reads {points(found.value)} more of the images rightly{than} "
        f"(95 % interval {100 * found.low:.2f} to {points(found.high)}; {chance(pair.p)})"
    )


def _what_is_not_known(found: Difference) -> str:
    """Say how much better the best may be all the same, where that is more than a point."""
    if found.high <= 0.01:
        return ""
    return (
        f" On these {found.n:,} images a true difference of up to {points(found.high)} cannot be "
        "ruled out: more validation images would tell."
    )


def points(share: float) -> str:
    """Write a difference of two shares.

    Example:
        >>> points(0.0123)
        '1.23 percentage points'
    """
    return f"{100 * share:.2f} percentage points"
