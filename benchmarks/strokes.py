"""Digits as pens draw them: a 28x28 image traced to lines, drawn anew with any pen at any size.

A MNIST digit is enlarged smoothly and thresholded to a shape, the shape is thinned to a skeleton,
the skeleton followed to lines. All lengths are in pixels of the image that was traced.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import cv2
import numpy as np

ENLARGED = 6  # pixels of the shape to one of the image: strokes are 10 to 20 wide then
_SMOOTH = 1.2  # standard deviation along a line: takes the staircase, leaves the corners
_JOINED = 3  # neighbours of a skeleton's pixel where lines meet

# Which neighbour has which bit: clockwise from north.
_CODE = np.array([[128, 1, 2], [64, 0, 4], [32, 16, 8]], np.float32)

Way = Literal["drawn", "shape"]


@dataclass(frozen=True, eq=False)
class Strokes:
    """A digit as lines and as a shape.

    Attributes:
        lines: points x, y of each, `[m 2]`.
        width: of the strokes as they were written.
        distance: signed, to the outline of the shape, positive inside, ENLARGED times the size.
        size: sides of the image that was traced.
    """

    lines: tuple[np.ndarray, ...]
    width: float
    distance: np.ndarray
    size: int


@dataclass(frozen=True)
class Pen:
    """What a digit is drawn with.

    Attributes:
        width: of its stroke, in pixels of the traced image; 0.2 is a hairline, 5 a brush.
        way: "drawn" follows the lines, "shape" grows or thins what was written.
        pressure: how far the width sways along a line, as a share.
        wobble: how far the hand shakes, in pixels.
    """

    width: float
    way: Way = "drawn"
    pressure: float = 0.0
    wobble: float = 0.0


def trace(image: np.ndarray) -> Strokes:
    """Follow the strokes of a light digit on black, `[h w]`."""
    size = image.shape[0]
    side = size * ENLARGED
    large = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)
    shape = (cv2.GaussianBlur(large, (0, 0), ENLARGED / 3) > 110).astype(np.uint8)
    shape = _largest_pieces(shape)
    inside = cv2.distanceTransform(shape, cv2.DIST_L2, 5)
    # A pixel's middle is half a pixel nearer to the outline than to its neighbour's middle.
    distance = inside - cv2.distanceTransform(1 - shape, cv2.DIST_L2, 5) + 0.5 - shape
    skeleton = thin(shape)
    ridge = inside[skeleton > 0]
    width = 2 * float(np.median(ridge)) - 1 if ridge.size else 1.0
    lines = [_smooth(line) for line in _follow(skeleton, width)]
    return Strokes(
        tuple((line + 0.5) / ENLARGED for line in lines),
        width / ENLARGED,
        distance.astype(np.float32) / ENLARGED,
        size,
    )


def thin(shape: np.ndarray) -> np.ndarray:
    """Thin a shape of 0 and 1 to lines of one pixel (Zhang and Suen 1984, CACM 27:3)."""
    shape = np.pad(shape, 1)
    while True:
        before = shape
        for table in _thinning_tables():
            codes = cv2.filter2D(shape, -1, _CODE, borderType=cv2.BORDER_CONSTANT)
            shape = shape & cv2.LUT(codes, table)
        if np.array_equal(before, shape):
            return shape[1:-1, 1:-1]


def draw(strokes: Strokes, pen: Pen, scale: float, generator: np.random.Generator) -> np.ndarray:
    """Draw with a pen, `scale` pixels to one of the traced image: cover of each pixel, 0 to 255.

    The pen is narrowed where it would close a loop: who writes with a brush keeps loops open.
    """
    wanted = _holes(strokes.distance > 0)
    if pen.wobble:
        strokes = replace(strokes, lines=_shaken(strokes, pen.wobble, generator))
    seed = int(generator.integers(2**32))
    for _ in range(8):
        if pen.width <= strokes.width:
            break
        if _holes(_cover(strokes, pen, 4.0, np.random.default_rng(seed)) > 127) >= wanted:
            break
        pen = replace(pen, width=max(0.85 * pen.width, strokes.width))
    return _cover(strokes, pen, scale, np.random.default_rng(seed))


def with_line(strokes: Strokes, *points: tuple[float, float]) -> Strokes:
    """Add a line through points x, y: to the lines and to the shape."""
    line = np.array(points, np.float64)
    side = strokes.distance.shape[0]
    away = np.full((side, side), 255, np.uint8)
    at = np.round((line * ENLARGED - 0.5) * 16).astype(np.int32)
    cv2.polylines(away, [at], False, 0, 1, cv2.LINE_8, 4)
    nearness = strokes.width / 2 - cv2.distanceTransform(away, cv2.DIST_L2, 5) / ENLARGED
    distance = np.maximum(strokes.distance, nearness).astype(np.float32)
    return replace(strokes, lines=(*strokes.lines, line), distance=distance)


def extent(strokes: Strokes) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the lines."""
    points = np.concatenate(strokes.lines)
    (left, top), (right, bottom) = points.min(0), points.max(0)
    return float(left), float(top), float(right), float(bottom)


