"""Digits as schools teach them: ways to write that MNIST's American writers seldom have.

A European 1 has a long upstroke and sometimes a foot, a 7 a bar, a 0 a slash; a 4 is open, closed
or a lightning; a 9 ends straight or curled. Each way is a few strokes through given points, which
every drawing moves, slants and stretches by chance.
"""

from collections.abc import Callable

import cv2
import numpy as np

from strokes import ENLARGED, Strokes

WIDTH = 2.4  # of the strokes, pixels of an image of SIZE: as MNIST's are
SIZE = 28
_TALL = 18.0  # pixels of a drawing's longer side, its strokes' middles

Point = tuple[float, float]  # x, y in a box of 1: to the right and down
Line = list[Point]
Way = tuple[tuple[bool, Line], ...]  # of each stroke, whether it is smooth, and its points
Draw = Callable[[np.random.Generator], Way]


def school_digit(label: int, generator: np.random.Generator) -> Strokes:
    """Write a digit in one of the ways that are taught, by one more hand."""
    way = WAYS[label][generator.integers(len(WAYS[label]))](generator)
    lines = [_line(np.array(points), smooth, generator) for smooth, points in way]
    slant, lean = generator.normal(-0.08, 0.16), generator.normal(0, 0.04)
    wide = 0.68 * np.exp(generator.normal(0, 0.2))
    matrix = np.array([[wide, lean], [slant, 1.0]])
    lines = [(line - 0.5) @ matrix for line in lines]
    points = np.concatenate(lines)
    low, high = points.min(0), points.max(0)
    scale = _TALL / max(high - low)
    lines = [(line - (low + high) / 2) * scale + SIZE / 2 for line in lines]
    return Strokes(tuple(lines), WIDTH, _distance(lines), SIZE)


def _line(points: np.ndarray, smooth: bool, generator: np.random.Generator) -> np.ndarray:
    """Move the points of a stroke, and go through them, around corners or smoothly."""
    closeness = 0.02 if len(points) > 6 else 0.035  # or rings would get corners
    points = points + generator.normal(0, closeness, points.shape)
    points = points + generator.normal(0, 0.02, 2)
    if not smooth or len(points) < 3:
        fine = np.linspace(0, len(points) - 1, 12 * len(points))
        line = np.stack([np.interp(fine, np.arange(len(points)), points[:, i]) for i in (0, 1)], 1)
        bend = generator.normal(0, 0.03, 2) * np.sin(np.pi * np.linspace(0, 1, len(line)))[:, None]
        rounded = cv2.GaussianBlur(
            line, (1, 11), generator.uniform(0.3, 2), borderType=cv2.BORDER_REPLICATE
        )
        rounded[[0, -1]] = line[[0, -1]]
        return np.asarray(rounded + bend)
    return _through(points)


def _through(points: np.ndarray, steps: int = 10) -> np.ndarray:
    """A smooth curve through points (Catmull and Rom 1974)."""
    ends = [2 * points[0] - points[1], *points, 2 * points[-1] - points[-2]]
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    parts = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2
               + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False)
    ]  # fmt: skip
    return np.concatenate([*parts, points[-1:]])


def _distance(lines: list[np.ndarray]) -> np.ndarray:
    """Signed distance to the outline of the strokes, as tracing gives it."""
    side = SIZE * ENLARGED
    away = np.full((side, side), 255, np.uint8)
    for line in lines:
        at = np.round((line * ENLARGED - 0.5) * 16).astype(np.int32)
        cv2.polylines(away, [at], False, 0, 1, cv2.LINE_8, 4)
    middle = cv2.distanceTransform(away, cv2.DIST_L2, 5) / ENLARGED
    return np.asarray(WIDTH / 2 - middle, np.float32)


def _arc(centre: Point, radii: Point, start: float, turn: float, count: int = 9) -> Line:
    """Points on an ellipse: from an angle on, in degrees clockwise from the right."""
    angles = np.radians(np.linspace(start, start + turn, count))
    return [
        (centre[0] + radii[0] * float(np.cos(a)), centre[1] + radii[1] * float(np.sin(a)))
        for a in angles
    ]


def _zero(generator: np.random.Generator) -> Way:
    """Begun anywhere at the top, closed, crossed over or left open a little; either way round."""
    start, turn = generator.uniform(-120, -40), 360 + generator.uniform(-25, 60)
    way = generator.choice([-1.0, -1.0, 1.0])
    ring = _arc((0.5, 0.5), (0.5, 0.5), float(start), float(way * turn), 12)
    if generator.random() < 0.2:  # a loop or a tail where it ends
        x, y = ring[-1]
        ring += [(x + float(generator.uniform(-0.3, 0.3)), y + float(generator.uniform(-0.1, 0.2)))]
    return ((True, ring),)


