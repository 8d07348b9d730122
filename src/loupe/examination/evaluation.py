"""The `Evaluation`: a classifier read on one split, image by image, and what that amounts to.

`evaluate` runs the model file itself, so what is measured is what is deployed. A look at a test
split is entered in the ledger (`loupe.runs.ledger`).
"""

import csv
import html
import io
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64

from loupe.arrays import Distances, Features, Images, Labels, Probabilities
from loupe.classifier.classifier import load
from loupe.data.dataset import SPLITS, Dataset, Split, require_dataset
from loupe.errors import DataError, ModelError, did_you_mean
from loupe.examination.abstention import WANTED, wanted_share
from loupe.examination.certainty import Certainty, Thresholds, measure_certainty
from loupe.examination.metrics import (
    ConfusionMatrix,
    Metric,
    PerClass,
    best_guesses,
    confusion_matrix,
    measure,
    measure_classes,
    top_guesses,
)
from loupe.examination.wording import counted, percent
from loupe.files import inert, write_bytes, write_json
from loupe.runs.ledger import enter_look, looks
from loupe.runs.run import LEDGER, Run

GUESSES = 3  # guesses of each image in predictions.csv


@runtime_checkable
class Examined(Protocol):
    """What a classifier says of some images (`loupe.classifier.classifier.Output`)."""

    @property
    def probabilities(self) -> Probabilities:
        """Probability of each class, float32 `[n k]`."""

    @property
    def features(self) -> Features | None:
        """Features of each image, float32 `[n d]`."""

    @property
    def outlier(self) -> Distances:
        """How far each image is from its class, float32 `[n]`."""


