"""Views: an image varied a little, as training varies it, and read again.

One network's doubt about an unusual image is half chance: a pixel further it is sure. A wrong label
is contradicted from every side. Measured on 3,000 of MNIST's test images with 60 labels flipped (10
draws): nine views of one network rank them as well as one view of five (average precision 0.994 and
0.996; one view of one network 0.937).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import cv2
import numpy as np

from loupe.arrays import Images, Probabilities
from loupe.classifier.classifier import Classifier


def views(images: Images, augmentation: Mapping[str, Any]) -> Iterator[Images]:
    """Give images varied by the strengths of a recipe's augmentation, one kind at a time.

    Shifted four ways, turned two ways, made smaller and larger, mirrored; of a kind that the recipe
    does not have, none.

    Args:
        images: uint8 `[n h w c]`.
        augmentation: of the recipe that the network was trained with.

    Example:
        >>> dot = np.zeros((1, 3, 3, 1), np.uint8)
        >>> dot[0, 1, 1] = 255
        >>> [view[0, :, :, 0].argmax().item() for view in views(dot, {"shift": 1.5})]
        [5, 3, 7, 1]
    """
    shift = float(augmentation.get("shift", 0))
    shift = float(int(shift)) if shift >= 1 else shift  # half pixels would blur
    turn, scale = (float(augmentation.get(name, 0)) for name in ("rotation", "scale"))
    if shift:
        for right, down in ((shift, 0.0), (-shift, 0.0), (0.0, shift), (0.0, -shift)):
            yield _warped(images, right=right, down=down)
    if turn:
        yield _warped(images, degrees=turn)
        yield _warped(images, degrees=-turn)
    if scale:
        yield _warped(images, scale=1 - scale)
        yield _warped(images, scale=1 + scale)
    if augmentation.get("flip") == "horizontal":
        yield np.ascontiguousarray(images[:, :, ::-1])


def read_views(classifier: Classifier, images: Images) -> list[Probabilities]:
    """Read images in every view, the plain one first."""
    augmentation = classifier.card.recipe.get("augmentation", {})
    return [
        classifier.predict(images),
        *(classifier.predict(view) for view in views(images, augmentation)),
    ]


def _warped(
    images: Images,
    *,
    right: float = 0.0,
    down: float = 0.0,
    degrees: float = 0.0,
    scale: float = 1.0,
) -> Images:
    height, width = images.shape[1:3]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, scale)
    matrix[:, 2] += np.array((right, down))
    moved = [
        cv2.warpAffine(
            image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        for image in images
    ]
    return np.stack(moved).reshape(images.shape) if moved else images
