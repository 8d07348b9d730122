"""Ink: what was drawn in a picture, apart from its paper, its light and its ruled lines."""

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from loupe.arrays import Image
from loupe.framing import Polarity
from loupe.reading.marks import without_marks
from loupe.reading.outer import find_page
from loupe.reading.paper import Depth, find_paper
from loupe.reading.ruling import without_ruling

Cover = UInt8[np.ndarray, "y x"]  # share of the ink's full strength, 0 paper .. 255
Mask = Bool[np.ndarray, "y x"]

WORKING_SIDE = 1000  # pixels of the longer side that thin ink is searched at
_FIRST_SIDE = 500  # pixels of the longer side that ink is searched at first
_THIN = 2.5  # pixels at the first look: narrower strokes are looked at again, closely
_WIDEST = 1.2  # times its height that one glyph is wide
_PIECE = 0.25  # of the largest part: one glyph has two parts of this size at most
_PAPER_SIDE = 200  # pixels of the longer side that paper and light are estimated at
_FIRST_PAPER_SIDE = 100  # at the first look
_FAINTEST = 0.05  # of the paper's light: ink paler than this is not told from paper
_NOISY = 0.25  # of the ink's level: noise that reaches it is smoothed first
_WEAK, _SURE = 0.3, 0.55  # of the ink's level: ink where it hangs together with sure ink; sure ink
_PALEST = 0.075  # of the paper's light: pencil takes 0.082 at least (160 pages), texture to 0.074
_NEARBY = 0.05  # share of a neighbourhood that is page, to take its colour from
_CORNER = 0.5  # of the width of what is looked for in shadows: so deep are their round corners
_AS_DARK = 0.75  # of a shadow: what is as dark as it beside it, at least, and it beside that
_GOES_ON = 0.06  # of a shadow's outline within the picture: where it is a stroke that goes on
_BROADEST = 2.5  # of what is looked for in shadows: no stroke is broader
_SAMPLE = 60_000  # pixels that levels are measured on
# Of each depth in 255ths, 80 levels to a factor of e.
_DENSITIES = np.minimum(-80 * np.log(1 - np.arange(256) / 266), 255).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Ink:
    """The ink of a picture.

    Attributes:
        cover: share of the ink's full strength, 0 (paper) to 255, at the working scale.
        scale: pixels of the cover to one pixel of the picture.
        polarity: whether the ink is lighter or darker than the paper.
        notes: what was noticed and done, in plain words.
        steps: pictures of the way to the cover, by name, for `--explain`.
        is_blank: whether nothing is further from the paper than its own texture.
    """

    cover: Cover
    scale: float
    polarity: Polarity
    notes: tuple[str, ...] = ()
    steps: dict[str, Image] = field(default_factory=dict)
    is_blank: bool = False


def find_ink(picture: Image, shadows: bool = True) -> Ink:
    """Find what was drawn in a picture.

    The paper and the light on it are fitted and divided out, the colours that separate ink from
    paper are found, and what is left is thresholded with hysteresis.

    Args:
        picture: uint8 `[h w c]`, of any size.
        shadows: whether what is wide and leans on the border is a shadow, and no ink.

    Example:
        >>> page = np.full((60, 60, 1), 200, np.uint8)
        >>> page[20:40, 28:31] = 60
        >>> ink = find_ink(page)
        >>> ink.polarity, np.argwhere(ink.cover > 128)[[0, -1]].tolist()
        ('dark on light', [[20, 28], [39, 30]])
    """
    ink = _looked(shrunk(picture, _FIRST_SIDE), _FIRST_PAPER_SIDE, shadows)
    if not _is_one_thick_glyph(ink.cover):
        ink = _looked(shrunk(picture, WORKING_SIDE), _PAPER_SIDE, shadows)
    return replace(ink, scale=max(ink.cover.shape) / max(picture.shape[:2]))


