"""From a notation to a network with its first weights."""

import copy
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from loupe.networks.graph import Graph
from loupe.networks.layers import layer_module, layer_nodes, step_nodes
from loupe.recipes.notation import Conv, Dense, Network, parse
from loupe.recipes.recipe import Activation, Initialization, Recipe
from loupe.recipes.shapes import Shape, layer_shape

Built = TypeVar("Built", bound=Any)  # a network, or a stack of them


class Net(nn.Module):
    """One network: float images `[n c h w]` in 0..1 to logits `[n k]`."""

    def __init__(
        self, network: Network, image_shape: Shape, num_classes: int, activation: Activation
    ) -> None:
        super().__init__()
        self.network, self.activation = network, activation
        self.shapes = [image_shape]  # before the first layer, and after each
        body = []
        for layer in network.layers:
            body.append(layer_module(layer, self.shapes[-1], activation))
            self.shapes.append(layer_shape(layer, self.shapes[-1]))
        self.body = nn.Sequential(*body, nn.Flatten())
        self.head = nn.Linear(self.num_features, num_classes)

    @property
    def num_features(self) -> int:
        """Length of the penultimate activations."""
        return int(torch.Size(self.shapes[-1]).numel())

    def features(self, inputs: Tensor) -> Tensor:
        """Penultimate activations, `[n d]`: the pixels themselves for the empty notation."""
        outputs: Tensor = self.body(inputs)
        return outputs

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits, `[n k]`."""
        logits: Tensor = self.head(self.body(inputs))
        return logits

    def takes_raw_pixels(self) -> bool:
        """Whether its first layer has weights, into which the scale of the pixels can go."""
        return takes_raw_pixels(self.network)

    def for_raw_pixels(self) -> "Net":
        """Copy the network for pixels of 0..255: its first weights take the scale in."""
        return raw_pixels_copy(self)

    def write(self, graph: Graph, inputs: str) -> tuple[str, str]:
        """Write the network into a graph; give the names of its logits and its features."""
        return write_layers(self, graph, inputs)


def takes_raw_pixels(network: Network) -> bool:
    """Whether the first layer has weights, into which the scale of the pixels can go."""
    return bool(network.layers) and isinstance(network.layers[0], Conv | Dense)


def raw_pixels_copy(net: Built) -> Built:
    """Copy what was built for pixels of 0..255: the first weights take the scale in."""
    net = copy.deepcopy(net)
    first = next(m for m in net.body.modules() if isinstance(m, nn.Conv2d | nn.Linear))
    with torch.no_grad():
        first.weight.mul_(1 / 255)
    return net


def write_layers(net: Any, graph: Graph, inputs: str) -> tuple[str, str]:
    """Write body and head into a graph; give the names of the logits and the features."""
    modules = list(net.body)[:-1]
    for layer, module, shape in zip(net.network.layers, modules, net.shapes[:-1], strict=True):
        inputs = layer_nodes(layer, graph, inputs, module, shape, net.activation)
    features = graph.add("Flatten", inputs, axis=1)
    return step_nodes(graph, features, [net.head]), features


def build(recipe: Recipe, image_shape: Shape, num_classes: int, seed: int) -> Net:
    """Make a recipe's network for images of `(channels, height, width)`, first weights included.

    The same seed gives the same weights; torch's global generator is left as it was.

    Raises:
        RecipeError: the network does not fit the images.

    Example:
        >>> from loupe.recipes.named import recipe
        >>> net = build(recipe("mlp-300-100"), (1, 28, 28), 10, seed=0)
        >>> sum(p.numel() for p in net.parameters())
        266610
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = Net(parse(recipe.network), image_shape, num_classes, recipe.activation)
        net.apply(INITIALIZATIONS[recipe.initialization])
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # stubs lack it
    return net


def _glorot(module: nn.Module) -> None:
    """Glorot and Bengio 2010, zero biases: what Keras does."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _kaiming(module: nn.Module) -> None:
    """He et al. 2015 as PyTorch's layers do by themselves: nothing is left to do."""


def _identity(module: nn.Module) -> None:
    """Let inner convolutions begin by passing their input on (Jordan 2024, arXiv:2404.00498)."""
    if isinstance(module, nn.Conv2d) and module.in_channels >= 16 and module.kernel_size[0] > 1:
        nn.init.dirac_(module.weight[: module.in_channels])


INITIALIZATIONS: dict[Initialization, Callable[[nn.Module], None]] = {
    "glorot": _glorot,
    "kaiming": _kaiming,
    "identity": _identity,
}
