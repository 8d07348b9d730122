"""How the learning rate goes over the steps of a run."""

import math
from collections.abc import Callable

from loupe.recipes.recipe import Recipe, Schedule

# Fraction of the way through what follows the warm-up -> fraction of the highest learning rate.
SCHEDULES: dict[Schedule, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "linear": lambda done: 1.0 - done,
    "cosine": lambda done: 0.5 * (1.0 + math.cos(math.pi * done)),
    "exponential": lambda done: 0.01**done,
}
WARMUP_START = 0.1  # of the highest learning rate


def rate_factor(recipe: Recipe, step: int, num_steps: int) -> float:
    """The learning rate of a step, as a fraction of the recipe's.

    Example:
        >>> from loupe.recipes.named import recipe
        >>> [round(rate_factor(recipe("fast"), step, 100), 2) for step in (0, 20, 60, 99)]
        [0.1, 1.0, 0.5, 0.01]
    """
    warmup = max(1, int(recipe.warmup * num_steps)) if recipe.warmup else 0
    if step < warmup:
        return WARMUP_START + (1 - WARMUP_START) * step / warmup
    return SCHEDULES[recipe.schedule]((step - warmup) / max(1, num_steps - warmup))
