import pytest

from loupe.errors import LoupeError
from loupe.recipes.named import recipe
from loupe.recipes.recipe import changed
from loupe.studies.folder import is_done, study_folder, trained_once

QUICK = changed(recipe("logistic"), {"epochs": 2, "validation": 0.25})


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_folder_of_a_study_is_found_again_by_its_plan(here):
    first = study_folder(None, "digits-ladder", {"seed": 0, "shares": (0.5, 1)})
    other = study_folder(None, "digits-ladder", {"seed": 1, "shares": (0.5, 1)})
    assert (first.name, other.name) == ("digits-ladder-1", "digits-ladder-2")
    assert study_folder(None, "digits-ladder", {"seed": 0, "shares": (0.5, 1)}) == first
    assert study_folder(first, "digits-ladder", {"seed": 0, "shares": (0.5, 1)}) == first


def test_a_name_that_leads_elsewhere_makes_a_folder_below_runs(here):
    assert study_folder(None, "../../etc/x", {}).parent.name == "runs"


def test_another_study_and_other_files_are_not_overwritten(here):
    taken = study_folder(here / "mine", "x", {"seed": 0})
    with pytest.raises(LoupeError, match="a study of other data or settings"):
        study_folder(taken, "x", {"seed": 1})
    (here / "letters").mkdir()
    (here / "letters" / "to-grandmother.txt").write_text("dear")
    with pytest.raises(LoupeError, match="holds files already"):
        study_folder(here / "letters", "x", {})
    (taken / "study.json").write_text("{")
    with pytest.raises(LoupeError, match="cannot be read"):
        study_folder(taken, "x", {"seed": 0})


def test_what_is_done_is_not_trained_again(tiny_dataset, tmp_path):
    steps = []
    run = trained_once(tiny_dataset, QUICK, tmp_path / "run", steps.append)
    assert is_done(run.folder)
    before, steps[:] = len(steps), []
    again = trained_once(tiny_dataset, QUICK, tmp_path / "run", steps.append)
    assert before > 0
    assert steps == []
    assert again.environment == run.environment


class Killed(BaseException):
    """Not an error that anything would catch, as a kill is not."""


def test_what_was_killed_goes_on_and_other_data_are_refused(tiny_dataset, tmp_path):
    def kill(progress):
        if progress.step == 1:
            raise Killed

    with pytest.raises(Killed):
        trained_once(tiny_dataset, QUICK, tmp_path / "run", kill)
    assert not is_done(tmp_path / "run")
    run = trained_once(tiny_dataset, QUICK, tmp_path / "run")
    assert len(run.history) == 2
    with pytest.raises(LoupeError, match="a run on other data"):
        trained_once(tiny_dataset.select(slice_of(tiny_dataset)), QUICK, tmp_path / "run")


def slice_of(dataset):
    import numpy as np

    return np.arange(len(dataset) - 3)
