from typing import get_args

import pytest

from loupe.recipes.recipe import Recipe, Schedule
from loupe.training.schedule import SCHEDULES, WARMUP_START, rate_factor


def factors(schedule, *, warmup=0.0, steps=100):
    recipe = Recipe(name="mine", schedule=schedule, warmup=warmup)
    return [rate_factor(recipe, step, steps) for step in range(steps)]


def test_every_schedule_of_a_recipe_has_its_row():
    assert SCHEDULES.keys() == set(get_args(Schedule))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("warmup", [0.0, 0.005, 0.2, 0.99])
@pytest.mark.parametrize("steps", [1, 2, 7, 100])
def test_a_rate_rises_to_the_highest_and_never_rises_again(schedule, warmup, steps):
    rates = factors(schedule, warmup=warmup, steps=steps)
    assert all(0 < rate <= 1 for rate in rates)
    top = rates.index(max(rates))
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)


def test_a_warm_up_rises_evenly_over_its_fraction():
    rates = factors("constant", warmup=0.2)
    assert rates[0] == WARMUP_START
    assert rates[10] == pytest.approx((WARMUP_START + 1) / 2)
    assert rates[20:] == [1.0] * 80


def test_schedules_end_where_they_say():
    assert factors("constant") == [1.0] * 100
    assert factors("linear")[50] == pytest.approx(0.5)
    assert factors("linear")[99] == pytest.approx(0.01)
    assert factors("cosine")[50] == pytest.approx(0.5)
    assert factors("cosine")[99] == pytest.approx(0.0, abs=3e-4)
    assert factors("exponential")[50] == pytest.approx(0.1)
    assert factors("exponential")[99] == pytest.approx(0.01, rel=0.05)


def test_what_follows_the_warm_up_is_the_schedule_over_the_rest():
    assert factors("linear", warmup=0.2)[60] == pytest.approx(0.5)
