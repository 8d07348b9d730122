"""The training loop: one network from its first weights to its last, in sight."""

import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from loupe.networks.panel import Panel
from loupe.runs.history import Epoch
from loupe.training.augmentation import augment
from loupe.training.dense import dense_gradients
from loupe.training.dense_stack import stack_gradients, weighed
from loupe.training.distillation import soft_loss, with_labels
from loupe.training.job import Job, Progress, Watch, seed_of
from loupe.training.margins import UNSEEN
from loupe.training.member import (
    Member,
    begin_round,
    new_member,
    refuse_divergence,
    restore_member,
    save_member,
    settle,
    voter,
)
from loupe.training.schedule import rate_factor
from loupe.training.scores import NO_SCORES, scores, validate, validate_panel

EMA_INTERVAL = 5  # steps between two updates of the averaged weights: each costs 5 % of a step

# Steps of one block of binary networks before the next one's turn: what is fetched into the cache
# is used as often.
BLOCK_STEPS = 25


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
        DivergenceError: the loss is no number any more.
        TrainingError: a checkpoint cannot be written.
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
    """Take one optimizer step: the next batch forward, backward, and into the weights.

    Blocks of binary networks take a few steps each before it is the next one's turn.
    """
    began = time.perf_counter()
    recipe, size = job.recipe, job.batch_size
    if member.step % job.steps_per_epoch == 0:
        member.net.train()
        member.seconds = 0.0
    taken = (member.step - member.round_start) * size
    if taken == member.order.shape[-1]:
        begin_round(member, job)
        taken = 0
    if member.blocks:
        member.step += _step_blocks(member, job, taken)
    else:
        _step_all(member, job, taken)
        member.step += 1
    is_due = member.step % EMA_INTERVAL == 0 or member.step < EMA_INTERVAL  # a run may be as short
    if member.average is not None and is_due:
        _update_average(member.average, member.net, recipe.ema, member.step)
    member.seconds += time.perf_counter() - began


def _step_all(member: Member, job: Job, taken: int) -> None:
    """Take one step with all weights."""
    chosen = member.order[..., taken : taken + job.batch_size]
    labels = job.training.labels.index_select(0, chosen.flatten()).view(chosen.shape)
    inputs = _inputs(job, member, chosen, member.step)
    if job.problems:
        logits = _backward_stack(member, job, inputs, labels)
        member.logits[:, taken : taken + job.batch_size] = logits
    else:
        targets = None
        if job.teacher:
            soft = job.teacher.soft_labels(inputs, chosen)
            targets = with_labels(soft, labels, job.recipe.label_smoothing)
        logits = _backward(member, job, inputs, labels, targets)
        member.logits[taken : taken + job.batch_size] = logits
    factor = rate_factor(job.recipe, member.step, job.num_steps)
    with torch.no_grad():
        for optimizer in member.optimizers:
            optimizer.step(factor)


@torch.no_grad()
def _step_blocks(member: Member, job: Job, taken: int) -> int:
    """Take steps with one block of networks after the other; give how many each took.

    They end where the average of weights is due, or the round or the epoch ends.
    """
    size, smoothing, all_weights = job.batch_size, job.recipe.label_smoothing, job.loss_weights
    until_due = BLOCK_STEPS
    if member.average is not None:
        until_due = 1 if member.step < EMA_INTERVAL else EMA_INTERVAL - member.step % EMA_INTERVAL
    count = min(
        until_due,
        (member.order.shape[-1] - taken) // size,
        job.steps_per_epoch - member.step % job.steps_per_epoch,
    )
    steps = range(member.step, member.step + count)
    places = [slice(taken + turn * size, taken + (turn + 1) * size) for turn in range(count)]
    factors = [rate_factor(job.recipe, step, job.num_steps) for step in steps]
    chosen = [member.order[..., place] for place in places]
    labels = [job.training.labels.index_select(0, c.flatten()).view(c.shape) for c in chosen]
    targets = [each == job.positives for each in labels]
    seen = []  # by all networks
    if not job.drawn_apart:
        taken_now = zip(chosen, steps, strict=True)
        seen = [_inputs(job, member, each, step).flatten(1) for each, step in taken_now]
    for block in member.blocks:
        own = block.networks
        weights = None if all_weights is None else all_weights[own]
        for turn, step in enumerate(steps):
            if job.drawn_apart:
                inputs = _inputs(job, member, chosen[turn][own], step).flatten(2)
            else:
                inputs = seen[turn]
            logits = stack_gradients(block.dense, inputs, targets[turn][own], smoothing, weights)
            member.logits[own, places[turn]] = logits
            for optimizer in block.optimizers:
                optimizer.step(factors[turn])
    return count


def _backward(
    member: Member, job: Job, inputs: Tensor, labels: Tensor, targets: Tensor | None
) -> Tensor:
    """Leave the gradient in every parameter; give the logits, `[n k]`.

    Of the loss by labels, or by the soft targets of a teacher.
    """
    smoothing = job.recipe.label_smoothing
    weights = job.loss_weights
    if member.dense:
        return dense_gradients(member.dense, inputs.flatten(1), labels, smoothing, weights, targets)
    for parameter in member.net.parameters():
        parameter.grad = None
    with job.compute.autocast():
        logits: Tensor = member.net(inputs).float()
    if targets is not None:
        loss = soft_loss(logits, targets)
    elif weights is None:
        loss = functional.cross_entropy(logits, labels, label_smoothing=smoothing)
    else:
        each = functional.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none")
        loss = (each * weights[labels]).mean()
    loss.backward()  # type: ignore[no-untyped-call]  # torch's own
    return logits.detach()


def _backward_stack(member: Member, job: Job, inputs: Tensor, labels: Tensor) -> Tensor:
    """Leave the gradient of each network's own mean loss; give their logits, `[networks n]`."""
    smoothing, weights = job.recipe.label_smoothing, job.loss_weights
    targets = labels == job.positives
    for parameter in member.net.parameters():
        parameter.grad = None
    with job.compute.autocast():
        logits: Tensor = member.net(inputs).float().t()
    believed = targets.float() * (1 - smoothing) + smoothing / 2
    losses = functional.binary_cross_entropy_with_logits(logits, believed, reduction="none")
    if weights is not None:
        losses = losses * weighed(targets, weights)
    losses.mean(1).sum().backward()  # type: ignore[no-untyped-call]  # torch's own
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
        judged = voter(member.evaluated, job, member.index)
        if isinstance(judged, Panel):
            held_out = validate_panel(judged, job)
        else:
            held_out = validate(judged, images, labels, job.compute, smoothing)
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


def _inputs(job: Job, member: Member, chosen: Tensor, step: int) -> Tensor:
    """The network's input for the chosen images: `[n c h w]`, 0..1, varied as the recipe says.

    Where each network has images of its own, `[networks n]`: `[n networks*c h w]`, or by hand, as
    rows, `[networks n …]`.
    """
    if chosen.ndim > 1:
        flat = _inputs(job, member, chosen.flatten(), step)
        own = flat.view(*chosen.shape, *flat.shape[1:])
        if member.blocks:
            return own
        return own.transpose(0, 1).flatten(1, 2).contiguous(memory_format=torch.channels_last)
    device = job.compute.device
    if member.rows is not None:
        return member.rows.index_select(0, chosen)
    images = job.training.images.index_select(0, chosen)
    seed = seed_of(job.recipe, member.index, f"step {step}")
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
    if job.recipe.augmentation.noise:
        inputs.clamp_(0, 1)  # as pixels are
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
