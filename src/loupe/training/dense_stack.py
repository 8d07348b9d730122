"""Gradients of stacked dense networks by hand, as `loupe.training.dense` has them of one.

Adam reads and writes six times as much as the weights are, at every step. What a network of a
million parameters needs for that fits into a processor's cache; what 45 networks need does not, and
then a step takes three times as long (0.42 instead of 0.15 ms for each of `300N-100N`, two Zen 5
cores with 32 MB). So networks are trained in blocks, a few steps each before the next block's turn.
They are independent of each other: it comes to the same.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from loupe.networks.stacked import Stack
from loupe.networks.stacked_layers import StackedLinear
from loupe.recipes.recipe import Recipe
from loupe.training.dense import BF16_MULTIPLY_ADDS, DenseNet, Layer
from loupe.training.optimizers import Optimizer, make_optimizers

BLOCK_PARAMETERS = 1_600_000  # 16 bytes each: weight, gradient, its mean and its mean square


@dataclass(frozen=True)
class Block:
    """Some of the stacked networks, which take their steps together.

    Attributes:
        networks: which.
        dense: views of their weights, and gradients that all blocks use in turn.
        optimizers: of their weights.
    """

    networks: slice
    dense: DenseNet
    optimizers: list[Optimizer]


def lay_out_blocks(stack: Stack, batch_size: int, bf16: bool, recipe: Recipe) -> list[Block]:
    """Divide stacked plain dense networks into blocks that fit the processor's cache.

    Args:
        stack: its weights stay where they are.
        batch_size: images in one step of each network.
        bf16: compute large products in bf16; parameters stay float32.
        recipe: says how steps are taken.
    """
    count = stack.num_networks
    linears = [module for module in stack.modules() if isinstance(module, StackedLinear)]
    size = sum(tensor.numel() for tensor in stack.parameters()) // count
    num_blocks = -(-count // max(1, BLOCK_PARAMETERS // size))
    most = -(-count // num_blocks)
    slopes = [
        (torch.zeros_like(rows(linear.weight, count, slice(most))),
         torch.zeros_like(rows(linear.bias, count, slice(most))))
        for linear in linears
    ]  # fmt: skip
    blocks = []
    for first in range(0, count, most):
        networks = slice(first, min(first + most, count))
        layers = []
        for linear, (weight_slope, bias_slope) in zip(linears, slopes, strict=True):
            weight, bias = (rows(each.detach(), count, networks) for each in linear.parameters())
            is_large = batch_size * weight.numel() >= BF16_MULTIPLY_ADDS
            kind = torch.bfloat16 if bf16 and is_large else torch.float32
            weight.grad, bias.grad = weight_slope[: len(weight)], bias_slope[: len(bias)]
            layers.append(Layer(weight, bias, weight.grad, bias.grad, kind))
        parameters = [layer.weight for layer in layers] + [layer.bias for layer in layers]
        blocks.append(
            Block(networks, DenseNet(layers, parameters), make_optimizers(parameters, recipe))
        )
    return blocks


def rows(tensor: Tensor, count: int, networks: slice) -> Tensor:
    """The rows of some of several networks, which lie one after the other."""
    each = len(tensor) // count
    return tensor[networks.start and networks.start * each : networks.stop * each]


@torch.no_grad()
def stack_gradients(
    net: DenseNet,
    inputs: Tensor,
    targets: Tensor,
    label_smoothing: float,
    weights: Tensor | None = None,
) -> Tensor:
    """Run forward and backward; leave the gradient of each network's mean loss.

    Args:
        net: stacked plain dense networks with one logit each, laid out.
        inputs: float `[n d]` that all networks see, or `[networks n d]`.
        targets: whether yes is the right answer, bool `[networks n]`.
        label_smoothing: fraction of each answer that is spread over yes and no.
        weights: of the losses of no and yes in each network, `[networks 2]`.

    Returns:
        Logits, float32 `[networks n]`.
    """
    layers, count = net.layers, len(targets)
    kinds = [layer.weight.to(layer.kind) for layer in layers]
    activations: list[Tensor] = []
    outputs = inputs
    for layer, weight in zip(layers, kinds, strict=True):
        if activations:
            outputs = outputs.relu_()
        activations.append(outputs.to(layer.kind))
        outputs = _forward(layer, weight, activations[-1], count)
    logits = outputs.squeeze(2).float()
    slope = _slope(logits, targets, label_smoothing, weights).unsqueeze(2)
    for index in reversed(range(len(layers))):
        layer, activation = layers[index], activations[index]
        slope = slope.to(layer.kind)
        _leave(layer, slope, activation)
        if index:
            slope = torch.bmm(slope, kinds[index].view(count, -1, activation.shape[2]))
            slope = torch.ops.aten.threshold_backward(slope, activation, 0)
    return logits


def _forward(layer: Layer, weight: Tensor, activation: Tensor, count: int) -> Tensor:
    """Outputs `[networks n units]`: one wide product of what all see, or one for each network."""
    if activation.ndim == 2:
        outputs = torch.addmm(layer.bias.to(layer.kind), activation, weight.t())
        return outputs.view(len(activation), count, -1).transpose(0, 1)
    outputs = torch.bmm(activation, weight.view(count, -1, activation.shape[2]).transpose(1, 2))
    return outputs.add_(layer.bias.to(layer.kind).view(count, 1, -1))


def _leave(layer: Layer, slope: Tensor, activation: Tensor) -> None:
    """Write the gradients of a layer from the slope along its outputs, `[networks n units]`."""
    torch.sum(slope, 1, dtype=torch.float32, out=layer.bias_slope.view(len(slope), -1))
    if activation.ndim == 2:
        flat = slope.transpose(0, 1).reshape(len(activation), -1)
        product = torch.mm(flat.t(), activation)
    else:
        product = torch.bmm(slope.transpose(1, 2), activation)
    layer.weight_slope.copy_(product.view_as(layer.weight_slope))


def _slope(
    logits: Tensor, targets: Tensor, label_smoothing: float, weights: Tensor | None
) -> Tensor:
    """The slope of each network's mean loss along its logits: belief less target."""
    smoothed = targets.float().mul_(1 - label_smoothing).add_(label_smoothing / 2)
    slope = logits.sigmoid().sub_(smoothed).div_(logits.shape[1])
    return slope if weights is None else slope.mul_(weighed(targets, weights))


def weighed(targets: Tensor, weights: Tensor) -> Tensor:
    """The weight of each answer, `[networks n]`."""
    return torch.where(targets, weights[:, 1:], weights[:, :1])
