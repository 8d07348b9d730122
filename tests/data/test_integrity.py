import numpy as np
import pytest

from loupe.data.integrity import require_integrity
from loupe.data.memory import dataset_from_arrays
from loupe.errors import DataError


def made(labels, split=None, class_names=None):
    images = np.zeros((len(labels), 4, 4), np.uint8)
    return dataset_from_arrays(images, labels, name="made", split=split, class_names=class_names)


def test_a_sound_data_set_passes():
    require_integrity(made([0, 1, 0, 1], ["train", "train", "test", "test"]))


def test_a_data_set_of_test_images_only_passes():
    require_integrity(made([0, 1], "test"))


@pytest.mark.parametrize(
    ("labels", "split", "class_names", "words"),
    [
        ([], None, None, "0 images"),
        (["x"] * 3, None, None, "all 3 images are of one class, 'x'"),
        ([0, 0], None, ["x", "y"], "one class, 'x'"),
        ([0, 2], None, ["x", "y", "z"], "no image of 'y'"),
        (
            [0, 1, 0],
            ["train", "train", "test"],
            None,
            "the test split has 1 images, but none of '1",
        ),
        ([0, 1, 0], ["train", "train", "valid"], None, "validation split .* none of '1'"),
        ([0, 1, 0], ["train", "test", "test"], None, "the train split .* none of '1'"),
        ([*range(9), 0], ["train"] * 9 + ["test"], None, "'1', '2', '3', '4', '5' and 3 more"),
    ],
)
def test_what_makes_no_sense_is_refused(labels, split, class_names, words):
    with pytest.raises(DataError, match=words):
        require_integrity(made(np.array(labels), split, class_names))


def test_images_without_pixels_are_refused():
    with pytest.raises(DataError, match="at least one image with pixels"):
        require_integrity(dataset_from_arrays(np.zeros((2, 0, 4), np.uint8), [0, 1]))
