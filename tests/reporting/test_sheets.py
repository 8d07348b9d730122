import base64
import io
import re

import numpy as np
import pytest
from PIL import Image as Picture

from loupe.reporting.sheets import COLUMNS, Sheet, draw, mosaic


def noise(n: int, height: int, width: int, channels: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, height, width, channels), np.uint8)


def picture_in(css: str) -> np.ndarray:
    content = re.search(r"url\(data:image/\w+;base64,([^)]*)\)", css)
    assert content is not None
    return np.asarray(Picture.open(io.BytesIO(base64.b64decode(content[1]))))


@pytest.mark.parametrize("channels", [1, 3])
def test_every_image_lies_where_the_style_looks_for_it(channels: int) -> None:
    images = noise(COLUMNS + 5, 6, 4, channels)
    laid = mosaic(images)
    for position, image in enumerate(images):
        x = (position % COLUMNS) * (4 + 2) + 1
        y = (position // COLUMNS) * (6 + 2) + 1
        assert np.array_equal(laid[y : y + 6, x : x + 4], image)


def test_an_image_is_bordered_by_its_own_edge() -> None:
    images = noise(2, 5, 5, 1)
    laid = mosaic(images)
    assert np.array_equal(laid[0, 1:6], images[0, 0])
    assert np.array_equal(laid[1:6, 6], images[0, :, -1])
    assert np.array_equal(laid[1:6, 7], images[1, :, 0])


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sheet_within_its_budget_keeps_every_pixel(channels: int) -> None:
    images = noise(40, 9, 7, channels)
    drawn = draw([Sheet("wrong", images)], 1_000_000)
    expected = mosaic(images)
    assert drawn.loss == ""
    assert np.array_equal(picture_in(drawn.css).reshape(expected.shape), expected)


def test_sheets_over_the_budget_are_compressed_and_it_is_said() -> None:
    sheets = [Sheet("wrong", noise(300, 32, 32, 3)), Sheet("right", noise(100, 32, 32, 3))]
    drawn = draw(sheets, budget_bytes=400_000)
    assert len(drawn.css) <= 400_000
    assert "JPEG" in drawn.loss
    assert drawn.css.count(".sheet-") == 2


def test_shrunk_images_are_drawn_as_large_as_the_others() -> None:
    drawn = draw([Sheet("wrong", noise(500, 64, 64, 3))], budget_bytes=200_000)
    side, zoom = re.findall(r"--w:(\d+).*--z-small:([\d.]+)", drawn.css)[0]
    assert int(side) < 64
    assert int(side) * float(zoom) == pytest.approx(56, abs=16)


def test_a_sheet_without_images_has_no_rule() -> None:
    assert draw([Sheet("wrong", noise(0, 8, 8, 1))], 1_000_000).css == ""


@pytest.mark.parametrize("side", [8, 28, 32, 64])
def test_pixels_are_enlarged_by_whole_factors(side: int) -> None:
    zooms = re.findall(
        r"--z-\w+:([^;]+);", draw([Sheet("wrong", noise(1, side, side, 1))], 99_999).css
    )
    assert len(zooms) == 3
    assert all(float(zoom).is_integer() for zoom in zooms)
