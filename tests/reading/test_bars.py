import cv2
import hypothesis.strategies as st
import numpy as np
import pytest
from drawing import draw, photograph
from hypothesis import given, settings

from loupe.classifier.pretrained import pretrained
from loupe.reading.bars import without_bars
from loupe.reading.reader import read_picture
from loupe.reading.steps import trace_picture

WIDTHS = st.integers(0, 90)
NOTE = "even bars around it left out"


@pytest.fixture
def photo():
    """Two digits on grey paper that gets darker to the right."""
    cover = np.zeros((240, 300), np.float32)
    draw(cover, "7", 40, 50, 140, 9)
    draw(cover, "2", 170, 50, 140, 9)
    light = np.tile(np.linspace(1, 0.75, 300, dtype=np.float32), (240, 1))
    return photograph(cover, paper=(170, 172, 168), light=light)


def framed(picture, widths, colour):
    """A picture with bars of some widths (above, below, left, right)."""
    return cv2.copyMakeBorder(picture, *widths, cv2.BORDER_CONSTANT, value=colour)


@settings(max_examples=40, deadline=None)
@given(st.tuples(WIDTHS, WIDTHS), st.booleans(), st.sampled_from([0, 255, 90]))
def test_bars_of_any_width_are_taken_off_exactly(widths, upright, level):
    picture = np.random.default_rng(1).integers(120, 220, (70, 50, 3), dtype=np.uint8)
    around = (0, 0, *widths) if upright else (*widths, 0, 0)
    found = without_bars(framed(picture, around, (level,) * 3))
    if not any(widths):
        assert found is None
        return
    part, place = found
    np.testing.assert_array_equal(part, picture)
    assert place == ((widths[0], 0) if upright else (0, widths[0]))


def test_bars_within_bars_are_taken_off_too(photo):
    twice = framed(framed(photo, (20, 20, 0, 0), (0, 0, 0)), (0, 0, 30, 30), (255, 255, 255))
    part, place = without_bars(twice)
    np.testing.assert_array_equal(part, photo)
    assert place == (30, 20)


@pytest.mark.parametrize("stroke", [slice(80, 120), slice(2, 42), slice(158, 198)])
@pytest.mark.parametrize("turned", [False, True])
def test_a_straight_stroke_from_edge_to_edge_is_no_picture_between_bars(stroke, turned):
    drawing = np.full((200, 200, 1), 255, np.uint8)
    drawing[:, stroke] = 0
    assert without_bars(drawing.swapaxes(0, 1) if turned else drawing) is None


def test_a_tight_crop_of_a_two_keeps_its_margin_below():
    cover = draw(np.zeros((200, 160), np.float32), "2", 20, 10, 160, 16)
    cover[160:180] = 1  # its base from side to side
    drawing = (255 * (1 - cover)).astype(np.uint8)[..., np.newaxis]
    assert without_bars(drawing) is None


def test_compression_does_not_hide_a_bar(photo):
    coded = cv2.imencode(".jpg", framed(photo, (64, 64, 0, 0), (0, 0, 0)), [1, 60])[1]
    part, (left, top) = without_bars(cv2.imdecode(coded, cv2.IMREAD_COLOR))
    assert left == 0 and abs(top - 64) <= 3 and abs(len(part) - len(photo)) <= 6


@pytest.mark.parametrize("paper", [255, 0])
def test_a_margin_of_the_papers_own_colour_is_no_bar(paper):
    cover = draw(np.zeros((200, 200), np.float32), "7", 60, 40, 120, 12)
    drawing = (paper + (255 - 2 * paper) * cover).astype(np.uint8)[..., np.newaxis]
    assert without_bars(drawing) is None


def test_a_stroke_along_most_of_a_picture_is_no_bars_end():
    drawing = np.full((100, 100, 1), 255, np.uint8)
    drawing[30:40, 4:96] = 0
    assert without_bars(drawing) is None


@pytest.mark.parametrize("level", [0, 120, 255])
def test_a_picture_of_one_colour_has_no_bars(level):
    assert without_bars(np.full((40, 60, 3), level, np.uint8)) is None


def test_a_bar_with_writing_on_it_stays(photo):
    whole = framed(photo, (60, 0, 0, 0), (0, 0, 0))
    whole[10:40, 20:60] = 255
    assert without_bars(whole) is None


def test_what_is_left_is_never_a_sliver():
    picture = np.zeros((60, 60, 1), np.uint8)
    picture[30:32] = 200
    assert without_bars(picture) is None


@pytest.mark.parametrize(
    ("widths", "colour"),
    [
        ((160, 160, 0, 0), (0, 0, 0)),
        ((0, 0, 120, 90), (255, 255, 255)),
        ((0, 70, 0, 0), (80, 80, 80)),
        ((4, 4, 5, 5), (0, 0, 0)),
    ],
)
def test_a_letterboxed_photo_is_read_as_the_photo_is(photo, widths, colour):
    model = pretrained("mnist")
    plain = read_picture(photo, model)
    reading = read_picture(framed(photo, widths, colour), model)
    assert reading.text == plain.text == "72"
    assert reading.notes == (NOTE, *plain.notes)
    height, width = photo.shape[:2]
    assert reading.size == (width + widths[2] + widths[3], height + widths[0] + widths[1])
    for found, bare in zip(reading.glyphs, plain.glyphs, strict=True):
        left, top, *sides = bare.box  # in pixels of the whole picture
        assert found.box == (left + widths[2], top + widths[0], *sides)


def test_the_steps_show_what_was_left_of_the_picture(photo):
    steps = trace_picture(framed(photo, (50, 50, 0, 0), (0, 0, 0)), pretrained("mnist"))
    np.testing.assert_array_equal(steps["part"], photo)
