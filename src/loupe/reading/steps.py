"""Every step of the way from a picture to its glyphs, as pictures: for `--explain`."""

import cv2
import numpy as np
from jaxtyping import UInt8

from loupe.arrays import Image
from loupe.classifier.classifier import Classifier
from loupe.reading.ink import Cover
from loupe.reading.pieces import Line
from loupe.reading.reader import see_picture

Step = UInt8[np.ndarray, "_ _ _"]  # rows, columns, channels: each step has its own

# Red, green and blue of neighbouring glyphs (Okabe and Ito's colours, told apart by all eyes).
_HUES = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233))
_LEFT_OUT = (200, 200, 200)
_INK_STEPS = ("strength", "shade", "ruling", "ink")  # where more is darker, as on paper


def trace_picture(picture: Image, classifier: Classifier, layout: str = "auto") -> dict[str, Step]:
    """Give each step that changed something, in their order, by name.

    Args:
        picture: uint8 `[h w c]`.
        classifier: the model that reads each glyph.
        layout: as of `read_picture`, but not "frame", which has no steps.

    Returns:
        Of these, what there was: "part" (looked at instead of the picture), "page" (without what
        is around it), "paper" (its colour and light), "shade" (taken away), "strength" (distance
        from the paper), "ruling" (lines and boxes taken away), "ink", "glyphs" (each in a colour,
        in a box; grey is what was left out).
    """
    seen = see_picture(picture, classifier, layout)
    steps: dict[str, Step] = {} if seen.part is None else {"part": seen.part}
    for name, image in seen.ink.steps.items():
        steps[name] = 255 - image if name in _INK_STEPS else image
    if seen.lines:
        steps["glyphs"] = _coloured(seen.ink.cover, seen.lines)
    return steps


def _coloured(cover: Cover, lines: tuple[Line, ...]) -> Step:
    """The ink of each glyph in a colour of its own, and its box."""
    drawing = np.full((*cover.shape, 3), 255, np.uint8)
    drawing[cover >= 128] = _LEFT_OUT
    thickness = max(1, round(max(cover.shape) / 300))
    crops = [crop for line in lines for crop in line]
    for number, crop in enumerate(crops):
        hue = _HUES[number % len(_HUES)]
        left, top, width, height = crop.box
        drawing[top : top + height, left : left + width][crop.cover >= 128] = hue
        corners = (left - thickness, top - thickness), (left + width, top + height)
        cv2.rectangle(drawing, *corners, hue, thickness)
    return drawing
