import cv2
import numpy as np
import pytest
from drawing import draw, photograph

from loupe.reading.ink import find_ink
from loupe.reading.ruling import without_ruling


def page(digit="5", side=400, height=200, pen=14, left=120, top=90):
    return draw(np.zeros((side, side), np.float32), digit, left, top, height, pen)


def grid(side=400):
    return np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side))


def agreement(cover, truth):
    """Intersection over union of the ink that was found and the ink that was drawn."""
    truth = cv2.resize(truth, cover.shape[::-1], interpolation=cv2.INTER_AREA) > 0.5
    found = cover >= 128
    return (found & truth).sum() / (found | truth).sum()


X, Y = grid()
LIGHTS = {
    "even": np.ones_like(X),
    "gradient": 0.65 + 0.3 * X,
    "vignette": 1 - 0.3 * (X**2 + Y**2),
    "hard shadow": 1 - 0.5 * (X + 0.4 * Y > 0.1),
    "soft shadow": 1 - 0.45 / (1 + np.exp(-(X - Y) * 12)),
    "phone": 1 - 0.7 * ((X > -0.4) & (Y > 0.65)),
    "crease": 1 - 0.25 * (np.abs(X - 0.55) < 0.01),
}


@pytest.mark.parametrize("light", LIGHTS)
def test_light_and_shadow_are_divided_out(light):
    truth = page()
    ink = find_ink(photograph(truth, light=LIGHTS[light].astype(np.float32)))
    assert ink.polarity == "dark on light"
    assert agreement(ink.cover, truth) > 0.75


@pytest.mark.parametrize(
    "paper, ink, polarity",
    [
        ((255, 255, 255), (0, 0, 0), "dark on light"),
        ((0, 0, 0), (255, 255, 255), "light on dark"),
        ((40, 60, 45), (200, 210, 205), "light on dark"),
        ((250, 240, 120), (60, 70, 180), "dark on light"),
        ((225, 225, 220), (196, 196, 196), "dark on light"),  # ink almost as pale as the paper
    ],
)
def test_ink_of_any_colour_is_found_on_paper_of_any(paper, ink, polarity):
    truth = page()
    found = find_ink(photograph(truth, paper, ink, noise=3))
    assert found.polarity == polarity
    assert agreement(found.cover, truth) > 0.75


@pytest.mark.parametrize("swapped", [False, True])
def test_colours_as_light_as_the_paper_are_told_apart(swapped):
    truth = page()
    picture = photograph(truth, (90, 160, 90), (190, 110, 90), noise=3)  # the same luminance
    found = find_ink(picture[..., ::-1] if swapped else picture)
    assert agreement(found.cover, truth) > 0.75


@pytest.mark.parametrize("pen, height", [(1, 900), (2, 900), (60, 330)])
def test_hairlines_and_brushes_are_found_whole(pen, height):
    side = 1500 if pen < 9 else 400
    truth = draw(np.zeros((side, side), np.float32), "3", 60, 35, height, pen)
    ink = find_ink(photograph(truth, (255, 255, 255), (0, 0, 0), noise=0))
    parts, _ = cv2.connectedComponents((ink.cover > 0).astype(np.uint8), connectivity=8)
    assert parts == 2, "the paper and one stroke"
    rows = np.flatnonzero((ink.cover > 0).any(axis=1))
    assert np.ptp(rows) / ink.scale == pytest.approx(height + pen, rel=0.05)


def test_noise_is_no_ink_beside_pencil():
    truth = page(pen=5)
    ink = find_ink(photograph(truth, (215, 212, 205), (150, 150, 150), noise=9))
    assert agreement(ink.cover, truth) > 0.4
    assert (ink.cover > 0)[cv2.dilate(truth, np.ones((25, 25))) == 0].sum() < 20


def drawn(truth):
    return (truth > 0.5).astype(np.uint8)


@pytest.mark.parametrize("slope", [0.0, 0.02, -0.03])
@pytest.mark.parametrize("upright", [False, True])
def test_ruled_lines_go_and_strokes_stay(slope, upright):
    truth = page(pen=12)
    ruled = truth.copy()
    for y in range(30, 400, 70):
        cv2.line(ruled, (0, y), (399, int(y + slope * 400)), 1.0, 2)
    given = drawn(ruled.T if upright else ruled)
    plain, notes = without_ruling(np.ascontiguousarray(given))
    assert notes == ("ruled lines removed",)
    truth = drawn(truth.T if upright else truth)
    assert (plain & truth).sum() > 0.97 * truth.sum()
    assert (plain & (1 - cv2.dilate(truth, np.ones((9, 9), np.uint8)))).sum() < 30


@pytest.mark.parametrize("degrees", [0, 3, -5])
@pytest.mark.parametrize("touching", [False, True])
def test_a_box_goes_and_the_digit_in_it_stays(degrees, touching):
    truth = page("4", pen=12)
    boxed = truth.copy()
    left = 118 if touching else 80
    cv2.rectangle(boxed, (left, 70), (340, 320), 1.0, 4)
    turn = cv2.getRotationMatrix2D((200, 200), degrees, 1)
    truth, boxed = (cv2.warpAffine(image, turn, (400, 400)) for image in (truth, boxed))
    plain, notes = without_ruling(drawn(boxed))
    assert notes == ("boxes removed",)
    assert (plain & drawn(truth)).sum() > 0.93 * drawn(truth).sum()
    assert plain.sum() < 1.1 * drawn(truth).sum()


@pytest.mark.parametrize("digit", "01")
def test_digits_that_look_like_boxes_and_lines_stay(digit):
    truth = draw(np.zeros((400, 400), np.float32), digit, 60, -10, 420, 16)
    plain, notes = without_ruling(drawn(truth))
    assert not notes and np.array_equal(plain, drawn(truth))


def test_a_page_on_a_table_is_read_without_the_table():
    table = np.full((600, 640, 3), 50, np.uint8)
    table[100:500, 130:530] = photograph(page())
    turn = cv2.getRotationMatrix2D((330, 300), 6, 1)
    ink = find_ink(cv2.warpAffine(table, turn, (640, 600), borderMode=cv2.BORDER_REPLICATE))
    assert ink.polarity == "dark on light" and any("page" in note for note in ink.notes)
    rows, columns = (places / ink.scale for places in np.nonzero(ink.cover))
    assert rows.min() > 150 and rows.max() < 430 and columns.min() > 200


def test_ink_knows_its_scale():
    ink = find_ink(photograph(draw(np.zeros((1500, 1000), np.float32), "2", 250, 350, 450, 25)))
    assert max(ink.cover.shape) == pytest.approx(1500 * ink.scale)
    rows = np.flatnonzero((ink.cover > 0).any(axis=1)) / ink.scale
    assert rows[0] == pytest.approx(337, abs=8) and rows[-1] == pytest.approx(812, abs=8)


def test_a_thick_digit_alone_is_searched_at_fewer_pixels_than_a_thin_one_or_a_line():
    thick, thin = (page(side=1000, height=500, pen=pen, left=300) for pen in (40, 3))
    line = cv2.hconcat([page(side=500, height=250, pen=20), page(side=500, height=250, pen=20)])
    sides = [max(find_ink(photograph(each)).cover.shape) for each in (thick, thin, line)]
    assert sides == [500, 1000, 1000]
