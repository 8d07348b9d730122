import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from page_structure import Page, words_of
from simulated import DIGITS, MakeRun, evaluated, simulate

from loupe.data.dataset import Rows
from loupe.data.finding import Finding
from loupe.errors import Fault, RunError
from loupe.examination.mistakes import confused_pairs, mistakes
from loupe.reporting.report import SECTIONS
from loupe.reporting.sections_certainty import calibration
from loupe.reporting.sections_classes import classes
from loupe.reporting.sections_confusion import MOST_CLASSES, confusion
from loupe.reporting.sections_data import data
from loupe.reporting.sections_labels import is_examined, labels
from loupe.reporting.sections_mistakes import gallery, pairs
from loupe.reporting.sections_recipe import command, recipe
from loupe.runs.run import Run

HOSTILE = ("<script>alert(1)</script>", "\"><img src=x onerror='alert(2)'>", "{{ 7 * 7 }}")


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_escapes_a_script_in_a_class_name(name: str, make_run: MakeRun) -> None:
    sources = [f"<script>alert(3)</script>/{i}.png" for i in range(90)]
    evaluation = simulate(HOSTILE, 90, wrong=0.3, sources=sources)
    run = make_run(evaluation)
    change_data(run, origin="<script>alert(4)</script>")
    section = SECTIONS[name](run, evaluation)
    written = section.title + section.html
    assert "<script" not in written
    assert "<img" not in written
    assert "49" not in [part for part in re.findall(r">([^<]*)<", section.html)]


@pytest.mark.parametrize("name", SECTIONS)
@pytest.mark.parametrize("case", ["usual", "no mistakes", "all wrong", "two classes", "colour"])
def test_every_section_copes_with_every_kind_of_evaluation(
    name: str, case: str, make_run: MakeRun
) -> None:
    evaluation = {
        "usual": lambda: simulate(),
        "no mistakes": lambda: simulate(num_images=40, wrong=0.0, seed=3),
        "all wrong": lambda: simulate(num_images=40, wrong=1.0),
        "two classes": lambda: simulate(("no", "yes"), 30),
        "colour": lambda: simulate(shape=(9, 5, 3), num_images=50, split="validation"),
    }[case]()
    section = SECTIONS[name](make_run(evaluation), evaluation)
    assert section.name == name
    assert section.title and section.headline
    assert "nan" not in words_of(section.html)


def test_every_cell_of_the_matrix_opens_to_its_images(make_run: MakeRun) -> None:
    evaluation = simulate(num_images=600, wrong=0.2)
    found = Page(confusion(make_run(evaluation), evaluation).html)
    filled = [
        f"cell-{i}-{j}" for i, j in zip(*np.nonzero(evaluation.confusion_matrix), strict=True)
    ]
    assert sorted(set(found.anchors) & {f"#{name}" for name in filled}) == sorted(
        f"#{name}" for name in filled
    )
    assert set(filled) <= set(found.ids)


def test_a_right_cell_shows_at_most_twenty_and_says_of_how_many(make_run: MakeRun) -> None:
    evaluation = simulate(("a", "b"), 200, wrong=0.1)
    section = confusion(make_run(evaluation), evaluation)
    right = int(evaluation.confusion_matrix[0, 0])
    assert f"Shown: the 20 least sure of {right}." in words_of(section.html)
    sheet = next(sheet for sheet in section.sheets if sheet.name == "right")
    assert len(sheet.images) == 40


def test_examples_of_right_cells_are_the_least_sure_of_their_class(make_run: MakeRun) -> None:
    evaluation = simulate(("a", "b"), 200, wrong=0.1)
    section = confusion(make_run(evaluation), evaluation)
    sheet = next(sheet for sheet in section.sheets if sheet.name == "right")
    right = np.flatnonzero((evaluation.guesses == 0) & (evaluation.labels == 0))
    least = right[evaluation.probabilities[right].max(axis=1).argmin()]
    assert np.array_equal(sheet.images[0], evaluation.dataset.images[least])


def test_errors_are_coloured_on_a_scale_of_their_own(make_run: MakeRun) -> None:
    evaluation = simulate(num_images=500, wrong=0.02)
    html = confusion(make_run(evaluation), evaluation).html
    heats = [float(heat) for heat in re.findall(r"--v:([\d.]+)", html)]
    errors = evaluation.confusion_matrix - np.diag(evaluation.confusion_matrix.diagonal())
    assert len(heats) == np.count_nonzero(errors)
    assert max(heats) == 1.0
    assert min(heats) > 0.1


