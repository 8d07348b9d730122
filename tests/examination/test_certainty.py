"""A model's thresholds travel in its card, and are measured on every evaluation."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from loupe.data.dataset import TEST, VALIDATION, Dataset, Rows
from loupe.errors import LoupeError, ModelError
from loupe.examination.calibration import calibration_error, without_temperature
from loupe.examination.certainty import find_thresholds, measure_certainty
from loupe.examination.evaluation import evaluate

NAMES = ("a", "b", "c", "d")


def dataset_of(labels: np.ndarray, code: int, groups: np.ndarray | None = None) -> Dataset:
    n = len(labels)
    images = np.arange(4 * n, dtype=np.uint8).reshape(n, 2, 2, 1)
    return Dataset("d", images, labels, np.full(n, code, np.uint8), NAMES, Rows("d", n), groups)


@pytest.fixture
def measured(make_probabilities):
    """Validation and test images of one classifier: (labels, probabilities) of each."""
    labels, probabilities = make_probabilities(2_000, 4, 3.0)
    return (labels[:1000], probabilities[:1000]), (labels[1000:], probabilities[1000:])


class Fixed:
    """A classifier that says what it was told to say."""

    class_names, source = NAMES, "fixed"

    def __init__(self, probabilities, certainty):
        self.card = SimpleNamespace(certainty=certainty)
        n = len(probabilities)
        self.output = SimpleNamespace(
            probabilities=probabilities, features=None, outlier=np.zeros(n, np.float32)
        )

    def examine(self, images):
        return self.output


def test_an_evaluation_says_how_sure_its_classifier_is(measured):
    held_out, (labels, probabilities) = measured
    found = find_thresholds(*held_out, 0.7, grouped=False)
    classifier = Fixed(probabilities, found.to_dict())
    evaluation = evaluate(classifier, dataset_of(labels, TEST), ledger=None, abstain=0.98)
    content = evaluation.to_dict()
    (row,) = content["abstention"]
    assert row["rule"]["wanted"] == 0.98
    assert row["rule"]["promised"]
    assert row["left"] == 1000 - row["answered"] > 0
    assert row["accuracy"] > evaluation.metrics["accuracy"].value
    assert [sets["level"] for sets in content["prediction_sets"]] == [0.9, 0.95, 0.99]
    for sets in content["prediction_sets"]:
        assert sets["low"] - 0.02 < sets["level"] < sets["high"] + 0.02
    assert content["calibration"]["after"] == evaluation.metrics["calibration_error"].value


def test_a_classifier_without_thresholds_is_measured_without_them(measured):
    labels, probabilities = measured[1]
    evaluation = evaluate(Fixed(probabilities, {}), dataset_of(labels, TEST), ledger=None)
    assert evaluation.certainty is None
    assert "abstention" not in evaluation.to_dict()


def test_thresholds_that_cannot_be_read_are_named(measured):
    labels, probabilities = measured[1]
    for broken in ({"n": 3}, {"n": "x"}):
        with pytest.raises(ModelError, match="thresholds in the card of fixed"):
            evaluate(Fixed(probabilities, broken), dataset_of(labels, TEST), ledger=None)


def test_a_share_that_cannot_be_is_refused_before_the_work(measured):
    labels, probabilities = measured[1]
    with pytest.raises(LoupeError, match="99"):
        evaluate(Fixed(probabilities, {}), dataset_of(labels, TEST), ledger=None, abstain=99.0)


def test_validation_images_are_given_sets_by_the_other_half(measured):
    labels, probabilities = measured[0]
    thresholds = find_thresholds(labels, probabilities, 1.0, grouped=True)
    groups = np.arange(1000) // 20
    halved = measure_certainty(
        thresholds, dataset_of(labels, VALIDATION, groups), probabilities, "validation", [0.9]
    )
    assert halved.by_halves
    own = measure_certainty(thresholds, dataset_of(labels, TEST), probabilities, "test", [0.9])
    assert own.sets[0].coverage == pytest.approx(0.901, abs=0.0011)  # its own images, by making
    assert halved.sets[0].coverage != own.sets[0].coverage
    assert abs(halved.sets[0].coverage - 0.9) < 0.03


def test_a_temperature_can_be_taken_out_again(make_probabilities):
    labels, sharp = make_probabilities(500, 4, 2.0)
    logits = np.log(sharp.astype(np.float64))
    soft = np.exp(logits / 3)
    soft = (soft / soft.sum(axis=1, keepdims=True)).astype(np.float32)
    np.testing.assert_allclose(without_temperature(soft, 3.0), sharp, atol=2e-6)
    thresholds = find_thresholds(labels, soft, 3.0, grouped=False)
    found = measure_certainty(thresholds, dataset_of(labels, TEST), soft, "test", [0.9])
    assert found.calibration.before == pytest.approx(calibration_error(labels, sharp), abs=1e-6)
    assert found.calibration.before_low <= found.calibration.before <= found.calibration.before_high


def test_certainty_survives_a_change_of_class_order(measured):
    held_out, (labels, probabilities) = measured
    card = find_thresholds(*held_out, 1.0, grouped=False).to_dict()
    dataset = dataset_of(labels, TEST)
    turned = replace(dataset, class_names=NAMES[::-1], labels=3 - labels)
    first, second = (
        evaluate(Fixed(probabilities, card), data, ledger=None).certainty
        for data in (dataset, turned)
    )
    assert first.to_dict() == second.to_dict()
