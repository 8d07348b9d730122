"""Weights of single images: one that weighs twice as much is seen twice as often.

A round draws images in proportion to their weights instead of weighing their losses. What is
expected of a step's gradient is the same, and an image with a large weight comes in many batches,
varied anew each time, rather than as one large step.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from loupe.data.dataset import TRAIN, Dataset
from loupe.errors import DataError, RecipeError, RunError
from loupe.training.job import Job

KEY = "image_weights"  # in the run's environment: it has them, and cannot be resumed


def weighted(job: Job, dataset: Dataset, weights: Any) -> Job:
    """Give the job with a weight for each training image.

    Args:
        job: of the data set.
        dataset: with its validation images held out.
        weights: one number, 0 or more, for each image of the whole data set; those of validation
            and test images are not used.

    Raises:
        DataError: other numbers, or not one for each image.
        RecipeError: the recipe draws images by class, and cannot draw them by weight as well.
    """
    given = np.asarray(weights, np.float64)
    if given.shape != (len(dataset),):
        raise DataError(
            f"Weights of the shape {list(given.shape)} were given for {len(dataset)} images: each "
            "image needs one."
        )
    if not (np.isfinite(given).all() and (given >= 0).all()):
        raise DataError("Weights of images must be numbers of 0 or more.")
    of_training = given[dataset.split == TRAIN]
    if not of_training.any():
        raise DataError("All training images weigh 0: there is nothing to learn from.")
    if job.drawn or job.problems:
        raise RecipeError(
            f"Weights of images do not go with head = '{job.recipe.head}' and balance = "
            f"'{job.recipe.balance}', which draw images by class. Leave the one or the others out."
        )
    tensor = torch.from_numpy(of_training).to(job.compute.device)
    return replace(job, training=replace(job.training, weights=tensor))


def refuse_weighted(environment: dict[str, Any], folder: object) -> None:
    """Refuse to resume a run whose images had weights: they are not kept.

    Raises:
        RunError: they had.
    """
    if environment.get(KEY):
        raise RunError(
            f"The run {folder} was trained with a weight for each image, which are not kept: it "
            "cannot be resumed. Train anew."
        )


def drawn_by_weight(order: Tensor, weights: Tensor, generator: Generator) -> Tensor:
    """Draw as many positions as there are in an order, each as often as its weight says.

    An image of the mean weight comes once; the others come once more or less than their share at
    most (systematic sampling). With equal weights the order stays as it is.

    Example:
        >>> order, weights = torch.tensor([2, 0, 1]), torch.tensor([4.0, 1.0, 1.0])
        >>> drawn_by_weight(order, weights, Generator().manual_seed(0)).bincount()
        tensor([2, 0, 1])
    """
    count = len(order)
    shares = weights[order]
    if bool((shares == shares[0]).all()):
        return order
    ends = (shares.cumsum(0) / shares.sum() * count).clamp(max=count)
    ends[-1] = count
    start = torch.rand((), generator=generator, dtype=torch.float64).to(ends.device)
    until = (ends + start).floor().long()
    times = until.diff(prepend=until.new_zeros(1))
    drawn = order.repeat_interleave(times)
    return drawn[torch.randperm(count, generator=generator).to(order.device)]
