import json
from dataclasses import replace

import numpy as np
import pytest

import loupe
from loupe.data.dataset import TEST, TRAIN, VALIDATION, Dataset
from loupe.data.generated import add_generated, read_generated
from loupe.data.options import ReadOptions
from loupe.data.split import hold_out_validation, seal_test
from loupe.errors import DataError


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return loupe.read("digits")


def write(folder, dataset, **other):
    """Write what `loupe generate` would, with real images in the place of generated ones."""
    arrays = {
        "images": dataset.train.images[:200],
        "labels": dataset.train.labels[:200],
        "class_names": np.array(dataset.class_names),
        "generated": np.ones(200, bool),
        "generator": json.dumps({"data": "digits", "fingerprint": dataset.fingerprint, "steps": 7}),
    }
    folder.mkdir(exist_ok=True)
    np.savez_compressed(folder / "images.npz", **{**arrays, **other})
    (folder / "generator.json").write_text("{}")
    return folder


@pytest.fixture
def made(tmp_path, digits):
    return write(tmp_path / "made", digits)


def test_generated_images_are_read_as_training_images_and_nothing_else(made):
    for what in (made, made / "images.npz"):
        dataset = loupe.read(what)
        assert dataset.generated.all()
        assert (dataset.split == TRAIN).all()
        assert "A generator that learnt from digits" in str(dataset.notes) or what != made


@pytest.mark.parametrize("code", [VALIDATION, TEST])
def test_they_can_be_no_validation_or_test_images(made, code):
    dataset = loupe.read(made)
    split = dataset.split.copy()
    split[:3] = code
    with pytest.raises(DataError, match="3 (validation|test) images were made by a generator"):
        replace(dataset, split=split)


def test_they_come_into_training_only_and_leave_the_other_splits_as_they_were(made, digits):
    more = loupe.read("digits", generated=made)
    assert len(more.train) == len(digits.train) + 200
    assert more.test.fingerprint == digits.test.fingerprint
    assert more.generated[-200:].all()
    assert not more.generated[:-200].any()
    assert more.sources[len(digits)] == "generated/made:0"
    assert "200 generated images were added to the training images" in more.notes[-1]


def test_validation_images_are_the_same_with_and_without_them(made, digits):
    with_, without = (
        hold_out_validation(data, 0.1, seed=3)
        for data in (loupe.read("digits", generated=made), digits)
    )
    np.testing.assert_array_equal(with_.split[: len(digits)], without.split)
    assert not with_.validation.has_generated


def test_a_test_split_is_sealed_from_real_images_only(made, digits):
    unsealed = loupe.read("digits", seal=False)
    mixed = replace(add_generated(unsealed, made), notes=())
    sealed = seal_test(mixed)
    np.testing.assert_array_equal(sealed.split[: len(digits)], seal_test(unsealed).split)
    assert (sealed.split[len(digits) :] == TRAIN).all()


def test_training_on_them_alone_keeps_real_images_to_measure_on(made, digits):
    only = loupe.read("digits", generated=made, generated_only=True)
    assert only.train.generated.all()
    assert len(only.train) == 200
    assert only.test.fingerprint == digits.test.fingerprint
    assert len(only.validation)


def test_groups_stay_as_they_were_and_generated_images_are_in_none_of_them(made, digits):
    grouped = replace(digits, groups=np.arange(len(digits)) // 9)
    more = add_generated(grouped, made)
    assert not set(more.groups[-200:]) & set(grouped.groups)
    assert not hold_out_validation(more, 0.2, 0).validation.has_generated


def test_a_run_that_is_resumed_reads_them_again(made):
    dataset = loupe.read("digits", generated=made)
    again = loupe.read(dataset.origin, **dataset.read_options)
    assert again.fingerprint == dataset.fingerprint
    assert again.has_generated


def test_generated_images_alone_give_no_validation_images(made):
    with pytest.raises(DataError, match="what is measured on must be real"):
        hold_out_validation(loupe.read(made), 0.1, seed=0)


def test_it_is_said_where_the_generator_learnt_from_other_data(tmp_path, digits):
    other = json.dumps({"data": "others", "fingerprint": "ab" * 32, "steps": 7})
    folder = write(tmp_path / "made", digits, generator=other)
    notes = loupe.read("digits", generated=folder).notes
    assert "learnt from other data than these ('others', fingerprint abababababab)" in notes[-1]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"generated": np.zeros(200, bool)}, "images that no generator made"),
        ({"generated": np.ones(199, bool)}, "expected true or false for each of the 200 images"),
        ({"generated": np.ones(200)}, "expected true or false"),
        ({"images": np.zeros((200, 9, 9, 1), np.uint8)}, r"shape \[8, 8, 1\]"),
        ({"class_names": np.array([*"012345678", "ten"])}, "class 'ten', which digits does not"),
        ({"generator": "no JSON"}, "'generator' is not readable"),
        ({"generator": "[]"}, "'generator' is not readable"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(tmp_path, digits, changed, message):
    folder = write(tmp_path / "made", digits, **changed)
    with pytest.raises(DataError, match=message):
        add_generated(digits, folder)


def test_folders_without_generated_images_are_refused(tmp_path, digits):
    with pytest.raises(DataError, match="holds no generated images"):
        add_generated(digits, tmp_path)
    with pytest.raises(DataError, match="There are no generated images at"):
        add_generated(digits, tmp_path / "none")
    with pytest.raises(DataError, match="generated_only was given without generated"):
        loupe.read("digits", generated_only=True)


def test_marks_are_not_lost_beside_arrays_of_each_split():
    images, labels = np.zeros((6, 8, 8), np.uint8), [0, 1] * 3
    arrays = {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels}
    with pytest.raises(DataError, match="to which it cannot be matched"):
        loupe.read({**arrays, "generated": np.ones(12, bool)})


def test_the_reader_names_the_folder(made):
    assert read_generated(made, ReadOptions()).name == "made"