@runtime_checkable
class Examines(Protocol):
    """Anything that can be evaluated: a `Classifier`, or a stand-in."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the columns of the probabilities."""

    def examine(self, images: Images) -> Examined:
        """Read images."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A classifier's reading of one split, and its figures.

    Attributes:
        dataset: the images that were read, with labels and `class_names` in the classifier's order.
        probabilities: of each class for each image, float32 `[n k]`.
        features: of each image, float32 `[n d]`, where the classifier gives them.
        outlier: how strange each image is, float32 `[n]`.
        split: which split of the data it is.
        metrics: every metric of `METRICS`, with its interval.
        per_class: precision, recall and F1 of each class.
        confusion_matrix: images by label (row) and first guess (column), int64 `[k k]`.
        looks_at_test: how often these test images have been looked at, this time included; 0 for
            another split, and where no ledger was kept.
        classifier: where the classifier came from.
        data_fingerprint: fingerprint of the images that were read, as in the ledger.
        certainty: calibration, abstention and prediction sets, where the classifier's card has
            thresholds for them.
    """

    dataset: Dataset = field(repr=False)
    probabilities: Probabilities = field(repr=False)
    features: Features | None = field(repr=False)
    outlier: Distances = field(repr=False)
    split: Split
    metrics: dict[str, Metric]
    per_class: tuple[PerClass, ...] = field(repr=False)
    confusion_matrix: ConfusionMatrix = field(repr=False)
    looks_at_test: int
    classifier: str = ""
    data_fingerprint: str = ""
    certainty: Certainty | None = field(default=None, repr=False)

    def __len__(self) -> int:
        """Count the images."""
        return len(self.dataset)

    @property
    def labels(self) -> Labels:
        """Given class of each image."""
        return self.dataset.labels

    @cached_property
    def guesses(self) -> Labels:
        """First guess of each image."""
        return best_guesses(self.probabilities)

    @property
    def sources(self) -> Sequence[str]:
        """Where each image came from."""
        return self.dataset.sources

    @cached_property
    def wrong(self) -> Int64[np.ndarray, " m"]:
        """Positions of the images whose first guess is not their label."""
        return np.flatnonzero(self.guesses != self.labels)

    @property
    def sentence(self) -> str:
        """How good it is, in one sentence."""
        accuracy = self.metrics["accuracy"]
        right = len(self) - len(self.wrong)
        split = "training" if self.split == "train" else self.split
        return (
            f"{percent(accuracy.value)} of the {counted(len(self), f'{split} image')} of "
            f"{self.dataset.name} are read rightly ({right:,}; 95 % interval "
            f"{percent(accuracy.low)} to {percent(accuracy.high)})."
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the content of `evaluation.json`; a figure that is not a number becomes None."""
        figures = {name: asdict(metric) for name, metric in self.metrics.items()}
        for metric in figures.values():
            del metric["n"]  # the same for all of them, and said once
        content = {
            "split": self.split,
            "n": len(self),
            "metrics": figures,
            "per_class": [asdict(found) for found in self.per_class],
            "confusion_matrix": self.confusion_matrix.tolist(),
            "looks_at_test": self.looks_at_test,
            "classifier": self.classifier,
            "data": self.dataset.name,
            "data_fingerprint": self.data_fingerprint,
        }
        if self.certainty is not None:
            content |= self.certainty.to_dict()
        return {key: _without_nan(value) for key, value in content.items()}

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{metric.value:.4f}</td>"
            f"<td>{metric.low:.4f} to {metric.high:.4f}</td><td>{metric.interval}</td></tr>"
            for name, metric in self.metrics.items()
        )
        return (
            f"<p>{html.escape(self.sentence)}</p><table><thead><tr><th>metric</th><th>value</th>"
            f"<th>95 % interval</th><th>by</th></tr></thead><tbody>{rows}</tbody></table>"
        )


def evaluate(
    classifier: Examines | Run | str | os.PathLike[str],
    dataset: Dataset,
    *,
    split: Split | None = None,
    ledger: str | os.PathLike[str] | None = LEDGER,
    abstain: float | Sequence[float] = WANTED,
) -> Evaluation:
    """Measure a classifier on one split of a data set.

    Classes are matched by name, never by number: the data may have them in another order, or have
    only some of them.

    Args:
        classifier: a `Classifier`, or anything else with `class_names` and `examine`; a `Run`, its
            folder or a model file, whose model is loaded then.
        dataset: a data set, or the view of one split, as in `mnist.test`.
        split: which split of it; by default the one that a view is of, and the test split else.
        ledger: where a look at a test split is entered; None keeps no count.
        abstain: shares of right answers for which it is measured how many images are left to a
            person (`loupe.examination.abstention`).

    Raises:
        LoupeError: `abstain` is no share.
        DataError: the split has no images, or has classes that the classifier does not know.
        ModelError: there is no model to load.
        RunError: the run has not finished, or the look cannot be entered in the ledger.

    Example:
        >>> from types import SimpleNamespace
        >>> pets = Dataset("pets", np.zeros((2, 8, 8, 1), np.uint8), np.array([0, 1]),
        ...                np.full(2, SPLITS.index("test"), np.uint8), ("cat", "dog"), ("a", "b"))
        >>> output = SimpleNamespace(probabilities=np.array([[0.9, 0.1]] * 2, np.float32),
        ...                          features=None, outlier=np.zeros(2, np.float32))
        >>> always_cat = SimpleNamespace(class_names=("cat", "dog"), examine=lambda _: output)
        >>> evaluate(always_cat, pets, ledger=None).sentence[:56]
        '50.00 % of the 2 test images of pets are read rightly (1'
    """
    require_dataset(dataset)
    classifier = _loaded(classifier)
    wanted = [wanted_share(float(each)) for each in np.atleast_1d(abstain)]
    view, split = _one_split(dataset, split)
    entered = None if split != "test" or ledger is None else Path(ledger)
    if entered is not None:
        looks(entered, "")  # an unreadable ledger is better met before the work than after it
    fingerprint = view.fingerprint
    matched = _matched_by_name(view, tuple(classifier.class_names))
    output = classifier.examine(matched.images)
    metrics = measure(matched.labels, output.probabilities)
    guesses = best_guesses(output.probabilities)
    confusion = confusion_matrix(matched.labels, guesses, len(matched.class_names))
    source = str(getattr(classifier, "source", type(classifier).__name__))
    look = 0
    if entered is not None:
        look = enter_look(entered, test_fingerprint=fingerprint, model=source, data=view.name)
    return Evaluation(
        dataset=matched,
        probabilities=output.probabilities,
        features=output.features,
        outlier=output.outlier,
        split=split,
        metrics=metrics,
        per_class=measure_classes(confusion, matched.class_names),
        confusion_matrix=confusion,
        looks_at_test=look,
        classifier=source,
        data_fingerprint=fingerprint,
        certainty=_certainty(classifier, matched, output.probabilities, split, wanted),
    )


def write_evaluation(folder: Path, evaluation: Evaluation) -> None:
    """Write `predictions.csv` and `evaluation.json` into a folder, each atomically.

    A name that a spreadsheet would take for a formula, as in `=HYPERLINK(...).png`, is written
    behind an apostrophe; all other text is as it is in the data.
    """
    write_bytes(
        folder / "predictions.csv", _predictions(evaluation).encode(errors="backslashreplace")
    )
    write_json(folder / "evaluation.json", evaluation.to_dict())


def _loaded(classifier: object) -> Examines:
    """The model itself, of a run or file as well."""
    if isinstance(classifier, Run):
        return classifier.classifier
    if isinstance(classifier, (str, os.PathLike)):
        return load(classifier)
    if isinstance(classifier, Examines):
        return classifier
    raise ModelError(
        f"A Classifier was expected, not a {type(classifier).__name__}. Give the Run that "
        "loupe.train returned, loupe.load(path), or the path of a model.onnx or run folder."
    )


def _certainty(
    classifier: Examines,
    dataset: Dataset,
    probabilities: Probabilities,
    split: Split,
    wanted: Sequence[float],
) -> Certainty | None:
    """How sure the classifier is, by the thresholds in its card; None where it has none."""
    found = getattr(getattr(classifier, "card", None), "certainty", None)
    if not found:
        return None
    try:
        thresholds = Thresholds.from_dict(found)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"The thresholds in the card of {getattr(classifier, 'source', 'the model')} are not "
            f"readable: {error!r}. Export the model again."
        ) from error
    return measure_certainty(thresholds, dataset, probabilities, split, wanted)


def _one_split(dataset: Dataset, split: Split | None) -> tuple[Dataset, Split]:
    """The images of the wanted split, and which split that is."""
    if split is not None and split not in SPLITS:
        raise DataError(
            f"There is no split {split!r}.{did_you_mean(str(split), SPLITS)} "
            f"Expected one of {', '.join(map(repr, SPLITS))}."
        )
    present = np.unique(dataset.split)
    if len(present) == 1:
        own = SPLITS[int(present[0])]
        if split in (None, own):
            return dataset, own
    wanted: Split = split or "test"
    view = dataset.select(np.flatnonzero(dataset.split == SPLITS.index(wanted)))
    if not len(view):
        counts = np.bincount(dataset.split, minlength=len(SPLITS))
        has = ", ".join(f"{count:,} {name}" for name, count in zip(SPLITS, counts, strict=True))
        raise DataError(
            f"{dataset.name} has no {wanted} images to evaluate on; it has {has} images. "
            "Name a split that it has, or give data with that split."
        )
    return view, wanted


def _matched_by_name(dataset: Dataset, class_names: tuple[str, ...]) -> Dataset:
    """The same images, their labels numbered as the classifier numbers its classes."""
    if dataset.class_names == class_names:
        return dataset
    counts = dataset.counts()
    unknown = [
        name
        for name, count in zip(dataset.class_names, counts, strict=True)
        if count and name not in class_names
    ]
    if unknown:
        raise _unknown_classes(dataset, unknown, class_names)
    number = {name: i for i, name in enumerate(class_names)}
    # A class that the classifier lacks has no images here, so its -1 is never looked up.
    new_label = np.array([number.get(name, -1) for name in dataset.class_names], np.int64)
    return replace(dataset, labels=new_label[dataset.labels], class_names=class_names)


def _unknown_classes(
    dataset: Dataset, unknown: Sequence[str], class_names: tuple[str, ...]
) -> DataError:
    concerned = int(dataset.counts()[[dataset.class_names.index(name) for name in unknown]].sum())
    return DataError(
        f"{concerned:,} of the {len(dataset):,} images of {dataset.name} have classes that the "
        f"classifier does not know: {_listed(unknown)}.{did_you_mean(unknown[0], class_names)} "
        f"The data's classes: {_listed(dataset.class_names)}. The classifier's: "
        f"{_listed(class_names)}. Give the classes of the data the names that the classifier "
        "has for them, leave out those that it lacks, or train a classifier on these classes."
    )


def _listed(names: Sequence[str], most: int = 30) -> str:
    """Names, the first 30 of them."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more


def _predictions(evaluation: Evaluation) -> str:
    names = [inert(name) for name in evaluation.dataset.class_names]
    guesses = top_guesses(evaluation.probabilities, GUESSES)
    likely = np.take_along_axis(evaluation.probabilities, guesses, axis=1).tolist()
    missing = [""] * (2 * (GUESSES - guesses.shape[1]))  # two classes have no third guess
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    pairs = [(f"guess_{place}", f"probability_{place}") for place in range(1, GUESSES + 1)]
    writer.writerow(["source", "label", *(column for pair in pairs for column in pair)])
    for source, label, row, chances in zip(
        evaluation.sources, evaluation.labels.tolist(), guesses.tolist(), likely, strict=True
    ):
        cells = [inert(source), names[label]]
        for guess, chance in zip(row, chances, strict=True):
            cells += (names[guess], f"{chance:.6g}")
        writer.writerow(cells + missing)
    return text.getvalue()


def _without_nan(content: Any) -> Any:
    """The same content with None for what JSON has no number for."""
    if isinstance(content, dict):
        return {key: _without_nan(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_without_nan(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content
