"""The page: from ink to lines of glyphs, in reading order."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from loupe.reading.crop import Crop, joined
from loupe.reading.cuts import cut_pieces
from loupe.reading.ink import Cover, Ink

Line = tuple[Crop, ...]
Ways = Sequence[Sequence[Line]]  # lists of ways to see the same ink
Weigh = Callable[[Ways], Sequence[Sequence[float]]]  # the doubt about each way

_MOST_PARTS = 1500
MOST_DOUBTED = 200  # glyphs; on fuller pages none is tried joined or cut: seconds would pass
_MOST_WIDE = 40  # glyphs that are cut on trial, in some twenty ways each

# All in shares of the glyphs' size.
_SPECK = 0.12  # smaller parts are dirt
_FREE = 0.5  # a part of this size that touches no border is what the picture is about
_CUT_OFF = 0.4  # this narrow, a part at the side of one glyph is a piece of the next
_HAIR = 0.4  # of the pen's width: thinner parts at the border were not written with it
_FRAGMENT = 0.5  # smaller parts belong to a glyph beside them
_LONG = 0.3  # fragments as long as this are pieces of strokes, not dots
_REACH_OF_STROKES, _REACH_OF_DOTS = 0.6, 0.15  # as far as they may lie from their glyph
_ALONE = 0.35  # a fragment that belongs to nothing is a glyph if it is as large as this
_TORN = 0.3  # pieces of a torn glyph lie as near to each other
_MOST_PIECES = 6  # of a torn glyph
_PIECE = 0.7  # the smallest is not larger
_WIDEST = 1.3  # times its height: as wide as one glyph that stands alone
_TWO_NARROW = 0.55  # times its height: as wide as two that touch, where one is a 1
_BAR, _BAR_APART = 0.5, 0.25  # of its width: so flat is the bar of a 5; of the size: so far off
_WIDER = 1.6  # with a piece that came loose

# Doubt that must be outweighed: one glyph is likelier than two, above all on its own.
_MORE = 0.6  # for each glyph more
_COLUMN = 1.8  # times its width: as high as glyphs above each other are together
_COLUMN_OF_TWO = 1.5  # the same of two, where each is as high as the other and they lie apart
_AS_HIGH, _APART = 0.7, 0.2  # of the other's height; of its own
_NO_HALF = 0.25  # of its height: where a piece is as wide, they are no halves of a torn 1
_LARGER = 1.5  # times the size of other glyphs: pieces of a torn one are not together
_SURELY = 0.2  # doubt about pieces that are read as well as whole glyphs
_READ = 0.3  # doubt about pieces that are read
_IN_COLUMN = 1.0  # pieces with less doubt are glyphs above each other
_DOUBTFUL = 0.7  # the same of pieces that lie anyhow
_ALONE_MORE = 2.0  # for a glyph that stands alone and is no wider than one
_HARDLY = 2.5  # doubt about what a cut leaves: there was nothing to cut
_MOST_DOUBT = 4.0  # about one glyph of many
_LOOP = 2.0  # for each large loop that a cut opens
_LOWEST = 0.6  # of the height of the whole: lower pieces are unlikely
_STEP = 0.6  # from one line to the next, at least
_STEEPEST = 1.2  # slope of a line
_OVER = 0.6  # of its width: so far a glyph stands above its neighbour, in no line
_STEEP, _OVER_STEEP = 0.45, 0.1  # slope from which on it hardly does
_SLANT = 1.1  # lines that a slope of 1 must save to be believed


def find_lines(ink: Ink, layout: str = "auto", weigh: Weigh | None = None) -> tuple[Line, ...]:
    """Find the glyphs, in lines from top to bottom, each from left to right.

    Args:
        ink: of the picture.
        layout: "single" takes all ink for one glyph, "line" all glyphs for one line.
        weigh: says how doubtful ways to see the same ink are, for example as one glyph and as
            several; without it, parts that touch are one, and parts that do not are several.
    """
    parts = _parts(ink.cover)
    if not parts:
        return ()
    size = _typical_size(parts)
    groups = _groups(_without_dirt(parts, ink.cover.shape, size), size)
    if layout == "single":
        return ((joined(groups),),) if groups else ()
    if weigh and len(groups) <= MOST_DOUBTED:
        pieces = groups
        groups = _pieced(groups, size, weigh)
        groups = _divided(_stacked(groups, size, weigh), size, weigh)
        if layout == "auto":
            groups = _whole(pieces, groups, weigh)
    if layout == "line" and groups:
        return (tuple(sorted(groups, key=_middle)),)
    return _lines(groups) if groups else ()


def _parts(cover: Cover) -> list[Crop]:
    left, top, width, height = cv2.boundingRect(cover)
    if not width:
        return []
    inked = cover[top : top + height, left : left + width]  # most of a picture is paper
    mask = (inked > 0).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    sizes = stats[:, 2:4].max(axis=1)
    sizes[0] = 0
    numbers = np.flatnonzero((stats[:, 4] >= 3) & (sizes > 0) & (sizes >= _SPECK / 4 * sizes.max()))
    if len(numbers) > _MOST_PARTS:
        return []  # a texture: nobody writes so much into one picture
    parts = []
    for number in numbers.tolist():
        x, y, width, height = stats[number, :4].tolist()
        rows, columns = slice(y, y + height), slice(x, x + width)
        own = inked[rows, columns] * (labels[rows, columns] == number)
        parts.append(Crop((left + x, top + y, width, height), own))
    return parts


def _size(crop: Crop) -> int:
    return max(crop.box[2:])


def _typical_size(parts: Sequence[Crop]) -> float:
    """The size of the parts that hold half of the ink."""
    sizes = np.array([_size(part) for part in parts])
    order = np.argsort(sizes)
    reached = np.cumsum([parts[i].cover.sum(dtype=np.float64) for i in order])
    return float(sizes[order][np.searchsorted(reached, reached[-1] / 2)])


def _without_dirt(parts: Sequence[Crop], shape: tuple[int, ...], size: float) -> list[Crop]:
    """Leave out specks, and strips along the picture's edge."""
    kept = []
    for part in parts:
        left, top, width, height = part.box
        at_side = (left == 0 or left + width == shape[1]) and width < 0.15 * size
        at_end = (top == 0 or top + height == shape[0]) and height < 0.15 * size
        if _size(part) >= _SPECK * size and (len(parts) == 1 or not (at_side or at_end)):
            kept.append(part)
    return _without_strays(kept, shape, size)


