"""Searches: they find, go on, take failures in their stride, and keep images from themselves."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import loupe
from loupe.data.dataset import TEST, Dataset
from loupe.errors import DataError, RecipeError, RunError, TrainingError
from loupe.reporting.tune_page import write_tune_page
from loupe.runs.run import open_run
from loupe.studies import confirming
from loupe.studies.attempt import Cut, Watcher, attempt
from loupe.studies.confirming import Plan, plan
from loupe.studies.division import divide
from loupe.studies.domain import Choice
from loupe.studies.journal import JOURNAL_FILE, Journal
from loupe.studies.search import Search, sentences
from loupe.studies.space import Space, space_of
from loupe.studies.trials import Trial, best_of, ranked
from loupe.studies.tuning import tune
from loupe.training.job import Progress

VALUES = {
    "name": "quick",
    "base": "logistic",
    "fixed": {"batch_size": 32, "epochs": 4},
    "vary": {
        "learning_rate": {"low": 1e-5, "high": 0.1, "log": True},
        "network": ["{n}N", "4C3{pools}"],
    },
    "parts": {"n": [8, 16], "pools": ["-MP2", "-MP2-MP2-MP2-MP2"]},
}


@pytest.fixture(scope="module")
def space() -> Space:
    return space_of(VALUES)


@pytest.fixture(scope="module")
def ended() -> list[Trial]:
    return []


@pytest.fixture(scope="module")
def search(space, ended, tiny_dataset, tmp_path_factory) -> Search:
    """A search of fourteen trials on the tiny images."""
    out = tmp_path_factory.mktemp("tuning") / "study"
    return tune(tiny_dataset, space, trials=14, out=out, watch=ended.append)


def test_a_search_finds_the_best_of_its_trials(search, ended):
    assert [trial.number for trial in search.trials] == list(range(14))
    assert len(ended) == 14
    finished = [trial for trial in search.trials if trial.is_finished]
    third = sorted(trial.accuracy for trial in finished)[-3]
    assert search.best.accuracy >= third
    assert search.best.accuracy > 0.8
    assert search.best.chosen["learning_rate"] > 0.001
    assert {"finished", "halted", "does not fit"} <= {trial.outcome for trial in search.trials}


def test_what_it_leaves_behind_can_be_used(search, tiny_dataset, tmp_path):
    recipe = loupe.recipe(search.folder / "best.toml")
    assert recipe.name == "tiny-tuned"
    assert recipe.learning_rate == search.best.chosen["learning_rate"]
    assert recipe.validation == loupe.recipe("logistic").validation
    run = loupe.train(tiny_dataset, recipe, out=tmp_path / "run")
    assert run.is_finished
    result = json.loads((search.folder / "result.json").read_text())
    assert result["best"] == search.best.number
    assert len(result["trials"]) == 14


@pytest.fixture
def briefly(monkeypatch):
    """What is trained once the trials have ended, once: it is the same each time."""
    monkeypatch.setattr(confirming, "MOST_PAIRS", 1)
    monkeypatch.setattr("loupe.studies.tuning.FINALISTS", 1)


@pytest.mark.usefixtures("briefly")
def test_test_images_are_never_seen(tiny_dataset, space, tmp_path):
    blind = tiny_dataset.images.copy()
    blind[tiny_dataset.split == TEST] = 0
    labels = np.where(tiny_dataset.split == TEST, 0, tiny_dataset.labels)
    searches = [
        tune(dataset, space, trials=1, out=tmp_path / name)
        for name, dataset in (
            ("seeing", tiny_dataset),
            ("blind", replace(tiny_dataset, images=blind, labels=labels)),
        )
    ]
    first, second = ([replace(t, seconds=0.0) for t in s.trials] for s in searches)
    assert first == second
    assert not (tmp_path / "runs").exists()


def test_the_images_are_divided_once_for_all(tiny_dataset):
    divided = divide(tiny_dataset)
    assert len(divided) == 240  # without the 60 test images
    assert [len(s) for s in (divided.train, divided.validation, divided.test)] == [144, 48, 48]
    again = divide(tiny_dataset)
    assert np.array_equal(divided.split, again.split)


def test_kept_images_tell_how_optimistic_the_best_figure_is(search):
    assert search.best_kept.n == 48
    assert search.best_kept.low <= search.best_kept.accuracy <= search.best_kept.high
    assert search.optimism == search.best.accuracy - search.best_kept.accuracy
    assert search.difference.n == 48
    first, second = search.confirmed
    assert search.difference.value == pytest.approx(second.accuracy - first.accuracy)
    assert "kept from the search" in " ".join(sentences(search))


def test_the_best_are_trained_again_and_the_best_of_these_is_taken(search):
    best = ranked(search.trials)[:3]
    assert [final.number for final in search.finals] == [trial.number for trial in best]
    kept = {final.number: final.accuracy for final in search.finals}
    assert kept[search.best.number] == max(kept.values())
    runs = [open_run(path) for path in sorted(search.folder.glob(f"finals/{best[0].name}-*"))]
    assert len({run.recipe.seed for run in runs} - {0}) == 2
    mean = np.mean([run.card.evaluation["metrics"]["accuracy"]["value"] for run in runs])
    assert kept[best[0].number] == pytest.approx(mean)
    said = " ".join(sentences(search))
    assert "is taken of 14 trials" in said and "trained twice more with other seeds" in said


def test_both_are_trained_several_times_to_be_compared(search, tiny_dataset):
    kept = divide(tiny_dataset).test
    means = []
    for name in ("base", search.best.name):
        runs = [open_run(path) for path in search.folder.glob(f"confirmed/{name}-*")]
        assert len({run.recipe.seed for run in runs}) == len(runs) == search.pairs == 5
        read = [run.classifier.predict(kept.images).argmax(1) == kept.labels for run in runs]
        means.append(np.mean(read))
    assert [each.accuracy for each in search.confirmed] == pytest.approx(means)
    assert "trained 5 times more with other seeds" in " ".join(sentences(search))


@pytest.mark.parametrize(
    ("rivals", "seconds", "finalists", "pairs", "trainings"),
    [
        (3, 1200.0, 3, 5, 6 + 10),
        (3, 400.0, 3, 3, 6 + 6),
        (3, 200.0, 0, 3, 6),  # no time for finals
        (0, 1200.0, 0, 5, 10),
        (1, 1200.0, 0, 5, 10),  # it has no rival
    ],
)
def test_what_there_is_time_for_is_planned(rivals, seconds, finalists, pairs, trainings):
    base, best = Trial(-1, seconds=10.0), [Trial(n, seconds=10.0) for n in range(rivals)]
    planned = plan(base, best, seconds)
    assert (planned.finalists, planned.pairs) == (finalists, pairs)
    assert planned.seconds == pytest.approx(1.3 * 10 * trainings)


def test_what_a_small_training_takes_beside_its_steps_is_planned_for():
    base, best = Trial(-1, seconds=0.01), [Trial(n, seconds=0.01) for n in range(3)]
    planned = plan(base, best, 60.0, beside=0.49)
    assert (planned.finalists, planned.pairs) == (3, 5)
    assert planned.seconds == pytest.approx(1.3 * 0.5 * 16)


def test_half_of_a_short_search_is_left_to_its_trials():
    ten = [Trial(number, seconds=10.0) for number in range(3)]
    assert plan(ten[0], ten, 30.0) == Plan(0, 1, 15.0)


def test_importance_falls_on_what_matters(space, tmp_path):
    journal = Journal(tmp_path, space)
    for _ in range(25):
        opened = journal.begin()
        accuracy = 0.5 - abs(float(np.log10(opened.trial.chosen["learning_rate"])) + 3) / 10
        opened.end(replace(opened.trial, outcome="finished", accuracy=accuracy))
    shares = journal.importance()
    assert sum(shares.values()) == pytest.approx(1)
    assert max(shares, key=shares.get) == "learning_rate"
    assert Journal(new_folder(tmp_path), space).importance() == {}


def new_folder(parent: Path) -> Path:
    folder = parent / "new"
    folder.mkdir()
    return folder


def test_models_of_beaten_trials_are_not_kept(search):
    models = [path.parent.name for path in search.folder.glob("trials/*/model.onnx")]
    assert models == [best_of(search.trials).name]


@pytest.mark.usefixtures("briefly")
def test_started_again_it_goes_on(search, space, tiny_dataset, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(search.folder, folder)
    more = tune(tiny_dataset, space, trials=1, out=folder)
    assert more.trials[:14] == search.trials
    assert len(more.trials) == 15
    assert more.base == search.base


def test_a_trial_whose_process_was_killed_is_tried_once_more(search, space, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(search.folder, folder)
    journal = Journal(folder, space)
    killed = journal.begin()
    killed.close()  # what the system does when a process ends, however it ends
    again = Journal(folder, space).begin()
    assert again.trial.chosen == killed.trial.chosen
    assert again.trial.number == killed.trial.number + 1
    again.close()
    third = Journal(folder, space)
    assert [trial.outcome for trial in third.trials()[-2:]] == ["killed", "killed"]
    assert third.begin().trial.chosen != killed.trial.chosen


def test_a_trial_of_another_process_is_left_alone(search, space, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(search.folder, folder)
    begun = Journal(folder, space).begin()
    assert Journal(folder, space).trials()[begun.trial.number].outcome == "running"


def test_half_a_line_in_the_journal_is_taken_away(search, space, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(search.folder, folder)
    with (folder / JOURNAL_FILE).open("a") as file:
        file.write('{"op_code":5,"worker_')
    begun = Journal(folder, space).begin()
    assert begun.trial.number == 14
    assert len(Journal(folder, space).trials()) == 15


def test_a_study_of_other_data_or_another_space_is_refused(search, space, tiny_dataset):
    other = replace(tiny_dataset, labels=tiny_dataset.labels[::-1].copy())
    with pytest.raises(RunError, match="other images or labels"):
        tune(other, space, out=search.folder)
    with pytest.raises(RunError, match="another space"):
        tune(tiny_dataset, replace(space, fixed={"epochs": 5}), out=search.folder)
    with pytest.raises(RunError, match="without --no-slower"):
        tune(tiny_dataset, space, out=search.folder, no_slower=True)


def test_a_folder_that_holds_something_else_is_refused(space, tiny_dataset, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="nothing is overwritten"):
        tune(tiny_dataset, space, out=tmp_path)
    with pytest.raises(RecipeError, match="above 0"):
        tune(tiny_dataset, space, minutes=0.0, out=tmp_path / "study")
    with pytest.raises(DataError, match="12 images"):
        tune(tiny_dataset.select(np.arange(12)), space, out=tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_a_clock_that_has_run_out_ends_the_search_and_keeps_it(
    search, space, tiny_dataset, tmp_path
):
    folder = tmp_path / "study"
    shutil.copytree(search.folder, folder)
    shutil.rmtree(folder / "confirmed")
    shutil.rmtree(folder / "finals")
    ended = tune(tiny_dataset, space, minutes=1e-9, out=folder)
    assert ended.trials[-1].outcome in ("out of time", "does not fit")
    assert ended.best == best_of(search.trials)
    assert ended.difference is None
    assert "was not measured" in " ".join(sentences(ended))


def test_the_recipe_to_use_is_the_base_where_it_is_not_really_beaten(search):
    base = loupe.recipe(search.folder / "base.toml")
    assert (base.name, base.network) == ("logistic", "")
    won = replace(search.difference, value=0.2, low=0.1, high=0.3, p=0.001)
    lost = replace(search.difference, value=-0.2, low=-0.3, high=-0.1, p=0.001)
    open_ = replace(search.difference, value=0.1, low=-0.1, high=0.3, p=0.4)
    files = [replace(search, difference=each).recipe_file.name for each in (won, lost, open_, None)]
    assert files == ["best.toml", "base.toml", "base.toml", "best.toml"]


def test_trials_that_wait_for_their_turn_have_not_begun(space, tmp_path):
    journal = Journal(tmp_path, space)
    journal.begin_with([{"learning_rate": 0.01}, {"learning_rate": 0.02}])
    assert journal.trials() == ()


def test_a_long_training_reports_each_stage_once(space, tmp_path, recwarn):
    opened = Journal(tmp_path, space).begin()
    for epoch in range(1, 400):
        opened.is_behind(0.5, epoch / 400)
    opened.close()
    assert not [each for each in recwarn if "already reported" in str(each.message)]


def test_a_study_that_goes_on_without_time_keeps_the_winner_of_its_finals(
    search, space, tiny_dataset, tmp_path
):
    folder = tmp_path / "study"
    shutil.copytree(search.folder, folder)
    ended = tune(tiny_dataset, space, minutes=1e-9, out=folder)
    assert ended.finals == search.finals
    assert ended.best == search.best

    winner = search.best.name
    shutil.rmtree(folder / "finals" / f"{winner}-1")  # as if it had come up since
    ended = tune(tiny_dataset, space, minutes=1e-9, out=folder)
    left = {
        final.number: final.accuracy
        for final in search.finals
        if final.number != search.best.number
    }
    assert {final.number: final.accuracy for final in ended.finals} == left
    assert left[ended.best.number] == max(left.values())
    assert "of those with the best figures" in " ".join(sentences(ended))


def attempted(tiny_dataset: Dataset, folder: Path, **settings) -> Trial:
    recipe = loupe.recipe("logistic", epochs=4, batch_size=32, **settings)
    watcher = settings.pop("watcher", None) or Watcher(1)
    return attempt(Trial(0), recipe, divide(tiny_dataset), folder / "trial", watcher)


def test_a_trial_that_diverges_is_recorded(tiny_dataset, tmp_path):
    trial = attempted(tiny_dataset, tmp_path, optimizer="sgd", learning_rate=1e38, network="8N-8N")
    assert trial.outcome == "diverged"
    assert "no number" in trial.reason


def test_a_trial_without_enough_memory_is_recorded(tiny_dataset, tmp_path):
    trial = attempted(tiny_dataset, tmp_path, network="65536C9-65536C9")  # 1.4 TB
    assert trial.outcome == "out of memory"


def test_what_is_no_fault_of_the_recipe_ends_the_search(tiny_dataset, tmp_path):
    if os.getuid() == 0:
        (tmp_path / "trial").write_text("a file where the folder is to be")
        with pytest.raises(RunError):
            attempted(tiny_dataset, tmp_path)
    with pytest.raises(TrainingError), pytest.MonkeyPatch.context() as patch:
        patch.setattr("loupe.training.train.write_bytes", full_disk)
        attempted(tiny_dataset, tmp_path / "disk")


@pytest.mark.slow
@pytest.mark.usefixtures("briefly")
def test_settings_that_do_not_fit_each_other_are_recorded(tiny_dataset, tmp_path):
    vary = {"members": {"low": 2, "high": 3}, "networks": [["8N", "16N"]]}
    space = space_of({"name": "mine", "base": "logistic", "fixed": {"epochs": 1}, "vary": vary})
    several = replace(space, vary={**space.vary, "networks": Choice(("8N + 16N", "8N + 16N + 4N"))})
    search = tune(tiny_dataset, several, trials=8, minutes=5.0, out=tmp_path / "study")
    wrong = [t for t in search.trials if t.chosen == {"members": 2, "networks": "8N + 16N + 4N"}]
    assert wrong and all(trial.outcome == "does not fit" for trial in wrong)
    assert "3 networks are listed for 2 members" in wrong[0].reason
    assert len(search.trials) == 8


def full_disk(path: Path, content: bytes) -> None:
    raise OSError(28, "No space left on device")


def test_a_trial_that_would_take_too_long_is_cut(tiny_dataset, tmp_path):
    recipe = loupe.recipe("logistic", epochs=50, batch_size=32)
    watcher = Watcher(1, most_seconds=1e-9)
    trial = attempt(Trial(0), recipe, divide(tiny_dataset), tmp_path / "trial", watcher)
    assert trial.outcome == "too slow"
    assert len(trial.curve) == 1


@pytest.mark.parametrize(("milliseconds", "is_cut"), [(20, True), (9, False)])
def test_a_far_too_slow_trial_is_cut_in_its_first_second(monkeypatch, milliseconds, is_cut):
    seconds = itertools.accumulate([3.0] * 10 + [milliseconds / 1000] * 490)  # ten are slow
    clock = SimpleNamespace(monotonic=lambda: next(seconds))
    monkeypatch.setattr("loupe.studies.attempt.time", clock)
    watcher = Watcher(2, most_seconds=20.0)  # 2 networks of 1,000 steps: 10 ms a step
    steps = (Progress(0, step, 1000) for step in range(1, 500))
    if not is_cut:
        for step in steps:
            watcher(step)
        return
    with pytest.raises(Cut, match="too slow"):
        for step in steps:
            watcher(step)
    assert watcher.share == pytest.approx(36 / 2000, abs=2 / 2000)  # half a second in
    assert watcher.seconds == pytest.approx(0.02 * 36, abs=0.05)


@pytest.mark.slow
@pytest.mark.usefixtures("briefly")
def test_a_search_begins_near_its_base_and_goes_on_with_what_helped(tiny_dataset, tmp_path):
    vary = {"epochs": [10, 60], "learning_rate": [0.001, 0.02]}  # the base learns next to nothing
    begun = space_of({"name": "mine", "base": "logistic", "vary": vary})
    search = tune(tiny_dataset, begun, minutes=5.0, trials=3, out=tmp_path / "study")
    longer, faster = ({"epochs": 60, "learning_rate": 0.001}, {"epochs": 10, "learning_rate": 0.02})
    assert [dict(trial.chosen) for trial in search.trials[:2]] == [longer, faster]
    assert all(trial.accuracy > search.base.accuracy for trial in search.trials[:2])
    assert dict(search.trials[2].chosen) == {**longer, **faster, "epochs": 60}


def test_of_equally_good_trials_the_quickest_is_the_best():
    trials = (
        Trial(0, {}, "finished", 0.9, seconds=3.0),
        Trial(1, {}, "finished", 0.9, seconds=2.0),
        Trial(2, {}, "halted", seconds=1.0),
    )
    assert best_of(trials) == trials[1]
    assert best_of(trials[2:]) is None


def test_ctrl_c_keeps_what_there_is(space, tiny_dataset, tmp_path):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def press(trial: Trial) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    try:
        search = tune(tiny_dataset, space, trials=9, out=tmp_path / "study", watch=press)
    finally:
        signal.signal(signal.SIGINT, before)
    assert search.interrupted
    assert len(search.trials) == 1
    assert (search.folder / "result.json").exists()
    assert write_tune_page(search, tmp_path / "page.html").exists()


PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
import loupe
from test_tuning import VALUES
from loupe.studies.space import space_of
values = {{**VALUES, "fixed": {{"batch_size": 4, "epochs": {epochs}}}}}
dataset = loupe.read("digits")
loupe.tune(dataset, space_of(values), trials={trials}, out="study",
           watch=lambda trial: print(trial.number, trial.outcome, flush=True))
"""


