"""The network as a line of layers: each a block as high as its map, as wide as its channels."""

import math
from dataclasses import dataclass

from loupe.recipes.heads import problems_of
from loupe.recipes.notation import (
    Conv,
    Dense,
    Dropout,
    GlobalPool,
    Layer,
    Norm,
    Pool,
    Residual,
    parse,
)
from loupe.recipes.recipe import Head
from loupe.recipes.shapes import Shape, layer_shape

VOTES: dict[Head, str] = {
    "softmax": "softmax", "one-vs-rest": "shares of the yeses", "one-vs-one": "pairwise coupling",
}  # fmt: skip


@dataclass(frozen=True)
class Block:
    """One layer: its token, its name, the shape of its output, the size of its drawing."""

    token: str
    name: str
    shape: str
    width: float
    height: float


def layer_blocks(
    network: str, image_shape: tuple[int, int, int], classes: int, head: Head = "softmax"
) -> list[Block]:
    """Walk through a network, from the image to the classes.

    Of many binary networks one is drawn, then how many there are and how they vote.

    Example:
        >>> [block.shape for block in layer_blocks("64C3p2-300N", (28, 28, 1), 10)]
        ['28 × 28', '14 × 14 × 64', '300', '10']
        >>> [block.name for block in layer_blocks("", (28, 28, 1), 10, "one-vs-one")]
        ['pixels', 'one of 45 networks', 'pairwise coupling']
    """
    height, width, channels = image_shape
    shape: Shape = (channels, height, width)
    tallest = max(height, width)
    blocks = [_block("image", "pixels", shape, tallest)]
    for layer in parse(network).layers:
        shape = layer_shape(layer, shape)
        blocks.append(_block(str(layer), _name(layer), shape, tallest))
    if count := len(problems_of(head, classes)):
        name = "one network" if count == 1 else f"one of {count} networks"
        blocks.append(_block("yes or no", name, (1,), tallest))
    return [*blocks, _block("output", VOTES[head], (classes,), tallest)]


def _name(layer: Layer) -> str:
    match layer:
        case Conv():
            return f"convolution {layer.kernel} × {layer.kernel}"
        case Pool():
            return f"{layer.kind} pooling"
    return {
        Dense: "dense", GlobalPool: "global pooling", Norm: "batch norm",
        Dropout: "dropout", Residual: "residual",
    }[type(layer)]  # fmt: skip


def _block(token: str, name: str, shape: Shape, tallest: int) -> Block:
    channels = shape[0]
    wide = 5 + 4 * math.log2(channels + 1)
    if len(shape) == 1:
        return Block(token, name, f"{channels:,}", 7.0, round(wide, 1))
    *_, height, width = shape
    sides = f"{width} × {height}" if channels == 1 else f"{width} × {height} × {channels}"
    return Block(token, name, sides, round(wide, 1), round(6 + 46 * height / tallest, 1))
