import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from loupe.data.sizes import LARGEST, fit, reduce, target_shape, to_one_shape

SIDES = st.integers(1, 400)


@pytest.mark.parametrize(
    ("shapes", "size", "expected"),
    [
        ([[28, 28]] * 3, None, (28, 28)),
        ([[64, 50]] * 3, None, (64, 50)),
        ([[128, 100]] * 3, None, (64, 50)),
        ([[28, 20]] * 3, 32, (32, 32)),
        ([[8, 8]] * 3, 1024, (1024, 1024)),
        ([[28, 20]] * 3, 20, (20, 20)),
        ([[28, 20], [28, 21]], 32, (32, 32)),
        ([[20, 30], [22, 34], [500, 600]], None, (22, 34)),
        ([[3000, 4000], [3000, 4000], [4000, 3000]], None, (48, 64)),
        ([[1, 5000]], None, (1, 64)),
    ],
)
def test_the_target_is_the_median_unless_the_user_or_the_limit_says_otherwise(
    shapes, size, expected
):
    assert target_shape(np.array(shapes), size) == expected


@given(SIDES, SIDES, st.integers(1, 80), st.integers(1, 80), st.sampled_from([1, 3]))
@settings(max_examples=100, deadline=None)
def test_an_image_of_one_colour_stays_so_at_any_size(rows, columns, height, width, channels):
    image = np.full((rows, columns, channels), 37, np.uint8)
    fitted = fit(image, height, width)
    assert fitted.shape == (height, width, channels)
    assert (fitted == 37).all()


@given(SIDES, SIDES, st.integers(1, 130))
@settings(max_examples=100, deadline=None)
def test_reducing_first_changes_nothing(rows, columns, limit):
    generator = np.random.default_rng(rows * 401 + columns)
    image = generator.integers(0, 256, (rows, columns, 1), np.uint8)
    limit = max(LARGEST, limit)
    reduced = reduce(image, limit)
    assert max(reduced.shape[:2]) < 2 * limit
    assert reduce(reduced, limit) is reduced
    np.testing.assert_array_equal(
        fit(reduced, limit, limit, stored=(rows, columns)), fit(image, limit, limit)
    )


def test_aspect_is_kept_and_the_border_colour_fills_the_rest():
    image = np.full((10, 40, 3), [200, 100, 50], np.uint8)
    image[2:8, 10:30] = 0
    fitted = fit(image, 20, 20)
    assert (fitted[:7] == [200, 100, 50]).all()
    assert (fitted[13:] == [200, 100, 50]).all()
    np.testing.assert_array_equal(fitted[7:12], image[::2, ::2])


def test_shrinking_averages_areas():
    image = np.arange(64, dtype=np.uint8).reshape(8, 8, 1) * 4
    expected = image.reshape(4, 2, 4, 2).mean(axis=(1, 3))
    assert np.abs(fit(image, 4, 4)[:, :, 0] - expected).max() <= 0.5


def test_photographs_of_one_shape_fill_the_frame():
    photo = np.random.default_rng(0).integers(1, 256, (300, 400, 3), np.uint8)
    small = reduce(photo, LARGEST)
    shapes = np.array([[300, 400]] * 2)
    images, notes = to_one_shape([small, small], shapes, None)
    assert images.shape == (2, 48, 64, 3)
    assert "of 300x400 pixels were fitted to 48x64" in notes[0]


@given(arrays.arrays(np.uint8, (3, 5, 4, 1)))
@settings(max_examples=25, deadline=None)
def test_images_of_one_small_size_are_not_touched(images):
    same, notes = to_one_shape(list(images), np.array([[5, 4]] * 3), None)
    np.testing.assert_array_equal(same, images)
    assert notes == ()


def test_grey_becomes_colour_where_any_image_is_coloured():
    grey, red = np.full((2, 2, 1), 9, np.uint8), np.full((2, 2, 3), [255, 0, 0], np.uint8)
    images, notes = to_one_shape([grey, red], np.array([[2, 2]] * 2), None)
    assert images[0].tolist() == [[[9] * 3] * 2] * 2
    assert notes == ("1 of 2 images are coloured, so all have three channels.",)
