"""Practice pages: pictures of handwritten digits with known text, composed and seeded.

    python benchmarks/practice_pages.py FOLDER [--count 20] [--faults shadow box] [--seed 0]

writes PNGs and labels.csv. The digits are MNIST training digits of writers whose images the shipped
reader did not learn from, traced and drawn anew by a pen (`strokes`), on generated paper in
generated light (`papers`). A page has one fault by name, none ("clean") or several ("everything"):
what it costs a reader can be told apart.
"""

import argparse
import csv
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

import loupe
import papers
from loupe.data.dataset import Dataset
from loupe.data.split import hold_out_validation
from pen_marks import marked
from strokes import Pen, Strokes, draw, extent, trace, with_line

VALIDATION, SEED = 1 / 12, 0  # the writers that the shipped reader is not trained on
Layout = Literal["single", "line", "page", "column"]
Colour = tuple[int, int, int]  # blue, green, red

BLACK, BLUE, RED, GREEN = (45, 40, 40), (140, 60, 35), (50, 45, 170), (70, 110, 40)
WHITE, CREAM, GREY = (250, 250, 250), (205, 226, 236), (190, 192, 190)
COLOURED: tuple[Colour, ...] = (
    (120, 215, 240), (190, 170, 235), (225, 190, 140), (150, 200, 150), (110, 160, 205),
)  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """All that decides how a page looks, but for chance; lengths are shares of a digit's height.

    Attributes:
        layout: one digit, one line, up to five lines, or one digit a line.
        digit: height of the digits, pixels.
        margin: paper around the writing.
        pen: what is written with; its width is a share of the digit's height.
        ink: its colour; opacity: how much of the paper it covers; dry: share of it that is missing.
        gap: between digits; slope: of the baselines; turn: of the page, degrees.
        paper: colour; texture, gradient, vignette, shadow, crease, edge: their depths, 0 for none.
        ruled: pitch of printed lines, 0: none; squared: whether both ways; boxed: digit by digit.
        marked: what the pen drew around the digits, a row of `MARKS`; "": nothing.
        dots: stray ones; bends: bars of other schools (European 1, crossed 7, slashed 0).
        tilt: of the camera; blur: standard deviation; noise: levels; jpeg: quality, 0 for none.
        patch: whether the picture was cut out and laid on white.
        megapixels: the size that the picture is brought to; 0: as it is.
        longest: the longer side in pixels that it is brought down to, 0: as it is.
    """

    layout: Layout = "single"
    digit: float = 160.0
    margin: float = 0.6
    pen: Pen = Pen(0.08)
    ink: Colour = BLACK
    opacity: float = 0.95
    dry: float = 0.0
    gap: float = 0.35
    slope: float = 0.0
    turn: float = 0.0
    paper: Colour = WHITE
    texture: float = 0.004
    gradient: float = 0.0
    vignette: float = 0.0
    shadow: float = 0.0
    crease: float = 0.0
    edge: float = 0.0
    ruled: float = 0.0
    squared: bool = False
    boxed: bool = False
    marked: str = ""
    dots: int = 0
    bends: bool = False
    tilt: float = 0.0
    blur: float = 0.004
    noise: float = 0.8
    jpeg: int = 0
    patch: bool = False
    megapixels: float = 0.0
    longest: int = 0


@dataclass(frozen=True, eq=False)
class Page:
    """A picture, uint8 `[h w 3]` in OpenCV's order of colours, and what is written on it."""

    picture: np.ndarray
    text: str
    fault: str
    layout: Layout


Change = Callable[[Scene, np.random.Generator], Scene]


def change(**settings: Any) -> Change:
    """Make a fault of settings: pairs of floats are drawn between, tuples of others from."""

    def apply(scene: Scene, generator: np.random.Generator) -> Scene:
        drawn = {}
        for name, value in settings.items():
            if isinstance(value, tuple) and all(isinstance(v, float) for v in value):
                value = float(generator.uniform(*value))
            elif isinstance(value, tuple):
                value = value[generator.integers(len(value))]
            drawn[name] = value
        width = drawn.pop("width", None)
        scene = replace(scene, **drawn)
        return scene if width is None else replace(scene, pen=replace(scene.pen, width=width))

    return apply


