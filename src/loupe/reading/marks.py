"""Marks beside what was written: rings around it, lines below and above."""

import cv2
import numpy as np

from loupe.reading.ruling import Drawn, spanning_lines

_SPAN = 0.97  # of its part's width: as far as an underline reaches
_LEAST = 20  # pixels: no shorter line is looked at
_LONG = 1.0  # of the height of what stands on it: a shorter line is the foot of a 1
_LONG_ALONE = 2.5  # where one glyph hangs on it: else it is the bar of a wide 7, the foot of a 2
_BEYOND = 0.04  # of its length, to either side: further than what hangs on it
_ASIDE = 0.1  # of its length: what stands on it may reach out as far
_NEAR = 1.2  # of its own height: no higher above the line hangs what stands on it
_FLAT = 0.25  # of its length: the height of a line that nothing hangs on
_ROUND = 0.7  # of its longer side: the shorter one of a ring
_IN_RING = (0.25, 0.75)  # of a ring's side: from where to where what is in it is large
_OFF = 0.15  # of its side: so far from its middle
_RIM = 0.2  # of its side: all of a ring is as near to its rim
_ELLIPSE = (0.7, 0.86)  # share of its box: an ellipse has 0.785
_EDGE = 0.7  # of a part's lower edge: so much of it is a line's
_GLYPH = 0.5  # of the height of what stands on it: smaller is no glyph


def without_marks(drawn: Drawn) -> tuple[Drawn, tuple[str, ...]]:
    """Take rings and underlines out of a drawing, and say so.

    A ring has something in its middle that it does not touch. A line below or above that lies free
    must be as long as the glyph on it is high, and longer than it on both sides or below several.
    A line that glyphs hang on must be longer than they on both sides: the foot of a 2 is not.

    Example:
        >>> drawn = np.zeros((100, 120), np.uint8)
        >>> drawn[20:70, 40:44] = drawn[20:24, 40:70] = 1  # a corner
        >>> drawn[80:83, 20:100] = 1
        >>> plain, notes = without_marks(drawn)
        >>> int(plain[75:].sum()), int(plain[:75].sum()), notes
        (0, 304, ('underlines removed',))
    """
    left, top, width, height = cv2.boundingRect(drawn)
    if not width:
        return drawn, ()
    inked = drawn[top : top + height, left : left + width]  # most of a picture is paper
    plain, notes = _unmarked(np.ascontiguousarray(inked))
    if not notes:
        return drawn, ()
    whole = drawn.copy()
    whole[top : top + height, left : left + width] = plain
    return whole, tuple(dict.fromkeys(notes))


def _unmarked(drawn: Drawn) -> tuple[Drawn, list[str]]:
    height = len(drawn)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(drawn, connectivity=8)
    boxes = stats[1:, :4]
    plain, notes = drawn.copy(), list[str]()
    for number in _encircling(boxes):
        part, place = _part(labels, boxes, number)
        if _is_ring(part):
            plain[place] &= ~part
            notes.append("rings removed")
    is_long = (boxes[:, 2] >= _LEAST) & (boxes[:, 2] >= 0.8 * _LONG * boxes[:, 3])
    for number in np.flatnonzero(is_long).tolist():
        part, place = _part(labels, boxes, number)
        line = _line_below(part, number, boxes)
        if line is None:  # or above: the same, upside down
            turned = boxes * (1, -1, 1, 1) + (0, height, 0, 0) - boxes[:, 3:] * (0, 1, 0, 0)
            line = _line_below(np.ascontiguousarray(part[::-1]), number, turned)
            line = None if line is None else line[::-1]
        if line is not None:
            plain[place] &= ~line
            notes.append("underlines removed")
    return plain, notes


def _part(labels: np.ndarray, boxes: np.ndarray, number: int) -> tuple[Drawn, tuple[slice, slice]]:
    """The pixels of a part, and where its box lies."""
    left, top, wide, high = boxes[number].tolist()
    place = (slice(top, top + high), slice(left, left + wide))
    return (labels[place] == number + 1).astype(np.uint8), place


def _encircling(boxes: np.ndarray) -> list[int]:
    """The parts in the middle of whose boxes all else is about as large as a glyph in a ring."""
    found = []
    for number, (left, top, wide, high) in enumerate(boxes.tolist()):
        side = min(wide, high)
        if side < _LEAST or side < _ROUND * max(wide, high):
            continue
        ends = boxes[:, :2] + boxes[:, 2:]
        is_within = ((boxes[:, :2] >= (left, top)) & (ends <= (left + wide, top + high))).all(
            axis=1
        )
        is_within &= boxes[:, 2:].max(axis=1) >= _IN_RING[0] / 2 * side
        is_within[number] = False
        if not is_within.any():
            continue
        low, high_end = boxes[is_within, :2].min(axis=0), ends[is_within].max(axis=0)
        off = np.abs((low + high_end) / 2 - (left + wide / 2, top + high / 2)).max()
        size = (high_end - low).max()
        if off < _OFF * side and _IN_RING[0] * side <= size <= _IN_RING[1] * side:
            found.append(number)
    return found


