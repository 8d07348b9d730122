"""A digit on an empty canvas, and what lies under it: the parts of `practice_digits`."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

import papers
from practice_pages import BLACK, BLUE, GREEN, RED, Scene, choose_digits, draw_digit
from strokes import Pen

Picture = np.ndarray  # uint8 `[h w 3]` or, with opacity, `[h w 4]`, in OpenCV's order of colours
Random = np.random.Generator

PAPERS = ((250, 250, 250), (235, 240, 242), (205, 226, 236), (190, 192, 190))


@dataclass(frozen=True, eq=False)
class Digit:
    """A picture of one digit.

    Attributes:
        picture: what is to be read.
        label: what it says.
        cover: the digit's ink alone, as it was drawn.
    """

    picture: Picture
    label: str
    cover: np.ndarray


@dataclass(frozen=True, eq=False)
class Drawn:
    """A digit on an empty canvas: its own cover, and that of the whole canvas."""

    cover: np.ndarray
    canvas: np.ndarray
    box: tuple[int, int, int, int]  # left, top, right, bottom on the canvas
    label: str


def drawn_somewhere(
    generator: Random,
    size: tuple[int, int],
    share: tuple[float, float] = (0.3, 0.8),
    width: tuple[float, float] = (0.035, 0.13),
    bends: bool = False,
    margin: float = 0.02,
) -> Drawn:
    """Draw a digit somewhere on a canvas, `share` of its shorter side high."""
    thick = float(np.exp(generator.uniform(*np.log(width))))
    pen = Pen(
        thick,
        "shape" if thick > 0.12 and generator.random() < 0.5 else "drawn",  # thinned ones tear
        pressure=float(generator.choice([0.0, 0.15, 0.3])),
        wobble=float(generator.uniform(0, 0.35)),
    )
    height = max(10.0, generator.uniform(*share) * min(size))
    scene = replace(Scene(), pen=pen, bends=bends or generator.random() < 0.08)
    index, label = choose_digits([1], generator)[0]
    cover = draw_digit(scene, index, label, height, generator)
    factor = min(1.0, *(0.96 * side / own for side, own in zip(size, cover.shape, strict=True)))
    if factor < 1:
        cover = cv2.resize(cover, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    rooms = [side - own for side, own in zip(size, cover.shape, strict=True)]
    near = [min(margin * side, room / 2) for side, room in zip(size, rooms, strict=True)]
    top, left = (
        round(generator.uniform(edge, room - edge)) for edge, room in zip(near, rooms, strict=True)
    )
    canvas = np.zeros(size, np.uint8)
    canvas[top : top + cover.shape[0], left : left + cover.shape[1]] = cover
    return Drawn(
        cover, canvas, (left, top, left + cover.shape[1], top + cover.shape[0]), str(label)
    )


def photo_size(generator: Random, least: float, most: float) -> tuple[int, int]:
    """Height and width of a photo: of any of the usual shapes."""
    longer = np.exp(generator.uniform(np.log(least), np.log(most)))
    ratio = generator.choice([1.0, 0.75, 0.5625])
    sides = (round(longer), round(longer * ratio))
    return sides if generator.random() < 0.5 else sides[::-1]


def paper_of(size: tuple[int, int], generator: Random, colour: tuple[int, ...] | None = None):
    """Give an empty sheet, float32 `[h w 3]`."""
    colour = PAPERS[generator.integers(len(PAPERS))] if colour is None else colour
    grain = papers.texture(size, generator.uniform(0.003, 0.02), generator)
    return np.array(colour, np.float32) * generator.uniform(0.75, 1.0) * grain[..., None]


def inked(picture: np.ndarray, cover: np.ndarray, ink: tuple[int, ...], opacity: float = 0.9):
    """Draw a cover on a picture."""
    share = opacity * cover.astype(np.float32)[..., None] / 255
    return picture + share * (np.array(ink, np.float32) - picture)


def any_ink(generator: Random) -> tuple[int, int, int]:
    """Choose a pen's colour."""
    return (BLACK, BLACK, BLUE, BLUE, RED, GREEN)[generator.integers(6)]


def taken(picture: np.ndarray, generator: Random, light: float = 1.0) -> Picture:
    """Take a photo: some light, a lens, a sensor, a file."""
    size = picture.shape[:2]
    picture = (
        picture * papers.gradient(size, light * generator.uniform(0, 0.35), generator)[..., None]
    )
    picture *= papers.vignette(size, light * generator.uniform(0, 0.35), generator)[..., None]
    picture *= generator.uniform(0.85, 1, 3).astype(np.float32)
    picture = cv2.GaussianBlur(
        picture, (0, 0), max(0.3, generator.uniform(0.0005, 0.002) * max(size))
    )
    picture += generator.uniform(0.5, 5) * generator.standard_normal(picture.shape, np.float32)
    return coded(picture, int(generator.choice([95, 85, 70, 50])))


def coded(picture: np.ndarray, quality: int) -> Picture:
    """Save a picture as JPEG and open it again."""
    plain = np.clip(picture, 0, 255).astype(np.uint8)
    content = cv2.imencode(".jpg", plain, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(content, cv2.IMREAD_COLOR)


def photo(drawn: Drawn, generator: Random, opacity: tuple[float, float] = (0.7, 0.95)) -> Picture:
    """Write on paper, with any pen, and take a photo of it."""
    paper = paper_of(drawn.canvas.shape, generator)
    ink = inked(paper, drawn.canvas, any_ink(generator), generator.uniform(*opacity))
    return taken(ink, generator)


def shown(drawn: Drawn, picture: Picture) -> Digit:
    """Give a picture with what is written on it."""
    return Digit(picture, drawn.label, drawn.cover)


def printed_under(generator: Random, cover: np.ndarray, drawn: Drawn) -> Digit:
    """Lay printed lines under a digit."""
    colour = ((60, 60, 60), (200, 150, 110), (150, 150, 210), (160, 160, 160))[
        generator.integers(4)
    ]
    picture = inked(paper_of(cover.shape, generator), cover, colour, generator.uniform(0.3, 0.9))
    picture = inked(picture, drawn.canvas, any_ink(generator), generator.uniform(0.8, 0.95))
    if generator.random() < 0.5:
        picture = turned(picture, generator.normal(0, 2))
    return shown(drawn, taken(picture, generator))


def turned(picture: np.ndarray, degrees: float) -> np.ndarray:
    """Turn a picture about its middle, enlarged so that no corner is empty."""
    height, width = picture.shape[:2]
    grown = 1 + 2.2 * abs(np.sin(np.radians(degrees))) * max(1, width / height, height / width) / 2
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, grown)
    return cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
