import cv2
import numpy as np
import pytest
from drawing import draw, photograph

from loupe.classifier.pretrained import pretrained
from loupe.reading.edges import is_edge
from loupe.reading.reader import read_picture

HEIGHT, WIDTH = 500, 400


@pytest.fixture(scope="module")
def classifier():
    return pretrained("mnist")


def shadow(corners, depth=0.45, soft=3.0):
    """The light that a shadow leaves: 1 beside it, 1 - depth in it; corners in shares of sides."""
    cover = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(cover, [np.round(np.array(corners) * (WIDTH, HEIGHT)).astype(np.int32)], 255)
    return 1 - depth * cv2.GaussianBlur(cover, (0, 0), soft).astype(np.float32) / 255


SHADOWS = {
    "of a phone at the side": shadow([(0.7, 0.2), (1.1, 0.2), (1.1, 0.8), (0.7, 0.8)]),
    "of an arm across a corner": shadow([(0.4, -0.1), (1.1, 0.7), (1.1, -0.1)]),
    "of half of the sheet": shadow([(-0.1, 0.5), (1.1, 0.62), (1.1, 1.1), (-0.1, 1.1)]),
    "soft": shadow([(0.6, -0.1), (1.1, -0.1), (1.1, 1.1), (0.5, 1.1)], soft=12.0),
    "deep": shadow([(-0.1, -0.1), (0.3, -0.1), (0.2, 1.1), (-0.1, 1.1)], depth=0.7),
}


@pytest.mark.parametrize("light", SHADOWS.values(), ids=SHADOWS)
def test_a_shadow_on_a_blank_sheet_says_nothing(light, classifier):
    blank = photograph(np.zeros((HEIGHT, WIDTH), np.float32), light=light)
    assert read_picture(blank, classifier).text == ""


@pytest.mark.parametrize(
    "ink",
    [
        pytest.param((40, 40, 50), id="pen"),
        pytest.param((170, 168, 165), id="pencil", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("light", SHADOWS.values(), ids=SHADOWS)
def test_a_digit_beside_or_across_a_shadow_is_read_and_the_shadow_is_not(light, ink, classifier):
    cover = draw(np.zeros((HEIGHT, WIDTH), np.float32), "3", 130, 150, 200, 14)
    assert read_picture(photograph(cover, ink=ink, light=light), classifier).text == "3"


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_a_fold_between_a_lit_and_a_darker_half_says_nothing(side, classifier):
    light = np.ones((HEIGHT, WIDTH), np.float32)
    halves = {
        "left": np.s_[:, :170],
        "right": np.s_[:, 230:],
        "top": np.s_[:200],
        "bottom": np.s_[300:],
    }
    light[halves[side]] = 0.82
    blank = photograph(np.zeros((HEIGHT, WIDTH), np.float32), light=light)
    assert read_picture(blank, classifier).text == ""


def test_strokes_are_no_edges_whether_ink_is_darker_or_lighter_than_paper():
    cover = draw(np.zeros((200, 160), np.float32), "7", 30, 20, 150, 9)
    bytes_ = (cover * 255).astype(np.uint8)
    dark, light = photograph(cover), photograph(cover, paper=(30, 30, 30), ink=(220, 220, 220))
    assert not is_edge(dark, (0, 0, 160, 200), bytes_)
    assert not is_edge(light, (0, 0, 160, 200), bytes_)


def test_a_stroke_along_the_border_of_a_shadow_is_a_stroke():
    sheet = np.full((100, 100, 1), 200, np.uint8)
    sheet[:, 50:] = 120
    sheet[:, 47:50] = 40  # darker than either side
    assert not is_edge(sheet, (47, 0, 3, 100), np.full((100, 3), 255, np.uint8))
    assert is_edge(sheet, (50, 0, 3, 100), np.full((100, 3), 255, np.uint8))


def test_a_shape_at_half_the_pictures_scale_is_found_in_it():
    sheet = np.full((100, 100, 3), 200, np.uint8)
    sheet[20:80, 40:52] = 50
    assert not is_edge(sheet, (40, 20, 12, 60), np.full((30, 6), 255, np.uint8))
    assert is_edge(sheet, (52, 20, 12, 60), np.full((30, 6), 255, np.uint8))
