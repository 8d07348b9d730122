import cv2
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


@pytest.mark.parametrize("seed", range(4))
def test_the_texture_of_blank_paper_is_no_writing(seed, classifier):
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:600, :450] / 600
    light = 1 - 0.25 * y - 0.15 * x
    for grain in (4, 9, 20):  # fibres and mottles, together up to a twentieth of the light
        mottle = cv2.GaussianBlur(generator.normal(0, 1, (600, 450)), (0, 0), grain)
        light = light * (1 + 0.009 * mottle / mottle.std())
    blank = photograph(np.zeros((600, 450), np.float32), light=light, noise=3.0, seed=seed)
    assert not [label for label in labels(read_picture(blank, classifier)) if label != "?"]


def test_a_frame_is_given_to_the_model_as_it_is(classifier):
    frame = np.random.default_rng(0).integers(0, 256, (28, 28, 1), np.uint8)
    (glyph,) = read_picture(frame, classifier, "frame").glyphs
    assert np.array_equal(glyph.frame, frame) and glyph.box == (0, 0, 28, 28)


def test_a_layout_that_does_not_exist_is_refused(classifier):
    with pytest.raises(DataError, match="Did you mean 'line'"):
        read_picture(np.zeros((9, 9, 1), np.uint8), classifier, "lines")


def written(text, size, left=60, top=60, height=100, pen=7):
    """A page of cover with digits side by side."""
    cover = np.zeros(size, np.float32)
    for place, digit in enumerate(text):
        draw(cover, digit, left + round(1.1 * height) * place, top, height, pen)
    return cover


def test_squared_paper_that_lies_askew_is_left_out_though_no_line_reaches_the_border(classifier):
    cover = written("4730", (300, 620), top=90)
    squares = np.zeros_like(cover)
    for x in range(30, 600, 60):
        cv2.line(squares, (x, 14), (x + 6, 286), 1.0, 3, cv2.LINE_AA)
    for y in range(30, 290, 60):
        cv2.line(squares, (24, y), (596, y - 8), 1.0, 3, cv2.LINE_AA)
    reading = read_picture(photograph(np.maximum(cover, squares)), classifier)
    assert labels(reading) == "4730"


def test_a_row_of_boxes_is_no_ruled_line(classifier):
    cover = written("52130", (220, 560), left=25)
    for left, right in ((5, 105), (115, 215), (225, 325), (335, 435), (445, 553)):
        cv2.rectangle(cover, (left, 40), (right, 180), 1.0, 2)
    assert labels(read_picture(photograph(cover), classifier)) == "52130"


def test_a_box_may_be_narrow_or_hold_many_small_things(classifier):
    row = written("75213", (200, 1100), top=50, pen=9)
    cv2.rectangle(row, (378, 35), (452, 165), 1.0, 3)  # around the 1 alone
    assert labels(read_picture(photograph(row), classifier)) == "75213"
    page = written("7521368", (700, 1100), top=80, height=70)
    cv2.rectangle(page, (20, 20), (1080, 680), 1.0, 3)
    assert labels(read_picture(photograph(page), classifier)) == "7521368"


def test_a_wide_0_is_one_digit(classifier):
    cover = cv2.ellipse(np.zeros((260, 400), np.float32), (200, 130), (110, 62), -8, 0, 360, 1, 9)
    assert labels(read_picture(photograph(cover), classifier)) == "0"


@pytest.mark.parametrize("dark", [0.25, 0.35])
@pytest.mark.parametrize("below", [60, 100])
def test_a_deep_shadow_may_lie_slantwise_over_most_of_a_picture(dark, below, classifier):
    cover = written("2", (400, 400), left=130, top=140, height=110)
    y, x = np.mgrid[:400, :400]
    light = np.where(y > below + 0.75 * x, 1.0, dark).astype(np.float32)
    picture = photograph(cover, light=cv2.GaussianBlur(light, (0, 0), 2), ink=(20, 20, 20))
    assert labels(read_picture(picture, classifier)) == "2"


@pytest.mark.parametrize("pen", [1, 3])
def test_cells_of_a_form_are_no_ones(pen, classifier):
    cover = written("7685", (300, 600), top=90)
    for x in range(48, 500, 110):
        cv2.line(cover, (x, 70), (x, 215), 1.0, pen)
    cv2.rectangle(cover, (48, 70), (488, 215), 1.0, pen)
    assert labels(read_picture(photograph(cover), classifier)) == "7685"


def test_a_1_in_a_box_is_no_line_between_cells(classifier):
    cover = written("1", (260, 300), left=100, top=70, height=120, pen=4)
    cv2.rectangle(cover, (60, 60), (240, 200), 1.0, 4)
    assert labels(read_picture(photograph(cover), classifier)) == "1"


def canvas(cover):
    """A drawing as an app saves it: black on white, even."""
    return (255 * (1 - cover.clip(0, 1))).astype(np.uint8)[:, :, np.newaxis].repeat(3, axis=2)


@pytest.mark.parametrize("pen", [40, 50])
def test_a_brush_that_touches_the_border_is_no_shadow(pen, classifier):
    covers = [written(digit, (240, 200), 25, 12, 215, pen) for digit in "0123456789"]
    read = [labels(read_picture(canvas(cover), classifier)) for cover in covers]
    assert read == list("0123456789")


@pytest.mark.parametrize("pen", [6, 10, 16])
def test_the_bar_of_a_closely_cut_digit_is_no_ruled_line(pen, classifier):
    read = []
    for digit in "0123456789":
        cover = written(digit, (300, 300), 60, 60, 160, pen)
        left, top, width, height = cv2.boundingRect((cover > 0.3).astype(np.uint8))
        cut = canvas(cover[top : top + height, left : left + width])
        read.append(labels(read_picture(cut, classifier)))
    assert read == list("0123456789")


def test_surely_read_digits_above_each_other_are_not_one_though_one_is_a_1(classifier):
    cover = written("9", (400, 200), 60, 40, 110, 7)
    draw(cover, "1", 60, 185, 110, 7)
    assert read_picture(photograph(cover), classifier).text == "9\n1"


@pytest.mark.parametrize(
    "squared",
    [
        pytest.param(False, id="ruled"),
        pytest.param(True, id="squared", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("pitch", [30, 90, 170])
def test_printed_paper_that_nothing_is_written_on_says_nothing(pitch, squared, classifier):
    cover = np.zeros((600, 450), np.float32)
    for y in range(pitch // 2, 600, pitch):
        cv2.line(cover, (0, y), (449, y + 4), 0.5, 2, cv2.LINE_AA)
    for x in range(pitch // 3, 450, pitch) if squared else ():
        cv2.line(cover, (x, 0), (x - 3, 599), 0.5, 2, cv2.LINE_AA)
    assert read_picture(photograph(cover), classifier).text == ""


def test_three_ones_that_were_closely_cut_are_no_ruled_paper(classifier):
    cover = np.zeros((120, 160), np.float32)
    for x in (25, 80, 135):
        cv2.line(cover, (x + 3, 0), (x - 3, 119), 1.0, 11, cv2.LINE_AA)
    assert read_picture(photograph(cover), classifier).text == "111"
