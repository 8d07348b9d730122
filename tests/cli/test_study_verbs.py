"""`loupe ladder` and `loupe learn-curve`."""

from pathlib import Path

import pytest

import loupe
from loupe.studies import ladder as climbing
from loupe.studies.ladder import STEPS


@pytest.mark.slow
def test_ladder_trains_says_what_to_take_and_goes_on(loupe_command, monkeypatch):
    low = {name: STEPS[name] for name in ("majority", "logistic")}
    monkeypatch.setattr(climbing, "STEPS", low)
    monkeypatch.setattr(climbing, "LEAST_STEPS", 100)
    first = loupe_command("ladder", "digits")
    assert first.code == 0, first.err
    assert "Training the logistic regression" in first.out
    assert "Take the logistic regression" in first.out
    assert Path("runs/digits-ladder-1/ladder.html").exists()
    again = loupe_command("ladder", "digits", "--json")
    assert again.json["recommended"] == "logistic"
    assert len(again.out.splitlines()) == 1  # nothing was trained
    assert not Path("runs/ledger.jsonl").exists()


def test_learn_curve_forecasts_and_goes_on(loupe_command):
    command = ("learn-curve", "digits", "--recipe", "logistic", "--set", "epochs=3",
               "--fractions", "0.1,0.3,1", "--repeats", "1", "--out", "curve")  # fmt: skip
    first = loupe_command(*command)
    assert first.code == 0, first.err
    assert "forecast" in first.out
    assert "more data would" in first.out.lower()
    assert Path("curve/learning-curve.html").exists()
    assert loupe.open_run("curve/1078-images-1").recipe.epochs == 3
    again = loupe_command(*command, "--json")
    assert len(again.out.splitlines()) == 1
    assert [point["num_images"] for point in again.json["points"]] == [108, 323, 1078]
    other = loupe_command(*command, "--seed", "1")
    assert other.code == 2
    assert "other data or settings" in other.err


@pytest.mark.parametrize("fractions", ["a lot", "0.5,1"])
def test_learn_curve_says_how_fractions_are_written(loupe_command, fractions):
    result = loupe_command("learn-curve", "digits", "--fractions", fractions)
    assert result.code == 2
    assert "0.125" in result.err


@pytest.mark.slow
def test_learn_curve_keeps_to_what_was_set_whatever_the_data(loupe_command):
    command = ("learn-curve", "digits", "--set", "epoch=3", "--fractions", "0.1,0.3,1")
    slip = loupe_command(*command)
    assert slip.code == 2
    assert "Did you mean 'epochs'?" in slip.err
    assert slip.out == ""  # refused before the data is read
    quick = ("--set", "epochs=1", "--set", "network=8C3b", "--repeats", "1", "--out", "curve")
    assert loupe_command("learn-curve", "digits", "--fractions", "0.1,0.3,1", *quick).code == 0
    recipe = loupe.open_run("curve/1078-images-1").recipe
    assert (recipe.epochs, recipe.network, recipe.batch_size) == (1, "8C3b", 64)  # few images
