"""What is left to a person: thresholds, and whether they keep what they promise."""

import numpy as np
import pytest
from scipy.stats import beta

from loupe.errors import LoupeError
from loupe.examination.abstention import (
    answered,
    apply,
    choose,
    needed,
    promise,
    steps,
    wanted_share,
)


def drawn(generator: np.random.Generator, n: int, doubt: float = 0.3):
    """Two classes; of a confidence c a share c is right: calibrated, and most of it sure."""
    first = 1 - 0.5 * generator.beta(doubt, 3, n)
    labels = (generator.random(n) > first).astype(np.int64)
    return labels, np.stack([first, 1 - first], axis=1).astype(np.float32)


def test_the_bound_is_clopper_and_pearsons():
    for kept, wrong in ((300, 0), (5000, 3), (40, 39)):
        assert promise(kept, wrong) == pytest.approx(1 - beta.ppf(0.95, wrong + 1, kept - wrong))
    assert promise(5, 5) == 0.0


def test_no_fewer_images_than_needed_could_promise_anything():
    for wanted in (0.9, 0.99, 0.995, 0.999):
        assert promise(needed(wanted), 0) >= wanted > promise(needed(wanted) - 1, 0)


def test_the_steps_count_every_image_and_every_mistake():
    labels, probabilities = drawn(np.random.default_rng(0), 500)
    found = steps(labels, probabilities)
    wrong = int((probabilities.argmax(axis=1) != labels).sum())
    assert (found[-1].kept, found[-1].wrong) == (500, wrong)
    for step in found:
        kept = probabilities.max(axis=1) >= np.float32(step.threshold)
        assert kept.sum() == step.kept
        assert (kept & (probabilities.argmax(axis=1) != labels)).sum() == step.wrong


def test_images_of_equal_confidence_stay_together():
    same = np.tile(np.array([[1.0, 0.0]], np.float32), (400, 1))
    labels = np.zeros(400, np.int64)
    labels[7] = 1
    assert [(step.first, step.kept, step.wrong) for step in steps(labels, same)] == [(400, 400, 1)]
    assert choose(steps(labels, same), 0.99).promised is False  # 1 of 400: observed, not promised
    assert choose(steps(labels, same), 0.98).promised


@pytest.mark.slow
def test_a_promise_is_kept_in_nineteen_of_twenty_draws():
    generator = np.random.default_rng(1)
    population = drawn(generator, 200_000)
    confidence, right = population[1].max(axis=1), population[1].argmax(axis=1) == population[0]
    order = np.argsort(-confidence)
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    broken = promised = 0
    for _ in range(300):
        rule = choose(steps(*drawn(generator, 700)), 0.98)
        promised += rule.promised
        if rule.promised:
            kept = int((confidence >= np.float32(rule.threshold)).sum())
            broken += bool(share[kept - 1] < 0.98)
    assert promised > 200
    assert broken <= 0.05 * 300 + 3 * (0.05 * 0.95 * 300) ** 0.5


def test_too_few_images_promise_nothing_and_say_how_many_it_takes():
    labels, sure = np.zeros(100, np.int64), np.tile(np.array([[0.9, 0.1]], np.float32), (100, 1))
    rule = choose(steps(labels, sure), 0.999)
    assert not rule.promised
    assert (rule.kept, rule.wrong, rule.needed) == (100, 0, 2995)
    assert 0.96 < rule.bound < 0.98


def test_where_the_surest_guess_is_wrong_all_is_left_to_a_person():
    labels = np.array([1, 0])
    rule = choose(steps(labels, np.array([[0.9, 0.1], [0.8, 0.2]], np.float32)), 0.99)
    assert rule.threshold is None
    found = apply(rule, labels, np.array([[0.9, 0.1], [0.8, 0.2]], np.float32))
    assert (found.answered, found.left, found.accuracy) == (0, 2, 1.0)


def test_a_rule_answers_on_the_images_that_chose_it_what_it_says_it_does():
    labels, probabilities = drawn(np.random.default_rng(2), 2_000)
    rule = choose(steps(labels, probabilities), 0.98)
    found = apply(rule, labels, probabilities)
    assert answered(probabilities, rule).sum() == found.answered == rule.kept
    assert found.answered - found.right == rule.wrong
    assert found.low <= found.accuracy <= found.high


@pytest.mark.parametrize("share", [0.0, 1.0, 99.9, -0.5])
def test_what_is_no_share_is_refused(share):
    with pytest.raises(LoupeError, match="fraction between 0 and 1"):
        wanted_share(share)
