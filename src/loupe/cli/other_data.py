"""Data that a model was not trained on, made ready to be measured: fitted, and all of it test."""

from dataclasses import replace

import numpy as np

from loupe.classifier.card import Card
from loupe.data.dataset import TEST, Dataset
from loupe.data.sizes import fit
from loupe.data.split import seal_test
from loupe.errors import DataError


def fitted_to(dataset: Dataset, shape: tuple[int, int, int]) -> Dataset:
    """Bring images to the height and width that a model takes, and grey ones to its channels.

    Example:
        >>> from loupe.data.read import read
        >>> fitted_to(read("digits"), (12, 10, 3)).image_shape
        (12, 10, 3)
    """
    height, width, channels = shape
    images, notes = dataset.images, list(dataset.notes)
    if images.shape[1:3] != (height, width):
        images = np.stack([fit(image, height, width) for image in images])
        notes.append(f"Images were fitted to {height}x{width} (height x width), as the model's.")
    if (images.shape[3], channels) == (1, 3):
        images = np.repeat(images, 3, axis=3)
        notes.append("Grey images were given three equal channels, as the model takes colour.")
    return replace(dataset, images=images, notes=tuple(notes))


def sealed(dataset: Dataset) -> Dataset:
    """Seal a test split as `read` does, or give the data as it is where that is impossible."""
    try:
        return seal_test(dataset)
    except DataError:
        return dataset


def is_trained_on(dataset: Dataset, card: Card, split: str) -> bool:
    """Say whether a model was trained on the same images, with labels mended before or since.

    Its test images are the same then. Its validation images are not: they are drawn anew when
    labels change.

    Raises:
        DataError: these, or the training images, were asked for.
    """
    mended = card.training_data.get("fixes")
    theirs = {card.training_data["fingerprint"], mended and mended["fingerprint_before"]}
    ours = {dataset.fingerprint, dataset.fixes and dataset.fixes.fingerprint_before}
    if not (theirs & ours) - {None}:
        return False
    if split != "test":
        raise DataError(
            f"The model was trained {'with other fixes than these' if mended else 'without fixes'} "
            f"of {dataset.name}, so its {split} images are others. Evaluate on test images, or "
            f"read the data as it was then{', with --fixes' if mended else ''}."
        )
    return True


def all_as_test(dataset: Dataset) -> Dataset:
    """Mark every image as test, where the data brings no test split of its own.

    The fifth that `read` seals keeps a training honest. Of data that the model never saw, all
    images are as good.
    """
    if len(dataset.test):
        return dataset
    split = np.full(len(dataset), TEST, np.uint8)
    note = (
        "The data brings no test split and is not the data that the model was trained on: "
        f"all its {len(dataset):,} images are measured. Images that were in the training flatter "
        "the figure: leave them out."
    )
    return replace(dataset, split=split, notes=(*dataset.notes, note))
