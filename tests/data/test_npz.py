import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from loupe.data.npz import is_npz, read_npz_arrays
from loupe.data.read import read

arrays = st.sampled_from(["u1", "i2", "f4", "f8", "<U3", "S2", "?"]).flatmap(
    lambda code: hnp.arrays(code, hnp.array_shapes(min_dims=0, max_dims=4, max_side=4))
)


@settings(max_examples=25)
@given(st.dictionaries(st.sampled_from("abc"), arrays, min_size=1), st.booleans())
def test_arrays_come_back_as_numpy_itself_reads_them(tmp_path_factory, given_arrays, packed):
    path = tmp_path_factory.mktemp("npz") / "arrays.bin"
    with path.open("wb") as file:
        (np.savez_compressed if packed else np.savez)(file, **given_arrays)
    assert is_npz(path)
    back = read_npz_arrays(path)
    with np.load(path) as expected:
        assert set(back) == set(expected.files)
        for name, array in back.items():
            assert array.dtype == expected[name].dtype
            assert array.shape == expected[name].shape
            assert array.tobytes() == expected[name].tobytes()


def test_fortran_order_comes_back(tmp_path):
    array = np.asfortranarray(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    np.savez(tmp_path / "f.npz", array=array)
    assert np.array_equal(read_npz_arrays(tmp_path / "f.npz")["array"], array)


def test_keras_keys_bring_the_splits(tmp_path, letters):
    images, labels = letters
    np.savez(
        tmp_path / "mnist.npz",
        x_train=images[:20],
        y_train=labels[:20],
        x_val=images[20:24],
        y_val=labels[20:24],
        x_test=images[24:] / 255,
        y_test=labels[24:],
    )
    dataset = read(tmp_path / "mnist.npz")
    assert dataset.name == "mnist"
    assert dataset.class_names == ("10", "a", "b")
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [20, 4, 6]
    assert np.array_equal(dataset.images[..., 0], images)
    assert dataset.notes == ("Pixels were fractions 0..1: scaled to 0..255.",)


@pytest.mark.parametrize("keys", [("images", "labels"), ("X", "y"), ("data", "target")])
def test_one_pair_of_arrays_is_all_images(tmp_path, letters, keys):
    np.savez_compressed(tmp_path / "one.npz", **dict(zip(keys, letters, strict=True)))
    dataset = read(tmp_path / "one.npz")
    assert np.array_equal(dataset.images[..., 0], letters[0])
    assert [dataset.class_names[label] for label in dataset.labels] == letters[1].tolist()
    assert len(dataset.test) == 6


def test_split_groups_and_class_names_may_be_beside(tmp_path, letters):
    images, labels = letters
    np.savez(
        tmp_path / "all.npz",
        images=images,
        labels=labels,
        split=["train"] * 24 + ["test"] * 6,
        groups=np.repeat(["ann", "bob"], 15),
        class_names=["b", "a", "10"],
        comment="written in spring",
    )
    dataset = read(tmp_path / "all.npz")
    assert dataset.class_names == ("b", "a", "10")
    assert len(dataset.test) == 6
    assert dataset.groups is not None
    assert dataset.groups.tolist() == [0] * 15 + [1] * 15
    assert dataset.notes == ("Arrays that were not used: comment.",)


def test_class_names_and_labels_that_are_bytes_are_text(tmp_path, letters):
    images, labels = letters
    names = np.array([b"a", b"b", b"10"])
    np.savez(tmp_path / "bytes.npz", images=images, labels=labels.astype("S"), class_names=names)
    dataset = read(tmp_path / "bytes.npz")
    assert dataset.class_names == ("a", "b", "10")
    assert dataset.labels[:3].tolist() == [0, 1, 2]


def test_splits_may_differ_in_the_axes_left_over_of_their_labels(tmp_path, letters):
    images, labels = letters
    np.savez(
        tmp_path / "axes.npz",
        x_train=images[:24], y_train=labels[:24, np.newaxis], x_test=images[24:], y_test=labels[24:]
    )  # fmt: skip
    assert len(read(tmp_path / "axes.npz").test) == 6
