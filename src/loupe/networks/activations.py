"""Activations: each a torch module and the ONNX nodes that do the same."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from loupe.networks.graph import Graph
from loupe.recipes.recipe import Activation
from loupe.recipes.shapes import Shape

Nodes = Callable[[Graph, str, nn.Module, Shape], str]  # (graph, input, module, shape) -> output


class Maxout(nn.Module):
    """The larger of two pieces (Goodfellow et al. 2013): the layer before it makes both.

    Args:
        num_networks: whose channels lie side by side, each network's two pieces together.
    """

    def __init__(self, num_networks: int = 1) -> None:
        super().__init__()
        self.num_networks = num_networks

    def forward(self, inputs: Tensor) -> Tensor:
        """Take `[n 2c …]` to `[n c …]`."""
        if self.num_networks == 1:
            first, second = inputs.chunk(2, dim=1)
            return first.maximum(second)
        pieces = inputs.view(len(inputs), self.num_networks, 2, -1, *inputs.shape[2:])
        larger: Tensor = pieces[:, :, 0].maximum(pieces[:, :, 1])
        return larger.flatten(1, 2)


@dataclass(frozen=True)
class ActivationKind:
    """One row of `ACTIVATIONS`.

    Attributes:
        module: makes the torch module for a number of channels.
        nodes: writes the same into a graph.
        pieces: units that the layer before must make for one unit after; 2 for maxout.
    """

    module: Callable[[int], nn.Module]
    nodes: Nodes
    pieces: int = 1


def _operator(name: str, **attributes: Any) -> Nodes:
    return lambda graph, inputs, module, shape: graph.add(name, inputs, **attributes)


def _prelu(graph: Graph, inputs: str, module: nn.Module, shape: Shape) -> str:
    assert isinstance(module, nn.PReLU)
    slope = module.weight.detach().numpy()  # one for each channel
    return graph.add("PRelu", inputs, graph.constant(slope.reshape(-1, *[1] * (len(shape) - 1))))


def _maxout(graph: Graph, inputs: str, module: nn.Module, shape: Shape) -> str:
    assert isinstance(module, Maxout)
    if module.num_networks == 1:
        return graph.add("Max", *graph.split(inputs, 2))
    pieces = np.array([-1, module.num_networks, 2, int(np.prod(shape))], np.int64)
    inputs = graph.add("Reshape", inputs, graph.constant(pieces))
    larger = graph.add("ReduceMax", inputs, graph.constant(np.array([2], np.int64)), keepdims=0)
    after = np.array([-1, module.num_networks * shape[0], *shape[1:]], np.int64)
    return graph.add("Reshape", larger, graph.constant(after))


def _silu(graph: Graph, inputs: str, module: nn.Module, shape: Shape) -> str:
    return graph.add("Mul", inputs, graph.add("Sigmoid", inputs))


ACTIVATIONS: dict[Activation, ActivationKind] = {
    "relu": ActivationKind(lambda channels: nn.ReLU(inplace=True), _operator("Relu")),
    "leaky_relu": ActivationKind(
        lambda channels: nn.LeakyReLU(0.01), _operator("LeakyRelu", alpha=0.01)
    ),
    "prelu": ActivationKind(nn.PReLU, _prelu),
    "elu": ActivationKind(lambda channels: nn.ELU(), _operator("Elu")),
    "maxout": ActivationKind(lambda channels: Maxout(), _maxout, pieces=2),
    "sigmoid": ActivationKind(lambda channels: nn.Sigmoid(), _operator("Sigmoid")),
    "tanh": ActivationKind(lambda channels: nn.Tanh(), _operator("Tanh")),
    "gelu": ActivationKind(lambda channels: nn.GELU(), _operator("Gelu")),
    "silu": ActivationKind(lambda channels: nn.SiLU(), _silu),
}
