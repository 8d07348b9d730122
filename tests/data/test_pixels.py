import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loupe.data.pixels import as_images, square_shape
from loupe.errors import DataError

pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)


def test_bytes_are_kept_and_not_even_copied():
    images, notes = as_images(pixels, "bytes")
    assert images.shape == (1, 16, 16, 1)
    assert np.shares_memory(images, pixels)
    assert notes == ()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_fractions_come_back_as_the_bytes_that_they_were(dtype):
    images, notes = as_images((pixels / 255).astype(dtype), "fractions")
    assert np.array_equal(images[..., 0], pixels)
    assert notes == ("Pixels were fractions 0..1: scaled to 0..255.",)


def test_floating_point_bytes_are_rounded_and_said_so():
    images, notes = as_images(np.clip(pixels + 0.3, 0, 255), "floats")
    assert np.array_equal(images[..., 0], pixels)
    assert "rounded" in notes[0]


def test_sixteen_bits_are_scaled_and_not_clipped():
    images, notes = as_images(pixels.astype(np.uint16) * 257, "deep")
    assert np.array_equal(images[..., 0], pixels)
    assert "16-bit" in notes[0]


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.int32, np.int64])
def test_bytes_in_wider_numbers_are_kept(dtype):
    images, notes = as_images(pixels.astype(dtype), "wide")
    assert np.array_equal(images[..., 0], pixels)
    assert notes == ()


def test_true_and_false_become_white_and_black():
    assert as_images(np.array([[[True, False]]]), "masks")[0].ravel().tolist() == [255, 0]


def test_channels_that_come_first_are_moved():
    colour = np.arange(2 * 3 * 5 * 7, dtype=np.uint8).reshape(2, 3, 5, 7)
    images, notes = as_images(colour, "torch")
    assert images.shape == (2, 5, 7, 3)
    assert np.array_equal(images[1, 2, 3], colour[1, :, 2, 3])
    assert "Channels came first" in notes[0]


def test_rows_of_square_images_are_folded():
    assert as_images(np.zeros((4, 784), np.uint8), "rows")[0].shape == (4, 28, 28, 1)
    assert as_images(np.zeros((4, 3072), np.uint8), "rows")[0].shape == (4, 32, 32, 3)


@settings(max_examples=25)
@given(st.integers(2, 200), st.sampled_from([1, 3]))
def test_a_square_is_inferred_from_its_number_of_values(side, channels):
    assert square_shape(side * side * channels) == (side, side, channels)


@pytest.mark.parametrize("count", [-4, 0, 1, 3, 783, 785, 2 * 784])
def test_what_is_no_square_is_none(count):
    assert square_shape(count) is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((2, 785), np.uint8), "785 values make no square"),
        (np.zeros((2, 8, 8, 4), np.uint8), "transparency"),
        (np.zeros((2, 8, 8, 2), np.uint8), "1 .grey. or 3 .colour. channels"),
        (np.zeros(5, np.uint8), "first axis counts the images"),
        (np.array([[["a"]]]), "expected numbers"),
        (np.full((1, 2, 2), -1), "from -1 to -1"),
        (np.full((1, 2, 2), 70_000), "70000"),
        (np.full((1, 2, 2), np.nan), "nan"),
        (np.full((1, 2, 2), np.inf), "inf"),
        (np.full((1, 2, 2), 256.5), "256.5"),
        (np.array([[[-0.4, 2.8]]]), "standardised"),
    ],
)
def test_arrays_that_are_no_images_are_refused(values, words):
    with pytest.raises(DataError, match=words):
        as_images(values, "bad")
