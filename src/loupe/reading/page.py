"""The page: from ink to lines of glyphs, in reading order."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from loupe.reading.ink import Cover, Ink

Box = tuple[int, int, int, int]  # left, top, width, height

_SPECK = 0.12  # of the glyphs' size: smaller parts are dirt
_FRAGMENT = 0.5  # of the glyphs' size: smaller parts belong to a glyph beside them
_REACH = 0.3  # of the glyphs' size: as far as a fragment may lie from its glyph


@dataclass(frozen=True, eq=False)
class Crop:
    """One glyph on the page: its box in pixels of the ink's cover, and its own ink in it."""

    box: Box
    cover: Cover


def find_lines(ink: Ink, layout: str = "auto") -> tuple[tuple[Crop, ...], ...]:
    """Find the glyphs, in lines from top to bottom, each from left to right."""
    boxes, areas, labels = _parts(ink.cover)
    if not len(boxes):
        return ()
    size = _typical_size(boxes, areas)
    kept = _kept(boxes, areas, ink.cover.shape, size)
    if not kept:
        return ()
    groups = [kept] if layout == "single" else _groups(boxes, kept, size)
    crops = [_crop(ink.cover, labels, boxes, group) for group in groups]
    if layout == "line":
        return (tuple(sorted(crops, key=_middle)),)
    return _lines(crops, size)


def _parts(cover: Cover) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mask = (cover > 0).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    ink = np.bincount(labels.ravel(), cover.ravel(), len(stats)) / 255
    return stats[1:, :4], ink[1:], labels


def _typical_size(boxes: np.ndarray, areas: np.ndarray) -> float:
    """The size of the parts that hold half of the ink."""
    sizes = boxes[:, 2:].max(axis=1)
    order = np.argsort(sizes)
    reached = np.cumsum(areas[order])
    return float(sizes[order][np.searchsorted(reached, reached[-1] / 2)])


def _kept(boxes: np.ndarray, areas: np.ndarray, shape: tuple[int, ...], size: float) -> list[int]:
    """The parts that are no specks and no strips along the picture's edge."""
    kept = []
    for i, (left, top, width, height) in enumerate(boxes.tolist()):
        if max(width, height) < _SPECK * size:
            continue
        across = (left == 0 or left + width == shape[1]) and width < 0.15 * size
        along = (top == 0 or top + height == shape[0]) and height < 0.15 * size
        if (across or along) and len(boxes) > 1:
            continue
        kept.append(i)
    return kept


def _groups(boxes: np.ndarray, kept: Sequence[int], size: float) -> list[list[int]]:
    """Put fragments to the glyphs that they belong to."""
    whole = [i for i in kept if max(boxes[i][2:]) >= _FRAGMENT * size]
    groups = {i: [i] for i in whole}
    for i in set(kept) - set(whole):
        gaps = {j: _gap(boxes[i], boxes[j]) for j in whole}
        nearest = min(gaps, key=gaps.__getitem__, default=None)
        if nearest is not None and gaps[nearest] < min(_REACH * size, 0.8 * max(boxes[i][2:])):
            groups[nearest].append(i)
        elif max(boxes[i][2:]) >= 0.35 * size:
            groups[i] = [i]
    return list(groups.values())


def _gap(one: np.ndarray, other: np.ndarray) -> float:
    across = max(one[0], other[0]) - min(one[0] + one[2], other[0] + other[2])
    along = max(one[1], other[1]) - min(one[1] + one[3], other[1] + other[3])
    return float(np.hypot(max(across, 0), max(along, 0)))


def _crop(cover: Cover, labels: np.ndarray, boxes: np.ndarray, group: Sequence[int]) -> Crop:
    own = boxes[list(group)]
    left, top = own[:, :2].min(axis=0).tolist()
    right, bottom = (own[:, :2] + own[:, 2:]).max(axis=0).tolist()
    inside = labels[top:bottom, left:right]
    mask = np.isin(inside, np.array(group) + 1)
    return Crop((left, top, right - left, bottom - top), cover[top:bottom, left:right] * mask)


def _middle(crop: Crop) -> float:
    return crop.box[0] + crop.box[2] / 2


def _lines(crops: Sequence[Crop], size: float) -> tuple[tuple[Crop, ...], ...]:
    """Divide glyphs into lines, along the slope that makes the fewest and flattest."""
    boxes = np.array([crop.box for crop in crops], np.float64)
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    best, lowest = np.zeros(len(crops), np.int64), np.inf
    for slope in np.linspace(-1.2, 1.2, 49):
        heights = (middles[:, 1] - slope * middles[:, 0]) / np.hypot(1, slope) / size
        order = np.argsort(heights)
        steps = np.diff(heights[order]) > 0.6
        line_of = np.empty(len(crops), np.int64)
        line_of[order] = np.concatenate([[0], np.cumsum(steps)])
        spread = sum(np.ptp(heights[line_of == line]) ** 2 for line in range(line_of.max() + 1))
        cost = line_of.max() + spread + 0.5 * abs(slope)
        if cost < lowest:
            best, lowest = line_of, cost
    lines = [
        [crop for crop, own in zip(crops, best, strict=True) if own == line]
        for line in range(int(best.max()) + 1)
    ]
    lines.sort(key=lambda line: np.mean([crop.box[1] + crop.box[3] / 2 for crop in line]))
    return tuple(tuple(sorted(line, key=_middle)) for line in lines)
