"""`learning_curve`: train on ever larger parts of the data, and see where that leads."""

import contextlib
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int64

from loupe.arrays import Labels
from loupe.classifier.classifier import Classifier
from loupe.data.dataset import TRAIN, VALIDATION, Dataset, require_dataset
from loupe.data.split import hold_out_validation
from loupe.errors import DataError, RecipeError
from loupe.examination.held_out import FEWEST_IMAGES
from loupe.examination.learning_curve import LearningCurve, Trained
from loupe.examination.metrics import best_guesses
from loupe.examination.power_law import FEWEST_SIZES
from loupe.examination.wording import counted
from loupe.files import write_json
from loupe.recipes.named import recipe as recipe_named
from loupe.recipes.named import settled
from loupe.recipes.recipe import Recipe, changed, to_dict
from loupe.studies.folder import WatchRun, is_done, study_folder, trained_once
from loupe.studies.ladder import share_held_out

FRACTIONS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
REPEATS = 2
PART = r"(?P<size>[1-9]\d*)-images-(?P<repeat>[1-9]\d*)"  # the folder of one training
OWN_IMAGES = 2_000  # training images that each network reads again, to see whether it under-fits

Order = Int64[np.ndarray, " n"]


def learning_curve(
    dataset: Dataset,
    recipe: Recipe | str = "fast",
    *,
    fractions: Sequence[float | int] = FRACTIONS,
    repeats: int = REPEATS,
    seed: int = 0,
    validation: float | int | None = None,
    out: str | os.PathLike[str] | None = None,
    watch_run: WatchRun | None = None,
) -> LearningCurve:
    """Measure errors against the amount of training data, and forecast what more would bring.

    Each size is a part of the next (nested), with the same share of every class; all are measured
    on the same validation images and trained with as many steps as all the data gets, so that
    nothing but the data differs. Test images are not looked at. Costs `len(fractions) * repeats`
    trainings of the recipe. Begun again in the same folder it goes on where it was; with more
    repeats or other fractions, what is trained already counts along.

    Args:
        dataset: what to learn.
        recipe: a `Recipe`, or the name of one.
        fractions: shares of the training images, at least three.
        repeats: trainings of each size, with other subsets and seeds.
        seed: of everything random.
        validation: share of the training images to measure on; default: a twelfth, of few training
            images up to a quarter.
        out: the folder; default: `runs/<data>-<recipe>-learning-curve-<n>`.
        watch_run: given what is trained and its number of networks, what watches it.

    Raises:
        RecipeError: fewer than three fractions, or one that is no share.
        DataError: too few images.
        RunError: `out` holds something else.

    Example:
        >>> import loupe, tempfile
        >>> curve = learning_curve(loupe.read("digits"), loupe.recipe("logistic", epochs=3),
        ...                        fractions=(0.2, 0.5, 1), repeats=1, out=tempfile.mkdtemp())
        >>> curve.sizes
        (216, 539, 1078)
    """
    require_dataset(dataset)
    recipe = recipe_named(recipe) if isinstance(recipe, str) else recipe
    fractions = _sound(fractions, repeats)
    share = share_held_out(len(dataset.train)) if validation is None else validation
    divided = hold_out_validation(dataset, share, seed)
    _require_enough(divided)
    recipe = changed(settled(recipe, dataset), {"seed": seed, "validation": share})
    plan = {
        "study": "learning curve",
        "data": dataset.name,
        "fingerprint": dataset.fingerprint,
        "recipe": to_dict(recipe),
    }
    name = f"{dataset.name}-{recipe.name}-learning-curve"
    folder = study_folder(None if out is None else Path(out), name, plan)
    sizes = [max(1, round(fraction * len(divided.train))) for fraction in fractions]
    parts = sorted({(repeat, size) for repeat in range(repeats) for size in sizes} | _done(folder))
    orders = {repeat: nested_order(divided.train.labels, seed + repeat) for repeat, _ in parts}
    _require_every_class(divided, [orders[repeat] for repeat in range(repeats)], sizes[0])
    trained = tuple(
        _trained(divided, orders[repeat][:size], recipe, repeat, folder, watch_run)
        for repeat, size in parts
    )
    found = LearningCurve(dataset.name, recipe.name, trained, folder)
    write_json(folder / "learning-curve.json", found.to_dict())
    return found


def _done(folder: Path) -> set[tuple[int, int]]:
    """The trainings that a study's folder holds, whichever call asked for them: repeat and size."""
    named = [re.fullmatch(PART, place.name) for place in folder.iterdir()]
    return {
        (int(name["repeat"]) - 1, int(name["size"]))
        for name in named
        if name and is_done(folder / name[0])
    }


