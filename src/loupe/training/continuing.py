"""`continue_training`: some of a run's binary networks trained anew, on more images."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from loupe.data.dataset import TRAIN, Dataset, require_dataset
from loupe.data.more import read_more
from loupe.data.split import hold_out_validation
from loupe.errors import RecipeError, RunError
from loupe.examination.evaluation import evaluate
from loupe.files import sha256, write_json, write_text
from loupe.recipes.recipe import to_toml
from loupe.runs.lock import sole_writer
from loupe.runs.run import (
    ENVIRONMENT_FILE,
    RECIPE_FILE,
    WEIGHTS_FILE,
    Run,
    create_run,
    open_run,
)
from loupe.runs.work import writing
from loupe.training.added import added_before, describe_added, read_added
from loupe.training.additions import Addition, add
from loupe.training.device import keep_heap
from loupe.training.environment import describe_environment
from loupe.training.job import Watch
from loupe.training.train import complete, same_data


def continue_training(
    run: Run | str | os.PathLike[str],
    more: Dataset | str | os.PathLike[str],
    only_class: str | Sequence[str],
    *,
    dataset: Dataset | None = None,
    out: str | os.PathLike[str] | None = None,
    watch: Watch | None = None,
    checkpoint_seconds: float = 10.0,
    asked: Mapping[str, Any] | None = None,
) -> Run:
    """Train the networks of some classes anew, on a run's training images and more.

    What a run was itself continued with belongs to its training images: it is read again, and
    refused where it has changed.

    The other networks keep their weights and their calibration bit by bit. Framing, validation and
    test images stay the run's; all of `more` goes to training, but for images that are equal to
    validation or test images, which are left out and named in the notes. One-vs-rest has one
    network for a class, one-vs-one a network for each pair that the class is in. They start from
    first weights, as in the run: a network that has settled learns less from new images than a new
    one does (Ash and Adams 2020, arXiv:1910.08475).

    Args:
        run: a finished run with head "one-vs-rest" or "one-vs-one".
        more: further images of some of its classes, in its image shape; or where they are read
            from: a folder of images of the (first) class, or anything that `loupe.read` reads.
        only_class: name of the class, or of several.
        dataset: what the run was trained on, without what it was continued with; read again from
            where it came from if not given.
        out: the new run's folder; the old run is not touched.
        watch: called after each step with a `Progress`.
        checkpoint_seconds: time between two checkpoints.
        asked: what else was asked, kept in `environment.json`.

    Returns:
        The new run. Its environment says under "continued" what it was continued from, and
        precision and recall of each class before and after.

    Raises:
        RecipeError: the run has one network for all classes, or no such class.
        RunError: there is no such run, it has not finished, or its data, or what it was continued
            with, is not the same any more.
        DataError: the added images do not fit.
    """
    began = time.time()
    keep_heap()
    run = run if isinstance(run, Run) else open_run(run)
    if not run.is_finished or run.environment.get("interrupted"):
        what_to_do = run.diverged or f"To finish it first, {run.way_on}"
        raise RunError(f"The run {run.folder} has not finished. {what_to_do}")
    classes = _names(run, only_class)
    dataset = same_data(run, dataset)
    if isinstance(more, (str, os.PathLike)):
        more = read_more(more, classes[0], dataset.image_shape)
    require_dataset(more)
    more = replace(more, split=np.full(len(more), TRAIN, np.uint8))
    additions = added_before(run)
    earlier = [read_added(each, run, dataset.image_shape) for each in additions]
    addition = add(run, dataset, more, classes, checkpoint_seconds, earlier)
    continued = {
        "run": str(run.folder.resolve()),
        "weights_sha256": sha256((run.folder / WEIGHTS_FILE).read_bytes()),
        "classes": classes,
        "more": describe_added(more, addition.left_out),
        "earlier": additions,
        "before": _before(run, dataset),
    }
    asked = {"no_test": run.environment.get("asked", {}).get("no_test", False), **(asked or {})}
    after = create_run(Path(out) if out is not None else None, dataset.name, run.recipe.name)
    with writing(after):
        environment = describe_environment(addition.dataset, addition.job, dataset.fingerprint)
        environment |= {"asked": asked, "continued": continued}
        write_json(after.folder / ENVIRONMENT_FILE, environment)
        write_text(after.folder / RECIPE_FILE, to_toml(addition.job.recipe))
        _log(after, run, addition, classes)
    with sole_writer(after):
        complete(after, addition.dataset, addition.job, watch, began, framing=addition.framing)
        return _with_after(after, addition.dataset)


def _names(run: Run, only_class: object) -> list[str]:
    """The names of the classes, one or several."""
    several = isinstance(only_class, Sequence) and not isinstance(only_class, (str, bytes))
    names = list(only_class) if isinstance(only_class, Sequence) and several else [only_class]
    if not names or not all(isinstance(name, str) for name in names):
        raise RecipeError(
            f"only_class is {only_class!r}; expected the name of a class as text, or a list of "
            f"names, of: {', '.join(run.card.class_names)}."
        )
    return [str(name) for name in names]


def _before(run: Run, dataset: Dataset) -> dict[str, Any]:
    """Precision and recall of each class before, by split; test images are not looked at again."""
    dataset = hold_out_validation(dataset, run.recipe.validation, run.recipe.seed)
    found = {} if run.evaluation is None else {run.evaluation["split"]: run.evaluation["per_class"]}
    return found | _on_validation(run, dataset)


def _with_after(run: Run, dataset: Dataset) -> Run:
    """Note precision and recall of each class after, on validation images."""
    environment = run.environment
    environment["continued"]["after"] = _on_validation(run, dataset)
    with writing(run):
        write_json(run.folder / ENVIRONMENT_FILE, environment)
    return run


def _on_validation(run: Run, dataset: Dataset) -> dict[str, Any]:
    if not len(dataset.validation):
        return {}
    evaluation = evaluate(run.classifier, dataset, split="validation")
    return {"validation": evaluation.to_dict()["per_class"]}


def _log(after: Run, run: Run, addition: Addition, classes: Sequence[str]) -> None:
    class_names = addition.dataset.class_names
    asked = ", ".join(problem.name(class_names) for problem in addition.job.problems)
    after.log(f"continuing {run.folder}: training {asked} anew for {', '.join(classes)}")
    for source in addition.left_out:
        after.log(f"left out, as it is among the validation or test images: {source}")
