"""The shape of each layer's output: what fits after what, known without building anything."""

from collections.abc import Callable
from typing import Any

from loupe.errors import RecipeError
from loupe.recipes.notation import Conv, Dense, Dropout, GlobalPool, Layer, Norm, Pool, Residual

Shape = tuple[int, ...]  # of one image's activations: (channels, height, width) or (units,)


def layer_shape(layer: Layer, shape: Shape) -> Shape:
    """Shape of one image's activations after the layer.

    Raises:
        RecipeError: the layer needs a map where there is none, or the map shrinks to nothing.

    Example:
        >>> from loupe.recipes.notation import parse
        >>> layer_shape(parse("64C3p2").layers[0], (1, 28, 28))
        (64, 14, 14)
    """
    return SHAPES[type(layer)](layer, shape)


def _conv(layer: Conv, shape: Shape) -> Shape:
    _, height, width = _map(layer, shape)
    padding = 0 if layer.valid else layer.kernel // 2
    sides = [_slid(side + 2 * padding, layer.kernel, layer.stride) for side in (height, width)]
    if min(sides) < 1:
        raise RecipeError(
            f"The layer {layer} needs a map of at least {layer.kernel}x{layer.kernel} pixels, "
            f"but gets {height}x{width}: use less pooling and valid padding before it."
        )
    shape = (layer.filters, *sides)
    for suffix in layer.suffixes:
        if suffix != "b":
            shape = _pooled(layer, shape, int(suffix[1:]), int(suffix[1:]))
    return shape


def _pool(layer: Pool, shape: Shape) -> Shape:
    return _pooled(layer, shape, layer.size, layer.stride)


def _pooled(layer: Layer, shape: Shape, size: int, stride: int) -> Shape:
    channels, height, width = _map(layer, shape)
    sides = [_slid(side, size, stride) for side in (height, width)]
    if min(sides) < 1:
        raise RecipeError(
            f"The layer {layer} pools {size}x{size} pixels of a map that is only "
            f"{height}x{width}: leave it out, or pool less before it."
        )
    return (channels, *sides)


def _residual(layer: Residual, shape: Shape) -> Shape:
    for inner in layer.layers:
        shape = layer_shape(inner, shape)
    return shape


def _slid(side: int, window: int, stride: int) -> int:
    """Places that a window finds along a side."""
    return (side - window) // stride + 1


def _map(layer: Layer, shape: Shape) -> Shape:
    if len(shape) != 3:
        raise RecipeError(
            f"The layer {layer} needs a map of pixels, but stands after a dense layer: "
            "put convolutions and poolings first."
        )
    return shape


SHAPES: dict[type[Layer], Callable[[Any, Shape], Shape]] = {
    Conv: _conv,
    Dense: lambda layer, shape: (layer.units,),
    Pool: _pool,
    GlobalPool: lambda layer, shape: (_map(layer, shape)[0], 1, 1),
    Norm: lambda layer, shape: shape,
    Dropout: lambda layer, shape: shape,
    Residual: _residual,
}
