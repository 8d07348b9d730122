"""One size for all images of a data set: fitted, never stretched."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Int64, UInt8

from loupe.arrays import Image, Images

LARGEST = 64  # pixels of the longer side, unless the user asks for more

Shapes = Int64[np.ndarray, "n 2"]  # height and width of each image as it was stored
Resized = UInt8[np.ndarray, "rows columns c"]  # of another size than the image given


def target_shape(shapes: Shapes, size: int | None = None) -> tuple[int, int]:
    """Choose the height and width that all images are brought to.

    `size` makes a square. Without it the median height and width decide, scaled down to `LARGEST`
    on the longer side: images of one size that is small enough keep it.

    Args:
        shapes: height and width of each image, `[n 2]`.
        size: what the user asked for, in pixels.

    Example:
        >>> target_shape(np.array([[28, 20], [28, 20]]), 32)
        (32, 32)
        >>> target_shape(np.array([[300, 400], [30, 40], [150, 200]]))
        (48, 64)
    """
    if size is not None:
        return size, size
    height, width = (max(1, round(side)) for side in np.median(shapes, axis=0).tolist())
    return _scaled(height, width, min(1.0, LARGEST / max(height, width)))


def to_one_shape(
    images: Sequence[np.ndarray], shapes: Shapes, size: int | None
) -> tuple[Images, tuple[str, ...]]:
    """Fit the images to one height and width, and give all of them the same channels.

    Args:
        images: the images, reduced or not.
        shapes: height and width of each before it was reduced.
        size: what the user asked for, in pixels.

    Returns:
        The images `[n h w c]`, and notes on what was done.
    """
    if not images:
        return np.zeros((0, 1, 1, 1), np.uint8), ()
    height, width = target_shape(shapes, size)
    coloured = sum(image.shape[2] == 3 for image in images)
    fitted = np.empty((len(images), height, width, 3 if coloured else 1), np.uint8)
    for position, image in enumerate(images):
        fitted[position] = (
            image
            if (image.shape[0], image.shape[1]) == (height, width)
            else fit(image, height, width, stored=tuple(shapes[position].tolist()))
        )
    return fitted, _size_notes(shapes, (height, width)) + _colour_notes(coloured, len(images))


def fit(image: Image, height: int, width: int, *, stored: tuple[int, int] | None = None) -> Resized:
    """Fit an image into a height and width: aspect kept, the rest in the image's border colour.

    Shrinks by averaging areas and enlarges by linear interpolation.

    Args:
        image: the image, reduced or not.
        height: pixels to fit into.
        width: pixels to fit into.
        stored: its height and width before `reduce`, which rounds them; its own by default.

    Example:
        >>> fit(np.full((10, 40, 1), 7, np.uint8), 20, 20).shape
        (20, 20, 1)
    """
    rows, columns = stored or image.shape[:2]
    factor = min(height / rows, width / columns)
    inner = _resized(reduce(image, max(LARGEST, height, width)), *_scaled(rows, columns, factor))
    if inner.shape[:2] == (height, width):
        return inner
    top, left = (height - inner.shape[0]) // 2, (width - inner.shape[1]) // 2
    page = np.empty((height, width, image.shape[2]), np.uint8)
    page[:] = _border_colour(inner)
    page[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return page


def reduce(image: Image, limit: int) -> Resized:
    """Shrink an image whose longer side is `limit` twice or more, by a whole factor.

    A folder of photographs cannot be held in memory until the median of their sizes is known;
    these can. `fit` reduces first as well, and reducing twice changes nothing, so an image comes
    out the same whether it passed through here before or not.

    Example:
        >>> reduce(np.zeros((3000, 4000, 3), np.uint8), 64).shape
        (48, 65, 3)
    """
    height, width = image.shape[:2]
    factor = max(height, width) // limit
    return image if factor < 2 else _resized(image, *_scaled(height, width, 1 / factor))


def _scaled(height: int, width: int, factor: float) -> tuple[int, int]:
    return max(1, round(height * factor)), max(1, round(width * factor))


def _resized(image: Image, height: int, width: int) -> Resized:
    if image.shape[:2] == (height, width):
        return image
    is_smaller = height <= image.shape[0] and width <= image.shape[1]
    method = cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR
    resized = cv2.resize(image, (width, height), interpolation=method)
    return np.asarray(resized, np.uint8).reshape(height, width, image.shape[2])


def _border_colour(image: Image) -> np.ndarray:
    """The median of the outermost pixels: the paper, where an object touches the border too."""
    edges = (image[0], image[-1], image[:, 0], image[:, -1])
    colour: np.ndarray = np.median(np.concatenate(edges), axis=0)
    return colour.astype(np.uint8)


def _size_notes(shapes: Shapes, target: tuple[int, int]) -> tuple[str, ...]:
    sizes = np.unique(shapes, axis=0)
    if len(sizes) == 1 and tuple(sizes[0].tolist()) == target:
        return ()
    smallest, largest = (
        sizes[i] for i in (sizes.prod(axis=1).argmin(), sizes.prod(axis=1).argmax())
    )
    given = (
        f"of {len(sizes)} sizes, from {smallest[0]}x{smallest[1]} to {largest[0]}x{largest[1]},"
        if len(sizes) > 1
        else f"of {largest[0]}x{largest[1]} pixels"
    )
    return (
        f"Images {given} were fitted to {target[0]}x{target[1]} (height x width): aspect kept, "
        "padded with the colour of their own border.",
    )


def _colour_notes(coloured: int, count: int) -> tuple[str, ...]:
    if not coloured or coloured == count:
        return ()
    return (f"{coloured:,} of {count:,} images are coloured, so all have three channels.",)
