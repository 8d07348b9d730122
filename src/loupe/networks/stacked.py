"""Networks of one shape, stacked: their weights side by side, computed together.

A stacked layer takes either what all networks see, `[n c …]`, or what each sees, the networks'
channels side by side, `[n networks*c …]`; it always gives the latter. Norms, pooling and dropout
keep to their own channel, and so to their own network, without more ado.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from loupe.networks.activations import Maxout
from loupe.networks.build import Net, raw_pixels_copy, takes_raw_pixels, write_layers
from loupe.networks.graph import Graph
from loupe.networks.layers import ResidualBlock
from loupe.networks.stacked_layers import StackedConv2d, StackedLinear
from loupe.recipes.notation import Conv, Dense


class Stack(nn.Module):
    """Networks of one shape: images to the logits of all of them, `[n networks*k]`.

    Args:
        nets: as they are built one by one; their weights are copied.
    """

    def __init__(self, nets: Sequence[Net]) -> None:
        super().__init__()
        self.num_networks = len(nets)
        first = nets[0]
        self.network, self.activation, self.shapes = first.network, first.activation, first.shapes
        self.body = stacked([net.body for net in nets])
        self.head = cast(StackedLinear, stacked([net.head for net in nets]))
        layers = self.network.layers
        self.begins_with_weights = not layers or isinstance(layers[0], Conv | Dense)
        if self.begins_with_weights:
            self._first_weights().is_shared = True

    @property
    def num_features(self) -> int:
        """Length of the penultimate activations of all networks; of none but pixels, once."""
        return int(self.head.in_features) * (self.num_networks if self.network.layers else 1)

    def features(self, inputs: Tensor) -> Tensor:
        """Penultimate activations, the networks' side by side, `[n d]`."""
        if not self.begins_with_weights and inputs.shape[1] == self.shapes[0][0]:
            inputs = inputs.repeat(1, self.num_networks, 1, 1)
        outputs: Tensor = self.body(inputs)
        return outputs

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits of every network: of images that all see, or of each network's own."""
        logits: Tensor = self.head(self.features(inputs))
        return logits

    def takes_raw_pixels(self) -> bool:
        """Whether its first layer has weights, into which the scale of the pixels can go."""
        return takes_raw_pixels(self.network)

    def for_raw_pixels(self) -> "Stack":
        """Copy the networks for pixels of 0..255: their first weights take the scale in."""
        return raw_pixels_copy(self)

    def write(self, graph: Graph, inputs: str) -> tuple[str, str]:
        """Write the networks into a graph; give the names of their logits and their features."""
        if not self.begins_with_weights:
            inputs = graph.add("Concat", *[inputs] * self.num_networks, axis=1)
        return write_layers(self, graph, inputs)

    @torch.no_grad()
    def insert(self, part: "Stack", places: Sequence[int]) -> None:
        """Put networks in the place of some of these, which keep all others bit by bit."""
        mine, theirs = self.state_dict(), part.state_dict()
        for name, tensor in mine.items():
            if tensor.ndim:  # not the count of batches, which nothing depends on
                rows = tensor.unflatten(0, (self.num_networks, -1))
                rows[list(places)] = theirs[name].unflatten(0, (part.num_networks, -1))

    def _first_weights(self) -> "StackedConv2d | StackedLinear":
        kinds = (StackedConv2d, StackedLinear)
        return next(module for module in self.modules() if isinstance(module, kinds))


def stacked(modules: Sequence[nn.Module]) -> Any:
    """Make one module that computes what each of these does, side by side."""
    stack = STACKED.get(type(modules[0]))
    return stack(modules) if stack else copy.deepcopy(modules[0])  # it has no weights


@torch.no_grad()
def _side_by_side(made: nn.Module, modules: Sequence[nn.Module]) -> nn.Module:
    """Fill a module with the weights of others, along their first axis."""
    states = [module.state_dict() for module in modules]
    joined = {
        name: torch.cat([state[name] for state in states]) if tensor.ndim else tensor
        for name, tensor in states[0].items()
    }
    made.load_state_dict(joined)
    return made


def _children(modules: Sequence[nn.Module]) -> list[Any]:
    return [stacked(column) for column in zip(*(m.children() for m in modules), strict=True)]


def _convolutions(modules: Sequence[Any]) -> nn.Module:
    first = modules[0]
    made = StackedConv2d(
        first.in_channels, first.out_channels * len(modules), first.kernel_size, first.stride,
        first.padding, bias=first.bias is not None,
    )  # fmt: skip
    made.num_networks = len(modules)
    return _side_by_side(made, modules)


def _linears(modules: Sequence[Any]) -> nn.Module:
    first = modules[0]
    made = StackedLinear(
        first.in_features, first.out_features * len(modules), bias=first.bias is not None
    )
    made.num_networks = len(modules)
    return _side_by_side(made, modules)


def _norms(modules: Sequence[Any]) -> nn.Module:
    kind = type(modules[0])
    return _side_by_side(kind(modules[0].num_features * len(modules)), modules)


def _slopes(modules: Sequence[Any]) -> nn.Module:
    return _side_by_side(nn.PReLU(modules[0].num_parameters * len(modules)), modules)


STACKED: dict[type[nn.Module], Callable[[Sequence[Any]], nn.Module]] = {
    nn.Sequential: lambda modules: nn.Sequential(*_children(modules)),
    ResidualBlock: lambda modules: ResidualBlock(*_children(modules)),
    nn.Conv2d: _convolutions,
    nn.Linear: _linears,
    nn.BatchNorm1d: _norms,
    nn.BatchNorm2d: _norms,
    nn.PReLU: _slopes,
    Maxout: lambda modules: Maxout(len(modules)),
}
