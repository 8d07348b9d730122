"""What a training is given: images on the device, the recipe, where to compute."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from loupe.recipes.augmentation import Augmentation
from loupe.recipes.recipe import Recipe
from loupe.runs.history import Epoch
from loupe.training.device import Compute


@dataclass(frozen=True)
class Pile:
    """Images and labels on the device.

    Attributes:
        images: uint8 `[n c h w]`.
        labels: int64 `[n]`.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        """Count the images."""
        return len(self.labels)


@dataclass(frozen=True)
class Job:
    """What every member of a run is trained with.

    Attributes:
        recipe: settled: without variants and time budget.
        compute: device and precision.
        training: images that are learnt from.
        validation: images that are only scored; may be empty.
        num_classes: of the data set.
        background: pixel value around the objects, 0..255: what is moved in from outside.
        checkpoint_seconds: time between two checkpoints.
    """

    recipe: Recipe
    compute: Compute
    training: Pile
    validation: Pile
    num_classes: int
    background: float = 0.0
    checkpoint_seconds: float = 10.0

    @cached_property
    def batch_size(self) -> int:
        """Images in one step; all of them where there are fewer than the recipe's batch."""
        return min(self.recipe.batch_size, len(self.training))

    @cached_property
    def steps_per_epoch(self) -> int:
        """Full batches only: the few images left over, others in each epoch, wait for the next."""
        return len(self.training) // self.batch_size

    @cached_property
    def varies(self) -> bool:
        """Whether the recipe's augmentation changes anything."""
        return self.recipe.augmentation != Augmentation()

    @cached_property
    def num_steps(self) -> int:
        """Steps of one member."""
        return self.recipe.epochs * self.steps_per_epoch


@dataclass(frozen=True)
class Progress:
    """Where a training is, for whoever watches.

    Attributes:
        member: being trained, counted from 0.
        step: of this member, done.
        num_steps: of one member.
        epoch: the row that was just finished, if one was.
    """

    member: int
    step: int
    num_steps: int
    epoch: Epoch | None = None


Watch = Callable[[Progress], None]


def seed_of(recipe: Recipe, member: int, purpose: str) -> int:
    """Derive the seed of one purpose from the recipe's: far apart for near numbers.

    Every random number of a run comes from a generator that is seeded like this, by member and
    step: a resumed run needs no generator's state, and a member is the same alone or in company.

    Example:
        >>> from loupe.recipes.named import recipe
        >>> seed_of(recipe("fast"), 0, "order 1") == seed_of(recipe("fast"), 0, "order 2")
        False
    """
    text = f"{recipe.seed}/{member}/{purpose}"
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1  # torch takes 63 bits
