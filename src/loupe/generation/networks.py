"""The two networks: one draws images of a class, the other tells drawn from real ones.

Residual blocks without normalisation, as R3GAN has them (Huang et al. 2024, arXiv:2501.05441), on
two maps only: the image in patches of `patch` x `patch` pixels, and half of that. Patches become
channels and back by a rearrangement, so that no convolution runs at full resolution, where a
processor spends most of its time: at 28x28, a step of both takes 75 ms on one Zen 5 core.
"""

import math
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

LATENT = 64  # random numbers that decide one image
CLASS_FEATURES = 32  # numbers that tell the generator of a class
FINE, COARSE = 32, 64  # channels on the two maps
JUDGED = 128  # features of an image that the discriminator decides by
SLOPE = 0.2  # of leaky ReLU below zero

Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)


@dataclass(frozen=True)
class Plan:
    """How images of a shape are laid out for the networks.

    Attributes:
        height: of an image, in pixels.
        width: of an image, in pixels.
        channels: 1 grey, 3 colour.
        patch: side of the patches that become channels.
    """

    height: int
    width: int
    channels: int
    patch: int

    @property
    def coarse(self) -> tuple[int, int]:
        """Height and width of the smaller map."""
        unit = 2 * self.patch
        return math.ceil(self.height / unit), math.ceil(self.width / unit)

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width that the networks work on: whole patches on both maps."""
        unit = 2 * self.patch
        rows, columns = self.coarse
        return rows * unit, columns * unit


def plan_for(image_shape: tuple[int, int, int]) -> Plan:
    """Choose patches so that the larger map has about 8 to 20 positions a side.

    Example:
        >>> plan_for((28, 28, 1)).coarse, plan_for((8, 8, 1)).coarse, plan_for((64, 64, 3)).coarse
        ((7, 7), (4, 4), (8, 8))
    """
    height, width, channels = image_shape
    patch = 1 if min(height, width) < 16 else 2 if max(height, width) <= 40 else 4
    return Plan(height, width, channels, patch)


class Generator(nn.Module):
    """From random numbers `[n LATENT]` and classes `[n]` to images `[n c h w]` in -1..1."""

    def __init__(self, plan: Plan, num_classes: int) -> None:
        super().__init__()
        self.plan = plan
        rows, columns = plan.coarse
        self.classes = nn.Embedding(num_classes, CLASS_FEATURES)
        self.first = _scaled(nn.Linear(LATENT + CLASS_FEATURES, COARSE * rows * columns))
        self.coarse = Block(COARSE)
        self.up = _scaled(nn.Conv2d(COARSE, 4 * FINE, 1))
        self.fine = Block(FINE)
        self.last = _scaled(nn.Conv2d(FINE, plan.channels * plan.patch**2, 3, padding=1))

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Draw an image of each class."""
        rows, columns = self.plan.coarse
        told = torch.cat([latents, self.classes(labels)], 1)
        maps = self.first(told).view(-1, rows, columns, COARSE).permute(0, 3, 1, 2)
        maps = functional.pixel_shuffle(self.up(self.coarse(maps)), 2)
        maps = self.fine(maps.contiguous(memory_format=torch.channels_last))
        drawn = functional.pixel_shuffle(self.last(_activated(maps)), self.plan.patch)
        return torch.tanh(drawn)


class Discriminator(nn.Module):
    """From images `[n c h w]` and their classes `[n]` to how real each looks, `[n]`.

    The class enters as a projection (Miyato and Koyama 2018, arXiv:1802.05637).
    """

    def __init__(self, plan: Plan, num_classes: int) -> None:
        super().__init__()
        self.plan = plan
        rows, columns = plan.coarse
        self.first = _scaled(nn.Conv2d(plan.channels * plan.patch**2, FINE, 3, padding=1))
        self.fine = Block(FINE)
        self.down = _scaled(nn.Conv2d(4 * FINE, COARSE, 1))
        self.coarse = Block(COARSE)
        self.judge = _scaled(nn.Linear(COARSE * rows * columns, JUDGED))
        self.classes = nn.Embedding(num_classes, JUDGED)
        self.any_class = nn.Linear(JUDGED, 1)
        with torch.no_grad():
            self.classes.weight.div_(math.sqrt(JUDGED))

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Judge each image as one of its class."""
        patches = functional.pixel_unshuffle(images, self.plan.patch)
        maps = self.fine(self.first(patches.contiguous(memory_format=torch.channels_last)))
        maps = self.coarse(self.down(functional.pixel_unshuffle(maps, 2)))
        judged = _activated(self.judge(_activated(maps).permute(0, 2, 3, 1).flatten(1)))
        scores: Tensor = (judged * self.classes(labels)).sum(1) + self.any_class(judged)[:, 0]
        return scores


class Block(nn.Module):
    """Two convolutions beside a path that leaves everything as it is; at first they add nothing.

    Starting at zero keeps the sizes of activations apart from the depth (Zhang et al. 2019,
    arXiv:1901.09321), in the place of normalisation.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.one = _scaled(nn.Conv2d(channels, channels, 3, padding=1))
        self.two = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.two.weight)

    def forward(self, maps: Tensor) -> Tensor:
        """Add what the convolutions say."""
        added: Tensor = maps + self.two(_activated(self.one(_activated(maps))))
        return added


def _scaled(layer: Layer) -> Layer:
    """Start with weights that keep the size of activations (He et al. 2015, arXiv:1502.01852)."""
    nn.init.kaiming_normal_(layer.weight, SLOPE)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def _activated(values: Tensor) -> Tensor:
    return functional.leaky_relu(values, SLOPE)
