"""A panel: binary networks that together give the probabilities of all classes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from loupe.networks.build import Net, build
from loupe.networks.coupling import couple, write_coupling
from loupe.networks.graph import Graph
from loupe.networks.stacked import Stack
from loupe.recipes.heads import problems_of
from loupe.recipes.notation import Network
from loupe.recipes.recipe import Head, Recipe
from loupe.recipes.shapes import Shape


@dataclass(frozen=True)
class Vote:
    """One row of `VOTES`: how the binary networks' logits become log-probabilities.

    Attributes:
        combine: calibrated logits `[n networks]` to log-probabilities, but for a constant, `[n k]`.
        nodes: writes the same into a graph: (graph, logits, number of classes) -> name.
    """

    combine: Callable[[Tensor], Tensor]
    nodes: Callable[[Graph, str, int], str]


def _write_rest(graph: Graph, logits: str, num_classes: int) -> str:
    return graph.add("Neg", graph.add("Softplus", graph.add("Neg", logits)))


# One-vs-rest: each network's probability of its class, over the sum of all of them.
VOTES: dict[Head, Vote] = {
    "one-vs-rest": Vote(functional.logsigmoid, _write_rest),
    "one-vs-one": Vote(couple, write_coupling),
}


class Panel(nn.Module):
    """Binary networks whose calibrated answers are combined into probabilities.

    Args:
        stack: one network for each problem of the head, with one logit each.
        head: how their answers are combined.
        num_classes: of the probabilities.

    Attributes:
        temperatures: by which each network's logit is divided, `[networks]`; 1 until calibrated.
    """

    temperatures: Tensor

    def __init__(self, stack: Stack, head: Head, num_classes: int) -> None:
        super().__init__()
        self.stack, self.head, self.num_classes = stack, head, num_classes
        self.problems = problems_of(head, num_classes)
        self.register_buffer("temperatures", torch.ones(len(self.problems)))

    @property
    def network(self) -> Network:
        """The layers of each network."""
        return self.stack.network

    @property
    def shapes(self) -> list[Shape]:
        """Of the image, and of what each network's layers give."""
        return self.stack.shapes

    def features(self, inputs: Tensor) -> Tensor:
        """Penultimate activations of all networks, `[n d]`."""
        return self.stack.features(inputs)

    def combined(self, logits: Tensor) -> Tensor:
        """Combine logits `[n networks]` to log-probabilities, but for a constant, `[n k]`."""
        return VOTES[self.head].combine(logits / self.temperatures)

    def forward(self, inputs: Tensor) -> Tensor:
        """Log-probabilities, but for a constant, `[n k]`: what a softmax takes."""
        return self.combined(self.stack(inputs).float())

    def takes_raw_pixels(self) -> bool:
        """Whether the first layer has weights, into which the scale of the pixels can go."""
        return self.stack.takes_raw_pixels()

    def for_raw_pixels(self) -> "Panel":
        """Copy the panel for pixels of 0..255."""
        copied = Panel(self.stack.for_raw_pixels(), self.head, self.num_classes)
        copied.temperatures.copy_(self.temperatures)
        return copied.train(self.training)

    def write(self, graph: Graph, inputs: str) -> tuple[str, str]:
        """Write the panel into a graph; give the names of its logits and its features."""
        logits, features = self.stack.write(graph, inputs)
        calibrated = graph.add("Div", logits, graph.constant(self.temperatures.numpy()))
        return VOTES[self.head].nodes(graph, calibrated, self.num_classes), features


def build_stack(recipe: Recipe, image_shape: Shape, seeds: Sequence[int]) -> Stack:
    """Make binary networks of a recipe, one a seed, each as it would be made alone.

    Raises:
        RecipeError: the network does not fit the images.

    Example:
        >>> from loupe.recipes.named import recipe
        >>> stack = build_stack(recipe("mlp-300-100"), (1, 28, 28), range(10))
        >>> stack(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """
    nets: list[Net] = [build(recipe, image_shape, 1, seed) for seed in seeds]
    stack = Stack(nets)
    stack.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # stubs lack it
    return stack
