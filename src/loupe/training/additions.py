"""More training images for some of a run's binary networks, while the others stay as they are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool
from safetensors.torch import load_file

from loupe.data.dataset import TRAIN, Dataset
from loupe.data.duplicates import duplicate_ids
from loupe.errors import DataError, RecipeError, did_you_mean
from loupe.networks.panel import Panel, build_stack
from loupe.recipes.heads import concerned, problems_of, require_own_networks
from loupe.recipes.recipe import Recipe
from loupe.recipes.shapes import Shape
from loupe.runs.run import WEIGHTS_FILE, Run
from loupe.training.job import Job
from loupe.training.prepare import background_level, prepare, with_validation

SHOWN = 5  # left-out images that a note names; the log names all


@dataclass(frozen=True, eq=False)
class Addition:
    """What trains some networks anew.

    Attributes:
        dataset: the run's, with its validation and test images, and more training images.
        job: which networks are trained, and on what.
        framing: how the objects sit in the run's own training images.
        left_out: sources of added images that are among the run's validation or test images.
    """

    dataset: Dataset
    job: Job
    framing: dict[str, Any]
    left_out: tuple[str, ...]


def add(
    run: Run,
    dataset: Dataset,
    more: Dataset,
    classes: Sequence[str],
    checkpoint_seconds: float,
    earlier: Sequence[Dataset] = (),
) -> Addition:
    """Bring a run's data and more together, to train the networks of some classes anew.

    Args:
        run: finished, with binary networks.
        dataset: what its first run was trained on.
        more: images that go to training, whatever split they are marked as.
        classes: whose networks are trained.
        checkpoint_seconds: time between two checkpoints.
        earlier: images that it was itself continued with, the first ones first.

    Raises:
        RecipeError: the run has one network for all classes, or no such class.
        DataError: the added images have other shapes or classes, or none of them is new.
    """
    require_own_networks(run.recipe, str(run.folder))
    labels = [_label(run, name) for name in classes]
    dataset = with_validation(dataset, run.recipe)
    whole: Dataset = dataset
    left_out: tuple[str, ...] = ()
    for each in (*earlier, more):
        whole, left_out = _together(whole, _in_the_same_terms(each, dataset))
    all_problems = problems_of(run.recipe.head, len(dataset.class_names))
    chosen = sorted({place for label in labels for place in concerned(all_problems, label)})
    job = prepare(
        whole,
        run.recipe,
        checkpoint_seconds,
        problems=[all_problems[place] for place in chosen],
        base=read_panels(run, dataset.image_shape, len(dataset.class_names)),
    )
    job = replace(job, background=background_level(dataset.train.images))  # as it was then
    return Addition(whole, job, dict(run.card.framing), left_out)


def read_panels(run: Run, image_shape: tuple[int, int, int], num_classes: int) -> list[Panel]:
    """Read the binary networks of a run, one panel a member."""
    height, width, channels = image_shape
    shape: Shape = (channels, height, width)
    tensors = load_file(run.folder / WEIGHTS_FILE)
    seeds = range(len(problems_of(run.recipe.head, num_classes)))
    panels = []
    for member in range(run.recipe.members):
        recipe: Recipe = replace(run.recipe, network=run.recipe.network_of(member))
        panel = Panel(build_stack(recipe, shape, seeds), recipe.head, num_classes)
        prefix = f"member_{member}."
        panel.load_state_dict(
            {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        )
        panels.append(panel)
    return panels


def _label(run: Run, name: str) -> int:
    """The class of that name."""
    names = run.card.class_names
    if name not in names:
        raise RecipeError(
            f"The run {run.folder} has no class '{name}'.{did_you_mean(name, names)} "
            f"Its classes: {', '.join(names)}."
        )
    return names.index(name)


def _in_the_same_terms(more: Dataset, dataset: Dataset) -> Dataset:
    """The added images with the labels of the run's classes."""
    if more.image_shape != dataset.image_shape:
        shapes = (" x ".join(map(str, each.image_shape)) for each in (more, dataset))
        raise DataError(
            "The images of {} are {} (height, width, channels); those of the run are {}. Bring "
            "them to the same shape first.".format(more.name, *shapes)
        )
    unknown = [
        name
        for name, count in zip(more.class_names, more.counts(), strict=True)
        if count and name not in dataset.class_names
    ]
    if unknown:
        raise DataError(
            f"{more.name} has images of '{unknown[0]}', which is none of the run's classes."
            f"{did_you_mean(unknown[0], dataset.class_names)} They are: "
            f"{', '.join(dataset.class_names)}. Rename the class, or leave it out."
        )
    numbers = {name: label for label, name in enumerate(dataset.class_names)}
    known = np.array([numbers.get(name, -1) for name in more.class_names], np.int64)
    return replace(more, labels=known[more.labels], class_names=dataset.class_names)


def _together(dataset: Dataset, more: Dataset) -> tuple[Dataset, tuple[str, ...]]:
    """Add images to the training images; those that are held out already are left out, by name."""
    held_out = dataset.images[dataset.split != TRAIN]
    ids = duplicate_ids(np.concatenate([held_out, more.images]))[len(held_out) :]
    leaks = ids < len(held_out)
    left_out = tuple(more.sources[int(place)] for place in np.flatnonzero(leaks))
    if leaks.all():
        raise DataError(
            f"All {len(more):,} images of {more.name} are validation or test images of the run: "
            "learning them would spoil every figure. Give images that it has not seen."
        )
    more = more.select(np.flatnonzero(~leaks))
    notes = [f"{len(more):,} images of {more.name} were added to the training images."]
    if left_out:
        names = ", ".join(left_out[:SHOWN])
        rest = f" and {len(left_out) - SHOWN:,} more" if len(left_out) > SHOWN else ""
        notes.append(
            f"{len(left_out):,} images of {more.name} are equal to validation or test images of "
            f"the run and were left out: {names}{rest}."
        )
    whole = replace(
        dataset,
        images=np.concatenate([dataset.images, more.images]),
        labels=np.concatenate([dataset.labels, more.labels]),
        split=np.concatenate([dataset.split, np.full(len(more), TRAIN, np.uint8)]),
        sources=[*dataset.sources, *more.sources],
        groups=None,  # they matter in splitting, which is done
        generated=_generated(dataset, more),
        notes=(*dataset.notes, *notes),
    )
    return whole, left_out


def _generated(dataset: Dataset, more: Dataset) -> Bool[np.ndarray, " n"] | None:
    """Which images are generated ones, of both; None where none is."""
    masks = [each.generated for each in (dataset, more)]
    if all(mask is None for mask in masks):
        return None
    lengths = len(dataset), len(more)
    return np.concatenate(
        [
            np.zeros(n, bool) if mask is None else mask
            for n, mask in zip(lengths, masks, strict=True)
        ]
    )
