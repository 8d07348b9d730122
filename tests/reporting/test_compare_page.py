from dataclasses import replace

import numpy as np
import pytest
from page_structure import Page, words_of

import loupe
from loupe.errors import LoupeError
from loupe.examination.comparison import compare
from loupe.reporting.compare_page import _curves
from loupe.reporting.pages import write_page


@pytest.fixture(scope="module")
def comparison(digits_runs):
    return compare(digits_runs, loupe.read("digits"))


@pytest.fixture(scope="module")
def content(comparison, tmp_path_factory):
    return write_page(comparison, tmp_path_factory.mktemp("page") / "page.html").read_text()


def test_the_page_says_what_to_take_and_why(comparison, content):
    text = words_of(content)
    assert f"Take {comparison.models[comparison.recommended].name}" in text
    assert comparison.sentences[0] in text
    for model in comparison.models:
        assert model.name in text
        assert f"{model.candidate.parameters:,}" in text


def test_each_image_that_is_read_differently_has_every_models_guess(comparison, content):
    cards = content.count('<li class="card"')
    assert cards == min(300, len(comparison.disagreements))
    assert content.count('<ol class="guesses readings"') == cards
    assert content.count('class="guess"') == cards * len(comparison.models)


def test_curves_stand_side_by_side_on_one_scale(content):
    assert content.count('<figure class="chart">') == 6
    assert "epoch 12: training" in content


def test_the_verdict_on_a_curve_is_of_all_images_that_its_run_was_validated_on(
    comparison, tmp_path
):
    first, *others = comparison.models
    whole = first.evaluation
    few = replace(
        whole,
        dataset=whole.dataset.select(np.arange(60)),
        probabilities=whole.probabilities[:60],
        features=whole.features[:60],
        outlier=whole.outlier[:60],
    )
    assert first.candidate.num_validation == 360
    fewer = replace(comparison, models=(replace(first, evaluation=few), *others))
    section = _curves(fewer)
    assert section.html == _curves(comparison).html


def test_test_figures_stand_beside_only_where_they_were_measured(comparison, tmp_path):
    without = write_page(comparison, tmp_path / "without.html").read_text()
    assert "Test accuracy" not in words_of(without)
    first, *others = comparison.models
    accuracy = {"value": 0.9, "low": 0.88, "high": 0.92}
    stored = {"n": 359, "metrics": {"accuracy": accuracy}, "looks_at_test": 3}
    candidate = replace(first.candidate)
    candidate.__dict__["test"] = stored
    tested = replace(comparison, models=(replace(first, candidate=candidate), *others))
    text = words_of(write_page(tested, tmp_path / "with.html").read_text())
    assert "Test accuracy" in text
    assert "not measured" in text
    assert "looked at 3 times by now" in text


def test_the_page_is_sound_and_hostile_names_stay_text(comparison, tmp_path):
    hostile = "<script>alert(1)</script>"
    models = tuple(
        replace(model, candidate=replace(model.candidate, name=f"{hostile}{i}"))
        for i, model in enumerate(comparison.models)
    )
    sentences = (*comparison.sentences[:1], f"Take {hostile}: because.", hostile)
    changed = replace(comparison, models=models, sentences=sentences)
    found = Page(write_page(changed, tmp_path / "page.html").read_text())
    assert found.tags.count("script") == 1
    assert found.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(found.headings, found.headings[1:], strict=False))
    assert {anchor[1:] for anchor in found.anchors} <= set(found.ids)
    assert all(table.captioned and not table.unscoped for table in found.tables)
    assert found.nameless_pictures == []


def test_what_has_no_page_is_refused(tmp_path):
    with pytest.raises(LoupeError, match="A dict has no page"):
        write_page({}, tmp_path / "page.html")
