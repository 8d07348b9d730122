"""One digit in a picture, as people draw, photograph, scan and cut them: composed and seeded.

What `practice_pages` makes is a page with one fault; here a picture is a situation: a paint window,
a board, a cell cut out of a form, a sheet on a table. `python benchmarks/reading.py --digits` reads
them. A digit comes with its own cover, so that what was lost on the way from the picture to the ink
can be told from what the classifier cannot read in the first place.
"""

import zlib
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

import papers
from practice_pages import BLACK, BLUE, COLOURED, RED, SEED
from scenes import (
    PAPERS,
    Digit,
    Random,
    any_ink,
    coded,
    drawn_somewhere,
    inked,
    paper_of,
    photo,
    photo_size,
    printed_under,
    shown,
    taken,
)

_WINDOWS = (
    (280, 280), (300, 300), (400, 400), (500, 500),
    (480, 640), (600, 800), (648, 1152), (1592, 1080),
)  # fmt: skip


def digit(situation: str, number: int, seed: int = SEED) -> Digit:
    """Compose a picture: the same arguments give the same one, whatever was composed before."""
    generator = np.random.default_rng([seed, number, zlib.crc32(situation.encode())])
    return SITUATIONS[situation](generator)


def _near(generator: Random) -> Digit:
    drawn = drawn_somewhere(generator, photo_size(generator, 300, 1600), (0.35, 0.9))
    return shown(drawn, photo(drawn, generator))


def _far(generator: Random) -> Digit:
    drawn = drawn_somewhere(generator, photo_size(generator, 900, 2000), (0.05, 0.15))
    return shown(drawn, photo(drawn, generator))


def _paint(generator: Random) -> Digit:
    """A drawing program: hard or soft pixels, any brush, any part of the window."""
    size = _WINDOWS[generator.integers(len(_WINDOWS))]
    drawn = drawn_somewhere(generator, size, (0.12, 0.9), (0.012, 0.2))
    cover = drawn.canvas if generator.random() < 0.6 else np.where(drawn.canvas > 90, 255, 0)
    ink, paper = ((0, 0, 0), (255, 255, 255))[:: generator.choice([1, -1])]
    if generator.random() < 0.25:
        ink = tuple(generator.integers(0, 256, 3).tolist())
        paper = (0, 0, 0) if sum(ink) > 450 else (255, 255, 255)
    picture = inked(np.full((*size, 3), paper, np.float32), cover.astype(np.uint8), ink, 1.0)
    if generator.random() < 0.2:  # the window's own frame
        cv2.rectangle(picture, (0, 0), (size[1] - 1, size[0] - 1), (150, 150, 150), 2)
    saved = coded(picture, int(generator.choice([95, 75]))) if generator.random() < 0.3 else picture
    return shown(drawn, np.asarray(saved, np.uint8))


def _small_canvas(generator: Random) -> Digit:
    side = int(generator.choice([28, 32, 56, 64, 112, 200]))
    drawn = drawn_somewhere(generator, (side * 8, side * 8), (0.4, 0.92), (0.05, 0.2))
    small = cv2.resize(drawn.canvas, (side, side), interpolation=cv2.INTER_AREA)
    return shown(
        drawn, np.repeat((small if generator.random() < 0.5 else 255 - small)[..., None], 3, 2)
    )


