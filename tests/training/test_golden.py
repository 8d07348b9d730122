from dataclasses import dataclass

import pytest

from loupe.data.read import read
from loupe.recipes.named import recipe
from loupe.recipes.recipe import changed
from loupe.training.train import train

FAST = recipe("fast")


@dataclass(frozen=True)
class Golden:
    """A figure of the last epoch over seeds; one seed more is to lie within four spreads."""

    mean: float
    spread: float  # standard deviation

    def holds(self, figure):
        return abs(figure - self.mean) < 4 * self.spread


# Validation images, two Zen 5 cores, bf16, one thread.
DIGITS_ACCURACY = Golden(0.9959, 0.0022)  # n=12 seeds
DIGITS_LOSS = Golden(0.5562, 0.0042)
MNIST_ACCURACY = Golden(0.99325, 0.00097)  # n=8 seeds


@pytest.mark.slow
def test_fast_reads_digits_as_well_as_it_ever_did(tmp_path):
    few = {**FAST.variants["few"], "epochs": 8}  # of 30: these are quick
    short = changed(FAST, {"validation": 0.3, "variants": {**FAST.variants, "few": few}})
    run = train(read("digits"), short, out=tmp_path / "run")
    last = run.history[-1]
    assert run.card.evaluation["n"] == 431
    assert DIGITS_ACCURACY.holds(last.val_accuracy)
    assert DIGITS_LOSS.holds(last.val_loss)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_fast_reads_mnist_as_well_as_it_ever_did(seed, mnist, tmp_path):
    run = train(mnist, changed(FAST, {"seed": seed}), out=tmp_path / "run")
    assert run.card.evaluation["n"] == 5000
    assert MNIST_ACCURACY.holds(run.history[-1].val_accuracy)
    assert run.environment["parity"]["images"] == 5000
