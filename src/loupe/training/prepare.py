"""From a data set and a recipe to a `Job`: splits, device, precision, budget."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from loupe.arrays import Images
from loupe.data.dataset import Dataset
from loupe.data.split import hold_out_validation
from loupe.errors import DataError, RecipeError
from loupe.networks.panel import Panel
from loupe.recipes.heads import Problem, problems_of
from loupe.recipes.named import settled
from loupe.recipes.recipe import Recipe, changed
from loupe.training.budget import with_epochs
from loupe.training.device import Compute, bf16_agrees, choose_compute
from loupe.training.distillation import Teacher
from loupe.training.job import Job, Pile, seed_of
from loupe.training.member import new_member

BACKGROUND_SAMPLE = 2_000  # images whose borders say what the background is


def with_validation(dataset: Dataset, recipe: Recipe) -> Dataset:
    """Hold out the recipe's validation images, and refuse what cannot be trained on.

    Raises:
        DataError: fewer than two classes, or a class without training images.
        RecipeError: the recipe needs validation images and keeps none, or its head is not for as
            many classes.
    """
    dataset = hold_out_validation(dataset, recipe.validation, recipe.seed)
    counts = dataset.train.counts()
    if len(counts) < 2:
        raise DataError(
            f"{dataset.name} has one class only, '{dataset.class_names[0]}': a classifier needs "
            "at least two. Add images of what it is to be told apart from."
        )
    problems_of(recipe.head, len(counts))  # refuses too many
    for name, count in zip(dataset.class_names, counts, strict=True):
        if not count:
            raise DataError(
                f"{dataset.name}: class '{name}' has no training images. Add some, or take the "
                "class out of the data."
            )
    if not len(dataset.validation) and (recipe.patience or recipe.keep == "best"):
        raise RecipeError(
            f"recipe '{recipe.name}': patience and keep = 'best' need validation images, but "
            "validation is 0. Keep some (validation = 0.1), or set patience = 0, keep = 'last'."
        )
    return dataset


def prepare(
    dataset: Dataset,
    recipe: Recipe,
    checkpoint_seconds: float = 10.0,
    *,
    problems: Sequence[Problem] | None = None,
    base: Sequence[Panel] = (),
    teacher: Teacher | None = None,
) -> Job:
    """Bring the data to the device and decide how to compute.

    Args:
        dataset: with its validation images held out.
        recipe: variants are applied and a time budget is turned into epochs here.
        checkpoint_seconds: time between two checkpoints.
        problems: of the binary networks to train; by default all of the head's.
        base: panels that these are to join, one a member.
        teacher: the model whose probabilities are learnt beside the labels.

    Raises:
        RecipeError: the network does not fit the images, or the device is not there.
    """
    recipe = settled(recipe, dataset)
    compute = choose_compute(recipe)
    if problems is None:
        problems = problems_of(recipe.head, len(dataset.class_names))
    job = Job(
        recipe,
        compute,
        _pile(dataset.train, compute),
        _pile(dataset.validation, compute),
        len(dataset.class_names),
        background_level(dataset.train.images),
        checkpoint_seconds,
        tuple(problems),
        tuple(panel.to(compute.device) for panel in base),
        teacher.on(compute.device) if teacher else None,
    )
    for other in range(1, min(len(recipe.networks), recipe.members)):
        new_member(job, other)
    net = new_member(job, 0).net  # refuses a network that does not fit, before there is a folder
    if job.batch_size == 1:
        _refuse_lonely_images(job, net)
    if compute.bf16 and not _bf16_is_sound(job, net):
        job = replace(job, compute=replace(compute, bf16=False))
    if recipe.minutes is not None:
        recipe = changed(with_epochs(job, recipe.minutes), {"minutes": None})
        job = replace(job, recipe=recipe)
    return job


def background_level(images: Images) -> float:
    """The pixel value that lies around the objects: the median along the images' borders."""
    sample = images[:: max(1, len(images) // BACKGROUND_SAMPLE)]
    edges = [sample[:, 0], sample[:, -1], sample[:, :, 0], sample[:, :, -1]]
    return float(np.median(np.concatenate([edge.ravel() for edge in edges])))


def _pile(dataset: Dataset, compute: Compute) -> Pile:
    """Images as torch has them, `[n c h w]`, on the device for the whole training."""
    images = torch.from_numpy(np.array(dataset.images.transpose(0, 3, 1, 2), order="C"))
    labels = torch.from_numpy(np.array(dataset.labels))
    return Pile(images.to(compute.device), labels.to(compute.device))


def _refuse_lonely_images(job: Job, net: nn.Module) -> None:
    """Refuse batches of one image where a layer compares the images of a batch.

    Raises:
        RecipeError: batch normalisation finds a single value for each of its channels.
    """
    try:
        net(job.training.images[:1].float())
    except ValueError as error:  # torch's: "Expected more than 1 value per channel when training"
        raise RecipeError(
            f"recipe '{job.recipe.name}': batch_size = {job.recipe.batch_size} on "
            f"{len(job.training)} training images leaves one image to a step, and batch "
            f"normalisation in {job.recipe.network} needs two. Set batch_size to 2 or more, or "
            "leave the normalisation out."
        ) from error


def _bf16_is_sound(job: Job, net: nn.Module) -> bool:
    """Compare bf16 with float32 on the first weights and a real batch."""
    images: Tensor = job.training.images[: min(64, job.batch_size)]
    inputs = images.float().div_(255).contiguous(memory_format=torch.channels_last)
    seed = seed_of(job.recipe, 0, "bf16")
    labels = job.training.labels[: len(inputs)]
    if job.problems:
        labels = labels % len(job.problems)  # any loss of all networks will do
    return bf16_agrees(net, inputs, labels, seed)
