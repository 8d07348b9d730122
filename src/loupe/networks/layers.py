"""`LAYERS`: for each layer of the notation its torch module and its ONNX nodes.

The shape of its output stands in `loupe.recipes.shapes`, where no torch is needed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from loupe.errors import RecipeError
from loupe.networks.activations import ACTIVATIONS
from loupe.networks.graph import Graph
from loupe.networks.stacked_layers import (
    StackedConv2d,
    StackedLinear,
    stacked_convolution,
    stacked_linear,
)
from loupe.recipes.notation import Conv, Dense, Dropout, GlobalPool, Layer, Norm, Pool, Residual
from loupe.recipes.recipe import Activation
from loupe.recipes.shapes import Shape, layer_shape


@dataclass(frozen=True)
class LayerKind:
    """One row of `LAYERS`.

    Attributes:
        module: (layer, shape of its input, activation) -> torch module.
        nodes: (layer, graph, input name, module, shape of its input, activation) -> output name.
    """

    module: Callable[[Any, Shape, Activation], nn.Module]
    nodes: Callable[[Any, Graph, str, Any, Shape, Activation], str]


class ResidualBlock(nn.Module):
    """The body's output plus the input, then the activation; a 1x1 projection where shapes differ.

    He et al. 2015 (arXiv:1512.03385), with the recipe's activation after the sum.
    """

    def __init__(self, body: nn.Module, projection: nn.Module, activation: nn.Module) -> None:
        super().__init__()
        self.body, self.projection, self.activation = body, projection, activation

    def forward(self, inputs: Tensor) -> Tensor:
        """Take `[n c h w]` to the body's output shape."""
        outputs: Tensor = self.activation(self.body(inputs) + self.projection(inputs))
        return outputs


def layer_module(layer: Layer, shape: Shape, activation: Activation) -> nn.Module:
    """Make the layer's torch module for inputs of the shape."""
    return LAYERS[type(layer)].module(layer, shape, activation)


def layer_nodes(
    layer: Layer, graph: Graph, inputs: str, module: nn.Module, shape: Shape, activation: Activation
) -> str:
    """Write the layer's ONNX nodes with the module's weights; give the output's name."""
    return LAYERS[type(layer)].nodes(layer, graph, inputs, module, shape, activation)


# ------------------------------------------------------------------------------ convolution


def _conv_module(layer: Conv, shape: Shape, activation: Activation) -> nn.Module:
    return nn.Sequential(*_conv_steps(layer, shape, activation, layer.filters))


def _conv_steps(
    layer: Conv, shape: Shape, activation: Activation | None, filters: int
) -> list[nn.Module]:
    """Convolution, suffixes, and the activation if there is one."""
    kind = ACTIVATIONS[activation] if activation else None
    pieces = kind.pieces if kind else 1
    convolution = nn.Conv2d(
        shape[0],
        filters * pieces,
        layer.kernel,
        layer.stride,
        padding=0 if layer.valid else layer.kernel // 2,
        bias="b" not in layer.suffixes,  # batch norm has one
    )
    steps: list[nn.Module] = [convolution]
    for suffix in layer.suffixes:
        if suffix == "b":
            steps.append(nn.BatchNorm2d(filters * pieces))
        else:
            steps.append(nn.MaxPool2d(int(suffix[1:])))
    return [*steps, kind.module(filters)] if kind else steps


def _conv_nodes(
    layer: Conv, graph: Graph, inputs: str, module: Any, shape: Shape, activation: Activation
) -> str:
    outputs = step_nodes(graph, inputs, list(module)[:-1])
    return ACTIVATIONS[activation].nodes(graph, outputs, module[-1], layer_shape(layer, shape))


# ------------------------------------------------------------------------------------- dense


def _dense_module(layer: Dense, shape: Shape, activation: Activation) -> nn.Module:
    kind = ACTIVATIONS[activation]
    units = layer.units * kind.pieces
    linear = nn.Linear(int(np.prod(shape)), units, bias="b" not in layer.suffixes)
    norms = [nn.BatchNorm1d(units) for _ in layer.suffixes]
    return nn.Sequential(nn.Flatten(), linear, *norms, kind.module(layer.units))


def _dense_nodes(
    layer: Dense, graph: Graph, inputs: str, module: Any, shape: Shape, activation: Activation
) -> str:
    outputs = step_nodes(graph, inputs, list(module)[:-1])
    return ACTIVATIONS[activation].nodes(graph, outputs, module[-1], (layer.units,))


# ----------------------------------------------------------------------- pooling and the rest


def _pool_module(layer: Pool, shape: Shape, activation: Activation) -> nn.Module:
    kind = nn.MaxPool2d if layer.kind == "max" else nn.AvgPool2d
    return kind(layer.size, layer.stride)


def _norm_module(layer: Norm, shape: Shape, activation: Activation) -> nn.Module:
    return nn.BatchNorm2d(shape[0]) if len(shape) == 3 else nn.BatchNorm1d(shape[0])


def _plain_nodes(
    layer: Layer, graph: Graph, inputs: str, module: Any, shape: Shape, activation: Activation
) -> str:
    return step_nodes(graph, inputs, [module])


# ---------------------------------------------------------------------------------- residual


