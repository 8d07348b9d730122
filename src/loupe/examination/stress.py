"""Stress: how far images may be from those that a model was trained on before it fails.

Every image is shifted, turned, blurred and so on, each in five strengths (`STRESSES`), and read
again by the model file. Validation images are the default: what is changed because of the result
is not chosen on test images.
"""

import html
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8

from loupe.arrays import Images, Labels
from loupe.classifier.classifier import Classifier, load
from loupe.data.again import read_again
from loupe.data.dataset import Dataset, Split, require_dataset
from loupe.data.split import hold_out_validation
from loupe.errors import LoupeError, ModelError, did_you_mean
from loupe.examination.distortions import STRESSES, Ground, Stress
from loupe.examination.evaluation import evaluate
from loupe.examination.intervals import wilson
from loupe.examination.wording import counted, percent
from loupe.framing import Framing
from loupe.runs.run import LEDGER, Run, open_run

SEED = 1903  # of directions, signs and noise: the same images suffer the same in every model
BATCH_SIZE = 512  # images that are distorted at once
EXAMPLES = 3  # images that are shown in every strength
POINT = 0.01  # of accuracy: one percentage point

Watch = Callable[[str, int, int], None]  # stress, conditions done, conditions in all


@dataclass(frozen=True)
class Strength:
    """The accuracy at one strength of one stress; `n` images, `low` and `high` by Wilson."""

    amount: float
    text: str
    accuracy: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, eq=False)
class StressCurve:
    """How accuracy falls under one stress.

    Attributes:
        name: of the stress, as in `STRESSES`.
        says: what it does.
        strengths: five, rising.
        costs_from: the first strength, from 1, that costs at least a percentage point; None where
            none does.
        pictures: example images, unharmed and at each strength, uint8 `[s e h w c]`.
        guesses: their first guesses, int64 `[s e]`.
    """

    name: str
    says: str
    strengths: tuple[Strength, ...]
    costs_from: int | None
    pictures: UInt8[np.ndarray, "s e h w c"] = field(repr=False)
    guesses: Int64[np.ndarray, "s e"] = field(repr=False)

    @property
    def sentence(self) -> str:
        """What it costs, in one sentence."""
        if self.costs_from is None:
            last = self.strengths[-1]
            return f"{self.name} costs less than a point up to {last.text}"
        first = self.strengths[self.costs_from - 1]
        return f"{self.name} costs a point from {first.text} on ({percent(first.accuracy)})"


@dataclass(frozen=True, eq=False)
class StressTest:
    """A model under stress.

    Attributes:
        model: where it came from.
        data: name of the data set.
        split: which of its images were read.
        n: images.
        clean: accuracy on the images as they are.
        curves: one for each stress.
        left_out: stresses that make no sense here, each with the reason.
        class_names: of the model.
        labels: of the example images.
        seconds: what it took.
    """

    model: str
    data: str
    split: Split
    n: int
    clean: Strength
    curves: tuple[StressCurve, ...]
    left_out: dict[str, str]
    class_names: tuple[str, ...] = field(repr=False)
    labels: Labels = field(repr=False)
    seconds: float = 0.0

    @property
    def sentence(self) -> str:
        """How good it is, and where each stress costs the first point."""
        split = "training" if self.split == "train" else self.split
        lost = [
            f"{curve.name} {curve.strengths[curve.costs_from - 1].text}"
            for curve in self.curves
            if curve.costs_from is not None
        ]
        said = (
            f"{percent(self.clean.accuracy)} of the {counted(self.n, f'{split} image')} of "
            f"{self.data} are read rightly as they are"
        )
        return f"{said}. A point is lost at: {', '.join(lost) or 'no stress'}."

    def to_dict(self) -> dict[str, Any]:
        """Give the content of `stress.json`."""
        return {
            "model": self.model,
            "data": self.data,
            "split": self.split,
            "n": self.n,
            "accuracy": _plain(self.clean),
            "stresses": [
                {
                    "name": curve.name,
                    "costs_a_point_from": curve.costs_from,
                    "strengths": [_plain(strength) for strength in curve.strengths],
                }
                for curve in self.curves
            ],
            "left_out": self.left_out,
            "seconds": self.seconds,
        }

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{html.escape(curve.name)}</th>"
            + "".join(
                f"<td>{each.text}: {percent(each.accuracy, 1)}</td>" for each in curve.strengths
            )
            + "</tr>"
            for curve in self.curves
        )
        return f"<p>{html.escape(self.sentence)}</p><table><tbody>{rows}</tbody></table>"


