import json
import os
import signal
from dataclasses import replace

import numpy as np
import pytest

import loupe
from loupe.data.dataset import TRAIN
from loupe.data.generated import GENERATOR_FILE
from loupe.data.split import hold_out_validation
from loupe.errors import DataError, LoupeError, ModelError, RunError
from loupe.generation.folder import create_generation, open_generation
from loupe.generation.generate import generate, labels_to_draw, resume_generation
from loupe.generation.settings import require_settings


def images_of(generation):
    return generation.dataset.images


def test_what_is_drawn_is_a_data_set_marked_for_good(made, digits):
    drawn = made.dataset
    assert len(drawn) == 47
    assert drawn.generated.all()
    assert (drawn.split == TRAIN).all()
    assert drawn.class_names == digits.class_names
    assert drawn.image_shape == digits.image_shape
    assert sorted(drawn.counts()) == [4] * 3 + [5] * 7
    assert len(np.unique(drawn.images, axis=0)) == 47


def test_the_folder_says_what_the_images_were_made_from(made, digits):
    facts = made.facts
    assert facts["settings"] == {"count": 47, "steps": 6, "seed": 3, "balance": "equal"}
    assert facts["data"]["fingerprint"] == digits.fingerprint
    assert facts["steps_done"] == 6
    assert not facts["interrupted"]
    assert sum(facts["drawn"]) == 47
    assert facts["measured"]["pixels"]["n"] == 47
    with np.load(made.folder / "images.npz") as archive:
        said = json.loads(str(archive["generator"]))
    assert said["fingerprint"] == digits.fingerprint
    assert said["steps"] == 6
    rows = (made.folder / "history.csv").read_text().splitlines()
    assert rows[0] == "step,seconds,discriminator,generator,gap,penalty"
    assert len(rows) == 7


def test_it_learns_from_training_images_without_those_that_recipes_hold_out(made, digits):
    counts = made.facts["data"]["counts"]
    divided = hold_out_validation(
        digits, loupe.recipe("fast").validation, loupe.recipe("fast").seed
    )
    assert counts["train"] == divided.train.counts().tolist()
    assert counts["validation"] == divided.validation.counts().tolist()


@pytest.mark.slow
def test_the_same_seed_draws_the_same_images(made, digits, tmp_path):
    again = generate(digits, count=47, steps=6, out=tmp_path / "again", seed=3)
    np.testing.assert_array_equal(images_of(again), images_of(made))
    other = generate(digits, count=47, steps=6, out=tmp_path / "other", seed=4)
    assert not np.array_equal(images_of(other), images_of(made))


class Killed(Exception):
    """What a watch raises in the place of a kill."""


def killer(step):
    def watch(drawing):
        if drawing.step == step:
            raise Killed

    return watch


def test_a_killed_one_goes_on_to_the_same_images(made, digits, tmp_path):
    with pytest.raises(Killed):
        generate(
            digits, count=47, steps=6, seed=3, out=tmp_path, watch=killer(4), checkpoint_seconds=0.0
        )
    steps = []
    resumed = resume_generation(tmp_path, watch=lambda drawing: steps.append(drawing.step))
    assert steps == [4, 5, 6]  # the last checkpoint is of the third
    np.testing.assert_array_equal(images_of(resumed), images_of(made))
    assert resumed.facts["steps_done"] == 6
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 7


@pytest.mark.slow
def test_one_that_was_killed_before_its_first_checkpoint_begins_anew(made, digits, tmp_path):
    with pytest.raises(Killed):
        generate(digits, count=47, steps=6, seed=3, out=tmp_path, watch=killer(1))
    np.testing.assert_array_equal(images_of(resume_generation(tmp_path)), images_of(made))


def test_ctrl_c_keeps_what_there_is_and_it_can_go_on(made, digits, tmp_path):
    def interrupt(drawing):
        if drawing.step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    stopped = generate(digits, count=47, steps=6, seed=3, out=tmp_path, watch=interrupt)
    assert stopped.facts["interrupted"]
    assert stopped.facts["steps_done"] == 2
    assert len(stopped.dataset) == 47
    resumed = resume_generation(tmp_path)
    assert not resumed.facts["interrupted"]
    np.testing.assert_array_equal(images_of(resumed), images_of(made))
    with pytest.raises(RunError, match="nothing to resume"):
        resume_generation(tmp_path)


def test_it_does_not_go_on_with_other_data(digits, tmp_path):
    with pytest.raises(Killed):
        generate(digits, count=10, steps=6, out=tmp_path, watch=killer(1))
    changed = replace(digits, labels=np.roll(digits.labels, 1))
    with pytest.raises(RunError, match="images or labels have changed"):
        resume_generation(tmp_path, changed)


def test_a_full_folder_is_left_alone(made, digits):
    with pytest.raises(RunError, match=r"is not empty.*name another one with --out\.$"):
        generate(digits, count=47, steps=1, out=made.folder)
    with pytest.raises(RunError, match="no folder of a generator"):
        open_generation(made.folder.parent)


