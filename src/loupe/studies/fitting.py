"""What of a space makes sense with the images: known before anything is trained."""

import itertools
from dataclasses import replace

from loupe.data.dataset import Dataset
from loupe.errors import RecipeError
from loupe.recipes.named import settled
from loupe.recipes.notation import parse
from loupe.recipes.shapes import Shape, layer_shape
from loupe.studies.domain import Choice
from loupe.studies.space import (
    MOST_TRIED,
    Space,
    ends_of_parts,
    filled,
    network_text,
    networks_of,
)


def fitted_to(space: Space, dataset: Dataset) -> Space:
    """Leave out of a space what makes no sense with the images of a data set.

    Raises:
        RecipeError: nothing is left to choose.

    Example:
        >>> import loupe
        >>> from loupe.studies.space import find_space
        >>> "test_mirror" in fitted_to(find_space("small"), loupe.read("digits")).vary
        False
    """
    key = "augmentation.flip"
    base = settled(space.base, dataset).augmentation.flip
    flips = space.vary[key].ends() if key in space.vary else (space.fixed.get(key, base),)
    mirrored = "horizontal" in flips or ("auto" in flips and dataset.mirrors is True)
    return fitting(space, dataset.image_shape, mirrored=mirrored)


def fitting(space: Space, image_shape: tuple[int, int, int], *, mirrored: bool) -> Space:
    """Leave out networks that fit the images with no end of their parts, and views never learnt.

    Args:
        space: what a search may choose.
        image_shape: height, width and channels of the images.
        mirrored: whether training sees mirror images; where it does not, `test_mirror` says no.

    Raises:
        RecipeError: nothing is left to choose.

    Example:
        >>> from loupe.studies.space import find_space
        >>> len(fitting(find_space("small"), (8, 8, 1), mirrored=True).vary["network"].ends())
        2
    """
    if not mirrored:
        vary = {key: domain for key, domain in space.vary.items() if key != "test_mirror"}
        if not vary:
            raise RecipeError(
                f"space '{space.name}' varies test_mirror alone, but training sees no mirror "
                'images of these data. Set augmentation.flip = "horizontal" in [fixed] or in the '
                "base if a mirrored image keeps its label."
            )
        space = replace(space, vary=vary)
    key = space.network_key
    domain = space.vary.get(key)
    if not isinstance(domain, Choice):
        return space
    ends = list(itertools.islice(ends_of_parts(space), MOST_TRIED))
    left = tuple(
        value
        for value in domain.values
        if any(
            all(_fits(filled(each, parts), image_shape) for each in networks_of(value))
            for parts in ends
        )
    )
    if not left:
        height, width, _ = image_shape
        raise RecipeError(
            f"space '{space.name}': none of its networks fits images of {width} x {height} pixels. "
            "Give some with less pooling and smaller kernels."
        )
    kept = replace(space, vary={**space.vary, key: Choice(left)})
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
