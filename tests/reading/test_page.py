import cv2
import numpy as np
import pytest
from drawing import draw

from loupe.reading.cuts import cut_pieces
from loupe.reading.ink import Ink
from loupe.reading.page import find_lines


def inked(cover):
    return Ink((np.clip(cover, 0, 1) * 255).astype(np.uint8), 1.0, "dark on light")


def places(lines):
    """Where each glyph's middle is, line by line."""
    return [[(c.box[0] + c.box[2] / 2, c.box[1] + c.box[3] / 2) for c in line] for line in lines]


def rows_of(count, *, slope=0.0, rows=1, height=60):
    cover = np.zeros((900, 900), np.float32)
    for row in range(rows):
        for place in range(count):
            x = 60 + place * 90
            draw(cover, "2", x, 60 + row * 120 + max(0, -slope * 800) + slope * x, height, 7)
    return cover


@pytest.mark.parametrize("slope", [0.0, 0.15, -0.2, 0.9])
def test_a_line_may_slant(slope):
    lines = find_lines(inked(rows_of(6, slope=slope, height=60)))
    assert [len(line) for line in lines] == [6]
    middles = [x for x, _ in places(lines)[0]]
    assert middles == sorted(middles)


@pytest.mark.parametrize("slope", [0.0, 0.1, -0.1])
def test_five_lines_are_read_from_above(slope):
    lines = find_lines(inked(rows_of(4, slope=slope, rows=5)))
    assert [len(line) for line in lines] == [4] * 5
    assert [y for (_, y), *_ in places(lines)] == sorted(y for (_, y), *_ in places(lines))


def test_a_column_is_one_glyph_a_line():
    cover = np.zeros((500, 200), np.float32)
    for place, x in enumerate((50, 70, 40, 80)):
        draw(cover, str(place + 2), x, 20 + place * 110, 80, 9)
    assert [len(line) for line in find_lines(inked(cover))] == [1, 1, 1, 1]


def test_a_loose_bar_belongs_to_its_five():
    cover = draw(np.zeros((300, 300), np.float32), "5", 80, 60, 160, 12)
    cover[:, 124:136] *= cover[:, 124:136] * 0 + (np.arange(300)[:, None] > 90)  # cut the bar off
    assert cv2.connectedComponents((cover > 0).astype(np.uint8))[0] == 3
    lines = find_lines(inked(cover))
    assert [len(line) for line in lines] == [1]
    assert lines[0][0].box[2] > 90, "the bar reaches further than the rest"


def test_dots_and_strips_along_the_edge_are_dropped():
    cover = draw(np.zeros((300, 300), np.float32), "2", 80, 60, 160, 12)
    cv2.circle(cover, (270, 270), 6, 1.0, -1)
    cv2.circle(cover, (30, 40), 3, 1.0, -1)
    cover[:, :5] = 1
    lines = find_lines(inked(cover))
    assert [len(line) for line in lines] == [1]
    assert lines[0][0].box[0] > 60


def test_all_ink_is_one_glyph_where_that_was_said():
    lines = find_lines(inked(rows_of(3)), "single")
    assert [len(line) for line in lines] == [1]


def test_all_glyphs_are_one_line_where_that_was_said():
    lines = find_lines(inked(rows_of(3, rows=2)), "line")
    assert [len(line) for line in lines] == [6]


def test_an_empty_page_has_no_lines():
    assert find_lines(inked(np.zeros((50, 60)))) == ()


def test_a_texture_has_no_lines():
    noise = np.random.default_rng(0).random((600, 600)) > 0.75
    assert find_lines(inked(noise)) == ()


def test_touching_glyphs_are_divided_where_the_chooser_says():
    cover = np.zeros((120, 220), np.float32)
    draw(cover, "0", 10, 15, 90, 8)
    draw(cover, "0", 62, 15, 90, 8)
    assert [len(line) for line in find_lines(inked(cover))] == [1]
    offered = []

    def halves(ways):
        offered.extend(ways)
        return [[abs(way[0].box[2] - 55) / 5 if len(way) == 1 else 99.0 for way in w] for w in ways]

    lines = find_lines(inked(cover), weigh=halves)
    assert [len(line) for line in lines] == [2] and offered
    left, right = (x for x, _ in places(lines)[0])
    assert left == pytest.approx(42, abs=6) and right == pytest.approx(93, abs=6)