def test_a_matrix_too_large_to_read_keeps_the_classes_with_the_most_mistakes(
    make_run: MakeRun,
) -> None:
    names = tuple(f"kind {i}" for i in range(MOST_CLASSES + 20))
    evaluation = simulate(names, 1000, wrong=0.1)
    html = confusion(make_run(evaluation), evaluation).html
    assert f"Of {len(names)} classes these are the {MOST_CLASSES}" in words_of(html)
    assert html.count("<tr>") == MOST_CLASSES + 2


def test_the_gallery_lists_every_mistake_with_three_guesses(make_run: MakeRun) -> None:
    evaluation = simulate(num_images=300, wrong=0.2)
    html = gallery(make_run(evaluation), evaluation).html
    found = mistakes(evaluation)
    assert html.count('<li class="card"') == len(found) == len(evaluation.wrong)
    assert html.count('class="probability"') == 3 * len(found)
    positions = [html.index(f"<bdi>{mistake.source}</bdi>") for mistake in found]
    assert positions == sorted(positions)


def test_the_sheet_of_mistakes_is_in_the_order_of_the_gallery(make_run: MakeRun) -> None:
    evaluation = simulate(num_images=300, wrong=0.2)
    (sheet,) = gallery(make_run(evaluation), evaluation).sheets
    for position, mistake in enumerate(mistakes(evaluation)):
        assert np.array_equal(sheet.images[position], evaluation.dataset.images[mistake.index])


def test_beyond_a_thousand_mistakes_the_gallery_says_how_many_there_are(
    make_run: MakeRun,
) -> None:
    evaluation = simulate(num_images=1600, wrong=0.9, shape=(2, 2, 1))
    section = gallery(make_run(evaluation), evaluation)
    total = len(evaluation.wrong)
    assert total > 1000
    assert f"Shown: the 1,000 most confident of {total:,}." in words_of(section.html)
    assert f"{total:,} of 1,600 images were misread" in section.headline


def test_the_filter_counts_each_class_as_label_and_as_guess(make_run: MakeRun) -> None:
    evaluation = simulate(num_images=300, wrong=0.2)
    html = gallery(make_run(evaluation), evaluation).html
    wrong = evaluation.wrong
    expected = int(((evaluation.labels[wrong] == 3) | (evaluation.guesses[wrong] == 3)).sum())
    assert f'<option value="3">3 ({expected})</option>' in html


def test_pairs_come_with_their_advice_and_examples(make_run: MakeRun) -> None:
    evaluation = simulate(num_images=600, wrong=0.2)
    html = pairs(make_run(evaluation), evaluation).html
    text = words_of(html)
    for pair in confused_pairs(evaluation, limit=8):
        assert pair.advice in text
    assert "These are test images" in text


def test_validation_images_may_be_acted_upon(make_run: MakeRun) -> None:
    evaluation = simulate(num_images=600, wrong=0.2, split="validation")
    assert "These are test images" not in pairs(make_run(evaluation), evaluation).html


def test_the_table_of_classes_has_every_figure(make_run: MakeRun) -> None:
    evaluation = simulate(num_images=400, wrong=0.2)
    html = classes(make_run(evaluation), evaluation).html
    for row in evaluation.per_class:
        assert f'data-value="{row.recall}"' in html
        assert f'data-value="{row.precision}"' in html
        assert f'data-value="{row.f1}"' in html
    assert html.count("<svg") == 2 * len(evaluation.per_class)


def test_the_weakest_class_is_named(make_run: MakeRun) -> None:
    evaluation = simulate(("good", "bad"), 100, wrong=0.0, seed=3)
    probabilities = evaluation.probabilities.copy()
    probabilities[1:40:2] = (0.9, 0.1)
    worse = evaluated(evaluation.dataset, probabilities)
    assert classes(make_run(worse), worse).headline.startswith("Weakest is bad: 60")


def test_classes_that_are_equally_weak_are_all_named(make_run: MakeRun) -> None:
    evaluation = simulate(("good", "bad", "worse"), 90, wrong=0.0, seed=3)
    probabilities = evaluation.probabilities.copy()
    probabilities[1::3] = probabilities[2::3] = (0.8, 0.1, 0.1)
    found = evaluated(evaluation.dataset, probabilities)
    headline = classes(make_run(found), found).headline.replace("\u202f", " ")
    assert headline == "Weakest are bad and worse: 0 % of the images of each are recognised"
    many = simulate(wrong=0.0)
    nothing = evaluated(many.dataset, np.roll(many.probabilities, 1, axis=1))
    headline = classes(make_run(nothing), nothing).headline
    assert headline.startswith("Weakest are 10 of the 10 classes: 0")


