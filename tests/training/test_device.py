import pytest
import tiny
import torch
from torch import nn

from loupe.networks.build import build
from loupe.recipes.named import NAMED
from loupe.recipes.recipe import changed
from loupe.training import prepare as preparing
from loupe.training.device import bf16_agrees, choose_compute, has_native_bf16, keep_heap
from loupe.training.train import train

IMAGES = torch.rand(32, 1, 28, 28, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(32) % 10


class Wrong(nn.Module):
    """Computes as the network inside it does; in bf16, something happens to the result."""

    def __init__(self, net, fault):
        super().__init__()
        self.net, self.fault = net, fault

    def forward(self, inputs):
        outputs = self.net(inputs)
        return self.fault(outputs) if torch.is_autocast_enabled("cpu") else outputs


class WrongGradient(torch.autograd.Function):
    """The right result with the wrong gradient."""

    @staticmethod
    def forward(context, inputs):
        return inputs.clone()

    @staticmethod
    def backward(context, gradient):
        return -gradient


FAULTS = {
    "logits": lambda outputs: outputs.flip(1),
    "one logit": lambda outputs: outputs + 3 * torch.eye(10)[0],
    "not a number": lambda outputs: outputs * float("nan"),
    "gradient": WrongGradient.apply,
}


@pytest.mark.parametrize("name", NAMED)
def test_bf16_of_the_named_networks_agrees_with_float32(name):
    net = build(NAMED[name], (1, 28, 28), 10, seed=0)
    assert bf16_agrees(net, IMAGES, LABELS, seed=0)
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize("fault", FAULTS)
def test_bf16_that_computes_something_else_is_found_out(fault):
    net = build(NAMED["fast"], (1, 28, 28), 10, seed=0)
    assert bf16_agrees(Wrong(net, lambda outputs: outputs), IMAGES, LABELS, seed=0)
    assert not bf16_agrees(Wrong(net, FAULTS[fault]), IMAGES, LABELS, seed=0)


def test_the_comparison_draws_nothing_from_the_global_generator():
    net = build(NAMED["cnn-995"], (1, 28, 28), 10, seed=0)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    bf16_agrees(net, IMAGES, LABELS, seed=0)
    assert torch.equal(torch.rand(3), expected)


def test_a_run_falls_back_on_float32_where_bf16_does_not_agree(tiny_dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(preparing, "bf16_agrees", lambda *arguments: False)
    recipe = tiny.recipe_of(precision="bf16", epochs=1)
    run = train(tiny_dataset, recipe, out=tmp_path / "run")
    assert run.environment["precision"] == "float32"
    monkeypatch.undo()
    exact = train(tiny_dataset, changed(recipe, {"precision": "float32"}), out=tmp_path / "exact")
    assert tiny.weights(run) == tiny.weights(exact)


def test_a_recipe_decides_device_and_precision():
    on_cpu = changed(NAMED["fast"], {"device": "cpu"})
    assert choose_compute(on_cpu).device.type == "cpu"
    assert choose_compute(on_cpu).bf16 == has_native_bf16("cpu")
    assert choose_compute(changed(on_cpu, {"precision": "bf16"})).precision == "bf16"
    assert choose_compute(changed(on_cpu, {"precision": "float32"})).precision == "float32"


@pytest.mark.parametrize(
    ("network", "gains"),
    [
        ("8C3", True),
        ("512N", True),
        ("64N-128N", True),
        ("", False),
        ("63N-32N", False),
        ("64N", True),
    ],
)
def test_bf16_is_chosen_where_layers_are_wide_enough_to_gain(network, gains):
    compute = choose_compute(tiny.recipe_of(network=network, device="cpu"))
    assert compute.bf16 == (gains and has_native_bf16("cpu"))


def test_autocast_computes_in_the_precision_that_was_chosen():
    layer, inputs = nn.Linear(64, 64), torch.rand(8, 64)
    for precision, dtype in (("bf16", torch.bfloat16), ("float32", torch.float32)):
        compute = choose_compute(tiny.recipe_of(precision=precision, device="cpu"))
        with compute.autocast():
            assert layer(inputs).dtype == dtype


def test_tuning_the_heap_can_be_done_twice():
    keep_heap()
    keep_heap()
