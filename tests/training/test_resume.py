import contextlib
import resource
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny

from loupe.data.read import read
from loupe.errors import RunError, TrainingError
from loupe.recipes.named import KINDS
from loupe.recipes.recipe import changed
from loupe.runs.lock import sole_writer
from loupe.runs.run import open_run
from loupe.training import train as training
from loupe.training.train import resume, train


@pytest.fixture
def stopped(tiny_dataset, tmp_path):
    """Train until a step and stop without ceremony; give the folder."""

    def stop(recipe=None, *, step=8, member=0, dataset=tiny_dataset):
        recipe = recipe or tiny.recipe_of()
        watch = tiny.kill_at(step, member)
        with pytest.raises(tiny.Killed):
            train(dataset, recipe, out=tmp_path / "run", watch=watch, checkpoint_seconds=0.0)
        return tmp_path / "run"

    return stop


@pytest.fixture(scope="module")
def whole(tiny_dataset, tmp_path_factory):
    """The small recipe, undisturbed."""
    return train(tiny_dataset, tiny.recipe_of(), out=tmp_path_factory.mktemp("whole"))


# Step 1 comes before the first checkpoint, 6 ends an epoch, 18 ends the training.
@pytest.mark.parametrize("step", [1, 2, 6, 8, 18])
def test_a_stopped_run_goes_on_to_the_same_weights_and_figures(stopped, step, whole, tiny_dataset):
    folder = stopped(step=step)
    assert not open_run(folder).is_finished
    run = resume(folder, tiny_dataset)
    assert run.is_finished
    assert tiny.weights(run) == tiny.weights(whole)
    assert tiny.learnt(run) == tiny.learnt(whole)
    assert run.card.evaluation == whole.card.evaluation


@pytest.mark.parametrize(
    ("optimizer", "network"),
    [("muon", "8C3b-6C3p2b"), ("adamw", "8C3-R(8C3b-12C3/2b)-GAP"), ("sgd", "16Nb-DO.2")],
)
def test_a_stopped_run_of_any_network_and_optimizer_goes_on_to_the_same_weights(
    stopped, optimizer, network, tiny_dataset, tmp_path
):
    recipe = tiny.recipe_of(
        optimizer=optimizer, network=network, epochs=2, ema=0.9, keep="best", focus=0.5
    )
    expected = train(tiny_dataset, recipe, out=tmp_path / "whole")
    assert tiny.weights(resume(stopped(recipe), tiny_dataset)) == tiny.weights(expected)


def test_a_committee_goes_on_with_the_member_it_was_at(stopped, tiny_dataset, tmp_path):
    recipe = tiny.recipe_of(members=3, epochs=2)
    expected = train(tiny_dataset, recipe, out=tmp_path / "whole")
    folder = stopped(recipe, step=3, member=1)
    seen = []
    run = resume(folder, tiny_dataset, watch=seen.append)
    assert (seen[0].member, seen[0].step) == (1, 3)  # what was not saved is done again
    assert tiny.weights(run) == tiny.weights(expected)


def test_a_run_with_early_stopping_goes_on_to_the_same_best_epoch(stopped, tiny_dataset, tmp_path):
    recipe = tiny.recipe_of(epochs=20, patience=2, keep="best", learning_rate=0.005)
    expected = train(tiny_dataset, recipe, out=tmp_path / "whole")
    run = resume(stopped(recipe, step=14), tiny_dataset)
    assert run.environment["best_epochs"] == expected.environment["best_epochs"]
    assert tiny.weights(run) == tiny.weights(expected)


def test_data_that_was_read_is_read_again_from_where_it_came(tiny_dataset, tmp_path, monkeypatch):
    train_split, test = tiny_dataset.train, tiny_dataset.test
    np.savez(
        tmp_path / "tiny.npz",
        x_train=train_split.images, y_train=train_split.labels,
        x_test=test.images, y_test=test.labels,
    )  # fmt: skip
    dataset = read(tmp_path / "tiny.npz", bad_files="skip")
    with pytest.raises(tiny.Killed):
        train(
            dataset, tiny.recipe_of(), out=tmp_path / "run", watch=tiny.kill_at(8),
            checkpoint_seconds=0.0,
        )  # fmt: skip
    data = open_run(tmp_path / "run").environment["data"]
    assert data["read_options"] == {"bad_files": "skip"} and Path(data["origin"]).is_absolute()
    monkeypatch.chdir("/")
    assert resume(tmp_path / "run").is_finished


