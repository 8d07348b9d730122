"""Pieces: which parts of the ink are one glyph together, and which glyph is several.

Each question is put to the classifier: what leaves less doubt is taken, with one glyph likelier
than two.
"""

from collections.abc import Callable, Sequence

import numpy as np

from loupe.reading.crop import Crop, gaps_between, joined, overlap_of, size_of
from loupe.reading.cuts import cut_pieces

Line = tuple[Crop, ...]
Ways = Sequence[Sequence[Line]]  # lists of ways to see the same ink
Weigh = Callable[[Ways], Sequence[Sequence[float]]]  # the doubt about each way

_MOST_WIDE = 40  # glyphs that are cut on trial, in some twenty ways each

# All in shares of the glyphs' size.
_TORN = 0.3  # pieces of a torn glyph lie as near to each other
_MOST_PIECES = 6  # of a torn glyph
_PIECE = 0.7  # the smallest is not larger
_WIDEST = 1.3  # times its height: as wide as one glyph that stands alone
_TWO_NARROW = 0.55  # times its height: as wide as two that touch, where one is a 1
_BAR, _BAR_APART = 0.5, 0.25  # of its width: so flat is the bar of a 5; of the size: so far off
_MOST_ABREAST = 15  # times its height: a longer one is a line, no row of glyphs that touch
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


def pieced(groups: list[Crop], size: float, weigh: Weigh) -> list[Crop]:
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


def stacked(groups: list[Crop], size: float, weigh: Weigh) -> list[Crop]:
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


def _pairs_above_each_other(groups: Sequence[Crop], size: float) -> list[tuple[int, int]]:
    widths = np.array([group.box[2] for group in groups], np.float64)
    overlap = overlap_of(groups, groups) / np.minimum(widths[:, np.newaxis], widths)
    gaps = gaps_between(groups, groups)
    near = (overlap > 0.4) & (gaps < 0.35 * size)
    is_bar = np.array([group.box[3] < _BAR * group.box[2] for group in groups], bool)
    near |= (is_bar | is_bar[:, np.newaxis]) & (gaps < _BAR_APART * size)
    pairs = [(i, j) for i, j in np.argwhere(np.tril(near, -1)).tolist()]
    wholes = [joined([groups[i] for i in pair]) for pair in pairs]
    return [
        pair
        for pair, whole in zip(pairs, wholes, strict=True)
        if size_of(whole) < 2 * size and whole.box[2] < _WIDER * whole.box[3]
    ]


def _more(doubt: float) -> float:
    """What several glyphs must be better by than one: less where they are surely read."""
    return _MORE * min(1.0, doubt / _SURELY)


def _is_larger(whole: Crop, size: float, pieces: Sequence[Crop], groups: Sequence[Crop]) -> bool:
    """Whether there are other glyphs, and pieces together are larger, and each as large as they."""
    smallest = min(map(size_of, pieces))
    return (
        len(groups) > len(pieces) and size_of(whole) > _LARGER * size and smallest > _PIECE * size
    )


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
    near = gaps_between(groups, groups) < reach
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
    is_torn = min(map(size_of, cluster)) < _PIECE * size_of(whole)
    fits = width < _WIDEST * height if alone else width < _WIDER * height
    fits &= alone or size_of(whole) < 2 * size
    return is_torn and fits and len(cluster) <= _MOST_PIECES


def _fits(whole: Crop, size: float, alone: bool) -> bool:
    """Whether a glyph is no wider than most are."""
    _, _, width, height = whole.box
    return width < _WIDEST * height if alone else width < height and size_of(whole) < 2 * size


def whole_of(pieces: list[Crop], groups: list[Crop], weigh: Weigh) -> list[Crop]:
    """Take all ink for one glyph, where it has the shape of one and that is the better reading."""
    if not 1 < len(groups) <= _MOST_PIECES or not 1 < len(pieces) <= _MOST_PIECES:
        return groups
    whole = joined(pieces)
    is_torn = min(map(size_of, pieces)) < _PIECE * size_of(whole)
    clusters = _clusters_of(pieces, _TORN * size_of(whole))
    is_near = len(clusters) == 1 and len(clusters[0]) == len(pieces)
    is_column = len(pieces) > 2 and _is_column(whole, pieces)
    if not is_torn or not is_near or is_column or whole.box[2] > _WIDER * whole.box[3]:
        return groups
    ((as_one, as_several),) = weigh([((whole,), tuple(groups))])
    doubtful = _HARDLY if _is_column(whole, pieces) else _DOUBTFUL
    return [whole] if as_one < as_several and as_several > doubtful else groups


def divided(groups: list[Crop], size: float, weigh: Weigh) -> list[Crop]:
    """Divide glyphs that are wider than high, where that is the better reading."""
    least = 0.9 if len(groups) == 1 else _TWO_NARROW
    wide = [
        group
        for group in groups
        if max(least * group.box[3], 0.5 * size) < group.box[2] < _MOST_ABREAST * group.box[3]
    ]
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


def _is_narrow(group: Crop) -> bool:
    return group.box[2] < _WIDEST * group.box[3]


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
