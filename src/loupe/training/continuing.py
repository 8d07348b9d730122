"""`continue_training`: some of a run's binary networks trained anew, on more images."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loupe.data.dataset import Dataset, require_dataset
from loupe.data.more import read_more
from loupe.data.split import hold_out_validation
from loupe.errors import RunError
from loupe.examination.evaluation import evaluate
from loupe.files import sha256, write_json, write_text
from loupe.recipes.recipe import to_toml
from loupe.runs.lock import sole_writer
from loupe.runs.run import ENVIRONMENT_FILE, RECIPE_FILE, WEIGHTS_FILE, Run, create_run, open_run
from loupe.training.additions import Addition, add
from loupe.training.checkpoint import writing
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
        dataset: what the run was trained on; read again from where it came from if not given.
        out: the new run's folder; the old run is not touched.
        watch: called after each step with a `Progress`.
        checkpoint_seconds: time between two checkpoints.
        asked: what else was asked, kept in `environment.json`.

    Returns:
        The new run. Its environment says under "continued" what it was continued from, and
        precision and recall of each class before.

    Raises:
        RecipeError: the run has one network for all classes, or no such class.
        RunError: there is no such run, it has not finished, or its data is not the same any more.
        DataError: the added images do not fit.
    """
    began = time.time()
    keep_heap()
    run = run if isinstance(run, Run) else open_run(run)
    if not run.is_finished or run.environment.get("interrupted"):
        raise RunError(
            f"The run {run.folder} has not finished. Finish it first: "
            f"loupe train --resume {run.folder}"
        )
    classes = [only_class] if isinstance(only_class, str) else list(only_class)
    dataset = same_data(run, dataset)
    if isinstance(more, (str, os.PathLike)):
        more = read_more(more, classes[0], dataset.image_shape)
    require_dataset(more)
    addition = add(run, dataset, more, classes, checkpoint_seconds)
    continued = {
        "run": str(run.folder.resolve()),
        "weights_sha256": sha256((run.folder / WEIGHTS_FILE).read_bytes()),
        "classes": classes,
        "more": {
            "name": more.name,
            "origin": more.origin,
            "read_options": dict(more.read_options),
            "fingerprint": more.fingerprint,
            "images": len(more) - len(addition.left_out),
            "left_out": list(addition.left_out),
        },
        "before": _before(run, dataset),
    }
    after = create_run(Path(out) if out is not None else None, dataset.name, run.recipe.name)
    with writing(after.folder):
        environment = describe_environment(addition.dataset, addition.job, dataset.fingerprint)
        environment |= {"asked": dict(asked or {}), "continued": continued}
        write_json(after.folder / ENVIRONMENT_FILE, environment)
        write_text(after.folder / RECIPE_FILE, to_toml(addition.job.recipe))
        _log(after, run, addition, classes)
    with sole_writer(after):
        return complete(
            after, addition.dataset, addition.job, watch, began, framing=addition.framing
        )


def _before(run: Run, dataset: Dataset) -> dict[str, Any]:
    """Precision and recall of each class before, by split; test images are not looked at again."""
    dataset = hold_out_validation(dataset, run.recipe.validation, run.recipe.seed)
    found = {}
    if len(dataset.validation):
        found["validation"] = evaluate(run.classifier, dataset, split="validation").to_dict()
    if run.evaluation is not None:
        found[run.evaluation["split"]] = run.evaluation
    return {split: evaluation["per_class"] for split, evaluation in found.items()}


def _log(after: Run, run: Run, addition: Addition, classes: Sequence[str]) -> None:
    class_names = addition.dataset.class_names
    asked = ", ".join(problem.name(class_names) for problem in addition.job.problems)
    after.log(f"continuing {run.folder}: training {asked} anew for {', '.join(classes)}")
    for source in addition.left_out:
        after.log(f"left out, as it is among the validation or test images: {source}")
