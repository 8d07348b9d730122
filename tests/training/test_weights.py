"""Weights of images: how often each is drawn."""

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from loupe.errors import DataError, RecipeError, RunError
from loupe.training.train import resume, train
from loupe.training.weights import drawn_by_weight


@settings(max_examples=25)
@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=30), st.integers(0, 99))
def test_each_image_comes_as_often_as_its_share_or_one_more_or_less(weights, seed):
    count = len(weights)
    shares = torch.tensor(weights, dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    drawn = drawn_by_weight(torch.randperm(count), shares, generator)
    assert len(drawn) == count
    expected = shares / shares.sum() * count
    times = torch.bincount(drawn, minlength=count)
    assert bool(((times - expected).abs() < 1 + 1e-6).all())


def test_equal_weights_change_nothing(tiny_dataset, tmp_path):
    plain = train(tiny_dataset, tiny.recipe_of(), out=tmp_path / "plain")
    threes = train(
        tiny_dataset, tiny.recipe_of(), out=tmp_path / "threes", image_weights=np.full(300, 3.0)
    )
    assert tiny.weights(plain) == tiny.weights(threes)


def test_a_run_with_weights_is_not_resumed_without_them(tiny_dataset, tmp_path):
    weights = np.linspace(1, 2, 300)
    with pytest.raises(tiny.Killed):
        train(
            tiny_dataset, tiny.recipe_of(), out=tmp_path / "run", watch=tiny.kill_at(4),
            image_weights=weights,
        )  # fmt: skip
    with pytest.raises(RunError, match="weight for each image"):
        resume(tmp_path / "run", tiny_dataset)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (np.ones(299), "300 images"),
        (np.full(300, -1.0), "0 or more"),
        (np.full(300, np.nan), "0 or more"),
        (np.zeros(300), "nothing to learn"),
    ],
)
def test_weights_that_make_no_sense_are_refused(weights, said, tiny_dataset, tmp_path):
    with pytest.raises(DataError, match=said):
        train(tiny_dataset, tiny.recipe_of(), out=tmp_path / "run", image_weights=weights)


def test_what_draws_by_class_takes_no_weights(tiny_dataset, tmp_path):
    for setting in ({"balance": "over-sample"}, {"head": "one-vs-rest"}):
        with pytest.raises(RecipeError, match="do not go with"):
            train(
                tiny_dataset, tiny.recipe_of(**setting), out=tmp_path / "run",
                image_weights=np.ones(300),
            )  # fmt: skip
