import os
import signal
import threading

import numpy as np
import pytest
import tiny

from loupe.classifier.classifier import load
from loupe.runs.run import open_run
from loupe.training.interruption import stop_on_interrupt
from loupe.training.train import resume, train


@pytest.fixture(autouse=True)
def ctrl_c_is_pythons():
    """As in a terminal: a shell that starts tests in the background has Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press_ctrl_c(step, member=0, times=1):
    """A watch that presses Ctrl-C after a step."""

    def watch(progress):
        if (progress.member, progress.step) == (member, step):
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)

    return watch


@pytest.mark.parametrize("step", [1, 8, 12])
def test_ctrl_c_ends_a_run_with_the_network_it_has(step, tiny_dataset, tmp_path):
    run = train(tiny_dataset, tiny.recipe_of(), out=tmp_path / "run", watch=press_ctrl_c(step))
    assert run.environment["interrupted"] is True
    assert len(run.history) == -(-(step + 1) // 6)  # the last epoch may be cut short
    classifier = load(run.folder)
    assert classifier.predict(tiny_dataset.images).shape == (300, 3)
    assert open_run(run.folder).is_finished


def test_an_interrupted_committee_keeps_its_complete_members(tiny_dataset, tmp_path):
    recipe = tiny.recipe_of(members=3, epochs=2)
    alone = train(tiny_dataset, tiny.recipe_of(epochs=2), out=tmp_path / "alone")
    run = train(tiny_dataset, recipe, out=tmp_path / "run", watch=press_ctrl_c(5, member=1))
    assert run.environment["interrupted"] is True
    assert tiny.weights(run) == tiny.weights(alone)


def test_a_second_ctrl_c_ends_at_once_and_the_run_can_go_on(tiny_dataset, tmp_path):
    whole = train(tiny_dataset, tiny.recipe_of(), out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(
            tiny_dataset, tiny.recipe_of(), out=tmp_path / "run",
            watch=press_ctrl_c(8, times=2), checkpoint_seconds=0.0,
        )  # fmt: skip
    assert not open_run(tmp_path / "run").is_finished
    run = resume(tmp_path / "run", tiny_dataset)
    assert tiny.weights(run) == tiny.weights(whole)
    assert run.environment["interrupted"] is False


def test_ctrl_c_is_pythons_again_after_the_run(tiny_dataset, tmp_path):
    before = signal.getsignal(signal.SIGINT)
    train(tiny_dataset, tiny.recipe_of(epochs=1), out=tmp_path / "run", watch=press_ctrl_c(2))
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_a_run_in_another_thread_leaves_ctrl_c_alone(tiny_dataset, tmp_path):
    answers = []

    def work():
        with stop_on_interrupt() as stop:
            answers.append(stop())
        run = train(tiny_dataset, tiny.recipe_of(epochs=1), out=tmp_path / "run")
        answers.append(run.is_finished)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert answers == [False, True]


def test_nothing_is_pressed_until_it_is():
    with stop_on_interrupt() as stop:
        assert not stop()
        os.kill(os.getpid(), signal.SIGINT)
        assert stop()


def test_an_interrupted_history_has_its_figures(tiny_dataset, tmp_path):
    run = train(tiny_dataset, tiny.recipe_of(), out=tmp_path / "run", watch=press_ctrl_c(7))
    last = run.history[-1]
    assert last.epoch == 2 and np.isfinite([last.loss, last.accuracy, last.val_accuracy]).all()