def test_four_touching_glyphs_are_divided_at_slanted_joints():
    cover = np.zeros((120, 420), np.float32)
    for number in range(4):
        draw(cover, "0", 30 + 62 * number, 15, 90, 8)
    lean = np.array([[1, -0.25, 30], [0, 1, 0]], np.float32)
    cover = cv2.warpAffine(cover, lean, (420, 120))
    cover[58:62, 60:300] = 1  # a stroke through all of them
    pieces = cut_pieces(find_lines(inked(cover))[0][0])
    assert max(piece.end for piece in pieces) >= 4
    weigh = lambda ways: [[abs(way[0].box[2] - 68) / 10 for way in own] for own in ways]  # noqa: E731
    (line,) = find_lines(inked(cover), weigh=weigh)
    lefts = [crop.box[0] for crop in line]
    assert len(line) == 4 and np.diff(lefts) == pytest.approx([62] * 3, abs=12)


def test_pieces_side_by_side_have_all_ink():
    cover = np.zeros((120, 220), np.uint8)
    cover[10:110, 10:20] = cover[55:65, 10:200] = cover[10:110, 190:200] = 255
    (crop,) = find_lines(inked(cover))[0]
    pieces = cut_pieces(crop)
    last = max(piece.end for piece in pieces)
    steps = [piece for piece in pieces if piece.end == piece.start + 1]
    assert len(steps) == last > 1
    assert sum(int(piece.crop.cover.sum()) for piece in steps) == int(crop.cover.sum())


def torn_seven():
    """A 7 whose bar, and whose stem's two halves, have come apart."""
    cover = np.zeros((300, 300), np.float32)
    cv2.line(cover, (90, 60), (190, 58), 1.0, 9)
    cv2.line(cover, (188, 75), (160, 140), 1.0, 9)
    cv2.line(cover, (154, 158), (130, 230), 1.0, 9)
    return cover


def test_pieces_of_a_torn_glyph_are_joined_where_that_leaves_less_doubt():
    prefers_one = lambda ways: [[5.0 * len(way) for way in own] for own in ways]  # noqa: E731
    prefers_many = lambda ways: [[99.0 / len(way) for way in own] for own in ways]  # noqa: E731
    assert [len(line) for line in find_lines(inked(torn_seven()), weigh=prefers_one)] == [1]
    assert sum(len(line) for line in find_lines(inked(torn_seven()), weigh=prefers_many)) > 1


def test_a_row_of_whole_glyphs_is_never_taken_for_pieces_of_one():
    cover = np.zeros((200, 300), np.float32)
    for left in (60, 95, 130):
        draw(cover, "1", left, 50, 90, 8)
    asked = []

    def weigh(ways):
        asked.extend(way for own in ways for way in own if len(way) == 1)
        return [[5.0 * len(way) for way in own] for own in ways]

    assert [len(line) for line in find_lines(inked(cover), weigh=weigh)] == [3]
    assert not asked


@pytest.mark.parametrize(("digits", "lines"), [("92", 2), ("50", 2), ("11", 1)])
def test_two_glyphs_above_each_other_are_no_torn_one_though_the_classifier_is_surer(digits, lines):
    cover = np.zeros((320, 200), np.float32)
    for row, digit in enumerate(digits):
        draw(cover, digit, 60, 40 + 125 * row, 90, 8)
    weigh = lambda ways: [[0.0 if len(way) == 1 else 0.5 for way in own] for own in ways]  # noqa: E731
    assert len(find_lines(inked(cover), weigh=weigh)) == lines  # halves of a 1 are joined


def test_a_long_line_is_not_tried_as_a_row_of_glyphs_that_touch():
    cover = np.zeros((60, 400), np.uint8)
    cover[20:24, 10:390] = 255
    tried = []

    def weigh(ways):
        tried.extend(crop for way in ways for crops in way for crop in crops)
        return [[1.0 for _ in way] for way in ways]

    find_lines(Ink(cover, 1.0, "dark on light"), weigh=weigh)
    assert all(crop.box[2] == 380 for crop in tried)
