"""Setting a crop as the training images are set: their stroke width, box, centre and polarity.

This is the other half of `loupe.framing`: what was measured there is reproduced here.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from loupe.arrays import Image
from loupe.data.sizes import fit
from loupe.framing import Framing, stroke_widths

Cover = UInt8[np.ndarray, "_ _"]  # share of a pixel that is ink, 0 paper .. 255 ink
Shape = tuple[int, int, int]  # height, width, channels
Mask = Bool[np.ndarray, "y x"]
Soft = Float32[np.ndarray, "y x"]

# Pixels of a glyph's raster to a pixel of the frame: offsets of an eighth of a pixel can be drawn.
_FINENESS = 8
_THINNEST = 2.0  # pixels of the raster
_EDGE = 128  # cover at the edge of a stroke
# These were chosen on MNIST's training images, enlarged, shifted and inked anew: 7 % of their ink
# is changed (median). 1.3 to 2.5, 70 to 110 and 0.6 to 0.9 do nearly as well, four places 8 %.
_STEEPNESS = 1.6  # of edges, before reducing softens them
_FAINT = 96  # cover where the box of greys ends
_SLACK = 0.8  # beyond the 5th and 95th percentile of the training images' strokes
_PLACES = 8  # offsets that are tried, to a pixel of the frame
_SLIGHT = 6  # cover that a pixel of the frame needs to belong to the box
_COARSEST = 1.2  # pixels of the frame to one of a glyph whose greys are kept
_FULL = 150  # cover of the strongest pixel when reduced: thinner strokes pale


def set_glyph(cover: Cover, framing: Framing, shape: Shape) -> Image:
    """Set the ink of one glyph as the training images are set.

    A glyph whose strokes are about as wide as the training images' keeps its greys. Strokes that
    are thinner or thicker are brought to their range, as are those of glyphs of few pixels. The
    box, its centre, the polarity and the contrast are those of the training images.

    Args:
        cover: the glyph's ink, without that of its neighbours.
        framing: how the training images are set.
        shape: height, width and channels of the model's images.

    Example:
        >>> from loupe.framing import measure_framing
        >>> images = np.zeros((40, 12, 12, 1), np.uint8)
        >>> images[:, 2:10, 5:7] = 255  # a bar, 8 high and 2 wide
        >>> bar = np.zeros((300, 100), np.uint8)
        >>> bar[20:260, 60:80] = 255
        >>> frame = set_glyph(bar, measure_framing(images), (12, 12, 1))
        >>> np.argwhere(frame > 128)[[0, -1], :2].tolist()
        [[2, 5], [9, 6]]
    """
    if framing.kind == "none" or not cover.any():
        return _coloured(_fitted(cover, shape), framing, shape)
    glyph = _brought(cover, framing, shape)
    return _coloured(_placed(glyph, framing, shape), framing, shape)


def fit_frame(picture: Image, shape: Shape) -> UInt8[np.ndarray, "rows columns channels"]:
    """Fit a picture into the model's images as it is: aspect kept, colours made theirs.

    Example:
        >>> fit_frame(np.full((56, 28, 3), 9, np.uint8), (28, 28, 1)).shape
        (28, 28, 1)
    """
    height, width, channels = shape
    fitted = fit(picture, height, width)
    if channels == 1 and picture.shape[2] == 3:
        return np.asarray(cv2.cvtColor(fitted, cv2.COLOR_RGB2GRAY), np.uint8)[..., np.newaxis]
    return fitted if fitted.shape[2] == channels else fitted.repeat(channels, axis=2)


def _brought(cover: Cover, framing: Framing, shape: Shape) -> Cover:
    """Bring a glyph to the size of the training images' box, and its strokes to their width."""
    if framing.kind == "frame":
        return _sized(_boxed(cover, 1), framing, shape)
    reduced = _reduced(cover, framing, shape)
    if reduced is not None and _strokes_fit(reduced, framing):
        return reduced
    strokes = _with_training_stroke(_enlarged(cover, framing), framing)
    return _sized(_boxed(strokes, _EDGE), framing, shape)


