"""Which networks of a space fit the images: known before anything is trained."""

import itertools
from dataclasses import replace

from loupe.errors import RecipeError
from loupe.recipes.notation import parse
from loupe.recipes.shapes import Shape, layer_shape
from loupe.studies.space import MOST_TRIED, Choice, Space, filled, network_text


def fitting(space: Space, image_shape: tuple[int, int, int]) -> Space:
    """Leave out the networks that fit images of this shape with no end of their parts.

    Raises:
        RecipeError: none is left.

    Example:
        >>> from loupe.studies.space import find_space
        >>> len(fitting(find_space("small"), (8, 8, 1)).vary["network"].ends())
        2
    """
    domain = space.vary.get("network")
    if not isinstance(domain, Choice):
        return space
    words = [f"{{{part}}}" for part in space.parts]
    ends = list(itertools.product(*(part.ends() for part in space.parts.values())))[:MOST_TRIED]
    left = tuple(
        template
        for template in domain.values
        if any(
            _fits(filled(str(template), dict(zip(words, values, strict=True))), image_shape)
            for values in ends
        )
    )
    if not left:
        height, width, _ = image_shape
        raise RecipeError(
            f"space '{space.name}': none of its networks fits images of {width} x {height} pixels. "
            "Give some with less pooling and smaller kernels."
        )
    network = {"network": Choice(left)}
    kept = replace(space, vary={**space.vary, **network})
    text = network_text(kept)
    return replace(kept, parts={k: v for k, v in space.parts.items() if f"{{{k}}}" in text})


def _fits(network: str, image_shape: tuple[int, int, int]) -> bool:
    height, width, channels = image_shape
    shape: Shape = (channels, height, width)
    try:
        for layer in parse(network).layers:
            shape = layer_shape(layer, shape)
    except RecipeError:
        return False
    return True
