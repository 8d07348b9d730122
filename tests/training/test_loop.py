import copy
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from torch.nn import functional

from loupe.training import loop
from loupe.training.job import seed_of
from loupe.training.loop import EMA_INTERVAL, finish_epoch, run_step
from loupe.training.member import new_member
from loupe.training.prepare import background_level, prepare, with_validation


@pytest.fixture
def job_of(tiny_dataset):
    """What trains the tiny data set: 220 training images, 6 steps of 32 an epoch."""

    def make(**settings):
        recipe = tiny.recipe_of(precision="float32", **settings)
        return prepare(with_validation(tiny_dataset, recipe), recipe)

    return make


def take_epoch(member, job):
    """Train one epoch; give the images that were seen, and its row."""
    seen = torch.cat([take_step(member, job) for _ in range(job.steps_per_epoch)])
    return seen, finish_epoch(member, job)


def take_step(member, job):
    """Train one step; give the images that were seen."""
    run_step(member, job)
    done = (member.step - member.round_start) * job.batch_size
    return member.order[done - job.batch_size : done].clone()


def test_an_epoch_takes_full_batches_of_different_images(job_of):
    job = job_of()
    member = new_member(job, 0)
    left_over = []
    for _ in range(3):
        seen, _ = take_epoch(member, job)
        assert len(seen) == len(torch.unique(seen)) == 6 * 32
        left_over.append(set(range(220)) - set(seen.tolist()))
    assert len(set.intersection(*left_over)) < 10  # the images left over are others each time


def test_a_batch_larger_than_the_data_is_all_of_the_data(job_of):
    job = job_of(batch_size=1000)
    assert (job.batch_size, job.steps_per_epoch, job.num_steps) == (220, 1, 3)
    seen, _ = take_epoch(new_member(job, 0), job)
    assert sorted(seen.tolist()) == list(range(220))


def test_images_come_in_another_order_in_each_epoch_and_member(job_of):
    job = job_of()
    first, second = new_member(job, 0), new_member(job, 1)
    orders = [take_epoch(first, job)[0], take_epoch(first, job)[0], take_epoch(second, job)[0]]
    assert not any(torch.equal(orders[i], orders[j]) for i, j in ((0, 1), (0, 2), (1, 2)))


def test_the_rows_figures_are_those_of_the_images_as_they_were_last_seen(job_of):
    job = job_of(learning_rate=1e-30, optimizer="sgd", label_smoothing=0.1, network="9N")
    member = new_member(job, 0)
    seen, row = take_epoch(member, job)
    with torch.inference_mode():
        logits = member.net(job.training.images[seen] / 255)
    labels = job.training.labels[seen]
    expected = functional.cross_entropy(logits, labels, label_smoothing=0.1)
    assert row.loss == pytest.approx(float(expected), rel=1e-5)
    assert row.accuracy == pytest.approx(float((logits.argmax(1) == labels).float().mean()))
    assert row.learning_rate == 1e-30


def test_focus_takes_the_images_with_the_highest_loss_when_last_seen(job_of):
    job = job_of(focus=0.4, focus_from=2, network="9N")
    member = new_member(job, 0)
    everything, _ = take_epoch(member, job)
    assert len(torch.unique(everything)) == 192
    before = member.losses.clone()
    seen = [take_step(member, job)]  # of a round of 0.4 x 220 = 88 images: 64 in whole batches
    hardest = set(before.topk(88).indices.tolist())
    assert len(member.order) == 64 and set(member.order.tolist()) <= hardest
    unseen = set(range(220)) - set(everything.tolist())
    assert unseen <= hardest  # an image that was never seen comes first
    seen += [take_step(member, job) for _ in range(5)]
    assert len(torch.unique(torch.cat(seen))) < 192  # 6 steps as ever: hard images come again
    assert member.step == 12 and finish_epoch(member, job).epoch == 2


@pytest.mark.parametrize("focus", [0.01, 0.5, 0.99, 1.0])
def test_any_focus_keeps_the_number_of_steps(focus, job_of):
    job = job_of(focus=focus, focus_from=1, epochs=2)
    member = new_member(job, 0)
    rows = [take_epoch(member, job)[1] for _ in range(2)]
    assert [row.epoch for row in rows] == [1, 2] and member.step == job.num_steps == 12


