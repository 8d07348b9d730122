"""What is no digit, for the reader that ships: letters, scribbles, blots, noise, pieces, pairs."""

from collections.abc import Callable

import cv2
import numpy as np
from pen_digits import SCALE, SHAPE, any_pen, frame_of
from school_hands import school_digit

from loupe.framing import Framing
from loupe.reading.setting import set_glyph
from strokes import Strokes, draw

# Hershey's stroke fonts, as OpenCV has them.
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)  # fmt: skip
LETTERS = "AEFHKMNPRWXdefhkmnprvwx"
# Somebody's hand makes a digit of these now and then; they are measured, but not learnt from.
OTHER_LETTERS = "CGJLQTUVYacgjtuy"
# Everybody's hand does so of the rest: l I O o Z z S s B b D i q
SIGNS = "#%*=+~{}^<@"
DIGITS_SIDE = 140  # pixels that everything is drawn on
PAIR_SCALE = 4.0  # pixels to one of MNIST's

Make = Callable[[np.ndarray, Framing, np.random.Generator], np.ndarray]


def no_digit(digits: np.ndarray, framing: Framing, generator: np.random.Generator) -> np.ndarray:
    """Make one image of something that is no digit, `[28 28 1]`.

    Args:
        digits: images of MNIST to make pieces, pairs and puzzles of, `[n 28 28]`.
        framing: of MNIST.
        generator: of all that is drawn by chance.
    """
    chances = np.array([chance for chance, _ in NO_DIGITS])
    made = NO_DIGITS[generator.choice(len(NO_DIGITS), p=chances / chances.sum())][1]
    return made(digits, framing, generator)


def no_clothing(
    clothes: np.ndarray, framing: Framing, generator: np.random.Generator
) -> np.ndarray:
    """Make one image of something that is no garment, `[28 28 1]`; framing is that of MNIST."""
    makers = (_letter, _scribble, _noisy, _noisy, _speckle, _puzzle, _puzzle)
    return makers[generator.integers(len(makers))](clothes, framing, generator)


