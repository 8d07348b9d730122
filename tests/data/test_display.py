import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Picture

from loupe.data.dataset import Dataset, Rows


def colourful(side):
    """Nine images of noise, the largest that a picture can be."""
    images = np.random.default_rng(0).integers(0, 256, (9, side, side, 3), np.uint8)
    labels, split = np.arange(9) % 2, np.zeros(9, np.uint8)
    return Dataset("noise", images, labels, split, ("a", "b"), Rows("noise", 9))


def test_a_data_set_prints_as_one_line_without_its_pixels(tiny_dataset):
    assert repr(tiny_dataset) == (
        "<Dataset tiny: 240 train, 60 test images of 8x8x1, 3 classes (column, row, blob)>"
    )


def test_many_classes_are_counted_and_not_all_listed(tiny_dataset):
    many = replace(tiny_dataset, class_names=tuple(f"class {i}" for i in range(1_000)))
    assert "1000 classes (class 0, " in repr(many)
    assert repr(many).endswith("class 19 and 980 more)>")


def test_a_notebook_shows_nine_images_under_their_own_classes(tiny_dataset):
    page = tiny_dataset._repr_html_()
    found = re.findall(r'alt="(\w+)".*?base64,([\w+/=]+)">', page)
    assert len(found) == 9
    assert page == tiny_dataset._repr_html_()  # seeded
    for name, content in found:
        shown = np.asarray(Picture.open(io.BytesIO(base64.b64decode(content))))
        same = np.flatnonzero((tiny_dataset.images[..., 0] == shown).all(axis=(1, 2)))
        assert name in {tiny_dataset.class_names[label] for label in tiny_dataset.labels[same]}


def test_names_are_text_and_never_markup(tiny_dataset):
    names = ("<script>alert(1)</script>", '"><img onerror=x>', "blob")
    page = replace(tiny_dataset, name="<script>", class_names=names)._repr_html_()
    assert "<script" not in page
    assert "<img onerror" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("side", [1, 28, 300])
def test_the_page_is_small_whatever_the_images(side):
    assert len(colourful(side)._repr_html_()) < 130_000


def test_an_empty_split_shows_itself_too(tiny_dataset):
    assert tiny_dataset.validation._repr_html_().startswith("<p>tiny: no images of 8x8x1")
    assert "no images" in repr(tiny_dataset.validation)
