import numpy as np
import pytest
from PIL import Image

from loupe.data.dataset import TRAIN
from loupe.data.more import read_more
from loupe.errors import BadFilesError, DataError


def write_images(folder, count, side=8, *, colour=False):
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for number in range(count):
        shape = (side, side, 3) if colour else (side, side)
        Image.fromarray(generator.integers(0, 256, shape, np.uint8)).save(folder / f"{number}.png")


def test_a_folder_of_images_is_of_the_class_that_was_named(tmp_path):
    write_images(tmp_path / "ones", 3)
    more = read_more(tmp_path / "ones", "1", (8, 8, 1))
    assert (more.class_names, len(more.train), more.image_shape) == (("1",), 3, (8, 8, 1))
    assert more.sources[0].endswith("0.png")


def test_a_single_class_folder_names_its_class(tmp_path):
    write_images(tmp_path / "more" / "7", 2)
    assert read_more(tmp_path / "more", "1", (8, 8, 1)).class_names == ("7",)


def test_class_folders_are_read_as_ever_and_all_of_them_is_for_training(tmp_path):
    for name in ("1", "7"):
        write_images(tmp_path / "more" / name, 6)
    more = read_more(tmp_path / "more", "1", (8, 8, 1))
    assert more.class_names == ("1", "7") and set(more.split.tolist()) == {TRAIN}


def test_images_are_brought_to_the_shape_of_the_others(tmp_path):
    write_images(tmp_path / "large", 2, side=20)
    assert read_more(tmp_path / "large", "1", (8, 10, 3)).image_shape == (8, 10, 3)


def test_colour_is_not_made_grey(tmp_path):
    write_images(tmp_path / "red", 2, colour=True)
    with pytest.raises(DataError, match="are in colour.*Save them as grey"):
        read_more(tmp_path / "red", "1", (8, 8, 1))


def test_a_bad_file_is_named(tmp_path):
    write_images(tmp_path / "ones", 2)
    (tmp_path / "ones" / "3.png").write_bytes(b"no image")
    with pytest.raises(BadFilesError, match=r"3\.png"):
        read_more(tmp_path / "ones", "1", (8, 8, 1))
    assert len(read_more(tmp_path / "ones", "1", (8, 8, 1), bad_files="skip").skipped) == 1
