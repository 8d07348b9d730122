import json
from dataclasses import replace

import numpy as np
import pytest

from loupe.data.dataset import TEST, TRAIN, VALIDATION, Dataset, Rows
from loupe.data.summary import contact_sheet, summarise
from loupe.errors import DataError, Fault


@pytest.fixture
def dataset():
    """Coloured 6x9 images of four classes, the last of which has no training images."""
    generator = np.random.default_rng(0)
    images = generator.integers(20, 200, (150, 6, 9, 3), np.uint8)
    images[:, [0, -1]] = images[:, :, [0, -1]] = (20, 30, 40)
    labels = np.concatenate([np.arange(120) % 3, np.arange(30) % 4])
    split = np.repeat([TRAIN, TEST], [120, 30]).astype(np.uint8)
    return Dataset("blots", images, labels, split, tuple("abcd"), Rows("blots", 150))


def test_counts_are_those_of_each_split(dataset):
    counts = summarise(dataset).counts
    assert list(counts) == ["train", "test"]
    assert counts["train"].tolist() == [40, 40, 40, 0]
    assert counts["test"].tolist() == [8, 8, 7, 7]


def test_pixel_statistics_are_numpys(dataset):
    for name, pixels in summarise(dataset).pixels.items():
        images = getattr(dataset, name).images
        assert pixels.mean == pytest.approx(images.mean())
        assert pixels.std == pytest.approx(images.std())
        assert (pixels.min, pixels.max) == (images.min(), images.max())
        background = np.mean(images == np.array([20, 30, 40]))
        assert pixels.background_fraction == pytest.approx(background)


def test_pixel_statistics_do_not_depend_on_the_size_of_the_blocks(dataset, monkeypatch):
    whole = summarise(dataset).pixels
    monkeypatch.setattr("loupe.data.summary._BLOCK_BYTES", 1000)
    assert summarise(dataset).pixels == whole


def test_mean_images_are_those_of_training(dataset):
    means = summarise(dataset).mean_images
    for label in range(3):
        expected = dataset.train.images[dataset.train.labels == label].mean(axis=0)
        assert np.abs(means[label] - expected).max() <= 0.5
    assert not means[3].any()


def test_the_contact_sheet_draws_ten_training_images_of_each_class(dataset):
    drawn = summarise(dataset).contact_sheet
    assert [len(set(positions)) for positions in drawn] == [10, 10, 10, 0]
    for label, positions in enumerate(drawn):
        assert np.all(dataset.labels[list(positions)] == label)
        assert np.all(dataset.split[list(positions)] == TRAIN)


def test_the_contact_sheet_is_drawn_by_the_data_alone(dataset):
    assert summarise(dataset).contact_sheet == summarise(dataset).contact_sheet
    other = replace(dataset, images=dataset.images ^ 1)
    assert summarise(other).contact_sheet != summarise(dataset).contact_sheet


def test_the_contact_sheet_shows_the_images_in_rows(dataset):
    sheet = contact_sheet(dataset, [[3], [], [5, 149]])
    assert sheet.shape == (3 * 7 + 1, 2 * 10 + 1, 3)
    assert np.array_equal(sheet[1:7, 1:10], dataset.images[3])
    assert np.array_equal(sheet[15:21, 11:20], dataset.images[149])
    assert np.all(sheet[8:14] == 128)


def test_a_summary_is_plain_json(dataset):
    fault = Fault("a.png", "it is empty.", "Copy it again.")
    groups = np.arange(150) // 10
    given = summarise(replace(dataset, skipped=(fault,), notes=("Read so.",), groups=groups))
    content = json.loads(json.dumps(given.to_dict(), allow_nan=False))
    assert content == given.to_dict()
    assert content["num_images"] == 150 and content["image_shape"] == [6, 9, 3]
    assert content["num_groups"] == 15 and content["num_skipped"] == 1
    assert content["notes"] == ["Read so."]
    assert content["framing"]["background"] == [20, 30, 40]


def test_a_data_set_without_training_images_is_shown_all_the_same(dataset):
    summary = summarise(replace(dataset, split=np.full(150, VALIDATION, np.uint8)))
    assert list(summary.counts) == ["validation"]
    assert [len(positions) for positions in summary.contact_sheet] == [10, 10, 10, 7]


def test_a_data_set_without_images_is_an_error(dataset):
    with pytest.raises(DataError, match="no images"):
        summarise(dataset.select(np.zeros(0, np.int64)))
