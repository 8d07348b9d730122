import cv2
import numpy as np
from drawing import draw, photograph

from loupe.classifier.pretrained import pretrained
from loupe.reading.steps import trace_picture


def test_only_what_changed_something_is_a_step():
    cover = draw(np.zeros((200, 200), np.float32), "2", 60, 40, 110, 12)
    steps = trace_picture(photograph(cover), pretrained("mnist"))
    assert list(steps) == ["paper", "strength", "ink", "glyphs"]
    assert steps["ink"][cover > 0.5].mean() < 60 < 200 < steps["ink"][cover == 0].mean()


def test_lines_and_boxes_that_were_taken_away_are_shown():
    cover = draw(np.zeros((300, 300), np.float32), "2", 90, 90, 110, 12)
    ruled = cover.copy()
    ruled[260:263] = 1
    cv2.rectangle(ruled, (60, 60), (240, 215), 1, 3)
    steps = trace_picture(photograph(ruled), pretrained("mnist"))
    removed = steps["ruling"][..., 0] < 128
    scale = removed.shape[0] / 300
    assert removed[int(261 * scale), 20] and removed[int(61 * scale), int(150 * scale)]
    assert not removed[cv2.resize(cover, removed.shape[::-1]) > 0.9].any()


def test_each_glyph_has_its_colour_and_what_is_left_out_is_grey():
    cover = np.zeros((200, 400), np.float32)
    for digit, left in (("2", 60), ("7", 220)):
        draw(cover, digit, left, 40, 110, 12)
    cv2.circle(cover, (380, 180), 2, 1, -1)
    steps = trace_picture(photograph(cover), pretrained("mnist"))
    glyphs = steps["glyphs"]
    scale = glyphs.shape[1] / 400
    colours = {
        tuple(np.median(part[part.min(axis=2) < 150], axis=0))
        for part in np.split(glyphs, [int(190 * scale)], axis=1)
    }
    assert len(colours) == 2
    assert (glyphs[int(170 * scale) :, int(370 * scale) :] == 200).all(axis=2).any()
