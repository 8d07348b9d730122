import io
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from image_traps import BAD_FILES, GOOD_FILES, PHOTO, chunk, png, saved
from PIL import Image

from loupe.data.decode import FORMATS, Unreadable, decode, decode_picture
from loupe.data.png import decode_plain_png
from loupe.data.raster import DONE

PIXELS = arrays.arrays(
    np.uint8,
    st.tuples(st.integers(1, 20), st.integers(1, 20), st.sampled_from([1, 3])),
    elements=st.integers(0, 255),
)


@pytest.mark.parametrize("name", GOOD_FILES)
def test_an_unusual_image_is_decoded_rightly_and_what_was_done_is_recorded(name):
    trap = GOOD_FILES[name]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Corrupt EXIF data", UserWarning)
        picture = decode_picture(trap.content(), "file")
    expected = np.asarray(trap.pixels, np.uint8)
    expected = expected[..., np.newaxis] if expected.ndim == 2 else expected
    np.testing.assert_array_equal(picture.pixels, expected)
    assert picture.done == trap.done
    assert set(picture.done) <= set(DONE)


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_cannot_be_decoded_is_named_with_its_fault(name):
    content, words = BAD_FILES[name]
    with pytest.raises(Unreadable, match=words) as caught:
        decode(content(), "folder/file.png")
    fault = caught.value.fault
    assert fault.source == "folder/file.png"
    assert fault.problem.startswith(("it ", "its "))
    assert fault.problem.endswith(".") and fault.advice.endswith(".")


@given(PIXELS, st.sampled_from(["PNG", "BMP", "TIFF", "PPM", "WEBP"]))
@settings(max_examples=50, deadline=None)
def test_lossless_formats_give_back_the_pixels(pixels, kind):
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    decoded = decode(saved(image, kind, **options), "file")
    if decoded.shape[2] == 1 and pixels.shape[2] == 3:
        decoded = np.repeat(decoded, 3, axis=2)
    np.testing.assert_array_equal(decoded, pixels)


@given(PIXELS, st.integers(0, 9), st.binary(max_size=30))
@settings(max_examples=50, deadline=None)
def test_the_quick_way_gives_what_pillow_gives(pixels, level, metadata):
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    content = saved(image, compress_level=level)
    harmless = chunk(b"gAMA", b"\0\0\x80\0") + chunk(b"tIME", bytes(7)) + chunk(b"pHYs", bytes(9))
    content = content[:33] + harmless + content[33:]
    quick = decode_plain_png(content)
    assert quick is not None
    np.testing.assert_array_equal(
        quick, np.asarray(Image.open(io.BytesIO(content))).reshape(pixels.shape)
    )


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_the_quick_way_takes_no_damaged_file(data):
    content = saved(PHOTO[:5, :6])
    position = data.draw(st.integers(8, len(content) - 1))
    damaged = bytearray(content)
    damaged[position] ^= data.draw(st.integers(1, 255))
    is_after_pixels = position >= len(content) - 4  # the last chunk's own checksum
    assert decode_plain_png(bytes(damaged)) is None or is_after_pixels
    assert decode_plain_png(content[:position]) is None


def test_the_quick_way_leaves_what_changes_pixels_to_pillow():
    grey = b"\0\x05\x06"
    for extra in (
        chunk(b"tRNS", b"\0\x05"),
        chunk(b"eXIf", b"MM\0*"),
        chunk(b"iTXt", b"a\0\0\0\0\0b"),
    ):
        assert decode_plain_png(png(2, 1, 8, 0, grey, extra)) is None
    assert decode_plain_png(png(2, 1, 8, 0, grey)) is not None
    assert decode_plain_png(png(2, 1, 8, 0, grey + b"\0")) is None
    assert decode_plain_png(png(2, 1, 8, 0, grey[:2])) is None


@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"II*\0"]),
)
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_an_image_or_are_named(content, start):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pixels = decode(start + content, "file")
    except Unreadable as error:
        assert error.problem and error.advice
    else:
        assert pixels.dtype == np.uint8


def test_a_jpeg_named_png_is_read_by_its_content():
    decoded = decode(saved(PHOTO, "JPEG", quality=95), "photo.png")
    assert decoded.shape == PHOTO.shape


def test_a_cmyk_jpeg_has_the_colours_of_the_image_not_their_opposites():
    red = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    decoded = decode(saved(red, "JPEG", quality=95), "red.jpg")
    assert np.abs(decoded.astype(int) - [255, 0, 0]).max() < 12


def test_no_format_runs_another_program_or_reads_text_as_pixels():
    assert not {"EPS", "TGA", "XBM", "FITS", "WMF"} & set(FORMATS)