def _looked(work: Image, paper_side: int, shadows: bool) -> Ink:
    """Find the ink of a picture at its own scale."""
    steps: dict[str, Image] = {}
    small = shrunk(work, paper_side)
    page = find_page(small)
    if page is not None:
        work = steps["page"] = _beyond_covered(work, page)
        small = shrunk(work, paper_side)
    paper = find_paper(small)
    steps["paper"] = paper.levels(*small.shape[:2]).astype(np.uint8)
    depth = paper.depth(work)
    notes = ["light ink on dark"] if paper.polarity == "light on dark" else []
    notes += ["one page found, what is around it left out"] * (page is not None)
    width = _stroke_width(depth)
    shade = _shade(depth, width) if shadows else None
    if shade is not None:
        notes.append("shadows taken away")
        steps["shade"] = (shade[..., np.newaxis] * 255).astype(np.uint8)
        depth -= shade
        if paper.polarity == "dark on light":  # in shadow there is less light for the ink to take
            depth /= np.maximum(1 - shade, 0.1)
    level, floor = _levels(depth)
    if floor > _NOISY * level:
        depth = cv2.GaussianBlur(depth, (0, 0), min(max(width / 8, 1.0), 4.0))
        level, floor = _levels(depth)
    is_blank = shade is None and (level < _PALEST or floor >= level)
    drawn = _drawn(depth, level, np.inf if is_blank else floor)
    if shade is not None:
        drawn = _without_tips(drawn, shade)
    plain, ruling_notes = without_ruling(drawn)
    plain, mark_notes = without_marks(plain)
    ruling_notes += mark_notes
    strength = _bytes(depth, 255 / level)
    steps["strength"] = strength[..., np.newaxis]
    if ruling_notes:
        steps["ruling"] = (drawn & ~plain)[..., np.newaxis] * np.uint8(255)
    near = cv2.dilate(plain, np.ones((3, 3), np.uint8))  # the soft edge around it
    cover = strength * np.asarray(near, np.uint8)
    steps["ink"] = cover[..., np.newaxis]
    return Ink(cover, 1.0, paper.polarity, (*notes, *ruling_notes), steps, is_blank)