def letter_cover(text: str, font: int, generator: np.random.Generator) -> np.ndarray:
    """Draw a letter with a warped stroke font: cover 0 to 255."""
    cover = np.zeros((DIGITS_SIDE, DIGITS_SIDE), np.uint8)
    thickness = int(generator.integers(1, 16))
    size, _ = cv2.getTextSize(text, font, 1, 1)
    scale = 70 / max(size)
    (width, height), _ = cv2.getTextSize(text, font, scale, thickness)
    at = ((DIGITS_SIDE - width) // 2, (DIGITS_SIDE + height) // 2)
    cv2.putText(cover, text, at, font, scale, 255, thickness, cv2.LINE_AA)
    return _warped(cover, generator)


def _warped(cover: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Bend and slant as hands do."""
    side = cover.shape[0]
    y, x = np.mgrid[:side, :side].astype(np.float32)
    for axis in (x, y):
        field = generator.normal(0, 0.03 * side, (4, 4)).astype(np.float32)
        axis += cv2.resize(field, (side, side), interpolation=cv2.INTER_CUBIC)
    x += np.float32(generator.normal(0, 0.15)) * (y - side / 2)
    return cv2.remap(cover, x, y, cv2.INTER_LINEAR)


def _letter(digits: np.ndarray, framing: Framing, generator: np.random.Generator) -> np.ndarray:
    text = str(generator.choice(list(LETTERS if generator.random() < 0.7 else SIGNS)))
    cover = letter_cover(text, FONTS[generator.integers(len(FONTS))], generator)
    return frame_of(cover, framing, generator)


def _scribble(digits: np.ndarray, framing: Framing, generator: np.random.Generator) -> np.ndarray:
    """Curves through many random points, or several strokes across each other."""
    lines = []
    for _ in range(generator.integers(1, 6)):
        knots = generator.uniform(4, 24, (int(generator.integers(2, 9)), 2))
        fine = np.linspace(0, len(knots) - 1, 40)
        line = np.stack([np.interp(fine, np.arange(len(knots)), knots[:, i]) for i in (0, 1)], 1)
        if generator.random() < 0.7:
            line = cv2.GaussianBlur(line, (1, 9), 2, borderType=cv2.BORDER_REPLICATE)
        lines.append(line)
    if len(lines) == 1 or sum(map(len, lines)) < 160:  # too little may be a digit by chance
        knots = generator.uniform(4, 24, (7, 2))
        lines += [knots]
    empty = np.full((28 * 6, 28 * 6), -5, np.float32)
    strokes = Strokes(tuple(lines), 2.4, empty, 28)
    pen = any_pen(generator)
    cover = draw(strokes, type(pen)(pen.width, "drawn"), SCALE, generator)
    return frame_of(cover, framing, generator)


def _blot(digits: np.ndarray, framing: Framing, generator: np.random.Generator) -> np.ndarray:
    """Filled shapes with grain, as large as the frame or less: shirts, faces, blots."""
    image = np.zeros((112, 112), np.float32)
    mirrored = generator.random() < 0.6
    for _ in range(generator.integers(1, 4)):
        count = int(generator.integers(3, 12))
        angles = np.sort(generator.uniform(0, 2 * np.pi, count))
        radii = generator.uniform(10, 54, count)
        points = 56 + np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None]
        shape = np.zeros((112, 112), np.uint8)
        cv2.fillPoly(shape, [points.astype(np.int32)], 255, cv2.LINE_AA)
        level = generator.uniform(40, 255)
        image = np.maximum(image, shape * np.float32(level / 255))
    if mirrored:
        image = np.maximum(image, image[:, ::-1])
    grain = _noise((112, 112), generator)
    image *= 1 + generator.uniform(0, 0.8) * (grain - 1)
    small = cv2.resize(image, (28, 28), interpolation=cv2.INTER_AREA)
    small = np.clip(small, 0, 255).astype(np.uint8)[..., np.newaxis]
    if generator.random() < 0.4:
        return set_glyph(np.clip(image, 0, 255).astype(np.uint8), framing, SHAPE)
    return small


def _noise(size: tuple[int, int], generator: np.random.Generator) -> np.ndarray:
    """A smooth or rough random field, 0..2."""
    cells = [max(2, int(side / generator.choice([1, 2, 4, 8, 16]))) for side in size]
    field = generator.standard_normal(cells, np.float32)
    field = cv2.resize(field, size[::-1], interpolation=cv2.INTER_LINEAR)
    return np.clip(1 + field / 2, 0, 2)


def _noisy(digits: np.ndarray, framing: Framing, generator: np.random.Generator) -> np.ndarray:
    """Noise of any grain, density and contrast, up to an even frame."""
    field = _noise((28, 28), generator) - 1
    kind = generator.integers(4)
    if kind == 0:  # sparse
        field = (field > generator.uniform(0.3, 1)) * generator.uniform(0.3, 1)
    elif kind == 1:  # even, or nearly
        field = generator.uniform(0, 1) + field * generator.uniform(0, 0.1)
    elif kind == 2:  # uniform
        field = generator.random((28, 28)) * generator.uniform(0.1, 1)
    else:
        field = generator.uniform(0, 1) + generator.uniform(0.1, 1) * field
    return np.clip(255 * field, 0, 255).astype(np.uint8)[..., np.newaxis]


def _speckle(digits: np.ndarray, framing: Framing, generator: np.random.Generator) -> np.ndarray:
    """Noise that was taken for ink, set as a glyph."""
    field = _noise((64, 64), generator)
    cover = np.where(field > generator.uniform(1.2, 1.8), 255, 0).astype(np.uint8)
    return set_glyph(cover, framing, SHAPE) if cover.any() else _noisy(digits, framing, generator)


def _pair(digits: np.ndarray, framing: Framing, generator: np.random.Generator) -> np.ndarray:
    """Two or three digits side by side that touch or nearly do, or one on another, as one glyph."""
    count, pen = 2 if generator.random() < 0.85 else 3, any_pen(generator)
    taught = generator.random() < 0.5
    parts = []
    for image in digits[generator.integers(0, len(digits), count)]:
        if taught:
            hand = school_digit(int(generator.integers(10)), generator)
            part = draw(hand, pen, PAIR_SCALE, generator)
        else:
            side = round(image.shape[0] * PAIR_SCALE)
            part = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)
        rows, columns = (np.flatnonzero((part > 60).any(axis=axis)) for axis in (1, 0))
        if len(rows):
            parts.append(part[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    cover = parts[0]
    for part in parts[1:]:
        cover = _beside(cover, part, generator)
    if generator.random() < 0.1:
        cover = _beside(parts[0].T, parts[-1].T, generator).T
    cover = np.pad(np.ascontiguousarray(cover), 12)
    return frame_of(cover, framing, generator) if taught else set_glyph(cover, framing, SHAPE)


def _beside(left: np.ndarray, right: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Lay one cover to the right of another, a little into it or a little away from it."""
    gap = max(round(generator.uniform(-3, 2.5) * PAIR_SCALE), -right.shape[1] // 2)
    drop = round(generator.normal(0, 1) * PAIR_SCALE)
    height = max(left.shape[0], right.shape[0] + abs(drop))
    start = left.shape[1] + gap
    result = np.zeros((height + abs(drop), max(left.shape[1], start + right.shape[1])), np.uint8)
    top = max(0, -drop)
    result[top : top + left.shape[0], : left.shape[1]] = left
    part = result[top + drop : top + drop + right.shape[0], max(0, start) :]
    part = part[:, : right.shape[1]]
    np.maximum(part, right[:, : part.shape[1]], out=part)
    return result


def _puzzle(digits: np.ndarray, framing: Framing, generator: np.random.Generator) -> np.ndarray:
    """A digit's quarters in another order, two digits on each other, or a digit's negative."""
    image, other = digits[generator.integers(0, len(digits), 2)]
    kind = generator.integers(4)
    if kind == 0:
        order = generator.permutation(4)
        while (order == np.arange(4)).sum() > 1:
            order = generator.permutation(4)
        quarters = [image[a : a + 14, b : b + 14] for a in (0, 14) for b in (0, 14)]
        upper, lower = np.hstack([quarters[i] for i in order[:2]]), order[2:]
        image = np.vstack([upper, np.hstack([quarters[i] for i in lower])])
    elif kind == 1 and (both := np.maximum(image, np.rot90(other))).sum() > 1.3 * image.sum():
        image = both
    elif kind < 3:
        image = 255 - image
    else:  # crossed out
        image = image.copy()
        for _ in range(generator.integers(3, 6)):
            a, b = generator.integers(3, 25, (2, 2)).tolist()
            cv2.line(image, a, b, 255, int(generator.integers(1, 4)), cv2.LINE_AA)
    return image[..., np.newaxis]


NO_DIGITS: tuple[tuple[float, Make], ...] = (
    (0.27, _letter),
    (0.14, _scribble),
    (0.17, _blot),
    (0.08, _noisy),
    (0.04, _speckle),
    (0.21, _pair),
    (0.09, _puzzle),
)
