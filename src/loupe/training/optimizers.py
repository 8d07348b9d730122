"""`OPTIMIZERS`: from a recipe to what takes its steps.

torch's fused kernels are called directly. `torch.optim` wraps the same ones, but looks through
every parameter anew in each step (60 microseconds, an eighth of what `mlp-64-32` takes) and
imports its compiler when the first optimizer is made (1 s of every cold start).
"""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from loupe.recipes.recipe import Optimizer as OptimizerName
from loupe.recipes.recipe import Recipe


@runtime_checkable
class Optimizer(Protocol):
    """What takes steps for a group of parameters.

    Attributes:
        parameters: that it moves, along their gradients.
        memory: tensors that it keeps from step to step, by name; they belong into a checkpoint.
    """

    parameters: list[Tensor]
    memory: dict[str, list[Tensor]]

    def step(self, factor: float) -> None:
        """Take one step at a fraction of the highest learning rate."""


class Adam:
    """Kingma and Ba 2015 (arXiv:1412.6980); decoupled: Loshchilov and Hutter 2019 (AdamW).

    RMSprop is Adam without momentum, whose mean square is right from the first step.
    """

    def __init__(
        self,
        parameters: list[Tensor],
        learning_rate: float,
        betas: tuple[float, float],
        weight_decay: float,
        decoupled: bool,
    ) -> None:
        self.parameters = parameters
        self.memory = {
            "mean": [torch.zeros_like(parameter) for parameter in parameters],
            "square": [torch.zeros_like(parameter) for parameter in parameters],
            "steps": [torch.zeros((), device=parameters[0].device)],
        }
        self._learning_rate = learning_rate
        self._fused: Callable[..., None] = torch._fused_adamw_ if decoupled else torch._fused_adam_
        self._constants = {
            "beta1": betas[0], "beta2": betas[1], "weight_decay": weight_decay, "eps": 1e-8,
            "amsgrad": False, "maximize": False,
        }  # fmt: skip

    def step(self, factor: float) -> None:
        """Take one step at a fraction of the highest learning rate."""
        memory, count = self.memory, len(self.parameters)
        memory["steps"][0].add_(1)
        self._fused(
            self.parameters,
            _gradients(self.parameters),
            memory["mean"],
            memory["square"],
            [],
            memory["steps"] * count,
            lr=self._learning_rate * factor,
            **self._constants,
        )


class SGD:
    """Stochastic gradient descent with momentum; Nesterov's looks ahead (Sutskever et al. 2013)."""

    def __init__(
        self,
        parameters: list[Tensor],
        learning_rate: float,
        momentum: float,
        weight_decay: float,
        nesterov: bool,
    ) -> None:
        self.parameters = parameters
        kept = parameters if momentum else []
        self.memory = {"mean": [torch.zeros_like(parameter) for parameter in kept]}
        self._learning_rate = learning_rate
        self._fused: Callable[..., None] = torch._fused_sgd_
        self._constants = {
            "momentum": momentum, "weight_decay": weight_decay, "dampening": 0.0,
            "nesterov": nesterov and momentum > 0, "maximize": False, "is_first_step": False,
        }  # fmt: skip

    def step(self, factor: float) -> None:
        """Take one step at a fraction of the highest learning rate."""
        self._fused(
            self.parameters,
            _gradients(self.parameters),
            self.memory["mean"],
            lr=self._learning_rate * factor,
            **self._constants,
        )


class Muon:
    """Momentum whose step for each matrix of filters is made orthogonal.

    Jordan et al. 2024 ("Muon: an optimizer for hidden layers"), in the form that airbench uses for
    convolutions: the filters lie as `[out, in * k * k]`, and are brought to the length sqrt(out)
    before each step, so that the learning rate is relative to them.
    """

    def __init__(
        self, filters: list[Tensor], learning_rate: float, momentum: float, num_networks: int = 1
    ) -> None:
        self.parameters = filters
        self._num_networks = num_networks
        self.memory = {"mean": [torch.zeros_like(each) for each in filters]}
        self._learning_rate = learning_rate
        self._momentum = momentum

    @torch.no_grad()
    def step(self, factor: float) -> None:
        """Take one step at a fraction of the highest learning rate."""
        gradients = _gradients(self.parameters)
        for filters, gradient, mean in zip(
            self.parameters, gradients, self.memory["mean"], strict=True
        ):
            mean.mul_(self._momentum).add_(gradient)
            nesterov = gradient.add(mean, alpha=self._momentum)
            if self._num_networks > 1:
                self._step_apart(filters, nesterov, factor)
                continue
            filters.mul_(len(filters) ** 0.5 / filters.norm())
            direction = orthogonalized(nesterov.flatten(1)).view_as(filters)
            filters.add_(direction, alpha=-self._learning_rate * factor)

    def _step_apart(self, filters: Tensor, nesterov: Tensor, factor: float) -> None:
        """Take the step of each of several networks, whose filters lie one after the other."""
        own = filters.unflatten(0, (self._num_networks, -1))  # type: ignore[no-untyped-call]
        norms = own.flatten(1).norm(dim=1).view(-1, 1, 1, 1, 1)
        own.mul_(own.shape[1] ** 0.5 / norms)
        along = nesterov.flatten(1).view(self._num_networks, own.shape[1], -1)
        direction = orthogonalized(along).reshape(own.shape)
        own.add_(direction, alpha=-self._learning_rate * factor)


