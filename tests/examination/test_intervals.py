import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from loupe.examination.intervals import (
    RESAMPLES,
    bootstrap,
    bootstrap_mean,
    percentiles,
    resample,
    wilson,
)
from loupe.examination.metrics import accuracy


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 100_000), st.floats(0, 1))
def test_wilson_equals_scipys(n, share):
    successes = round(share * n)
    expected = stats.binomtest(successes, n).proportion_ci(method="wilson")
    found = wilson(successes, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= found.low <= successes / n <= found.high <= 1


def test_wilson_knows_nothing_of_no_images():
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0, 1)


def test_wilson_holds_the_truth_in_95_of_100_samples():
    hits = np.random.default_rng(0).binomial(200, 0.97, size=2_000)
    held = [wilson(int(hit), 200).low <= 0.97 <= wilson(int(hit), 200).high for hit in hits]
    assert 0.93 < np.mean(held) < 0.97


def test_resamples_draw_as_many_images_and_never_a_kind_that_has_none():
    drawn = resample(np.array([5, 0, 15]))
    assert drawn.shape == (RESAMPLES, 3)
    assert (drawn.sum(axis=1) == 20).all()
    assert not drawn[:, 1].any()
    assert drawn[:, 0].mean() == pytest.approx(5, rel=0.05)


@pytest.mark.parametrize("shape", ["normal", "mostly nothing", "two values"])
def test_the_quick_bootstrap_of_a_mean_equals_the_plain_one(shape):
    generator = np.random.default_rng(1)
    values = {
        "normal": generator.normal(3, 1, 2_000),
        "mostly nothing": np.where(
            generator.random(2_000) < 0.01, generator.exponential(3, 2_000), 0
        ),
        "two values": generator.choice([0.1, 4.0], 2_000, p=[0.9, 0.1]),
    }[shape]
    plain = generator.choice(values, (4_000, 2_000)).mean(axis=1)
    low, high = np.percentile(plain, (2.5, 97.5))
    found = bootstrap_mean(values)
    assert found.low == pytest.approx(low, abs=0.1 * (high - low))
    assert found.high == pytest.approx(high, abs=0.1 * (high - low))


def test_equal_values_have_an_interval_without_width():
    found = bootstrap_mean(np.full(10, 0.25))
    assert (found.low, found.high) == (0.25, 0.25)


def test_any_metric_can_be_bootstrapped_and_accuracys_agrees_with_wilson(make_probabilities):
    labels, probabilities = make_probabilities(400, 3, 1.0)
    found = bootstrap(accuracy, labels, probabilities)
    expected = wilson(int((probabilities.argmax(axis=1) == labels).sum()), 400)
    width = expected.high - expected.low
    assert found.low == pytest.approx(expected.low, abs=0.15 * width)
    assert found.high == pytest.approx(expected.high, abs=0.15 * width)
    assert found == bootstrap(accuracy, labels, probabilities)  # seeded


def test_a_figure_is_inside_its_own_interval():
    assert percentiles(0.9, np.full(100, 0.8)).high == 0.9
    assert percentiles(0.1, np.full(100, 0.8)).low == 0.1