def _without_strays(parts: list[Crop], shape: tuple[int, ...], size: float) -> list[Crop]:
    """Leave out what reaches in from beyond the picture, beside glyphs that lie free in it.

    Such are a finger in a corner, a piece of the next glyph, a crease: thin beside the pen.
    """
    contacts = [_contacts(part, shape) for part in parts]
    free = [part for part, own in zip(parts, contacts, strict=True) if not any(own)]
    if len(free) == len(parts) or max(map(_size, free), default=0) < _FREE * size:
        return parts
    pen = max(map(_thickness, free))
    is_one = sum(_size(part) >= _FREE * size for part in free) == 1
    return [
        part
        for part, own in zip(parts, contacts, strict=True)
        if not any(own) or not _is_stray(part, own, size, pen, is_one)
    ]


def _is_stray(
    part: Crop, contacts: tuple[int, int, int, int], size: float, pen: float, is_one: bool
) -> bool:
    """Whether a part at the border is none of the glyphs.

    Args:
        part: that touches the border.
        contacts: with each side.
        size: of the glyphs.
        pen: half the width of what was written with it.
        is_one: whether there is one glyph beside it; more are a line, which may reach the border.
    """
    left, top, right, bottom = contacts
    in_corner = max(left, right) > 0 and max(top, bottom) > 0
    is_piece = max(contacts) > 0.5 * _size(part) and _size(part) < 0.6 * size
    is_neighbour = is_one and max(left, right) > 0 and part.box[2] < _CUT_OFF * size
    return in_corner or is_piece or is_neighbour or _thickness(part) < _HAIR * pen