def _residual_module(layer: Residual, shape: Shape, activation: Activation) -> nn.Module:
    if ACTIVATIONS[activation].pieces > 1:
        raise RecipeError(f"The block {layer} cannot use maxout: choose another activation.")
    before = shape
    body: list[nn.Module] = []
    for inner in layer.layers[:-1]:
        body.append(layer_module(inner, shape, activation))
        shape = layer_shape(inner, shape)
    last = layer_module(layer.layers[-1], shape, activation)
    assert isinstance(last, nn.Sequential)  # the notation lets a block end in C or N only
    body.append(last[:-1])  # its activation comes after the sum
    after = layer_shape(layer.layers[-1], shape)
    projection = _projection(layer, before, after)
    return ResidualBlock(nn.Sequential(*body), projection, ACTIVATIONS[activation].module(after[0]))


def _projection(layer: Residual, before: Shape, after: Shape) -> nn.Module:
    """What makes the block's input fit its output: nothing, or 1x1 with the block's stride."""
    if before == after:
        return nn.Identity()
    if len(after) == 1:
        return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(before)), after[0], bias=False))
    stride = -(-before[1] // after[1])
    sides = [(side - 1) // stride + 1 for side in before[1:]]
    if tuple(sides) != after[1:]:
        raise RecipeError(
            f"The block {layer} takes maps of {before[1]}x{before[2]} to {after[1]}x{after[2]}, "
            "which a strided 1x1 projection cannot: keep the size, or halve it."
        )
    projection = nn.Conv2d(before[0], after[0], 1, stride, bias=False)
    return nn.Sequential(projection, nn.BatchNorm2d(after[0]))


def _residual_nodes(
    layer: Residual, graph: Graph, inputs: str, module: Any, shape: Shape, activation: Activation
) -> str:
    outputs, before = inputs, shape
    for inner, part in zip(layer.layers[:-1], module.body[:-1], strict=True):
        outputs = layer_nodes(inner, graph, outputs, part, shape, activation)
        shape = layer_shape(inner, shape)
    outputs = step_nodes(graph, outputs, list(module.body[-1]))
    shortcut = inputs
    if not isinstance(module.projection, nn.Identity):
        shortcut = step_nodes(graph, inputs, list(module.projection))
    total = graph.add("Add", outputs, shortcut)
    after = layer_shape(layer, before)
    return ACTIVATIONS[activation].nodes(graph, total, module.activation, after)


# ------------------------------------------------------------------------------- onnx nodes


def step_nodes(graph: Graph, inputs: str, modules: list[nn.Module]) -> str:
    """Write plain modules one after the other; give the name of the last one's output."""
    for module in modules:
        inputs = _STEPS[type(module)](graph, inputs, module)
    return inputs


def _array(tensor: Tensor | None) -> np.ndarray:
    assert tensor is not None
    return tensor.detach().cpu().numpy()


def _convolution(graph: Graph, inputs: str, module: Any) -> str:
    weights = [graph.constant(_array(module.weight))]
    if module.bias is not None:
        weights.append(graph.constant(_array(module.bias)))
    return graph.add(
        "Conv",
        inputs,
        *weights,
        kernel_shape=list(module.kernel_size),
        strides=list(module.stride),
        pads=[*module.padding, *module.padding],
    )


def _linear(graph: Graph, inputs: str, module: Any) -> str:
    weights = [graph.constant(_array(module.weight))]
    if module.bias is not None:
        weights.append(graph.constant(_array(module.bias)))
    return graph.add("Gemm", inputs, *weights, transB=1)


def _batch_norm(graph: Graph, inputs: str, module: Any) -> str:
    tensors = (module.weight, module.bias, module.running_mean, module.running_var)
    weights = [graph.constant(_array(tensor)) for tensor in tensors]
    return graph.add("BatchNormalization", inputs, *weights, epsilon=module.eps)


def _pooling(operator: str) -> Callable[[Graph, str, Any], str]:
    def nodes(graph: Graph, inputs: str, module: Any) -> str:
        size, stride = module.kernel_size, module.stride
        return graph.add(operator, inputs, kernel_shape=[size] * 2, strides=[stride] * 2)

    return nodes


_STEPS: dict[type[nn.Module], Callable[[Graph, str, Any], str]] = {
    nn.Conv2d: _convolution,
    nn.Linear: _linear,
    StackedConv2d: stacked_convolution,
    StackedLinear: stacked_linear,
    nn.BatchNorm2d: _batch_norm,
    nn.BatchNorm1d: _batch_norm,
    nn.MaxPool2d: _pooling("MaxPool"),
    nn.AvgPool2d: _pooling("AveragePool"),
    nn.AdaptiveAvgPool2d: lambda graph, inputs, module: graph.add("GlobalAveragePool", inputs),
    nn.Flatten: lambda graph, inputs, module: graph.add("Flatten", inputs, axis=1),
    nn.Dropout: lambda graph, inputs, module: inputs,  # training only
}


LAYERS: dict[type[Layer], LayerKind] = {
    Conv: LayerKind(_conv_module, _conv_nodes),
    Dense: LayerKind(_dense_module, _dense_nodes),
    Pool: LayerKind(_pool_module, _plain_nodes),
    GlobalPool: LayerKind(
        lambda layer, shape, activation: nn.AdaptiveAvgPool2d(1),
        _plain_nodes,
    ),
    Norm: LayerKind(_norm_module, _plain_nodes),
    Dropout: LayerKind(
        lambda layer, shape, activation: nn.Dropout(layer.rate),
        _plain_nodes,
    ),
    Residual: LayerKind(_residual_module, _residual_nodes),
}
