import cv2
import numpy as np
import pytest
from drawing import STROKES, draw

from loupe.reading.underline import without_underlines

HEIGHT = 100  # of the digits


def page(text, line=None, thickness=4):
    """Digits side by side, and a line from one place to another."""
    cover = np.zeros((220, 120 + 110 * len(text)), np.float32)
    for place, digit in enumerate(text):
        draw(cover, digit, 60 + 110 * place, 50, HEIGHT, 6)
    if line is not None:
        cv2.line(cover, *line, 1.0, thickness, cv2.LINE_AA)
    return (cover > 0.5).astype(np.uint8)


def row(text, y, slope=0.0):
    """The ends of a line that reaches further than the digits."""
    end = 70 + 110 * len(text)
    return (40, y), (end, round(y + slope * (end - 40)))


@pytest.mark.parametrize("digit", STROKES)
def test_no_digit_loses_a_stroke(digit):
    for text in (digit, digit + digit, "1" + digit):
        drawn = page(text)
        assert np.array_equal(without_underlines(drawn), drawn)


@pytest.mark.parametrize("text", ["7", "31", "8204"])
@pytest.mark.parametrize(("y", "slope"), [(165, 0.0), (180, 0.03), (35, 0.0)])
def test_a_line_that_lies_free_below_or_above_goes_and_the_digits_stay(text, y, slope):
    drawn = page(text, row(text, y, slope))
    assert np.array_equal(without_underlines(drawn), page(text))


def test_a_line_that_touches_goes_and_nearly_all_of_the_strokes_stay():
    plain, drawn = page("369"), page("369", row("369", 148))
    written = without_underlines(drawn)
    assert (written & plain).sum() > 0.9 * plain.sum()
    assert (written & ~plain).sum() < 0.1 * (drawn & ~plain).sum()


def test_the_foot_of_a_1_and_a_line_beside_stay():
    foot = page("1", ((75, 150), (125, 150)))
    assert np.array_equal(without_underlines(foot), foot)
    dash = page("7", ((140, 100), (220, 100)))[:, :230]
    assert np.array_equal(without_underlines(dash), dash)
