import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

import loupe
from loupe.data.split import hold_out_validation
from loupe.errors import LoupeError
from loupe.examination.candidates import find_candidates
from loupe.examination.comparison import compare
from loupe.examination.held_out import shared_validation
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
    found = shared_validation(find_candidates([digits_runs[0], other]), [digits, digits])
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


@pytest.fixture
def generated(tmp_path, digits):
    """A folder of what passes for generated images."""
    arrays = {
        "images": digits.train.images[:100] // 2 + 3,
        "labels": digits.train.labels[:100],
        "class_names": np.array(digits.class_names),
        "generated": np.ones(100, bool),
        "generator": json.dumps({"data": "digits", "fingerprint": digits.fingerprint, "steps": 7}),
    }
    folder = tmp_path / "generated"
    folder.mkdir()
    np.savez_compressed(folder / "images.npz", **arrays)
    (folder / "generator.json").write_text("{}")
    return folder


@pytest.mark.parametrize("with_dataset", [True, False])
def test_whether_generated_images_help_is_compared_on_all_real_ones_that_were_held_out(
    digits_runs, digits, generated, tmp_path, with_dataset
):
    more = loupe.read("digits", generated=generated)
    run = trained(more, tmp_path / "more", validation=0.25, seed=0)
    found = compare([run, digits_runs[0]], digits if with_dataset else None)
    held_out = hold_out_validation(digits, 0.25, 0).validation
    assert np.array_equal(found.models[0].evaluation.dataset.images, held_out.images)
    assert (
        "not trained on the same images and labels; their test images are the same"
        in (found.sentences[2])
    )


def fixes_of(dataset, path, proposed):
    """A fixes file on the first training images."""
    rows = [
        (dataset.sources[int(i)], dataset.class_names[dataset.labels[int(i)]])
        for i in np.flatnonzero(dataset.split == 0)[:20]
    ]
    lines = [f"{source},{label},{proposed(label)},seen" for source, label in rows]
    path.write_text("\n".join(["source,old_label,proposed_label,reason", *lines, ""]))
    return path


def test_whether_fixes_help_is_compared_on_images_whose_labels_are_agreed_on(
    digits_runs, digits, tmp_path
):
    fixes = fixes_of(digits, tmp_path / "fixes.csv", lambda label: str((int(label) + 1) % 10))
    fixed = loupe.read("digits", fixes=fixes)
    run = trained(fixed, tmp_path / "fixed", validation=0.25, seed=0)
    found = compare([digits_runs[0], run])
    changed_ones = {digits.sources[int(i)] for i in np.flatnonzero(digits.labels != fixed.labels)}
    assert len(changed_ones) == 20
    assert 250 < found.num_images < 360
    assert not changed_ones & set(found.models[0].evaluation.sources)


@pytest.mark.slow
def test_fixes_that_leave_images_out_leave_few_in_common_and_it_is_said_what_helps(
    digits, tmp_path
):
    fixes = fixes_of(digits, tmp_path / "fixes.csv", lambda label: "drop")
    fixed = loupe.read("digits", fixes=fixes)

    def both(share):
        return [
            trained(data, tmp_path / f"{name} {share}", validation=share, seed=0)
            for name, data in (("before", digits), ("after", fixed))
        ]

    with pytest.raises(LoupeError, match="only .* --validation 0.26.*draws other") as caught:
        compare(both(0.1))
    assert "test images are not the same" not in str(caught.value)
    assert compare(both(0.264)).num_images >= 50


def test_other_test_images_are_refused_only_where_they_are_other_ones(
    digits_runs, digits, tmp_path
):
    order = np.random.default_rng(0).permutation(len(digits))
    names = np.array(["train", "validation", "test"])
    for name, split in (("shuffled", digits.split), ("resealed", np.roll(digits.split, 100))):
        arrays = {"images": digits.images, "labels": digits.labels, "split": names[split]}
        path = tmp_path / f"{name}.npz"
        np.savez(path, **{key: array[order] for key, array in arrays.items()})
    shuffled, resealed = (
        trained(loupe.read(tmp_path / f"{name}.npz"), tmp_path / name, validation=0.5, seed=0)
        for name in ("shuffled", "resealed")
    )
    assert compare([digits_runs[0], shuffled]).num_images >= 50
    with pytest.raises(LoupeError, match="their test images are not the same.*evaluate RUN"):
        compare([digits_runs[0], resealed])


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