def _cover(strokes: Strokes, pen: Pen, scale: float, generator: np.random.Generator) -> np.ndarray:
    side = max(1, round(strokes.size * scale))
    if pen.way == "shape" or not strokes.lines:
        distance = cv2.resize(strokes.distance, (side, side), interpolation=cv2.INTER_LINEAR)
        grown = distance + (pen.width - strokes.width) / 2
        return (255 * np.clip(0.5 + grown * scale, 0, 1)).astype(np.uint8)
    fine = 1 if pen.width * scale > 6 else 4  # thickness comes in whole pixels
    canvas = np.zeros((side * fine, side * fine), np.uint8)
    pixels = scale * fine
    for line in strokes.lines:
        at = np.round((line * pixels - 0.5) * 16).astype(np.int32)
        if pen.pressure:
            _draw_pressed(canvas, at, pen, pixels, generator)
        else:
            thickness = max(1, round(pen.width * pixels))
            cv2.polylines(canvas, [at], False, 255, thickness, cv2.LINE_AA, 4)
    return cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA)


def _draw_pressed(
    canvas: np.ndarray, at: np.ndarray, pen: Pen, pixels: float, generator: np.random.Generator
) -> None:
    """Draw a line whose width sways, by a slow random wave."""
    knots = generator.uniform(-1, 1, 5)
    sway = np.interp(np.linspace(0, 4, len(at)), np.arange(5), knots)
    widths = np.maximum(1, np.round(pen.width * pixels * (1 + pen.pressure * sway))).astype(int)
    for start, end, width in zip(at[:-1], at[1:], widths[1:], strict=True):
        cv2.line(canvas, start.tolist(), end.tolist(), 255, int(width), cv2.LINE_AA, 4)


def _shaken(
    strokes: Strokes, wobble: float, generator: np.random.Generator
) -> tuple[np.ndarray, ...]:
    """Move all points by one smooth random field, so that lines that meet still do."""
    field = generator.normal(0, wobble, (2, 6, 6)).astype(np.float32)
    moved = []
    for line in strokes.lines:
        at = (line / strokes.size * 5).astype(np.float32)
        shift = [cv2.remap(f, at[:, :1], at[:, 1:], cv2.INTER_CUBIC)[:, 0] for f in field]
        moved.append(line + np.stack(shift, 1))
    return tuple(moved)


def _holes(shape: np.ndarray) -> int:
    """Count the loops of a shape that one can see: single pixels do not count."""
    background = np.pad(~shape, 1, constant_values=True).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(background, connectivity=4)
    least = (shape.shape[0] / 28 * 0.9) ** 2
    return int((stats[1:count, cv2.CC_STAT_AREA] >= least).sum()) - 1


