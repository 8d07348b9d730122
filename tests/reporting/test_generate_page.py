import re
from dataclasses import replace

import numpy as np
import pytest
from page_structure import Page, words_of
from PIL import Image

from loupe.generation.generate import generate
from loupe.reporting.generate_page import write_contact_sheet, write_generation_page


@pytest.fixture(scope="module")
def many(tiny_dataset):
    """Three times the tiny data set, one of its classes with a hostile name."""
    images = np.concatenate([tiny_dataset.images] * 2)
    noise = np.random.default_rng(0).integers(0, 20, images.shape, np.uint8)
    return replace(
        tiny_dataset,
        images=images + noise,
        labels=np.tile(tiny_dataset.labels, 2),
        split=np.tile(tiny_dataset.split, 2),
        sources=[str(i) for i in range(600)],
        class_names=("column", "<script>alert(1)</script>", "blob"),
    )


@pytest.fixture(scope="module")
def made(many, tmp_path_factory):
    return generate(many, count=31, steps=2, out=tmp_path_factory.mktemp("page") / "made")


def test_the_page_shows_every_class_and_the_nearest_training_images(made, many):
    content = write_generation_page(made, many).read_text()
    text = words_of(content)
    assert "31 images of 3 classes" in text
    assert "2 steps of training on" in text
    assert len(re.findall(r'sheet-drawn" style="[^"]*" aria-hidden', content)) == 3 * 11 - 2
    assert len(re.findall(r'sheet-nearest" style', content)) == 2 * 30
    assert "The nearest of 31, by class" in text


def test_the_page_is_sound_and_hostile_names_stay_text(made, many):
    content = write_generation_page(made, many).read_text()
    assert "<script>alert" not in content
    page = Page(content)
    assert page.headings[0] == 1
    assert not page.nameless_pictures
    assert not [table for table in page.tables if not table.captioned or table.unscoped]
    assert {anchor.removeprefix("#") for anchor in page.anchors} <= set(page.ids)
    assert not [address for address in page.addresses if address]


def test_without_the_data_it_shows_no_training_images(made, tmp_path):
    path = write_generation_page(made, path=tmp_path / "page.html")
    assert "The nearest of" not in words_of(path.read_text())


def test_copies_are_named(made, monkeypatch, tmp_path):
    facts = made.facts
    facts["measured"]["pixels"] |= {"nearer": 0.4}
    monkeypatch.setattr(type(made), "facts", facts)
    text = words_of(write_generation_page(made, path=tmp_path / "page.html").read_text())
    assert "some of them may be copies" in text


def test_the_contact_sheet_has_a_row_for_each_class(made):
    with Image.open(write_contact_sheet(made)) as sheet:
        pixels = np.asarray(sheet)
    drawn = made.dataset
    columns = drawn.counts().max()
    factor = pixels.shape[0] // (3 * 9 - 1)
    assert pixels.shape == (factor * (3 * 9 - 1), factor * (columns * 9 - 1))
    first = pixels[: 8 * factor : factor, : 8 * factor : factor]
    np.testing.assert_array_equal(first, drawn.images[0, ..., 0])