def _light_on_dark(scene: Scene, generator: np.random.Generator) -> Scene:
    dark = int(generator.integers(0, 70))
    paper = (dark, dark, dark) if generator.random() < 0.7 else (60, 80, 35)  # or a blackboard
    return replace(scene, ink=(245, 245, 240), paper=paper)


def _drawn_on_a_screen(scene: Scene, generator: np.random.Generator) -> Scene:
    ink, paper = ((0, 0, 0), (255, 255, 255))[:: generator.choice([1, -1])]
    width = float(generator.uniform(0.02, 0.2))
    pen = replace(scene.pen, width=width, pressure=0.0, wobble=0.35, way="drawn")
    return replace(scene, ink=ink, paper=paper, pen=pen, opacity=1, texture=0, noise=0, blur=0)


def _hairline(scene: Scene, generator: np.random.Generator) -> Scene:
    pen = replace(scene.pen, width=float(generator.uniform(0.008, 0.025)), way="drawn")
    return replace(scene, pen=pen)


def _pencil(scene: Scene, generator: np.random.Generator) -> Scene:
    pen = replace(scene.pen, width=float(generator.uniform(0.025, 0.06)), pressure=0.5)
    opacity, dry = generator.uniform(0.25, 0.55), generator.uniform(0.2, 0.6)
    return replace(scene, ink=(110, 110, 110), opacity=float(opacity), dry=float(dry), pen=pen)


FAULTS: dict[str, Change] = {
    "clean": change(),
    "screen": _drawn_on_a_screen,
    "hairline": _hairline,
    "brush": change(width=(0.16, 0.26), gap=(0.5, 0.7)),
    "pencil": _pencil,
    "dry pen": change(dry=(0.5, 0.9), width=(0.04, 0.09)),
    "pale": change(opacity=(0.15, 0.3)),
    "coloured ink": change(ink=(BLUE, RED, GREEN), opacity=(0.6, 0.9)),
    "coloured paper": change(paper=COLOURED, ink=(BLUE, RED, BLACK)),
    "light on dark": _light_on_dark,
    "gradient": change(gradient=(0.35, 0.7), paper=(WHITE, CREAM, GREY)),
    "vignette": change(vignette=(0.4, 0.8), paper=(WHITE, CREAM, GREY)),
    "shadow": change(shadow=(0.3, 0.75), paper=(WHITE, CREAM, GREY)),
    "texture": change(texture=(0.015, 0.045), paper=(CREAM, GREY)),
    "crease": change(crease=(0.1, 0.3), paper=(WHITE, CREAM)),
    "dark edge": change(edge=(0.6, 0.95), paper=(WHITE, CREAM), margin=(0.8, 1.5)),
    "ruled": change(ruled=(1.1, 1.9)),
    "squared": change(ruled=(0.4, 1.4), squared=True),
    "box": change(boxed=True, gap=(0.6, 0.9)),
    "underlined": change(marked=("underline", "underline", "line above"), margin=(0.6, 1.2)),
    "ringed": change(marked="ring", margin=(0.9, 1.4), gap=(1.6, 2.2), layout=("single", "line")),
    "cells": change(marked="cells", margin=(0.5, 1.2), layout="line", gap=(0.4, 0.7)),
    "patch": change(patch=True, paper=(GREY, CREAM), margin=(0.15, 0.4)),
    "tilt": change(tilt=(0.1, 0.3)),
    "turn": change(turn=(-14.0, 14.0)),
    "slope": change(slope=(-0.5, 0.5), layout=("line", "line", "page")),
    "dots": change(dots=(2, 4, 8)),
    "touching": change(gap=(-0.06, 0.04), layout="line"),
    "wide margin": change(margin=(3.0, 8.0), digit=(50.0, 120.0)),
    "at the border": change(margin=(0.02, 0.06)),
    "other schools": change(bends=True),
    "blur": change(blur=(0.03, 0.06)),
    "noise": change(noise=(8.0, 22.0)),
    "jpeg": change(jpeg=(8, 15, 25), digit=(60.0, 160.0)),
    "tiny": change(layout="single", longest=(25, 28, 32, 48), blur=0.0, margin=(0.1, 0.5)),
    "12 megapixels": change(megapixels=(6.0, 12.0)),
}
EVERYTHING = "everything"
_ALONE = ("clean", "tiny", "12 megapixels", "ringed", "cells")  # not to be mixed


