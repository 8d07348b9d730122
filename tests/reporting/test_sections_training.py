"""The section on training: the verdict on the curves, and what they measure."""

import json

import pytest
from page_structure import words_of
from simulated import MakeRun, course, simulate

from loupe.reporting.sections_training import training


def test_of_networks_that_were_trained_anew_accuracies_are_not_compared(make_run: MakeRun) -> None:
    evaluation = simulate()
    run = make_run(evaluation)
    assert "training accuracy" in words_of(training(run, evaluation).html)
    path = run.folder / "environment.json"
    path.write_text(json.dumps(run.environment | {"continued": {"classes": ["1"]}}))
    words = words_of(training(run, evaluation).html)
    assert "training accuracy" not in words
    assert "Training accuracy is that of the networks of 1 on their own question" in words


@pytest.mark.parametrize("balance", ["none", "under-sample"])
def test_balanced_training_is_named_where_validation_loss_rises(
    balance: str, make_run: MakeRun
) -> None:
    evaluation = simulate()
    section = training(make_run(evaluation, course(30), balance=balance), evaluation)
    assert section.headline.startswith("It over-fits")
    said = "Training made up for rare classes (under-sample), validation images are as they are"
    assert (said in words_of(section.html)) == (balance != "none")


def test_training_that_patience_ended_is_said_to_have_ended_early(make_run: MakeRun) -> None:
    evaluation = simulate()
    run = make_run(evaluation, course(13), epochs=60, patience=3)
    for best, is_said in ((10, True), (12, False)):
        path = run.folder / "environment.json"
        path.write_text(json.dumps(run.environment | {"best_epochs": [best]}))
        words = words_of(training(run, evaluation).html)
        assert ("It was stopped after 13 of 60 epochs: the last 3 brought no" in words) == is_said
        assert ("The model has the weights of epoch 10." in words) == is_said


def test_the_verdict_on_the_curves_is_told_in_words(make_run: MakeRun) -> None:
    evaluation = simulate()
    section = training(make_run(evaluation, course(30)), evaluation)
    assert section.headline.startswith("It over-fits from epoch")
    assert "best epoch" in section.html
    assert 'class="shade"' in section.html


@pytest.mark.parametrize("num_epochs", [1, 2, 7])
def test_without_validation_there_is_one_line_in_each_chart(
    num_epochs: int, make_run: MakeRun
) -> None:
    evaluation = simulate()
    section = training(make_run(evaluation, course(num_epochs, validated=False)), evaluation)
    assert section.html.count('class="line train"') == 2
    assert "line validation" not in section.html
    assert "best epoch" not in section.html


def test_a_run_without_a_history_says_so(make_run: MakeRun) -> None:
    evaluation = simulate()
    assert "no history" in training(make_run(evaluation, ()), evaluation).html
