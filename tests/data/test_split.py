import inspect
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from loupe.data.dataset import TEST, TRAIN, VALIDATION, Dataset, Rows
from loupe.data.split import hold_out_validation, seal_test
from loupe.errors import DataError, RecipeError


def dataset_of(labels, *, contents=None, groups=None, split=None):
    """A data set of 1x3 images, all different unless `contents` repeats itself."""
    labels = np.asarray(labels, np.int64)
    contents = np.arange(len(labels)) if contents is None else np.asarray(contents)
    pixels = np.stack([contents // 65536, contents // 256 % 256, contents % 256], axis=1)
    return Dataset(
        name="numbers",
        images=pixels.astype(np.uint8).reshape(-1, 1, 3, 1),
        labels=labels,
        split=np.zeros(len(labels), np.uint8) if split is None else np.asarray(split, np.uint8),
        class_names=tuple("abcdefghij")[: labels.max() + 1],
        sources=Rows("numbers", len(labels)),
        groups=None if groups is None else np.asarray(groups, np.int64),
    )


def divided(ties, split):
    """The ties, of those that some images share, that are on more than one side."""
    return [tie for tie in np.unique(ties) if len(set(split[ties == tie])) > 1]


def test_a_test_split_that_the_data_bring_is_kept():
    dataset = dataset_of([0, 1] * 10, split=[TRAIN] * 15 + [TEST] * 5)
    assert seal_test(dataset) is dataset


def test_a_fifth_of_every_class_is_sealed():
    labels = np.repeat([0, 1, 2], [500, 300, 25])
    sealed = seal_test(dataset_of(labels))
    assert sealed.test.counts().tolist() == [100, 60, 5]
    assert "165 of 825" in sealed.notes[-1]


def test_the_sealed_images_are_decided_by_the_data_and_by_nothing_else():
    labels = np.repeat([0, 1], 200)
    first, again = (seal_test(dataset_of(labels)).split for _ in range(2))
    assert np.array_equal(first, again)
    assert "seed" not in inspect.signature(seal_test).parameters
    other = seal_test(dataset_of(labels, contents=np.arange(400) + 1)).split
    assert not np.array_equal(first, other)


def test_the_name_and_the_sources_do_not_move_the_seal():
    dataset = dataset_of(np.repeat([0, 1], 50))
    renamed = replace(dataset, name="other", sources=Rows("other", 100))
    assert np.array_equal(seal_test(dataset).split, seal_test(renamed).split)


def test_a_brought_validation_split_is_left_alone_when_the_test_is_sealed():
    split = np.repeat([TRAIN, VALIDATION], 50)
    sealed = seal_test(dataset_of([0, 1] * 50, split=split))
    assert len(sealed.test) == 10
    assert np.array_equal(sealed.split == VALIDATION, split == VALIDATION)


def test_what_is_in_a_brought_validation_split_stays_out_of_the_sealed_test():
    contents = np.concatenate([np.arange(100), np.arange(30)])
    groups = np.concatenate([np.arange(100), np.arange(200, 220), np.arange(40, 50)])
    split = np.repeat([TRAIN, VALIDATION], [100, 30])
    sealed = seal_test(
        dataset_of(np.arange(130) % 2, contents=contents, groups=groups, split=split)
    )
    assert len(sealed.test) == 12  # a fifth of the 60 that are tied to nothing in validation
    assert not np.isin(sealed.test.groups, groups[:30]).any()
    assert not np.isin(sealed.test.groups, groups[40:50]).any()


def test_a_class_that_is_wholly_tied_to_validation_cannot_be_sealed():
    contents, split = [0, 1, 2, 3, 4, 5, 4, 5], np.repeat([TRAIN, VALIDATION], [6, 2])
    dataset = dataset_of([0, 0, 0, 0, 1, 1, 1, 1], contents=contents, split=split)
    with pytest.raises(DataError, match="class 'b' has 2 training images, tied to another split"):
        seal_test(dataset)


@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=80),
    seed=st.integers(0, 1000),
    fraction=st.floats(0.02, 0.9),
    num_contents=st.integers(1, 120),
    num_groups=st.none() | st.integers(1, 60),
)
@settings(max_examples=150, deadline=None)
def test_no_tie_is_divided_and_every_class_is_on_both_sides(
    labels, seed, fraction, num_contents, num_groups
):
    generator = np.random.default_rng(seed)
    contents = generator.integers(0, num_contents, len(labels))
    groups = None if num_groups is None else generator.integers(0, num_groups, len(labels))
    dataset = dataset_of(labels, contents=contents, groups=groups)
    try:
        held = hold_out_validation(dataset, fraction, seed)
    except DataError as error:
        assert "Add " in str(error)
        return
    assert not divided(contents, held.split)
    assert groups is None or not divided(groups, held.split)
    there = dataset.counts() > 0
    assert np.array_equal(held.train.counts() > 0, there)
    assert np.array_equal(held.validation.counts() > 0, there)


