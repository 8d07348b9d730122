import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import loupe
from loupe.errors import LoupeError
from loupe.recipes.recipe import changed
from loupe.studies.learning_curve import learning_curve, nested_order, with_as_many_steps

QUICK = changed(loupe.recipe("logistic"), {"epochs": 5, "batch_size": 30, "learning_rate": 0.03})


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 200), min_size=2, max_size=5), st.integers(0, 9))
def test_parts_are_nested_and_stratified(counts, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    order = nested_order(labels, seed)
    assert sorted(order.tolist()) == list(range(len(labels)))
    for size in {len(labels) // 8, len(labels) // 2, len(labels)} - {0}:
        got = np.bincount(labels[order[:size]], minlength=len(counts))
        wanted = np.array(counts) * size / len(labels)
        assert np.abs(got - wanted).max() <= 1.5


def test_another_seed_is_another_order():
    labels = np.arange(100) % 2
    assert not np.array_equal(nested_order(labels, 0), nested_order(labels, 1))
    assert np.array_equal(nested_order(labels, 1), nested_order(labels, 1))


@pytest.mark.parametrize("size", [500, 3_437, 13_750, 55_000])
def test_every_size_gets_as_many_steps(size):
    recipe = changed(loupe.recipe("fast"), {"epochs": 8, "patience": 2, "variants": {}})
    part = with_as_many_steps(recipe, 55_000, size)
    steps = part.epochs * (size // min(256, size))
    assert steps == pytest.approx(8 * (55_000 // 256), rel=0.08)
    assert part.patience == pytest.approx(2 * part.epochs / 8, abs=1)


@pytest.fixture(scope="module")
def curve(tiny_dataset, tmp_path_factory):
    return learning_curve(
        tiny_dataset, QUICK, fractions=(1, 0.25, 0.5), repeats=2, validation=0.25,
        out=tmp_path_factory.mktemp("study") / "curve",
    )  # fmt: skip


def test_each_size_is_trained_as_often_as_asked_on_the_same_validation_images(curve):
    assert curve.sizes == (45, 90, 180)
    assert [(run.num_images, run.repeat) for run in curve.trained] == [
        (45, 0), (90, 0), (180, 0), (45, 1), (90, 1), (180, 1),
    ]  # fmt: skip
    for trained in curve.trained:
        run = loupe.open_run(trained.run)
        counts = run.environment["data"]["counts"]
        assert sum(counts["train"]) == trained.num_images
        assert sum(counts["validation"]) == 60 == len(trained.wrong)
        assert sum(counts["test"]) == 0
        assert run.recipe.seed == trained.repeat
        assert 0 <= trained.own_error < 0.5  # chance is two thirds


def test_it_goes_on_where_it_was(curve, tiny_dataset):
    asked = []

    def watch_run(title, members):
        asked.append(title)
        raise AssertionError("nothing is left to train")

    again = learning_curve(
        tiny_dataset, QUICK, fractions=(0.25, 0.5, 1), repeats=2, validation=0.25,
        out=curve.folder, watch_run=watch_run,
    )  # fmt: skip
    assert asked == []
    assert again.to_dict() == curve.to_dict()


@pytest.mark.slow
def test_more_repeats_and_other_fractions_train_only_what_is_not_there(tiny_dataset, tmp_path):
    asked = []

    @contextlib.contextmanager
    def watch_run(title, members):
        asked.append(title)
        yield None

    def grown(**settings):
        asked.clear()
        return learning_curve(
            tiny_dataset, QUICK, **{"fractions": (0.25, 0.5, 1), "repeats": 1, **settings},
            validation=0.25, out=tmp_path / "curve", watch_run=watch_run,
        )  # fmt: skip

    first = grown()
    assert len(asked) == 3
    second = grown(repeats=2)
    assert asked == [f"network on {size} images, repeat 2" for size in (45, 90, 180)]
    assert len(second.trained) == 6
    assert [part.run for part in second.trained[:3]] == [part.run for part in first.trained]
    third = grown(fractions=(0.5, 0.75, 1))
    assert asked == ["network on 135 images, repeat 1"]
    assert third.sizes == (45, 90, 135, 180) and len(third.trained) == 7
    with pytest.raises(LoupeError, match="other data or settings"):
        learning_curve(
            tiny_dataset, changed(QUICK, {"epochs": 4}), validation=0.25, out=tmp_path / "curve"
        )


@pytest.mark.parametrize("fractions", [(0.5, 1), (0, 0.5, 1), (0.5, 1, 1.5), (0.5, 0.5, 1)])
def test_fractions_that_make_no_curve_are_refused(tiny_dataset, fractions):
    with pytest.raises(LoupeError, match="at least 3 different shares"):
        learning_curve(tiny_dataset, QUICK, fractions=fractions)


def test_too_little_of_anything_is_refused(tiny_dataset, tmp_path):
    with pytest.raises(LoupeError, match="Give 1 or more"):
        learning_curve(tiny_dataset, QUICK, repeats=0)
    with pytest.raises(LoupeError, match="validation images to measure on"):
        learning_curve(tiny_dataset, QUICK, validation=0.1)
    with pytest.raises(LoupeError, match="has none of class") as caught:
        learning_curve(
            tiny_dataset, QUICK, fractions=(0.005, 0.5, 1), validation=0.25, out=tmp_path / "c"
        )
    assert "Give fractions of at least" in str(caught.value)