def test_of_a_model_that_has_learnt_nothing_no_class_is_blamed(make_run: MakeRun) -> None:
    evaluation = simulate(wrong=0.9)
    section = pairs(make_run(evaluation), evaluation)
    assert section.headline.startswith("First it has to learn more")
    assert "to name 0 every time would be right for 10" in words_of(section.html)
    evaluation = simulate(wrong=0.1)
    assert "every time would be right" not in words_of(pairs(make_run(evaluation), evaluation).html)


def test_every_setting_and_the_command_are_printed(make_run: MakeRun) -> None:
    evaluation = simulate()
    run = make_run(evaluation, learning_rate=0.0123, augmentation={"rotation": 7.5})
    text = words_of(recipe(run, evaluation).html)
    assert f"loupe train noise/ --recipe {run.folder.as_posix()}/recipe.toml" in text
    assert "learning rate 0.0123" in text
    assert "rotation 7.5" in text
    assert "16C3b" in text
    run = make_run(evaluation)
    path = run.folder / "environment.json"
    path.write_text(json.dumps(run.environment | {"temperatures": []}))
    assert "temperatures none" in words_of(recipe(run, evaluation).html)


def test_the_command_reads_the_data_as_the_run_did_and_has_a_folder_of_its_own(
    make_run: MakeRun,
) -> None:
    evaluation = simulate()
    run = make_run(evaluation, command=("loupe", "train", "x", "--epochs", "3", "--out", "taken"))
    change_data(run, origin="/data/my photos", read_options={"size": 32, "bad_files": "skip"})
    assert command(run) == (
        f"loupe train '/data/my photos' --recipe {run.folder.as_posix()}/recipe.toml "
        "--size 32 --bad-files skip"
    )


def test_what_is_asked_by_a_flag_alone_is_written_as_a_flag(make_run: MakeRun) -> None:
    run = make_run(simulate())
    options = {"generated": "more", "generated_only": False}
    change_data(run, origin="digits", read_options=options)
    assert command(run).endswith("recipe.toml --generated more")
    change_data(run, origin="digits", read_options=options | {"generated_only": True})
    assert command(run).endswith("recipe.toml --generated more --generated-only")
    change_data(run, origin="digits", read_options={"size": 8, "seal": False})
    recipe_file = f"{run.folder.as_posix()}/recipe.toml"
    assert command(run) == (
        f"loupe.train(loupe.read('digits', size=8, seal=False), '{recipe_file}')"
    )


def test_a_run_on_arrays_is_repeated_in_python(make_run: MakeRun) -> None:
    run = make_run(simulate())
    change_data(run, origin="")
    assert command(run) == f"loupe.train(dataset, '{run.folder.as_posix()}/recipe.toml')"


def change_data(run: Run, **values: Any) -> None:
    """Change what the environment of a run says of its data."""
    environment = run.environment
    environment["data"] |= values
    (run.folder / "environment.json").write_text(json.dumps(environment))


def test_the_data_section_counts_each_split_and_class(make_run: MakeRun) -> None:
    evaluation = simulate(("a", "b"), 60)
    split = np.repeat(np.array([0, 1, 2], np.uint8), (30, 10, 20))
    whole = replace(evaluation.dataset, split=split)
    section = data(make_run(evaluation), evaluation, whole)
    assert words_of(section.html).endswith("All 30 10 20 Notes 3 <i>files</i> were ignored.")
    assert section.headline.replace("\xa0", " ") == "60 grey images of 8 × 8 pixels in 2 classes"


def test_mean_images_are_the_means_of_training_images(make_run: MakeRun) -> None:
    evaluation = simulate(("a", "b"), 60)
    split = np.repeat(np.array([0, 2], np.uint8), 30)
    whole = replace(evaluation.dataset, split=split)
    section = data(make_run(evaluation), evaluation, whole)
    means = next(sheet for sheet in section.sheets if sheet.name == "means")
    of_a = whole.images[:30][whole.labels[:30] == 0].mean(axis=0)
    assert np.abs(means.images[0] - of_a).max() <= 0.5


