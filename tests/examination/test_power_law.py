import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from loupe.errors import DataError
from loupe.examination.power_law import EXPONENTS, fit_power_laws

SIZES = [1_000, 2_000, 4_000, 8_000, 16_000]


def planted(floor, scale, exponent):
    return floor + scale * (np.array(SIZES) / max(SIZES)) ** -exponent


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 0.2), st.floats(0.01, 0.3), st.integers(10, 180))
def test_a_planted_curve_is_recovered(floor, scale, hundredths):
    exponent = hundredths / 100
    law = fit_power_laws(SIZES, planted(floor, scale, exponent)[None], np.ones(5))
    assert law.exponent[0] == pytest.approx(exponent)
    assert law.floor[0] == pytest.approx(floor, abs=1e-6)
    assert law.scale[0] == pytest.approx(scale, rel=1e-4)
    ahead = law.errors([32_000, 64_000])[0]
    assert ahead == pytest.approx(floor + scale * np.array([2.0, 4.0]) ** -exponent)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.001, 0.9), min_size=5, max_size=5), st.integers(0, 100))
def test_no_law_without_negative_parts_fits_better(errors, seed):
    variances = np.random.default_rng(seed).uniform(0.1, 2, 5)
    law = fit_power_laws(SIZES, np.array([errors]), variances)
    assert law.floor[0] >= 0
    assert law.scale[0] >= 0
    weights = 1 / np.sqrt(variances)
    reached = np.linalg.norm((law.errors(SIZES)[0] - errors) * weights)
    best = min(
        nnls(
            np.stack([weights, weights * (np.array(SIZES) / 16_000) ** -exponent], axis=1),
            np.array(errors) * weights,
        )[1]
        for exponent in EXPONENTS
    )
    assert reached == pytest.approx(best, rel=1e-6, abs=1e-9)


def test_errors_that_do_not_fall_give_a_flat_law():
    law = fit_power_laws(SIZES, np.array([[0.1, 0.1, 0.11, 0.12, 0.13]]), np.ones(5))
    assert law.scale[0] == 0
    assert law.errors([1_000, 64_000])[0] == pytest.approx([0.112, 0.112])


def test_each_row_is_fitted_for_itself():
    both = np.stack([planted(0.02, 0.1, 0.5), planted(0.0, 0.2, 0.3)])
    laws = fit_power_laws(SIZES, both, np.ones(5))
    alone = fit_power_laws(SIZES, both[1:], np.ones(5))
    assert laws.exponent.round(2).tolist() == [0.5, 0.3]
    assert laws.errors([99_000])[1] == pytest.approx(alone.errors([99_000])[0])


def test_two_sizes_are_refused():
    with pytest.raises(DataError, match="at least 3 different sizes"):
        fit_power_laws([10, 20, 20], np.ones((1, 3)), np.ones(3))