def test_images_are_mirrored_by_turns(job_of):
    job = job_of(augmentation={"flip": "horizontal"}, batch_size=1000)
    member = new_member(job, 0)
    first = member.sides.clone()
    assert 80 < int((first > 0).sum()) < 140
    for expected in (-first, first, -first):
        take_epoch(member, job)
        assert torch.equal(member.sides, expected)


def test_the_average_of_weights_follows_the_weights(job_of):
    job = job_of(ema=0.5)
    member = new_member(job, 0)
    assert member.evaluated is member.average
    slow = copy.deepcopy(member.average.state_dict())
    for step in range(1, 31):
        run_step(member, job)
        if step % EMA_INTERVAL and step > EMA_INTERVAL:
            continue
        updates = step // EMA_INTERVAL
        decay = min(0.5**EMA_INTERVAL, updates / (updates + 10))
        for name, tensor in member.net.state_dict().items():
            if tensor.is_floating_point():
                slow[name] = decay * slow[name] + (1 - decay) * tensor
    for name, tensor in member.average.state_dict().items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, slow[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("steps", [1, 3])
def test_the_average_of_a_very_short_run_is_what_it_learnt(steps, job_of):
    job = job_of(ema=0.99)
    member = new_member(job, 0)
    for _ in range(steps):
        run_step(member, job)
    for mean, live in zip(member.average.parameters(), member.net.parameters(), strict=True):
        assert torch.equal(mean, live)


def test_without_an_average_the_weights_are_evaluated(job_of):
    member = new_member(job_of(), 0)
    assert member.average is None and member.evaluated is member.net


def test_what_the_network_sees_is_the_image_as_the_model_file_will_see_it(job_of):
    job = job_of()
    assert job.background > 0
    chosen = torch.tensor([3, 5])
    inputs = loop._inputs(job, new_member(job, 0), chosen, 0)
    torch.testing.assert_close(inputs, job.training.images[chosen] / 255)


def test_what_is_shifted_in_is_the_background_of_the_data(job_of, tiny_dataset):
    job = job_of(augmentation={"shift": 3})
    inputs = loop._inputs(job, new_member(job, 0), torch.arange(200), 0)
    corners = inputs[:, 0, [0, 0, -1, -1], [0, -1, 0, -1]] * 255
    assert job.background == background_level(with_holdout(tiny_dataset, job).images)
    assert float((corners - job.background).abs().min(1).values.median()) < 1


@pytest.mark.parametrize("level", [0.0, 230.0])
def test_noise_makes_no_pixel_that_an_image_cannot_have(job_of, tiny_dataset, level):
    job = job_of(augmentation={"noise": 0.5})
    job = replace(job, background=level)
    job.training.images.clamp_(min=int(level))
    inputs = loop._inputs(job, new_member(job, 0), torch.arange(200), 0)
    assert float(inputs.min()) == 0 and float(inputs.max()) == 1


def with_holdout(dataset, job):
    return with_validation(dataset, job.recipe).train


def test_the_background_is_the_median_of_the_borders():
    images = np.full((10, 6, 6, 1), 7, np.uint8)
    images[:, 2:4, 2:4] = 255
    images[0] = 99
    assert background_level(images) == 7.0


def test_seeds_of_different_purposes_members_and_recipes_are_far_apart():
    recipes = [tiny.recipe_of(seed=seed) for seed in (0, 1)]
    purposes = ["weights", "step 1", "step 11", "order 1"]
    seeds = [seed_of(r, m, p) for r in recipes for m in (0, 1, 10) for p in purposes]
    assert len(set(seeds)) == len(seeds) and all(0 <= seed < 2**63 for seed in seeds)
    assert np.diff(np.sort(seeds)).min() > 2**40


def test_the_rows_figures_are_over_all_images_as_each_was_last_seen(job_of):
    job = job_of(focus=0.4, focus_from=2, network="9N")
    member = new_member(job, 0)
    everything, _ = take_epoch(member, job)
    _, row = take_epoch(member, job)
    ever = torch.nonzero(member.losses < 1e6).flatten()
    assert set(everything.tolist()) <= set(ever.tolist())  # not of the hard images alone
    assert row.loss == pytest.approx(float(member.losses[ever].mean()), rel=1e-6)
    right = member.guesses[ever] == job.training.labels[ever]
    assert row.accuracy == pytest.approx(float(right.float().mean()))
