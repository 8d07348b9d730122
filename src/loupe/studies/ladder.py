"""`ladder`: climb from the simplest model to a committee, for as long as that buys something."""

import contextlib
import csv
import io
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loupe.data.dataset import VALIDATION, Dataset, require_dataset
from loupe.data.split import hold_out_validation
from loupe.errors import DataError, RecipeError
from loupe.examination.evaluation import evaluate, write_evaluation
from loupe.examination.held_out import FEWEST_IMAGES
from loupe.examination.ladder import COLUMNS, Ladder, Rung, gains, ladder_row, standing
from loupe.examination.wording import counted
from loupe.files import write_json, write_text
from loupe.recipes.named import recipe as recipe_named
from loupe.recipes.named import settled
from loupe.recipes.recipe import Recipe, changed, to_dict
from loupe.runs.run import EVALUATION_FILE
from loupe.studies.folder import WatchRun, is_done, study_folder, trained_once
from loupe.training.prepare import prepare, with_validation

# Of few training images more are held out: 120 could not tell a rung of three points from chance.
WANTED_IMAGES, LEAST_SHARE, MOST_SHARE = 1_000, 1 / 12, 1 / 4
CHANCES = 2  # rungs in a row that buy nothing end the climb


@dataclass(frozen=True)
class Step:
    """What a rung is: its title, the recipe it is trained with, and what is changed in it."""

    title: str
    recipe: str
    least_members: int = 1


# The tutorials' recipes count epochs of 60,000 images. Ten of 1,000 leave logistic regression
# half-learnt (52 % on the digits; 96 % with this many steps), and the next rung would look better
# than it is.
LEAST_STEPS = 3_000


# From the bottom. On some kinds of data `balanced` has one network: a committee has two at least.
STEPS: dict[str, Step] = {
    "majority": Step("commonest class", ""),
    "logistic": Step("logistic regression", "logistic"),
    "mlp": Step("multilayer perceptron", "mlp-300-100"),
    "cnn": Step("convolutional network", "fast"),
    "committee": Step("committee", "balanced", least_members=2),
}


def ladder(
    dataset: Dataset,
    *,
    seed: int = 0,
    validation: float | int | None = None,
    minutes: float | int | None = None,
    to_the_top: bool = False,
    out: str | os.PathLike[str] | None = None,
    watch_run: WatchRun | None = None,
) -> Ladder:
    """Train simple to complex models, and stop where they buy nothing more.

    The rungs: the commonest class, logistic regression, a multilayer perceptron, a convolutional
    network, a committee. All are measured on the same validation images; test images are not looked
    at. A ladder that was begun with the same arguments goes on: a rung that is done is not trained
    again.

    Args:
        dataset: what to learn.
        seed: of everything random, the validation split included.
        validation: share of the training images to measure on; default: a twelfth, of few training
            images up to a quarter.
        minutes: time budget of all trainings; rungs that do not fit get fewer epochs.
        to_the_top: climb on where two rungs in a row buy nothing.
        out: the ladder's folder; default: `runs/<data>-ladder-<n>`.
        watch_run: given what is trained and its number of networks, what watches it.

    Raises:
        DataError: too few validation images to tell rungs apart.
        RecipeError: no time, or no share that can be.
        RunError: `out` holds something else.

    Example:
        >>> import loupe, tempfile
        >>> short = ladder(loupe.read("digits"), minutes=1e-5, out=tempfile.mkdtemp())
        >>> short.num_images, short.rungs[0].title
        (360, 'commonest class')
    """
    require_dataset(dataset)
    if minutes is not None and not minutes > 0:
        raise RecipeError(f"minutes = {minutes} leaves no time to train. Give more than 0.")
    share = share_held_out(len(dataset.train)) if validation is None else validation
    recipes = _recipes(dataset, seed, share)
    view = _validation_images(dataset, share, seed)
    plan = {
        "study": "ladder",
        "data": dataset.name,
        "fingerprint": dataset.fingerprint,
        "minutes": minutes,
        "rungs": {name: to_dict(recipe) for name, recipe in recipes.items()},
    }
    folder = study_folder(None if out is None else Path(out), f"{dataset.name}-ladder", plan)
    chances = len(STEPS) - 1 if to_the_top else CHANCES
    rungs, ended = [_majority(dataset, share, seed, view)], ""
    for name, recipe in recipes.items():
        rest = None if minutes is None else 60 * minutes - sum(rung.seconds for rung in rungs)
        if rest is not None and rest <= 0:
            ended = f"The {minutes:g} minutes were used up before the {STEPS[name].title}."
            break
        rungs.append(_climbed(name, recipe, dataset, view, folder, rest, watch_run))
        if len(rungs) - 1 - standing(gains(rungs, chances, len(STEPS))) >= chances:
            break
    left = tuple(step.title for step in STEPS.values())[len(rungs) :]
    found = Ladder(dataset.name, tuple(rungs), left, chances, ended, folder)
    write_json(folder / "ladder.json", found.to_dict())
    write_text(folder / "ladder.csv", _as_csv(found))
    return found