def nested_order(labels: Labels, seed: int) -> Order:
    """Order images so that the first so many are a stratified sample, whatever their number.

    Example:
        >>> order = nested_order(np.repeat([0, 1], [60, 20]), seed=0)
        >>> np.bincount(np.repeat([0, 1], [60, 20])[order[:8]])
        array([6, 2])
    """
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(len(labels))
    counts = np.bincount(labels)
    place = np.empty(len(labels))
    for label in np.flatnonzero(counts):
        members = shuffled[labels[shuffled] == label]
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return shuffled[np.argsort(place[shuffled], kind="stable")]


def with_as_many_steps(recipe: Recipe, all_images: int, num_images: int) -> Recipe:
    """Give a recipe for a part of the images as many steps as all of them would have.

    Epochs of a part are shorter, so there are more of them; what is counted in epochs goes along.

    Example:
        >>> import loupe
        >>> fast = loupe.recipe("fast")
        >>> part = with_as_many_steps(fast, 55_000, 13_750)
        >>> fast.epochs, part.epochs, part.focus_from
        (2, 8, 5)
    """
    steps = recipe.epochs * max(1, all_images // recipe.batch_size)
    in_epoch = max(1, num_images // min(recipe.batch_size, num_images))
    epochs = max(1, round(steps / in_epoch))
    times = epochs / recipe.epochs
    changes = {"epochs": epochs, "focus_from": 1 + round((recipe.focus_from - 1) * times)}
    if recipe.patience:
        changes["patience"] = max(1, round(recipe.patience * times))
    return changed(recipe, changes)


def _trained(
    divided: Dataset,
    chosen: Order,
    recipe: Recipe,
    repeat: int,
    folder: Path,
    watch_run: WatchRun | None,
) -> Trained:
    """Train on a part of the training images, or take what was trained, and measure it."""
    validation, size = divided.validation, len(chosen)
    recipe = with_as_many_steps(recipe, len(divided.train), size)
    recipe = changed(recipe, {"seed": recipe.seed + repeat})
    place = folder / f"{size}-images-{repeat + 1}"
    watching = contextlib.nullcontext()
    if watch_run and not is_done(place):
        title = f"network on {counted(size, 'image')}, repeat {repeat + 1}"
        watching = watch_run(title, recipe.members)  # type: ignore[assignment]
    with watching as watch:
        run = trained_once(_part(divided, chosen), recipe, place, watch)
    wrong = _wrong(run.classifier, validation)
    own = divided.train.select(chosen[:OWN_IMAGES])  # the order is a stratified sample
    seconds = run.environment["seconds"]["training"]
    own_error = float(_wrong(run.classifier, own).mean())
    return Trained(size, repeat, wrong, seconds, run.folder, own_error)


def _wrong(classifier: Classifier, dataset: Dataset) -> Bool[np.ndarray, " n"]:
    """Whether each image is read wrongly."""
    return np.asarray(best_guesses(classifier.predict(dataset.images)) != dataset.labels)


def _part(divided: Dataset, chosen: Order) -> Dataset:
    """The chosen training images with all validation images, and no test images."""
    training = np.flatnonzero(divided.split == TRAIN)[np.sort(chosen)]
    validation = np.flatnonzero(divided.split == VALIDATION)
    part = divided.select(np.concatenate([training, validation]))
    # What reads the data again would read all of them: to a run, a part is arrays in memory.
    return replace(part, name=f"{divided.name}-{len(chosen)}", origin="", read_options={}, notes=())


def _sound(fractions: Sequence[float | int], repeats: int) -> tuple[float, ...]:
    rising = tuple(sorted({float(fraction) for fraction in fractions}))
    if len(rising) < FEWEST_SIZES or rising[0] <= 0 or rising[-1] > 1:
        raise RecipeError(
            f"fractions = {', '.join(f'{fraction:g}' for fraction in fractions)} cannot be: give "
            f"at least {FEWEST_SIZES} different shares of the training images, above 0 and up to "
            "1, as 0.125, 0.25, 0.5, 1."
        )
    if repeats < 1:
        raise RecipeError(f"repeats = {repeats} trains nothing. Give 1 or more.")
    return rising


def _require_enough(divided: Dataset) -> None:
    num_images = len(divided.validation)
    if num_images < FEWEST_IMAGES:
        raise DataError(
            f"{divided.name} leaves {counted(num_images, 'validation image')} to measure on; "
            f"{FEWEST_IMAGES} are needed. Add images, or hold out more with --validation."
        )


def _require_every_class(divided: Dataset, orders: Sequence[Order], least: int) -> None:
    """Refuse a smallest part that lacks a class."""
    labels, counts = divided.train.labels, divided.train.counts()
    for order in orders:
        lacking = np.flatnonzero(np.bincount(labels[order[:least]], minlength=len(counts)) == 0)
        for label in lacking:
            needed = int(np.flatnonzero(labels[order] == label)[0]) + 1 if counts[label] else 0
            raise DataError(
                f"The smallest part, {counted(least, 'image')}, has none of class "
                f"'{divided.class_names[label]}'. Give fractions of at least "
                f"{max(needed, 1) / len(labels):.3g}, or add images of that class."
            )