def page(fault: str, number: int, seed: int = SEED, layout: Layout | None = None) -> Page:
    """Compose a page: the same arguments give the same page, whatever was composed before."""
    generator = np.random.default_rng([seed, number, zlib.crc32(fault.encode())])
    scene = _ordinary(generator)
    if fault == EVERYTHING:
        names = [name for name in FAULTS if name not in _ALONE]
        for name in generator.permutation(names)[: generator.integers(2, 6)]:
            scene = FAULTS[name](scene, generator)
    else:
        scene = FAULTS[fault](scene, generator)
    return compose(replace(scene, layout=layout or scene.layout), fault, generator)


def compose(scene: Scene, fault: str, generator: np.random.Generator) -> Page:
    """Write digits as a scene has them, lay them on paper, light them, take the picture."""
    rows = _rows(scene.layout, generator)
    images = choose_digits(rows, generator)
    cover, text, places = _write(scene, rows, images, generator)
    if scene.marked:
        width = scene.pen.width * scene.digit * generator.uniform(0.5, 1.0)
        cover = marked(scene.marked, cover, places, rows, width, generator)
    picture = _on_paper(scene, cover, places, generator)
    picture = _taken(scene, picture, generator)
    return Page(picture, text, fault, scene.layout)


@cache
def held_out() -> Dataset:
    """Give MNIST's training images by writers that the shipped reader does not learn from."""
    return hold_out_validation(loupe.read("mnist"), VALIDATION, SEED).validation


def _ordinary(generator: np.random.Generator) -> Scene:
    """Somebody's page, nothing wrong with it."""
    layouts: list[Layout] = ["single", "line", "page", "column"]
    layout = layouts[generator.choice(4, p=[0.5, 0.25, 0.15, 0.1])]
    widest = 300 if layout == "single" else 130
    pen = Pen(
        float(generator.uniform(0.035, 0.13)),
        "shape" if generator.random() < 0.3 else "drawn",
        pressure=float(generator.choice([0.0, 0.15, 0.3])),
        wobble=float(generator.uniform(0, 0.35)),
    )
    return Scene(
        layout,
        digit=float(np.exp(generator.uniform(np.log(55), np.log(widest)))),
        margin=float(generator.uniform(0.3, 1.2)),
        pen=pen,
        ink=(BLACK, BLACK, BLUE)[generator.integers(3)],
        paper=(WHITE, WHITE, CREAM)[generator.integers(3)],
        gap=float(generator.uniform(0.25, 0.6)),
        slope=float(generator.normal(0, 0.015)),
        turn=float(generator.normal(0, 1)),
        jpeg=int(generator.choice([0, 90, 75])),
    )


def _rows(layout: Layout, generator: np.random.Generator) -> list[int]:
    """How many digits there are in each line."""
    if layout == "single":
        return [1]
    if layout == "line":
        return [int(generator.integers(2, 11))]
    if layout == "column":
        return [1] * int(generator.integers(2, 6))
    count = int(generator.integers(2, 6))
    return generator.integers(2, 9, count).tolist()


def choose_digits(rows: list[int], generator: np.random.Generator) -> list[tuple[int, int]]:
    """Choose a writer, and digits of that writer: index and label of each."""
    data = held_out()
    assert data.groups is not None  # the catalogue brings them
    writer = generator.choice(np.unique(data.groups))
    own = np.flatnonzero(data.groups == writer)
    classes = generator.integers(0, 10, sum(rows))
    chosen = []
    for label in classes:
        of_class = own[data.labels[own] == label]
        of_class = of_class if len(of_class) else np.flatnonzero(data.labels == label)
        chosen.append((int(generator.choice(of_class)), int(label)))
    return chosen


