"""Trials are given the time that the base would take now, not what it took on a quiet machine."""

import json
import time
from types import SimpleNamespace

import pytest

import loupe
from loupe.studies import attempt, pace
from loupe.studies.division import divide
from loupe.studies.pace import Pace, seconds_per_step
from loupe.studies.search import sentences
from loupe.studies.space import space_of
from loupe.studies.tuning import tune


@pytest.fixture
def machine(monkeypatch):
    """A machine whose clock and speed the test sets; it counts how often it is timed."""
    stand_in = SimpleNamespace(now=100.0, step=0.010, timed=0)

    def timed(recipe, dataset):
        stand_in.timed += 1
        return stand_in.step

    monkeypatch.setattr(pace, "seconds_per_step", timed)
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: stand_in.now))
    return stand_in


def test_the_pace_follows_the_machine_and_is_taken_now_and_then(machine, tiny_dataset, tmp_path):
    taken = Pace(loupe.recipe("logistic"), tiny_dataset, tmp_path / "pace.json")
    assert taken.factor() == 1.0
    machine.step = 0.015
    machine.now += 5
    assert taken.factor() == 1.0 and machine.timed == 2  # at the beginning, and for the first trial
    machine.now += 20
    assert taken.factor() == pytest.approx(1.5) and machine.timed == 3
    machine.step = 0.008
    machine.now += 21
    assert taken.factor() == pytest.approx(0.8)


def test_a_study_that_goes_on_compares_with_its_beginning(machine, tiny_dataset, tmp_path):
    Pace(loupe.recipe("logistic"), tiny_dataset, tmp_path / "pace.json")
    assert json.loads((tmp_path / "pace.json").read_text()) == {"seconds_per_step": 0.010}
    machine.step = 0.020
    again = Pace(loupe.recipe("logistic"), tiny_dataset, tmp_path / "pace.json")
    assert again.factor() == pytest.approx(2.0)


def test_only_the_first_steps_are_run(tiny_dataset):
    long = loupe.recipe("logistic", epochs=1_000_000, batch_size=32)
    began = time.monotonic()
    each = seconds_per_step(long, divide(tiny_dataset))
    assert 0 < each < 0.2
    assert time.monotonic() - began < 60  # of a day
    assert seconds_per_step(loupe.recipe("logistic", epochs=1), divide(tiny_dataset)) == 0.0


@pytest.mark.slow
def test_a_search_for_what_is_no_slower_says_how_long_both_took(
    tiny_dataset, tmp_path, monkeypatch
):
    monkeypatch.setattr(attempt, "SLACK", 100.0)  # trainings of milliseconds are no measure
    vary = {"learning_rate": [0.01, 0.02], "label_smoothing": [0.0, 0.1]}
    space = space_of({"name": "mine", "base": "logistic", "vary": vary, "fixed": {"epochs": 2}})
    search = tune(
        tiny_dataset, space, minutes=0.5, trials=2, out=tmp_path / "study", no_slower=True
    )
    assert (tmp_path / "study" / "pace.json").exists()
    assert {trial.outcome for trial in search.trials} == {"finished"}
    assert len(search.confirmed_seconds) == 2 and min(search.confirmed_seconds) > 0
    assert "It was trained in" in " ".join(sentences(search))
