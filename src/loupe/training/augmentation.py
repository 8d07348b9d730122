"""Varying training images: whole batches at once, on the device, seeded."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional

from loupe.recipes.augmentation import Augmentation

ELASTIC_GRID = 5  # points to a side of the random field: the stroke bends, the pixels do not


def augment(
    images: Tensor, settings: Augmentation, generator: Generator, sides: Tensor | None = None
) -> Tensor:
    """Vary each image of a batch in its own way.

    Args:
        images: float `[n c h w]`, 0 where there is background and within -1..1 elsewhere: what is
            moved in from outside is background too.
        settings: how far.
        generator: of the random numbers, on the images' device.
        sides: -1 for each image to be mirrored, 1 for the others, `[n]`; drawn where it is not
            given, and unused where the settings do not mirror.

    Returns:
        Images of the same shape.
    """
    if settings.flip == "horizontal":
        if sides is None:
            sides = _uniform((len(images),), generator).sign()
        images = _mirror(images, sides)
    for kind in AUGMENTATIONS.values():
        if kind.applies(settings):
            images = kind.apply(images, settings, generator)
    return images


@dataclass(frozen=True)
class AugmentationKind:
    """One row of `AUGMENTATIONS`.

    Attributes:
        applies: whether the settings ask for it.
        apply: (images, settings, generator) -> images.
    """

    applies: Callable[[Augmentation], bool]
    apply: Callable[[Tensor, Augmentation, Generator], Tensor]


def _warp(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Rotate, scale, shear, shift and bend in one resampling."""
    n, _, height, width = images.shape
    grid = _affine_grid(n, height, width, settings, generator)
    if settings.elastic:
        grid += _elastic_field(n, height, width, settings.elastic, generator)
    return functional.grid_sample(images, grid, mode="bilinear", align_corners=False)


def _affine_grid(
    n: int, height: int, width: int, settings: Augmentation, generator: Generator
) -> Tensor:
    """Where each pixel of the result comes from, `[n h w 2]`, -1..1 across the image.

    One matrix product over all pixels: `affine_grid` makes the same ten times slower
    (pytorch#174045).
    """
    device = generator.device
    angle, zoom, shear, right, down = _uniform((5, n), generator)
    zoom = 1 + settings.scale * zoom
    radians = math.radians(settings.rotation) * angle
    cos, sin = torch.cos(radians) / zoom, torch.sin(radians) / zoom
    # -1..1 spans fewer pixels on the shorter side: turn and slant in pixels.
    rows = [
        cos, (settings.shear * shear - sin) * (height / width), settings.shift * 2 / width * right,
        sin * (width / height), cos, settings.shift * 2 / height * down,
    ]  # fmt: skip
    matrices = torch.stack(rows, 1).view(2 * n, 3)
    y, x = ((torch.arange(side, device=device) + 0.5) * (2 / side) - 1 for side in (height, width))
    pixels = torch.stack(
        [x.repeat(height), y.repeat_interleave(width), torch.ones(height * width, device=device)]
    )
    return (matrices @ pixels).view(n, 2, height, width).permute(0, 2, 3, 1)


def _mirror(images: Tensor, sides: Tensor) -> Tensor:
    return torch.where((sides < 0).view(-1, 1, 1, 1), images.flip(3), images)


def _elastic_field(n: int, height: int, width: int, pixels: float, generator: Generator) -> Tensor:
    """A smooth random displacement (Simard et al. 2003), `[n h w 2]`, in the grid's units."""
    coarse = _uniform((n, 2, ELASTIC_GRID, ELASTIC_GRID), generator)
    field = functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)
    units = torch.tensor([2 / width, 2 / height], device=generator.device)
    return field.permute(0, 2, 3, 1) * (pixels * units)


def _thicken(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Blend each image with its dilation or its erosion by one pixel.

    The background is 0, so what is further from 0 is ink, whichever way the data set has it.
    """
    amount = settings.thickness * _uniform((len(images), 1, 1, 1), generator)
    high = functional.max_pool2d(images, 3, 1, padding=1)
    low = -functional.max_pool2d(-images, 3, 1, padding=1)
    grown = torch.where(high >= -low, high, low)
    thinned = torch.where(images > 0, low.clamp(min=0), high.clamp(max=0))
    blended = amount.clamp(min=0) * (grown - images) - amount.clamp(max=0) * (thinned - images)
    return images + blended


def _erase(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Blank one square in some of the images (DeVries and Taylor 2017, arXiv:1708.04552)."""
    n, _, height, width = images.shape
    device = generator.device
    top, left, chance = torch.rand((3, n, 1, 1), generator=generator, device=device)
    half = settings.erasing / 2
    rows = (torch.arange(height, device=device).view(1, -1, 1) + 0.5 - top * height).abs() < half
    columns = (torch.arange(width, device=device).view(1, 1, -1) + 0.5 - left * width).abs() < half
    hole = rows & columns & (chance < settings.erasing_probability)
    return images.masked_fill(hole.unsqueeze(1), 0.0)


def _add_noise(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    noise = torch.randn(images.shape, generator=generator, device=generator.device)
    return (images + settings.noise * noise).clamp(-1, 1)


def _uniform(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Numbers between -1 and 1."""
    return torch.rand(shape, generator=generator, device=generator.device) * 2 - 1


AUGMENTATIONS: dict[str, AugmentationKind] = {
    "warp": AugmentationKind(
        lambda s: bool(s.rotation or s.scale or s.shear or s.shift or s.elastic),
        _warp,
    ),
    "thickness": AugmentationKind(lambda s: s.thickness > 0, _thicken),
    "erasing": AugmentationKind(lambda s: s.erasing > 0 and s.erasing_probability > 0, _erase),
    "noise": AugmentationKind(lambda s: s.noise > 0, _add_noise),
}
