"""The `Reading`: what was read in one picture, and each glyph of it with what the model saw."""

import itertools
import math
from dataclasses import dataclass
from typing import Any

from loupe.arrays import Image

REFUSED = "?"


@dataclass(frozen=True, eq=False)
class Glyph:
    """One glyph of a picture.

    Attributes:
        box: left, top, width and height in pixels of the picture as it was given, turned as its
            EXIF data says.
        label: the name of its class, or `?` where it is none of the classes.
        guesses: class names with their probabilities, best first.
        outlier: how strange it is; compare it with the threshold in the model's card.
        frame: what the model saw, uint8 `[h w c]`.
        line: the line that it stands in, counted from 0.
    """

    box: tuple[int, int, int, int]
    label: str
    guesses: tuple[tuple[str, float], ...]
    outlier: float
    frame: Image
    line: int

    def to_dict(self) -> dict[str, Any]:
        """Give plain values, as `loupe predict --json` prints them: all but the frame."""
        return {
            "box": list(self.box),
            "label": self.label,
            "guesses": [
                {"label": name, "probability": round(sure, 6)} for name, sure in self.guesses
            ],
            "outlier": round(self.outlier, 6) if math.isfinite(self.outlier) else None,
            "line": self.line,
        }


@dataclass(frozen=True, eq=False)
class Reading:
    """What was read in one picture.

    Attributes:
        text: the labels in reading order, `?` for refused glyphs, a line break between lines.
        glyphs: the same, one by one.
        size: width and height of the picture, in pixels.
        layout: "single", "line", "page" or "frame": as was asked, or as was found.
        notes: what was noticed and done on the way, in plain words.
    """

    text: str
    glyphs: tuple[Glyph, ...]
    size: tuple[int, int]
    layout: str
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give plain values, as `loupe predict --json` prints them."""
        return {
            "text": self.text,
            "layout": self.layout,
            "size": list(self.size),
            "notes": list(self.notes),
            "glyphs": [glyph.to_dict() for glyph in self.glyphs],
        }

    def _repr_html_(self) -> str:
        from loupe.reading.display import reading_html  # Pillow and base64, in notebooks only

        return reading_html(self)


def text_of(glyphs: tuple[Glyph, ...]) -> str:
    """Join the labels of glyphs that are in reading order; words keep a space between them.

    Example:
        >>> import numpy as np
        >>> frame = np.zeros((1, 1, 1), np.uint8)
        >>> text_of(tuple(Glyph((0, 0, 1, 1), label, (), 0.0, frame, line)
        ...               for label, line in [("4", 0), ("?", 0), ("2", 1)]))
        '4?\\n2'
    """
    between = " " if any(len(glyph.label) > 1 for glyph in glyphs) else ""
    lines = [list(own) for _, own in itertools.groupby(glyphs, key=lambda glyph: glyph.line)]
    return "\n".join(between.join(glyph.label for glyph in line) for line in lines)