def test_a_run_ended_by_ctrl_c_goes_on_to_the_weights_of_an_undisturbed_one(
    whole, tiny_dataset, tmp_path
):
    def press_at_8(progress):
        if progress.step == 8:
            signal.raise_signal(signal.SIGINT)

    stopped = train(tiny_dataset, tiny.recipe_of(), out=tmp_path / "run", watch=press_at_8)
    assert stopped.is_finished and stopped.environment["interrupted"]
    assert len(stopped.history) == 2  # an epoch, and the part of one
    run = resume(tmp_path / "run", tiny_dataset)
    assert not run.environment["interrupted"]
    assert len(run.history) == 3 and tiny.weights(run) == tiny.weights(whole)


def test_what_was_said_of_the_model_that_was_cut_short_goes_with_it(
    tiny_dataset, tmp_path, monkeypatch
):
    def press_at_8(progress):
        if progress.step == 8:
            signal.raise_signal(signal.SIGINT)

    run = train(tiny_dataset, tiny.recipe_of(), out=tmp_path / "run", watch=press_at_8)
    for name in ("evaluation.json", "predictions.csv", "report.html"):
        (run.folder / name).write_text("{}")
    # Killed when the new figures are written and the new model is not.
    monkeypatch.setattr(training, "write_bytes", dying_at_the_model(training.write_bytes))
    with pytest.raises(tiny.Killed):
        resume(run.folder, tiny_dataset)
    assert not run.is_finished and run.evaluation is None
    assert not list(run.folder.glob("report*")) and not list(run.folder.glob("predictions*"))
    monkeypatch.undo()
    assert resume(run.folder, tiny_dataset).is_finished


def dying_at_the_model(write_bytes):
    def write(path, content):
        if path.name == "model.onnx":
            raise tiny.Killed
        write_bytes(path, content)

    return write


def test_two_processes_do_not_write_to_one_run(whole):
    refused = pytest.raises(RunError, match="Another process is training in")
    with sole_writer(whole), refused, sole_writer(whole):
        raise AssertionError("held twice")


def test_what_kind_the_data_is_of_is_decided_once(stopped, tiny_dataset, tmp_path, monkeypatch):
    # 240 training images before validation is held out, 220 after.
    monkeypatch.setitem(KINDS, "few", lambda dataset: len(dataset.train) < 230)
    recipe = tiny.recipe_of(variants={"few": {"validation": 0.4, "epochs": 2}})
    expected = train(tiny_dataset, recipe, out=tmp_path / "whole")
    assert (expected.recipe.epochs, expected.card.evaluation["n"]) == (3, 20)
    assert tiny.weights(resume(stopped(recipe), tiny_dataset)) == tiny.weights(expected)


# ----------------------------------------------------------------------------- what is refused


def test_a_finished_run_is_not_resumed(whole, tiny_dataset):
    before = {path: path.stat().st_mtime_ns for path in whole.folder.rglob("*")}
    with pytest.raises(RunError, match="has finished: there is nothing to resume"):
        resume(whole.folder, tiny_dataset)
    assert {path: path.stat().st_mtime_ns for path in whole.folder.rglob("*")} == before


def test_a_folder_that_is_no_run_is_refused_with_the_nearest_name(whole, tiny_dataset, tmp_path):
    with pytest.raises(RunError, match=r"is no run: it has no recipe\.toml"):
        resume(tmp_path, tiny_dataset)
    near = whole.folder.with_name(whole.folder.name + "x")
    with pytest.raises(RunError, match=f"Did you mean '.*{whole.folder.name}'"):
        resume(near, tiny_dataset)


