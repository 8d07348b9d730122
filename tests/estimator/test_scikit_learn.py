"""scikit-learn's own checks of an estimator."""

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from loupe.estimator import LoupeClassifier

QUICK = LoupeClassifier("logistic", epochs=4, batch_size=16, learning_rate=0.2, validation=0)

# What does not hold, and why.
EXCEPTIONS = {
    "check_sample_weight_equivalence_on_dense_data": (
        "an image of weight 2 is drawn twice as often, but with other random numbers than two "
        "images are: the same in expectation, not bit for bit"
    ),
}


def exceptions(estimator: Any) -> dict[str, str]:
    return EXCEPTIONS


@parametrize_with_checks([QUICK], expected_failed_checks=exceptions)
def test_what_scikit_learn_asks_of_an_estimator(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([LoupeClassifier()], expected_failed_checks=exceptions)
def test_the_default_recipe_is_an_estimator_too(estimator, check):
    check(estimator)
