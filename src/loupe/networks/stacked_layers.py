"""Layers with weights of many networks at once: of what all of them see, or of what each sees."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from loupe.networks.graph import Graph


class StackedConv2d(nn.Conv2d):
    """Convolutions of several networks; weights `[networks*filters c h w]`."""

    num_networks = 1
    is_shared = False  # whether, once trained, it takes the image itself, which all networks see

    def forward(self, inputs: Tensor) -> Tensor:
        """Take `[n c h w]` or `[n networks*c h w]` to `[n networks*filters …]`."""
        groups = 1 if inputs.shape[1] == self.in_channels else self.num_networks
        return functional.conv2d(
            inputs, self.weight, self.bias, self.stride, self.padding, groups=groups
        )


class StackedLinear(nn.Linear):
    """Dense layers of several networks; weights `[networks*units d]`."""

    num_networks = 1
    is_shared = False  # as above

    def forward(self, inputs: Tensor) -> Tensor:
        """Take `[n d]` or `[n networks*d]` to `[n networks*units]`."""
        if inputs.shape[1] == self.in_features:
            return functional.linear(inputs, self.weight, self.bias)
        count = self.num_networks
        each = inputs.view(len(inputs), count, -1).transpose(0, 1)
        weights = self.weight.view(count, -1, self.in_features)
        outputs = torch.bmm(each, weights.transpose(1, 2)).transpose(0, 1).flatten(1)
        return outputs if self.bias is None else outputs + self.bias


def stacked_convolution(graph: Graph, inputs: str, module: Any) -> str:
    """Write convolutions into a graph."""
    return graph.add(
        "Conv",
        inputs,
        *_weights(graph, module),
        kernel_shape=list(module.kernel_size),
        strides=list(module.stride),
        pads=[*module.padding, *module.padding],
        group=1 if module.is_shared else module.num_networks,
    )


def stacked_linear(graph: Graph, inputs: str, module: Any) -> str:
    """Write dense layers into a graph: one wide product, or one for each network."""
    if module.is_shared:
        return graph.add("Gemm", inputs, *_weights(graph, module), transB=1)
    count, width = module.num_networks, module.in_features
    each = graph.add("Reshape", inputs, _shape(graph, -1, count, width))
    weights = module.weight.detach().view(count, -1, width).transpose(1, 2)
    outputs = graph.add(
        "MatMul",
        graph.add("Transpose", each, perm=[1, 0, 2]),
        graph.constant(weights.numpy()),
    )
    outputs = graph.add("Transpose", outputs, perm=[1, 0, 2])
    outputs = graph.add("Reshape", outputs, _shape(graph, -1, module.out_features))
    if module.bias is None:
        return outputs
    return graph.add("Add", outputs, graph.constant(module.bias.detach().numpy()))


def _weights(graph: Graph, module: Any) -> list[str]:
    tensors = [module.weight] if module.bias is None else [module.weight, module.bias]
    return [graph.constant(tensor.detach().cpu().numpy()) for tensor in tensors]


def _shape(graph: Graph, *sides: int) -> str:
    return graph.constant(np.array(sides, np.int64))
