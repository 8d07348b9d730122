"""scikit-learn's own checks of an estimator."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from loupe.estimator import LoupeClassifier

QUICK = LoupeClassifier("logistic", epochs=4, batch_size=16, learning_rate=0.2, validation=0)


@parametrize_with_checks([QUICK])
def test_what_scikit_learn_asks_of_an_estimator(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([LoupeClassifier()])
def test_the_default_recipe_is_an_estimator_too(estimator, check):
    check(estimator)
