"""What decides a generator apart from the data, and what it writes about itself."""

import math
import numbers
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from loupe.data.dataset import Dataset, require_dataset
from loupe.data.generated import VALIDATION, VALIDATION_SEED
from loupe.data.split import hold_out_validation
from loupe.errors import DataError, LoupeError

Balance = Literal["equal", "data"]

MINUTES = 10.0
MOST_IMAGES = 1_000_000
SMALLEST, LARGEST = 8, 64  # pixels of a side
# Fewer, and the discriminator knows each of them: what is drawn then are their copies.
FEWEST_PER_CLASS = 50


@dataclass(frozen=True)
class Settings:
    """How a generator is trained and drawn from.

    Attributes:
        count: images to draw.
        steps: of training.
        seed: of everything random.
        balance: "equal" draws as many of each class, "data" as the training images have them.
    """

    count: int
    steps: int
    seed: int = 0
    balance: Balance = "equal"


def require_settings(
    count: int, minutes: float | None, steps: int | None, seed: int, balance: str
) -> None:
    """Refuse what cannot be asked for.

    Raises:
        LoupeError: says what was given and what was expected.
    """
    _require_numbers(count=count, minutes=minutes, steps=steps, seed=seed)
    if minutes is not None and steps is not None:
        raise LoupeError(
            "minutes and steps were both given, and each says how long to train. Give one of them."
        )
    if minutes is not None and not (math.isfinite(minutes) and minutes > 0):
        raise LoupeError(f"minutes is {minutes}; expected how long to train, above 0.")
    if steps is not None and steps < 1:
        raise LoupeError(f"steps is {steps}; expected how many to train for, 1 or more.")
    if not 1 <= count <= MOST_IMAGES:
        raise LoupeError(f"count is {count}; expected how many images to draw, 1 to 1,000,000.")
    if not 0 <= seed < 2**32:
        raise LoupeError(f"seed is {seed}; expected a whole number, 0 to {2**32 - 1}.")
    if balance not in get_args(Balance):
        raise LoupeError(f"balance is '{balance}'; expected 'equal' or 'data'.")


def _require_numbers(**given: object) -> None:
    """Refuse text where a number is expected; only minutes have fractions, and may be left out."""
    for name, value in given.items():
        is_left_out = value is None and name in ("minutes", "steps")
        kind = numbers.Real if name == "minutes" else numbers.Integral
        if is_left_out or (isinstance(value, kind) and not isinstance(value, bool)):
            continue
        expected = "a number" if name == "minutes" else "a whole number"
        raise LoupeError(f"{name} is {value!r}; expected {expected}, not a {type(value).__name__}.")


def divided(dataset: Dataset, count: int) -> Dataset:
    """Hold out the images that the generator is measured with; refuse what nothing is learnt from.

    The validation images are those that recipes hold out by default: new to the generator, and to
    classifiers that are trained on what it draws.

    Raises:
        DataError: too few images of a class, one class only, images of the wrong size, images that
            a generator made, or fewer images asked for than there are classes.
    """
    require_dataset(dataset)
    if dataset.has_generated:
        raise DataError(
            f"{dataset.name} holds generated images, and a generator that learns from another's "
            "drawings learns its faults. Give the real images alone."
        )
    _require_shape(dataset)
    _require_classes(dataset, dataset.train.counts())
    if count < len(dataset.class_names):
        raise DataError(
            f"count is {count}, but {dataset.name} has {len(dataset.class_names)} classes: give at "
            "least one image of each."
        )
    dataset = hold_out_validation(dataset, VALIDATION, VALIDATION_SEED)
    _require_classes(dataset, dataset.train.counts())
    return dataset


def _require_shape(dataset: Dataset) -> None:
    height, width, channels = dataset.image_shape
    if channels not in (1, 3):
        raise DataError(
            f"{dataset.name} has images of {channels} channels; expected 1 (grey) or 3 (colour)."
        )
    if max(height, width) > LARGEST:
        raise DataError(
            f"{dataset.name} has images of {width} x {height} pixels; the generator's "
            f"networks draw up to {LARGEST} x {LARGEST}. Read them smaller: --size {LARGEST}, or "
            f"loupe.read(what, size={LARGEST})."
        )
    if min(height, width) < SMALLEST:
        raise DataError(
            f"{dataset.name} has images of {width} x {height} pixels; expected at least "
            f"{SMALLEST} a side. There is too little in them to vary."
        )


def _require_classes(dataset: Dataset, counts: np.ndarray) -> None:
    if len(counts) < 2:
        raise DataError(
            f"{dataset.name} has one class only, '{dataset.class_names[0]}': generated images are "
            "for training a classifier, which needs at least two. Add images of another class."
        )
    fewest = int(counts.argmin())
    if counts[fewest] < FEWEST_PER_CLASS:
        raise DataError(
            f"{dataset.name} has {counts[fewest]} training images of the class "
            f"'{dataset.class_names[fewest]}'; a generator needs {FEWEST_PER_CLASS} of each, "
            "besides those that it is measured with: from fewer it learns to copy them. Collect "
            "more, or vary those that you have as you train: loupe train DATA --set "
            "augmentation.rotation=10."
        )
