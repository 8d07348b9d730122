"""A trained model under stress."""

from dataclasses import replace

import numpy as np
import pytest

import loupe
from loupe.errors import DataError, LoupeError, ModelError, RunError
from loupe.examination.distortions import STRESSES, Ground
from loupe.examination.stress import distorted, stress
from loupe.framing import measure_framing


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stress") / "run"
    return loupe.train(loupe.read("digits"), loupe.recipe("mlp-64-32", epochs=4), out=folder)


@pytest.fixture(scope="module")
def found(digits_run):
    return stress(digits_run)


def test_every_stress_is_measured_on_the_validation_images(found, digits_run):
    counts = digits_run.environment["data"]["counts"]["validation"]
    assert (found.split, found.n) == ("validation", sum(counts))
    assert [curve.name for curve in found.curves] == list(STRESSES)
    card = digits_run.card.evaluation
    assert found.clean.accuracy == card["metrics"]["accuracy"]["value"]
    for curve in found.curves:
        for strength in curve.strengths:
            assert strength.low <= strength.accuracy <= strength.high
            assert strength.n == found.n


def test_the_first_costly_strength_is_the_first_that_costs_a_point(found):
    for curve in found.curves:
        lost = [found.clean.accuracy - each.accuracy >= 0.01 - 1e-12 for each in curve.strengths]
        assert curve.costs_from == (lost.index(True) + 1 if any(lost) else None)
    assert any(curve.costs_from for curve in found.curves)


def test_the_figures_are_those_of_the_model_file(found, digits_run):
    dataset = loupe.read("digits")
    recipe = digits_run.recipe
    from loupe.data.split import hold_out_validation

    held_out = hold_out_validation(dataset, recipe.validation, recipe.seed).validation
    ground = Ground(measure_framing(held_out.images), 1)
    ground = replace(ground, framing=type(ground.framing).from_dict(digits_run.card.framing))
    curve = next(curve for curve in found.curves if curve.name == "blur")
    images = np.concatenate(list(distorted(held_out.images, "blur", 0.08, ground)))
    right = digits_run.classifier.predict(images).argmax(axis=1) == held_out.labels
    assert curve.strengths[-1].amount == 0.08
    assert curve.strengths[-1].accuracy == right.mean()


def test_its_pictures_show_rightly_read_images_at_every_strength(found):
    for curve in found.curves:
        assert curve.pictures.shape[:2] == curve.guesses.shape == (6, 3)
        np.testing.assert_array_equal(curve.guesses[0], found.labels)
        assert (curve.pictures[-1] != curve.pictures[0]).any()


def test_it_shows_itself_in_a_notebook_and_as_plain_values(found):
    assert "<th>rotation</th>" in found._repr_html_()
    content = found.to_dict()
    assert content["n"] == found.n
    assert len(content["stresses"][0]["strengths"]) == 5


def test_some_stresses_can_be_chosen(digits_run):
    seen = []
    some = stress(digits_run, stresses=["noise"], watch=lambda *state: seen.append(state))
    assert [curve.name for curve in some.curves] == ["noise"]
    assert seen == [("noise", done, 5) for done in range(1, 6)]
    with pytest.raises(LoupeError, match="Did you mean 'rotation'"):
        stress(digits_run, stresses=["rotations"])


@pytest.mark.usefixtures("without_type_checks")
def test_stresses_that_are_no_list_are_refused_with_what_was_expected(digits_run):
    with pytest.raises(LoupeError, match=r"'noise'; expected a list of names, as \['noise'\]"):
        stress(digits_run, stresses="noise")
    with pytest.raises(LoupeError, match=r"stresses is 3; expected a list.* Known: "):
        stress(digits_run, stresses=3)


def test_what_is_not_there_is_named(digits_run, tiny_dataset):
    with pytest.raises(ModelError, match="does not know where its data are"):
        stress(digits_run.folder / "model.onnx")
    with pytest.raises(DataError):
        stress(digits_run, tiny_dataset, split="test", ledger=None)
    with pytest.raises(RunError, match="is no run"):
        stress(digits_run.folder.parent / "nothing")
