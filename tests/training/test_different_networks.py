"""Committees of different networks, and what their card says of the gain."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import loupe
from loupe.data.split import hold_out_validation
from loupe.errors import RecipeError
from loupe.examination.committees import CommitteeGain, committee_gain
from loupe.networks.build import build
from loupe.recipes.recipe import changed, from_dict, read_recipe, to_dict, to_toml

NETWORKS = ("8N", "4C3b-MP2-8N", "")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory, tiny_dataset):
    recipe = changed(loupe.recipe("mlp-64-32", epochs=3), {"networks": list(NETWORKS)})
    return loupe.train(tiny_dataset, recipe, out=tmp_path_factory.mktemp("mixed") / "run")


def test_there_is_a_member_for_each_network(mixed, tiny_dataset):
    assert mixed.recipe.members == 3
    assert read_recipe(mixed.folder / "recipe.toml").networks == NETWORKS
    weights = load_file(mixed.folder / "weights.safetensors")
    features = [weights[f"member_{i}.head.weight"].shape[1] for i in range(3)]
    assert features == [8, 8, 64]
    assert mixed.classifier.predict(tiny_dataset.images[:5]).shape == (5, 3)


def test_the_card_says_what_each_member_does_alone(mixed, tiny_dataset):
    recipe = mixed.recipe
    held_out = hold_out_validation(tiny_dataset, recipe.validation, recipe.seed).validation
    stored = CommitteeGain.from_dict(mixed.card.evaluation["committee"])
    images = torch.from_numpy(held_out.images.transpose(0, 3, 1, 2).astype(np.float32) / 255)
    weights = load_file(mixed.folder / "weights.safetensors")
    for i, network in enumerate(NETWORKS):
        net = build(changed(recipe, {"network": network}), (1, 8, 8), 3, 0).eval()
        prefix = f"member_{i}."
        net.load_state_dict(
            {n.removeprefix(prefix): t for n, t in weights.items() if n.startswith(prefix)}
        )
        with torch.inference_mode():
            right = (net(images).argmax(1).numpy() == held_out.labels).mean()
        assert stored.members[i] == pytest.approx(right)
    together = mixed.classifier.predict(held_out.images).argmax(axis=1) == held_out.labels
    assert stored.accuracy == pytest.approx(together.mean())
    assert stored.value == pytest.approx(stored.accuracy - stored.mean_member)
    assert stored.low <= stored.value <= stored.high


def test_one_network_gains_nothing_and_says_nothing(tiny_dataset, tmp_path):
    run = loupe.train(tiny_dataset, loupe.recipe("logistic", epochs=1), out=tmp_path / "run")
    assert "committee" not in run.card.evaluation


def test_the_report_says_what_the_committee_gains(mixed, tiny_dataset, tmp_path):
    evaluation = loupe.evaluate(mixed, hold_out_validation(tiny_dataset, 0.3, 777), ledger=None)
    text = loupe.write_report(mixed, evaluation, path=tmp_path / "report.html").read_text()
    assert "Together the 3 networks are right in" in text
    assert "paired bootstrap over the images" in text
    assert "The second network, layer by layer" in text


def test_a_gain_is_as_narrow_as_the_differences_are():
    labels = np.zeros(1000, np.int64)
    hard = np.arange(1000) < 300  # images that all read wrongly tell nothing of the difference
    members = np.stack([np.where(hard, 1, 0)] * 2)
    members[:, 400:410] = 1
    found = committee_gain(labels, np.where(hard, 1, 0), members)
    assert found.value == pytest.approx(0.01)
    assert 0.003 < found.low < found.value < found.high < 0.018


def test_networks_go_round_and_are_never_more_than_members():
    recipe = from_dict({"name": "r", "networks": ["8N", "4N"], "members": 3})
    assert [recipe.network_of(i) for i in range(3)] == ["8N", "4N", "8N"]
    assert from_dict({"name": "r", "networks": ["8N", "4N"]}).members == 2
    with pytest.raises(RecipeError, match="3 networks are listed for 2 members"):
        from_dict({"name": "r", "networks": ["8N", "4N", "2N"], "members": 2})
    with pytest.raises(RecipeError, match="8X"):
        from_dict({"name": "r", "networks": ["8N", "8X"]})


def test_a_recipe_without_them_is_written_as_ever():
    assert "networks" not in to_dict(loupe.recipe("fast"))
    assert "networks" not in to_toml(loupe.recipe("fast"))