def _gradients(parameters: list[Tensor]) -> list[Tensor]:
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def orthogonalized(matrix: Tensor, steps: int = 3) -> Tensor:
    """Bring the singular values of a matrix, or of each of several, near 1.

    This is a quintic Newton-Schulz iteration.

    The coefficients are Jordan's (2024): they converge to about 0.7..1.2 in three steps, which is
    near enough for a step's direction.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    norm = matrix.norm() if matrix.ndim == 2 else matrix.flatten(1).norm(dim=1).view(-1, 1, 1)
    wide: Tensor = matrix / (norm + 1e-7)
    tall = wide.shape[-2] > wide.shape[-1]
    if tall:
        wide = wide.mT
    for _ in range(steps):
        gram = wide @ wide.mT
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    return wide.mT if tall else wide


def make_optimizers(
    parameters: list[Tensor], recipe: Recipe, num_networks: int = 1
) -> list[Optimizer]:
    """Make the recipe's optimizers for a network's parameters: one for each group of them.

    Stacked networks are moved at once; only Muon has to know where one ends.
    """
    if recipe.optimizer == "muon":
        return _muon(parameters, recipe, num_networks)
    return OPTIMIZERS[recipe.optimizer](parameters, recipe)


def _decayed(parameters: list[Tensor], recipe: Recipe) -> list[tuple[list[Tensor], float]]:
    """Matrices and filters with weight decay, biases and norms without; one group where it is 0."""
    if not recipe.weight_decay:
        return [(parameters, 0.0)]
    weights = [parameter for parameter in parameters if parameter.ndim > 1]
    vectors = [parameter for parameter in parameters if parameter.ndim <= 1]
    groups = [(weights, recipe.weight_decay), (vectors, 0.0)]
    return [(part, decay) for part, decay in groups if part]


def _sgd(nesterov: bool) -> Callable[[list[Tensor], Recipe], list[Optimizer]]:
    def make(parameters: list[Tensor], recipe: Recipe) -> list[Optimizer]:
        return [
            SGD(part, recipe.learning_rate, recipe.momentum, decay, nesterov)
            for part, decay in _decayed(parameters, recipe)
        ]

    return make


def _adam(decoupled: bool) -> Callable[[list[Tensor], Recipe], list[Optimizer]]:
    def make(parameters: list[Tensor], recipe: Recipe) -> list[Optimizer]:
        return _adams(parameters, recipe, recipe.momentum, decoupled)

    return make


def _adams(
    parameters: list[Tensor], recipe: Recipe, momentum: float, decoupled: bool
) -> list[Optimizer]:
    betas = (momentum, recipe.beta_2)
    return [
        Adam(part, recipe.learning_rate, betas, decay, decoupled)
        for part, decay in _decayed(parameters, recipe)
    ]


def _rmsprop(parameters: list[Tensor], recipe: Recipe) -> list[Optimizer]:
    return _adams(parameters, recipe, momentum=0.0, decoupled=False)


def _muon(parameters: list[Tensor], recipe: Recipe, num_networks: int = 1) -> list[Optimizer]:
    """Filters of inner convolutions by Muon; the first layer, the head and vectors by AdamW."""
    filters = [p for p in parameters if p.ndim == 4 and p.shape[1] > 3]
    chosen = {id(parameter) for parameter in filters}
    rest = [p for p in parameters if id(p) not in chosen]
    optimizers = _adams(rest, recipe, recipe.momentum, decoupled=True)
    if filters:
        optimizers.append(Muon(filters, recipe.muon_learning_rate, 0.6, num_networks))
    return optimizers


OPTIMIZERS: dict[OptimizerName, Callable[[list[Tensor], Recipe], list[Optimizer]]] = {
    "sgd": _sgd(nesterov=False),
    "nesterov": _sgd(nesterov=True),
    "adam": _adam(decoupled=False),
    "adamw": _adam(decoupled=True),
    "rmsprop": _rmsprop,
    "muon": _muon,
}