def _largest_pieces(shape: np.ndarray) -> np.ndarray:
    """Drop specks: pieces under a thirtieth of the whole."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(shape, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    kept = areas * 30 >= areas[1:].sum() if count > 1 else np.ones(1, bool)
    kept[0] = False
    return kept[pieces].astype(np.uint8)


@cache
def _thinning_tables() -> tuple[np.ndarray, np.ndarray]:
    """For each code of neighbours, 1 if the pixel stays: one table for each half of a pass."""
    tables = np.ones((2, 256), np.uint8)
    for code in range(256):
        ring = [code >> bit & 1 for bit in range(8)]
        rises = sum(a < b for a, b in zip(ring, ring[1:] + ring[:1], strict=True))
        north, east, south, west = ring[::2]
        if 2 <= sum(ring) <= 6 and rises == 1:
            tables[0, code] = north * east * south or east * south * west
            tables[1, code] = north * east * west or north * south * west
    return tables[0], tables[1]


def _follow(skeleton: np.ndarray, width: float) -> list[np.ndarray]:
    """Follow a skeleton from meeting to meeting; spurs shorter than the stroke's width go."""
    neighbours = cv2.filter2D(skeleton, -1, np.ones((3, 3)), borderType=cv2.BORDER_CONSTANT)
    joints = ((skeleton > 0) & (neighbours - skeleton >= _JOINED)).astype(np.uint8)
    _, names, _, centres = cv2.connectedComponentsWithStats(joints, connectivity=8)
    count, pieces = cv2.connectedComponents(skeleton - joints, connectivity=8)
    lines = []
    rows, columns = np.nonzero(pieces)
    order = np.argsort(pieces[rows, columns], kind="stable")
    points = np.stack([columns, rows], 1)[order]
    ends = np.searchsorted(pieces[rows, columns][order], np.arange(1, count + 1))
    for start, end in zip(ends[:-1], ends[1:], strict=True):
        path, closed = _in_order(points[start:end])
        meets = [] if closed else _meetings(path, names)
        free = meets.count(0)
        if free == 1 and len(path) < 0.9 * width and count > 2:
            continue
        line = np.array(path, np.float64)
        if closed:
            line = np.concatenate([line, line[:1]])
        else:
            line = _with_ends(line, meets, centres, width)
        if len(line) > 1:
            lines.append(line)
    return lines


def _in_order(points: np.ndarray) -> tuple[list[tuple[int, int]], bool]:
    """Order the pixels of a simple path; say whether it is a ring."""
    left = {(int(x), int(y)) for x, y in points}
    steps = ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))

    def near(point: tuple[int, int]) -> list[tuple[int, int]]:
        x, y = point
        return [(x + i, y + j) for i, j in steps if (x + i, y + j) in left]

    start = next((point for point in left if len(near(point)) <= 1), None)
    closed = start is None and len(left) > 8
    at = start or next(iter(sorted(left)))
    path = []
    while True:
        left.discard(at)
        path.append(at)
        following = near(at)
        if not following:
            return path, closed
        at = following[0]


def _meetings(path: list[tuple[int, int]], names: np.ndarray) -> list[int]:
    """Where a path begins and ends: names of meetings, different ones if it can be; 0 for none."""
    first, last = (
        set(names[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].ravel().tolist()) - {0}
        for x, y in (path[0], path[-1])
    )
    start = min(first - last or first, default=0)
    return [start, min(last - {start} or last, default=0)]


def _with_ends(line: np.ndarray, meets: list[int], centres: np.ndarray, width: float) -> np.ndarray:
    """Lead a line into its meetings; lengthen a free end by what thinning took from it."""
    parts = [line]
    for place, meeting in zip((0, -1), meets, strict=True):
        if meeting:
            end = centres[meeting]
        else:
            inner = line[min(len(line) - 1, 6)] if place == 0 else line[max(-len(line), -7)]
            away = line[place] - inner
            end = line[place] + 0.3 * width * away / max(np.hypot(*away), 1)
        parts.insert(0 if place == 0 else len(parts), end[None])
    return np.concatenate(parts)


def _smooth(line: np.ndarray) -> np.ndarray:
    """Smooth a line of pixels and keep every second point; its ends stay where they are."""
    sigma = _SMOOTH * ENLARGED / 2
    reach = min(int(3 * sigma), len(line) - 1)
    if reach < 2:
        return line
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= weights.sum()
    if np.array_equal(line[0], line[-1]):
        padded = np.concatenate([line[-reach - 1 : -1], line, line[1 : reach + 1]])
    else:
        padded = np.concatenate(
            [2 * line[0] - line[reach:0:-1], line, 2 * line[-1] - line[-2 : -reach - 2 : -1]]
        )
    smooth = np.stack([np.convolve(padded[:, i], weights, "valid") for i in (0, 1)], 1)
    return np.concatenate([smooth[:-1:2], smooth[-1:]])