def stress(
    model: Run | Classifier | str | os.PathLike[str],
    dataset: Dataset | None = None,
    *,
    split: Split = "validation",
    stresses: Sequence[str] = (),
    ledger: str | os.PathLike[str] | None = LEDGER,
    watch: Watch | None = None,
) -> StressTest:
    """Read images under nine stresses, each in five strengths.

    Args:
        model: a run, its folder, a model file or a `Classifier`.
        dataset: what to read; by default what the run was trained on.
        split: which of its images. A look at test images is entered in the ledger, once.
        stresses: names of `STRESSES`; all of them by default.
        ledger: where a look at a test split is entered; None keeps no count.
        watch: called after each strength.

    Raises:
        LoupeError: there is no such stress.
        RunError: the run has not finished, or its data are not there any more.
        ModelError: a model file alone does not know where its data are.
        DataError: the split has no images, or other classes.

    Example:
        >>> import loupe, tempfile
        >>> short = loupe.recipe("mlp-300-100", epochs=5)
        >>> run = loupe.train(loupe.read("digits"), short, out=tempfile.mkdtemp())
        >>> found = stress(run, stresses=["inversion"])
        >>> found.curves[0].strengths[-1].accuracy < found.clean.accuracy
        True
    """
    began = time.perf_counter()
    chosen = _chosen(stresses)
    classifier, dataset = _opened(model, dataset)
    evaluation = evaluate(classifier, dataset, split=split, ledger=ledger)
    images, labels = evaluation.dataset.images, evaluation.labels
    ground = Ground(Framing.from_dict(classifier.card.framing), classifier.image_shape[2])
    shown = _examples(labels, evaluation.guesses)
    left_out = {name: why for name in chosen if (why := STRESSES[name].refuses(ground))}
    right = len(labels) - len(evaluation.wrong)
    clean = _strength(0.0, "as it is", right, len(labels))
    used = [name for name in chosen if name not in left_out]
    curves = []
    for number, name in enumerate(used):
        counted_right = []
        for amount in STRESSES[name].amounts:
            counted_right.append(_count_right(classifier, images, labels, name, amount, ground))
            if watch is not None:
                watch(name, 5 * number + len(counted_right), 5 * len(used))
        curves.append(_curve(classifier, name, images[shown], ground, clean, counted_right))
    return StressTest(
        model=evaluation.classifier,
        data=evaluation.dataset.name,
        split=evaluation.split,
        n=len(labels),
        clean=clean,
        curves=tuple(curves),
        left_out=left_out,
        class_names=classifier.class_names,
        labels=labels[shown],
        seconds=time.perf_counter() - began,
    )


def distorted(images: Images, name: str, amount: float, ground: Ground) -> Iterator[Images]:
    """Distort images batch by batch; the same images suffer the same at every call."""
    generator = np.random.default_rng([SEED, list(STRESSES).index(name)])
    for start in range(0, len(images), BATCH_SIZE):
        batch = images[start : start + BATCH_SIZE]
        yield STRESSES[name].distort(batch, amount, ground, generator)