def _is_one_thick_glyph(cover: Cover) -> bool:
    """Whether the ink is one glyph, of strokes that more pixels would say no more about."""
    drawn = (cover >= 128).astype(np.uint8)
    left, top, width, height = cv2.boundingRect(drawn)
    if not width or width > _WIDEST * height:
        return False
    drawn = np.ascontiguousarray(drawn[top : top + height, left : left + width])
    area = cv2.countNonZero(drawn)
    inner = cv2.erode(
        drawn, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    if 2 * area < _THIN * (area - cv2.countNonZero(np.asarray(inner))):
        return False
    _, _, stats, _ = cv2.connectedComponentsWithStats(drawn, connectivity=8)
    sizes = stats[1:, 2:4].max(axis=1)
    return int((sizes > _PIECE * sizes.max()).sum()) <= 2


def shrunk(picture: Image, side: int) -> UInt8[np.ndarray, "rows columns c"]:
    """Shrink a picture by averaging, so that its longer side is at most `side` pixels."""
    height, width = picture.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return picture
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    whole = int(1 / factor)  # to one side in whole pixels is averaged ten times as fast
    if whole > 1 and min(height, width) >= whole:
        rough = (width // whole, height // whole)
        fitting = picture[: rough[1] * whole, : rough[0] * whole]
        picture = cv2.resize(fitting, rough, interpolation=cv2.INTER_AREA)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8).reshape(size[1], size[0], -1)


def _beyond_covered(picture: Image, page: np.ndarray) -> Image:
    """Cover what is beyond the page with the page's colour, as it is nearby."""
    inside = page.astype(np.float32)
    small = shrunk(picture, max(page.shape)).astype(np.float32)
    paper = small[page]
    cover = np.broadcast_to(np.median(paper, axis=0), small.shape).astype(np.float32)
    for share in (2, 4, 8):  # ever nearer, where the page is as near
        side = max(3, max(page.shape) // share)
        weight = cv2.blur(inside, (side, side))[..., np.newaxis]
        nearby = cv2.blur(small * inside[..., np.newaxis], (side, side)).reshape(small.shape)
        cover = np.where(weight > _NEARBY, nearby / np.maximum(weight, _NEARBY), cover)
    size = (picture.shape[1], picture.shape[0])
    within = cv2.resize(page.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    large = cv2.resize(cover, size, interpolation=cv2.INTER_LINEAR).reshape(picture.shape)
    return np.where(within[..., np.newaxis], picture, large.astype(np.uint8))


def _shade(depth: Depth, width: float) -> np.ndarray | None:
    """What is deep and wider than the strokes, and reaches the border: shadows, dark edges.

    Args:
        depth: of the picture.
        width: of the strokes, in pixels.
    """
    side = 2 * round(width) + 1
    if side >= min(depth.shape) // 2:
        return None
    levels = _bytes(depth, 255.0)
    step = max(1, side // 8)  # a coarse look first: most pictures have no shadows
    coarse = _opened(np.ascontiguousarray(levels[::step, ::step]), max(3, side // step - 1))
    if not _leaning(coarse, 0.3)[1].any():
        return None
    shade = _opened(levels, side)
    labels, is_shade = _leaning(shade, 0.4)
    is_shade &= _in_corner_or_wide(labels, levels, side, len(is_shade))
    if not is_shade.any():
        return None
    whole = _grown_within(shade * is_shade[labels].astype(np.uint8), levels, round(_CORNER * side))
    whole = _without_strokes(whole, levels, _BROADEST * side)
    return np.asarray(whole / np.float32(255), np.float32) if whole.any() else None


def _without_strokes(shade: np.ndarray, levels: np.ndarray, most: float) -> np.ndarray:
    """Leave out what goes on as dark as it is: the widest part of a stroke at the border."""
    kept = shade.copy()
    count, labels = cv2.connectedComponents((shade > 255 * _FAINTEST).astype(np.uint8))
    for number in range(1, count):
        own = (labels == number).astype(np.uint8)
        depth = float(np.median(shade[own > 0]))
        around = levels[(cv2.dilate(own, np.ones((7, 7), np.uint8)) > own)]
        goes_on = (around > _AS_DARK * depth) & (around * _AS_DARK < depth)
        broad = 2 * float(cv2.distanceTransform(np.pad(own, 1), cv2.DIST_L2, 3).max())
        if broad <= most and goes_on.mean() > _GOES_ON:
            kept[own > 0] = 0
    return kept


def _in_corner_or_wide(labels: np.ndarray, levels: np.ndarray, side: int, count: int) -> np.ndarray:
    """Which leaning parts reach a corner of the picture, or are wide within it.

    Beyond the border nothing is known: a stroke that touches it seems as wide as one likes.
    """
    inner = _opened(np.pad(levels, side), side)[side:-side, side:-side] > 255 * _FAINTEST
    is_wide = np.bincount(labels[inner], minlength=count) > 0
    is_wide[labels[[0, 0, -1, -1], [0, -1, 0, -1]]] = True
    return is_wide


def _grown_within(shade: np.ndarray, levels: np.ndarray, steps: int) -> np.ndarray:
    """Let a shadow grow into its own corners, which are narrower than what was looked for."""
    for _ in range(steps):
        grown = cv2.dilate(shade, np.ones((3, 3), np.uint8))
        shade = np.minimum(np.asarray(grown, np.uint8), levels)
    return shade


def _leaning(shade: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Number what is dark, and say which of it leans on the border with a share of its side."""
    wide = (shade > 255 * _FAINTEST).astype(np.uint8)
    if not wide.any():
        return wide, np.zeros(1, bool)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(wide, connectivity=8)
    edges = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    leans = np.bincount(edges, minlength=len(stats)) > share * stats[:, 2:4].max(axis=1)
    leans[0] = False
    return labels, leans


def _opened(levels: np.ndarray, side: int) -> np.ndarray:
    opened = cv2.morphologyEx(levels, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    return np.asarray(opened, np.uint8)


def _without_tips(drawn: np.ndarray, shade: np.ndarray) -> np.ndarray:
    """Leave out the corners of shadows at the border, which are as narrow as strokes."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(drawn, connectivity=8)
    edges = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    contact = np.bincount(edges, minlength=len(stats))
    in_shade = cv2.dilate((shade > 0).astype(np.uint8), np.ones((5, 5), np.uint8))
    beside = np.bincount(labels[in_shade > 0], minlength=len(stats)) > 0
    is_tip = beside & (contact > 0.5 * stats[:, 2:4].max(axis=1))
    return np.asarray(drawn & ~is_tip[labels])


def _stroke_width(depth: Depth) -> float:
    """The width at which most of what is narrow and deep disappears: that of the strokes.

    A granulometry: openings of growing size, until what they took away is half as deep as
    anything. Depths are compared as optical densities: those of ink and of shadow add up.
    """
    step = max(1, max(depth.shape) // _PAPER_SIDE)
    levels = np.asarray(cv2.LUT(_bytes(depth, 255.0), _DENSITIES))
    # The deepest of each block, so that thin strokes do not pale; it makes them wider by a block.
    levels = np.asarray(cv2.dilate(levels, np.ones((step, step), np.uint8)))[::step, ::step]
    few = min(levels.size, max(12, levels.size // 1000))
    deepest = np.partition(levels.ravel(), -few)[-few:].mean()
    for side in (3, 5, 7, 11, 15, 21, 31, 45, 65, 91):
        taken = cv2.morphologyEx(levels, cv2.MORPH_TOPHAT, np.ones((side, side), np.uint8))
        if np.partition(np.asarray(taken).ravel(), -few)[-few:].mean() > 0.5 * deepest:
            return float(side * step)
    return float(max(depth.shape))


def _bytes(depth: Depth, scale: float) -> UInt8[np.ndarray, "rows columns"]:
    """Scale what is on the ink's side of the paper to 0..255, in two passes instead of five."""
    positive = cv2.threshold(depth, 0, 0, cv2.THRESH_TOZERO)[1]
    return np.asarray(cv2.convertScaleAbs(positive, alpha=scale), np.uint8)


def _otsu(depth: np.ndarray) -> float:
    top = float(depth.max())
    if top <= 0:
        return 0.0
    bytes_ = (np.maximum(depth, 0) * (255 / top)).astype(np.uint8)
    threshold, _ = cv2.threshold(bytes_.reshape(-1, 1), 0, 255, cv2.THRESH_OTSU)
    return float(threshold) * top / 255


def _levels(depth: np.ndarray) -> tuple[float, float]:
    """The depth of full ink, and the depth that the paper's noise reaches."""
    sample = depth.ravel()[:: max(1, depth.size // _SAMPLE)]
    other_side = -sample[sample < 0]  # where no ink is
    # A quarter of Gaussian noise is within 0.319 standard deviations; light patches change little.
    noise = float(np.percentile(other_side, 25)) / 0.319 if other_side.size else 0.0
    floor = max(4 * noise, _FAINTEST)
    strong = sample[sample > floor]
    if strong.size < _SAMPLE // 50:  # little ink: all of it counts
        strong = depth[depth > floor]
    if not strong.size:
        return 1.0, 1.0
    threshold = _otsu(strong - floor) + floor
    sure = strong[strong > threshold]
    return float(np.percentile(sure, 70)) if sure.size else float(strong.max()), floor


def _drawn(depth: np.ndarray, level: float, floor: float) -> np.ndarray:
    """Where there is ink, by hysteresis: weak ink counts where it hangs on sure ink."""
    drawn = np.zeros(depth.shape, np.uint8)
    weak = (depth > max(_WEAK * level, floor)).view(np.uint8)
    left, top, width, height = cv2.boundingRect(weak)
    if not width:
        return drawn
    within = (slice(top, top + height), slice(left, left + width))  # most pictures are paper
    count, labels = cv2.connectedComponents(np.ascontiguousarray(weak[within]), connectivity=8)
    sure = np.zeros(count, np.uint8)
    sure[labels[depth[within] > max(_SURE * level, floor)]] = 1
    sure[0] = 0
    drawn[within] = sure[labels]
    return drawn
