import cv2
import numpy as np
import pytest
from drawing import draw

from loupe.framing import measure_framing, stroke_widths
from loupe.reading.setting import fit_frame, set_glyph


@pytest.fixture(scope="module")
def framing():
    """Digits of 20 pixels in 28 x 28, their centre of mass in the middle, as MNIST's are."""
    images = np.zeros((40, 28, 28, 1), np.uint8)
    for number, image in enumerate(images):
        big = draw(np.zeros((224, 224), np.float32), str(number % 10), 56, 32, 160, 20)
        small = cv2.resize(big, (28, 28), interpolation=cv2.INTER_AREA)
        weights = small / small.sum()
        centre = [weights.sum(axis=1 - axis) @ (np.arange(28) + 0.5) for axis in (0, 1)]
        shift = np.round(14 - np.array(centre)).astype(int)
        image[..., 0] = np.roll(small * 255, shift, (0, 1)).astype(np.uint8)
    return measure_framing(images)


def covered(digit, height, pen):
    page = np.zeros((height + 4 * pen + 20, height + 4 * pen + 20), np.float32)
    page = draw(page, digit, 2 * pen + 10, 2 * pen + 10, height, pen)
    return (page * 255).astype(np.uint8)


@pytest.mark.parametrize("digit", "0234568")
@pytest.mark.parametrize(
    "height, pen", [(1400, 1), (1400, 4), (300, 3), (300, 80), (60, 6), (20, 1)]
)
def test_strokes_of_any_width_come_out_as_the_training_images_are(digit, height, pen, framing):
    frame = set_glyph(covered(digit, height, pen), framing, (28, 28, 1))[..., 0]
    low, high = framing.stroke_width_range
    assert low * 0.75 < stroke_widths(frame[np.newaxis])[0] < high * 1.35
    rows, columns = (np.flatnonzero((frame > 25).any(axis=axis)) for axis in (1, 0))
    longer = max(np.ptp(rows), np.ptp(columns)) + 1
    assert longer == pytest.approx(framing.longer_side, abs=1)
    weights = frame / frame.sum()
    middle = [weights.sum(axis=1 - axis) @ (np.arange(28) + 0.5) for axis in (0, 1)]
    assert middle == pytest.approx(framing.centre, abs=0.6)
    assert frame.max() > 200
    parts, _ = cv2.connectedComponents((frame > 60).astype(np.uint8), connectivity=8)
    assert parts == 2, "the paper and one digit: nothing is torn"


def test_the_polarity_and_colours_are_the_training_images(framing):
    dark = measure_framing(
        255 - np.repeat(set_glyph(covered("3", 90, 9), framing, (28, 28, 1))[np.newaxis], 40, 0)
    )
    frame = set_glyph(covered("3", 90, 9), dark, (28, 28, 1))
    assert frame[0, 0] == 255 and frame.min() < 50
    coloured = set_glyph(covered("3", 90, 9), framing, (28, 28, 3))
    assert coloured.shape == (28, 28, 3)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (3, 3)])
@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_a_crop_of_any_size_becomes_a_frame(size, level, framing):
    frame = set_glyph(np.full(size, level, np.uint8), framing, (28, 28, 1))
    assert frame.shape == (28, 28, 1) and frame.dtype == np.uint8


@pytest.mark.parametrize("channels, wanted", [(1, 1), (3, 1), (1, 3), (3, 3)])
def test_a_frame_is_only_fitted(channels, wanted):
    picture = np.random.default_rng(0).integers(0, 256, (28, 28, channels), np.uint8)
    fitted = fit_frame(picture, (28, 28, wanted))
    assert fitted.shape == (28, 28, wanted)
    if channels == wanted:
        assert np.array_equal(fitted, picture)


def changed(original, framing, factor, shift, strength):
    """Share of the ink that is another once an image was enlarged, shifted, inked anew and set."""
    large = cv2.resize(original, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    inked = (np.pad(large, [(way, 9) for way in shift]) * strength).astype(np.uint8)
    frame = set_glyph(inked, framing, (28, 28, 1))[..., 0].astype(np.float64)
    # A pixel of shift is no error: what is centred on whole pixels strays by half of one.
    shifts = [np.roll(frame, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    return min(np.abs(image - original).sum() for image in shifts) / original.sum()


@pytest.mark.parametrize("factor", [3, 4.6, 11])
def test_an_enlarged_training_image_comes_back(factor, framing):
    originals = [
        set_glyph(covered(digit, 230, 26), framing, (28, 28, 1))[..., 0] for digit in "0234568"
    ]
    errors = [changed(image, framing, factor, (5, 8), 0.7) for image in originals]
    assert np.median(errors) < 0.12 and max(errors) < 0.25


def test_greys_are_kept_where_strokes_fit_and_not_where_pixels_are_few(framing):
    """Pale ink within a stroke stays paler; of a glyph of eight pixels only its shape is kept."""
    cover = covered("0", 300, 34)
    cover[: cover.shape[0] // 2] //= 2
    frame = set_glyph(cover, framing, (28, 28, 1))[..., 0]
    assert frame[:9].max() < 0.7 * frame[15:].max()
    coarse = cv2.resize(covered("0", 300, 34), (8, 8), interpolation=cv2.INTER_AREA)
    frame = set_glyph(coarse, framing, (28, 28, 1))[..., 0]
    assert np.mean((frame > 50) & (frame < 200)) < 0.15


@pytest.mark.slow
def test_mnist_enlarged_shifted_and_inked_anew_comes_back(mnist):
    framing = measure_framing(mnist.train.images)
    generator = np.random.default_rng(0)
    errors = [
        changed(
            original,
            framing,
            generator.uniform(3, 12),
            generator.integers(0, 90, 2),
            generator.uniform(0.5, 1),
        )
        for original in mnist.test.images[:300, ..., 0]
    ]
    assert np.median(errors) < 0.1 and np.percentile(errors, 95) < 0.2
