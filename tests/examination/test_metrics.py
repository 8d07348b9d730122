import subprocess
import sys

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from loupe.errors import DataError
from loupe.examination.intervals import bootstrap
from loupe.examination.metrics import (
    METRICS,
    best_guesses,
    confusion_matrix,
    measure,
    measure_classes,
    top_guesses,
)

MACRO = {"average": "macro", "zero_division": 0}


def _by_scikit_learn(labels, probabilities):
    """The same figures by scikit-learn; it has no calibration error."""
    guesses, every = probabilities.argmax(axis=1), np.arange(probabilities.shape[1])
    return {
        "accuracy": sklearn.metrics.accuracy_score(labels, guesses),
        "top_3_accuracy": sklearn.metrics.top_k_accuracy_score(
            labels, probabilities, k=3, labels=every
        ),
        "precision": sklearn.metrics.precision_score(labels, guesses, **MACRO),
        "recall": sklearn.metrics.recall_score(labels, guesses, **MACRO),
        "f1": sklearn.metrics.f1_score(labels, guesses, **MACRO),
        "log_loss": sklearn.metrics.log_loss(labels, probabilities, labels=every),
    }


@st.composite
def _readings(draw):
    """Few images, more classes than images at times: classes without images, without guesses."""
    n, k = draw(st.integers(1, 12)), draw(st.integers(4, 7))
    labels = draw(arrays.arrays(np.int64, n, elements=st.integers(0, k - 1)))
    seed = draw(st.integers(0, 1_000))
    weights = np.random.default_rng(seed).exponential(size=(n, k)) ** draw(st.integers(1, 4))
    return labels, (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(_readings())
def test_every_metric_equals_scikit_learns(reading):
    for name, expected in _by_scikit_learn(*reading).items():
        found = METRICS[name](*reading)  # scikit-learn takes logs of float32 in float32
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-6), name


def test_every_metric_equals_scikit_learns_on_ten_thousand_images(make_probabilities):
    reading = make_probabilities(10_000, 10, 1.5)
    for name, expected in _by_scikit_learn(*reading).items():
        assert METRICS[name](*reading) == pytest.approx(expected, abs=1e-6), name


@settings(max_examples=25, deadline=None)
@given(_readings(), st.randoms())
def test_figures_do_not_depend_on_the_order_of_the_images(reading, random):
    labels, probabilities = reading
    order = list(range(len(labels)))
    random.shuffle(order)
    for name, metric in METRICS.items():
        moved = metric(labels[order], probabilities[order])
        assert moved == pytest.approx(metric(labels, probabilities), abs=1e-9), name


@settings(max_examples=25, deadline=None)
@given(_readings())
def test_every_figure_lies_in_its_interval_and_has_its_n(reading):
    for name, found in measure(*reading).items():
        assert 0 <= found.low <= found.value <= found.high, name
        assert found.n == len(reading[0])
        assert found.high <= 1 or name == "log_loss"


def test_log_loss_of_an_image_held_to_be_impossible_is_finite_as_in_scikit_learn():
    probabilities = np.array([[1, 0], [0, 1]], np.float32)
    expected = sklearn.metrics.log_loss([0, 0], probabilities, labels=[0, 1])
    found = METRICS["log_loss"](np.array([0, 0]), probabilities)
    assert found == pytest.approx(expected, rel=1e-6)
    assert np.isfinite(found)


def test_with_three_classes_or_fewer_the_label_is_always_among_the_first_three():
    for k in (1, 2, 3):
        probabilities = np.full((5, k), 1 / k, np.float32)
        assert METRICS["top_3_accuracy"](np.full(5, k - 1), probabilities) == 1
        assert top_guesses(probabilities).shape == (5, k)


@settings(max_examples=40, deadline=None)
@given(arrays.arrays(np.float32, (6, 5), elements=st.sampled_from([0.0, 0.125, 0.25, 0.5])))
def test_guesses_and_top_3_break_ties_as_a_stable_sort_does(probabilities):
    expected = np.argsort(-probabilities, axis=1, kind="stable")[:, :3]
    assert np.array_equal(top_guesses(probabilities), expected)
    assert np.array_equal(best_guesses(probabilities), expected[:, 0])
    for label in range(5):
        found = METRICS["top_3_accuracy"](np.full(6, label), probabilities)
        assert found == (expected == label).any(axis=1).mean()


def test_the_confusion_matrix_equals_scikit_learns(make_probabilities):
    labels, probabilities = make_probabilities(300, 5, 0.5)
    guesses = best_guesses(probabilities)
    expected = sklearn.metrics.confusion_matrix(labels, guesses, labels=range(5))
    assert np.array_equal(confusion_matrix(labels, guesses, 5), expected)


def test_the_figures_of_each_class_equal_scikit_learns(make_probabilities):
    labels, probabilities = make_probabilities(300, 5, 0.5)
    labels[labels == 3] = 2  # a class without images
    guesses = best_guesses(probabilities)
    guesses[guesses == 4] = 0  # and one without guesses
    expected = sklearn.metrics.precision_recall_fscore_support(
        labels, guesses, labels=range(5), zero_division=0
    )
    found = measure_classes(confusion_matrix(labels, guesses, 5), tuple("abcde"))
    figures = [(one.precision, one.recall, one.f1, one.n) for one in found]
    assert np.allclose(figures, np.transpose(expected))
    assert (found[3].recall_low, found[3].recall_high) == (0, 1)
    assert (found[4].precision_low, found[4].precision_high) == (0, 1)
    assert all(one.recall_low <= one.recall <= one.recall_high for one in found)


