"""A search begins at its base, one choice changed at a time."""

from dataclasses import replace

import pytest

from loupe.recipes.recipe import Recipe, changed, to_dict
from loupe.studies.beginning import chosen_of, one_at_a_time, together
from loupe.studies.journal import Journal
from loupe.studies.space import Space, find_space, space_of
from loupe.studies.trials import Trial


def plain(space: Space, kind: str = "") -> Recipe:
    """The base of a space, as it is for a kind of data."""
    return changed(replace(space.base, variants={}), space.base.variants.get(kind, {}))


@pytest.mark.parametrize(("name", "kind"), [("small", ""), ("small", "objects"), ("post-004", "")])
def test_each_first_trial_is_the_base_but_for_one_choice(name, kind):
    space = find_space(name)
    base = plain(space, kind)
    known = to_dict(changed(base, space.fixed))
    trials = one_at_a_time(space, base)
    assert len(trials) >= 5
    for chosen in trials:
        assert set(chosen) == set(space.domains())
        tried = to_dict(space.recipe(chosen, base))
        assert len([key for key in known if tried[key] != known[key]]) == 1
    assert len({tuple(chosen.items()) for chosen in trials}) == len(trials)


def test_the_base_is_found_in_its_space():
    space = find_space("small")
    chosen = chosen_of(space, plain(space))
    assert chosen is not None
    assert space.recipe(chosen, plain(space)) == plain(space)


@pytest.mark.parametrize(
    "vary",
    [
        {"batch_size": [32, 64]},  # the base has 100
        {"learning_rate": {"low": 0.01, "high": 0.1}, "batch_size": [50, 100]},  # 0.001
        {"network": ["8N", "16N"]},  # none
    ],
)
def test_a_space_that_does_not_hold_its_base_begins_anywhere(vary):
    space = space_of({"name": "mine", "base": "logistic", "vary": vary})
    assert chosen_of(space, space.base) is None
    assert one_at_a_time(space, space.base) == []


def test_whole_numbers_in_networks_are_found():
    parts = {"units": {"low": 8, "high": 300}}
    space = space_of(
        {"name": "mine", "base": "mlp-300-100", "vary": {"network": ["{units}N-100N", "{units}N"]}}
        | {"parts": parts}
    )
    assert chosen_of(space, space.base) == {"network": "{units}N-100N", "{units}": 300}


def test_all_that_helped_alone_is_then_tried_together():
    here = {"epochs": 10, "batch_size": 100, "focus": 1.0, "activation": "relu"}
    ended = [
        Trial(0, {**here, "epochs": 20}, "finished", 0.93),
        Trial(1, {**here, "batch_size": 50}, "finished", 0.92),
        Trial(2, {**here, "batch_size": 25}, "finished", 0.94),
        Trial(3, {**here, "focus": 0.5}, "finished", 0.89),
        Trial(4, {**here, "activation": "silu"}, "too slow"),
    ]
    assert together(here, ended, 0.9) == {**here, "epochs": 20, "batch_size": 25}
    assert together(here, ended, 0.93) is None  # one alone has been tried
    assert together(here, [], 0.9) is None


def test_what_helped_is_put_next_once_for_all_processes(tmp_path):
    space = space_of({"name": "mine", "base": "logistic", "vary": {"batch_size": [50, 100]}})
    (tmp_path / "locks").mkdir()
    for _ in range(2):
        Journal(tmp_path, space).add_once("together", {"batch_size": 50})
    journal = Journal(tmp_path, space)
    opened = journal.begin()
    opened.close()
    assert opened.trial.chosen == {"batch_size": 50}
    assert len(journal.trials()) == 1


def test_a_study_takes_its_first_trials_once_and_in_their_order(tmp_path):
    values = {"base": "logistic", "vary": {"batch_size": [50, 100, 200], "epochs": [10, 20]}}
    space = space_of({"name": "mine", **values})
    first = one_at_a_time(space, space.base)
    (tmp_path / "locks").mkdir()
    for _ in range(2):  # the second process finds them there
        Journal(tmp_path, space).begin_with(first)
    journal = Journal(tmp_path, space)
    begun = []
    for _ in range(len(first)):
        opened = journal.begin()
        begun.append(opened.trial.chosen)
        opened.close()
    assert begun == first
    assert len(journal.trials()) == len(first)