def _slashed_zero(generator: np.random.Generator) -> Way:
    reach = float(generator.uniform(0.35, 0.62))
    slash = [(0.5 - reach, 0.5 + reach), (0.5 + reach, 0.5 - reach)]
    return (*_zero(generator), (False, slash))


def _one(generator: np.random.Generator) -> Way:
    """A stem with an upstroke, from a tick to one that begins at the line, and maybe a foot."""
    down = float(generator.uniform(0.12, 0.9))
    left = float(
        generator.uniform(0.45, 1.0) * down if down < 0.5 else generator.uniform(0.35, 0.7)
    )
    flag = [(0.5 - left, down), (0.5, 0.0)]
    lean = float(generator.normal(0, 0.04))
    stem = [(0.5, 0.0), (0.5 + lean, 1.0)]
    if generator.random() < 0.3:
        flag.insert(1, (0.5 - left * 0.4, down * 0.5 + 0.04))
    parts: list[tuple[bool, Line]] = [(False, [*flag, stem[1]])]
    if generator.random() < 0.3:
        parts = [(len(flag) > 2, flag), (False, stem)]
    if generator.random() < 0.35:
        half = float(generator.uniform(0.15, 0.45))
        parts.append((False, [(0.5 + lean - half, 1.0), (0.5 + lean + half, 1.0)]))
    return tuple(parts)


def _two(generator: np.random.Generator) -> Way:
    """A plain 2, one with a loop at its foot, one like a Z, one with a wave below."""
    kind = generator.integers(4)
    top = [(0.08, 0.24), (0.25, 0.04), (0.6, 0.0), (0.88, 0.2), (0.75, 0.5), (0.4, 0.8)]
    if kind == 0:
        return (True, [*top, (0.05, 1.0)]), (False, [(0.05, 1.0), (0.95, 1.0)])
    if kind == 1:
        loop = [(0.18, 0.97), (0.03, 0.9), (0.12, 0.78), (0.4, 0.88), (0.7, 1.0), (1.0, 0.92)]
        return ((True, [*top, *loop]),)
    if kind == 2:
        return ((False, [(0.08, 0.1), (0.5, 0.0), (0.85, 0.12), (0.05, 1.0), (0.95, 0.98)]),)
    wave = [(0.08, 0.98), (0.3, 0.9), (0.65, 1.0), (1.0, 0.88)]
    return (True, [*top, (0.08, 0.98)]), (True, wave)


def _three(generator: np.random.Generator) -> Way:
    """Round above or flat, with or without a loop in the middle."""
    below = [(0.7, 0.5), (0.92, 0.72), (0.7, 0.97), (0.3, 1.0), (0.02, 0.86)]
    kind = generator.integers(3)
    if kind == 0:
        above = [(0.08, 0.12), (0.45, 0.0), (0.82, 0.17), (0.7, 0.38), (0.38, 0.46)]
        return ((True, above), (True, [above[-1], *below]))
    if kind == 1:
        return (False, [(0.08, 0.0), (0.85, 0.0), (0.4, 0.42)]), (True, [(0.4, 0.42), *below])
    above = [(0.08, 0.14), (0.45, 0.0), (0.82, 0.17), (0.65, 0.4)]
    return ((True, [*above, (0.35, 0.5), (0.38, 0.4), (0.55, 0.45), *below]),)


def _four(generator: np.random.Generator) -> Way:
    """Open, closed, square, or with a short stem."""
    kind = generator.integers(4)
    bar = float(generator.uniform(0.5, 0.75))
    over = float(generator.uniform(0.75, 1.0))
    stem = float(generator.uniform(0.55, 0.75))
    if kind == 0:  # open: the stem begins beside
        first = [(stem - float(generator.uniform(0.1, 0.4)), 0.0), (0.03, bar), (over, bar)]
        high = float(generator.uniform(0.0, bar - 0.1))
        return (False, first), (False, [(stem, high), (stem - 0.05, 1.0)])
    if kind == 1:  # closed, in one stroke or two
        first = [(stem, 0.0), (0.03, bar), (over + 0.1, bar)]
        return (False, first), (False, [(stem, 0.0), (stem, 1.0)])
    if kind == 2:  # square: down, across, and a stem
        down = [(0.08, float(generator.uniform(0, 0.15))), (0.05, bar - 0.05), (over, bar - 0.08)]
        return (False, down), (False, [(0.8, 0.0), (0.75, 1.0)])
    steep = [(0.55, 0.0), (0.1, bar), (over + 0.05, bar - 0.05)]  # a lightning
    low = bar - float(generator.uniform(0.1, 0.3))
    return (False, steep), (False, [(0.65, low), (0.5, 1.0)])