def test_a_class_without_images_has_a_row_and_no_picture(make_run: MakeRun) -> None:
    evaluation = simulate(("a", "b"), 40)
    whole = replace(evaluation.dataset, class_names=("a", "b", "empty"))
    section = data(make_run(evaluation), evaluation, whole)
    assert "empty 0" in words_of(section.html)
    assert len(next(sheet for sheet in section.sheets if sheet.name == "means").images) == 2


def test_findings_show_the_worst_images_first_and_say_how_many_there_are(
    make_run: MakeRun,
) -> None:
    evaluation = simulate()
    indices, scores = np.arange(100), np.linspace(1, 0, 100, dtype=np.float32)
    finding = Finding("blank", "warning", "A <b>.", indices, scores, "Look.")
    section = data(make_run(evaluation), evaluation, evaluation.dataset, [finding])
    found = next(sheet for sheet in section.sheets if sheet.name == "found")
    assert np.array_equal(found.images[0], evaluation.dataset.images[99])
    assert "A <b>. Look." in words_of(section.html)
    assert "24 of 100 images" in words_of(section.html)


def test_files_that_were_left_out_are_named(make_run: MakeRun) -> None:
    evaluation = simulate()
    faults = (Fault("7/broken.png", "it ends after 120 bytes", "Replace it."),)
    whole = replace(evaluation.dataset, skipped=faults)
    section = data(make_run(evaluation), evaluation, whole)
    assert "7/broken.png: it ends after 120 bytes" in words_of(section.html)


def test_a_well_calibrated_model_is_told_from_one_that_overclaims(make_run: MakeRun) -> None:
    evaluation = simulate(DIGITS, 400, wrong=0.0)
    sure = np.full((400, 10), 0.1 / 9, np.float32)
    right = np.arange(400) % 10 != 0  # nine in ten
    guesses = np.where(right, evaluation.labels, (evaluation.labels + 1) % 10)
    sure[np.arange(400), guesses] = 0.9
    honest = evaluated(replace(evaluation.dataset, sources=Rows("n", 400)), sure)
    assert "right: as it claims" in words_of(calibration(make_run(honest), honest).html)
    vain = evaluated(evaluation.dataset, np.where(sure > 0.5, 0.9955, 0.0005).astype(np.float32))
    assert "right: less than it claims" in words_of(calibration(make_run(vain), vain).html)
    few = evaluated(evaluation.dataset.select(np.arange(1, 9)), sure[1:9])
    assert "too few images to tell" in words_of(calibration(make_run(few), few).html)


def examination(run: Run, **changed: object) -> None:
    """Write what `loupe examine` would into a run's folder: one suspect of each of two images."""
    suspects = [
        {"source": source, "label": "1", "proposed": "7", "verdict": "label suspect", "reason": why}
        for source, why in (("noise:3", "<script>"), ("gone:1", "read as 7"))
    ]
    found = {
        "split": "train",
        "n": 300,
        "verdicts": {"label suspect": 2},
        "suspects": suspects,
        "next": [{"advice": "Collect more of <b>."}],
    }
    folder = run.folder / "labels-train"
    folder.mkdir()
    (folder / "examination.json").write_text(json.dumps({**found, **changed}))


def test_what_networks_say_that_read_too_little_is_not_told_as_found(make_run: MakeRun) -> None:
    evaluation = simulate()
    run = make_run(evaluation)
    examination(run, caution="They read only 10 % of the images.")
    section = labels(run, evaluation, evaluation.dataset)
    assert section.headline == "The networks read too little to judge the training labels"
    assert "warning They read only 10 % of the images." in words_of(section.html)


def test_examined_labels_are_shown_with_the_images_that_are_at_hand(make_run: MakeRun) -> None:
    evaluation = simulate()
    run = make_run(evaluation)
    assert not is_examined(run)
    examination(run)
    assert is_examined(run)
    section = labels(run, evaluation)
    assert section.headline == "2 training labels of 300 are suspect"
    assert "<script>" not in section.html and "&lt;script&gt;" in section.html
    assert 'href="labels-train/examination.html"' in section.html
    assert section.html.count('class="im') == 1 and section.html.count("1 → 7</span>") == 2
    assert np.array_equal(section.sheets[0].images, evaluation.dataset.images[3:4])


def test_an_examination_that_is_not_readable_is_named(make_run: MakeRun) -> None:
    evaluation = simulate()
    run = make_run(evaluation)
    examination(run, suspects=7)
    with pytest.raises(RunError, match="examination.json is not what loupe examine wrote"):
        labels(run, evaluation)