@pytest.mark.parametrize("change", ["pixel", "label", "split", "class"])
def test_data_that_has_changed_is_refused(stopped, tiny_dataset, change):
    images, labels = tiny_dataset.images.copy(), tiny_dataset.labels.copy()
    split, names = tiny_dataset.split.copy(), tiny_dataset.class_names
    if change == "pixel":
        images[0, 0, 0, 0] ^= 1
    elif change == "label":
        labels[0] = 1
    elif change == "split":
        split[0] = split[-1]
    else:
        names = ("column", "row", "spot")
    other = replace(tiny_dataset, images=images, labels=labels, split=split, class_names=names)
    folder = stopped()
    with pytest.raises(RunError, match=r"images or labels have changed\. Bring the old data back"):
        resume(folder, other)
    assert resume(folder, tiny_dataset).is_finished


def test_arrays_in_memory_must_be_given_again(stopped):
    with pytest.raises(RunError, match=r"trained on arrays in memory.*loupe\.resume\(folder, data"):
        resume(stopped())


def test_a_damaged_checkpoint_is_refused_and_can_be_removed(stopped, tiny_dataset, whole):
    folder = stopped()
    checkpoint = folder / "checkpoint" / "member_0.safetensors"
    content = checkpoint.read_bytes()
    for damaged in (b"", content[:100], content[:-1], b"x" * 100):
        checkpoint.write_bytes(damaged)
        with pytest.raises(RunError, match=r"is damaged.*Remove it and resume"):
            resume(folder, tiny_dataset)
    checkpoint.unlink()
    assert tiny.weights(resume(folder, tiny_dataset)) == tiny.weights(whole)


# -------------------------------------------------------------------------------- a full disk


@contextlib.contextmanager
def no_file_larger_than(size):
    """Let every write beyond the size fail, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# What the disk still takes: no recipe, no checkpoint, no model.
@pytest.mark.parametrize(("size", "written", "way_on"), [
    (100, set(), "remove .*run and begin again: nothing was trained yet"),
    (6_000, {"recipe.toml", "environment.json", "log.txt", "checkpoint"}, "go on with: .*--resume"),
    (12_000, {
        "recipe.toml", "environment.json", "log.txt", "checkpoint", "history.csv",
        "weights.safetensors",
    }, "go on with: .*--resume"),
])  # fmt: skip
def test_a_full_disk_is_named_and_the_run_goes_on_when_there_is_room(
    size, written, way_on, tiny_dataset, tmp_path
):
    recipe = tiny.recipe_of(network="", optimizer="sgd", epochs=2)
    message = rf"cannot be written: .*too large.*Make room on the disk, then {way_on}"
    with no_file_larger_than(size), pytest.raises(TrainingError, match=message):
        train(tiny_dataset, recipe, out=tmp_path / "run", checkpoint_seconds=0.0)
    assert {path.name for path in (tmp_path / "run").iterdir()} == written
    if written:
        run = resume(tmp_path / "run", tiny_dataset)
        whole = train(tiny_dataset, recipe, out=tmp_path / "whole")
        assert tiny.weights(run) == tiny.weights(whole)


def test_a_disk_that_fills_up_leaves_the_checkpoint_before(tiny_dataset, tmp_path, whole):
    folder = tmp_path / "run"
    limit = contextlib.ExitStack()

    def fill_up(progress):
        if progress.step == 8:
            limit.enter_context(no_file_larger_than(1_000))

    with limit, pytest.raises(TrainingError, match="Make room on the disk"):
        train(tiny_dataset, tiny.recipe_of(), out=folder, watch=fill_up, checkpoint_seconds=0.0)
    seen = []
    run = resume(folder, tiny_dataset, watch=seen.append)
    assert seen[0].step == 8
    assert tiny.weights(run) == tiny.weights(whole)


def test_a_recipe_of_another_length_starts_another_run(stopped, tiny_dataset):
    folder = stopped()
    with pytest.raises(RunError, match="is not empty, and nothing is overwritten"):
        train(tiny_dataset, changed(tiny.recipe_of(), {"epochs": 9}), out=folder)
