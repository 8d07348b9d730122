"""The sections on calibration, on what is left to a person, and on prediction sets."""

from dataclasses import replace

import pytest
from page_structure import words_of
from simulated import MakeRun, simulate

from loupe.examination.certainty import find_thresholds, measure_certainty
from loupe.examination.evaluation import Evaluation
from loupe.reporting.sections_certainty import calibration, certainty


def sure(
    evaluation: Evaluation, held_out: Evaluation, *, wanted: float = 0.9, grouped: bool = False
) -> Evaluation:
    """The evaluation with the certainty that thresholds of other images give it."""
    thresholds = find_thresholds(held_out.labels, held_out.probabilities, 0.5, grouped=grouped)
    found = measure_certainty(
        thresholds, evaluation.dataset, evaluation.probabilities, evaluation.split, [wanted]
    )
    return replace(evaluation, certainty=found)


def test_what_is_promised_is_in_the_headline(make_run: MakeRun) -> None:
    evaluation = sure(simulate(num_images=900), simulate(num_images=900, wrong=0.02, seed=1))
    section = certainty(make_run(evaluation), evaluation)
    assert section.headline.startswith("With ")
    assert "90\N{NARROW NO-BREAK SPACE}% right is promised" in section.headline
    (row,) = evaluation.certainty.abstention
    assert f"{row.answered} of 900" in words_of(section.html)
    for sets in evaluation.certainty.sets:
        assert f"{sets.mean_size:.2f}" in words_of(section.html)


def test_what_cannot_be_promised_is_said_with_the_reason(make_run: MakeRun) -> None:
    few = sure(simulate(wrong=0.0), simulate(num_images=100, wrong=0.0, seed=1), wanted=0.999)
    words = words_of(certainty(make_run(few), few).html)
    assert "takes at least 2,995 validation images without a mistake, and there are 100" in words
    many = sure(simulate(), simulate(num_images=3000, wrong=0.3, seed=1), wanted=0.999)
    assert "too many for it" in words_of(certainty(make_run(many), many).html)


def test_grouped_validation_images_are_mentioned(make_run: MakeRun) -> None:
    for grouped in (False, True):
        evaluation = sure(simulate(), simulate(seed=1), grouped=grouped)
        words = words_of(certainty(make_run(evaluation), evaluation).html)
        assert ("come in groups" in words) == grouped


@pytest.mark.parametrize("split", ["validation", "test"])
def test_the_page_says_which_images_were_measured(split: str, make_run: MakeRun) -> None:
    evaluation = simulate(split=split)
    evaluation = sure(evaluation, evaluation)
    words = words_of(certainty(make_run(evaluation), evaluation).html)
    assert f"on these {split} images" in words
    assert ("threshold of the other half" in words) == (split == "validation")
    said = words_of(calibration(make_run(evaluation), evaluation).html)
    assert ("They are the images that it was fitted on" in said) == (split == "validation")


def test_calibration_is_drawn_before_and_after_the_temperature(make_run: MakeRun) -> None:
    evaluation = sure(simulate(), simulate(seed=1))
    html = calibration(make_run(evaluation), evaluation).html
    assert html.count('<svg class="reliability"') == 2
    found = evaluation.certainty.calibration
    assert f"{100 * found.before:.2f}" in words_of(html)
    assert f"{100 * found.after:.2f}" in words_of(html)


def test_promises_that_harder_images_break_are_named(make_run: MakeRun) -> None:
    easy, hard = simulate(num_images=900, wrong=0.02, seed=1), simulate(num_images=900, wrong=0.3)
    for measured, is_broken in ((hard, True), (simulate(num_images=900, wrong=0.02), False)):
        evaluation = sure(measured, easy)
        words = words_of(certainty(make_run(evaluation), evaluation).html)
        assert ("The promise of 90" in words) == is_broken
        assert ("cover less than that here" in words) == is_broken
