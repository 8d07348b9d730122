"""Prediction sets cover what they promise."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies

from loupe.examination.conformal import (
    LEVELS,
    least_probability,
    measure_sets,
    prediction_sets,
)


@pytest.mark.parametrize("level", LEVELS)
def test_the_label_is_in_its_set_as_often_as_was_asked_for(make_probabilities, level):
    covered = []
    for seed in range(60):
        labels, probabilities = make_probabilities(600, 5, 1.0, seed)
        least = least_probability(labels[:300], probabilities[:300], level)
        sets = prediction_sets(probabilities[300:], least)
        covered.append(sets[np.arange(300), labels[300:]].mean())
    # At least the level, and at most 1 / (n + 1) more: Vovk et al.; within three standard errors.
    error = 3 * np.std(covered) / 60**0.5
    assert level - error < np.mean(covered) < level + 1 / 301 + error


@settings(max_examples=25, deadline=None)
@given(strategies.integers(1, 200), strategies.sampled_from(LEVELS))
def test_the_quantile_counts_the_new_image_too(n, level):
    own = (np.random.default_rng(n).permutation(n).astype(np.float32) + 1) / (n + 1)
    probabilities = np.stack([own, 1 - own], axis=1)
    least = least_probability(np.zeros(n, np.int64), probabilities, level)
    inside = int((own >= np.float32(least)).sum())
    assert inside >= level * (n + 1) - 1e-6 or least == 0.0
    assert (least == 0.0) == (np.ceil(round(level * (n + 1), 9)) > n)


def test_sets_are_measured_image_by_image_and_class_by_class():
    labels = np.array([0, 0, 1, 1])
    sets = np.array([[1, 0], [1, 1], [0, 0], [1, 0]], bool)
    found = measure_sets(labels, sets, 0.9, 0.2, ("cat", "dog"))
    assert (found.coverage, found.mean_size, found.empty, found.single) == (0.5, 1.0, 0.25, 0.5)
    assert (found.weakest, found.weakest_coverage) == ("dog", 0.0)
