"""The composer of practice pages, on digits that need no download."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import papers
import practice_digits
import practice_pages
import strokes
from loupe.data.dataset import TRAIN, Dataset, Rows
from loupe.framing import stroke_widths


def digit(label: int) -> np.ndarray:
    """Draw a digit as MNIST has them, in a plotter's hand."""
    image = np.zeros((280, 280), np.uint8)
    cv2.putText(image, str(label), (70, 240), cv2.FONT_HERSHEY_SIMPLEX, 9, 255, 24)
    return cv2.resize(image, (28, 28), interpolation=cv2.INTER_AREA)


@pytest.fixture(autouse=True)
def two_writers(monkeypatch):
    images = np.stack([digit(label) for label in range(10)] * 2)[..., np.newaxis]
    labels, groups = np.tile(np.arange(10), 2), np.repeat([7, 8], 10)
    split = np.full(20, TRAIN, np.uint8)
    names = tuple("0123456789")
    data = Dataset("plotted", images, labels, split, names, Rows("plotted", 20), groups)
    monkeypatch.setattr(practice_pages, "held_out", lambda: data)
    practice_pages._traced.cache_clear()
    yield
    practice_pages._traced.cache_clear()


@pytest.mark.parametrize("fault", ["clean", "shadow", "everything"])
def test_the_same_seed_makes_the_same_page_whatever_came_before(fault):
    first = practice_pages.page(fault, 3)
    practice_pages.page("ruled", 0)
    again, other = practice_pages.page(fault, 3), practice_pages.page(fault, 3, seed=1)
    assert again.text == first.text and np.array_equal(again.picture, first.picture)
    assert other.picture.shape != first.picture.shape or (other.picture != first.picture).any()


@pytest.mark.parametrize("fault", [f for f in practice_pages.FAULTS if f != "12 megapixels"])
def test_each_fault_makes_a_picture_with_text(fault):
    page = practice_pages.page(fault, 0, layout="single")
    assert page.picture.dtype == np.uint8 and page.picture.ndim == 3
    assert page.text in list("0123456789")
    assert page.picture.std() > 1


@pytest.mark.parametrize("layout", ["line", pytest.param("page", marks=pytest.mark.slow), "column"])
def test_a_layout_has_its_lines(layout):
    lines = practice_pages.page("clean", 1, layout=layout).text.split("\n")
    assert {"line": len(lines) == 1, "page": len(lines) > 1, "column": len(lines) > 1}[layout]
    assert layout != "column" or all(len(line) == 1 for line in lines)


@pytest.mark.slow
def test_a_large_page_has_the_megapixels_of_a_phone():
    page = practice_pages.page("12 megapixels", 0, layout="single")
    assert 5.9e6 < page.picture.shape[0] * page.picture.shape[1] < 12.1e6


@pytest.mark.parametrize("way", ["drawn", "shape"])
@pytest.mark.parametrize("width", [1.2, 2.4, 4.0])
def test_a_pen_draws_as_wide_as_it_is(width, way):
    traced = strokes.trace(digit(3))
    cover = strokes.draw(traced, strokes.Pen(width, way), 8, np.random.default_rng(0))
    assert stroke_widths(cover[np.newaxis])[0] / 8 == pytest.approx(width, rel=0.3)


def test_a_brush_keeps_the_loops_open():
    traced = strokes.trace(digit(8))
    cover = strokes.draw(traced, strokes.Pen(9.0), 8, np.random.default_rng(0))
    contours, tree = cv2.findContours(cover // 128, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    assert len(contours) == 3 and sum(level[3] >= 0 for level in tree[0]) == 2


def test_thinning_leaves_lines_of_one_pixel_in_one_piece():
    shape = cv2.resize(digit(2), (112, 112)) // 128
    skeleton = strokes.thin(shape)
    assert not (skeleton & ~shape).any()
    assert cv2.connectedComponents(skeleton)[0] == cv2.connectedComponents(shape)[0]
    assert not (cv2.erode(skeleton, np.ones((2, 2))) > 0).any()


@pytest.mark.parametrize("field", [papers.gradient, papers.vignette, papers.shadow, papers.crease])
def test_light_only_takes_away(field):
    light = field((60, 90), 0.5, np.random.default_rng(0))
    assert light.shape == (60, 90) and light.dtype == np.float32
    assert 0.2 < light.min() < 0.95 and light.max() < 1.35


@pytest.mark.parametrize("situation", [s for s in practice_digits.SITUATIONS if s != "huge"])
def test_each_situation_makes_a_picture_of_one_digit(situation):
    one = practice_digits.digit(situation, 0)
    assert one.label in list("0123456789") and one.cover.any()
    assert one.picture.dtype == np.uint8 and one.picture.shape[2] in (3, 4)
    assert one.picture.std() > 1


def test_a_situation_is_the_same_whatever_was_composed_before():
    first = practice_digits.digit("dirt", 5)
    practice_digits.digit("chalk", 0)
    again, other = practice_digits.digit("dirt", 5), practice_digits.digit("dirt", 5, seed=1)
    assert first.label == again.label and np.array_equal(first.picture, again.picture)
    assert other.picture.shape != first.picture.shape or (other.picture != first.picture).any()