def _reduced(cover: Cover, framing: Framing, shape: Shape) -> Cover | None:
    """The glyph at the size of the frame, its greys kept: what training images were made of.

    A glyph may lie on the pixels of the frame in many ways; the one with the most contrast is
    taken. An enlarged training image comes back on the pixels that it had.

    Returns:
        None where the glyph is coarser than the frame: its greys would be stairs.
    """
    gain = np.float32(_STEEPNESS * 255 / max(1, int(cover.max())))
    levels = np.arange(256, dtype=np.uint8) * gain - 127.5 * (_STEEPNESS - 1)
    steep = np.asarray(cv2.LUT(cover, np.clip(levels, 0, 255).astype(np.uint8)), np.uint8)
    tight = _boxed(steep, _FAINT)
    factor = _factor(tight, framing, shape)
    if factor > _COARSEST:
        return None
    fine = _scaled(tight, _PLACES * factor).astype(np.float32)
    for side in shape[:2]:  # rows, then columns
        fine = _sharpest(fine, side).T
    return _boxed(np.rint(fine).astype(np.uint8), _SLIGHT)


def _sharpest(fine: np.ndarray, most: int) -> np.ndarray:
    """Average rows by `_PLACES`, from the place on where most contrast is left."""
    ways: list[np.ndarray] = []
    for place in range(_PLACES):
        rows = -(-(place + len(fine)) // _PLACES)
        if rows > most and ways:
            break
        padded = np.zeros((rows * _PLACES, fine.shape[1]), np.float32)
        padded[place : place + len(fine)] = fine
        ways.append(padded.reshape(rows, _PLACES, -1).mean(axis=1)[:most])
    return max(ways, key=lambda way: float(np.vdot(way, way)))


def _strokes_fit(reduced: Cover, framing: Framing) -> bool:
    """Whether strokes are as wide as the training images', and full at that size."""
    low, high = framing.stroke_width_range
    width = float(stroke_widths(reduced[np.newaxis])[0])
    return low * _SLACK <= width <= high / _SLACK and int(reduced.max()) >= _FULL


def _enlarged(cover: Cover, framing: Framing) -> Mask:
    """The glyph's shape, `_FINENESS` times as large as in the frame, with a pixel around it."""
    tight = _boxed(cover, _EDGE)
    factor = _FINENESS * framing.longer_side / max(tight.shape)
    height, width = (max(1, round(side * factor)) for side in tight.shape)
    padded = np.pad(tight, 1)
    if factor < 1 and factor * float(stroke_widths(padded[np.newaxis])[0]) < _THINNEST:
        side = 1 + int(np.ceil(1 / factor))  # or averaging would leave nothing of it
        padded = cv2.dilate(padded, np.ones((side, side), np.uint8))
    # Enlarging by cubic interpolation leaves no stairs where the picture is coarse.
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    size = (round(width * (1 + 2 / tight.shape[1])), round(height * (1 + 2 / tight.shape[0])))
    fine = cv2.resize(padded, size, interpolation=method)
    if factor > 1:
        fine = cv2.GaussianBlur(fine, (0, 0), 0.3 * factor)
    return np.pad(np.asarray(fine) >= _EDGE, 1)


def _with_training_stroke(shape: Mask, framing: Framing) -> Cover:
    """Grow or thin a shape, so that its strokes are as wide as the training images' in its box."""
    if not shape.any():
        return np.full((1, 1), 255, np.uint8)
    ink = shape.astype(np.uint8)
    width = float(stroke_widths(ink[np.newaxis])[0])
    rows, columns = _extent(shape)
    size = max(rows[1] - rows[0], columns[1] - columns[0])
    low, high = framing.stroke_width_range
    now = framing.longer_side * width / size
    wanted = min(max(now, low), high)
    # Growing all strokes by d makes the box larger by d as well: the share of both is wanted.
    change = (wanted * size - width * framing.longer_side) / (framing.longer_side - wanted)
    if change >= 0:
        return _grown(ink, change / 2)
    return _thinned(ink, 1 + change / width, width)


def _grown(ink: np.ndarray, radius: float) -> Cover:
    margin = int(radius) + 2
    padded = np.pad(ink, margin)
    outside = cv2.distanceTransform(1 - padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return _soft(radius + 1 - outside)


def _thinned(ink: np.ndarray, share: float, width: float) -> Cover:
    """Keep the inner share of each stroke's width: nothing tears, since its ridge always stays."""
    inside = cv2.distanceTransform(np.pad(ink, 1), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    side = 2 * round(width / 2) + 1
    ridge = cv2.dilate(inside, np.ones((side, side), np.uint8))
    return _soft((inside - (1 - share) * ridge) * (inside > 0))


def _soft(depth: np.ndarray) -> Cover:
    """Cover from the depth inside a shape: a pixel's edge is as soft as a pixel."""
    return np.asarray(np.clip(depth, 0, 1) * 255, np.uint8)


def _boxed(cover: Cover, level: int) -> Cover:
    """The part of a cover that holds all ink of a level, or of half of its strongest."""
    inside = cover >= min(level, max(1, int(cover.max()) // 2))
    (top, bottom), (left, right) = _extent(inside)
    return cover[top:bottom, left:right]


def _extent(inside: Mask) -> tuple[tuple[int, int], tuple[int, int]]:
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    return (int(rows[0]), int(rows[-1]) + 1), (int(columns[0]), int(columns[-1]) + 1)


def _sized(glyph: Cover, framing: Framing, shape: Shape) -> Cover:
    """Bring a glyph to the size of the training images' box."""
    return _scaled(glyph, _factor(glyph, framing, shape))


def _factor(glyph: Cover, framing: Framing, shape: Shape) -> float:
    height, width = shape[:2]
    longer = min(framing.longer_side, max(height, width))
    rows, columns = glyph.shape
    return float(min(longer / max(rows, columns), height / rows, width / columns))


def _scaled(glyph: Cover, factor: float) -> Cover:
    rows, columns = (max(1, round(side * factor)) for side in glyph.shape)
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(glyph, (columns, rows), interpolation=method), np.uint8)


def _placed(glyph: Cover, framing: Framing, shape: Shape) -> Cover:
    """Place a glyph of the training images' size where theirs are, on whole pixels."""
    height, width = shape[:2]
    rows, columns = glyph.shape
    scale = min(framing.contrast, 255) / max(1, int(glyph.max()))
    small = np.rint(glyph * np.float32(scale)).astype(np.uint8)
    centre = _centre(small, framing)
    frame = np.zeros((height, width), np.uint8)
    top = _start(framing.centre[0] if framing.centring != "none" else height / 2, centre[0])
    left = _start(framing.centre[1] if framing.centring != "none" else width / 2, centre[1])
    top, left = min(max(top, 0), height - rows), min(max(left, 0), width - columns)
    frame[top : top + rows, left : left + columns] = small
    return frame


def _start(wanted: float, own: float) -> int:
    return round(wanted - own)


def _centre(small: Cover, framing: Framing) -> tuple[float, float]:
    rows, columns = small.shape
    weights = small.astype(np.float64)
    if framing.centring != "mass" or not weights.any():
        return rows / 2, columns / 2
    weights /= weights.sum()
    return (
        float(weights.sum(axis=1) @ (np.arange(rows) + 0.5)),
        float(weights.sum(axis=0) @ (np.arange(columns) + 0.5)),
    )


def _fitted(cover: Cover, shape: Shape) -> Cover:
    return fit(cover[..., np.newaxis], shape[0], shape[1])[..., 0]


def _coloured(ink: Cover, framing: Framing, shape: Shape) -> Image:
    """Draw ink on the training images' background, in their polarity."""
    background = np.array(framing.background, np.int16)
    signed = ink[..., np.newaxis].astype(np.int16)
    if framing.polarity == "dark on light":
        signed = -signed
    frame = np.clip(background + signed, 0, 255).astype(np.uint8)
    same = frame.shape[2] == shape[2]
    return np.asarray(frame if same else frame[..., :1].repeat(shape[2], axis=2), np.uint8)