def test_a_faultless_reading_of_few_images_is_not_certain():
    labels = np.arange(30) % 3
    found = measure(labels, np.eye(3, dtype=np.float32)[labels])
    for name in ("accuracy", "precision", "recall", "f1"):
        assert found[name].value == 1
        assert found[name].low == pytest.approx(0.886, abs=0.001)
        assert found[name].interval == "wilson"


@st.composite
def _few_guesses(draw):
    """Up to 50 images, each guessed with certainty: often one class for all of them."""
    n, k = draw(st.integers(1, 50)), draw(st.integers(2, 6))
    labels = draw(arrays.arrays(np.int64, n, elements=st.integers(0, k - 1)))
    among = draw(st.lists(st.integers(0, k - 1), min_size=1, max_size=k))
    guesses = draw(arrays.arrays(np.int64, n, elements=st.sampled_from(among)))
    return labels, np.eye(k, dtype=np.float32)[guesses]


@settings(max_examples=60, deadline=None)
@given(_few_guesses())
def test_no_share_of_few_images_is_certain(reading):
    found = measure(*reading)
    proportions = ["accuracy", "precision", "recall", "f1"]
    for name in proportions:
        assert found[name].low < found[name].high, name
        assert 0 <= found[name].low <= found[name].value <= found[name].high <= 1, name


def test_one_guess_for_everything_has_a_recall_that_is_not_certain():
    labels = np.arange(12) % 3
    found = measure(labels, np.tile(np.float32([1, 0, 0]), (12, 1)))["recall"]
    assert found.value == pytest.approx(1 / 3)
    # By hand: Wilson's limit of 4 of 4 is 0.510, of 0 of 4 it is 0.490; each class weighs a third.
    assert found.low == pytest.approx(1 / 3 - 0.490 / 3, abs=0.001)
    assert found.high == pytest.approx(1 / 3 + 2**0.5 * 0.490 / 3, abs=0.001)


def test_of_many_images_classes_without_faults_leave_the_bootstrap_as_it_is(make_probabilities):
    labels, probabilities = make_probabilities(5_000, 4, 1.0)
    sure = np.isin(labels, (0, 1))
    guesses = np.where(labels == 0, 0, 2)  # class 0 is always right, class 1 never
    probabilities[sure] = np.eye(4, dtype=np.float32)[guesses[sure]]
    found = measure(labels, probabilities)["recall"]
    plain = bootstrap(METRICS["recall"], labels, probabilities)
    width = plain.high - plain.low
    assert found.low == pytest.approx(plain.low, abs=0.1 * width)
    assert found.high == pytest.approx(plain.high, abs=0.1 * width)


@pytest.mark.slow
def test_macro_intervals_hold_the_truth_about_95_times_in_100(make_probabilities):
    truth = METRICS["recall"](*make_probabilities(200_000, 4, 1.0, seed=10_000))
    held = []
    for seed in range(150):
        found = measure(*make_probabilities(250, 4, 1.0, seed=seed))["recall"]
        held.append(found.low <= truth <= found.high)
    assert 0.89 <= np.mean(held) <= 0.99


def test_the_macro_interval_equals_drawing_the_images_themselves(make_probabilities):
    labels, probabilities = make_probabilities(500, 4, 1.0)
    for name in ("precision", "f1", "log_loss"):
        plain = bootstrap(METRICS[name], labels, probabilities)
        found = measure(labels, probabilities)[name]
        width = plain.high - plain.low
        assert found.low == pytest.approx(plain.low, abs=0.15 * width)
        assert found.high == pytest.approx(plain.high, abs=0.15 * width)


def test_a_metric_that_is_added_to_the_table_is_measured_with_an_interval(
    monkeypatch, make_probabilities
):
    monkeypatch.setitem(METRICS, "confidence", lambda _, p: float(p.max(axis=1).mean()))
    found = measure(*make_probabilities(100, 3, 1.0))["confidence"]
    assert found.low < found.value < found.high
    assert found.interval == "bootstrap"


def test_the_same_predictions_have_the_same_intervals(make_probabilities):
    reading = make_probabilities(200, 4, 1.0)
    assert measure(*reading) == measure(*reading)


@pytest.mark.parametrize(
    ("labels", "probabilities", "fault"),
    [
        ([], np.empty((0, 3)), "no images"),
        ([3], [[0.2, 0.3, 0.5]], "labels from 0 to 2"),
        ([-1], [[0.2, 0.3, 0.5]], "labels from 0 to 2"),
        ([0, 0], [[0.2, 0.3, 0.5], [np.nan, 0.5, 0.5]], "1 of 2 images are not numbers"),
    ],
)
def test_what_has_no_figures_is_refused(labels, probabilities, fault):
    with pytest.raises(DataError, match=fault):
        measure(np.array(labels, np.int64), np.array(probabilities, np.float32))


def test_no_metric_needs_scikit_learn_or_torch():
    program = (
        "import sys; import loupe.examination.metrics, loupe.examination.curves, "
        "loupe.examination.calibration; print({'sklearn', 'torch', 'scipy'} & set(sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "set()"
