"""How a search divides images: what is measured was never learnt from, and is never too little."""

import json
from dataclasses import replace

import numpy as np
import pytest

import loupe
from loupe.data.dataset import TEST, Dataset
from loupe.data.split import hold_out_validation
from loupe.errors import DataError, RecipeError, RunError
from loupe.runs.command import train_command
from loupe.studies.begun import facts_of, open_study, require_limits
from loupe.studies.division import LEAST_KEPT, divide
from loupe.studies.space import find_space


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return loupe.read("digits")


@pytest.fixture(scope="module")
def drawn(digits, tmp_path_factory):
    """What `loupe generate` would write, with real images in the place of generated ones."""
    folder = tmp_path_factory.mktemp("drawn")
    np.savez_compressed(
        folder / "images.npz",
        images=255 - digits.train.images[:200],
        labels=digits.train.labels[:200],
        class_names=np.array(digits.class_names),
        generated=np.ones(200, bool),
        generator=json.dumps({"data": "digits", "fingerprint": digits.fingerprint, "steps": 7}),
    )
    (folder / "generator.json").write_text("{}")
    return folder


@pytest.fixture(scope="module")
def fixes(digits, tmp_path_factory):
    """A fixes file that changes the label of one training image."""
    train = digits.train
    old = digits.class_names[train.labels[0]]
    path = tmp_path_factory.mktemp("fixes") / "fixes.csv"
    new = next(name for name in digits.class_names if name != old)
    path.write_text(f"source,old_label,proposed_label,reason\n{train.sources[0]},{old},{new},\n")
    return path


def test_twelve_images_are_too_few_to_choose_by(digits):
    few = digits.select(np.flatnonzero(digits.split != TEST)[:12])
    with pytest.raises(DataError) as refused:
        divide(few)
    said = str(refused.value)
    assert "digits has 12 images without its test images" in said
    assert "It needs 40 each, 200 in all" in said and "loupe train DATA --recipe fast" in said


def test_the_fewest_images_that_can_be_searched_with_are_200(digits):
    pool = digits.select(np.flatnonzero(digits.split != TEST))
    enough = divide(pool.select(np.arange(200)))
    assert (len(enough.validation), len(enough.test)) == (LEAST_KEPT, LEAST_KEPT)
    assert np.all(enough.validation.counts() > 0) and np.all(enough.test.counts() > 0)
    with pytest.raises(DataError, match="197 images"):
        divide(pool.select(np.arange(197)))


@pytest.mark.parametrize("only", [False, True])
def test_generated_images_are_trained_on_and_nothing_else(digits, drawn, only):
    divided = divide(loupe.read("digits", generated=drawn, generated_only=only))
    assert divided.train.generated.sum() == 200
    assert len(divided.train) == (200 if only else 200 + 1318)
    assert (len(divided.validation), len(divided.test)) == (60, 60)
    assert not divided.validation.has_generated and not divided.test.has_generated


def test_what_measures_beside_generated_images_is_what_their_generator_never_saw(digits, drawn):
    divided = divide(loupe.read("digits", generated=drawn))
    measured = [*divided.validation.sources, *divided.test.sources]
    unseen = hold_out_validation(digits, 1 / 12, 0).validation
    assert sorted(measured) == sorted(unseen.sources)
    assert len(set(measured)) == 120


def test_too_few_unseen_images_beside_generated_ones_are_refused(digits, drawn):
    both = loupe.read("digits", generated=drawn)
    real = np.flatnonzero(~both.generated & (both.split != TEST))[:600]
    few = both.select(np.concatenate([real, np.flatnonzero(both.generated)]))
    with pytest.raises(DataError, match=r"has 50 validation images .* Search without --generated"):
        divide(few)


def test_mended_labels_are_divided_as_the_others(digits, fixes):
    divided = divide(loupe.read("digits", fixes=fixes))
    assert divided.fixes.changed == 1
    assert len(divided.validation) == 288


def test_a_study_goes_on_with_the_options_that_it_was_begun_with(drawn, fixes, tmp_path):
    space = find_space("first")
    begun = loupe.read("digits", fixes=fixes, generated=drawn)
    open_study(tmp_path / "study", facts_of(divide(begun), space, False))
    again = loupe.read("digits", fixes=fixes, generated=drawn)
    open_study(tmp_path / "study", facts_of(divide(again), space, False))
    for options in ({}, {"fixes": fixes}, {"generated": drawn},
                    {"fixes": fixes, "generated": drawn, "generated_only": True}):  # fmt: skip
        other = facts_of(divide(loupe.read("digits", **options)), space, False)
        with pytest.raises(RunError) as refused:
            open_study(tmp_path / "study", other)
        said = str(refused.value)
        assert f"was begun with --fixes {fixes} --generated {drawn}, and now" in said
        assert "--out" in said
    open_study(tmp_path / "plain", facts_of(divide(loupe.read("digits")), space, False))
    with pytest.raises(RunError, match=r"begun without --size, --fixes and --generated, and now"):
        open_study(tmp_path / "plain", facts_of(divide(begun), space, False))


def test_a_fixes_file_that_has_changed_is_told_also_where_no_label_has(fixes, tmp_path):
    path, space = tmp_path / "fixes.csv", find_space("first")
    path.write_text(fixes.read_text())
    open_study(tmp_path / "study", facts_of(divide(loupe.read("digits", fixes=path)), space, False))
    path.write_text(fixes.read_text().replace(",\n", ",looked at again\n"))
    changed = facts_of(divide(loupe.read("digits", fixes=path)), space, False)
    with pytest.raises(RunError, match="has changed since"):
        open_study(tmp_path / "study", changed)


def test_a_study_from_before_options_were_kept_goes_on(digits, tmp_path):
    facts = facts_of(divide(digits), find_space("first"), False)
    for late in ("read_options", "fixes", "generated"):
        del facts["data"][late]
    open_study(tmp_path / "study", facts)
    open_study(tmp_path / "study", facts_of(divide(digits), find_space("first"), False))
    other = replace(digits, labels=(digits.labels + 1) % 10)
    with pytest.raises(RunError, match="other images or labels"):
        open_study(tmp_path / "study", facts_of(divide(other), find_space("first"), False))


def test_the_command_repeats_how_data_were_read():
    options = {"bad_files": "skip", "fixes": "/my fixes.csv", "generated": "/drawn",
               "generated_only": True}  # fmt: skip
    said = train_command({"origin": "digits", "read_options": options}, "best.toml")
    assert said == (
        "loupe train digits --recipe best.toml --bad-files skip --fixes '/my fixes.csv' "
        "--generated /drawn --generated-only"
    )
    assert train_command({"origin": ""}, "best.toml") == "loupe.train(dataset, 'best.toml')"


@pytest.mark.parametrize("minutes", [0.0, -3.0, float("nan"), float("inf")])
def test_a_search_without_a_number_of_minutes_is_refused(minutes):
    with pytest.raises(RecipeError, match="expected a number above 0"):
        require_limits(minutes, None)


def test_a_search_without_trials_is_refused():
    with pytest.raises(RecipeError, match="from 1: how many more"):
        require_limits(1.0, 0)
