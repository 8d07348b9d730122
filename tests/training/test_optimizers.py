import copy
from typing import get_args

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch.nn import functional

from loupe.networks.build import build
from loupe.recipes.recipe import Optimizer, Recipe
from loupe.training.optimizers import OPTIMIZERS, Adam, Muon, make_optimizers, orthogonalized

NETWORK = "8C3b-8C3p2b-12N"
IMAGES = torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(60) % 3


def recipe_of(optimizer, **settings):
    return Recipe(
        name="mine", network=NETWORK, optimizer=optimizer, **{"learning_rate": 0.01, **settings}
    )


def net_of(recipe):
    return build(recipe, (1, 8, 8), 3, seed=0)


def optimizers_of(net, recipe):
    return make_optimizers(list(net.parameters()), recipe)


def take_steps(net, optimizers, steps):
    """Losses of each step on the same images; optimizers are torch's or ours."""
    losses = []
    for _ in range(steps):
        net.zero_grad()
        loss = functional.cross_entropy(net(IMAGES), LABELS)
        loss.backward()
        for optimizer in optimizers:
            if isinstance(optimizer, torch.optim.Optimizer):
                optimizer.step()
            else:
                with torch.no_grad():
                    optimizer.step(1.0)
        losses.append(loss.item())
    return losses


def test_every_optimizer_of_a_recipe_has_its_row():
    assert OPTIMIZERS.keys() == set(get_args(Optimizer))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_lowers_the_loss(name):
    recipe = recipe_of(name, learning_rate=0.05 if name in ("sgd", "nesterov") else 0.01)
    net = net_of(recipe)
    losses = take_steps(net, optimizers_of(net, recipe), 30)
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_every_parameter_is_in_one_group(name, weight_decay):
    recipe = recipe_of(name, weight_decay=weight_decay)
    net = net_of(recipe)
    grouped = [id(p) for each in optimizers_of(net, recipe) for p in each.parameters]
    assert sorted(grouped) == sorted(id(p) for p in net.parameters())


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "muon"])
def test_weight_decay_acts_on_matrices_and_filters_only(name):
    moved = {}
    for weight_decay in (0.0, 0.1):
        recipe = recipe_of(name, weight_decay=weight_decay, momentum=0.0)
        net = net_of(recipe)
        take_steps(net, optimizers_of(net, recipe), 1)
        moved[weight_decay] = [parameter.detach().clone() for parameter in net.parameters()]
    for without, decayed in zip(moved[0.0], moved[0.1], strict=True):
        assert torch.equal(without, decayed) == (without.ndim == 1)


TORCHS = {
    "sgd": lambda p: torch.optim.SGD(p, 0.01, momentum=0.8, weight_decay=0.1),
    "nesterov": lambda p: torch.optim.SGD(p, 0.01, 0.8, weight_decay=0.1, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, 0.01, (0.8, 0.99), weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, 0.01, (0.8, 0.99), weight_decay=0.1),
    "rmsprop": lambda p: torch.optim.Adam(p, 0.01, (0.0, 0.99), weight_decay=0.1),
}


@pytest.mark.parametrize("name", TORCHS)
def test_an_optimizer_of_torch_takes_torchs_steps(name):
    recipe = recipe_of(name, momentum=0.8, beta_2=0.99, weight_decay=0.1)
    ours, theirs = net_of(recipe), net_of(recipe)
    plain = TORCHS[name]([{"params": [p for p in theirs.parameters() if p.ndim > 1]}])
    vectors = TORCHS[name]([{"params": [p for p in theirs.parameters() if p.ndim == 1]}])
    vectors.param_groups[0]["weight_decay"] = 0.0
    given = take_steps(ours, optimizers_of(ours, recipe), 6)
    expected = take_steps(theirs, [plain, vectors], 6)
    assert given == pytest.approx(expected, rel=1e-3)
    for mine, right in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_is_taken_at_a_fraction_of_the_highest_rate(name):
    """A first step at half the rate goes half as far."""
    recipe = recipe_of(name, learning_rate=0.001, muon_learning_rate=0.001)
    moved = []
    for factor in (1.0, 0.5):
        net = net_of(recipe)
        take_steps(net, optimizers_of(net, recipe), 1)  # brings Muon's filters to their length
        before = [parameter.detach().clone() for parameter in net.parameters()]
        with torch.no_grad():
            for optimizer in optimizers_of(net, recipe):
                optimizer.step(factor)
        after = [parameter.detach() for parameter in net.parameters()]
        moved.append([b - a for a, b in zip(after, before, strict=True)])
    for whole, half in zip(*moved, strict=True):
        torch.testing.assert_close(half, whole / 2, rtol=0.01, atol=1e-6)


def test_muon_takes_the_filters_of_inner_convolutions_and_adamw_the_rest():
    recipe = recipe_of("muon")
    net = net_of(recipe)
    adamw, muon = optimizers_of(net, recipe)
    assert isinstance(adamw, Adam) and isinstance(muon, Muon)
    assert [p.shape for p in muon.parameters] == [(8, 8, 3, 3)]


def test_muon_without_inner_convolutions_is_adamw():
    recipe = recipe_of("muon")
    net = build(Recipe(name="mine", network="8C3-12N"), (3, 8, 8), 3, seed=0)
    assert len(optimizers_of(net, recipe)) == 1


def test_muon_keeps_the_length_of_its_filters():
    recipe = recipe_of("muon", muon_learning_rate=0.01)
    net = net_of(recipe)
    optimizers = optimizers_of(net, recipe)
    take_steps(net, optimizers, 3)
    filters = optimizers[1].parameters[0]
    assert float(filters.detach().norm()) == pytest.approx(8**0.5, rel=0.02)


sizes = st.integers(1, 40)


@settings(max_examples=40, deadline=None)
@given(sizes, sizes, st.integers(0, 2**31), st.floats(1e-3, 1e3))
def test_an_orthogonalized_matrix_keeps_its_directions_and_has_singular_values_near_1(
    rows, columns, seed, scale
):
    generator = torch.Generator().manual_seed(seed)
    matrix = scale * torch.randn(rows, columns, generator=generator)
    result = orthogonalized(matrix)
    before, after = torch.linalg.svdvals(matrix / matrix.norm()), torch.linalg.svdvals(result)
    assert result.shape == matrix.shape
    assert float(after.max()) < 1.21
    # Each value goes its own way: those above 0.02 of the length come to 0.68 .. 1.21.
    assert int((after > 0.67).sum()) >= int((before > 0.02).sum())
    product = (matrix / matrix.norm()).T @ result  # V S S' V', symmetric if the directions are kept
    torch.testing.assert_close(product, product.T, rtol=0, atol=1e-4)
    assert float(torch.linalg.eigvalsh(product.double()).min()) > -1e-4


def test_a_gradient_of_zeros_is_no_step():
    assert not orthogonalized(torch.zeros(3, 4)).any()


def test_muon_takes_its_step_along_the_orthogonalized_gradient():
    filters = torch.nn.Parameter(
        torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    )
    filters.grad = torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(1))
    before = copy.deepcopy(filters.detach())
    Muon([filters], 0.1, momentum=0.6).step(1.0)
    unit = before * (6**0.5 / before.norm())
    direction = orthogonalized(filters.grad.flatten(1)).view(6, 4, 3, 3)
    torch.testing.assert_close(filters.detach(), unit - 0.1 * direction)
