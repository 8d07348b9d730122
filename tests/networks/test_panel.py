import itertools

import engine
import numpy as np
import pytest
import torch

from loupe.networks.committee import Committee
from loupe.networks.coupling import couple
from loupe.networks.panel import VOTES, Panel, build_stack
from loupe.recipes.heads import problems_of
from loupe.recipes.recipe import Recipe

SHAPE = (1, 8, 8)


def panel_of(head, *, classes=4, network="4C3b-5N", seed=0):
    count = len(problems_of(head, classes))
    recipe = Recipe(name="mine", network=network)
    stack = build_stack(recipe, SHAPE, range(seed, seed + count))
    with torch.no_grad():
        stack.head.weight.mul_(10)  # answers that differ
    panel = Panel(stack, head, classes).eval()
    panel.temperatures.copy_(torch.linspace(0.5, 2, count))
    return panel


@pytest.mark.parametrize("head", VOTES)
@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("network", ["", "4C3b-5N", "MP2-4C3"])
def test_a_panel_means_the_same_in_onnx(head, classes, network):
    panel = panel_of(head, classes=classes, network=network)
    engine.assert_parity(panel, engine.random_images(6, SHAPE))


@pytest.mark.parametrize("head", VOTES)
@pytest.mark.parametrize(("shifts", "mirror"), [(False, False), (True, True)])
def test_panels_vote_in_a_committee_as_networks_do(head, shifts, mirror):
    panels = [panel_of(head, seed=seed) for seed in (0, 100)]
    committee, images = Committee(panels, shifts, mirror).eval(), engine.random_images(4, SHAPE)
    engine.assert_parity(committee, images)
    if not shifts:
        votes = torch.stack([panel(images).softmax(1) for panel in panels])
        torch.testing.assert_close(committee(images).softmax(1), votes.mean(0))


def test_one_vs_rest_shares_out_what_each_network_believes_of_its_class():
    panel = panel_of("one-vs-rest")
    images = engine.random_images(5, SHAPE)
    believed = torch.sigmoid(panel.stack(images) / panel.temperatures)
    expected = believed / believed.sum(1, keepdim=True)
    torch.testing.assert_close(panel(images).softmax(1), expected)


def pairs_of(probabilities):
    """Logits of the pairs that agree with the probabilities."""
    logs = np.log(probabilities)
    pairs = itertools.combinations(range(probabilities.shape[1]), 2)
    logits = np.stack([logs[:, i] - logs[:, j] for i, j in pairs], 1)
    return torch.from_numpy(logits.astype(np.float32))


@pytest.mark.parametrize("classes", [2, 3, 10, 20])
def test_pairs_that_agree_are_coupled_to_the_probabilities_that_they_come_from(classes):
    generator = np.random.default_rng(classes)
    probabilities = generator.dirichlet(np.full(classes, 0.5), 200).clip(1e-5)
    probabilities /= probabilities.sum(1, keepdims=True)
    coupled = couple(pairs_of(probabilities)).exp().numpy()
    np.testing.assert_allclose(coupled, probabilities, rtol=0, atol=1e-3)


def wu_lin_weng(ratios):
    """Their second method by its optimality conditions (19), in float64."""
    k = len(ratios)
    system = np.zeros((k + 1, k + 1))
    for i, j in itertools.product(range(k), repeat=2):
        off = -ratios[j, i] * ratios[i, j]
        system[i, j] = sum(ratios[s, i] ** 2 for s in range(k) if s != i) if i == j else off
    system[k, :k] = system[:k, k] = 1
    return np.linalg.solve(system, [0.0] * k + [1.0])[:k]


@pytest.mark.parametrize("spread", [0.5, 3.0, 8.0])
@pytest.mark.parametrize("classes", [3, 10])
def test_pairs_that_disagree_are_coupled_as_wu_lin_and_weng_do(classes, spread):
    generator = np.random.default_rng(0)
    pairs = np.triu_indices(classes, 1)
    logits = generator.normal(0, spread, (50, len(pairs[0]))).astype(np.float32)
    coupled = couple(torch.from_numpy(logits)).exp().numpy()
    for row, given in zip(logits, coupled, strict=True):
        ratios = np.zeros((classes, classes))
        ratios[pairs] = 1 / (1 + np.exp(-row.astype(np.float64)))
        ratios.T[pairs] = 1 - ratios[pairs]
        np.testing.assert_allclose(given, wu_lin_weng(ratios), rtol=0, atol=1e-3)


def test_answers_beyond_all_doubt_stay_numbers():
    for logits in (torch.full((2, 45), 1e4), torch.full((2, 45), -1e4), torch.zeros(2, 45)):
        coupled = couple(logits).exp()
        torch.testing.assert_close(coupled.sum(1), torch.ones(2))
    assert float(couple(torch.full((1, 45), 1e4)).exp()[0, 0]) > 0.999


def test_parity_holds_where_answers_are_sure():
    panel = panel_of("one-vs-one", classes=10)
    panel.temperatures.fill_(0.01)
    engine.assert_parity(panel, engine.random_images(20, SHAPE))
