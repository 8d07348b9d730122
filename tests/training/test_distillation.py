"""A small network learns what a committee says."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

import loupe
from loupe.data.dataset import TEST
from loupe.data.split import hold_out_validation
from loupe.errors import DataError, ModelError, RecipeError, RunError
from loupe.recipes.named import settled
from loupe.training.distillation import (
    Teacher,
    same_model,
    soft_loss,
    soft_slope,
    teacher_of,
    with_labels,
)

MLP = "mlp-64-32"


@pytest.fixture(scope="module")
def committee(tmp_path_factory, tiny_dataset):
    folder = tmp_path_factory.mktemp("distil") / "committee"
    return loupe.train(tiny_dataset, loupe.recipe(MLP, epochs=6, members=3), out=folder)


def ready(dataset, recipe):
    recipe = settled(recipe, dataset)
    return hold_out_validation(dataset, recipe.validation, recipe.seed), recipe


def test_the_slope_is_that_of_the_loss():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(8, 5, generator=generator, requires_grad=True)
    targets = torch.rand(8, 5, generator=generator).softmax(1)
    soft_loss(logits, targets).backward()
    torch.testing.assert_close(soft_slope(logits.detach(), targets), logits.grad)


def test_the_loss_is_least_where_the_network_says_what_its_teacher_says():
    probabilities = torch.tensor([[0.7, 0.2, 0.1]])
    loss = soft_loss(probabilities.log(), probabilities)
    for other in ([0.6, 0.3, 0.1], [0.98, 0.01, 0.01]):
        assert soft_loss(torch.tensor([other]).log(), probabilities) > loss


@pytest.mark.slow
def test_a_pupil_comes_nearer_to_its_teacher_than_a_network_that_learns_the_labels(
    committee, tiny_dataset, tmp_path
):
    recipe = loupe.recipe(MLP, epochs=60, learning_rate=0.01)
    alone = loupe.train(tiny_dataset, recipe, out=tmp_path / "alone")
    pupil = loupe.train(tiny_dataset, recipe, out=tmp_path / "pupil", distil=committee)
    images = tiny_dataset.test.images
    taught, other, wanted = (run.classifier.predict(images) for run in (pupil, alone, committee))
    assert np.abs(taught - wanted).mean() < np.abs(other - wanted).mean()
    known = pupil.environment["distilled_from"]
    assert known["model"] == str(committee.folder / "model.onnx")
    assert pupil.classifier.size_bytes < committee.classifier.size_bytes


def test_a_view_that_is_varied_is_shown_to_the_teacher(committee, tiny_dataset):
    varied = loupe.recipe(MLP, augmentation={"shift": 1.0})
    dataset, recipe = ready(tiny_dataset, varied)
    teacher = teacher_of(committee.folder, tiny_dataset, dataset, recipe)
    assert teacher.known is None
    images = dataset.train.images[:20]
    inputs = torch.from_numpy(images.transpose(0, 3, 1, 2).astype(np.float32) / 255)
    said = teacher.soft_labels(inputs, torch.arange(20))
    expected = torch.from_numpy(committee.classifier.predict(images))
    torch.testing.assert_close(said, expected)
    still = teacher_of(committee.folder, tiny_dataset, *ready(tiny_dataset, loupe.recipe(MLP)))
    torch.testing.assert_close(still.soft_labels(inputs, torch.arange(20)), expected)


def test_convolutions_are_taught_on_the_fly_and_resume_finds_its_teacher(
    committee, tiny_dataset, tmp_path
):
    recipe = loupe.recipe("fast", network="4C3-MP2", epochs=2, validation=0.3, seed=777)
    run = loupe.train(tiny_dataset, recipe, out=tmp_path / "pupil", distil=committee.folder)
    weights = (run.folder / "weights.safetensors").read_bytes()
    (run.folder / "model.onnx").unlink()
    loupe.resume(run.folder, tiny_dataset)
    assert (run.folder / "weights.safetensors").read_bytes() == weights
    path = committee.folder / "model.onnx"
    with pytest.raises(RunError, match="gone"):
        same_model({"model": str(path.with_name("none.onnx")), "sha256": ""})
    with pytest.raises(RunError, match="another file"):
        same_model({"model": str(path), "sha256": "0"})


def test_a_teacher_that_cannot_teach_is_refused(committee, tiny_dataset, tmp_path):
    def train(dataset=tiny_dataset, recipe=None, distil=committee, **settings):
        recipe = recipe or loupe.recipe(MLP, epochs=1, **settings)
        loupe.train(dataset, recipe, out=tmp_path / "none", distil=distil)

    with pytest.raises(DataError, match="same classes"):
        train(replace(tiny_dataset, class_names=("a", "row", "blob")))
    with pytest.raises(DataError, match="8x8x1"):
        larger = np.pad(tiny_dataset.images, ((0, 0), (1, 1), (1, 1), (0, 0)))
        train(replace(tiny_dataset, images=larger))
    with pytest.raises(DataError, match="fingerprint"):
        train(replace(tiny_dataset, labels=np.roll(tiny_dataset.labels, 3).copy()[::-1].copy()))
    with pytest.raises(ModelError):
        train(distil=tmp_path / "nothing.onnx")
    with pytest.raises(RecipeError, match="binary networks"):
        train(head="one-vs-rest")
    with pytest.raises(RecipeError, match="weighs the losses"):
        train(balance="weights")
    with pytest.raises(RecipeError, match="--seed 777 --validation 0.3"):
        train(seed=3)
    with pytest.raises(RecipeError, match="held out for validation"):
        train(validation=0.5)
    assert not (tmp_path / "none").exists()


def test_no_image_that_is_held_out_was_the_teachers_whatever_split_they_share(
    committee, tiny_dataset
):
    assert np.count_nonzero(tiny_dataset.split == TEST) == 60
    dataset, recipe = ready(tiny_dataset, loupe.recipe(MLP, epochs=1, validation=0.0))
    assert isinstance(teacher_of(committee.folder, tiny_dataset, dataset, recipe), Teacher)


def test_half_of_what_is_learnt_are_the_labels_smoothed_as_without_a_teacher():
    soft = torch.tensor([[0.7, 0.2, 0.1], [0.0, 0.0, 1.0]])
    blended = with_labels(soft, torch.tensor([1, 2]), smoothing=0.3)
    assert torch.allclose(blended, torch.tensor([[0.4, 0.5, 0.1], [0.05, 0.05, 0.9]]))
    assert torch.allclose(blended.sum(1), torch.ones(2))


def test_soft_labels_of_certainty_are_the_labels():
    labels = torch.tensor([0, 2])
    logits = torch.tensor([[2.0, 0.0, 1.0], [0.5, 0.0, 0.1]])
    hard = functional.one_hot(labels, 3).float()
    torch.testing.assert_close(soft_loss(logits, hard), functional.cross_entropy(logits, labels))
