"""How objects sit in the images of a data set: measured, so that any crop can be set the same way.

MNIST's digits fill a box of 20x20, keep their aspect, and have their centre of mass in the middle
of 28x28 (LeCun's description, yann.lecun.com/exdb/mnist). A photo that is merely resized has none
of that, and a network that reads MNIST cannot read it.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import cv2
import numpy as np
from jaxtyping import Float64, UInt8

from loupe.arrays import Images
from loupe.errors import DataError, ModelError

Kind = Literal["glyph", "frame", "none"]
Polarity = Literal["light on dark", "dark on light"]
Centring = Literal["mass", "box", "none"]

Ink = UInt8[np.ndarray, "n h w"]  # distance from the background's level; 0 is background
Points = Float64[np.ndarray, "n 2"]  # y, x in pixels; the first pixel reaches from 0 to 1
Boxes = Float64[np.ndarray, "n 4"]  # top, bottom, left, right in pixels

# Shares of the contrast. The faintest: JPEG rings at about 0.05 around ink; MNIST's boxes come out
# the same up to 0.1. The noisiest: photographs have no background at all beyond it.
_FAINTEST_INK = 0.1
_NOISIEST_BACKGROUND = 0.25
_FULL_FRAME = 0.9  # of the image's side: objects this long are set without margins
_OFF_CENTRE = 0.05  # of the image's side: a spread beyond it is no centring

# Widest disc inside the ink, as a share of the box's longer side, median: MNIST 0.17, digits 0.22,
# MNIST without its margins 0.25; Fashion-MNIST 0.41.
_WIDEST_STROKE = 0.3


@dataclass(frozen=True)
class Framing:
    """How the objects of a data set sit in their images.

    Positions are in pixels from the top left corner: the first pixel reaches from 0 to 1.

    Attributes:
        kind: "glyph" for strokes, or anything set in a box with margins, on a plain background;
            "frame" for objects on a plain background that fill the image; "none" for pictures
            without a plain background: their box is the whole image, and all of it is content.
        height: of the images, in pixels.
        width: of the images, in pixels.
        polarity: whether the objects are lighter or darker than the background.
        background: level of the background in each channel, 0..255.
        contrast: levels between background and the strongest ink, median over the images.
        box: height and width of the objects, medians.
        largest_box: height and width of the objects, 95th percentiles.
        longer_side: the longer of an object's height and width, median.
        margins: empty pixels above, below, left and right of the objects, medians.
        centring: what lies at `centre`: the centre of "mass" of the ink, or of its "box".
        centre: y and x of that point, medians.
        centring_spread: how far it strays: half the distance from the 16th to the 84th percentile,
            root mean square of y and x. Two images have none to speak of: give dozens.
        stroke_width: median; of filled objects it says little.
        stroke_width_range: 5th and 95th percentiles.
    """

    kind: Kind
    height: int
    width: int
    polarity: Polarity
    background: tuple[int, ...]
    contrast: float
    box: tuple[float, float]
    largest_box: tuple[float, float]
    longer_side: float
    margins: tuple[float, float, float, float]
    centring: Centring
    centre: tuple[float, float]
    centring_spread: float
    stroke_width: float
    stroke_width_range: tuple[float, float]

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON types, as the model's card holds them."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Framing":
        """Take what `to_dict` gave.

        Raises:
            ModelError: a value is missing, unknown, or of another kind.
        """
        from pydantic import TypeAdapter, ValidationError

        expected = {field.name for field in fields(cls)}
        if set(content) != expected:
            raise ModelError(
                f"The framing in the model's card has {', '.join(sorted(content)) or 'nothing'}; "
                f"expected {', '.join(sorted(expected))}. Export the model again."
            )
        try:
            framing: Framing = TypeAdapter(cls).validate_python(content)
        except ValidationError as error:
            fault = error.errors()[0]
            raise ModelError(
                f"The framing in the model's card has {fault['input']!r} for "
                f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}. Export the model again."
            ) from error
        return framing


def measure_framing(images: Images) -> Framing:
    """Measure how objects sit in images, on up to 5,000 of them, evenly spaced.

    Takes about 0.1 s on MNIST. Images without any ink are left out.

    Raises:
        DataError: there are no images.

    Example:
        >>> images = np.zeros((40, 12, 12, 1), np.uint8)
        >>> images[:, 2:10, 5:7] = 255  # a bar, 8 high and 2 wide
        >>> framing = measure_framing(images)
        >>> framing.kind, framing.box, framing.centre, framing.background
        ('glyph', (8.0, 2.0), (6.0, 6.0), (0,))
    """
    if not images.size:
        raise DataError(
            f"Framing cannot be measured on images of shape {list(images.shape)}: nothing is in "
            "them. Give at least one image."
        )
    images = _evenly_spaced(images, max(200, min(5000, 4_000_000 // images[0].size)))
    border = _border(images)
    background = np.array([np.bincount(channel).argmax() for channel in border.T])
    polarity: Polarity = "light on dark" if images.mean() > background.mean() else "dark on light"

    distance = _distance(images, background)
    strongest = distance.max(axis=(1, 2))
    contrast = float(np.median(strongest[strongest > 0])) if strongest.any() else 0.0
    # Six median deviations are four standard deviations of Gaussian noise.
    noise = 6 * float(np.median(_distance(border, background)))
    if contrast == 0 or noise > _NOISIEST_BACKGROUND * contrast:
        return _unframed(images, polarity, background, contrast)
    distance[distance <= max(noise, _FAINTEST_INK * contrast)] = 0
    return _framed(distance[distance.any(axis=(1, 2))], polarity, background, contrast)


def stroke_widths(ink: Ink) -> Float64[np.ndarray, " n"]:
    """Measure the width of the strokes in each image, in pixels: twice the area by the outline.

    The outline's length is the sum of the grey gradient (the coarea formula), so soft edges give
    fractions of a pixel, and an enlarged image gives an enlarged width. Stumps and crossings make
    it a little too small: by a tenth for a line of ten times its width.

    Args:
        ink: distance of each pixel from the background, 0 where there is no ink.

    Example:
        >>> ink = np.zeros((1, 40, 40), np.uint8)
        >>> ink[:, 2:38, 10:13] = 255
        >>> stroke_widths(ink).round(1)
        array([2.8])
    """
    strongest = np.maximum(ink.max(axis=(1, 2)), 1).astype(np.float32)
    cover = np.pad(ink / strongest[:, None, None], ((0, 0), (1, 1), (1, 1)))
    # The gradient in the middle of each 2x2 pixels measures all directions alike.
    falling = cover[:, 1:, 1:] - cover[:, :-1, :-1]
    rising = cover[:, 1:, :-1] - cover[:, :-1, 1:]
    outline = np.sqrt((falling**2 + rising**2) / 2).sum(axis=(1, 2), dtype=np.float64)
    area = cover.sum(axis=(1, 2), dtype=np.float64)
    widths: Float64[np.ndarray, " n"] = 2 * area / np.where(outline > 0, outline, 1)
    return widths


def _framed(ink: Ink, polarity: Polarity, background: np.ndarray, contrast: float) -> Framing:
    height, width = ink.shape[1:]
    boxes = _boxes(ink)
    sizes = boxes[:, [1, 3]] - boxes[:, [0, 2]]
    longer_side = float(np.median(sizes.max(axis=1)))
    has_margins = longer_side <= _FULL_FRAME * max(height, width)
    centring, centre, spread = _centring(ink, boxes)
    widths = stroke_widths(_evenly_spaced(ink, 1000))
    margins = np.abs(boxes - [0, height, 0, width])
    return Framing(
        kind="glyph" if has_margins or _drawn_in_strokes(ink, longer_side) else "frame",
        height=height,
        width=width,
        polarity=polarity,
        background=tuple(background.tolist()),
        contrast=contrast,
        box=_pair(np.median(sizes, axis=0)),
        largest_box=_pair(np.percentile(sizes, 95, axis=0)),
        longer_side=longer_side,
        margins=tuple(np.median(margins, axis=0).tolist()),
        centring=centring if spread <= _OFF_CENTRE * max(height, width) else "none",
        centre=centre,
        centring_spread=spread,
        stroke_width=round(float(np.median(widths)), 2),
        stroke_width_range=_pair(np.percentile(widths, [5, 95])),
    )


def _unframed(
    images: Images, polarity: Polarity, background: np.ndarray, contrast: float
) -> Framing:
    height, width = images.shape[1:3]
    whole = (float(height), float(width))
    return Framing(
        kind="none",
        height=height,
        width=width,
        polarity=polarity,
        background=tuple(background.tolist()),
        contrast=contrast,
        box=whole,
        largest_box=whole,
        longer_side=max(whole),
        margins=(0.0, 0.0, 0.0, 0.0),
        centring="none",
        centre=(height / 2, width / 2),
        centring_spread=0.0,
        stroke_width=0.0,
        stroke_width_range=(0.0, 0.0),
    )


def _evenly_spaced(images: np.ndarray, at_most: int) -> np.ndarray:
    """Every so-manyth image, so that data sorted by class are sampled from all classes."""
    return images[:: -(-len(images) // at_most)]


def _border(images: Images) -> UInt8[np.ndarray, "m c"]:
    """The outermost pixels of all images."""
    sides = (images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1])
    return np.concatenate([side.reshape(-1, images.shape[-1]) for side in sides])


def _distance(pixels: np.ndarray, background: np.ndarray) -> np.ndarray:
    """How far each pixel is from the background, in the channel where it is farthest."""
    distance = np.zeros(pixels.shape[:-1], np.uint8)
    for channel, level in enumerate(background):
        values, level = pixels[..., channel], np.uint8(level)
        np.maximum(distance, np.maximum(values, level) - np.minimum(values, level), out=distance)
    return distance


def _boxes(ink: Ink) -> Boxes:
    """The smallest boxes that hold all ink."""
    edges = []
    for axis in (2, 1):
        filled = np.asarray(ink.any(axis=axis))
        edges += [filled.argmax(axis=1), filled.shape[1] - filled[:, ::-1].argmax(axis=1)]
    return np.stack(edges, axis=1).astype(np.float64)


def _centring(ink: Ink, boxes: Boxes) -> tuple[Centring, tuple[float, float], float]:
    """Say which centre, the box's or the ink's, strays least: its name, place and spread."""
    places: dict[Centring, Points] = {
        "box": (boxes[:, [0, 2]] + boxes[:, [1, 3]]) / 2,
        "mass": _centres_of_mass(ink),
    }
    spreads: dict[Centring, float] = {}
    for name, points in places.items():
        low, high = np.percentile(points, [16, 84], axis=0)
        spreads[name] = round(float(np.sqrt((((high - low) / 2) ** 2).mean())), 3)
    steadiest = min(spreads, key=spreads.__getitem__)
    return steadiest, _pair(np.median(places[steadiest], axis=0)), spreads[steadiest]


def _centres_of_mass(ink: Ink) -> Points:
    centres = []
    for axis in (2, 1):
        profile = ink.sum(axis=axis, dtype=np.uint32).astype(np.float64)
        middles = np.arange(profile.shape[1]) + 0.5
        centres.append(profile @ middles / profile.sum(axis=1))
    return np.stack(centres, axis=1)


def _drawn_in_strokes(ink: Ink, longer_side: float) -> bool:
    """Whether no wide disc fits into the ink of most images."""
    discs = []
    for image in _evenly_spaced(ink, 300):
        inside = np.pad(image > image.max() // 4, 1).astype(np.uint8)
        radius = cv2.distanceTransform(inside, cv2.DIST_L2, 5).max()
        discs.append(2 * radius - 1)  # a line of one pixel has a distance of 1 to the outside
    return float(np.median(discs)) < _WIDEST_STROKE * longer_side


def _pair(values: np.ndarray) -> tuple[float, float]:
    """Two figures, with as many digits as a person reads in the card."""
    first, second = values.round(2).tolist()
    return first, second
