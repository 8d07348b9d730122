from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

import loupe
from loupe.errors import TrainingError
from loupe.generation import adversaries, loop
from loupe.generation.adversaries import (
    BATCH_SIZE,
    PENALTY_INTERVAL,
    _shifted,
    bf16_agrees,
    draw,
    judge,
    new_adversaries,
    refuse_divergence,
    run_step,
)
from loupe.generation.loop import pile_of, steps_within


@pytest.fixture(scope="module")
def pile(tiny_dataset):
    return pile_of(tiny_dataset)


def weights(pair):
    return torch.cat(
        [p.detach().flatten() for net in pair.networks.values() for p in net.parameters()]
    )


def test_the_same_seed_gives_the_same_weights_to_the_last_bit(pile):
    pairs = [new_adversaries(pile, 5) for _ in range(2)]
    for pair in pairs:
        torch.rand(7)  # of the program around it: not ours
        for _ in range(4):
            run_step(pair, pile, 5, 10)
    assert torch.equal(*map(weights, pairs))
    other = new_adversaries(pile, 6)
    assert not torch.equal(weights(other), weights(new_adversaries(pile, 5)))


def test_the_loss_pairs_each_drawn_image_with_a_real_one(pile):
    pair = new_adversaries(pile, 0)
    real, drawn = torch.rand(2, 8, 1, 8, 8)
    labels = torch.arange(8) % 3
    judged = judge(pair, real, drawn, labels, penalty=0.0)
    difference = pair.discriminator(drawn, labels) - pair.discriminator(real, labels)
    torch.testing.assert_close(judged.loss, functional.softplus(difference).mean())
    assert judged.figures.keys() == {"discriminator", "gap"}
    assert not judged.of_real.requires_grad


def test_the_penalty_is_the_squared_slope_at_real_and_at_drawn_images(pile):
    pair = new_adversaries(pile, 0)
    real, drawn = torch.rand(2, 4, 1, 8, 8)
    labels = torch.tensor([0, 1, 2, 0])
    expected = 0.0
    for images in (real, drawn):
        for image, label in zip(images, labels, strict=True):
            image = image[None].requires_grad_()
            score = pair.discriminator(image, label[None]).sum()
            (slope,) = torch.autograd.grad(score, image)
            expected += float(slope.square().sum()) / 4
    judged, plain = (judge(pair, real, drawn, labels, penalty=p) for p in (0.5, 0.0))
    assert judged.figures["penalty"] == pytest.approx(expected, rel=1e-4)
    added = float(judged.loss.detach() - plain.loss.detach())
    assert added == pytest.approx(0.5 / 2 * PENALTY_INTERVAL * expected, rel=1e-3)


def test_both_learn_in_a_step_and_the_average_follows(pile):
    pair = new_adversaries(pile, 0)
    before = {name: [p.clone() for p in net.parameters()] for name, net in pair.networks.items()}
    run_step(pair, pile, 0, 10)
    for name, net in pair.networks.items():
        assert any(
            not torch.equal(p, old) for p, old in zip(net.parameters(), before[name], strict=True)
        )
    assert pair.step == 1
    assert all(p.requires_grad for p in pair.discriminator.parameters())


@pytest.mark.slow
def test_the_discriminator_learns_to_tell_them_apart_where_the_generator_stands_still(
    pile, monkeypatch
):
    pair = new_adversaries(pile, 0)
    monkeypatch.setattr(pair.optimizers[0], "step", lambda factor: None)
    for _ in range(15):
        run_step(pair, pile, 0, 15)
    assert pair.losses["discriminator"] < 0.5  # at first about ln 2
    assert pair.losses["gap"] > 0.5


def test_images_are_moved_whole_and_by_no_more_than_asked():
    image = torch.zeros(20, 1, 9, 9)
    image[:, :, 4, 4] = 1
    moved = _shifted(image, 2, torch.Generator().manual_seed(0))
    _, _, rows, columns = moved.nonzero(as_tuple=True)
    assert len(rows) == 20
    assert {int(abs(place - 4)) for place in torch.cat([rows, columns])} == {0, 1, 2}
    assert _shifted(image, 0, torch.Generator()) is image


def test_gradients_find_their_way_back_through_the_move():
    image = torch.rand(3, 1, 9, 9, requires_grad=True)
    _shifted(image, 1, torch.Generator().manual_seed(1))[:, :, 4, 4].sum().backward()
    assert image.grad.sum() == 3


def test_mirrored_images_come_only_where_they_keep_their_label(pile):
    numbers = [torch.Generator().manual_seed(2) for _ in range(2)]
    plain, _ = adversaries._real_batch(pile, numbers[0])
    turned, _ = adversaries._real_batch(replace(pile, mirrors=True), numbers[1])
    assert len(plain) == BATCH_SIZE
    is_turned = [not torch.equal(a, b) for a, b in zip(plain, turned, strict=True)]
    assert 5 < sum(is_turned) < BATCH_SIZE - 5
    first = is_turned.index(True)
    torch.testing.assert_close(turned[first], plain[first].flip(2))


def test_drawn_images_are_cut_to_the_size_of_the_data():
    generator = np.random.default_rng(0)
    images = generator.integers(0, 255, (60, 9, 11, 3), np.uint8)
    pile = pile_of(loupe.from_arrays(images, np.arange(60) % 2))
    assert pile.images.shape[2:] == (10, 12)
    drawn = draw(new_adversaries(pile, 0), torch.tensor([0, 1]), torch.Generator())
    assert drawn.shape == (2, 3, 9, 11)
    assert drawn.dtype == torch.uint8


def test_bf16_is_compared_with_float32_before_it_is_used(pile, monkeypatch):
    assert isinstance(bf16_agrees(pile, 0), bool)
    monkeypatch.setattr(adversaries, "AGREEMENT", 0.0)
    assert not bf16_agrees(pile, 0)


def test_a_loss_that_is_no_number_ends_it(pile):
    pair = new_adversaries(pile, 0)
    pair.losses = {"generator": float("nan")}
    with pytest.raises(TrainingError, match="no number any more at step 0"):
        refuse_divergence(pair)


def test_a_time_budget_becomes_steps(pile, monkeypatch):
    monkeypatch.setattr(loop, "WARMUP_STEPS", 1)
    monkeypatch.setattr(loop, "TIMED_STEPS", 1)
    few, many = (steps_within(pile, minutes, 0, bf16=False) for minutes in (0.05, 5.0))
    assert 1 <= few < many
    assert steps_within(pile, 1e-9, 0, bf16=False) == 1
