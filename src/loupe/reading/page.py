"""The page: from ink to lines of glyphs, in reading order."""

from collections.abc import Sequence

import cv2
import numpy as np

from loupe.reading.crop import Crop, gaps_between, joined, size_of
from loupe.reading.ink import Cover, Ink
from loupe.reading.pieces import Line, Weigh, divided, pieced, stacked, whole_of

_MOST_PARTS = 1500
MOST_DOUBTED = 200  # glyphs; on fuller pages none is tried joined or cut: seconds would pass

# All in shares of the glyphs' size.
_SPECK = 0.12  # smaller parts are dirt
_FREE = 0.5  # a part of this size that touches no border is what the picture is about
_CUT_OFF = 0.4  # this narrow, a part at the side of one glyph is a piece of the next
_HAIR = 0.4  # of the pen's width: thinner parts at the border were not written with it
_FRAGMENT = 0.5  # smaller parts belong to a glyph beside them
_LONG = 0.3  # fragments as long as this are pieces of strokes, not dots
_REACH_OF_STROKES, _REACH_OF_DOTS = 0.6, 0.15  # as far as they may lie from their glyph
_ALONE = 0.35  # a fragment that belongs to nothing is a glyph if it is as large as this
_STEP = 0.6  # from one line to the next, at least
_STEEPEST = 1.2  # slope of a line
_OVER = 0.6  # of its width: so far a glyph stands above its neighbour, in no line
_STEEP, _OVER_STEEP = 0.45, 0.3  # slope from which on it hardly does
_SLANT = 1.1  # lines that a slope of 1 must save to be believed


def find_lines(ink: Ink, layout: str = "auto", weigh: Weigh | None = None) -> tuple[Line, ...]:
    """Find the glyphs, in lines from top to bottom, each from left to right.

    Args:
        ink: of the picture.
        layout: "single" takes all ink for one glyph, "line" all glyphs for one line.
        weigh: says how doubtful ways to see the same ink are, for example as one glyph and as
            several; without it, parts that touch are one, and parts that do not are several.
    """
    parts = _parts(ink.cover)
    if not parts:
        return ()
    size = _typical_size(parts)
    groups = _groups(_without_dirt(parts, ink.cover.shape, size), size)
    if layout == "single":
        return ((joined(groups),),) if groups else ()
    if weigh and len(groups) <= MOST_DOUBTED:
        pieces = groups
        groups = pieced(groups, size, weigh)
        groups = divided(stacked(groups, size, weigh), size, weigh)
        if layout == "auto":
            groups = whole_of(pieces, groups, weigh)
    if layout == "line" and groups:
        return (tuple(sorted(groups, key=_middle)),)
    return _lines(groups) if groups else ()


def _parts(cover: Cover) -> list[Crop]:
    left, top, width, height = cv2.boundingRect(cover)
    if not width:
        return []
    inked = cover[top : top + height, left : left + width]  # most of a picture is paper
    mask = (inked > 0).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    sizes = stats[:, 2:4].max(axis=1)
    sizes[0] = 0
    numbers = np.flatnonzero((stats[:, 4] >= 3) & (sizes > 0) & (sizes >= _SPECK / 4 * sizes.max()))
    if len(numbers) > _MOST_PARTS:
        return []  # a texture: nobody writes so much into one picture
    parts = []
    for number in numbers.tolist():
        x, y, width, height = stats[number, :4].tolist()
        rows, columns = slice(y, y + height), slice(x, x + width)
        own = inked[rows, columns] * (labels[rows, columns] == number)
        parts.append(Crop((left + x, top + y, width, height), own))
    return parts


def _typical_size(parts: Sequence[Crop]) -> float:
    """The size of the parts that hold half of the ink."""
    sizes = np.array([size_of(part) for part in parts])
    order = np.argsort(sizes)
    reached = np.cumsum([parts[i].cover.sum(dtype=np.float64) for i in order])
    return float(sizes[order][np.searchsorted(reached, reached[-1] / 2)])


def _without_dirt(parts: Sequence[Crop], shape: tuple[int, ...], size: float) -> list[Crop]:
    """Leave out specks, and strips along the picture's edge."""
    kept = []
    for part in parts:
        left, top, width, height = part.box
        at_side = (left == 0 or left + width == shape[1]) and width < 0.15 * size
        at_end = (top == 0 or top + height == shape[0]) and height < 0.15 * size
        if size_of(part) >= _SPECK * size and (len(parts) == 1 or not (at_side or at_end)):
            kept.append(part)
    return _without_strays(kept, shape, size)


def _without_strays(parts: list[Crop], shape: tuple[int, ...], size: float) -> list[Crop]:
    """Leave out what reaches in from beyond the picture, beside glyphs that lie free in it.

    Such are a finger in a corner, a piece of the next glyph, a crease: thin beside the pen.
    """
    contacts = [_contacts(part, shape) for part in parts]
    free = [part for part, own in zip(parts, contacts, strict=True) if not any(own)]
    if len(free) == len(parts) or max(map(size_of, free), default=0) < _FREE * size:
        return parts
    pen = max(map(_thickness, free))
    is_one = sum(size_of(part) >= _FREE * size for part in free) == 1
    return [
        part
        for part, own in zip(parts, contacts, strict=True)
        if not any(own) or not _is_stray(part, own, size, pen, is_one)
    ]


