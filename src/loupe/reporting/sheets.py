"""Sheets: hundreds of small images in one picture, drawn piece by piece by the page's style.

A thousand images as a thousand data URIs are slow to open; one picture of them is not. Each image
on a sheet has a border of one repeated pixel, so that its neighbours never shine in when a browser
scales by a broken factor.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import UInt8
from markupsafe import Markup
from PIL import Image as Picture

from loupe.arrays import Images

Mosaic = UInt8[np.ndarray, "rows columns c"]  # many images in one

COLUMNS = 32

# How wide an image is drawn, in CSS pixels, by the place where it stands.
WIDTHS = {"small": 56, "medium": 84, "large": 336}


@dataclass(frozen=True, eq=False)
class Sheet:
    """Images that a page shows; they are addressed by the sheet's name and their position."""

    name: str
    images: Images


@dataclass(frozen=True)
class Encoding:
    """One way to write a sheet: what it costs in truth is said in `loss`."""

    shrink: int  # each side is divided by this
    quality: int  # of JPEG; 0 is PNG, without loss
    loss: str


# Tried in this order until all sheets fit into the budget.
ENCODINGS = (
    Encoding(1, 0, ""),
    Encoding(1, 90, "compressed as JPEG"),
    Encoding(1, 60, "compressed as JPEG"),
    Encoding(2, 75, "shown at half their size, compressed as JPEG"),
    Encoding(4, 60, "shown at a quarter of their size, compressed as JPEG"),
    Encoding(8, 50, "shown at an eighth of their size, compressed as JPEG"),
)


@dataclass(frozen=True)
class Drawn:
    """The style rules that hold the sheets' pictures, and what was lost to make them fit."""

    css: Markup
    loss: str


def draw(sheets: Sequence[Sheet], budget_bytes: int) -> Drawn:
    """Write sheets as style rules with data URIs, without loss where the budget allows it.

    Example:
        >>> digit = np.zeros((1, 28, 28, 1), np.uint8)
        >>> draw([Sheet("right", digit)], 1_000_000).css.startswith(".sheet-right")
        True
    """
    filled = [sheet for sheet in sheets if len(sheet.images)]
    num_raw_bytes = sum(sheet.images.nbytes for sheet in filled)
    for encoding in ENCODINGS:
        # PNG of images rarely gains more than a factor of ten: do not spend seconds to learn that.
        if encoding.quality == 0 and num_raw_bytes > 10 * budget_bytes:
            continue
        rules = [_rule(sheet, encoding) for sheet in filled]
        if sum(map(len, rules)) <= budget_bytes:
            break
    return Drawn(Markup("\n".join(rules)), encoding.loss)


def mosaic(images: Images) -> Mosaic:
    """Lay images side by side in rows of `COLUMNS`, each with a border of its own edge pixels.

    Example:
        >>> mosaic(np.zeros((33, 28, 28, 1), np.uint8)).shape
        (60, 960, 1)
    """
    n, height, width, channels = images.shape
    rows = -(-n // COLUMNS)
    framed = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    cells = np.zeros((rows * COLUMNS, height + 2, width + 2, channels), np.uint8)
    cells[:n] = framed
    grid = cells.reshape(rows, COLUMNS, height + 2, width + 2, channels).transpose(0, 2, 1, 3, 4)
    return grid.reshape(rows * (height + 2), COLUMNS * (width + 2), channels)


def _rule(sheet: Sheet, encoding: Encoding) -> str:
    images = _shrunk(sheet.images, encoding.shrink)
    height, width = images.shape[1:3]
    zooms = "".join(
        f"--z-{place}:{_zoom(wide, height, width):g};" for place, wide in WIDTHS.items()
    )
    return (
        f".sheet-{sheet.name}{{--w:{width};--h:{height};{zooms}"
        f"background-image:url({data_uri(mosaic(images), encoding.quality)})}}"
    )


def _shrunk(images: Images, factor: int) -> UInt8[np.ndarray, "n smaller narrower c"]:
    height, width = (max(1, side // factor) for side in images.shape[1:3])
    if factor == 1:
        return images
    small = [cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA) for image in images]
    return np.stack(small).reshape(len(images), height, width, images.shape[3])


def _zoom(wide: int, height: int, width: int) -> float:
    """Whole factors keep every pixel square and sharp; only large images are drawn smaller."""
    factor = wide / max(height, width)
    return float(round(factor)) if factor >= 0.75 else round(factor, 2)


def data_uri(image: Mosaic, quality: int) -> str:
    """Write a picture into an address: as JPEG of a quality, or as PNG where that is 0."""
    picture = Picture.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    content = io.BytesIO()
    if quality:
        picture.save(content, "JPEG", quality=quality)
    else:
        picture.save(content, "PNG")
    kind = "jpeg" if quality else "png"
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode()}"