def _five(generator: np.random.Generator) -> Way:
    """With a bar of its own, also a loose one, or in one stroke."""
    bowl = [(0.2, 0.42), (0.55, 0.36), (0.92, 0.62), (0.7, 0.95), (0.3, 1.0), (0.02, 0.88)]
    kind = generator.integers(3)
    if kind == 0:
        gap = float(generator.choice([0.0, 0.0, generator.uniform(0.03, 0.12)]))
        bar = [(0.25 + gap, 0.0), (0.92 + gap, float(generator.uniform(-0.08, 0.05)))]
        return (False, [(0.25, 0.02), (0.2, 0.42)]), (True, bowl), (False, bar)
    if kind == 1:
        return (False, [(0.92, 0.0), (0.28, 0.02), bowl[0]]), (True, bowl)
    return ((True, [(0.95, 0.02), (0.5, 0.02), (0.2, 0.2), (0.4, 0.42), (0.8, 0.6),
                    (0.72, 0.9), (0.35, 1.0), (0.03, 0.92)]),)  # fmt: skip


def _six(generator: np.random.Generator) -> Way:
    """A stem, straight, round or hooked, that ends in a loop, closed or not quite."""
    stems = (
        [(0.7, 0.0), (0.35, 0.2), (0.12, 0.5)],
        [(0.45, 0.0), (0.2, 0.35), (0.06, 0.6)],
        [(0.85, 0.14), (0.6, 0.0), (0.25, 0.16), (0.08, 0.5)],
    )
    centre = (0.48, 0.73)
    turn = -360 + float(generator.uniform(-30, 45))
    loop = _arc(centre, (0.42, 0.27), 190, turn, 10)
    return ((True, [*stems[generator.integers(3)], *loop]),)


def _seven(generator: np.random.Generator) -> Way:
    """Straight or curved, some begun with a tick, most with a bar."""
    foot = float(generator.uniform(0.2, 0.5))
    bend = float(generator.uniform(0.0, 0.12))
    rise = float(generator.uniform(-0.06, 0.08))
    top: Line = [(0.03, rise), (0.92, 0.0)]
    if generator.random() < 0.35:
        top.insert(0, (0.03, rise + float(generator.uniform(0.1, 0.22))))
    stem: Line = [(0.92, 0.0), ((0.92 + foot) / 2 - bend, 0.48), (foot, 1.0)]
    parts = [(False, top), (True, stem)]
    if generator.random() < 0.65:
        level = float(generator.uniform(0.38, 0.62))
        x = 0.92 + (foot - 0.92) * level - bend
        left, right = generator.uniform(0.18, 0.45, 2).tolist()
        tilt = float(generator.normal(0, 0.06))
        parts.append((False, [(x - left, level + tilt), (x + right, level - tilt)]))
    return tuple(parts)


def _eight(generator: np.random.Generator) -> Way:
    """One line that crosses itself, closed or not, or two rings on each other."""
    if generator.random() < 0.3:
        small = float(generator.uniform(0.3, 0.45))
        upper = _arc((0.5, 0.24), (small, 0.24), -90, -370)
        return (True, upper), (True, _arc((0.5, 0.74), (0.45, 0.26), -90, -370))
    start, turn = np.radians(-60 + generator.normal(0, 15)), np.radians(generator.uniform(320, 385))
    way = generator.choice([-1, 1])
    t = start - np.linspace(0, turn, 17)
    narrow = 0.5 - 0.1 * (t % (2 * np.pi) > np.pi)
    return ((True, [(0.5 + float(way * w * np.sin(2 * a)), 0.5 + 0.5 * float(np.sin(a)))
                    for a, w in zip(t, narrow, strict=True)]),)  # fmt: skip


def _nine(generator: np.random.Generator) -> Way:
    """A ring, closed or not quite, with a stem straight, leaning, hooked or curled back."""
    ring = _arc((0.48, 0.27), (0.42, 0.27), -20, -360 + float(generator.uniform(-20, 30)), 10)
    stems: tuple[Line, ...] = (
        [(0.9, 0.1), (0.88, 0.55), (0.85, 1.0)],
        [(0.9, 0.15), (0.7, 0.6), (0.45, 1.0)],
        [(0.9, 0.15), (0.9, 0.75), (0.6, 1.0), (0.2, 0.93)],
        [(0.9, 0.15), (0.92, 0.7), (0.65, 0.99), (0.25, 0.98), (0.05, 0.82)],
    )
    stem = stems[generator.integers(4)]
    if generator.random() < 0.5:
        return (True, ring), (len(stem) > 3, stem)
    return ((True, [*ring, *stem[1:]]),)


WAYS: tuple[tuple[Draw, ...], ...] = (
    (_zero, _zero, _slashed_zero),
    (_one,),
    (_two,),
    (_three,),
    (_four,),
    (_five,),
    (_six,),
    (_seven,),
    (_eight,),
    (_nine,),
)
