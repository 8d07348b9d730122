import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special

from loupe.errors import DataError
from loupe.examination.calibration import (
    TEMPERATURES,
    calibration_error,
    calibration_interval,
    fit_temperature,
    reliability,
)


def _logits(n, k, scale, seed=0):
    """Logits whose softmax at temperature `scale` is the truth: labels are drawn from it."""
    generator = np.random.default_rng(seed)
    truth = generator.normal(0, 2, (n, k))
    labels = np.array([generator.choice(k, p=row) for row in special.softmax(truth, axis=1)])
    return (truth * scale).astype(np.float32), labels


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.5, 6.0])
def test_the_temperature_that_logits_were_scaled_by_is_found(scale):
    assert fit_temperature(*_logits(4_000, 5, scale)) == pytest.approx(scale, rel=0.08)


def test_the_temperature_equals_the_minimum_that_scipy_finds():
    logits, labels = _logits(20_000, 5, 2.0)

    def loss(log_temperature):
        scaled = special.log_softmax(logits.astype(float) / np.exp(log_temperature), axis=1)
        return -scaled[np.arange(len(labels)), labels].mean()

    expected = np.exp(optimize.minimize_scalar(loss, bounds=(-3, 3), method="bounded").x)
    # Not exactly: the labels are believed to (n + 1) / (n + 2).
    assert fit_temperature(logits, labels) == pytest.approx(expected, rel=2e-3)


def test_a_classifier_that_is_right_on_all_of_few_images_is_not_made_sure_of_everything():
    labels = np.arange(200) % 4
    generator = np.random.default_rng(0)
    logits = (8 * np.eye(4)[labels] + generator.normal(size=(200, 4))).astype(np.float32)
    temperature = fit_temperature(logits, labels)
    confidence = special.softmax(logits / temperature, axis=1).max(axis=1)
    # 200 right of 200 allow an error in some 200: the confidence says so and no more.
    assert 0.98 < confidence.mean() < 0.999


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 500),
    st.integers(1, 30),
    st.integers(1, 5),
    st.sampled_from([1e-6, 1e-2, 1.0, 1e2, 1e6]),
)
def test_any_logits_have_a_temperature_within_the_bounds(seed, n, k, scale):
    generator = np.random.default_rng(seed)
    logits = (scale * generator.normal(size=(n, k))).astype(np.float32)
    temperature = fit_temperature(logits, generator.integers(0, k, n))
    assert TEMPERATURES[0] <= temperature <= TEMPERATURES[1] + 1e-9


def test_logits_that_are_always_wrong_are_made_as_unsure_as_allowed():
    labels = np.zeros(50, np.int64)
    logits = np.tile(np.array([[0, 5]], np.float32), (50, 1))
    assert fit_temperature(logits, labels) == pytest.approx(TEMPERATURES[1])


def test_logits_that_say_nothing_have_temperature_one():
    assert fit_temperature(np.zeros((4, 3), np.float32), np.zeros(4, np.int64)) == 1
    assert fit_temperature(np.empty((0, 3), np.float32), np.empty(0, np.int64)) == 1


def test_the_logarithm_of_an_impossible_class_is_no_obstacle():
    with np.errstate(divide="ignore"):
        logits = np.log(np.array([[0.9, 0.1, 0.0], [0.3, 0.0, 0.7]], np.float32))
    assert np.isfinite(fit_temperature(logits, np.array([0, 1])))


def test_a_logit_that_is_not_a_number_is_refused():
    logits = np.array([[1, np.nan], [0, 1]], np.float32)
    with pytest.raises(DataError, match="1 of 2 images"):
        fit_temperature(logits, np.array([0, 1]))


def _error_by_the_paper(labels, probabilities, bins):
    """Guo et al. 2017, equations 2 to 5, bin by bin."""
    confidence = probabilities.max(axis=1).astype(float)
    right = probabilities.argmax(axis=1) == labels
    error = 0.0
    for m in range(1, bins + 1):
        inside = (confidence > (m - 1) / bins) & (confidence <= m / bins)
        if inside.any():
            gap = abs(right[inside].mean() - confidence[inside].mean())
            error += inside.mean() * gap
    return error


@pytest.mark.parametrize("bins", [5, 15])
def test_the_calibration_error_equals_the_papers_formula(make_probabilities, bins):
    reading = make_probabilities(500, 4, 0.7)
    found = calibration_error(*reading, bins=bins)
    assert found == pytest.approx(_error_by_the_paper(*reading, bins), abs=1e-9)


def test_the_interval_of_a_calibrated_classifier_holds_its_error():
    logits, labels = _logits(3_000, 4, 1.0)
    probabilities = special.softmax(logits, axis=1).astype(np.float32)
    value = calibration_error(labels, probabilities)
    found = calibration_interval(labels, probabilities)
    assert found.low < value < found.high  # not at its end, where uncorrected resamples have it


def test_the_interval_agrees_with_drawing_the_images_themselves(make_probabilities):
    labels, probabilities = make_probabilities(1_000, 4, 0.7)
    generator = np.random.default_rng(0)
    draws = generator.integers(0, 1_000, (1_000, 1_000))
    plain = np.array([calibration_error(labels[drawn], probabilities[drawn]) for drawn in draws])
    plain -= plain.mean() - calibration_error(labels, probabilities)
    low, high = np.percentile(plain, (2.5, 97.5))
    found = calibration_interval(labels, probabilities)
    assert found.low == pytest.approx(low, abs=0.12 * (high - low))
    assert found.high == pytest.approx(high, abs=0.12 * (high - low))


def test_reliability_bins_hold_every_image_once_and_add_up_to_the_error(make_probabilities):
    labels, probabilities = make_probabilities(500, 4, 0.7)
    found = reliability(labels, probabilities)
    assert sum(bin.n for bin in found) == 500
    assert all(bin.low < bin.confidence <= bin.high for bin in found)
    assert all(bin.accuracy_low <= bin.accuracy <= bin.accuracy_high for bin in found)
    error = sum(bin.n * abs(bin.accuracy - bin.confidence) for bin in found) / 500
    assert error == pytest.approx(calibration_error(labels, probabilities))
