import cv2
import numpy as np
import pytest
from drawing import draw, photograph

from loupe.classifier.pretrained import pretrained
from loupe.reading.ink import find_ink
from loupe.reading.looks import Look, closer, evenly_lit
from loupe.reading.reader import read_picture


@pytest.fixture
def label_on_a_wall():
    """Three digits on a grey label that is glued to a white wall."""
    wall = np.full((700, 700, 3), 250, np.uint8)
    cover = np.zeros((120, 360), np.float32)
    for place, digit in enumerate("725"):
        draw(cover, digit, 40 + 110 * place, 20, 80, 7)
    wall[290:410, 170:530] = photograph(cover, paper=(170, 172, 170))
    return wall


def test_a_label_is_read_at_a_closer_look(label_on_a_wall):
    reading = read_picture(label_on_a_wall, pretrained("mnist"))
    assert reading.text == "725"
    for glyph in reading.glyphs:  # in pixels of the whole picture
        assert 290 <= glyph.box[1] < 410 and 170 <= glyph.box[0] < 530
    assert reading.size == (700, 700)


def test_a_picture_that_is_read_without_doubt_is_not_looked_at_again(monkeypatch):
    def refuse(picture, ink):
        raise AssertionError("looked again")

    monkeypatch.setattr("loupe.reading.reader.LOOKS", (Look("", refuse),))
    cover = draw(np.zeros((300, 300), np.float32), "2", 100, 60, 180, 14)
    assert read_picture(photograph(cover), pretrained("mnist")).text == "2"


def test_a_closer_look_needs_ink_and_something_to_leave_out():
    blank = np.full((100, 100, 1), 200, np.uint8)
    assert closer(blank, find_ink(blank)) is None
    filled = cv2.circle(np.full((100, 100), 230, np.uint8), (50, 50), 48, 20, 3)[..., None]
    assert closer(filled, find_ink(filled)) is None


@pytest.mark.parametrize("inverted", [False, True])
def test_light_is_evened_out_and_strokes_stay(inverted):
    cover = draw(np.zeros((300, 300), np.float32), "7", 100, 60, 180, 10)
    light = np.where(np.arange(300) < 150, 1.0, 0.45).astype(np.float32)[np.newaxis].repeat(300, 0)
    picture = photograph(cover, light=light, noise=0)
    picture = 255 - picture if inverted else picture
    even, place = evenly_lit(picture, find_ink(picture))
    assert place == (0, 0) and even.shape == picture.shape
    paper = cv2.erode((cover == 0).astype(np.uint8), np.ones((21, 21), np.uint8)) > 0
    grey = even.mean(axis=2)
    assert np.percentile(grey[paper], 5) > 200  # paper is light on both sides
    assert np.median(grey[cover > 0.9]) < 120


def test_the_negative_of_a_shaded_photo_is_read_as_the_photo_is():
    cover = np.zeros((260, 760), np.float32)
    for place, digit in enumerate("84327"):
        draw(cover, digit, 60 + 130 * place, 70, 110, 8)
    y, x = np.mgrid[:260, :760]
    light = cv2.GaussianBlur(np.where(x + y > 700, 0.55, 1.0).astype(np.float32), (0, 0), 30)
    negative = 255 - photograph(cover, light=light)
    assert read_picture(negative, pretrained("mnist")).text == "84327"
