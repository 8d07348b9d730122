import json
from dataclasses import replace

import cv2
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from loupe.data.download import data_folders
from loupe.data.read import read
from loupe.errors import DataError, ModelError
from loupe.framing import Framing, measure_framing, stroke_widths


def rings(count=120, side=32, longer=20, stroke=3, *, place="box", seed=0):
    """Rings and hooks with soft edges, light on black, their longer side in a box.

    `place` says what lies in the middle: "box", "mass", or nothing ("free").
    """
    generator = np.random.default_rng(seed)
    images = np.zeros((count, side, side), np.uint8)
    for image in images:
        big = np.zeros((8 * side, 8 * side), np.uint8)
        radius = 4 * (longer - stroke)
        axes = (int(radius * generator.uniform(0.4, 0.9)), radius)
        middle = (4 * side, 4 * side)
        end = int(generator.integers(190, 300))
        cv2.ellipse(big, middle, axes, 0, -90, end - 90, 255, 8 * stroke)
        small = cv2.resize(big, (side, side), interpolation=cv2.INTER_AREA)
        rows, columns = np.flatnonzero(small.any(axis=1)), np.flatnonzero(small.any(axis=0))
        crop = small[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        crop = cv2.resize(crop, (int(crop.shape[1] * longer / crop.shape[0]), longer))
        height, width = crop.shape
        centre = np.array([height, width]) / 2
        if place == "mass":
            weights = crop / crop.sum()
            centre = np.array(
                [
                    weights.sum(axis=1) @ (np.arange(height) + 0.5),
                    weights.sum(axis=0) @ (np.arange(width) + 0.5),
                ]
            )
        top, left = np.round(side / 2 - centre).astype(int)
        if place == "free":
            top, left = generator.integers(0, [side - height, side - width], endpoint=True)
        image[top : top + height, left : left + width] = crop
    return images[..., np.newaxis]


def test_rings_in_a_box_are_measured():
    framing = measure_framing(rings())
    assert framing.kind == "glyph" and framing.polarity == "light on dark"
    assert (framing.height, framing.width) == (32, 32)
    assert framing.background == (0,) and framing.contrast == pytest.approx(255, abs=3)
    assert framing.longer_side == framing.box[0] == framing.largest_box[0] == 20
    assert framing.margins[:2] == (6, 6)
    assert framing.stroke_width == pytest.approx(3, rel=0.15)
    low, high = framing.stroke_width_range
    assert low <= framing.stroke_width <= high


@pytest.mark.parametrize("place, centring", [("box", "box"), ("mass", "mass"), ("free", "none")])
def test_the_steadier_centre_is_found(place, centring):
    framing = measure_framing(rings(place=place))
    assert framing.centring == centring
    if centring != "none":
        assert framing.centre == pytest.approx((16, 16), abs=0.3)
        assert framing.centring_spread < 0.5


def test_dark_on_light_is_measured_like_its_negative():
    light = measure_framing(rings())
    dark = measure_framing(255 - rings())
    assert dark == replace(light, polarity="dark on light", background=(255,))


def test_colour_is_measured_like_grey():
    grey = rings()
    coloured = np.concatenate([255 - grey, 255 - grey // 2, 255 - 0 * grey], axis=3)
    framing = measure_framing(coloured)
    assert framing.background == (255, 255, 255)
    assert replace(framing, background=(0,), polarity="light on dark") == measure_framing(grey)


@given(factor=st.integers(2, 4), seed=st.integers(0, 50))
@settings(max_examples=10, deadline=None)
def test_enlarged_images_have_an_enlarged_framing(factor, seed):
    images = rings(count=40, seed=seed)
    small = measure_framing(images)
    large = measure_framing(images.repeat(factor, axis=1).repeat(factor, axis=2))
    assert large.longer_side == factor * small.longer_side
    assert large.margins == pytest.approx(np.array(small.margins) * factor)
    assert large.centre == pytest.approx(np.array(small.centre) * factor, abs=0.1)
    # Edges that were soft become stairs: their outline is longer, and so the stroke thinner.
    assert large.stroke_width == pytest.approx(factor * small.stroke_width, rel=0.2)
    assert (large.kind, large.centring) == (small.kind, small.centring)


@pytest.mark.parametrize("quality", [95, 75, 50])
def test_compression_as_jpeg_changes_little(quality):
    images = 255 - rings(place="mass")
    compressed = np.stack(
        [
            cv2.imdecode(
                cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1],
                cv2.IMREAD_GRAYSCALE,
            )
            for image in images
        ]
    )[..., np.newaxis]
    before, after = measure_framing(images), measure_framing(compressed)
    assert (after.kind, after.polarity, after.centring) == ("glyph", "dark on light", "mass")
    assert after.longer_side == pytest.approx(before.longer_side, abs=1)
    assert after.stroke_width == pytest.approx(before.stroke_width, rel=0.1)


def test_noisy_paper_is_still_a_background():
    noise = np.random.default_rng(0).normal(200, 8, (120, 32, 32, 1))
    images = np.clip(noise - 0.7 * rings(), 0, 255).astype(np.uint8)
    framing = measure_framing(images)
    assert (framing.kind, framing.polarity) == ("glyph", "dark on light")
    assert framing.background[0] == pytest.approx(200, abs=3)
    assert framing.longer_side == pytest.approx(20, abs=1)
    assert framing.stroke_width == pytest.approx(3, rel=0.2)


@pytest.mark.parametrize("width", [2, 3, 4, 6])
@pytest.mark.parametrize("degrees", [0, 20, 45, 70, 90])
def test_the_width_of_a_drawn_line_is_measured(width, degrees):
    big = np.zeros((960, 960), np.uint8)
    arm = 360 * np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    start, end = np.round(480 - arm).astype(int), np.round(480 + arm).astype(int)
    cv2.line(big, start.tolist(), end.tolist(), 255, 8 * width)
    line = cv2.resize(big, (120, 120), interpolation=cv2.INTER_AREA)
    assert stroke_widths(line[np.newaxis])[0] == pytest.approx(width, rel=0.15)


def test_an_image_without_ink_has_no_stroke():
    assert stroke_widths(np.zeros((2, 5, 5), np.uint8)).tolist() == [0, 0]


def test_filled_shapes_without_margins_are_whole_frames():
    images = np.zeros((60, 28, 28, 1), np.uint8)
    for number, image in enumerate(images):
        half = 5 + number % 8
        image[:, 14 - half : 14 + half] = np.linspace(60, 250, 28)[:, None, None]
    framing = measure_framing(images)
    assert framing.kind == "frame" and framing.longer_side == 28
    assert framing.margins[:2] == (0, 0)


def test_strokes_without_margins_are_glyphs():
    framing = measure_framing(rings(side=20, longer=20, stroke=2))
    assert framing.kind == "glyph" and framing.longer_side == 20


def test_noise_has_no_framing():
    images = np.random.default_rng(0).integers(0, 256, (50, 20, 30, 3), np.uint8)
    framing = measure_framing(images)
    assert framing.kind == "none" and framing.centring == "none"
    assert framing.box == (20, 30) and framing.margins == (0, 0, 0, 0)


def test_natural_pictures_have_no_framing():
    from sklearn.datasets import load_sample_images

    patches = [
        picture[top : top + 32, left : left + 32]
        for picture in load_sample_images().images
        for top in range(0, 380, 32)
        for left in range(0, 600, 32)
    ]
    assert measure_framing(np.stack(patches)).kind == "none"


def test_blank_images_have_no_framing_and_leave_that_of_others_alone():
    blank = np.full((300, 32, 32, 1), 0, np.uint8)
    assert measure_framing(blank).kind == "none"
    assert measure_framing(np.concatenate([blank, rings()])) == measure_framing(rings())


def test_images_sorted_by_class_are_sampled_from_end_to_end():
    images = np.zeros((9000, 12, 12, 1), np.uint8)
    images[:4500, 2:10, 5:7] = 255  # 8 high
    images[4500:, 4:8, 2:10] = 255  # 8 wide
    assert measure_framing(images).largest_box == (8, 8)


def test_one_image_is_enough():
    framing = measure_framing(rings(count=1))
    assert framing.longer_side == 20 and framing.centring_spread == 0


@pytest.mark.parametrize("shape", [(0, 28, 28, 1), (5, 0, 28, 1)])
def test_no_images_are_an_error(shape):
    with pytest.raises(DataError, match="at least one image"):
        measure_framing(np.zeros(shape, np.uint8))


def test_a_framing_survives_json():
    framing = measure_framing(rings())
    content = framing.to_dict()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert Framing.from_dict(json.loads(json.dumps(content))) == framing


@pytest.mark.parametrize(
    "change, fault",
    [
        ({"kind": "blob"}, "kind"),
        ({"box": [1]}, "box"),
        ({"box": "20x20"}, "box"),
        ({"margins": [1, 2, 3, None]}, "margins"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_framing_that_is_none_is_an_error(change, fault):
    content = measure_framing(rings()).to_dict() | change
    with pytest.raises(ModelError, match=fault):
        Framing.from_dict(content)


def test_a_framing_with_a_missing_value_is_an_error():
    content = measure_framing(rings()).to_dict()
    del content["polarity"]
    with pytest.raises(ModelError, match="polarity"):
        Framing.from_dict(content)


def test_the_digits_fill_their_height():
    framing = measure_framing(read("digits").images)
    assert (framing.kind, framing.polarity) == ("glyph", "light on dark")
    assert framing.box == (8, 6) and framing.longer_side == 8
    assert framing.centring == "box" and framing.centre == (4, 4)
    assert framing.stroke_width == pytest.approx(1.65, abs=0.1)


@pytest.mark.slow
def test_mnist_comes_out_as_lecun_describes_it(mnist):
    for images in (mnist.train.images, mnist.test.images):
        framing = measure_framing(images)
        assert (framing.kind, framing.polarity) == ("glyph", "light on dark")
        assert framing.background == (0,) and framing.contrast == 255
        assert framing.longer_side == 20 and framing.largest_box == (20, 20)
        assert framing.box[1] < 17, "the aspect is kept: digits are narrower than high"
        # The middle of 28 pixels is 14; the published images' lies half a pixel below and right.
        assert framing.centring == "mass" and framing.centre == pytest.approx((14.5, 14.5), abs=0.1)
        assert framing.centring_spread < 0.4, "whole pixels: uniform in +-0.5"
        assert framing.stroke_width == pytest.approx(2.4, abs=0.1)  # train 2.35, test 2.48


@pytest.mark.slow
def test_mnist_without_its_margins_is_still_drawn_in_strokes(mnist):
    digits = mnist.images[:1000, ..., 0]
    cropped = [digit[np.ix_(digit.any(axis=1), digit.any(axis=0))] for digit in digits]
    filled = [cv2.resize(digit, (28, 28), interpolation=cv2.INTER_AREA) for digit in cropped]
    framing = measure_framing(np.stack(filled)[..., np.newaxis])
    assert framing.kind == "glyph" and framing.box == (28, 28)


@pytest.mark.slow
def test_fashion_mnist_is_the_whole_frame():
    if not any((folder / "fashion-mnist").is_dir() for folder in data_folders()):
        pytest.skip("Fashion-MNIST is not at hand: LOUPE_DATA_DIR names no folder that has it")
    framing = measure_framing(read("fashion-mnist").train.images)
    assert (framing.kind, framing.polarity) == ("frame", "light on dark")
    assert framing.background == (0,)
    assert framing.longer_side == 28 and framing.largest_box == (28, 28)
    assert framing.centring == "box" and framing.centre == (14, 14)