@lru_cache(maxsize=6000)
def _traced(index: int) -> Strokes:
    return trace(held_out().images[index, ..., 0])


def other_school(strokes: Strokes, label: int, generator: np.random.Generator) -> Strokes:
    """Add what other schools teach: flag and foot of a 1, bar of a 7, stroke through a 0."""
    left, top, right, bottom = extent(strokes)
    height = bottom - top
    if label == 1 and right - left < 0.45 * height:
        points = np.concatenate(strokes.lines)
        x, y = points[points[:, 1].argmin()]
        length, angle = generator.uniform(0.2, 0.6) * height, generator.uniform(0.5, 1.0)
        flag = (x - length * np.sin(angle), y + length * np.cos(angle))
        strokes = with_line(strokes, flag, (x, y))
        if generator.random() < 0.4:
            x, y = points[points[:, 1].argmax()]
            half = generator.uniform(0.15, 0.3) * height
            strokes = with_line(strokes, (x - half, y), (x + half, y))
    elif label == 7:
        points = np.concatenate(strokes.lines)
        level = top + generator.uniform(0.4, 0.6) * height
        stem = points[np.abs(points[:, 1] - level) < 0.06 * height]
        if len(stem):
            x, half = float(stem[:, 0].max()), generator.uniform(0.15, 0.3) * height
            rise = generator.uniform(-0.3, 0.3) * half
            strokes = with_line(strokes, (x - half, level + rise), (x + half, level - rise))
    elif label == 0 and right - left > 0.4 * height:
        more = generator.uniform(-0.1, 0.12)
        across, down = (0.8 + more) * (right - left) / 2, (0.8 + more) * height / 2
        x, y = (left + right) / 2, (top + bottom) / 2
        strokes = with_line(strokes, (x - across, y + down), (x + across, y - down))
    return strokes


