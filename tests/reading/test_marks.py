import cv2
import numpy as np
import pytest
from drawing import STROKES, draw

from loupe.reading.marks import without_marks

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
        assert np.array_equal(without_marks(drawn)[0], drawn)


@pytest.mark.parametrize("text", ["7", "31", "8204"])
@pytest.mark.parametrize(("y", "slope"), [(165, 0.0), (180, 0.03), (35, 0.0)])
def test_a_line_that_lies_free_below_or_above_goes_and_the_digits_stay(text, y, slope):
    drawn = page(text, row(text, y, slope))
    assert np.array_equal(without_marks(drawn)[0], page(text))


def test_a_line_that_touches_goes_and_nearly_all_of_the_strokes_stay():
    plain, drawn = page("369"), page("369", row("369", 148))
    written, _ = without_marks(drawn)
    assert (written & plain).sum() > 0.9 * plain.sum()
    assert (written & ~plain).sum() < 0.1 * (drawn & ~plain).sum()


def test_the_foot_of_a_1_and_a_line_beside_stay():
    foot = page("1", ((75, 150), (125, 150)))
    assert np.array_equal(without_marks(foot)[0], foot)
    dash = page("7", ((140, 100), (220, 100)))[:, :230]
    assert np.array_equal(without_marks(dash)[0], dash)


@pytest.mark.parametrize("end", [345, 360])
@pytest.mark.parametrize("digit", STROKES)
def test_a_ring_around_a_digit_goes_though_it_is_open(digit, end):
    plain = np.zeros((300, 300), np.float32)
    draw(plain, digit, 115, 100, HEIGHT, 6)
    ringed = cv2.ellipse(plain.copy(), (150, 150), (105, 95), 8, 0, end, 1.0, 5, cv2.LINE_AA)
    written, notes = without_marks((ringed > 0.5).astype(np.uint8))
    assert notes == ("rings removed",)
    assert np.array_equal(written, (plain > 0.5).astype(np.uint8))


def test_a_0_with_a_slash_or_a_dot_in_it_stays():
    for size in (90, 4):
        zero = cv2.ellipse(np.zeros((200, 200), np.uint8), (100, 100), (38, 55), 0, 0, 360, 1, 5)
        cv2.line(zero, (100 - size // 3, 100 + size // 2), (100 + size // 3, 100 - size // 2), 1, 4)
        assert without_marks(zero) == (zero, ())
