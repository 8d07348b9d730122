"""Cuts: where glyphs that touch could come apart, and what lies between two such places."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32

from loupe.reading.crop import Crop
from loupe.reading.ink import Cover

Column = Float32[np.ndarray, "y"]  # of a cut, in each row

_ROWS = 64  # that seams are searched in
_INK, _BEND = 0.03, 0.02  # what a pixel of ink and a step aside cost; to enter a stroke costs 1
_MOST_COST = 4.0  # to enter strokes, and to follow one
_APART = 0.12  # of the height: seams lie no nearer to each other, nor to the ends
_PER_HEIGHT, _MOST_SEAMS = 5.0, 28  # seams to a width of one height, and in all
_NARROWEST, _WIDEST = 0.1, 1.35  # of the height: width of a glyph
_SLIVER = 0.15  # of the height: smaller bits beside a cut are the neighbour's
_LOOP = 0.3  # of the height: a loop that is wider and higher belongs to one glyph, as that of a 0
_THROUGH = 0.5  # of a loop's height: a cut that passes as much of it opens it


@dataclass(frozen=True, eq=False)
class Seam:
    """A cut from top to bottom.

    Attributes:
        at: its column in each row.
        loops: how many large loops it opens.
    """

    at: Column
    loops: int = 0


@dataclass(frozen=True, eq=False)
class Piece:
    """What lies between two cuts.

    Attributes:
        start: number of the cut to its left; 0 is the left end.
        end: number of the cut to its right.
        crop: its ink.
        loops: how many large loops the cut to its right opens.
    """

    start: int
    end: int
    crop: Crop
    loops: int = 0


def cut_pieces(crop: Crop) -> list[Piece]:
    """Cut a wide crop on trial: all pieces that could be a glyph, between any two cuts.

    The cuts are seams from top to bottom that go through as few strokes as they can, as slanted as
    the writing is: where two glyphs share a stroke, along it.

    Example:
        >>> cover = np.zeros((40, 60), np.uint8)
        >>> cover[:, :3] = cover[:, 57:] = cover[18:21] = 255  # two bars, joined
        >>> {(piece.start, piece.end) for piece in cut_pieces(crop=Crop((0, 0, 60, 40), cover))} > {
        ...     (0, 1)}
        True
    """
    height, width = crop.cover.shape
    ends = [Seam(np.full(height, column, np.float32)) for column in (0, width)]
    seams = [ends[0], *_seams(crop.cover), ends[1]]
    columns = np.arange(width)
    is_right = [columns >= seam.at[:, np.newaxis] for seam in seams]
    pieces = []
    for start in range(len(seams) - 1):
        for end in range(start + 1, len(seams)):
            wide = float(np.median(seams[end].at - seams[start].at))
            if wide > _WIDEST * height:
                break
            if wide < _NARROWEST * height:
                continue
            part = crop.cover * (is_right[start] & ~is_right[end])
            tight = _tight(part, crop.box, _SLIVER * height)
            if tight is not None:
                pieces.append(Piece(start, end, tight, seams[end].loops))
    return pieces


def _seams(cover: Cover) -> list[Seam]:
    """Seams through the fewest strokes, from left to right, each apart from the others."""
    height, width = cover.shape
    factor = min(1.0, _ROWS / height)
    rows, columns = max(2, round(height * factor)), max(2, round(width * factor))
    small = cv2.resize(cover, (columns, rows), interpolation=cv2.INTER_AREA)
    totals, steps = _fewest_strokes(np.asarray(small, np.float32) / 255)
    most = min(_MOST_SEAMS, round(2 + _PER_HEIGHT * width / height))
    apart = max(2.0, _APART * rows)
    found: list[np.ndarray] = []
    for end in np.argsort(totals, kind="stable").tolist():
        if totals[end] > _MOST_COST or len(found) == most:
            break
        path = _traced_back(steps, end)
        middle = float(path.mean())
        if apart <= middle <= columns - apart and all(
            abs(middle - float(other.mean())) >= apart for other in found
        ):
            found.append(path)
    found.sort(key=lambda path: float(path.mean()))
    at = (np.arange(height) + 0.5) * rows / height - 0.5
    loops = _large_loops(np.asarray(small))
    return [
        Seam(
            (np.interp(at, np.arange(rows), path + 0.5) * width / columns).astype(np.float32),
            _opened(loops, path.astype(np.int64)),
        )
        for path in found
    ]


def _large_loops(small: Cover) -> np.ndarray:
    """Paper that strokes enclose, wide and high: the number of its loop at each place, or 0."""
    paper = np.pad(small < 64, 1, constant_values=True).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(paper, connectivity=4)
    is_loop = stats[:, 2:4].min(axis=1) >= _LOOP * len(small)
    is_loop[[0, labels[0, 0]]] = False  # strokes, and what lies around them
    return np.asarray(labels * is_loop[labels])[1:-1, 1:-1]


def _opened(loops: np.ndarray, path: np.ndarray) -> int:
    """How many loops a cut passes through, not only touches."""
    passed = np.bincount(loops[np.arange(len(path)), path])[1:]
    numbers = np.flatnonzero(passed) + 1
    heights = [int((loops == number).any(axis=1).sum()) for number in numbers]
    return int((passed[numbers - 1] >= _THROUGH * np.array(heights)).sum())


def _fewest_strokes(ink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lowest cost of a way down to each column of the last row, and the steps of that way."""
    rows, columns = ink.shape
    totals = (1 + _INK) * ink[0]
    steps = np.zeros((rows, columns), np.int8)
    moves = np.array([0, -1, 1], np.int8)
    for row in range(1, rows):
        came = np.pad(ink[row - 1], 1)
        before = np.pad(totals, 1, constant_values=np.inf)
        ways = np.stack(
            [
                before[1 + move : 1 + move + columns]
                + np.maximum(ink[row] - came[1 + move : 1 + move + columns], 0)
                + _BEND * abs(move)
                for move in moves.tolist()
            ]
        )
        best = ways.argmin(axis=0)
        steps[row] = moves[best]
        totals = ways[best, np.arange(columns)] + _INK * ink[row]
    return totals, steps


def _traced_back(steps: np.ndarray, end: int) -> np.ndarray:
    path = np.empty(len(steps), np.float64)
    for row in range(len(steps) - 1, -1, -1):
        path[row] = end
        end += int(steps[row, end])
    return path


def _tight(part: Cover, box: tuple[int, int, int, int], sliver: float) -> Crop | None:
    """The part's own box, without slivers."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        (part > 0).astype(np.uint8), connectivity=8
    )
    sizes = stats[:, 2:4].max(axis=1)
    kept = sizes >= min(sliver, float(sizes[1:].max(initial=0)))
    kept[0] = False
    if count < 2:
        return None
    left, top = stats[kept, :2].min(axis=0).tolist()
    right, bottom = (stats[kept, :2] + stats[kept, 2:4]).max(axis=0).tolist()
    own = part[top:bottom, left:right] * kept[labels[top:bottom, left:right]].astype(np.uint8)
    return Crop((box[0] + left, box[1] + top, right - left, bottom - top), own)
