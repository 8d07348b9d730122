import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from loupe.data import duplicates
from loupe.data.duplicates import duplicate_ids, equal_sets


def ids_by_dictionary(images):
    first_of = {}
    return [first_of.setdefault(image.tobytes(), i) for i, image in enumerate(images)]


@given(
    shape=st.tuples(st.integers(1, 5), st.integers(1, 5), st.sampled_from([1, 3])),
    picks=st.lists(st.integers(0, 9), min_size=1, max_size=60),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_ids_are_those_of_a_dictionary_of_bytes(shape, picks, seed):
    different = np.random.default_rng(seed).integers(0, 3, (10, *shape), np.uint8)
    images = different[picks]
    assert duplicate_ids(images).tolist() == ids_by_dictionary(images)


def test_images_that_differ_in_one_pixel_are_not_equal():
    images = np.zeros((785, 28, 28, 1), np.uint8)
    images[np.arange(784), np.arange(784) // 28, np.arange(784) % 28] = 1
    assert duplicate_ids(images).tolist() == list(range(785))


def test_images_whose_hashes_collide_are_told_apart(monkeypatch):
    images = np.array([5, 6, 5, 7, 6, 5], np.uint8).reshape(6, 1, 1, 1)
    monkeypatch.setattr(duplicates, "_hashes", lambda images: np.zeros(len(images), np.uint64))
    assert duplicate_ids(images).tolist() == [0, 1, 0, 3, 1, 0]


def test_views_that_skip_or_turn_pixels_work_too():
    images = np.random.default_rng(0).integers(0, 2, (50, 4, 6, 3), np.uint8)
    view = images[:, ::-1, ::2]
    assert duplicate_ids(view).tolist() == ids_by_dictionary(view)


def test_memory_mapped_images_work_too(tmp_path):
    images = np.memmap(tmp_path / "images", np.uint8, "w+", shape=(5000, 3, 3, 1))
    images[:] = np.random.default_rng(0).integers(0, 2, images.shape, np.uint8)
    assert duplicate_ids(images).tolist() == ids_by_dictionary(images)


@pytest.mark.parametrize("shape", [(0, 8, 8, 1), (3, 0, 0, 1)])
def test_nothing_to_compare_is_no_error(shape):
    assert duplicate_ids(np.zeros(shape, np.uint8)).tolist() == [0] * shape[0]


@given(st.lists(st.integers(0, 5), max_size=30))
@settings(max_examples=25, deadline=None)
def test_equal_sets_list_every_shared_id_once(ids):
    sets = [positions.tolist() for positions in equal_sets(np.array(ids, np.int64))]
    shared = [i for i in sorted(set(ids)) if ids.count(i) > 1]
    assert sets == [[k for k, other in enumerate(ids) if other == i] for i in shared]
