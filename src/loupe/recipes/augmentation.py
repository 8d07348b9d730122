"""How training images are varied: settings only; `loupe.training.augmentation` applies them."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

# Strict: "2" is text and no number, though a whole number is a float.
Number = Annotated[float, Field(strict=True)]
Whole = Annotated[int, Field(strict=True)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Augmentation:
    """How far a training image may be changed; the default changes nothing.

    Every change is drawn anew for each image and each time that it is seen, uniformly between
    minus and plus the setting, and is chosen to keep the label: digits are turned a little, never
    mirrored.

    Attributes:
        rotation: degrees to either side.
        scale: fraction by which the object grows or shrinks.
        shear: slant, as the horizontal shift over the height.
        shift: pixels along each axis.
        elastic: pixels by which a smooth random field moves the strokes (Simard et al. 2003).
        thickness: how far strokes grow or thin, as a fraction of one pixel's dilation or erosion.
        erasing: side in pixels of a square that is blanked (DeVries and Taylor 2017).
        erasing_probability: fraction of the images that lose such a square.
        noise: standard deviation of Gaussian noise, as a fraction of full brightness.
        flip: "auto" mirrors left and right only where the data set says that labels survive it
            (clothes do, digits never); "horizontal" is for images of your own, and refused where
            the data set says that they do not.
    """

    rotation: Annotated[Number, Field(ge=0, le=180)] = 0.0
    scale: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    shear: Annotated[Number, Field(ge=0, le=1)] = 0.0
    shift: Annotated[Number, Field(ge=0)] = 0.0
    elastic: Annotated[Number, Field(ge=0)] = 0.0
    thickness: Annotated[Number, Field(ge=0, le=1)] = 0.0
    erasing: Annotated[Whole, Field(ge=0)] = 0
    erasing_probability: Annotated[Number, Field(ge=0, le=1)] = 0.5
    noise: Annotated[Number, Field(ge=0, le=1)] = 0.0
    flip: Literal["auto", "horizontal", "none"] = "none"