def _is_ring(part: Drawn) -> bool:
    """Whether a part is round, and all of it along its rim; it need not be closed."""
    contours, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    hull = cv2.convexHull(max(contours, key=len))
    share = cv2.contourArea(hull) / part.size
    inside = np.zeros_like(part)
    cv2.drawContours(inside, [hull], -1, 1, cv2.FILLED)
    depth = cv2.distanceTransform(np.pad(inside, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    along = depth[part > 0] < _RIM * min(part.shape)
    return _ELLIPSE[0] <= share <= _ELLIPSE[1] and bool(along.mean() > 0.98)


def _line_below(part: Drawn, number: int, boxes: np.ndarray) -> Drawn | None:
    """The pixels of a part that are a line below what is written; None where there is none.

    Args:
        part: of the drawing.
        number: of its box.
        boxes: of all parts: left, top, width, height.
    """
    line = _line_of(part) if _is_flat_below(part) else None
    if line is None:
        return None
    others = np.delete(boxes, number, axis=0)
    return line if _is_underline(boxes[number], line, part & ~line, others) else None


def _is_flat_below(part: Drawn) -> bool:
    """Whether the lower edge of a part is about straight: a quick look, before a close one."""
    bottoms = part[::-1].argmax(axis=0)
    columns = np.arange(len(bottoms))
    third = max(1, len(bottoms) // 3)
    low, high = (float(np.median(side)) for side in (bottoms[:third], bottoms[-third:]))
    straight = low + (high - low) * (columns - third / 2) / max(1, len(columns) - third)
    near = np.abs(bottoms - straight) <= max(2.0, 0.05 * len(columns))
    return bool(near.mean() >= _EDGE)


def _line_of(part: Drawn) -> Drawn | None:
    """The line that reaches across a part, along its lower edge."""
    room = max(16, part.shape[1] // 2)  # a flat part is looked at with paper around it
    padded = np.pad(part, ((room, room), (0, 0)))
    lines, thicknesses = spanning_lines(padded, _SPAN, np.inf)
    line = np.ascontiguousarray(lines[room:-room])
    if len(thicknesses) != 1 or not line.any():
        return None
    rest = part & ~line
    middle = np.flatnonzero(line.any(axis=1)).mean()
    rows = np.flatnonzero(rest.any(axis=1))
    return line if not rows.size or rows.mean() < middle else None


def _is_underline(box: np.ndarray, line: Drawn, rest: Drawn, others: np.ndarray) -> bool:
    """Whether a line lies below glyphs.

    Args:
        box: of the part that it is in: left, top, width, height.
        line: within the part.
        rest: of the part.
        others: boxes of all other parts.
    """
    left, top, length = (int(side) for side in box[:3])
    level = top + float(np.flatnonzero(line.any(axis=1)).mean())
    above = _standing_on(others, left, length, level)
    hanging = np.flatnonzero(rest.sum(axis=0) > 0)
    thickness = float(np.median(line.sum(axis=0)))
    depth = np.flatnonzero(rest.any(axis=1))
    is_free = not depth.size or float(np.ptp(depth)) < 2 * thickness
    if is_free:
        if box[3] > _FLAT * length or not len(above):
            return False
        highest = int(above[:, 3].max())
        glyphs = above[above[:, 3] >= _GLYPH * highest]
        reach = (int(glyphs[:, 0].min()), int((glyphs[:, 0] + glyphs[:, 2]).max()))
        is_beyond = min(reach[0] - left, left + length - reach[1]) >= _BEYOND * length
        return length >= _LONG * highest and (len(glyphs) > 1 or is_beyond)
    highest = max(int(level - (top + depth[0])), int(above[:, 3].max(initial=0)))
    _, _, hung, _ = cv2.connectedComponentsWithStats(rest, connectivity=8)
    heights = np.concatenate([hung[1:, 3], above[:, 3]])
    is_alone = int((heights >= _GLYPH * highest).sum()) < 2
    is_beyond = min(hanging[0], length - 1 - hanging[-1]) >= _BEYOND * length
    return bool(length >= (_LONG_ALONE if is_alone else _LONG) * highest and is_beyond)


def _standing_on(others: np.ndarray, left: int, length: int, level: float) -> np.ndarray:
    """The parts that stand on a line: above it, near it, and not beside it."""
    ends = others[:, 0] + others[:, 2]
    bottoms = others[:, 1] + others[:, 3]
    aside = _ASIDE * length
    is_within = (others[:, 0] >= left - aside) & (ends <= left + length + aside)
    is_above = (bottoms <= level + 0.2 * others[:, 3]) & (level - bottoms < _NEAR * others[:, 3])
    return np.asarray(others[is_within & is_above])