def share_held_out(num_training: int) -> float:
    """Choose the share of the training images that the rungs are measured on.

    Example:
        >>> share_held_out(60_000) == 1 / 12, round(share_held_out(6_000), 3), share_held_out(1_438)
        (True, 0.167, 0.25)
    """
    return min(MOST_SHARE, max(LEAST_SHARE, WANTED_IMAGES / max(num_training, 1)))


def _recipes(dataset: Dataset, seed: int, share: float) -> dict[str, Recipe]:
    """The recipes of the rungs that are trained, all with the same validation images."""
    found = {}
    num_images = round(len(dataset.train) * (1 - share))
    for name, step in STEPS.items():
        if step.recipe:
            recipe = settled(recipe_named(step.recipe), dataset)
            members = max(step.least_members, recipe.members)
            same = {"seed": seed, "validation": share, "members": members}
            found[name] = _long_enough(changed(recipe, same), num_images)
    return found


def _long_enough(recipe: Recipe, num_images: int) -> Recipe:
    """Give a recipe that goes on at a constant rate as many epochs as make enough steps."""
    if recipe.schedule != "constant":  # ours are settled for few images, and end where they end
        return recipe
    batch_size = max(16, min(recipe.batch_size, num_images // 10))
    steps = max(1, num_images // batch_size)
    epochs = max(recipe.epochs, math.ceil(LEAST_STEPS / steps))
    return changed(recipe, {"batch_size": min(batch_size, recipe.batch_size), "epochs": epochs})


def _validation_images(dataset: Dataset, share: float, seed: int) -> Dataset:
    divided = hold_out_validation(dataset, share, seed)
    view = divided.select(np.flatnonzero(divided.split == VALIDATION))
    if len(view) < FEWEST_IMAGES:
        raise DataError(
            f"{dataset.name} leaves {counted(len(view), 'validation image')} to measure the rungs "
            f"on; {FEWEST_IMAGES} are needed to tell one from another. Add images, or hold out "
            "more with --validation."
        )
    return view


def _majority(dataset: Dataset, share: float, seed: int, view: Dataset) -> Rung:
    """The rung on the ground: whoever always says the commonest class."""
    counts = hold_out_validation(dataset, share, seed).train.counts()
    right = np.asarray(view.labels == int(counts.argmax()))
    return Rung("majority", STEPS["majority"].title, "", None, right, 0.0, 0, 0)


def _climbed(
    name: str,
    recipe: Recipe,
    dataset: Dataset,
    view: Dataset,
    folder: Path,
    seconds_left: float | None,
    watch_run: WatchRun | None,
) -> Rung:
    """Train a rung, or take it as it was trained, and measure it."""
    place, title = folder / name, STEPS[name].title
    full = recipe.epochs
    if seconds_left is not None and not is_done(place):
        recipe = _fitting(recipe, dataset, seconds_left)
    watching = contextlib.nullcontext()
    if watch_run and not is_done(place):
        watching = watch_run(title, recipe.members)  # type: ignore[assignment]
    with watching as watch:
        run = trained_once(dataset, recipe, place, watch)
    evaluation = evaluate(run.classifier, view, ledger=None)
    if not (run.folder / EVALUATION_FILE).exists():
        write_evaluation(run.folder, evaluation)
    epochs = run.recipe.epochs
    return Rung(
        name=name,
        title=title,
        recipe=STEPS[name].recipe,
        run=run.folder,
        right=np.asarray(evaluation.guesses == evaluation.labels),
        seconds=run.environment["seconds"]["training"],
        parameters=run.environment["parameters"],
        model_bytes=run.environment["model_bytes"],
        note="" if epochs == full else f"{epochs} epochs instead of {full}, to save time",
    )


def _fitting(recipe: Recipe, dataset: Dataset, seconds: float) -> Recipe:
    """Give the recipe with no more epochs than fit into the seconds, and at least one."""
    timed = changed(recipe, {"minutes": seconds / 60})
    job = prepare(with_validation(dataset, timed), timed)
    return changed(recipe, {"epochs": min(recipe.epochs, job.recipe.epochs)})


def _as_csv(found: Ladder) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    rows: Sequence[Sequence[str]] = [ladder_row(found, i) for i in range(len(found.rungs))]
    writer.writerows(rows)
    return text.getvalue()