def test_what_has_not_drawn_yet_says_how_to_go_on(tmp_path):
    begun = create_generation(tmp_path / "new")
    with pytest.raises(RunError, match=r"remove .*new and begin again: nothing was trained yet"):
        _ = begun.dataset
    (begun.folder / GENERATOR_FILE).write_text("{}")
    for ask in (lambda: begun.dataset, lambda: create_generation(begun.folder)):
        with pytest.raises(RunError, match="go on with: loupe generate --resume"):
            ask()


@pytest.mark.parametrize("balance", ["equal", "data"])
@pytest.mark.parametrize("count", [3, 4, 100, 101])
def test_the_classes_are_balanced_as_asked(balance, count):
    available = np.array([10, 300, 690])
    counts = np.bincount(labels_to_draw(count, available, balance), minlength=3)
    assert counts.sum() == count
    assert counts.min() >= 1
    if balance == "equal":
        assert np.ptp(counts) <= 1
    elif count > 50:
        np.testing.assert_allclose(counts, count * available / 1000, atol=2)


def few(digits, per_class=None, classes=None):
    """A part of the digits: so many training images of each class, of these classes."""
    names = digits.class_names[:classes]
    kept = [
        np.flatnonzero((digits.labels == label) & (digits.split == TRAIN))[:per_class]
        for label in range(len(names))
    ]
    return replace(digits.select(np.concatenate(kept)), class_names=names)


def blank(digits, *shape):
    """The digits' training images in another shape, with nothing in them."""
    return replace(few(digits), images=np.zeros((1438, *shape), np.uint8))


@pytest.mark.parametrize(
    ("arrange", "settings", "message"),
    [
        (lambda d: few(d, 6, 2), {}, "6 training images of the class '0'; a generator needs 50"),
        (lambda d: few(d, None, 1), {}, "one class only, '0'"),
        (lambda d: blank(d, 65, 8, 1), {}, "up to 64 x 64"),
        (lambda d: blank(d, 8, 7, 1), {}, "at least 8"),
        (lambda d: blank(d, 8, 8, 2), {}, "2 channels"),
        (lambda d: replace(few(d), generated=np.ones(1438, bool)), {}, "learns its faults"),
        (lambda d: d, {"count": 9}, "digits has 10 classes"),
        (lambda d: d, {"count": 0}, "count is 0"),
        (lambda d: d, {"steps": 0}, "steps is 0"),
        (lambda d: d, {"minutes": 2.0}, "minutes and steps were both given"),
        (lambda d: d, {"minutes": -1.0, "steps": None}, "minutes is -1"),
        (lambda d: d, {"minutes": float("nan"), "steps": None}, "minutes is nan"),
        (lambda d: d, {"seed": -1}, "seed is -1"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_leaves_no_folder(
    digits, tmp_path, arrange, settings, message
):
    given = {"count": 30, "steps": 1, **settings}
    with pytest.raises(LoupeError, match=message):
        generate(arrange(digits), out=tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()


def test_a_balance_that_does_not_exist_is_refused():
    with pytest.raises(LoupeError, match="balance is 'even'; expected 'equal' or 'data'"):
        require_settings(10, None, 1, 0, "even")


@pytest.mark.usefixtures("without_type_checks")
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"count": "5"}, "count is '5'; expected a whole number, not a str"),
        ({"steps": 1.5}, "steps is 1.5; expected a whole number"),
        ({"minutes": "1", "steps": None}, "minutes is '1'; expected a number"),
        ({"seed": None}, "seed is None; expected a whole number"),
    ],
)
def test_what_is_no_number_is_refused_with_what_was_expected(digits, tmp_path, given, said):
    with pytest.raises(LoupeError, match=said):
        generate(digits, **{"count": 30, "steps": 1, **given}, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_class_that_is_too_small_once_validation_is_held_out_is_refused(digits, tmp_path):
    with pytest.raises(DataError, match="a generator needs 50 of each"):
        generate(few(digits, 52, 2), count=10, steps=1, out=tmp_path / "out")


def test_a_model_of_other_images_is_refused(digits, tmp_path, tiny_dataset):
    recipe = loupe.recipe("logistic", epochs=1)
    images = np.zeros((300, 9, 9, 1), np.uint8)
    images[:, 0, 0, 0] = np.arange(300) % 255
    run = loupe.train(replace(tiny_dataset, images=images), recipe, out=tmp_path / "run")
    with pytest.raises(ModelError, match=r"takes images of the shape \[9, 9, 1\]"):
        generate(digits, count=10, steps=1, out=tmp_path / "out", model=run)


@pytest.mark.slow
def test_a_model_measures_the_images_and_is_asked_again_when_it_goes_on(digits, tmp_path):
    run = loupe.train(digits, loupe.recipe("logistic", epochs=1), out=tmp_path / "run")
    with pytest.raises(Killed):
        generate(digits, count=20, steps=2, out=tmp_path / "out", model=run, watch=killer(1))
    made = resume_generation(tmp_path / "out")
    assert made.facts["measured"]["frechet"]["real"] > 0


def test_the_package_offers_it():
    assert loupe.generate is generate