def draw_digit(
    scene: Scene, index: int, label: int, height: float, generator: np.random.Generator
) -> np.ndarray:
    """Draw one digit so many pixels high: its cover, cropped."""
    strokes = _traced(index)
    if scene.bends and label in (0, 1, 7):
        strokes = other_school(strokes, label, generator)
    _, top, _, bottom = extent(strokes) if strokes.lines else (0, 4, 28, 24)
    tall = max(bottom - top, 8.0)
    pen = replace(scene.pen, width=scene.pen.width * tall)
    room = 6  # a brush is wider than the image's margin
    padded = replace(
        strokes,
        lines=tuple(line + room for line in strokes.lines),
        distance=_padded(strokes, room),
        size=strokes.size + 2 * room,
    )
    cover = draw(padded, pen, height / tall, generator)
    rows, columns = np.flatnonzero(cover.any(1)), np.flatnonzero(cover.any(0))
    return cover[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _padded(strokes: Strokes, room: int) -> np.ndarray:
    """The distance to the outline also beyond the image: it falls on."""
    wide = room * strokes.distance.shape[0] // strokes.size
    outside = np.pad(strokes.distance <= 0, wide, constant_values=True).astype(np.uint8)
    fallen = -cv2.distanceTransform(outside, cv2.DIST_L2, 5) * room / wide
    inner = fallen[wide:-wide, wide:-wide]
    inner[...] = strokes.distance
    return fallen.astype(np.float32)


def _write(
    scene: Scene, rows: list[int], digits: list[tuple[int, int]], generator: np.random.Generator
) -> tuple[np.ndarray, str, np.ndarray]:
    """Set the digits in lines: cover of the page, its text, the digits' boxes."""
    sizes = scene.digit * np.exp(generator.normal(0, 0.05, len(digits)))
    glyphs = [
        draw_digit(scene, index, label, height, generator)
        for (index, label), height in zip(digits, sizes, strict=True)
    ]
    spacing = scene.digit * generator.uniform(1.45, 1.9)
    placed, at, left_edge = [], 0, generator.uniform(0, 0.5)
    for row, count in enumerate(rows):
        x = scene.digit * left_edge * generator.uniform(0, 1)
        for glyph in glyphs[at : at + count]:
            base = row * spacing - scene.slope * x + scene.digit * generator.normal(0, 0.02)
            placed.append((x, base - glyph.shape[0]))
            x += glyph.shape[1] + scene.digit * max(scene.gap * generator.uniform(0.8, 1.2), -0.1)
        at += count
    corner = np.array(placed)
    sides = np.array([glyph.shape[::-1] for glyph in glyphs])
    margin = scene.digit * scene.margin * generator.uniform(0.6, 1.4, 4)
    corner = np.round(corner - corner.min(0) + margin[:2]).astype(int)
    width, height = (np.round((corner + sides).max(0) + margin[2:]).astype(int)).tolist()
    cover = np.zeros((height, width), np.uint8)
    for glyph, (x, y) in zip(glyphs, corner.tolist(), strict=True):
        part = cover[y : y + glyph.shape[0], x : x + glyph.shape[1]]
        np.maximum(part, glyph, out=part)
    labels = "".join(str(label) for _, label in digits)
    ends = np.cumsum([0, *rows])
    lines = (labels[start:end] for start, end in zip(ends[:-1], ends[1:], strict=True))
    return (
        _with_dots(scene, cover, generator),
        "\n".join(lines),
        np.hstack([corner, corner + sides]),
    )


def _with_dots(scene: Scene, cover: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Let the pen touch the paper here and there, away from the digits."""
    near = cv2.dilate(cover, np.ones((3, 3)), iterations=max(1, round(0.05 * scene.digit)))
    empty = np.argwhere(near == 0)
    for y, x in empty[generator.integers(0, len(empty), scene.dots)] if len(empty) else ():
        radius = scene.digit * generator.uniform(0.006, 0.03)
        cv2.circle(cover, (int(x), int(y)), max(1, round(radius)), 255, -1, cv2.LINE_AA)
    return cover


def _on_paper(
    scene: Scene, cover: np.ndarray, places: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Lay ink on paper: float32 `[h w 3]`, levels."""
    size = cover.shape
    share = cover.astype(np.float32) / 255 * scene.opacity
    if scene.dry:
        grain = papers.texture(size, 1.0, generator) - 1
        share *= np.clip(1.3 - scene.dry * (1 + grain), 0.05, 1)
    picture = np.empty((*size, 3), np.float32)
    picture[:] = np.array(scene.paper, np.float32) * generator.uniform(0.9, 1.0)
    printed = np.zeros(size, np.uint8)
    if scene.ruled:
        line = scene.digit * generator.uniform(0.006, 0.02)
        printed = papers.ruled(size, scene.ruled * scene.digit, scene.squared, line)
    if scene.boxed:
        line = scene.digit * generator.uniform(0.012, 0.05)
        printed = papers.boxes(size, _around(places, scene, generator), line)
    for part, colour, strength in (
        (printed, _print_colour(generator), generator.uniform(0.3, 0.9)),
        (share, scene.ink, 1.0),
    ):
        if part.any():
            part = part.astype(np.float32)[..., None] / (255 if part.dtype == np.uint8 else 1)
            picture += strength * part * (np.array(colour, np.float32) - picture)
    if scene.texture:
        picture *= papers.texture(size, scene.texture, generator)[..., None]
    return picture


def _around(places: np.ndarray, scene: Scene, generator: np.random.Generator) -> np.ndarray:
    """Boxes around digits: one each, sometimes one around them all."""
    room = scene.digit * generator.uniform(0.08, 0.2)
    apart = places + room * np.array([-1, -1, 1, 1])
    if generator.random() < 0.3 and len(places) > 1:
        return np.concatenate([apart[:, :2].min(0), apart[:, 2:].max(0)])[None]
    return apart


def _print_colour(generator: np.random.Generator) -> Colour:
    return ((60, 60, 60), (200, 150, 110), (150, 150, 210), (160, 160, 160))[generator.integers(4)]


def _taken(scene: Scene, picture: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Take the picture: place the camera, light the paper, let the lens and the file do theirs."""
    picture = _placed(scene, picture, generator)
    size = picture.shape[:2]
    for name in ("gradient", "vignette", "shadow", "crease"):
        if depth := getattr(scene, name):
            picture *= getattr(papers, name)(size, depth, generator)[..., None]
    if scene.edge:
        widest = 0.5 * scene.margin * scene.digit  # what is written stays on the paper
        picture *= papers.dark_edge(size, scene.edge, widest, generator)[..., None]
    if scene.gradient or scene.vignette:  # light has a colour, and it changes across the picture
        tint = generator.uniform(0.88, 1, 3).astype(np.float32)
        picture *= tint
    if scene.patch:
        picture = _on_white(picture, generator)
    if scene.longest:
        picture = _shrunk(picture, scene.longest / max(picture.shape[:2]))
    elif scene.megapixels:
        factor = float(np.sqrt(scene.megapixels * 1e6 / (picture.shape[0] * picture.shape[1])))
        picture = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    elif scene.blur:
        picture = cv2.GaussianBlur(picture, (0, 0), max(0.3, scene.blur * scene.digit))
    if scene.noise:
        picture += scene.noise * generator.standard_normal(picture.shape, np.float32)
    result = np.clip(picture, 0, 255).astype(np.uint8)
    if scene.jpeg:
        coded = cv2.imencode(".jpg", result, [cv2.IMWRITE_JPEG_QUALITY, scene.jpeg])[1]
        result = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return result


def _placed(scene: Scene, picture: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Turn and tilt; the picture grows so that nothing written leaves it."""
    if abs(scene.turn) < 0.2 and not scene.tilt:
        return picture
    height, width = picture.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    radians = np.radians(scene.turn)
    turn = np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]])
    moved = (corners - corners.mean(0)) @ turn.T
    moved *= 1 + scene.tilt * generator.uniform(-1, 0.3, (4, 2))
    moved -= moved.min(0)
    size = np.ceil(moved.max(0)).astype(int).tolist()
    matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    edges = [picture[0], picture[-1], picture[:, 0], picture[:, -1]]
    paper = np.median(np.concatenate(edges), axis=0).tolist()
    border = {"borderMode": cv2.BORDER_CONSTANT, "borderValue": paper}
    return cv2.warpPerspective(picture, matrix, size, flags=cv2.INTER_LINEAR, **border)


