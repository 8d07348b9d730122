"""The page: from ink to lines of glyphs, in reading order."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from loupe.reading.crop import Crop, divisions, joined
from loupe.reading.ink import Cover, Ink

# Chooses among ways to see the same ink: gives the place of the best of each list.
Choose = Callable[[Sequence[Sequence[tuple[Crop, ...]]]], Sequence[int]]
Line = tuple[Crop, ...]

# All in shares of the glyphs' size.
_SPECK = 0.12  # smaller parts are dirt
_FRAGMENT = 0.5  # smaller parts belong to a glyph beside them
_LONG = 0.3  # fragments as long as this are pieces of strokes, not dots
_REACH_OF_STROKES, _REACH_OF_DOTS = 0.6, 0.15  # as far as they may lie from their glyph
_ALONE = 0.35  # a fragment that belongs to nothing is a glyph if it is as large as this
_STEP = 0.6  # from one line to the next, at least
_STEEPEST = 1.2  # slope of a line
_SLANT = 1.1  # lines that a slope of 1 must save to be believed


def find_lines(ink: Ink, layout: str = "auto", choose: Choose | None = None) -> tuple[Line, ...]:
    """Find the glyphs, in lines from top to bottom, each from left to right.

    Args:
        ink: of the picture.
        layout: "single" takes all ink for one glyph, "line" all glyphs for one line.
        choose: decides whether parts are one glyph or several; without it, parts that touch are
            one, and parts that do not are several.
    """
    parts = _parts(ink.cover)
    if not parts:
        return ()
    size = _typical_size(parts)
    groups = _groups(_without_dirt(parts, ink.cover.shape, size), size)
    if layout == "single":
        return ((joined(groups),),) if groups else ()
    if choose:
        groups = _divided(_stacked(groups, size, choose), size, choose)
    if layout == "line" and groups:
        return (tuple(sorted(groups, key=_middle)),)
    return _lines(groups) if groups else ()


def _parts(cover: Cover) -> list[Crop]:
    mask = (cover > 0).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    parts = []
    for number, (left, top, width, height, area) in enumerate(stats.tolist()):
        if number == 0 or area < 3:
            continue
        rows, columns = slice(top, top + height), slice(left, left + width)
        own = cover[rows, columns] * (labels[rows, columns] == number)
        parts.append(Crop((left, top, width, height), own))
    return parts


def _size(crop: Crop) -> int:
    return max(crop.box[2:])


def _typical_size(parts: Sequence[Crop]) -> float:
    """The size of the parts that hold half of the ink."""
    sizes = np.array([_size(part) for part in parts])
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
        if _size(part) >= _SPECK * size and (len(parts) == 1 or not (at_side or at_end)):
            kept.append(part)
    return kept


def _groups(parts: Sequence[Crop], size: float) -> list[Crop]:
    """Put fragments to the glyphs that they belong to."""
    whole = [part for part in parts if _size(part) >= _FRAGMENT * size]
    members = [[part] for part in whole]
    alone = []
    for part in parts:
        if _size(part) >= _FRAGMENT * size:
            continue
        gaps = [_gap(part, other) for other in whole]
        nearest = int(np.argmin(gaps)) if gaps else -1
        reach = _REACH_OF_STROKES if _size(part) >= _LONG * size else _REACH_OF_DOTS
        if gaps and gaps[nearest] < min(reach * size, 1.2 * _size(part)):
            members[nearest].append(part)
        elif _size(part) >= _ALONE * size:
            alone.append(part)
    return [joined(group) for group in members] + alone


def _gap(one: Crop, other: Crop) -> float:
    between = [
        max(one.box[i], other.box[i])
        - min(one.box[i] + one.box[i + 2], other.box[i] + other.box[i + 2])
        for i in (0, 1)
    ]
    return float(np.hypot(max(between[0], 0), max(between[1], 0)))


def _overlap(one: Crop, other: Crop, axis: int) -> float:
    """How much of the shorter one's extent lies beside the other's; axis 0 is x."""
    start = max(one.box[axis], other.box[axis])
    end = min(one.box[axis] + one.box[axis + 2], other.box[axis] + other.box[axis + 2])
    return max(0, end - start) / min(one.box[axis + 2], other.box[axis + 2])


def _stacked(groups: list[Crop], size: float, choose: Choose) -> list[Crop]:
    """Join parts that lie above each other, or in each other, where that is the better reading."""
    pairs = [
        (i, j)
        for i in range(len(groups))
        for j in range(i)
        if _overlap(groups[i], groups[j], 0) > 0.4
        and _gap(groups[i], groups[j]) < 0.35 * size
        and _size(joined([groups[i], groups[j]])) < 2 * size
    ]
    ways = [((joined([groups[i], groups[j]]),), (groups[i], groups[j])) for i, j in pairs]
    used: set[int] = set()
    together = []
    for (i, j), way, best in zip(pairs, ways, choose(ways), strict=True):
        if best == 0 and not used & {i, j}:
            used |= {i, j}
            together.append(way[0][0])
    return [group for i, group in enumerate(groups) if i not in used] + together


def _divided(groups: list[Crop], size: float, choose: Choose) -> list[Crop]:
    """Divide glyphs that are wider than high, where that is the better reading."""
    wide = [group for group in groups if group.box[2] > max(0.9 * group.box[3], 0.5 * size)]
    ways = [[(group,), *divisions(group)] for group in wide]
    chosen = {
        id(group): way[best] for group, way, best in zip(wide, ways, choose(ways), strict=True)
    }
    return [part for group in groups for part in chosen.get(id(group), (group,))]


def _middle(crop: Crop) -> float:
    return crop.box[0] + crop.box[2] / 2


def _lines(crops: Sequence[Crop]) -> tuple[Line, ...]:
    """Put glyphs into lines, along the slope that makes the fewest and flattest."""
    boxes = np.array([crop.box for crop in crops], np.float64)
    size = float(np.median(boxes[:, 2:].max(axis=1)))
    middles = (boxes[:, :2] + boxes[:, 2:] / 2) / size
    best, lowest = np.zeros(len(crops), np.int64), np.inf
    for slope in np.linspace(-_STEEPEST, _STEEPEST, 49):
        line_of = _clusters((middles[:, 1] - slope * middles[:, 0]) / np.hypot(1, slope))
        cost = _untidiness(middles, boxes, line_of, float(slope))
        if cost < lowest:
            best, lowest = line_of, cost
    lines = [[crops[i] for i in np.flatnonzero(best == line)] for line in range(best.max() + 1)]
    lines.sort(key=lambda line: np.mean([crop.box[1] + crop.box[3] / 2 for crop in line]))
    return tuple(tuple(sorted(line, key=_middle)) for line in lines)


def _clusters(heights: np.ndarray) -> np.ndarray:
    """Number the clusters of heights that lie more than a step apart, from above."""
    order = np.argsort(heights)
    line_of = np.empty(len(heights), np.int64)
    line_of[order] = np.concatenate([[0], np.cumsum(np.diff(heights[order]) > _STEP)])
    return line_of


def _untidiness(
    middles: np.ndarray, boxes: np.ndarray, line_of: np.ndarray, slope: float
) -> float:
    """Lines, how far their glyphs stray from them, and glyphs that stand above each other."""
    heights = (middles[:, 1] - slope * middles[:, 0]) / np.hypot(1, slope)
    cost = float(line_of.max()) + _SLANT * abs(slope)
    for line in range(line_of.max() + 1):
        own = np.flatnonzero(line_of == line)
        cost += float(np.ptp(heights[own])) ** 2
        row = boxes[own[np.argsort(middles[own, 0])]]
        over = row[:-1, 0] + row[:-1, 2] - row[1:, 0]
        cost += 2 * float((over > 0.6 * np.minimum(row[:-1, 2], row[1:, 2])).sum())
    return cost
