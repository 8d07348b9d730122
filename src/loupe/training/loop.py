"""The training loop: one network from its first weights to its last, in sight."""

import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from loupe.runs.history import Epoch
from loupe.training.augmentation import augment
from loupe.training.dense import dense_gradients
from loupe.training.job import Job, Progress, Watch, seed_of
from loupe.training.member import (
    UNSEEN,
    Member,
    begin_round,
    new_member,
    refuse_divergence,
    restore_member,
    save_member,
    settle,
)
from loupe.training.schedule import rate_factor
from loupe.training.scores import NO_SCORES, scores, validate

EMA_INTERVAL = 5  # steps between two updates of the averaged weights: each costs 5 % of a step


def train_member(
    job: Job, index: int, checkpoint: Path, watch: Watch, stop: Callable[[], bool]
) -> Member:
    """Train one network to its end, from its checkpoint if there is one.

    Args:
        job: recipe and data.
        index: of the member; with the recipe's seed it decides every random number.
        checkpoint: file to save to and to go on from.
        watch: called after each step.
        stop: asked after each step; True ends the training with the weights there are.

    Raises:
        TrainingError: the loss is no number any more, or a checkpoint cannot be written.
    """
    member = new_member(job, index)
    if checkpoint.exists():
        restore_member(member, checkpoint, job)
    saved = time.monotonic()
    while not member.finished:
        run_step(member, job)
        whole = member.step % job.steps_per_epoch == 0
        row = finish_epoch(member, job) if whole else None
        member.finished = _is_over(member, job)
        if interrupted := stop():
            save_member(member, checkpoint, job)  # before the part of an epoch is scored as one
            row = row or finish_epoch(member, job)
        watch(Progress(index, member.step, job.num_steps, row))
        if interrupted:
            break
        if member.finished or time.monotonic() - saved >= job.checkpoint_seconds:
            save_member(member, checkpoint, job)
            saved = time.monotonic()
    if member.best:
        member.evaluated.load_state_dict(member.best)
    return member


def run_step(member: Member, job: Job) -> None:
    """Take one optimizer step: the next batch forward, backward, and into the weights."""
    began = time.perf_counter()
    recipe, size = job.recipe, job.batch_size
    if member.step % job.steps_per_epoch == 0:
        member.net.train()
        member.seconds = 0.0
    taken = (member.step - member.round_start) * size
    if taken == len(member.order):
        begin_round(member, job)
        taken = 0
    chosen = member.order[taken : taken + size]
    labels = job.training.labels.index_select(0, chosen)
    inputs = _inputs(job, member, chosen)
    member.logits[taken : taken + size] = _backward(member, job, inputs, labels)
    factor = rate_factor(recipe, member.step, job.num_steps)
    with torch.no_grad():
        for optimizer in member.optimizers:
            optimizer.step(factor)
    member.step += 1
    is_due = member.step % EMA_INTERVAL == 0 or member.step < EMA_INTERVAL  # a run may be as short
    if member.average is not None and is_due:
        _update_average(member.average, member.net, recipe.ema, member.step)
    member.seconds += time.perf_counter() - began


def _backward(member: Member, job: Job, inputs: Tensor, labels: Tensor) -> Tensor:
    """Leave the gradient in every parameter; give the logits, `[n k]`."""
    smoothing = job.recipe.label_smoothing
    if member.dense:
        return dense_gradients(member.dense, inputs.flatten(1), labels, smoothing)
    for parameter in member.net.parameters():
        parameter.grad = None
    with job.compute.autocast():
        logits: Tensor = member.net(inputs).float()
    loss = functional.cross_entropy(logits, labels, label_smoothing=smoothing)
    loss.backward()  # type: ignore[no-untyped-call]  # torch's own
    return logits.detach()


def finish_epoch(member: Member, job: Job) -> Epoch:
    """Score training images as they were last seen, and validation images; add the row."""
    began = time.perf_counter()
    job.compute.wait()  # these seconds are the steps' too
    member.seconds += time.perf_counter() - began
    number = (member.step - 1) // job.steps_per_epoch
    settle(member, job)
    refuse_divergence(member)
    seen = member.losses != UNSEEN
    loss = float(member.losses[seen].mean())
    labels = job.training.labels[seen]
    learnt = scores(member.guesses[seen], labels, loss, job.num_classes)
    held_out = NO_SCORES
    if len(job.validation):
        images, labels = job.validation.images, job.validation.labels
        smoothing = job.recipe.label_smoothing
        held_out = validate(member.evaluated, images, labels, job.compute, smoothing)
    rate = job.recipe.learning_rate * rate_factor(job.recipe, member.step - 1, job.num_steps)
    row = Epoch(
        number + 1, member.seconds, rate,
        learnt.loss, learnt.accuracy, learnt.precision, learnt.recall,
        held_out.loss, held_out.accuracy, held_out.precision, held_out.recall,
    )  # fmt: skip
    best = max((past.val_accuracy for past in member.history), default=-1.0)
    member.history.append(row)
    if row.val_accuracy > best:
        member.best_epoch = row.epoch
        if job.recipe.keep == "best" or job.recipe.patience:
            tensors = member.evaluated.state_dict()
            member.best = {name: tensor.clone() for name, tensor in tensors.items()}
    return row


def _is_over(member: Member, job: Job) -> bool:
    """Whether all steps are done, or validation has not improved for `patience` epochs."""
    patience = job.recipe.patience
    waited = len(member.history) - member.best_epoch
    bored = bool(patience and member.best_epoch) and waited >= patience
    return member.step >= job.num_steps or bored


def _inputs(job: Job, member: Member, chosen: Tensor) -> Tensor:
    """The network's input for the chosen images: `[n c h w]`, 0..1, varied as the recipe says."""
    device = job.compute.device
    if member.rows is not None:
        return member.rows.index_select(0, chosen)
    images = job.training.images.index_select(0, chosen)
    seed = seed_of(job.recipe, member.index, f"step {member.step}")
    if member.uses_dropout:
        torch.manual_seed(seed)  # dropout layers know no generator of their own
    if job.background:  # only what differs from it is an object, and moves
        images = images.float().sub_(job.background)
    inputs = images.float().mul_(1 / 255)
    generator = Generator(device).manual_seed(seed)
    sides = None
    if len(member.sides):
        sides = -member.sides.index_select(0, chosen)
        member.sides.index_copy_(0, chosen, sides)
    inputs = augment(inputs, job.recipe.augmentation, generator, sides)
    if job.background:
        inputs.add_(job.background / 255)
    return inputs.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def _update_average(average: nn.Module, net: nn.Module, decay: float, step: int) -> None:
    """Move the average towards the weights, batch-norm statistics included.

    Early averages forget faster, so that the first weights do not linger.
    """
    updates = step // EMA_INTERVAL
    decay = min(decay**EMA_INTERVAL, updates / (updates + 10))
    slow = [t for t in average.state_dict().values() if t.is_floating_point()]
    live = [t for t in net.state_dict().values() if t.is_floating_point()]
    torch._foreach_lerp_(slow, live, 1 - decay)