def _contacts(part: Crop, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """How many pixels of a part lie on the picture's left, top, right and bottom border."""
    left, top, width, height = part.box
    ink = part.cover > 0
    return (
        int(ink[:, 0].sum()) * (left == 0),
        int(ink[0].sum()) * (top == 0),
        int(ink[:, -1].sum()) * (left + width == shape[1]),
        int(ink[-1].sum()) * (top + height == shape[0]),
    )


def _thickness(part: Crop) -> float:
    """Half the width of a part's widest stroke, in pixels."""
    ink = np.pad(part.cover >= 128, 1).astype(np.uint8)
    return float(cv2.distanceTransform(ink, cv2.DIST_L2, 3).max())


def _groups(parts: Sequence[Crop], size: float) -> list[Crop]:
    """Put fragments to the glyphs that they belong to."""
    whole = [part for part in parts if _size(part) >= _FRAGMENT * size]
    members = [[part] for part in whole]
    alone = []
    fragments = [part for part in parts if _size(part) < _FRAGMENT * size]
    for part, gaps in zip(fragments, _gaps(fragments, whole), strict=True):
        nearest = int(np.argmin(gaps)) if whole else -1
        reach = _REACH_OF_STROKES if _size(part) >= _LONG * size else _REACH_OF_DOTS
        if whole and gaps[nearest] < min(reach * size, 1.2 * _size(part)):
            members[nearest].append(part)
        elif _size(part) >= _ALONE * size:
            alone.append(part)
    return [joined(group) for group in members] + alone


def _between(some: Sequence[Crop], others: Sequence[Crop], axis: int) -> np.ndarray:
    """Pixels between the boxes of each pair along an axis (0 is x); below 0 where they overlap."""
    one = np.array([crop.box for crop in some], np.float64).reshape(-1, 1, 4)
    other = np.array([crop.box for crop in others], np.float64).reshape(1, -1, 4)
    ends = (box[..., axis] + box[..., axis + 2] for box in (one, other))
    between: np.ndarray = np.maximum(one[..., axis], other[..., axis]) - np.minimum(*ends)
    return between


def _gaps(some: Sequence[Crop], others: Sequence[Crop]) -> np.ndarray:
    """How far the boxes of each pair are apart, in pixels."""
    across, along = (np.maximum(_between(some, others, axis), 0) for axis in (0, 1))
    return np.asarray(np.hypot(across, along))


def _pairs_above_each_other(groups: Sequence[Crop], size: float) -> list[tuple[int, int]]:
    widths = np.array([group.box[2] for group in groups], np.float64)
    overlap = -_between(groups, groups, 0) / np.minimum(widths[:, np.newaxis], widths)
    gaps = _gaps(groups, groups)
    near = (overlap > 0.4) & (gaps < 0.35 * size)
    is_bar = np.array([group.box[3] < _BAR * group.box[2] for group in groups], bool)
    near |= (is_bar | is_bar[:, np.newaxis]) & (gaps < _BAR_APART * size)
    pairs = [(i, j) for i, j in np.argwhere(np.tril(near, -1)).tolist()]
    wholes = [joined([groups[i] for i in pair]) for pair in pairs]
    return [
        pair
        for pair, whole in zip(pairs, wholes, strict=True)
        if _size(whole) < 2 * size and whole.box[2] < _WIDER * whole.box[3]
    ]


def _pieced(groups: list[Crop], size: float, weigh: Weigh) -> list[Crop]:
    """Join the pieces of a torn glyph, where together they are the better reading."""
    clusters = [
        cluster
        for cluster in _clusters_of(groups, _TORN * size)
        if _may_be_one(cluster, size, alone=len(cluster) == len(groups))
    ]
    ways = [((joined(cluster),), tuple(cluster)) for cluster in clusters]
    taken: set[int] = set()
    whole = []
    for (way, cluster), (as_one, as_several) in zip(ways, weigh(ways), strict=True):
        is_column = _is_column(way[0], cluster) and as_several < _IN_COLUMN
        is_wide = not _fits(way[0], size, len(cluster) == len(groups))
        more = -_HARDLY if is_wide else _more(as_several) * (len(cluster) - 1)
        is_column |= _is_larger(way[0], size, cluster, groups) and as_several < _READ
        if as_one < as_several + more and not is_column:
            taken |= {id(piece) for piece in cluster}
            whole.append(way[0])
    return [group for group in groups if id(group) not in taken] + whole


def _more(doubt: float) -> float:
    """What several glyphs must be better by than one: less where they are surely read."""
    return _MORE * min(1.0, doubt / _SURELY)


def _is_larger(whole: Crop, size: float, pieces: Sequence[Crop], groups: Sequence[Crop]) -> bool:
    """Whether there are other glyphs, and pieces together are larger, and each as large as they."""
    smallest = min(map(_size, pieces))
    return len(groups) > len(pieces) and _size(whole) > _LARGER * size and smallest > _PIECE * size


def _is_column(whole: Crop, pieces: Sequence[Crop]) -> bool:
    """Whether pieces may be glyphs above each other: two are as high, and apart, and no bars."""
    width, height = whole.box[2:]
    if len(pieces) > 2:
        return height > _COLUMN * width
    low, high = sorted(piece.box[3] for piece in pieces)
    gap = height - low - high
    widest = max(piece.box[2] / piece.box[3] for piece in pieces)
    return (
        height > _COLUMN_OF_TWO * width
        and low > _AS_HIGH * high
        and gap > _APART * low
        and widest > _NO_HALF
    )


def _clusters_of(groups: Sequence[Crop], reach: float) -> list[list[Crop]]:
    """Groups that lie close together, of two or more."""
    if len(groups) < 2:
        return []
    near = _gaps(groups, groups) < reach
    cluster_of, before = np.arange(len(groups)), np.empty(0, np.int64)
    while not np.array_equal(cluster_of, before):  # each takes the lowest number near it
        before = cluster_of
        cluster_of = np.where(near, cluster_of, len(groups)).min(axis=1)
    clusters = [
        [group for group, own in zip(groups, cluster_of, strict=True) if own == number]
        for number in np.unique(cluster_of)
    ]
    return [cluster for cluster in clusters if len(cluster) > 1]


def _may_be_one(cluster: Sequence[Crop], size: float, alone: bool) -> bool:
    """Whether they can be pieces of one glyph: no row of glyphs that are each as high as all.

    Args:
        cluster: glyphs, or pieces of one.
        size: of the glyphs on the page.
        alone: whether there is nothing else on it.
    """
    whole = joined(cluster)
    _, _, width, height = whole.box
    is_torn = min(map(_size, cluster)) < _PIECE * _size(whole)
    fits = width < _WIDEST * height if alone else width < _WIDER * height
    fits &= alone or _size(whole) < 2 * size
    return is_torn and fits and len(cluster) <= _MOST_PIECES


def _fits(whole: Crop, size: float, alone: bool) -> bool:
    """Whether a glyph is no wider than most are."""
    _, _, width, height = whole.box
    return width < _WIDEST * height if alone else width < height and _size(whole) < 2 * size


def _stacked(groups: list[Crop], size: float, weigh: Weigh) -> list[Crop]:
    """Join parts that lie above each other, or in each other, where that is the better reading."""
    pairs = _pairs_above_each_other(groups, size)
    ways = [((joined([groups[i], groups[j]]),), (groups[i], groups[j])) for i, j in pairs]
    used: set[int] = set()
    together = []
    for (i, j), (way, _), (as_one, as_two) in zip(pairs, ways, weigh(ways), strict=True):
        is_column = _is_column(way[0], (groups[i], groups[j])) and as_two < _IN_COLUMN
        is_column |= _is_larger(way[0], size, (groups[i], groups[j]), groups) and as_two < _READ
        if as_one < as_two + _more(as_two) and not is_column and not used & {i, j}:
            used |= {i, j}
            together.append(way[0])
    return [group for i, group in enumerate(groups) if i not in used] + together


def _whole(pieces: list[Crop], groups: list[Crop], weigh: Weigh) -> list[Crop]:
    """Take all ink for one glyph, where it has the shape of one and that is the better reading."""
    if not 1 < len(groups) <= _MOST_PIECES or not 1 < len(pieces) <= _MOST_PIECES:
        return groups
    whole = joined(pieces)
    is_torn = min(map(_size, pieces)) < _PIECE * _size(whole)
    clusters = _clusters_of(pieces, _TORN * _size(whole))
    is_near = len(clusters) == 1 and len(clusters[0]) == len(pieces)
    is_column = len(pieces) > 2 and _is_column(whole, pieces)
    if not is_torn or not is_near or is_column or whole.box[2] > _WIDER * whole.box[3]:
        return groups
    ((as_one, as_several),) = weigh([((whole,), tuple(groups))])
    doubtful = _HARDLY if _is_column(whole, pieces) else _DOUBTFUL
    return [whole] if as_one < as_several and as_several > doubtful else groups


def _is_narrow(group: Crop) -> bool:
    return group.box[2] < _WIDEST * group.box[3]


def _divided(groups: list[Crop], size: float, weigh: Weigh) -> list[Crop]:
    """Divide glyphs that are wider than high, where that is the better reading."""
    least = 0.9 if len(groups) == 1 else _TWO_NARROW
    wide = [group for group in groups if group.box[2] > max(least * group.box[3], 0.5 * size)]
    doubts = [doubt for (doubt,) in weigh([[(group,)] for group in wide])]
    pairs = [
        (group, doubt)
        for group, doubt in zip(wide, doubts, strict=True)
        if group.box[2] > 0.9 * group.box[3] or doubt > _HARDLY
    ]
    wide, doubts = [group for group, _ in pairs], [doubt for _, doubt in pairs]
    if len(wide) > _MOST_WIDE:
        return groups
    more = _ALONE_MORE if len(groups) == 1 and _is_narrow(groups[0]) else _MORE
    chosen = {}
    for group, doubt in zip(wide, doubts, strict=True):
        if doubt > more:  # or no cut could be better
            chosen[id(group)] = _chain(group, doubt, more, weigh)
    return [part for group in groups for part in chosen.get(id(group), (group,))]


def _chain(group: Crop, doubt: float, more: float, weigh: Weigh) -> Line:
    """The glyphs that a wide one is best divided into: the least doubt in sum (Viterbi).

    Args:
        group: that is wide.
        doubt: about it as it is.
        more: doubt that each glyph more must outweigh.
        weigh: says how doubtful a piece is.
    """
    pieces = cut_pieces(group)
    hardly = _HARDLY if _is_narrow(group) else np.inf
    costs = {0: 0.0}
    ways: dict[int, Line] = {0: ()}
    last = max((piece.end for piece in pieces), default=0)
    weighed = [cost for (cost,) in weigh([[(piece.crop,)] for piece in pieces])]
    for piece, own in sorted(zip(pieces, weighed, strict=True), key=lambda pair: pair[0].end):
        low = max(0.0, _LOWEST - piece.crop.box[3] / group.box[3])
        unlikely = 4 * low + _LOOP * piece.loops
        cost = costs.get(piece.start, np.inf) + min(own, _MOST_DOUBT) + unlikely + more
        is_whole = piece.start == 0 and piece.end == last
        if own < hardly and not is_whole and cost < costs.get(piece.end, np.inf):
            costs[piece.end], ways[piece.end] = cost, (*ways[piece.start], piece.crop)
    is_better = last in ways and costs[last] - more < doubt
    return ways[last] if is_better else (group,)


def _middle(crop: Crop) -> float:
    return crop.box[0] + crop.box[2] / 2


def _lines(crops: Sequence[Crop]) -> tuple[Line, ...]:
    """Put glyphs into lines, along the slope that makes the fewest and flattest."""
    if len(crops) == 1:
        return ((crops[0],),)
    boxes = np.array([crop.box for crop in crops], np.float64)
    size = float(np.median(boxes[:, 2:].max(axis=1)))
    middles = (boxes[:, :2] + boxes[:, 2:] / 2) / size
    best, lowest = np.zeros(len(crops), np.int64), np.inf
    for slope in np.linspace(-_STEEPEST, _STEEPEST, 49):
        line_of = _clusters((middles[:, 1] - slope * middles[:, 0]) / np.hypot(1, slope))
        cost = _untidiness(middles, boxes, line_of, float(slope))
        if cost < lowest:
            best, lowest = line_of, cost
    lines = [
        [crops[i] for i in np.flatnonzero(best == line).tolist()] for line in range(best.max() + 1)
    ]
    lines.sort(key=lambda line: np.mean([crop.box[1] + crop.box[3] / 2 for crop in line]))
    return tuple(tuple(sorted(line, key=_middle)) for line in lines)


def _clusters(heights: np.ndarray) -> np.ndarray:
    """Number the clusters of heights that lie more than a step apart, from above."""
    order = np.argsort(heights)
    line_of = np.empty(len(heights), np.int64)
    line_of[order] = np.concatenate([[0], np.cumsum(np.diff(heights[order]) > _STEP)])
    return line_of


def _untidiness(middles: np.ndarray, boxes: np.ndarray, line_of: np.ndarray, slope: float) -> float:
    """Lines, how far their glyphs stray from them, and glyphs that stand above each other."""
    heights = (middles[:, 1] - slope * middles[:, 0]) / np.hypot(1, slope)
    cost = float(line_of.max()) + _SLANT * abs(slope)
    for line in range(line_of.max() + 1):
        own = np.flatnonzero(line_of == line)
        cost += float(np.ptp(heights[own])) ** 2
        row = boxes[own[np.argsort(middles[own, 0])]]
        over = row[:-1, 0] + row[:-1, 2] - row[1:, 0]
        most = _OVER if abs(slope) < _STEEP else _OVER_STEEP
        cost += 2 * float((over > most * np.minimum(row[:-1, 2], row[1:, 2])).sum())
    return cost