def _chosen(names: Sequence[str]) -> list[str]:
    if isinstance(names, str) or not isinstance(names, Iterable):
        one = names if names in STRESSES else "rotation"
        raise LoupeError(
            f"stresses is {names!r}; expected a list of names, as ['{one}']. Known: "
            f"{', '.join(STRESSES)}."
        )
    for name in names:
        if name not in STRESSES:
            raise LoupeError(
                f"There is no stress '{name}'.{did_you_mean(name, STRESSES)} Known: "
                f"{', '.join(STRESSES)}."
            )
    return [name for name in STRESSES if name in names or not names]


def _opened(
    model: Run | Classifier | str | os.PathLike[str], dataset: Dataset | None
) -> tuple[Classifier, Dataset]:
    """The model and the data, with the validation images that training held out."""
    run, classifier = None, model
    if isinstance(classifier, (str, os.PathLike)):
        is_file = os.fspath(classifier).endswith(".onnx")
        classifier = load(classifier) if is_file else open_run(classifier)
    if isinstance(classifier, Run):
        run, classifier = classifier, classifier.classifier
    if dataset is None:
        dataset = _own_data(run, classifier)
    require_dataset(dataset)
    card = classifier.card
    if dataset.fingerprint == card.training_data["fingerprint"]:
        dataset = hold_out_validation(dataset, card.recipe["validation"], card.recipe["seed"])
    return classifier, dataset


def _own_data(run: Run | None, classifier: Classifier) -> Dataset:
    if run is None:
        raise ModelError(
            f"{classifier.source} does not know where its data are: give a data set with it, or "
            "the run's folder."
        )
    learner = f"The run {run.folder} was trained on"
    return read_again(run.environment["data"], learner, "Give the same data set again.")


def _examples(labels: Labels, guesses: Labels) -> Int64[np.ndarray, " e"]:
    """Positions of a rightly read image of each of the first classes that have one."""
    right = np.flatnonzero(labels == guesses)
    right = right if len(right) else np.arange(len(labels))
    _, first = np.unique(labels[right], return_index=True)
    spread = np.linspace(0, len(first) - 1, min(EXAMPLES, len(first))).round().astype(int)
    positions: Int64[np.ndarray, " e"] = right[first[spread]].astype(np.int64)
    return positions


def _count_right(
    classifier: Classifier, images: Images, labels: Labels, name: str, amount: float, ground: Ground
) -> int:
    probabilities = classifier.predict(distorted(images, name, amount, ground))
    return int((probabilities.argmax(axis=1) == labels).sum())


def _curve(
    classifier: Classifier,
    name: str,
    examples: Images,
    ground: Ground,
    clean: Strength,
    right: Sequence[int],
) -> StressCurve:
    kind: Stress = STRESSES[name]
    side = max(examples.shape[1:3])
    strengths = tuple(
        _strength(amount, kind.written(amount, side), count, clean.n)
        for amount, count in zip(kind.amounts, right, strict=True)
    )
    costly = [i for i, each in enumerate(strengths, 1) if _costs_a_point(clean, each)]
    pictures = [examples]
    pictures += [next(distorted(examples, name, amount, ground)) for amount in kind.amounts]
    guesses = [classifier.predict(images).argmax(axis=1) for images in pictures]
    return StressCurve(
        name=name,
        says=kind.says,
        strengths=strengths,
        costs_from=costly[0] if costly else None,
        pictures=np.stack(pictures),
        guesses=np.stack(guesses).astype(np.int64),
    )


def _costs_a_point(clean: Strength, found: Strength) -> bool:
    """Whether at least a percentage point is lost; counted in images, not in rounded shares."""
    lost = round((clean.accuracy - found.accuracy) * clean.n)
    return lost >= POINT * clean.n


def _strength(amount: float, text: str, right: int, n: int) -> Strength:
    interval = wilson(right, n)
    return Strength(float(amount), text, right / n, interval.low, interval.high, n)


def _plain(strength: Strength) -> dict[str, Any]:
    return {
        "amount": strength.amount,
        "text": strength.text,
        "accuracy": strength.accuracy,
        "low": strength.low,
        "high": strength.high,
        "interval": "wilson",
    }
