import numpy as np
import pytest
from drawing import STROKES, draw, photograph

from loupe.classifier.pretrained import pretrained
from loupe.errors import DataError
from loupe.reading.reader import read_picture


@pytest.fixture(scope="module")
def classifier():
    """The reader that ships."""
    return pretrained()


def labels(reading):
    """The best guesses, refused or not, with line breaks: the reader is tested, not the model."""
    lines = {}
    for glyph in reading.glyphs:
        lines.setdefault(glyph.line, []).append(glyph.guesses[0][0])
    return "\n".join("".join(line) for line in lines.values())


def test_single_digits_are_read_whatever_holds_them(classifier):
    right = 0
    for digit in STROKES:
        cover = draw(np.zeros((300, 240), np.float32), digit, 80, 60, 130, 8)
        for picture in (photograph(cover), 255 - photograph(cover)[..., :1]):
            reading = read_picture(picture, classifier)
            assert reading.layout == "single" and len(reading.glyphs) == 1
            right += labels(reading) == digit
    assert right >= 18


def test_a_page_is_read_in_order_with_boxes_in_the_picture_as_given(classifier):
    cover = np.zeros((1100, 1700), np.float32)
    for row, text in enumerate(("20846", "375")):
        for place, digit in enumerate(text):
            draw(cover, digit, 150 + 300 * place, 150 + 450 * row, 220, 16)
    reading = read_picture(photograph(cover), classifier)
    assert reading.layout == "page" and reading.size == (1700, 1100)
    assert labels(reading) == "20846\n375"
    left, top, width, height = reading.glyphs[5].box
    assert left == pytest.approx(150, abs=45) and top == pytest.approx(592, abs=12)
    assert height == pytest.approx(236, abs=15) and 75 < width < 220


def test_touching_digits_are_divided(classifier):
    cover = np.zeros((300, 600), np.float32)
    draw(cover, "0", 100, 60, 180, 14)
    draw(cover, "0", 193, 60, 180, 14)
    assert labels(read_picture(photograph(cover), classifier)) == "00"


def test_guesses_come_best_first_and_as_many_as_were_asked_for(classifier):
    cover = draw(np.zeros((200, 200), np.float32), "3", 60, 30, 130, 9)
    (glyph,) = read_picture(photograph(cover), classifier, top=4).glyphs
    chances = [chance for _, chance in glyph.guesses]
    assert len(chances) == 4 and chances == sorted(chances, reverse=True)
    assert glyph.frame.shape == classifier.image_shape
    threshold = classifier.card.outlier_threshold
    assert (glyph.label == "?") == (glyph.outlier > threshold)


def test_a_blank_sheet_says_nothing(classifier):
    for level in (0, 127, 255):
        reading = read_picture(np.full((300, 200, 1), level, np.uint8), classifier)
        assert reading.text == "" and reading.glyphs == ()


def test_a_frame_is_given_to_the_model_as_it_is(classifier):
    frame = np.random.default_rng(0).integers(0, 256, (28, 28, 1), np.uint8)
    (glyph,) = read_picture(frame, classifier, "frame").glyphs
    assert np.array_equal(glyph.frame, frame) and glyph.box == (0, 0, 28, 28)


def test_a_layout_that_does_not_exist_is_refused(classifier):
    with pytest.raises(DataError, match="Did you mean 'line'"):
        read_picture(np.zeros((9, 9, 1), np.uint8), classifier, "lines")
