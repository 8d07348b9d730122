"""Crops are cleaned of what is not their glyph's ink."""

import cv2
import numpy as np
import pytest
from drawing import draw

from loupe.reading.crop import without_ground


@pytest.mark.parametrize("level", [60, 100, 120])
def test_the_ground_that_a_glyph_stands_on_is_left_out(level):
    cover = (draw(np.zeros((120, 100), np.float32), "2", 15, 15, 90, 8) * 255).astype(np.uint8)
    cleaned = without_ground(np.maximum(cover, level).astype(np.uint8))
    assert (cleaned[cover == 0] == 0).all() and (cleaned[cover == 255] == 255).all()


@pytest.mark.parametrize("digit, pen", [("8", 30), ("0", 12), ("1", 40), ("5", 3)])
def test_a_glyph_without_ground_stays_as_it_is(digit, pen):
    cover = (draw(np.zeros((220, 220), np.float32), digit, 50, 50, 120, pen) * 255).astype(np.uint8)
    left, top, width, height = cv2.boundingRect(cover)
    tight = cover[top : top + height, left : left + width]
    assert np.array_equal(without_ground(tight), tight)
    faded = (tight * np.linspace(0.3, 1, height)[:, None]).astype(np.uint8)
    assert np.array_equal(without_ground(faded), faded)
