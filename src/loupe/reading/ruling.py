"""Ruled lines and printed boxes: found by their straightness and length, taken out of the ink."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

Drawn = UInt8[np.ndarray, "y x"]  # 1 where there is ink

_RUN = 1 / 16  # of the picture's side: pieces of a ruled line without a step
_SPAN = 0.97  # of the picture's side: as far as a ruled line reaches
_SPAN_OF_MANY = 0.9  # of three lines beside each other, and where lines cross them
_AS_THIN = 1.4  # times those, at most
_STEEPEST = 0.3  # of its length: what a ruled line rises; steeper ones are strokes
_BENT = 0.03  # of its length: how far its middle lies beside it at most
_VOTES = 1500  # places where ink is that vote for a line
_MOST_LINES = 40  # in each direction
_FILLED = 0.9  # of the picture's sides: a glyph that was closely cut
_BESIDE = 0.2  # of its size: nothing else is as large
_PEN = 0.6  # of its strokes: its own bar is at least as thick
_PRINTED = 2  # lines from side to side are printed, even where nothing is written on them
_PRINTED_ACROSS = 4  # from top to bottom: fewer may be 1s that were closely cut
_TINY = 64  # pixels: lines may cover much of a smaller picture
_FULL = 0.35  # share of a picture that lines and flat strokes do not cover
_RECTANGULAR = 0.88  # share of its rectangle that a box encloses; an ellipse has 0.785
_HOLLOW = 0.5  # a box has less ink than this share of what it encloses
_SMALLEST = (0.02, 10)  # of the picture's longer side, and in pixels: a box's shorter side
_INSIDE = 0.2  # of the box's side: something in it must be as large, or it is no box
_SPAN_OF_DIVIDERS = 0.85  # of its height: so far reach lines between cells, from line to line
_LITTLE, _SEVERAL = 0.06, 3  # or so many things as large as this


def without_ruling(drawn: Drawn) -> tuple[Drawn, tuple[str, ...]]:
    """Take ruled lines and boxes out of a drawing, and say so.

    Where a stroke crosses a line, the stroke is kept: there the ink is thicker than the line.

    Example:
        >>> drawn = np.zeros((200, 300), np.uint8)
        >>> drawn[60:140, 148:153] = 1  # a stroke
        >>> drawn[100:102] = 1  # a ruled line through it
        >>> plain, notes = without_ruling(drawn)
        >>> bool(plain[60:140, 150].all()), int(plain[:, :140].sum()), notes
        (True, 0, ('ruled lines removed',))
    """
    # Boxes first: the lower sides of boxes in a row are a ruled line to whoever looks for one.
    plain = _without_boxes(drawn)
    notes = ["boxes removed"] * (plain is not drawn)
    found: list[float] = []
    for across in (False, True):
        plain, thicknesses = _without_lines(plain, across)
        found += thicknesses
    if not found:  # paper has its margins, and lies askew
        plain, found = _without_lines(plain, False, _SPAN_OF_MANY, least=3)
    if found:  # squared paper has two directions
        notes.append("ruled lines removed")
        for across in (False, True):
            thickest = _AS_THIN * max(found)
            plain, _ = _without_lines(plain, across, _SPAN_OF_MANY, thickest, 2, _PRINTED)
        unboxed = _without_boxes(plain)  # those that a line went through
        notes += ["boxes removed"] * (unboxed is not plain)
        plain = unboxed
    return plain, tuple(dict.fromkeys(notes))


def _without_lines(
    drawn: Drawn,
    across: bool,
    span: float = _SPAN,
    thickest: float = np.inf,
    least: int = 1,
    printed: int | None = None,
) -> tuple[Drawn, list[float]]:
    """Take out the ruled lines of one direction, and say how thick they are.

    Args:
        drawn: the drawing.
        across: from top to bottom, not from side to side.
        span: share of the picture's side that they reach over.
        thickest: in pixels, that a line may be.
        least: as many lines, or none.
        printed: as many lines are taken out even where nothing else is drawn.
    """
    lines, thicknesses = spanning_lines(drawn.T if across else drawn, span, thickest)
    if len(thicknesses) < least:
        return drawn, []
    plain = drawn & ~(lines.T if across else lines)
    if printed is None:
        printed = _PRINTED_ACROSS if across else _PRINTED
    if len(thicknesses) < printed and not _is_worth_more(plain):
        return drawn, []
    if len(thicknesses) == 1 and _is_one_glyph(drawn) and _is_as_thick(thicknesses[0], plain):
        return drawn, []
    return np.ascontiguousarray(plain), thicknesses


def _is_one_glyph(drawn: Drawn) -> bool:
    """Whether a drawing is one part that fills the picture: a line across it is its own bar."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(drawn, connectivity=8)
    sizes = stats[1:, 2:4]
    largest = int(sizes.sum(axis=1).argmax())
    others = np.delete(sizes, largest, axis=0).max(initial=0)
    fills = (sizes[largest] >= _FILLED * np.array(drawn.shape[::-1])).all()
    return bool(fills and others < _BESIDE * sizes[largest].max())


