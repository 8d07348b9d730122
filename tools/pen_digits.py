"""Training images for the reader that ships: digits as pens, photos and crops leave them."""

import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

from school_hands import school_digit

from loupe.framing import Framing
from loupe.reading.setting import set_glyph
from practice_pages import other_school
from strokes import Pen, Strokes, draw, trace

SHAPE = (28, 28, 1)
SCHOOL = 0.12  # of the digits are written as schools teach them, the others traced from MNIST
SCALE = 5.0  # pixels to one of MNIST's: a hairline of 0.2 is one pixel


def pen_digit(
    image: np.ndarray, label: int, framing: Framing, generator: np.random.Generator
) -> np.ndarray:
    """Draw a digit anew, damage it as pictures do, set it as the reader sets glyphs: `[28 28 1]`.

    Args:
        image: of MNIST, `[28 28]`.
        label: 1, 7 and 0 sometimes get the bars of other schools.
        framing: of MNIST.
        generator: of all that is drawn by chance.
    """
    if generator.random() < SCHOOL:
        strokes = school_digit(label, generator)
    else:
        strokes = trace(image)
        if label in (0, 1, 7) and generator.random() < (0.3, 0.5, 0, 0, 0, 0, 0, 0.4)[label]:
            strokes = other_school(strokes, label, generator)
    cover = draw(_stretched(strokes, generator), any_pen(generator), SCALE, generator)
    return frame_of(cover, framing, generator)


def any_pen(generator: np.random.Generator) -> Pen:
    """A pen from hairline to brush."""
    return Pen(
        float(np.exp(generator.uniform(np.log(0.25), np.log(5.0)))),
        "drawn" if generator.random() < 0.7 else "shape",
        pressure=float(generator.choice([0.0, 0.2, 0.4])),
        wobble=float(generator.choice([0.0, 0.3, 0.6])),
    )


def frame_of(cover: np.ndarray, framing: Framing, generator: np.random.Generator) -> np.ndarray:
    """Damage a glyph's cover and set it; damage that leaves next to nothing is left out."""
    damaged = cover
    for chance, damage in DAMAGES:
        if generator.random() < chance:
            damaged = damage(damaged, generator)
    if (damaged > 127).sum() < 12:
        damaged = cover
    frame = set_glyph(damaged, framing, SHAPE)
    if generator.random() < 0.3:
        frame = _softened(frame, generator)
    return frame


def _stretched(strokes: Strokes, generator: np.random.Generator) -> Strokes:
    """Give the drawing room, wider or narrower than it was: by the lines only."""
    from dataclasses import replace

    if strokes.lines and generator.random() < 0.5:
        middle = strokes.size / 2
        wide, slant = np.exp(generator.normal(0, 0.12)), generator.normal(0, 0.12)
        matrix = np.array([[wide, 0], [slant, 1]])
        lines = tuple((line - middle) @ matrix + middle for line in strokes.lines)
        strokes = replace(strokes, lines=lines)
    return strokes


