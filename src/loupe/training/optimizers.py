"""`OPTIMIZERS`: from a recipe to torch optimizers, and the one that torch lacks for filters."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from loupe.recipes.recipe import Optimizer as OptimizerName
from loupe.recipes.recipe import Recipe


class Muon(Optimizer):
    """Momentum whose step for each matrix of filters is made orthogonal.

    Jordan et al. 2024 ("Muon: an optimizer for hidden layers"), in the form that airbench uses for
    convolutions: the filters lie as `[out, in * k * k]`, and are brought to the length sqrt(out)
    before each step, so that the learning rate is relative to them.
    """

    def __init__(self, filters: Iterable[Tensor], lr: float, momentum: float) -> None:
        super().__init__(filters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Take one step; there is no closure."""
        for group in self.param_groups:
            for filters in group["params"]:
                gradient = filters.grad
                if filters not in self.state:
                    self.state[filters]["mean"] = torch.zeros_like(gradient)
                mean = self.state[filters]["mean"]
                mean.mul_(group["momentum"]).add_(gradient)
                nesterov = gradient.add(mean, alpha=group["momentum"])
                filters.mul_(len(filters) ** 0.5 / filters.norm())
                direction = orthogonalized(nesterov.flatten(1)).view_as(filters)
                filters.add_(direction, alpha=-group["lr"])


def orthogonalized(matrix: Tensor, steps: int = 3) -> Tensor:
    """Bring the singular values of a matrix near 1 by a quintic Newton-Schulz iteration.

    The coefficients are Jordan's (2024): they converge to about 0.7..1.2 in three steps, which is
    near enough for a step's direction.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    wide: Tensor = matrix / (matrix.norm() + 1e-7)
    tall = wide.shape[0] > wide.shape[1]
    if tall:
        wide = wide.T
    for _ in range(steps):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    return wide.T if tall else wide


def make_optimizers(net: nn.Module, recipe: Recipe) -> list[Optimizer]:
    """Make the recipe's optimizers for a network; each group remembers its highest rate."""
    optimizers = OPTIMIZERS[recipe.optimizer](net, recipe)
    for group in _groups(optimizers):
        group["highest"] = group["lr"]
    return optimizers


def set_rate(optimizers: list[Optimizer], factor: float) -> None:
    """Set every group's learning rate to a fraction of its highest."""
    for group in _groups(optimizers):
        group["lr"] = group["highest"] * factor


def _groups(optimizers: list[Optimizer]) -> Iterator[dict[str, Any]]:
    for optimizer in optimizers:
        yield from optimizer.param_groups


def _decayed(parameters: Iterable[Tensor], recipe: Recipe) -> list[dict[str, Any]]:
    """Matrices and filters with weight decay, biases and norms without; one group where it is 0.

    Each group costs 40 microseconds a step, a tenth of what a small dense network takes.
    """
    everything = list(parameters)
    if not recipe.weight_decay:
        return [{"params": everything, "weight_decay": 0.0}]
    weights = [parameter for parameter in everything if parameter.ndim > 1]
    vectors = [parameter for parameter in everything if parameter.ndim <= 1]
    groups = [(weights, recipe.weight_decay), (vectors, 0.0)]
    return [{"params": part, "weight_decay": decay} for part, decay in groups if part]


def _sgd(nesterov: bool) -> Callable[[nn.Module, Recipe], list[Optimizer]]:
    def make(net: nn.Module, recipe: Recipe) -> list[Optimizer]:
        groups = _decayed(net.parameters(), recipe)
        momentum = recipe.momentum
        return [
            SGD(
                groups,
                recipe.learning_rate,
                momentum,
                nesterov=nesterov and momentum > 0,
                fused=True,
            )
        ]

    return make


def _adam(kind: type[Adam]) -> Callable[[nn.Module, Recipe], list[Optimizer]]:
    def make(net: nn.Module, recipe: Recipe) -> list[Optimizer]:
        betas = (recipe.momentum, recipe.beta_2)
        groups = _decayed(net.parameters(), recipe)
        return [kind(groups, recipe.learning_rate, betas, fused=True)]

    return make


def _rmsprop(net: nn.Module, recipe: Recipe) -> list[Optimizer]:
    """Adam without momentum: RMSprop whose mean square is right from the first step.

    torch has no fused RMSprop; this one step is a fifth of its time (mlp-512, two Zen 5 cores).
    """
    groups = _decayed(net.parameters(), recipe)
    return [Adam(groups, recipe.learning_rate, (0.0, recipe.beta_2), fused=True)]


def _muon(net: nn.Module, recipe: Recipe) -> list[Optimizer]:
    """Filters of inner convolutions by Muon; the first layer, the head and vectors by AdamW."""
    filters = [p for p in net.parameters() if p.ndim == 4 and p.shape[1] > 3]
    chosen = {id(parameter) for parameter in filters}
    rest = _decayed((p for p in net.parameters() if id(p) not in chosen), recipe)
    adamw = AdamW(rest, recipe.learning_rate, (recipe.momentum, recipe.beta_2), fused=True)
    if not filters:
        return [adamw]
    return [adamw, Muon(filters, recipe.muon_learning_rate, momentum=0.6)]


OPTIMIZERS: dict[OptimizerName, Callable[[nn.Module, Recipe], list[Optimizer]]] = {
    "sgd": _sgd(nesterov=False),
    "nesterov": _sgd(nesterov=True),
    "adam": _adam(Adam),
    "adamw": _adam(AdamW),
    "rmsprop": _rmsprop,
    "muon": _muon,
}
