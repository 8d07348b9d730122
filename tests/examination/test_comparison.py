import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

import loupe
from loupe.data.split import hold_out_validation
from loupe.errors import LoupeError
from loupe.examination.candidates import find_candidates, shared_validation
from loupe.examination.comparison import compare
from loupe.recipes.recipe import changed
from loupe.runs.run import Run


@pytest.fixture(scope="module")
def digits():
    return loupe.read("digits")


@pytest.fixture(scope="module")
def comparison(digits_runs, digits):
    return compare(digits_runs, digits)


def trained(dataset, folder, **settings):
    short = changed(loupe.recipe("logistic"), {"epochs": 1, **settings})
    return loupe.train(dataset, short, out=folder)


def test_compared_is_on_validation_images_and_no_look_at_test_is_counted(
    digits_runs, digits, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    found = compare(digits_runs, digits)
    held_out = hold_out_validation(digits, 0.25, 0).validation
    assert found.num_images == len(held_out)
    for model in found.models:
        assert np.array_equal(model.evaluation.dataset.images, held_out.images)
        assert model.evaluation.split == "validation"
    assert not (tmp_path / "runs").exists()


def test_every_pair_is_tested_and_the_better_one_comes_first(comparison):
    assert len(comparison.pairs) == 3
    for pair in comparison.pairs:
        first, second = (comparison.models[i] for i in (pair.first, pair.second))
        assert pair.difference.value == pytest.approx(first.accuracy - second.accuracy)
        assert pair.difference.value >= 0
        assert pair.p >= pair.difference.p
        assert pair.difference.only_first == int((first.right & ~second.right).sum())


def test_the_simplest_that_is_not_significantly_worse_is_recommended(comparison):
    names = [model.name for model in comparison.models]
    assert names == ["early", "late", "wide"]
    worse = {p.second for p in comparison.pairs if p.first == comparison.best and p.is_real}
    assert names.index("early") in worse
    parameters = [model.candidate.parameters for model in comparison.models]
    left = [i for i in range(3) if i not in worse]
    assert comparison.recommended in left
    assert parameters[comparison.recommended] == min(parameters[i] for i in left)
    assert f"Take {names[comparison.recommended]}" in comparison.sentences[1]


def test_among_equally_large_models_the_better_one_is_taken(digits_runs, digits):
    found = compare(digits_runs[:2], digits)
    assert found.models[found.recommended].name == "late"
    assert "none is simpler, and none reads more images rightly" in found.sentences[1]
    assert compare(digits_runs[1::-1], digits).sentences[1] == found.sentences[1]


def test_disagreements_are_all_images_that_are_read_differently(comparison):
    guesses = np.stack([model.evaluation.guesses for model in comparison.models])
    expected = np.flatnonzero(guesses.min(axis=0) != guesses.max(axis=0))
    assert set(comparison.disagreements.tolist()) == set(expected.tolist())
    listed = comparison.to_dict()["disagreements"]
    assert len(listed) == len(expected)
    sure = [
        max(g["probability"] for g in each["guesses"].values() if g["guess"] != each["label"])
        for each in listed
    ]
    assert sure == sorted(sure, reverse=True)


def test_a_comparison_is_plain_json_and_shows_itself_in_a_notebook(comparison):
    content = json.loads(json.dumps(comparison.to_dict(), allow_nan=False))
    assert content["n"] == comparison.num_images
    assert {m["name"] for m in content["models"]} == {"early", "late", "wide"}
    assert all(m["images_per_second"] > 0 and m["test"] is None for m in content["models"])
    page = comparison._repr_html_()
    assert page.count("<tr>") == 4
    assert "Take" in page


def test_without_a_dataset_it_is_read_from_where_the_runs_had_it(digits_runs, comparison):
    again = compare([run.folder for run in digits_runs])
    assert again.sentences == comparison.sentences


def test_model_files_are_compared_where_the_data_are_given(digits_runs, digits, tmp_path):
    copies = [
        shutil.copy(r.folder / "model.onnx", tmp_path / f"{r.name}.onnx") for r in digits_runs
    ]
    found = compare(copies, digits)
    assert [model.name for model in found.models] == ["early.onnx", "late.onnx", "wide.onnx"]
    assert {model.candidate.seconds for model in found.models} == {None}
    with pytest.raises(LoupeError, match="a model file alone does not say it"):
        compare(copies)


def test_images_that_one_model_was_trained_on_are_left_out(digits_runs, digits, tmp_path):
    other = trained(digits, tmp_path / "other", validation=0.4, seed=5)
    found = shared_validation(find_candidates([digits_runs[0], other]), digits)
    mine, others = hold_out_validation(digits, 0.25, 0), hold_out_validation(digits, 0.4, 5)
    both = (mine.split == 1) & (others.split == 1)
    assert 0.25 * 0.4 * 1_000 < both.sum() < 250
    assert np.array_equal(found.images, digits.images[both])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"validation": 0.0, "seed": 0}, "no validation images"),
        ({"validation": 0.1, "seed": 3}, "only"),
    ],
)
def test_too_few_shared_images_are_refused_with_what_to_do(
    digits_runs, digits, tmp_path, settings, said
):
    other = trained(digits, tmp_path / "other", **settings)
    with pytest.raises(LoupeError, match="none of these models was trained on") as caught:
        compare([digits_runs[0], other], digits)
    assert said in str(caught.value)
    assert "loupe train digits --recipe NAME --seed 0 --validation 0.0833" in str(caught.value)


def test_other_data_are_refused_with_what_differs(digits_runs, digits, tiny_dataset, tmp_path):
    runs = {
        "different classes": trained(tiny_dataset, tmp_path / "tiny"),
        "different data": trained(
            replace(digits, labels=np.roll(digits.labels, 1)), tmp_path / "rolled"
        ),
        "different sizes": trained(
            replace(digits, images=digits.images[:, :6, :6]), tmp_path / "small"
        ),
    }
    for said, run in runs.items():
        with pytest.raises(LoupeError, match=said) as caught:
            compare([digits_runs[0], run])
        assert "loupe evaluate RUN --data DATA" in str(caught.value)
    with pytest.raises(LoupeError, match="Bring the old data back"):
        compare(digits_runs, tiny_dataset)


def test_unfinished_runs_the_same_run_twice_and_a_single_one_are_refused(digits_runs, tmp_path):
    stopped = Run(tmp_path / "stopped")
    shutil.copytree(digits_runs[0].folder, stopped.folder)
    (stopped.folder / "model.onnx").unlink()
    first = digits_runs[0]
    with pytest.raises(LoupeError, match="loupe train --resume"):
        compare([first, stopped])
    with pytest.raises(LoupeError, match="given 2 times"):
        compare([first, first.folder / "."])
    for single in ([first], str(first.folder), []):
        with pytest.raises(LoupeError, match="at least two are needed"):
            compare(single)
    with pytest.raises(LoupeError, match="is no run"):
        compare([first, tmp_path / "nowhere"])


def test_validation_images_that_cannot_be_found_again_are_noticed(digits_runs, digits):
    writers = replace(digits, groups=np.arange(len(digits)) // 40)
    with pytest.raises(LoupeError, match="cannot be found again"):
        compare(digits_runs, writers)


def test_names_are_made_different(digits_runs, tmp_path):
    for place in ("a", "b"):
        shutil.copytree(digits_runs[0].folder, tmp_path / place / "run")
    found = find_candidates([tmp_path / "a" / "run", tmp_path / "b" / "run"])
    assert [candidate.name for candidate in found] == ["a/run", "b/run"]