def _on_white(picture: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Lay a cut-out in the middle of a white square, as scripts do that want one."""
    height, width = picture.shape[:2]
    side = round(max(height, width) * generator.uniform(1.1, 1.5))
    top, left = (side - height) // 2, (side - width) // 2
    around = (top, side - height - top, left, side - width - left)
    white = (255, 255, 255)
    return cv2.copyMakeBorder(picture, *around, cv2.BORDER_CONSTANT, value=white)


def _shrunk(picture: np.ndarray, factor: float) -> np.ndarray:
    size = [max(1, round(side * factor)) for side in picture.shape[1::-1]]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def main() -> None:
    """Write pages into a folder, with labels.csv."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=20, help="pages of each fault")
    parser.add_argument("--faults", nargs="+", default=[*FAULTS, EVERYTHING])
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True)
    with open(arguments.folder / "labels.csv", "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "kind", "label", "fault"])
        for fault in arguments.faults:
            for number in range(arguments.count):
                made = page(fault, number, arguments.seed)
                name = f"{fault.replace(' ', '-')}-{number:03}.png"
                cv2.imwrite(str(arguments.folder / name), made.picture)
                kind = "single" if made.layout == "single" else "string"
                rows.writerow([name, kind, made.text.replace("\n", "|"), fault])


if __name__ == "__main__":
    main()