def _dried(cover: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Take ink away in flecks, as a dry pen or a low threshold does, or make it paler there."""
    cells = int(generator.integers(12, 60))
    flecks = generator.standard_normal((cells, cells), np.float32)
    flecks = cv2.resize(flecks, cover.shape[::-1], interpolation=cv2.INTER_CUBIC)
    left = generator.choice([0.0, 0.0, 0.4])
    return np.where(flecks > generator.uniform(1.2, 2.2), left * cover, cover).astype(np.uint8)


def _uneven(cover: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Let the ink be strong here and weak there, with grain: greys are kept when glyphs are set."""
    cells = int(generator.integers(2, 6))
    field = generator.uniform(generator.uniform(0.3, 0.9), 1, (cells, cells)).astype(np.float32)
    field = cv2.resize(field, cover.shape[::-1], interpolation=cv2.INTER_LINEAR)
    grain = 1 + generator.uniform(0, 0.25) * generator.standard_normal(cover.shape, np.float32)
    return np.clip(cover * field * grain, 0, 255).astype(np.uint8)


def _crossed_out(cover: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Take a line of ink away: where a ruled line, a crease or a scratch was."""
    result = cover.copy()
    rows, columns = np.nonzero(cover)
    if not len(rows):
        return cover
    left, top, right, bottom = columns.min(), rows.min(), columns.max(), rows.max()
    thickness = max(1, round(generator.uniform(0.01, 0.05) * (bottom - top)))
    y, x = int(generator.uniform(top, bottom)), int(generator.uniform(left, right))
    if generator.random() < 0.75:
        ends = (0, y), (cover.shape[1], y + int(generator.normal(0, 3)))
    else:
        ends = (x, 0), (x + int(generator.normal(0, 3)), cover.shape[0])
    cv2.line(result, *ends, 0, thickness)
    return result


def _coarse(cover: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Take the picture with few pixels, noisy or not, and find the ink again, soft or in steps."""
    side = round(float(np.exp(generator.uniform(np.log(12), np.log(60)))))
    small = cv2.resize(cover, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    if generator.random() < 0.7:
        small = small * generator.uniform(0.7, 1.5) + generator.normal(0, 14, small.shape)
    small[small < 60] = 0
    if generator.random() < 0.3:
        small[small > 0] = 255
    small = np.clip(small, 0, 255).astype(np.uint8)
    return small if (small > 127).sum() > 8 else cover


def _blurred(cover: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Blur, and bring the ink back to its full strength."""
    soft = cv2.GaussianBlur(cover, (0, 0), generator.uniform(1, 5)).astype(np.float32)
    sharp = (soft / max(float(soft.max()), 1) - generator.uniform(0.1, 0.35)) * 2.5
    return (np.clip(sharp, 0, 1) * 255).astype(np.uint8)


def _soiled(cover: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Leave a little in the crop that does not belong: a dot, a bit of line, a neighbour's end."""
    result = cover.copy()
    side = cover.shape[0]
    rows, columns = np.nonzero(cover)
    if not len(rows):
        return cover
    box = np.array([columns.min(), rows.min(), columns.max(), rows.max()])
    thickness = int(generator.integers(1, max(2, side // 40)))
    kind = generator.integers(5)
    if kind == 0:  # a dot
        at = generator.uniform(box[:2] - 6, box[2:] + 6).astype(int).tolist()
        cv2.circle(result, at, thickness + 1, 255, -1, cv2.LINE_AA)
    elif kind == 1:  # a ruled line, broken off where the ink was found
        y = int(generator.uniform(box[1], box[3] + 4))
        start, end = np.sort(generator.uniform(box[0] - 8, box[2] + 8, 2)).astype(int).tolist()
        end = min(end, start + int(0.5 * (box[2] - box[0]) + 10))
        cv2.line(result, (start, y), (end, y), 255, thickness, cv2.LINE_AA)
    elif kind == 4:  # a piece of the side of a box, or of a line above or below
        upright = generator.random() < 0.5
        across, along = (0, 1) if upright else (1, 0)
        gap = generator.uniform(-0.02, 0.12) * side
        at = box[across] - gap if generator.random() < 0.5 else box[across + 2] + gap
        start, end = np.sort(generator.uniform(box[along] - 6, box[along + 2] + 6, 2))
        ends = [[at, start], [at, end]] if upright else [[start, at], [end, at]]
        points = [np.array(e).astype(int).tolist() for e in ends]
        cv2.line(result, points[0], points[1], 255, thickness, cv2.LINE_AA)
    elif kind == 2:  # the end of a neighbour's stroke
        x = int(box[0] - 2 if generator.random() < 0.5 else box[2] + 2)
        y = int(generator.uniform(box[1], box[3]))
        away = generator.uniform(-10, 10, 2).astype(int)
        cv2.line(result, (x, y), (x + int(away[0]) // 2, y + int(away[1])), 255, thickness)
    else:  # an edge is cut off
        cut = int(generator.uniform(0.01, 0.06) * side)
        top, left = int(box[1]), int(box[0])
        if generator.random() < 0.5:
            result[top : top + cut] = 0
        else:
            result[:, left : left + cut] = 0
    return result


def _turned(cover: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Turn, and stretch as a camera held askew or a careless resizing does."""
    side = cover.shape[0]
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), generator.normal(0, 9), 0.9)
    if generator.random() < 0.4:
        squeeze = np.exp(-np.abs(generator.normal(0, 0.25)))
        turn[generator.integers(2)] *= squeeze
    return cv2.warpAffine(cover, turn, cover.shape[::-1], flags=cv2.INTER_LINEAR)


DAMAGES = (
    (0.5, _turned),
    (0.13, _dried),
    (0.06, _crossed_out),
    (0.17, _soiled),
    (0.2, _blurred),
    (0.15, _uneven),
    (0.25, _coarse),
)


def _softened(frame: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Make a frame paler, softer or noisier."""
    soft = frame.astype(np.float32)
    if generator.random() < 0.5:
        soft = cv2.GaussianBlur(soft, (0, 0), generator.uniform(0.3, 0.8)).reshape(frame.shape)
    soft *= generator.uniform(0.6, 1.1)
    if generator.random() < 0.3:
        soft += generator.normal(0, 8, frame.shape)
    return np.clip(soft, 0, 255).astype(np.uint8)
