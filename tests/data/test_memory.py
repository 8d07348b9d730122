import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loupe.data.memory import Joined, Part, dataset_from_arrays, join_parts
from loupe.data.split_names import split_of_file
from loupe.errors import DataError


@settings(max_examples=25)
@given(st.lists(st.lists(st.text(max_size=2), max_size=3), max_size=4), st.data())
def test_joined_lists_are_one_list(lists, data):
    joined, flat = Joined(lists), [text for some in lists for text in some]
    assert len(joined) == len(flat)
    assert list(joined) == flat
    cut = data.draw(st.slices(len(flat))) if flat else slice(None)
    assert joined[cut] == flat[cut]
    for position in range(-len(flat), len(flat)):
        assert joined[position] == flat[position]
    with pytest.raises(IndexError):
        joined[len(flat)]


def test_labels_are_matched_by_what_they_are_and_never_by_position():
    images = np.zeros((2, 4, 4), np.uint8)
    train = Part(images, np.array(["dog", "cat"]))
    test = Part(images, np.array(["cat", "dog"]))
    dataset = join_parts("pets", {"test": test, "train": train})
    assert dataset.class_names == ("cat", "dog")
    assert dataset.labels.tolist() == [1, 0, 0, 1]
    assert list(dataset.sources) == [
        "pets/train:0",
        "pets/train:1",
        "pets/test:0",
        "pets/test:1",
    ]


@pytest.mark.parametrize(
    ("bright", "dark", "expected"),
    [
        (np.uint16(51_400), np.uint16(257), 1),
        (np.int32(51_400), np.int32(200), 1),
        (np.float32(200), np.float32(1), 1),
        (np.float64(1), np.float64(0.2), 51),
        (np.uint8(200), np.float32(1), 255),  # what is stored in another way is scaled by itself
    ],
)
@pytest.mark.parametrize("dark_one", ["train", "test"])
def test_a_split_of_dark_images_is_scaled_as_the_bright_one_is(bright, dark, expected, dark_one):
    labels, bright_one = np.array([0, 1]), {"train": "test", "test": "train"}[dark_one]
    parts = {
        bright_one: Part(np.full((2, 4, 4), bright), labels),
        dark_one: Part(np.full((2, 4, 4), dark), labels),
    }
    dataset = join_parts("squares", parts)
    assert (getattr(dataset, dark_one).images == expected).all()


def test_groups_of_some_splits_only_are_no_groups():
    images, labels = np.zeros((2, 4, 4), np.uint8), np.array([0, 1])
    with_groups = Part(images, labels, groups=np.array([5, 6]))
    assert join_parts("a", {"train": with_groups, "test": Part(images, labels)}).groups is None
    joined = join_parts("a", {"train": with_groups, "test": with_groups}).groups
    assert joined is not None
    assert joined.tolist() == [5, 6, 5, 6]


def test_one_split_may_be_given_for_all_images():
    images = np.zeros((2, 4, 4), np.uint8)
    assert dataset_from_arrays(images, [0, 1], split="test").split.tolist() == [2, 2]


def test_a_code_that_is_no_split_is_refused():
    with pytest.raises(DataError, match="'7' is no split"):
        dataset_from_arrays(np.zeros((2, 4, 4), np.uint8), [0, 1], split=[0, 7])


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("fashion-mnist_train.csv", "train"),
        ("validation-00000-of-00001.parquet", "validation"),
        ("T10K-images.gz", "test"),
        ("latest.csv", None),
        ("trainer.csv", None),
    ],
)
def test_the_split_is_a_word_in_the_name(name, split):
    assert split_of_file(name) == split
