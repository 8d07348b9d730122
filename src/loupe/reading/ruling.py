"""Ruled lines and printed boxes: found by their straightness and length, taken out of the ink."""

import cv2
import numpy as np
from jaxtyping import UInt8

Drawn = UInt8[np.ndarray, "y x"]  # 1 where there is ink

_RUN = 1 / 16  # of the picture's side: pieces of a ruled line without a step
_SPAN = 0.97  # of the picture's side: as far as a ruled line reaches
_RECTANGULAR = 0.88  # share of its rectangle that a box encloses; an ellipse has 0.785
_HOLLOW = 0.5  # a box has less ink than this share of what it encloses
_INSIDE = 0.2  # of the box's side: something in it must be as large, or it is no box


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
    notes = []
    for across in (False, True):
        lines = _spanning_lines(drawn.T if across else drawn)
        lines = lines.T if across else lines
        plain = drawn & ~lines
        if lines.any() and _is_worth_more(plain):
            drawn = np.ascontiguousarray(plain)
            notes.append("ruled lines removed")
    unboxed = _without_boxes(drawn)
    if unboxed is not drawn:
        notes.append("boxes removed")
    return unboxed, tuple(dict.fromkeys(notes))


def _is_worth_more(plain: Drawn) -> bool:
    """Whether enough is left when the lines are gone: a 1 may reach from border to border too."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(plain, connectivity=8)
    return len(stats) > 1 and bool(stats[1:, 2:4].max() > 0.05 * min(plain.shape))


def _spanning_lines(drawn: Drawn) -> Drawn:
    """Horizontal lines that reach from one side of the picture to the other."""
    height, width = drawn.shape
    nothing = np.zeros_like(drawn)
    if min(height, width) < 16:
        return nothing
    # Slanted thin lines come in steps: thickened, their steps overlap.
    thick = cv2.dilate(drawn, np.ones((3, 1), np.uint8))
    runs = cv2.morphologyEx(
        thick, cv2.MORPH_OPEN, np.ones((1, max(9, int(width * _RUN))), np.uint8)
    )
    covered = np.flatnonzero(runs.any(axis=0))
    gap = width // 8 | 1  # what is closed
    if covered.size < 0.5 * width or np.ptp(covered) + 1 < _SPAN * width:
        return nothing
    if np.diff(covered).max() > gap:
        return nothing
    joined = cv2.morphologyEx(
        cv2.copyMakeBorder(runs, 0, 0, width // 4, width // 4, cv2.BORDER_CONSTANT, value=0),
        cv2.MORPH_CLOSE,
        np.ones((3, gap), np.uint8),
    )[:, width // 4 : width // 4 + width]
    count, labels, stats, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(joined))
    lines = nothing
    for number in range(1, count):
        _, top, length, rise, _ = stats[number].tolist()
        if length < _SPAN * width:
            continue
        part = (labels[top : top + rise] == number).astype(np.uint8) & runs[top : top + rise]
        lines[top : top + rise] |= _line_without_crossings(
            drawn[top : top + rise], part, drawn, top
        )
    return lines


def _line_without_crossings(rows: Drawn, part: Drawn, drawn: np.ndarray, top: int) -> Drawn:
    """The pixels of one line, but not those where a stroke crosses it or hangs on it."""
    line = np.asarray(rows & part)
    columns = line.any(axis=0)
    if not columns.any():
        return line
    thickness = float(np.median(line.sum(axis=0)[columns]))
    if thickness > 0.1 * min(drawn.shape):
        return np.zeros_like(line)
    reach = int(np.ceil(1.5 * thickness)) + 2
    low, high = max(0, top - reach), min(len(drawn), top + len(rows) + reach)
    # Ink in columns where it is clearly higher than the line belongs to a stroke.
    tall = cv2.morphologyEx(
        np.ascontiguousarray(drawn[low:high]),
        cv2.MORPH_OPEN,
        np.ones((int(np.ceil(1.6 * thickness)) + 2, 1), np.uint8),
    )[top - low : top - low + len(rows)]
    return np.asarray(line & ~np.asarray(tall, np.uint8))


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
        if min(sides) < 0.1 * max(drawn.shape) or enclosed < _RECTANGULAR * sides[0] * sides[1]:
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
    rest = drawn & ~outline
    _, _, stats, _ = cv2.connectedComponentsWithStats(rest & inside, connectivity=8)
    if len(stats) < 2 or stats[1:, 2:4].max() < _INSIDE * side:
        return None
    return np.ascontiguousarray(rest)
