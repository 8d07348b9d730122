"""`examine`: who is wrong, the model or the label? Asked of every label of a split."""

import os
from pathlib import Path

import numpy as np

from loupe.classifier.classifier import Classifier
from loupe.data.again import read_again
from loupe.data.dataset import Dataset, Split
from loupe.errors import DataError
from loupe.examination.labels import LabelExamination
from loupe.examination.labels_confident import confident_learning, require_cleanlab
from loupe.examination.labels_evidence import Evidence
from loupe.examination.labels_ranking import label_scores
from loupe.examination.labels_verdicts import suspects
from loupe.examination.labels_wants import wants
from loupe.recipes.named import recipe as recipe_named
from loupe.recipes.recipe import Recipe
from loupe.runs.ledger import enter_look, looks
from loupe.runs.run import LEDGER, RUNS, Run, open_run
from loupe.studies.folds import Folds, WatchFold, train_folds
from loupe.studies.gathering import by_committee, out_of_fold

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
