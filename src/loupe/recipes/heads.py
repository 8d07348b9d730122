"""Heads: one network for all classes, or binary networks that each answer one question."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loupe.errors import RecipeError
from loupe.recipes.recipe import Head, Recipe

MOST_PAIRED_CLASSES = 20  # 190 networks; 26 classes would make 325, each on 2 / 26 of the images


@dataclass(frozen=True)
class Problem:
    """What one binary network is asked: this class, or not?

    Attributes:
        positive: the class that it says yes to.
        negative: the class that it says no to; None: all others.
    """

    positive: int
    negative: int | None = None

    def concerns(self, label: int) -> bool:
        """Whether the class is named in the question."""
        return label in (self.positive, self.negative)

    def name(self, class_names: Sequence[str]) -> str:
        """Say what it tells apart.

        Example:
            >>> Problem(1, 0).name(["cat", "dog"]), Problem(1).name(["cat", "dog"])
            ('dog or cat', 'dog or not')
        """
        other = "not" if self.negative is None else class_names[self.negative]
        return f"{class_names[self.positive]} or {other}"


def problems_of(head: Head, num_classes: int) -> tuple[Problem, ...]:
    """List the binary networks of a head: none where one network tells all classes apart.

    Raises:
        RecipeError: one-vs-one of too many classes.

    Example:
        >>> problems_of("softmax", 3), len(problems_of("one-vs-one", 10))
        ((), 45)
        >>> problems_of("one-vs-rest", 2)
        (Problem(positive=0, negative=None), Problem(positive=1, negative=None))
    """
    return PROBLEMS[head](num_classes)


def concerned(problems: Sequence[Problem], label: int) -> tuple[int, ...]:
    """Find the networks that are asked about a class by name."""
    return tuple(index for index, problem in enumerate(problems) if problem.concerns(label))


def draws_for_itself(recipe: Recipe) -> bool:
    """Whether each binary network takes images of its own, rather than all the same ones."""
    if recipe.head == "softmax":
        return False
    return recipe.head == "one-vs-one" or recipe.balance in ("under-sample", "over-sample")


def require_own_networks(recipe: Recipe, run: str) -> None:
    """Refuse to train one class of a run alone where one network tells all classes apart.

    Raises:
        RecipeError: it is so.
    """
    if recipe.head == "softmax":
        raise RecipeError(
            f"The run {run} has head = 'softmax': one network tells all classes apart, and "
            "training it for one class would change what it says of every other. Train with --head "
            "one-vs-rest or --head one-vs-one first, or train anew with the new images."
        )


def _one_for_each_pair(num_classes: int) -> tuple[Problem, ...]:
    if num_classes > MOST_PAIRED_CLASSES:
        count = num_classes * (num_classes - 1) // 2
        raise RecipeError(
            f"head = 'one-vs-one' trains a network for each pair of classes: {num_classes} classes "
            f"make {count} networks. It is for at most {MOST_PAIRED_CLASSES} classes; take "
            f"'one-vs-rest' ({num_classes} networks) or 'softmax' (one)."
        )
    labels = range(num_classes)
    return tuple(Problem(first, second) for first in labels for second in labels[first + 1 :])


PROBLEMS: dict[Head, Callable[[int], tuple[Problem, ...]]] = {
    "softmax": lambda num_classes: (),
    "one-vs-rest": lambda num_classes: tuple(map(Problem, range(num_classes))),
    "one-vs-one": _one_for_each_pair,
}
