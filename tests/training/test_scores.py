import math

import hypothesis.strategies as st
import numpy as np
import pytest
import sklearn.metrics
import tiny
import torch
from hypothesis import given, settings

from loupe.networks.build import build
from loupe.training import scores as scoring
from loupe.training.finish import EXACT
from loupe.training.scores import predict_logits, scores, validate

pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40)


@settings(max_examples=50, deadline=None)
@given(pairs)
def test_figures_are_scikit_learns(pairs):
    labels, guesses = np.array(pairs).T
    given = scores(torch.tensor(guesses), torch.tensor(labels), 0.5, 4)
    assert given.loss == 0.5
    assert given.accuracy == pytest.approx(sklearn.metrics.accuracy_score(labels, guesses))
    settings = {"average": "macro", "zero_division": 0}
    precision = sklearn.metrics.precision_score(labels, guesses, **settings)
    recall = sklearn.metrics.recall_score(labels, guesses, **settings)
    assert (given.precision, given.recall) == pytest.approx((precision, recall))


def test_logits_do_not_depend_on_how_images_are_batched(monkeypatch, tiny_dataset):
    net = build(tiny.recipe_of(), (1, 8, 8), 3, seed=0)
    images = torch.from_numpy(tiny_dataset.images.transpose(0, 3, 1, 2).copy())
    whole = predict_logits(net, images, EXACT)
    monkeypatch.setattr(scoring, "BATCH_SIZE", 70)
    torch.testing.assert_close(predict_logits(net, images, EXACT), whole)
    assert net.training  # as it was


def test_validation_scores_without_dropout_and_by_the_loss_of_training(tiny_dataset):
    net = build(tiny.recipe_of(network="DO.5-5N-DO.5"), (1, 8, 8), 3, seed=0)
    images = torch.from_numpy(tiny_dataset.images.transpose(0, 3, 1, 2).copy())
    labels = torch.from_numpy(tiny_dataset.labels)
    first, again = (validate(net, images, labels, EXACT, 0.1) for _ in range(2))
    assert first == again
    with torch.inference_mode():
        logits = net.eval()(images / 255)
    expected = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.1)
    assert first.loss == pytest.approx(float(expected), rel=1e-5)
    assert not math.isnan(first.accuracy)