def _chalk(generator: Random) -> Digit:
    """White or yellow chalk, dry, on a board that was wiped before."""
    size = photo_size(generator, 300, 1400)
    drawn = drawn_somewhere(generator, size, (0.2, 0.8), (0.05, 0.14))
    board = ((50, 70, 40), (40, 40, 40), (60, 85, 50), (75, 70, 65))[generator.integers(4)]
    picture = paper_of(size, generator, board)
    clouds = papers.texture((size[0] // 40 + 2, size[1] // 40 + 2), 1.0, generator)
    clouds = cv2.resize(clouds - 1, size[::-1], interpolation=cv2.INTER_CUBIC)
    picture += generator.uniform(0, 14) * np.clip(clouds, -1, 2)[..., None]
    grain = papers.texture(size, 1.0, generator) - 1
    dry = np.clip(1.3 - generator.uniform(0.1, 0.5) * (1 + grain), 0.15, 1)
    cover = (drawn.canvas * dry).astype(np.uint8)
    chalk = ((235, 240, 240), (150, 230, 240))[generator.integers(2)]
    return shown(drawn, taken(inked(picture, cover, chalk, 0.85), generator))


def _whiteboard(generator: Random) -> Digit:
    """A marker on gloss: a lamp is mirrored, old strokes shine through."""
    size = photo_size(generator, 400, 1600)
    drawn = drawn_somewhere(generator, size, (0.2, 0.7), (0.05, 0.12))
    old = drawn_somewhere(generator, size, (0.2, 0.7), (0.05, 0.12)).canvas
    picture = inked(paper_of(size, generator, (215, 215, 210)), old, (150, 120, 110), 0.06)
    picture = inked(picture, drawn.canvas, any_ink(generator), generator.uniform(0.75, 0.95))
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    middle = generator.uniform(0, 1, 2) * size
    radius = generator.uniform(0.05, 0.2) * max(size)
    lamp = np.exp(-(((y - middle[0]) ** 2 + (x - middle[1]) ** 2) / radius**2))
    return shown(drawn, taken(picture + 40 * lamp[..., None], generator))


def _tight(generator: Random) -> Digit:
    """Cut out so closely that the digit touches the borders."""
    drawn = drawn_somewhere(generator, (500, 500), (0.3, 0.9))
    left, top, right, bottom = drawn.box
    picture = photo(drawn, generator)
    room = int(generator.integers(0, 3))
    cut = picture[max(0, top - room) : bottom + room, max(0, left - room) : right + room]
    factor = generator.uniform(40, 400) / max(cut.shape)
    if factor < 1:
        cut = cv2.resize(cut, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return shown(drawn, np.ascontiguousarray(cut))


def _tiny(generator: Random) -> Digit:
    """A photo that somebody shrank to what the network wants."""
    drawn = drawn_somewhere(generator, (600, 600), (0.45, 0.9), (0.05, 0.14))
    side = int(generator.choice([20, 28, 28, 28, 32, 48, 64]))
    picture = cv2.resize(photo(drawn, generator), (side, side), interpolation=cv2.INTER_AREA)
    if generator.random() < 0.3:
        picture = 255 - picture
    return shown(drawn, coded(picture, 90) if generator.random() < 0.5 else picture)


def _pale(generator: Random) -> Digit:
    drawn = drawn_somewhere(generator, photo_size(generator, 300, 1200), (0.25, 0.8))
    return shown(drawn, photo(drawn, generator, (0.15, 0.35)))


def _blocky(generator: Random) -> Digit:
    drawn = drawn_somewhere(generator, photo_size(generator, 60, 400), (0.4, 0.85), (0.06, 0.14))
    return shown(drawn, coded(photo(drawn, generator), int(generator.integers(8, 25))))


def _coloured(generator: Random) -> Digit:
    """Coloured ink on coloured paper, sometimes with the channels swapped."""
    size = photo_size(generator, 200, 1200)
    drawn = drawn_somewhere(generator, size, (0.3, 0.8))
    paper = paper_of(size, generator, COLOURED[generator.integers(len(COLOURED))])
    picture = inked(paper, drawn.canvas, (BLUE, RED, BLACK)[generator.integers(3)], 0.9)
    picture = taken(picture, generator)
    return shown(drawn, picture[..., ::-1].copy() if generator.random() < 0.3 else picture)


def _ruled(generator: Random) -> Digit:
    drawn = drawn_somewhere(generator, photo_size(generator, 300, 1400), (0.15, 0.6), margin=0.08)
    high = drawn.cover.shape[0]
    line = max(1.0, high * generator.uniform(0.006, 0.025))
    pitch = high * generator.uniform(0.5, 1.9)
    return printed_under(generator, papers.ruled(drawn.canvas.shape, pitch, False, line), drawn)


def _squared(generator: Random) -> Digit:
    drawn = drawn_somewhere(
        generator, photo_size(generator, 300, 1400), (0.15, 0.6), (0.05, 0.13), margin=0.08
    )
    high = drawn.cover.shape[0]
    line = max(1.0, high * generator.uniform(0.005, 0.02))
    pitch = high * generator.uniform(0.3, 1.3)
    return printed_under(generator, papers.ruled(drawn.canvas.shape, pitch, True, line), drawn)


def _boxed(generator: Random) -> Digit:
    drawn = drawn_somewhere(generator, photo_size(generator, 150, 1000), (0.3, 0.65), margin=0.15)
    high = drawn.cover.shape[0]
    room = np.round(high * generator.uniform(0.04, 0.25, 4)).astype(int) + 1
    place = np.array(drawn.box) + room * (-1, -1, 1, 1)
    line = high * generator.uniform(0.01, 0.06)
    return printed_under(generator, papers.boxes(drawn.canvas.shape, place[None], line), drawn)


def _cell(generator: Random) -> Digit:
    """A cell cut out of a form: rests of its lines along one or more borders."""
    size = photo_size(generator, 50, 250)
    drawn = drawn_somewhere(generator, size, (0.45, 0.75), (0.06, 0.13), margin=0.12)
    cover = np.zeros(size, np.uint8)
    thick = max(1, round(min(size) * generator.uniform(0.01, 0.04)))
    for side in generator.permutation(4)[: generator.integers(1, 4)]:
        away = int(generator.uniform(0, 0.06) * min(size))
        lean = int(generator.normal(0, 0.01) * max(size))
        view = np.ascontiguousarray(np.rot90(cover, side))
        cv2.line(view, (0, away), (view.shape[1], away + lean), 255, thick, cv2.LINE_AA)
        cover = np.ascontiguousarray(np.rot90(view, -side))
    return printed_under(generator, cover, drawn)


def _neighbours(generator: Random) -> Digit:
    """Cut out of a line, with pieces of the digits beside it."""
    size = (400, 360)
    drawn = drawn_somewhere(generator, size, (0.5, 0.8), (0.05, 0.13), margin=0.1)
    left, top, right, bottom = drawn.box
    wide = np.pad(drawn.canvas, ((0, 0), (500, 500)))
    for ahead in (True, False):
        other = drawn_somewhere(generator, size, (0.5, 0.8), (0.05, 0.13)).cover
        gap = int(generator.uniform(0.06, 0.3) * (bottom - top))
        x = 500 + (left - gap - other.shape[1] if ahead else right + gap)
        y = int(np.clip(bottom - other.shape[0], 0, size[0] - other.shape[0]))
        wide[y : y + other.shape[0], x : x + other.shape[1]] |= other
    half = int((right - left) / 2 + generator.uniform(0.12, 0.3) * (bottom - top))
    middle = 500 + (left + right) // 2
    start, end = max(0, middle - half), middle + half
    canvas = np.ascontiguousarray(wide[:, start:end])
    return Digit(photo(replace(drawn, canvas=canvas), generator), drawn.label, drawn.cover)


def _shadowed(generator: Random) -> Digit:
    size = photo_size(generator, 400, 1600)
    drawn = drawn_somewhere(generator, size, (0.15, 0.6), margin=0.1)
    picture = inked(paper_of(size, generator), drawn.canvas, any_ink(generator), 0.9)
    picture *= papers.shadow(size, generator.uniform(0.2, 0.7), generator)[..., None]
    return shown(drawn, taken(picture, generator))


def _folded(generator: Random) -> Digit:
    size = photo_size(generator, 400, 1600)
    drawn = drawn_somewhere(generator, size, (0.2, 0.7))
    picture = inked(paper_of(size, generator), drawn.canvas, any_ink(generator), 0.9)
    picture *= papers.crease(size, generator.uniform(0.1, 0.3), generator)[..., None]
    return shown(drawn, taken(picture, generator))


def _printed_through(generator: Random) -> Digit:
    """The other side of the sheet shows, mirrored and blurred."""
    size = photo_size(generator, 400, 1400)
    drawn = drawn_somewhere(generator, size, (0.25, 0.7), (0.05, 0.13))
    other = cv2.flip(drawn_somewhere(generator, size, (0.25, 0.7), (0.05, 0.13)).canvas, 1)
    other = cv2.GaussianBlur(other, (0, 0), 0.004 * max(size))
    picture = inked(paper_of(size, generator), other, BLACK, generator.uniform(0.04, 0.13))
    return shown(drawn, taken(inked(picture, drawn.canvas, any_ink(generator), 0.9), generator))


def _on_table(generator: Random) -> Digit:
    """A sheet on a table that is seen around it."""
    size = photo_size(generator, 500, 1600)
    sheet = (
        round(size[0] * generator.uniform(0.6, 0.9)),
        round(size[1] * generator.uniform(0.6, 0.9)),
    )
    drawn = drawn_somewhere(generator, sheet, (0.2, 0.65), margin=0.12)
    paper = inked(paper_of(sheet, generator), drawn.canvas, any_ink(generator), 0.9)
    colour = ((60, 90, 130), (40, 60, 90), (50, 50, 55), (110, 130, 150), (90, 60, 50))
    table = paper_of(size, generator, colour[generator.integers(5)])
    fibres = generator.standard_normal((size[0], max(2, size[1] // 60)), np.float32)
    table *= 1 + generator.uniform(0, 0.1) * cv2.resize(fibres, size[::-1])[..., None]
    shift = [generator.uniform(-0.05, 1.05) * (a - b) for a, b in zip(size, sheet, strict=True)]
    angle = np.radians(generator.normal(0, 5))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array(sheet[::-1]) / 2
    matrix = np.hstack([turn, (middle + shift[::-1] - turn @ middle)[:, None]])
    whole = cv2.warpAffine(np.ones(sheet, np.float32), matrix, size[::-1])[..., None]
    moved = cv2.warpAffine(
        paper.astype(np.float32), matrix, size[::-1], borderMode=cv2.BORDER_REPLICATE
    )
    return shown(drawn, taken(table + whole * (moved - table), generator))


def _note(generator: Random) -> Digit:
    """A coloured note, a card or a cut-out on an even ground of another colour."""
    size = photo_size(generator, 300, 1200)
    side = round(min(size) * generator.uniform(0.5, 0.9))
    drawn = drawn_somewhere(generator, (side, side), (0.35, 0.75), margin=0.08)
    colours = (*COLOURED, *PAPERS)
    note = paper_of((side, side), generator, colours[generator.integers(len(colours))])
    note = inked(note, drawn.canvas, (BLACK, BLUE)[generator.integers(2)], 0.9)
    ground = ((255, 255, 255), (0, 0, 0), (90, 90, 90), (200, 190, 170))[generator.integers(4)]
    picture = np.full((*size, 3), ground, np.float32)
    top, left = (int(generator.integers(0, s - side + 1)) for s in size)
    picture[top : top + side, left : left + side] = note
    return shown(
        drawn, coded(picture, 90) if generator.random() < 0.5 else taken(picture, generator)
    )


def _transparent(generator: Random) -> Digit:
    """A drawing without paper: black or white strokes, all else is transparent."""
    size = _WINDOWS[generator.integers(len(_WINDOWS))]
    drawn = drawn_somewhere(generator, size, (0.2, 0.9), (0.02, 0.18))
    picture = np.zeros((*size, 4), np.uint8)
    picture[..., 3] = drawn.canvas
    if generator.random() < 0.5:
        ink = ((255, 255, 255), (200, 60, 30), (0, 0, 255))[generator.integers(3)]
        picture[..., :3] = ink if generator.random() < 0.5 else 0
        picture[drawn.canvas > 0, :3] = ink
    return shown(drawn, picture)


def _negative(generator: Random) -> Digit:
    shown = _near(generator)
    return replace(shown, picture=255 - shown.picture)


def _felt(generator: Random) -> Digit:
    drawn = drawn_somewhere(generator, photo_size(generator, 100, 1000), (0.5, 0.95), (0.16, 0.3))
    return shown(drawn, photo(drawn, generator))


def _torn(generator: Random) -> Digit:
    """A stroke that stops and goes on: a narrow gap straight through the digit."""
    drawn = drawn_somewhere(generator, photo_size(generator, 200, 1000), (0.3, 0.85), (0.05, 0.12))
    left, top, right, bottom = drawn.box
    high = bottom - top
    middle = np.array([generator.uniform(left, right), generator.uniform(top, bottom)])
    angle = generator.uniform(0, np.pi)
    along = np.array([np.cos(angle), np.sin(angle)]) * generator.uniform(0.1, 0.6) * high
    ends = [tuple(np.round(middle + sign * along).astype(int).tolist()) for sign in (-1, 1)]
    canvas = drawn.canvas.copy()
    cv2.line(canvas, *ends, 0, max(1, round(high * generator.uniform(0.02, 0.06))), cv2.LINE_AA)
    return shown(drawn, photo(replace(drawn, canvas=canvas), generator))


def _other_schools(generator: Random) -> Digit:
    drawn = drawn_somewhere(generator, photo_size(generator, 200, 1200), (0.3, 0.85), bends=True)
    return shown(drawn, photo(drawn, generator))


def _dirty(generator: Random) -> Digit:
    """Specks, hairs and stains."""
    size = photo_size(generator, 300, 1400)
    drawn = drawn_somewhere(generator, size, (0.25, 0.8))
    away = (
        cv2.dilate(drawn.canvas, np.ones((3, 3)), iterations=max(1, round(0.04 * min(size)))) == 0
    )
    dirt = np.zeros(size, np.uint8)
    for _ in range(generator.integers(3, 25)):
        x, y = (int(generator.integers(0, side)) for side in size[::-1])
        cv2.circle(
            dirt, (x, y), int(generator.uniform(0.5, 0.012 * min(size))), 255, -1, cv2.LINE_AA
        )
    for _ in range(generator.integers(0, 3)):
        start = generator.uniform(0, 1, 2) * size[::-1]
        bends = start + np.cumsum(generator.normal(0, 0.02 * min(size), (12, 2)), axis=0)
        cv2.polylines(
            dirt, [bends.astype(np.int32)], False, 200, max(1, min(size) // 400), cv2.LINE_AA
        )
    picture = inked(
        paper_of(size, generator), dirt * away, (70, 80, 90), generator.uniform(0.3, 0.9)
    )
    return shown(drawn, taken(inked(picture, drawn.canvas, any_ink(generator), 0.9), generator))


def _two_levels(generator: Random) -> Digit:
    """A scan in black and white: speckled, with the scanner's dark border."""
    size = photo_size(generator, 150, 1200)
    drawn = drawn_somewhere(generator, size, (0.3, 0.8), (0.05, 0.14), margin=0.1)
    picture = inked(paper_of(size, generator, (235, 235, 235)), drawn.canvas, BLACK, 0.9)
    if generator.random() < 0.4:
        picture *= papers.dark_edge(size, 0.9, 0.08 * min(size), generator)[..., None]
    noisy = picture[..., 0] + generator.uniform(5, 45) * generator.standard_normal(size, np.float32)
    return shown(drawn, np.repeat(np.where(noisy > 130, 255, 0).astype(np.uint8)[..., None], 3, 2))


def _letterboxed(generator: Random) -> Digit:
    """A photo laid on a black, white or grey square."""
    drawn = drawn_somewhere(generator, photo_size(generator, 200, 800), (0.4, 0.85))
    picture = photo(drawn, generator)
    height, width = picture.shape[:2]
    side = round(max(height, width) * generator.uniform(1, 1.4))
    top, left = (side - height) // 2, (side - width) // 2
    around = (top, side - height - top, left, side - width - left)
    ground = [int(generator.choice([0, 255, 128]))] * 3
    return shown(drawn, cv2.copyMakeBorder(picture, *around, cv2.BORDER_CONSTANT, value=ground))


def _blurred(generator: Random) -> Digit:
    drawn = drawn_somewhere(generator, photo_size(generator, 80, 1000), (0.4, 0.8), (0.06, 0.14))
    blur = generator.uniform(0.02, 0.05) * drawn.cover.shape[0]
    return shown(drawn, cv2.GaussianBlur(photo(drawn, generator), (0, 0), blur))


def _enlarged(generator: Random) -> Digit:
    """A small picture that was enlarged: blocks or blur."""
    shown = _tiny(generator)
    side = int(generator.choice([140, 280, 500, 1000]))
    method = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC)[generator.integers(3)]
    return replace(shown, picture=cv2.resize(shown.picture, (side, side), interpolation=method))


def _finger(generator: Random) -> Digit:
    """A finger or a pen's end in a corner of the picture."""
    size = photo_size(generator, 500, 1600)
    drawn = drawn_somewhere(generator, size, (0.2, 0.5), margin=0.25)
    picture = inked(paper_of(size, generator), drawn.canvas, any_ink(generator), 0.9)
    cover = np.zeros(size, np.uint8)
    corner = np.array([generator.integers(2) * size[1], generator.integers(2) * size[0]])
    inward = np.sign(np.array(size[::-1]) / 2 - corner) * generator.uniform(0.05, 0.18) * min(size)
    start, end = corner - inward, corner + inward
    ends = [tuple(np.round(point).astype(int).tolist()) for point in (start, end)]
    cv2.line(cover, *ends, 255, round(0.1 * min(size)), cv2.LINE_AA)
    colour = ((130, 160, 210), (70, 90, 140), (40, 40, 40))[generator.integers(3)]
    return shown(drawn, taken(inked(picture, cover, colour, 0.95), generator))


def _huge(generator: Random) -> Digit:
    drawn = drawn_somewhere(generator, photo_size(generator, 3000, 4200), (0.1, 0.7), (0.02, 0.1))
    return shown(drawn, photo(drawn, generator))


SITUATIONS: dict[str, Callable[[Random], Digit]] = {
    "photo, near": _near,
    "photo, far": _far,
    "paint window": _paint,
    "small canvas": _small_canvas,
    "chalk": _chalk,
    "whiteboard": _whiteboard,
    "cut tightly": _tight,
    "tiny": _tiny,
    "pale": _pale,
    "blocky": _blocky,
    "coloured": _coloured,
    "ruled": _ruled,
    "squared": _squared,
    "boxed": _boxed,
    "cell of a form": _cell,
    "neighbours": _neighbours,
    "shadow": _shadowed,
    "fold": _folded,
    "printed through": _printed_through,
    "sheet on a table": _on_table,
    "note": _note,
    "transparent": _transparent,
    "negative": _negative,
    "felt pen": _felt,
    "torn": _torn,
    "other schools": _other_schools,
    "dirt": _dirty,
    "two levels": _two_levels,
    "letterboxed": _letterboxed,
    "blurred": _blurred,
    "enlarged": _enlarged,
    "finger": _finger,
    "huge": _huge,
}
