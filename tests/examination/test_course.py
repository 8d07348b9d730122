import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loupe.examination.course import follow, noise, smoothed

falling_curves = st.lists(st.floats(0.01, 10), min_size=1, max_size=40).map(
    lambda steps: np.cumsum(steps)[::-1].copy()
)
any_curves = st.lists(st.floats(0, 10), min_size=1, max_size=40).map(np.array)


def test_noise_is_recognised_at_its_size_amid_a_fall():
    generator = np.random.default_rng(0)
    fall = 3 * np.exp(-np.arange(60) / 5)
    found = [noise(fall + generator.normal(0, 0.05, 60)) for _ in range(50)]
    assert np.mean(found) == pytest.approx(0.05, rel=0.15)


@settings(max_examples=50, deadline=None)
@given(falling_curves)
def test_a_steady_fall_has_no_noise_however_steep(curve):
    assert noise(curve) == 0
    assert noise(curve[::-1].copy()) == 0


def test_one_spike_is_neither_noise_nor_a_change_of_course():
    curve = np.r_[0.5, 0.3, 0.2, np.full(17, 0.1)]
    spiked = curve.copy()
    spiked[12] = 5.0
    assert noise(spiked) == 0
    assert np.array_equal(smoothed(spiked)[5:], smoothed(curve)[5:])
    assert follow(spiked, 0.02).settled == follow(curve, 0.02).settled


@settings(max_examples=200, deadline=None)
@given(any_curves, st.sampled_from([0.02, 0.05]))
def test_a_course_never_contradicts_itself(curve, least):
    course = follow(curve, least)
    assert course.lowest == course.smooth.min() == course.smooth[course.low]
    assert course.tolerance >= least * course.lowest
    if course.settled is not None:
        assert course.settled <= course.low
        assert len(curve) - course.settled > 2  # epochs after it
        assert (
            course.smooth[course.settled : course.low + 1] <= course.lowest + course.tolerance
        ).all()
    if course.risen is not None:
        assert course.settled is not None
        assert course.low < course.risen <= len(curve) - 2
        assert (course.smooth[course.risen :] > course.lowest + course.tolerance).all()
        assert curve.argmin() < course.risen


@settings(max_examples=50, deadline=None)
@given(any_curves, st.floats(0.1, 100))
def test_a_course_does_not_depend_on_the_unit(curve, unit):
    course, other = follow(curve, 0.02), follow(curve * 2 ** round(np.log2(unit)), 0.02)
    assert (course.settled, course.low, course.risen) == (other.settled, other.low, other.risen)
