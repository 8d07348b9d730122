import copy

import pytest
import tiny
import torch
from torch.nn import functional

from loupe.networks.build import build
from loupe.training import dense
from loupe.training.dense import dense_gradients, is_plain_dense, lay_out, scaled_rows


def both(network, smoothing, bf16):
    """Logits and gradients by hand and by autograd."""
    net = build(tiny.recipe_of(network=network), (1, 8, 8), 5, seed=1)
    generator = torch.Generator().manual_seed(2)
    inputs = torch.rand(40, 1, 8, 8, generator=generator)
    labels = torch.randint(0, 5, (40,), generator=generator)
    laid_out = lay_out(net, len(labels), bf16)
    by_hand = dense_gradients(laid_out, inputs.flatten(1), labels, smoothing)
    given = [by_hand]
    for layer in laid_out.layers:
        given += [layer.weight_slope, layer.bias_slope]
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        logits = net(inputs).float()
    functional.cross_entropy(logits, labels, label_smoothing=smoothing).backward()
    return given, [logits.detach(), *(parameter.grad for parameter in net.parameters())]


@pytest.mark.parametrize("network", ["", "9N", "12N-7N", "16N-12N-9N-6N"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradients_by_hand_are_autograds(network, smoothing):
    for given, expected in zip(*both(network, smoothing, bf16=False), strict=True):
        torch.testing.assert_close(given, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("network", ["", "9N", "16N-12N"])
def test_in_bf16_they_are_as_near_as_bf16_is(network, monkeypatch):
    monkeypatch.setattr(dense, "BF16_MULTIPLY_ADDS", 0)
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


def test_only_large_products_are_computed_in_bf16():
    net = build(tiny.recipe_of(network="300N-20N"), (1, 28, 28), 10, seed=0)
    kinds = [layer.kind for layer in lay_out(net, 100, bf16=True).layers]
    assert kinds == [torch.bfloat16, torch.float32, torch.float32]
    assert {layer.kind for layer in lay_out(net, 100, bf16=False).layers} == {torch.float32}


def test_parameters_that_lie_side_by_side_are_the_networks_own():
    net = build(tiny.recipe_of(network="9N-7N"), (1, 8, 8), 3, seed=0)
    before = copy.deepcopy(net.state_dict())
    laid_out = lay_out(net, 10, bf16=False)
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, before[name])
    for part in laid_out.parameters:
        part.zero_()
    assert not any(tensor.any() for tensor in net.state_dict().values())
    net.load_state_dict(before)
    assert sum(float(part.abs().sum()) for part in laid_out.parameters) > 0


def test_scaled_rows_are_the_pixels_from_0_to_1(monkeypatch):
    images = torch.randint(0, 256, (6001, 2, 3, 4), dtype=torch.uint8)
    expected = images.flatten(1).float() / 255
    torch.testing.assert_close(scaled_rows(images, torch.float32), expected)
    rounded = scaled_rows(images, torch.bfloat16)
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(rounded.float(), expected, rtol=0.004, atol=0)
    monkeypatch.setattr(dense, "SCALED_BYTES", images.numel() * 4 - 1)
    assert scaled_rows(images, torch.float32) is None
    assert scaled_rows(images, torch.bfloat16) is not None
