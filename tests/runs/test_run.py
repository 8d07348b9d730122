import json
import os
import threading
from dataclasses import FrozenInstanceError

import pytest

from loupe.errors import RunError
from loupe.recipes.recipe import Recipe, to_toml
from loupe.runs.history import Epoch, write_history
from loupe.runs.run import LEDGER, Run, create_run, list_runs, open_run


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make_run(folder, *, began=None):
    """A run that has begun and got no further."""
    folder.mkdir(parents=True)
    recipe = folder / "recipe.toml"
    recipe.write_text(to_toml(Recipe(name="mine", epochs=3)))
    if began is not None:
        os.utime(recipe, (began, began))
    return Run(folder)


def test_runs_are_numbered_by_data_and_recipe(here):
    names = [create_run(None, "mnist", "fast").folder.name for _ in range(3)]
    assert names == ["mnist-fast-1", "mnist-fast-2", "mnist-fast-3"]
    assert create_run(None, "mnist", "best").name == "mnist-best-1"
    assert create_run(None, "mnist-fast", "1").name == "mnist-fast-1-1"


def test_a_number_is_never_given_twice(here):
    for _ in range(2):
        create_run(None, "mnist", "fast")
    (here / "runs" / "mnist-fast-1").rmdir()
    assert create_run(None, "mnist", "fast").name == "mnist-fast-3"


def test_two_runs_that_begin_together_get_two_folders(here):
    names = []
    threads = [
        threading.Thread(target=lambda: names.append(create_run(None, "a", "b").name))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names) == [f"a-b-{number}" for number in range(1, 9)]


@pytest.mark.parametrize("name", ["../../etc", "openml:mnist_784", "a/b\\c", "häuser 2", "..", ""])
def test_any_name_of_data_makes_a_folder_below_runs(name, here):
    folder = create_run(None, name, "fast").folder
    assert folder.resolve().parent == here / "runs"


def test_a_folder_can_be_named(here):
    run = create_run(here / "deep" / "mine", "mnist", "fast")
    assert run.folder == here / "deep" / "mine" and run.folder.is_dir()
    assert not (here / "runs").exists()


def test_a_folder_that_holds_something_is_refused(here):
    make_run(here / "mine")
    with pytest.raises(RunError, match=r"is not empty, and nothing is overwritten.*--resume"):
        create_run(here / "mine", "mnist", "fast")


def test_a_folder_that_cannot_be_made_is_refused(here):
    (here / "file").write_text("")
    for out in (here / "file", here / "file" / "mine"):
        with pytest.raises(RunError, match="cannot be made"):
            create_run(out, "mnist", "fast")


def test_a_run_is_what_has_a_recipe(here):
    make_run(here / "runs" / "mnist-fast-1")
    assert open_run(here / "runs" / "mnist-fast-1").recipe.epochs == 3
    assert open_run("runs/mnist-fast-1").name == "mnist-fast-1"
    with pytest.raises(RunError, match=r"runs is no run: it has no recipe\.toml"):
        open_run("runs")


def test_a_run_that_is_not_there_is_refused_with_the_nearest_name(here):
    make_run(here / "runs" / "mnist-fast-1")
    with pytest.raises(RunError, match="Did you mean 'runs/mnist-fast-1'"):
        open_run("runs/mnist-fats-1")
    with pytest.raises(RunError, match="is no run"):
        open_run("nowhere/at/all")


def test_runs_are_listed_by_when_they_began(here):
    for name, began in (("b", 100), ("a", 300), ("c", 200)):
        make_run(here / "runs" / name, began=began)
    (here / "runs" / "b" / "report.html").write_text("later")  # a report makes no run younger
    (here / "runs" / "empty").mkdir()
    LEDGER.write_text("")
    assert [run.name for run in list_runs()] == ["b", "c", "a"]
    assert list_runs(here / "nowhere") == ()


def test_a_run_that_was_stopped_says_how_to_go_on(here):
    run = make_run(here / "mine")
    assert not run.is_finished and run.history == () and run.evaluation is None
    with pytest.raises(RunError, match=r"has no model\.onnx yet.*loupe train --resume"):
        _ = run.classifier


def test_files_of_a_run_are_read_when_they_are_asked_for(here):
    run = make_run(here / "mine")
    (run.folder / "evaluation.json").write_text(json.dumps({"n": 3}))
    (run.folder / "environment.json").write_text(json.dumps({"threads": 1}))
    assert run.evaluation == {"n": 3} and run.environment == {"threads": 1}
    assert run.recipe_dict()["epochs"] == 3


@pytest.mark.parametrize("content", [None, "", "{", "\xff", "{}", "[]", "3"])
def test_a_file_of_a_run_that_cannot_be_read_is_named(content, here):
    run = make_run(here / "mine")
    if content is not None:
        (run.folder / "environment.json").write_text(content, encoding="latin-1")
    with pytest.raises(RunError, match=r"environment\.json cannot be read"):
        _ = run.environment


def test_the_log_keeps_lines_with_their_times(here):
    run = make_run(here / "mine")
    run.log("first")
    run.log("zweite Größe")
    lines = (run.folder / "log.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == ["first", "zweite Größe"]
    assert all(line[:10].count("-") == 2 and "+00:00 " in line for line in lines)


def test_a_run_is_frozen(here):
    with pytest.raises(FrozenInstanceError):
        make_run(here / "mine").folder = here


def test_a_run_that_has_just_begun_shows_itself_in_a_notebook(tmp_path):
    page = make_run(tmp_path / "<script>alert(1)")._repr_html_()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<td>mine</td>" in page
    assert "not finished" in page


def test_a_finished_run_shows_data_last_epoch_evaluation_and_report(tmp_path):
    run = make_run(tmp_path / "run")
    epoch = Epoch(1, 1.0, 1e-3, 0.5, 0.9, 0.9, 0.9, val_loss=0.4, val_accuracy=0.875)
    write_history(run.folder / "history.csv", (epoch,))
    accuracy = {"value": 0.9, "low": 0.8, "high": 0.95}
    contents = {
        "environment.json": {"data": {"name": "<b>digits"}},
        "evaluation.json": {"split": "test", "n": 1_000, "metrics": {"accuracy": accuracy}},
    }
    for name, content in contents.items():
        (run.folder / name).write_text(json.dumps(content))
    for name in ("report.html", "model.onnx"):
        (run.folder / name).touch()
    page = run._repr_html_()
    assert "<td>&lt;b&gt;digits</td>" in page
    assert "1: training accuracy 90.00 %, validation 87.50 %" in page
    assert "90.00 % of 1,000 images (95 % interval 80.00 % to 95.00 %)" in page
    assert "report.html</td>" in page
    assert "not finished" not in page
    assert len(page) < 2_000


def test_the_folder_of_runs_may_be_given_as_text(here):
    make_run(here / "mine" / "a")
    assert [run.name for run in list_runs("mine")] == ["a"]
