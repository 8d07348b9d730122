import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from loupe.examination.intervals import wilson
from loupe.examination.paired import (
    difference,
    difference_interval,
    holm,
    mcnemar,
    mean_difference,
)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 3_000), st.integers(0, 3_000))
def test_mcnemar_is_the_two_sided_binomial_test(only_first, only_second):
    throws = only_first + only_second
    expected = binomtest(only_first, throws).pvalue if throws else 1.0
    assert mcnemar(only_first, only_second) == pytest.approx(expected, rel=1e-9, abs=1e-300)
    assert mcnemar(only_first, only_second) == mcnemar(only_second, only_first)


def test_mcnemar_of_a_textbook():
    # Agresti (2013), "Categorical data analysis", table 11.1 has 86 and 150 discordant pairs.
    assert mcnemar(86, 150) == pytest.approx(binomtest(86, 236).pvalue)
    assert mcnemar(86, 150) < 1e-4


def test_mcnemar_of_very_many_images_is_no_overflow():
    assert mcnemar(31_000, 30_000) == pytest.approx(binomtest(31_000, 61_000).pvalue, rel=1e-6)
    assert mcnemar(10_000, 0) == 0.0  # below what a float can say


def test_holm_of_a_hand_example():
    # By rank times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.05; the last may not fall below the third.
    assert holm([0.03, 0.005, 0.05, 0.01]) == pytest.approx((0.06, 0.02, 0.06, 0.03))
    assert holm([0.6, 0.7]) == (1.0, 1.0)
    assert holm([0.2]) == (0.2,)
    assert holm([]) == ()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_lies_between_none_and_bonferroni(p_values):
    corrected = holm(p_values)
    for p, q in zip(p_values, corrected, strict=True):
        assert p <= q <= min(1.0, len(p_values) * p) or q == pytest.approx(p)
    order = np.argsort(p_values, kind="stable")
    assert np.all(np.diff(np.array(corrected)[order]) >= 0)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "better", "worse"), [(1_000, 0.03, 0.015), (300, 0.10, 0.10)])
def test_the_paired_bootstrap_covers_the_truth_19_times_of_20(n, better, worse):
    generator = np.random.default_rng(5)
    draws = generator.multinomial(n, [better, worse, 1 - better - worse], size=600)
    intervals = [difference_interval(int(b), int(c), n) for b, c, _ in draws]
    covered = np.mean([i.low <= better - worse <= i.high for i in intervals])
    assert 0.93 <= covered <= 0.975


def test_images_of_a_kind_that_is_not_there_are_not_proved_impossible():
    same = difference_interval(0, 0, 200)
    assert same.high == pytest.approx(wilson(0, 200).high)
    assert same.low == -same.high
    one_sided = difference_interval(12, 0, 200)
    assert one_sided.low < 12 / 200 - 1.96 * (0.06 * 0.94 / 200) ** 0.5


def test_a_difference_counts_the_images_that_only_one_reads_rightly():
    first = np.array([True, True, True, False, False, True])
    second = np.array([True, False, False, False, True, True])
    found = difference(first, second)
    assert (found.only_first, found.only_second, found.n) == (2, 1, 6)
    assert found.value == pytest.approx(1 / 6)
    assert found.p == 1.0
    back = difference(second, first)
    assert back.value == -found.value
    assert back.p == found.p


def read(rate, seeds, n=2000, seed=0):
    """How several classifiers read images of which some are harder than others."""
    generator = np.random.default_rng(seed)
    hard = np.random.default_rng(99).random(n) < 0.2
    return generator.random((seeds, n)) < np.where(hard, rate, 0.99)


def test_one_classifier_of_each_kind_is_mcnemars_case():
    first, second = read(0.6, 1), read(0.5, 1, seed=1)
    assert mean_difference(first, second) == difference(first[0], second[0])


def test_several_of_each_kind_make_a_small_difference_certain():
    one = mean_difference(read(0.60, 1), read(0.54, 1, seed=1))
    many = mean_difference(read(0.60, 16), read(0.54, 16, seed=1))
    assert many.high - many.low < (one.high - one.low) / 2
    assert many.p < 0.01
    assert many.low < many.value < many.high
    assert many.value == pytest.approx(0.2 * 0.06, abs=0.003)
    back = mean_difference(read(0.54, 16, seed=1), read(0.60, 16))
    assert (back.value, back.p) == pytest.approx((-many.value, many.p))
    assert (back.only_first, back.only_second) == (many.only_second, many.only_first)


def test_exchanged_signs_err_as_often_as_they_say():
    """Of kinds that are equally good, one comparison in twenty is to seem real."""
    p = [
        mean_difference(read(0.6, 2, 400, 2 * k), read(0.6, 2, 400, 2 * k + 1)).p for k in range(60)
    ]
    assert 0 <= sum(value < 0.05 for value in p) <= 8  # 3 expected; 9 or more: 1 in 500
    assert 0.35 < np.mean(p) < 0.65


def test_kinds_that_read_every_image_alike_do_not_differ():
    right = read(0.6, 3)
    found = mean_difference(right, right)
    assert (found.value, found.p, found.only_first, found.only_second) == (0, 1, 0, 0)
