import pytest
import tiny
import torch
from torch.nn import functional

from loupe.networks.build import build
from loupe.training.dense import dense_gradients, is_plain_dense


def both(network, smoothing, bf16):
    """Gradients, logits and losses by hand and by autograd."""
    net = build(tiny.recipe_of(network=network), (1, 8, 8), 5, seed=1)
    generator = torch.Generator().manual_seed(2)
    inputs = torch.rand(40, 1, 8, 8, generator=generator)
    labels = torch.randint(0, 5, (40,), generator=generator)
    by_hand = dense_gradients(net, inputs, labels, smoothing, bf16)
    gradients = [parameter.grad for parameter in net.parameters()]
    net.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        logits = net(inputs).float()
    losses = functional.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none")
    losses.mean().backward()
    expected = [parameter.grad for parameter in net.parameters()]
    return (*by_hand, *gradients), (logits.detach(), losses.detach(), *expected)


@pytest.mark.parametrize("network", ["", "9N", "12N-7N", "16N-12N-9N-6N"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradients_by_hand_are_autograds(network, smoothing):
    for given, expected in zip(*both(network, smoothing, bf16=False), strict=True):
        torch.testing.assert_close(given, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("network", ["", "9N", "16N-12N"])
def test_in_bf16_they_are_as_near_as_bf16_is(network):
    for given, expected in zip(*both(network, 0.1, bf16=True), strict=True):
        assert given.dtype == torch.float32
        assert (given - expected).norm() <= 0.02 * expected.norm() + 1e-4


@pytest.mark.parametrize(
    ("settings", "plain"),
    [
        ({"network": ""}, True),
        ({"network": "9N-7N"}, True),
        ({"network": "", "activation": "tanh"}, True),
        ({"network": "9N", "activation": "tanh"}, False),
        ({"network": "9Nb"}, False),
        ({"network": "9N-DO.5"}, False),
        ({"network": "4C3-9N"}, False),
    ],
)
def test_only_what_the_formulas_hold_for_is_computed_by_hand(settings, plain):
    assert is_plain_dense(build(tiny.recipe_of(**settings), (1, 8, 8), 3, seed=0)) is plain