def _is_stray(
    part: Crop, contacts: tuple[int, int, int, int], size: float, pen: float, is_one: bool
) -> bool:
    """Whether a part at the border is none of the glyphs.

    Args:
        part: that touches the border.
        contacts: with each side.
        size: of the glyphs.
        pen: half the width of what was written with it.
        is_one: whether there is one glyph beside it; more are a line, which may reach the border.
    """
    left, top, right, bottom = contacts
    in_corner = max(left, right) > 0 and max(top, bottom) > 0
    is_piece = max(contacts) > 0.5 * size_of(part) and size_of(part) < 0.6 * size
    is_neighbour = is_one and max(left, right) > 0 and part.box[2] < _CUT_OFF * size
    return in_corner or is_piece or is_neighbour or _thickness(part) < _HAIR * pen


def _contacts(part: Crop, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """How many pixels of a part lie on the picture's left, top, right and bottom border."""
    left, top, width, height = part.box
    ink = part.cover > 0
    return (
        int(ink[:, 0].sum()) * (left == 0),
        int(ink[0].sum()) * (top == 0),
        int(ink[:, -1].sum()) * (left + width == shape[1]),
        int(ink[-1].sum()) * (top + height == shape[0]),
    )


def _thickness(part: Crop) -> float:
    """Half the width of a part's widest stroke, in pixels."""
    ink = np.pad(part.cover >= 128, 1).astype(np.uint8)
    return float(cv2.distanceTransform(ink, cv2.DIST_L2, 3).max())


def _groups(parts: Sequence[Crop], size: float) -> list[Crop]:
    """Put fragments to the glyphs that they belong to."""
    whole = [part for part in parts if size_of(part) >= _FRAGMENT * size]
    members = [[part] for part in whole]
    alone = []
    fragments = [part for part in parts if size_of(part) < _FRAGMENT * size]
    for part, gaps in zip(fragments, gaps_between(fragments, whole), strict=True):
        nearest = int(np.argmin(gaps)) if whole else -1
        reach = _REACH_OF_STROKES if size_of(part) >= _LONG * size else _REACH_OF_DOTS
        if whole and gaps[nearest] < min(reach * size, 1.2 * size_of(part)):
            members[nearest].append(part)
        elif size_of(part) >= _ALONE * size:
            alone.append(part)
    return [joined(group) for group in members] + alone


def _middle(crop: Crop) -> float:
    return crop.box[0] + crop.box[2] / 2


def _lines(crops: Sequence[Crop]) -> tuple[Line, ...]:
    """Put glyphs into lines, along the slope that makes the fewest and flattest."""
    if len(crops) == 1:
        return ((crops[0],),)
    boxes = np.array([crop.box for crop in crops], np.float64)
    size = float(np.median(boxes[:, 2:].max(axis=1)))
    middles = (boxes[:, :2] + boxes[:, 2:] / 2) / size
    best, lowest = np.zeros(len(crops), np.int64), np.inf
    for slope in np.linspace(-_STEEPEST, _STEEPEST, 49):
        line_of = _clusters((middles[:, 1] - slope * middles[:, 0]) / np.hypot(1, slope))
        cost = _untidiness(middles, boxes, line_of, float(slope))
        if cost < lowest:
            best, lowest = line_of, cost
    lines = [
        [crops[i] for i in np.flatnonzero(best == line).tolist()] for line in range(best.max() + 1)
    ]
    lines.sort(key=lambda line: np.mean([crop.box[1] + crop.box[3] / 2 for crop in line]))
    return tuple(tuple(sorted(line, key=_middle)) for line in lines)


def _clusters(heights: np.ndarray) -> np.ndarray:
    """Number the clusters of heights that lie more than a step apart, from above."""
    order = np.argsort(heights)
    line_of = np.empty(len(heights), np.int64)
    line_of[order] = np.concatenate([[0], np.cumsum(np.diff(heights[order]) > _STEP)])
    return line_of


def _untidiness(middles: np.ndarray, boxes: np.ndarray, line_of: np.ndarray, slope: float) -> float:
    """Lines, how far their glyphs stray from them, and glyphs that stand above each other."""
    heights = (middles[:, 1] - slope * middles[:, 0]) / np.hypot(1, slope)
    cost = float(line_of.max()) + _SLANT * abs(slope)
    for line in range(line_of.max() + 1):
        own = np.flatnonzero(line_of == line)
        cost += float(np.ptp(heights[own])) ** 2
        row = boxes[own[np.argsort(middles[own, 0])]]
        over = row[:-1, 0] + row[:-1, 2] - row[1:, 0]
        most = _OVER if abs(slope) < _STEEP else _OVER_STEEP
        cost += 2 * float((over > most * np.minimum(row[:-1, 2], row[1:, 2])).sum())
    return cost
