"""What a training is given: images on the device, the recipe, where to compute."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from loupe.networks.panel import Panel
from loupe.recipes.augmentation import Augmentation
from loupe.recipes.heads import Problem, draws_for_itself
from loupe.recipes.recipe import Balance, Recipe
from loupe.runs.history import Epoch
from loupe.training.device import Compute
from loupe.training.distillation import Teacher


@dataclass(frozen=True)
class Pile:
    """Images and labels on the device.

    Attributes:
        images: uint8 `[n c h w]`.
        labels: int64 `[n]`.
        weights: how often each is drawn, relative to the others, float64 `[n]`; None: all alike.
    """

    images: Tensor
    labels: Tensor
    weights: Tensor | None = None

    def __len__(self) -> int:
        """Count the images."""
        return len(self.labels)


Parts = tuple[Tensor, ...]  # positions of the images of each class, or of each side of a problem


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
        problems: of the binary networks that are trained; none where one network tells all classes
            apart.
        base: panels that these networks are to join, one a member, where only some are trained.
        teacher: the model whose probabilities are learnt beside the labels, if there is one.
    """

    recipe: Recipe
    compute: Compute
    training: Pile
    validation: Pile
    num_classes: int
    background: float = 0.0
    checkpoint_seconds: float = 10.0
    problems: tuple[Problem, ...] = ()
    base: tuple[Panel, ...] = ()
    teacher: Teacher | None = None

    @cached_property
    def drawn_apart(self) -> bool:
        """Whether each binary network takes images of its own."""
        return draws_for_itself(self.recipe)

    @cached_property
    def drawn(self) -> tuple[Parts, ...]:
        """What the images of a round are drawn from; empty where every round takes all of them.

        A row for each binary network, or one for all; in a row the positions of each class or side
        of which a share of its own is taken.
        """
        labels, balance = self.training.labels.cpu(), self.recipe.balance
        resampled = balance in ("under-sample", "over-sample")
        if not self.drawn_apart:
            classes = range(self.num_classes)
            return (tuple(_where(labels == label) for label in classes),) if resampled else ()
        rows = [_sides(problem, labels) for problem in self.problems]
        return tuple(
            tuple(map(_where, sides)) if resampled else (_where(sides[0] | sides[1]),)
            for sides in rows
        )

    @cached_property
    def round_size(self) -> int:
        """Images in a whole round: all of them, or the most that a network has."""
        sizes = (sum(shares(parts, self.recipe.balance)) for parts in self.drawn)
        return max(sizes, default=len(self.training))

    @cached_property
    def batch_size(self) -> int:
        """Images in one step; all of them where there are fewer than the recipe's batch."""
        return min(self.recipe.batch_size, self.round_size)

    @cached_property
    def steps_per_epoch(self) -> int:
        """Full batches only: the few images left over, others in each epoch, wait for the next."""
        return self.round_size // self.batch_size

    @cached_property
    def loss_weights(self) -> Tensor | None:
        """Of the classes, `[k]`, or of the no and yes of each network, `[networks 2]`; None: all 1.

        Those of a class add up to as much as those of any other, and to 1 a training image.
        """
        if self.recipe.balance != "weights":
            return None
        labels = self.training.labels.cpu()
        if self.problems:
            sides = [_sides(problem, labels) for problem in self.problems]
            counts = torch.tensor([[int(no.sum()), int(yes.sum())] for yes, no in sides])
        else:
            counts = torch.bincount(labels, minlength=self.num_classes)
        weights = counts.sum(-1, keepdim=True) / (counts.shape[-1] * counts)
        return weights.to(self.compute.device)

    @cached_property
    def positives(self) -> Tensor:
        """The class that each binary network says yes to, `[networks 1]`."""
        positives = [[problem.positive] for problem in self.problems]
        return torch.tensor(positives, device=self.compute.device)

    @cached_property
    def varies(self) -> bool:
        """Whether the recipe's augmentation changes anything."""
        return self.recipe.augmentation != Augmentation()

    @cached_property
    def num_steps(self) -> int:
        """Steps of one member."""
        return self.recipe.epochs * self.steps_per_epoch


def shares(parts: Parts, balance: Balance) -> list[int]:
    """How many images of each part make a round.

    Example:
        >>> parts = (torch.arange(9), torch.arange(3))
        >>> shares(parts, "under-sample"), shares(parts, "over-sample"), shares(parts, "none")
        ([3, 3], [9, 9], [9, 3])
    """
    counts = [len(part) for part in parts]
    if balance == "under-sample":
        return [min(counts)] * len(counts)
    return [max(counts)] * len(counts) if balance == "over-sample" else counts


def _sides(problem: Problem, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Which images a binary network is to say yes to, and which no."""
    yes = labels == problem.positive
    return yes, ~yes if problem.negative is None else labels == problem.negative


def _where(mask: Tensor) -> Tensor:
    return mask.nonzero().flatten()


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