@given(
    counts=st.lists(st.integers(2, 200), min_size=1, max_size=8),
    fraction=st.floats(0.01, 0.9),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_without_ties_every_class_gives_its_share_to_within_one_image(counts, fraction, seed):
    dataset = dataset_of(np.repeat(np.arange(len(counts)), counts))
    held = hold_out_validation(dataset, fraction, seed).validation.counts()
    share = np.clip(fraction * np.array(counts), 1, np.array(counts) - 1)
    assert np.all(np.abs(held - share) <= 1)


@given(seed=st.integers(0, 200))
@settings(max_examples=25, deadline=None)
def test_groups_of_several_classes_come_near_to_every_share(seed):
    generator = np.random.default_rng(seed)
    labels, groups = generator.integers(0, 5, 4000), generator.integers(0, 100, 4000)
    held = hold_out_validation(dataset_of(labels, groups=groups), 0.2, seed)
    assert abs(len(held.validation) - 800) <= 5
    assert np.all(np.abs(held.validation.counts() - 0.2 * np.bincount(labels)) <= 8)


def test_duplicates_are_no_likelier_to_be_held_out_than_others():
    contents = np.concatenate([np.arange(2000), np.repeat(np.arange(2000, 2200), 5)])
    labels = contents % 2
    held = hold_out_validation(dataset_of(labels, contents=contents), 0.2, seed=3)
    share = np.mean(held.split[2000:] == VALIDATION)
    assert 0.1 < share < 0.3
    assert abs(len(held.validation) - 600) <= 4


def test_groups_that_share_a_duplicate_stay_together():
    # A chain: groups 0..9 are tied in a row by equal images, groups 10..29 are not.
    contents, groups = list(range(60)), list(np.arange(60) // 2)
    for link in range(9):
        contents += [1000 + link] * 2
        groups += [link, link + 1]
    labels = np.zeros(len(groups), np.int64)
    for seed in range(10):
        held = hold_out_validation(dataset_of(labels, contents=contents, groups=groups), 0.5, seed)
        assert len(set(held.split[np.array(groups) < 10])) == 1


def test_one_image_of_a_class_cannot_be_divided():
    with pytest.raises(DataError, match=r"class 'b' has 1 training image; .* leave the class out"):
        seal_test(dataset_of([0, 0, 0, 1]))


def test_one_group_of_a_class_cannot_be_divided():
    dataset = dataset_of([0, 0, 0, 1, 1], groups=[0, 1, 2, 3, 3])
    with pytest.raises(DataError, match="class 'b' has 2 training images, all of one group"):
        hold_out_validation(dataset, 0.2, seed=0)


def test_equal_images_of_a_class_cannot_be_divided():
    with pytest.raises(DataError, match="class 'a' has 3 training images, all .* equal"):
        seal_test(dataset_of([0, 0, 0, 1, 1], contents=[7, 7, 7, 8, 9]))


def test_groups_that_cannot_be_dealt_out_are_an_error():
    # Each pair of three groups shares a class: two of them are on one side, and so is their class.
    dataset = dataset_of([0, 0, 1, 1, 2, 2], groups=[0, 1, 1, 2, 2, 0])
    with pytest.raises(DataError, match="no test split was found that keeps every group"):
        seal_test(dataset)


def test_a_data_set_without_training_images_is_an_error():
    dataset = dataset_of([0, 1], split=[VALIDATION, VALIDATION])
    with pytest.raises(DataError, match="no training images"):
        seal_test(dataset)


def test_validation_is_taken_from_training_images_only():
    split = np.repeat([TRAIN, TEST], [80, 20])
    held = hold_out_validation(dataset_of([0, 1] * 50, split=split), 0.25, seed=1)
    assert np.array_equal(held.split == TEST, split == TEST)
    assert len(held.validation) == 20 and len(held.train) == 60


def test_validation_follows_the_seed():
    dataset = dataset_of([0, 1] * 100)
    splits = [hold_out_validation(dataset, 0.2, seed).split for seed in (1, 1, 2)]
    assert np.array_equal(splits[0], splits[1])
    assert not np.array_equal(splits[0], splits[2])


def test_the_data_set_that_was_given_stays_as_it_was():
    dataset = dataset_of([0, 1] * 20)
    hold_out_validation(dataset, 0.2, seed=0)
    seal_test(dataset)
    assert not dataset.split.any() and not dataset.notes


def test_a_brought_validation_split_is_kept_and_noted():
    dataset = dataset_of([0, 1] * 10, split=[TRAIN] * 15 + [VALIDATION] * 5)
    held = hold_out_validation(dataset, 0.5, seed=0)
    assert np.array_equal(held.split, dataset.split)
    assert "brings 5 validation images" in held.notes[-1]


def test_a_fraction_of_zero_keeps_all_in_training():
    dataset = dataset_of([0, 1] * 10)
    assert hold_out_validation(dataset, 0.0, seed=0) is dataset


@pytest.mark.parametrize("fraction", [-0.1, 1.0, 20.0, float("nan")])
def test_a_fraction_outside_its_range_is_an_error(fraction):
    with pytest.raises(RecipeError, match="fraction"):
        hold_out_validation(dataset_of([0, 1] * 10), fraction, seed=0)


@pytest.mark.slow
def test_mnist_gives_5000_images_by_writers_of_their_own(mnist):
    assert mnist.groups is not None and len(np.unique(mnist.train.groups)) == 539
    for seed in range(5):
        held = hold_out_validation(mnist, 1 / 12, seed)
        assert abs(len(held.validation) - 5000) <= 5
        share = mnist.train.counts() / 12
        assert np.all(np.abs(held.validation.counts() - share) <= 3)
        assert not set(held.validation.groups) & set(held.train.groups)


@pytest.mark.slow
def test_mnist_without_writers_gives_exactly_5000_images(mnist):
    held = hold_out_validation(replace(mnist, groups=None), 1 / 12, seed=0)
    assert len(held.validation) == 5000
    assert np.all(np.abs(held.validation.counts() - mnist.train.counts() / 12) <= 1)