def _is_as_thick(thickness: float, rest: Drawn) -> bool:
    """Whether a line, measured two pixels too thick, is about as thick as the strokes beside it."""
    inside = cv2.distanceTransform(np.pad(rest, 1), cv2.DIST_L2, 3)
    ridge = inside[(inside >= cv2.dilate(inside, np.ones((3, 3), np.uint8))) & (inside > 0)]
    return thickness - 2 >= _PEN * (2 * float(np.median(ridge)) - 1)


def _is_worth_more(plain: Drawn) -> bool:
    """Whether enough is left when the lines are gone: a 1 may reach from border to border too."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(plain, connectivity=8)
    return len(stats) > 1 and bool(stats[1:, 2:4].max() > 0.05 * min(plain.shape))


def spanning_lines(drawn: Drawn, span: float, thickest: float) -> tuple[Drawn, list[float]]:
    """Find the horizontal lines that reach from one side of a picture to the other.

    Args:
        drawn: the picture.
        span: share of its width that they reach over.
        thickest: that they may be, in pixels.

    Returns:
        The pixels of the lines, without those of strokes that cross them, and the thickness of
        each in pixels, 2 too many.

    Example:
        >>> drawn = np.zeros((40, 100), np.uint8)
        >>> drawn[20:23] = 1
        >>> lines, thicknesses = spanning_lines(drawn, 0.97, 10.0)
        >>> int(lines.sum()), thicknesses
        (300, [5.0])
    """
    height, width = drawn.shape
    lines = np.zeros_like(drawn)
    thicknesses: list[float] = []
    if min(height, width) < 16:
        return lines, thicknesses
    # Slanted thin lines come in steps: thickened, their steps overlap.
    thick = cv2.dilate(drawn, np.ones((3, 1), np.uint8))
    runs = cv2.morphologyEx(
        thick, cv2.MORPH_OPEN, np.ones((1, max(9, int(width * _RUN))), np.uint8)
    )
    if min(height, width) > _TINY and cv2.countNonZero(runs) > _FULL * drawn.size:
        return lines, thicknesses  # a texture
    if not _reaches_across(np.flatnonzero(cv2.reduce(runs, 0, cv2.REDUCE_MAX)), width, span):
        return lines, thicknesses  # nothing to part into segments, which takes ten times as long
    rows, columns, heights = _segments(np.asarray(runs))
    for _ in range(_MOST_LINES):
        if not _reaches_across(np.unique(columns), width, span):
            break
        middles, thickness = _fitted_line(rows, columns, heights, drawn.shape)
        along = np.clip(np.round(middles), 0, height - 1).astype(np.int64)
        inked = np.flatnonzero(np.asarray(runs)[along, np.arange(width)])
        if not 0 < thickness <= thickest or not _reaches_across(inked, width, span):
            break
        thicknesses.append(thickness)
        lines |= _line_without_crossings(drawn, middles, thickness)
        beyond = np.abs(rows - middles[columns]) > thickness + 2
        rows, columns, heights = rows[beyond], columns[beyond], heights[beyond]
    return lines, thicknesses


def _segments(runs: Drawn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row of the middle, column and height of all that hangs together in each column."""
    edges = np.diff(np.pad(runs.T, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    columns, starts = np.nonzero(edges > 0)
    ends = np.nonzero(edges < 0)[1]
    return (starts + ends - 1) / 2, columns, (ends - starts).astype(np.float64)


def _reaches_across(covered: np.ndarray, width: int, span: float) -> bool:
    """Whether columns are half of all, nearly from side to side, without a large gap."""
    if covered.size < 0.5 * width or np.ptp(covered) + 1 < span * width:
        return False
    return bool(np.diff(covered).max() <= width // 8 | 1)


def _fitted_line(
    rows: np.ndarray, columns: np.ndarray, heights: np.ndarray, shape: tuple[int, ...]
) -> tuple[np.ndarray, float]:
    """The middle of a line in each column, and its thickness: the one that most columns have.

    Its place is voted for (Hough 1962) and then fitted: paper curls, but not much. The thickness
    is 0 where there is no such line.
    """
    height, width = shape
    tolerance = max(1.5, 0.004 * width)
    terms = np.stack([np.ones(width), *(np.linspace(-1, 1, width) ** i for i in (1, 2))], axis=1)
    middles, reach, thickness = _voted(rows, columns, shape, tolerance), 2 * tolerance, 0.0
    fit = np.zeros(3)
    for _ in range(4):
        near = np.abs(rows - middles[columns]) < reach
        if near.sum() < 0.3 * width:
            return middles, 0.0
        thickness = float(np.median(heights[near]))
        near &= heights < 1.5 * thickness + 1  # not where strokes cross it
        fit = np.linalg.lstsq(terms[columns[near]], rows[near], rcond=None)[0]
        middles, reach = terms @ fit, tolerance
    is_straight = abs(fit[2]) < _BENT * width and abs(2 * fit[1]) < _STEEPEST * width
    is_thin = thickness - 2 < 0.1 * min(width, height)  # it was thickened by two
    return middles, thickness if is_straight and is_thin else 0.0


def _voted(
    rows: np.ndarray, columns: np.ndarray, shape: tuple[int, ...], tolerance: float
) -> np.ndarray:
    """The straight line that most places vote for: its row in each column."""
    height, width = shape
    every = slice(None, None, max(1, len(rows) // _VOTES))
    best = (0, 0.0, 0.0)
    for slope in np.arange(-_STEEPEST, _STEEPEST, 2 * tolerance / width):
        places = (rows[every] - slope * columns[every]) / (2 * tolerance) + height
        counted = np.bincount(np.maximum(places, 0).astype(np.int64))
        most = int(counted.argmax())
        best = max(best, (int(counted[most]), float(slope), most + 0.5 - height))
    _, slope, start = best
    return np.asarray(2 * tolerance * start + slope * np.arange(width))


def _line_without_crossings(drawn: Drawn, middles: np.ndarray, thickness: float) -> Drawn:
    """The pixels of one line, but not those where a stroke crosses it or hangs on it."""
    half = thickness / 2 + 0.5
    top = max(0, int(middles.min() - half))
    end = min(len(drawn), int(np.ceil(middles.max() + half)) + 1)
    lines = np.zeros_like(drawn)
    if top >= end:
        return lines
    away = np.abs(np.arange(top, end)[:, np.newaxis] - middles)
    line = drawn[top:end] & (away <= half).astype(np.uint8)
    thickness = float(np.median(line.sum(axis=0)[line.any(axis=0)])) if line.any() else 0.0
    reach = int(np.ceil(1.5 * thickness)) + 2
    low, high = max(0, top - reach), min(len(drawn), end + reach)
    # Ink in columns where it is clearly higher than the line belongs to a stroke.
    tall = cv2.morphologyEx(
        np.ascontiguousarray(drawn[low:high]),
        cv2.MORPH_OPEN,
        np.ones((int(np.ceil(1.6 * thickness)) + 2, 1), np.uint8),
    )[top - low : end - low]
    lines[top:end] = line & ~np.asarray(tall, np.uint8)
    return lines


def _without_boxes(drawn: Drawn) -> Drawn:
    """Take out rectangles that have something inside."""
    contours, tree = cv2.findContours(drawn, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if tree is None:
        return drawn
    plain = drawn
    for contour, (_, _, child, parent) in zip(contours, tree[0], strict=True):
        if parent >= 0 or child < 0 or len(contour) < 4:
            continue
        rectangle = cv2.minAreaRect(contour)
        sides = rectangle[1]
        enclosed = cv2.contourArea(contour)
        least = max(_SMALLEST[0] * max(drawn.shape), _SMALLEST[1])
        if min(sides) < least or enclosed < _RECTANGULAR * sides[0] * sides[1]:
            continue
        removed = _without_box(plain, contour, enclosed, min(sides))
        plain = plain if removed is None else removed
    return plain


def _without_box(drawn: Drawn, contour: np.ndarray, enclosed: float, side: float) -> Drawn | None:
    inside = np.zeros_like(drawn)
    cv2.drawContours(inside, [contour], -1, 1, cv2.FILLED)
    if (drawn & inside).sum() > _HOLLOW * enclosed:
        return None
    depth = cv2.distanceTransform(np.pad(inside, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    near = depth[(inside > 0) & (depth < 0.08 * side)]
    inked = depth[(inside > 0) & (depth < 0.08 * side) & (drawn > 0)]
    steps = np.arange(0.5, 0.08 * side + 1)  # the outermost pixels are 1 deep
    share = np.histogram(inked, steps)[0] / np.maximum(np.histogram(near, steps)[0], 1)
    bare = np.flatnonzero(share < 0.5)  # how deep the box's own line reaches
    if not bare.size or share[: max(1, bare[0])].max() < 0.8:
        return None
    outline = ((inside > 0) & (depth <= bare[0] + 2.5)).astype(np.uint8)
    rest = _without_dividers(drawn & ~outline, cv2.boundingRect(contour), bare[0] + 2.5, side)
    _, _, stats, _ = cv2.connectedComponentsWithStats(rest & inside, connectivity=8)
    sizes = stats[1:, 2:4].max(axis=1)
    if sizes.max(initial=0) < _INSIDE * side and (sizes > _LITTLE * side).sum() < _SEVERAL:
        return None
    return np.ascontiguousarray(rest)


def _without_dividers(drawn: Drawn, box: Sequence[int], thickness: float, side: float) -> Drawn:
    """Take out the lines from top to bottom that part a box into cells, if it has two or more.

    Args:
        drawn: without the box's own line.
        box: left, top, width, height.
        thickness: of the box's line, in pixels.
        side: the shorter one of the box.
    """
    left, top, width, height = box
    place = (slice(top, top + height), slice(left, left + width))
    across = np.ascontiguousarray(drawn[place].T)
    span = _SPAN_OF_DIVIDERS * min(1.0, side / height)  # a box that is turned is less high
    lines, found = spanning_lines(across, span, _AS_THIN * thickness + 2)
    if not found:
        return drawn
    cells = np.ascontiguousarray(drawn[place] & ~lines.T)
    _, _, stats, _ = cv2.connectedComponentsWithStats(cells, connectivity=8)
    if (stats[1:, 2:4].max(axis=1) > _INSIDE * side).sum() < 2:
        return drawn  # a 1 in a box
    plain = drawn.copy()
    plain[place] = cells
    return plain