def started(folder: Path, trials: int, epochs: int = 2) -> subprocess.Popen[str]:
    program = PROGRAM.format(tests=str(Path(__file__).parent), trials=trials, epochs=epochs)
    return subprocess.Popen(
        [sys.executable, "-c", program], cwd=folder, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_two_processes_work_on_one_study(tmp_path):
    processes = [started(tmp_path, trials=6) for _ in range(2)]
    said = [process.communicate(timeout=300)[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    numbers = [int(line.split()[0]) for lines in said for line in lines]
    assert len(numbers) == len(set(numbers)) == 12
    result = json.loads((tmp_path / "study" / "result.json").read_text())
    chosen = {json.dumps(trial["chosen"]) for trial in result["trials"]}
    assert len(chosen) == 12  # they share no seed: the learning rate is any number


@pytest.mark.slow
def test_a_process_that_saw_fewer_trials_does_not_write_over_the_conclusion_of_another(
    space, tiny_dataset, tmp_path, monkeypatch
):
    search = tune(tiny_dataset, space, trials=3, out=tmp_path / "study")
    files = [search.folder / name for name in ("result.json", "best.toml", "base.toml")]
    written = [path.read_text() for path in files]
    seen = Journal.trials
    monkeypatch.setattr(Journal, "trials", lambda journal: seen(journal)[:2])
    tune(tiny_dataset, space, trials=1, out=tmp_path / "study")
    assert [path.read_text() for path in files] == written
    monkeypatch.undo()
    tune(tiny_dataset, space, trials=1, out=tmp_path / "study")
    assert len(json.loads(files[0].read_text())["trials"]) == 5


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_and_nothing_is_lost(tmp_path, monkeypatch):
    monkeypatch.setattr(confirming, "MOST_PAIRS", 1)
    monkeypatch.setattr("loupe.studies.tuning.FINALISTS", 1)
    study = tmp_path / "study"
    process = started(tmp_path, trials=99, epochs=4)
    ended = [process.stdout.readline().split(maxsplit=1) for _ in range(3)]  # before the kill
    until = time.monotonic() + 240
    while not list(study.glob("trials/trial-000[3-9]/recipe.toml")):
        assert time.monotonic() < until, "no further trial is trained"
        time.sleep(0.01)
    process.kill()
    process.communicate()

    space = space_of({**VALUES, "fixed": {"batch_size": 4, "epochs": 4}})
    before = Journal(study, space).trials()
    assert [[str(trial.number), f"{trial.outcome}\n"] for trial in before[:3]] == ended
    killed = [trial for trial in before if trial.outcome == "killed"]
    assert len(killed) == 1 and before[-1] == killed[0]

    search = tune(loupe.read("digits"), space, trials=2, out=study)
    assert search.trials[: len(before)] == before
    assert len(search.trials) == len(before) + 2
    again = search.trials[len(before)]
    assert again.chosen == killed[0].chosen and again.has_ended
    best = max(trial.accuracy for trial in search.trials if trial.is_finished)
    assert best_of(search.trials).accuracy == best
    result = json.loads((study / "result.json").read_text())
    assert [trial["outcome"] for trial in result["trials"]] == [t.outcome for t in search.trials]
    assert result["best"] == search.best.number
    assert loupe.recipe(study / "best.toml").network == search.best_recipe.network
