import gzip

import numpy as np
import pytest
from formats import CODES, idx_bytes, write_idx, write_idx_folder
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from loupe.data.idx import decode_idx, holds_idx, is_idx, read_idx, read_idx_array
from loupe.data.options import ReadOptions
from loupe.data.read import read

arrays = st.sampled_from(sorted(CODES)).flatmap(
    lambda code: hnp.arrays(code, hnp.array_shapes(max_dims=5, max_side=4))
)


@settings(max_examples=25)
@given(arrays)
def test_arrays_of_every_type_and_rank_come_back(array):
    back = decode_idx(idx_bytes(array), "any")
    assert back.dtype == array.dtype
    assert np.array_equal(back, array, equal_nan=array.dtype.kind == "f")


@settings(max_examples=25)
@given(arrays, st.booleans())
def test_files_come_back_packed_or_not_whatever_their_name(tmp_path_factory, array, packed):
    path = tmp_path_factory.mktemp("idx") / "array.bin"
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content) if packed else content)
    assert is_idx(path)
    assert np.array_equal(read_idx_array(path), array, equal_nan=array.dtype.kind == "f")


def test_gzip_of_several_members_and_padding_is_one_content(tmp_path):
    content = idx_bytes(np.arange(100, dtype=np.uint8))
    path = tmp_path / "array"
    path.write_bytes(gzip.compress(content[:40]) + gzip.compress(content[40:]) + bytes(512))
    assert read_idx_array(path).tolist() == list(range(100))


def test_a_folder_brings_its_test_split(tmp_path, letters):
    images, _ = letters
    labels = np.arange(30) % 3
    folder = write_idx_folder(tmp_path / "shapes", images, labels, test=6)
    dataset = read(folder)
    assert dataset.name == "shapes"
    assert np.array_equal(dataset.images[..., 0], images)
    assert np.array_equal(dataset.labels, labels)
    assert (len(dataset.train), len(dataset.test)) == (24, 6)
    assert dataset.sources[24] == "shapes/test:0"


def test_an_unpacked_file_stands_for_its_packed_copy(tmp_path, letters):
    folder = write_idx_folder(tmp_path / "both", letters[0], np.arange(30) % 3, test=6)
    for path in list(folder.iterdir()):
        (folder / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    assert len(read(folder)) == 30


def test_a_file_of_images_finds_its_labels(tmp_path, letters):
    path = write_idx(tmp_path / "set-images-idx3-ubyte", letters[0])
    write_idx(tmp_path / "set-labels-idx1-ubyte.gz", (np.arange(30) % 3).astype(np.uint8))
    write_idx(tmp_path / "other-labels-idx1-ubyte", np.zeros(3, np.uint8))
    dataset = read_idx(path, ReadOptions())
    assert dataset.name == "set-images-idx3-ubyte"
    assert dataset.counts().tolist() == [10, 10, 10]


def test_eight_columns_of_labels_bring_the_writers(tmp_path, letters):
    table = np.arange(240, dtype=np.int32).reshape(30, 8)
    table[:, 0] = np.arange(30) % 3
    table[:, 2] = np.arange(30) // 5
    write_idx(tmp_path / "q-train-images-idx3-ubyte", letters[0])
    write_idx(tmp_path / "q-train-labels-idx2-int", table)
    dataset = read(tmp_path)
    assert np.array_equal(dataset.groups, table[:, 2])
    assert not set(dataset.train.groups) & set(dataset.test.groups)


def test_deep_and_colour_images_are_read(tmp_path):
    deep = np.random.default_rng(0).integers(0, 32768, (12, 4, 4, 3), np.int16)
    write_idx(tmp_path / "deep-images", deep)
    write_idx(tmp_path / "deep-labels", (np.arange(12) % 2).astype(np.uint8))
    dataset = read(tmp_path / "deep-images")
    assert np.array_equal(dataset.images, np.rint(deep * (255 / 32767)).astype(np.uint8))
    assert "16-bit" in dataset.notes[0]


@pytest.mark.parametrize(
    "shape", [(30, 36), (30, 6, 6, 1, 1), (30, 1, 6, 1, 6), (30, 1, 1, 6, 6, 1)]
)
@pytest.mark.parametrize("labels_shape", [(30,), (30, 1), (30, 1, 1)])
def test_images_and_labels_of_any_rank_are_read(tmp_path, letters, shape, labels_shape):
    labels = (np.arange(30) % 3).astype(np.uint8)
    path = write_idx(tmp_path / "any-images", letters[0].reshape(shape))
    write_idx(tmp_path / "any-labels", labels.reshape(labels_shape))
    dataset = read(path)
    assert np.array_equal(dataset.images[..., 0], letters[0])
    assert np.array_equal(dataset.labels, labels)


def test_a_folder_of_other_things_holds_no_idx(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "train-images.txt").write_text("no")
    assert not holds_idx(tmp_path)


def test_what_lies_beside_idx_files_under_names_like_theirs_is_left_alone(tmp_path, letters):
    folder = write_idx_folder(tmp_path / "beside", letters[0], np.arange(30) % 3, test=6)
    for name in (
        "train-images-idx3-ubyte.gz.sha256",
        "train-images-idx3-ubyte.gz.zip",
        "xnist-images-idx3-ubyte.xz",
        "labels.txt",
        "._t10k-images-idx3-ubyte.gz",
    ):
        (folder / name).write_text("no")
    assert len(read(folder)) == 30


def test_mnist_is_read_whole(mnist):
    assert mnist.images.shape == (70_000, 28, 28, 1)
    assert mnist.labels[:5].tolist() == [5, 0, 4, 1, 9]
