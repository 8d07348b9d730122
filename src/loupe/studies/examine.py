"""`examine`: who is wrong, the model or the label? Asked of every label of a split.

Training and validation images are read by the network of their fold, which never learnt from them.
Test images are read by the networks of all folds, a committee that learnt from training images
only, and by the run's own model.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from loupe.arrays import Probabilities
from loupe.classifier.classifier import Classifier
from loupe.data.again import read_again
from loupe.data.dataset import Dataset, Split
from loupe.errors import DataError
from loupe.examination.labels import LabelExamination
from loupe.examination.labels_confident import confident_learning, require_cleanlab
from loupe.examination.labels_evidence import (
    Evidence,
    blank_images,
    disagreeing_twins,
    margins,
)
from loupe.examination.labels_neighbours import NEIGHBOURS, nearest, votes
from loupe.examination.labels_ranking import doubted, label_scores
from loupe.examination.labels_verdicts import suspects
from loupe.examination.labels_views import read_views
from loupe.examination.labels_wants import wants
from loupe.examination.metrics import best_guesses
from loupe.recipes.named import recipe as recipe_named
from loupe.recipes.recipe import Recipe
from loupe.runs.ledger import enter_look, looks
from loupe.runs.run import LEDGER, RUNS, Run, open_run
from loupe.studies.folds import Folds, WatchFold, train_folds

FOLDS = 5
FOLDS_FOLDER = "folds"  # in the run's folder


def examine(
    what: Run | Dataset | str | os.PathLike[str],
    *,
    dataset: Dataset | None = None,
    folds: int = FOLDS,
    recipe: Recipe | str = "fast",
    split: Split = "train",
    folder: str | os.PathLike[str] | None = None,
    watch_fold: WatchFold | None = None,
    ledger: str | os.PathLike[str] | None = LEDGER,
) -> LabelExamination:
    """Examine the labels of a data set: rank them by how wrong they look, with the evidence.

    Costs as many trainings of `recipe` as there are folds, the first time; they are kept, and
    serve both splits.

    Args:
        what: a run or its folder, whose data is read again; or a data set.
        dataset: the run's data, where it cannot be read again or is at hand.
        folds: into how many the training and validation images are dealt.
        recipe: what the folds' networks are trained with, or its name.
        split: "train" examines training and validation labels; "test" ranks test labels, from which
            nothing is learnt. That is a look at the test images, and entered in the ledger.
        folder: where the folds are kept; default: in the run's folder, or `runs/<data>-folds`.
        watch_fold: given the number of a fold from 0, what watches its training.
        ledger: where a look at test images is entered; None keeps no count.

    Raises:
        MissingExtraError: torch or cleanlab is not installed.
        DataError: too few images for so many folds, or no test images.
        RunError: the run's data is not there, or is not what it was trained on.

    Example:
        >>> import loupe, tempfile
        >>> quick = loupe.recipe("logistic", epochs=2)
        >>> kept = tempfile.mkdtemp()
        >>> found = loupe.examine(loupe.read("digits"), folds=2, recipe=quick, folder=kept)
        >>> len(found), found.ranked(limit=1)[0]["rank"]
        (1438, 1)
    """
    require_cleanlab()
    run = None if isinstance(what, Dataset) else what if isinstance(what, Run) else open_run(what)
    data = what if isinstance(what, Dataset) else dataset or _data_of(run)
    counted = None if ledger is None or split != "test" else Path(ledger)
    _require_split(data, split, counted)
    recipe = recipe_named(recipe) if isinstance(recipe, str) else recipe
    place = _place(run, data, folder)
    trained = train_folds(data, recipe, folds, place, watch_fold=watch_fold)
    others: list[Classifier] = []
    if split == "train":
        examined, evidence = trained.dataset, out_of_fold(trained)
    else:
        if run is not None and _knows_only_training(run, data):
            others.append(run.classifier)
        examined, evidence = data.test, by_committee(trained, data.test, others)
    look = 0
    if counted is not None:
        look = enter_look(
            counted,
            test_fingerprint=data.test.fingerprint,
            model=f"labels, by the folds in {place}",
            data=data.name,
        )
    return _weighed(
        examined, trained, evidence, split=split, recipe=recipe.name, look=look,
        num_networks=1 if split == "train" else len(trained) + len(others),
    )  # fmt: skip


def _weighed(
    examined: Dataset,
    folds: Folds,
    evidence: Evidence,
    *,
    split: Split,
    recipe: str,
    look: int,
    num_networks: int,
) -> LabelExamination:
    """Rank the labels by the evidence, and give the verdicts."""
    confident = confident_learning(evidence.labels, evidence.probabilities)
    scores = label_scores(evidence)
    ranking = np.argsort(scores, kind="stable")
    found = suspects(examined, folds.dataset, evidence, confident, scores, ranking)
    return LabelExamination(
        dataset=examined,
        references=folds.dataset,
        split=split,
        evidence=evidence,
        scores=scores,
        ranking=ranking,
        suspects=found,
        wants=wants(examined, evidence, found),
        estimate=confident.estimate,
        num_networks=num_networks,
        folds=len(folds),
        recipe=recipe,
        looks_at_test=look,
    )


def out_of_fold(folds: Folds) -> Evidence:
    """Gather the evidence on the images that were dealt, each from the network of its fold."""
    dataset, k = folds.dataset, len(folds.dataset.class_names)
    n = len(dataset)
    probabilities, outlier = np.zeros((n, k), np.float32), np.zeros(n, np.float32)
    features = []
    for fold, classifier in enumerate(folds.classifiers):
        output = classifier.examine(dataset.images)
        inside = folds.inside(fold)
        probabilities[inside] = output.probabilities[inside]
        outlier[inside] = output.outlier[inside] / _usual_distance(classifier)
        features.append(output.features)
    looked = doubted(margins(dataset.labels, probabilities))
    near = np.full((n, min(NEIGHBOURS, int((folds.fold_of != 0).sum()))), -1, np.int64)
    said, agreement = np.zeros((n, k), np.float32), np.ones(n, np.float32)
    for fold, points in enumerate(features):
        asked = np.flatnonzero(looked & (folds.fold_of == fold))
        outside = folds.outside(fold)
        near[asked] = outside[nearest(points[outside], points[asked], near.shape[1])]
        said[asked] = votes(near[asked], dataset.labels, k)
        read = np.stack(read_views(folds.classifiers[fold], dataset.images[asked]))
        probabilities[asked], agreement[asked] = _pooled(read)
    return Evidence(
        labels=dataset.labels,
        probabilities=probabilities,
        agreement=agreement,
        looked=looked,
        nearest=near,
        votes=said,
        outlier=outlier,
        blank=blank_images(dataset.images),
        twins=disagreeing_twins(dataset.images, dataset.labels, dataset.images, dataset.labels),
    )


def by_committee(folds: Folds, test: Dataset, others: Sequence[Classifier]) -> Evidence:
    """Gather the evidence on test images, from networks that learnt from training images only."""
    references, k = folds.dataset, len(test.class_names)
    classifiers = (*folds.classifiers, *others)
    outputs = [classifier.examine(test.images) for classifier in classifiers]
    voices = _voices(folds, others)
    every = np.stack([output.probabilities for output in outputs])
    probabilities, agreement = _pooled(every, voices)
    looked = doubted(margins(test.labels, probabilities))
    asked = np.flatnonzero(looked)
    read = [read_views(classifier, test.images[asked]) for classifier in classifiers]
    shares = np.concatenate(
        [np.full(len(one), v / len(one)) for v, one in zip(voices, read, strict=True)]
    )
    probabilities[asked], agreement[asked] = _pooled(
        np.concatenate([np.stack(one) for one in read]), shares
    )
    found = []
    for fold, output in enumerate(outputs[: len(folds)]):
        outside = folds.outside(fold)
        points = folds.classifiers[fold].examine(references.images[outside]).features
        found.append(outside[nearest(points, output.features[asked])])
    near = np.full((len(test), found[0].shape[1]), -1, np.int64)
    near[asked] = _most_often(np.stack(found))
    said = np.zeros((len(test), k), np.float32)
    said[asked] = np.mean([votes(one, references.labels, k) for one in found], axis=0)
    distances = [
        output.outlier / _usual_distance(classifier)
        for output, classifier in zip(outputs, classifiers, strict=True)
    ]
    return Evidence(
        labels=test.labels,
        probabilities=probabilities,
        agreement=agreement,
        looked=looked,
        nearest=near,
        votes=said,
        outlier=np.median(np.stack(distances), axis=0),
        blank=blank_images(test.images),
        twins=disagreeing_twins(test.images, test.labels, references.images, references.labels),
    )


def _voices(folds: Folds, others: Sequence[Classifier]) -> list[float]:
    """How much each network's word weighs; all together 1.

    Networks of one recipe share their blind spots: each recipe has one voice. Half of it for the
    model of a stronger recipe ranks valid but hard test images lower.
    """
    recipes = [_kind(classifier) for classifier in (*folds.classifiers, *others)]
    each = {kind: 1 / recipes.count(kind) for kind in recipes}
    return [each[kind] / len(each) for kind in recipes]


def _kind(classifier: Classifier) -> str:
    """What a network was trained as, apart from its seed and from what folds do otherwise."""
    known = classifier.card.recipe
    return "/".join(str(known.get(name)) for name in ("network", "members", "head", "epochs"))


def _pooled(
    read: Float32[np.ndarray, "r n k"], weights: Sequence[float] | np.ndarray | None = None
) -> tuple[Probabilities, Float32[np.ndarray, " n"]]:
    """The mean of several readings, and the share of them whose first guess is the mean's."""
    mean: Probabilities = np.average(read, axis=0, weights=weights).astype(np.float32)
    agreement = (read.argmax(axis=2) == best_guesses(mean)).mean(axis=0, dtype=np.float32)
    return mean, agreement


