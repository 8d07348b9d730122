"""Ink: what was drawn in a picture, apart from its paper, its light and its ruled lines."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from loupe.arrays import Image
from loupe.framing import Polarity
from loupe.reading.paper import Depth, find_paper

Cover = UInt8[np.ndarray, "y x"]  # share of the ink's full strength, 0 paper .. 255
Mask = Bool[np.ndarray, "y x"]

WORKING_SIDE = 1000  # pixels of the longer side that ink is searched at
_PAPER_SIDE = 200  # pixels of the longer side that paper and light are estimated at
_FAINTEST = 0.05  # of the paper's light: ink paler than this is not told from paper
_WEAK, _SURE = 0.3, 0.55  # of the ink's level: ink where it hangs together with sure ink; sure ink


@dataclass(frozen=True, eq=False)
class Ink:
    """The ink of a picture.

    Attributes:
        cover: share of the ink's full strength, 0 (paper) to 255, at the working scale.
        scale: pixels of the cover to one pixel of the picture.
        polarity: whether the ink is lighter or darker than the paper.
        notes: what was noticed and done, in plain words.
        steps: pictures of the way to the cover, by name, for `--explain`.
    """

    cover: Cover
    scale: float
    polarity: Polarity
    notes: tuple[str, ...] = ()
    steps: dict[str, Image] = field(default_factory=dict)


def find_ink(picture: Image) -> Ink:
    """Find what was drawn in a picture.

    The paper and the light on it are fitted and divided out, the colours that separate ink from
    paper are found, and what is left is thresholded with hysteresis.

    Args:
        picture: uint8 `[h w c]`, of any size.

    Example:
        >>> page = np.full((60, 60, 1), 200, np.uint8)
        >>> page[20:40, 28:31] = 60
        >>> ink = find_ink(page)
        >>> ink.polarity, np.argwhere(ink.cover > 128)[[0, -1]].tolist()
        ('dark on light', [[20, 28], [39, 30]])
    """
    work = shrunk(picture, WORKING_SIDE)
    small = shrunk(work, _PAPER_SIDE)
    paper = find_paper(small)
    depth = paper.depth(work)
    notes = ["light ink on dark"] if paper.polarity == "light on dark" else []
    shade = _shade(paper.depth(small))
    if shade is not None:
        notes.append("shadows taken away")
        depth -= cv2.resize(shade, depth.shape[::-1], interpolation=cv2.INTER_LINEAR)
    level, floor = _levels(depth)
    cover = _cover(depth, level, floor)
    steps = {"paper": paper.levels(*small.shape[:2]).astype(np.uint8), "ink": cover[..., None]}
    return Ink(cover, max(work.shape) / max(picture.shape), paper.polarity, tuple(notes), steps)


def shrunk(picture: Image, side: int) -> Image:
    """Shrink a picture by averaging, so that its longer side is at most `side` pixels."""
    height, width = picture.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return picture
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8).reshape(size[1], size[0], -1)


def _shade(depth: Depth) -> np.ndarray | None:
    """What is deep and much wider than the strokes: shadows, dark edges; None without any."""
    positive = np.maximum(depth, 0)
    width = _stroke_width(positive)
    side = 2 * round(2 * width) + 1
    if side >= min(depth.shape):
        return None
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (side, side))
    shade = np.asarray(cv2.morphologyEx(positive, cv2.MORPH_OPEN, kernel))
    if shade.max() < _FAINTEST:
        return None
    return np.asarray(cv2.dilate(shade, np.ones((3, 3), np.uint8)))


def _stroke_width(depth: np.ndarray) -> float:
    """The width of the widest strokes that are no blocks at the border, in pixels."""
    mask = (depth > max(_otsu(depth), _FAINTEST)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    inside = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    radii = np.zeros(count, np.float32)
    np.maximum.at(radii, labels.ravel(), inside.ravel())
    radii[0] = 0
    sizes = stats[:, 2:4].max(axis=1)
    edges = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    on_edge = np.bincount(edges, minlength=count) > 0.5 * sizes
    strokes = ~on_edge & (sizes > 3)
    strokes[0] = False
    if not strokes.any():
        return float(max(1.0, 2 * radii.max()))
    lengths = stats[:, 4] / np.maximum(radii, 1)
    order = np.argsort(radii[strokes])
    reached = np.cumsum(lengths[strokes][order])
    typical = radii[strokes][order][np.searchsorted(reached, reached[-1] * 0.75)]
    return float(max(1.0, 2 * typical))


def _otsu(depth: np.ndarray) -> float:
    top = float(depth.max())
    if top <= 0:
        return 0.0
    bytes_ = (np.maximum(depth, 0) * (255 / top)).astype(np.uint8)
    threshold, _ = cv2.threshold(bytes_.reshape(-1, 1), 0, 255, cv2.THRESH_OTSU)
    return float(threshold) * top / 255


def _levels(depth: np.ndarray) -> tuple[float, float]:
    """The depth of full ink, and the depth that the paper's noise reaches."""
    sample = depth.ravel()[:: max(1, depth.size // 200_000)]
    other_side = -sample[sample < 0]  # where no ink is
    noise = float(np.percentile(other_side, 68)) if other_side.size else 0.0
    floor = max(4 * noise, _FAINTEST)
    strong = depth[depth > floor]
    if not strong.size:
        return 1.0, 1.0
    threshold = _otsu(strong - floor) + floor
    sure = strong[strong > threshold]
    return float(np.percentile(sure, 70)) if sure.size else float(strong.max()), floor


def _cover(depth: np.ndarray, level: float, floor: float) -> Cover:
    weak = (depth > max(_WEAK * level, floor)).astype(np.uint8)
    _, labels = cv2.connectedComponents(weak, connectivity=8)
    sure = np.zeros(int(labels.max()) + 1, bool)
    sure[np.unique(labels[depth > max(_SURE * level, floor)])] = True
    sure[0] = False
    kept = sure[labels].astype(np.uint8)
    near = cv2.dilate(kept, np.ones((3, 3), np.uint8))  # the soft edge around it
    return (np.clip(depth / level, 0, 1) * 255).astype(np.uint8) * near
