"""Gradients of plain dense networks by hand: autograd's numbers, in a third of its time.

A step of a small dense network is bound by what each operation costs to start, not by arithmetic:
autograd and autocast run about eighty of them where these formulas need thirty. So the parameters
lie side by side, to be updated in one piece, and gradients are written where they belong.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from loupe.networks.build import Net
from loupe.networks.stacked import Stack
from loupe.recipes.notation import Dense
from loupe.training.distillation import soft_slope

# Multiply-adds from which a product is faster in bf16: below, preparing it costs more than it
# gains (two Zen 5 cores: 1.6 million take 22 us either way, 0.3 million 14 against 6 us).
BF16_MULTIPLY_ADDS = 1_500_000


# Images that are kept scaled, bytes at most; beyond, each batch is scaled when it comes.
SCALED_BYTES = 1 << 30


@dataclass(frozen=True)
class Layer:
    """One dense layer: views of what all layers share.

    Attributes:
        weight: float32 `[out, in]`.
        bias: float32 `[out]`.
        weight_slope: gradient of the weight.
        bias_slope: gradient of the bias.
        kind: in which its products are computed.
    """

    weight: Tensor
    bias: Tensor
    weight_slope: Tensor
    bias_slope: Tensor
    kind: torch.dtype


@dataclass(frozen=True)
class DenseNet:
    """A plain dense network whose parameters lie side by side.

    Attributes:
        layers: in their order, the head last.
        parameters: all weights as one matrix, and all biases as one vector.
    """

    layers: list[Layer]
    parameters: list[Tensor]


def is_plain_dense(net: Net | Stack) -> bool:
    """Whether the network is nothing but dense layers with ReLU, or none at all."""
    plain = all(isinstance(layer, Dense) and not layer.suffixes for layer in net.network.layers)
    return plain and (net.activation == "relu" or not net.network.layers)


def lay_out(net: Net | Stack, batch_size: int, bf16: bool) -> DenseNet:
    """Lay a plain dense network's parameters, and their gradients, side by side.

    Args:
        net: its parameters become views of what is returned.
        batch_size: images in one step.
        bf16: compute large products in bf16; parameters stay float32.
    """
    linears = [module for module in net.modules() if isinstance(module, nn.Linear)]
    all_weights, weights, weight_slopes = _in_a_row([linear.weight for linear in linears])
    all_biases, biases, bias_slopes = _in_a_row([linear.bias for linear in linears])
    layers = []
    for linear, weight, bias, weight_slope, bias_slope in zip(
        linears, weights, biases, weight_slopes, bias_slopes, strict=True
    ):
        linear.weight.data, linear.bias.data = weight, bias
        is_large = batch_size * weight.numel() >= BF16_MULTIPLY_ADDS
        kind = torch.bfloat16 if bf16 and is_large else torch.float32
        layers.append(Layer(weight, bias, weight_slope, bias_slope, kind))
    return DenseNet(layers, [all_weights, all_biases])


def _in_a_row(tensors: Sequence[Tensor]) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """All values in one row with its gradient, and the parts of both, shaped like the tensors."""
    row = torch.cat([tensor.detach().flatten() for tensor in tensors])
    row = row.view(1, -1) if tensors[0].ndim > 1 else row  # weight decay is for matrices
    row.grad = torch.zeros_like(row)
    sizes = [tensor.numel() for tensor in tensors]

    def parts(whole: Tensor) -> list[Tensor]:
        pieces = whole.view(-1).split(sizes)  # type: ignore[no-untyped-call]  # torch's own
        return [piece.view(tensor.shape) for piece, tensor in zip(pieces, tensors, strict=True)]

    return row, parts(row), parts(row.grad)


def scaled_rows(images: Tensor, kind: torch.dtype) -> Tensor | None:
    """Bring images, uint8 `[n c h w]`, to rows of 0..1, `[n d]`; None if they take too much memory.

    Converting each batch anew takes a tenth of a step of a small dense network.
    """
    if images.numel() * kind.itemsize > SCALED_BYTES:
        return None
    rows = torch.empty(len(images), images[0].numel(), dtype=kind, device=images.device)
    for start in range(0, len(images), 5000):
        part = images[start : start + 5000]
        rows[start : start + 5000] = part.flatten(1).float().mul_(1 / 255)
    return rows


@torch.no_grad()
def dense_gradients(
    net: DenseNet,
    inputs: Tensor,
    labels: Tensor,
    label_smoothing: float,
    class_weights: Tensor | None = None,
    targets: Tensor | None = None,
) -> Tensor:
    """Run forward and backward, and leave the mean loss' gradient beside each parameter.

    Args:
        net: a plain dense network, laid out.
        inputs: float `[n d]`.
        labels: int64 `[n]`.
        label_smoothing: fraction of each label that is spread over all classes.
        class_weights: of the losses of each class' images, `[k]`; None: 1.
        targets: a teacher's soft labels blended with the labels, `[n k]`.

    Returns:
        Logits, float32 `[n k]`.
    """
    layers = net.layers
    weights = [layer.weight.to(layer.kind) for layer in layers]
    activations: list[Tensor] = []
    outputs = inputs
    for layer, weight in zip(layers, weights, strict=True):
        if activations:
            outputs = outputs.relu_()
        activations.append(outputs.to(layer.kind))
        outputs = torch.addmm(layer.bias.to(layer.kind), activations[-1], weight.t())
    logits = outputs.float()
    if targets is None:
        slope = _slope(logits, labels, label_smoothing)
    else:
        slope = soft_slope(logits, targets)
    if class_weights is not None:
        slope.mul_(class_weights[labels].unsqueeze(1))
    for index in reversed(range(len(layers))):
        layer, activation = layers[index], activations[index]
        slope = slope.to(layer.kind)
        if layer.kind == torch.float32:
            torch.mm(slope.t(), activation, out=layer.weight_slope)
        else:
            layer.weight_slope.copy_(torch.mm(slope.t(), activation))
        torch.sum(slope, 0, dtype=torch.float32, out=layer.bias_slope)
        if index:
            slope = torch.mm(slope, weights[index])
            slope = torch.ops.aten.threshold_backward(slope, activation, 0)
    return logits


def _slope(logits: Tensor, labels: Tensor, label_smoothing: float) -> Tensor:
    """The slope of the mean cross-entropy along the logits: probabilities less targets."""
    slope = logits.softmax(1)
    if label_smoothing:
        slope.sub_(label_smoothing / logits.shape[1])
    places = labels.unsqueeze(1)
    slope.scatter_add_(1, places, slope.new_full(places.shape, label_smoothing - 1))
    return slope.div_(len(labels))