def _most_often(found: np.ndarray) -> np.ndarray:
    """Of the neighbours that several networks name, those named most often, then the nearest.

    Args:
        found: int64 `[networks n m]`.
    """
    _, n, m = found.shape
    chosen = np.empty((n, m), np.int64)
    for row in range(n):
        named, first, times = np.unique(
            found[:, row].T.ravel(), return_index=True, return_counts=True
        )
        chosen[row] = named[np.lexsort((first, -times))][:m]
    return chosen


def _usual_distance(classifier: Classifier) -> float:
    """The distance below which nearly all held-out images lie; unknown without such images."""
    return classifier.card.outlier_threshold or float("inf")


def _require_split(data: Dataset, split: Split, ledger: Path | None) -> None:
    """Refuse what cannot be examined before the work."""
    if split not in ("train", "test"):
        raise DataError(f"There is no split {split!r} to examine. Expected 'train' or 'test'.")
    if split == "test" and not len(data.test):
        raise DataError(f"{data.name} has no test images. Examine its training labels instead.")
    if ledger is not None:
        looks(ledger, "")  # an unreadable one is better met before the work than after it


def _place(run: Run | None, data: Dataset, folder: str | os.PathLike[str] | None) -> Path:
    """Where the folds are kept."""
    if folder is not None:
        return Path(folder)
    return RUNS / f"{data.name}-folds" if run is None else run.folder / FOLDS_FOLDER


def _data_of(run: Run | None) -> Dataset:
    """Read what a run was trained on again."""
    assert run is not None
    remedy = "Make the same data set and give it: loupe.examine(run, dataset=…)."
    learner = f"The run {run.folder} was trained on"
    return read_again(run.environment["data"], learner, remedy)


def _knows_only_training(run: Run, data: Dataset) -> bool:
    """Say whether a run's model learnt from these data, and so never from their test images."""
    known = run.environment["data"]["fingerprint"]
    before = None if data.fixes is None else data.fixes.fingerprint_before
    return run.is_finished and known in (data.fingerprint, before)
