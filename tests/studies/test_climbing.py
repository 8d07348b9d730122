import json

import pytest

import loupe
from loupe.errors import LoupeError
from loupe.recipes.named import settled
from loupe.studies import ladder as climbing
from loupe.studies.ladder import STEPS, Step, ladder, share_held_out


@pytest.fixture(autouse=True)
def low_steps(monkeypatch):
    """A ladder whose rungs are trained in a moment."""
    quick = {
        "majority": STEPS["majority"],
        "logistic": STEPS["logistic"],
        "again": Step("logistic regression again", "logistic"),
        "third": Step("third time", "logistic"),
        "top": Step("top", "logistic", least_members=2),
    }
    monkeypatch.setattr(climbing, "STEPS", quick)
    monkeypatch.setattr(climbing, "LEAST_STEPS", 100)


@pytest.mark.slow
def test_it_ends_where_two_rungs_in_a_row_buy_nothing_and_goes_on_where_it_was(
    tiny_dataset, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    trained = []

    def watch_run(title, members):
        import contextlib

        trained.append((title, members))
        return contextlib.nullcontext()

    found = ladder(tiny_dataset, validation=0.25, watch_run=watch_run)
    assert [rung.name for rung in found.rungs] == ["majority", "logistic", "again", "third"]
    assert found.left == ("top",)
    assert found.rungs[found.recommended].name == "logistic"
    assert found.rungs[0].accuracy == pytest.approx(1 / 3)
    assert len(trained) == 3
    kept = json.loads((found.folder / "ladder.json").read_text())
    assert kept == json.loads(json.dumps(found.to_dict()))
    assert len((found.folder / "ladder.csv").read_text().splitlines()) == 5
    again = ladder(tiny_dataset, validation=0.25, watch_run=watch_run)
    assert again.folder == found.folder
    assert len(trained) == 3
    assert again.to_dict() == found.to_dict()
    higher = ladder(tiny_dataset, validation=0.25, to_the_top=True, watch_run=watch_run)
    assert [rung.name for rung in higher.rungs][-1] == "top"
    assert trained[3:] == [("top", 2)]
    assert not (tmp_path / "runs" / "ledger.jsonl").exists()


def test_every_rung_has_the_same_validation_images_and_none_is_a_test_image(tiny_dataset, tmp_path):
    found = ladder(tiny_dataset, validation=0.25, seed=3, out=tmp_path / "ladder")
    recipes = [loupe.open_run(rung.run).recipe for rung in found.rungs[1:]]
    assert {(recipe.validation, recipe.seed) for recipe in recipes} == {(0.25, 3)}
    comparison = loupe.compare([rung.run for rung in found.rungs[1:]], tiny_dataset)
    assert comparison.num_images == found.num_images == 60
    assert (comparison.models[0].right == found.rungs[1].right).all()


def test_a_budget_cuts_epochs_and_then_rungs(tiny_dataset, tmp_path):
    found = ladder(tiny_dataset, validation=0.25, minutes=1e-5, out=tmp_path / "ladder")
    assert [rung.name for rung in found.rungs] == ["majority", "logistic"]
    assert "1 epochs instead of" in found.rungs[1].note
    assert "minutes were used up" in found.sentences[-1]


def test_bad_arguments_are_refused(tiny_dataset, tmp_path):
    with pytest.raises(LoupeError, match="leaves no time"):
        ladder(tiny_dataset, minutes=0)
    with pytest.raises(LoupeError, match="50 are needed to tell"):
        ladder(tiny_dataset, validation=0.05, out=tmp_path / "ladder")
    assert not (tmp_path / "ladder").exists()


def test_few_images_hold_out_more():
    assert [share_held_out(n) for n in (60_000, 4_000, 100)] == [1 / 12, 0.25, 0.25]
    assert share_held_out(0) == 0.25


def test_few_images_get_enough_steps():
    logistic = settled(loupe.recipe("logistic"), loupe.read("digits"))
    longer = climbing._long_enough(logistic, 300)
    assert longer.batch_size == 30
    assert longer.epochs * (300 // 30) >= climbing.LEAST_STEPS
    assert climbing._long_enough(logistic, 55_000).epochs == logistic.epochs
    fast = settled(loupe.recipe("fast"), loupe.read("digits"))
    assert climbing._long_enough(fast, 300) == fast
