"""One member in training, a network or a stack of them: its state, saved and restored."""

import copy
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Generator, Tensor
from torch.nn import functional

from loupe.errors import DivergenceError
from loupe.networks.build import Net, build
from loupe.networks.panel import Panel, build_stack
from loupe.networks.stacked import Stack
from loupe.runs.history import Epoch
from loupe.training.checkpoint import (
    load_checkpoint,
    load_module,
    load_optimizer,
    module_tensors,
    optimizer_tensors,
    save_checkpoint,
)
from loupe.training.dense import DenseNet, is_plain_dense, lay_out, scaled_rows
from loupe.training.dense_stack import Block, lay_out_blocks
from loupe.training.job import Job, seed_of
from loupe.training.margins import (
    UNSEEN,
    first_margins,
    guesses_of,
    losses_of,
    note_margins,
    questions_of,
)
from loupe.training.optimizers import Optimizer, make_optimizers
from loupe.training.rounds import draw_round

FIGURES = ("order", "losses", "guesses", "sides")  # of a member, in its checkpoint


@dataclass
class Member:
    """One network, or one stack of binary networks: all that changes from step to step."""

    index: int
    net: Net | Stack
    average: Net | Stack | None  # of the weights over steps
    optimizers: list[Optimizer]
    order: Tensor  # in which the images of this round are taken
    logits: Tensor  # of this round's images, in its order
    losses: Tensor  # of each training image when it was last seen, as far as they are settled
    guesses: Tensor  # likewise
    margins: Tensor  # of binary networks, likewise; on the CPU
    sides: Tensor  # 1 or -1: whether each training image was last seen as it is or mirrored
    dense: DenseNet | None = None  # the same network, where its gradients are computed by hand
    blocks: list[Block] = field(default_factory=list)  # likewise, of a stack
    rows: Tensor | None = None  # its training images, where they are always the same
    step: int = 0
    round_start: int = 0  # the step at which this round began
    settled: int = 0  # images of this round whose losses and guesses are up to date
    seconds: float = 0.0  # of this epoch's training so far
    history: list[Epoch] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)  # weights of the best epoch, if kept
    best_epoch: int = 0  # 0: none yet
    finished: bool = False

    @cached_property
    def uses_dropout(self) -> bool:
        """Whether a step draws random numbers inside the network."""
        return "DO" in str(self.net.network)

    @property
    def evaluated(self) -> Net | Stack:
        """The weights that are scored and exported: the average where there is one."""
        return self.average or self.net


def new_member(job: Job, index: int) -> Member:
    """Make a network with its first weights, its optimizers and empty figures."""
    recipe, device = job.recipe, job.compute.device
    shape = tuple(job.training.images.shape[1:])
    net = _first_network(job, index, shape).to(device)
    average = copy.deepcopy(net) if recipe.ema else None
    dense, blocks = None, []
    if is_plain_dense(net):
        if isinstance(net, Stack):
            blocks = lay_out_blocks(net, job.batch_size, job.compute.bf16, recipe)
        else:
            dense = lay_out(net, job.batch_size, job.compute.bf16)
    parameters: list[Tensor] = dense.parameters if dense else [*net.parameters()]
    optimizers = [each for block in blocks for each in block.optimizers]
    count = len(job.training)
    return Member(
        index,
        net,
        average,
        optimizers or make_optimizers(parameters, recipe, max(1, len(job.problems))),
        order=torch.zeros(0, dtype=torch.int64, device=device),
        logits=torch.zeros(0, job.num_classes, device=device),
        losses=torch.full((count,), UNSEEN, device=device),
        guesses=torch.zeros(count, dtype=torch.int64, device=device),
        margins=first_margins(job),
        sides=_first_sides(job, index),
        dense=dense,
        blocks=blocks,
    )


def _first_network(job: Job, index: int, shape: tuple[int, ...]) -> Net | Stack:
    """Build a member's network; binary ones each from a seed of its own, whichever are trained."""
    recipe = replace(job.recipe, network=job.recipe.network_of(index))
    if not job.problems:
        return build(recipe, shape, job.num_classes, seed_of(job.recipe, index, "weights"))
    purposes = [f"weights {problem.positive} {problem.negative}" for problem in job.problems]
    return build_stack(recipe, shape, [seed_of(job.recipe, index, each) for each in purposes])


def voter(net: Net | Stack, job: Job, index: int) -> Net | Panel:
    """What votes for a member: its network, or the panel of its binary networks.

    Where only some of them are trained, they take their places in a copy of the whole panel.
    """
    if isinstance(net, Net):
        return net
    if not job.base:
        return Panel(net, job.recipe.head, job.num_classes).to(job.positives.device)
    panel = copy.deepcopy(job.base[index])
    panel.stack.insert(net, [panel.problems.index(problem) for problem in job.problems])
    return panel


def _first_sides(job: Job, member: int) -> Tensor:
    """Half of the images begin mirrored; each then alternates (Jordan 2024, arXiv:2404.00498).

    Empty where nothing is mirrored.
    """
    mirrored = job.recipe.augmentation.flip == "horizontal"
    generator = Generator().manual_seed(seed_of(job.recipe, member, "sides"))
    heads = torch.randint(0, 2, (len(job.training) if mirrored else 0,), generator=generator)
    return (heads * 2 - 1).to(torch.int8).to(job.compute.device)


def begin_round(member: Member, job: Job) -> None:
    """Draw the images of the next round."""
    settle(member, job)
    order = draw_round(job, member.index, member.step, member.losses, member.margins)
    _start_round(member, job, order, member.step)


def _start_round(member: Member, job: Job, order: Tensor, step: int) -> None:
    member.order, member.round_start, member.settled = order, step, 0
    length = order.shape[-1]
    shape = (len(job.problems), length) if job.problems else (length, job.num_classes)
    member.logits = torch.empty(shape, device=order.device)
    by_hand = member.blocks[0].dense if member.blocks else member.dense
    if by_hand and member.rows is None and not job.varies:
        member.rows = scaled_rows(job.training.images, by_hand.layers[0].kind)


def settle(member: Member, job: Job) -> None:
    """Bring the losses and guesses of the images seen since the last time up to date.

    Once for many steps: after each step it would be a tenth of what a small dense network takes.
    """
    taken = (member.step - member.round_start) * job.batch_size
    chosen = member.order[..., member.settled : taken]
    if job.problems:
        logits = member.logits[:, member.settled : taken]
        note_margins(member.margins, job, chosen, logits)
        settle_margins(member, job)
    else:
        logits = member.logits[member.settled : taken]
        smoothing = job.recipe.label_smoothing
        losses = functional.cross_entropy(
            logits, job.training.labels[chosen], label_smoothing=smoothing, reduction="none"
        )
        member.losses.index_copy_(0, chosen, losses)
        member.guesses.index_copy_(0, chosen, logits.argmax(1))
    member.settled = taken


def settle_margins(member: Member, job: Job) -> None:
    """Bring the losses and guesses up to date with the margins of binary networks."""
    labels, margins = job.training.labels.cpu(), member.margins
    smoothing = job.recipe.label_smoothing
    member.losses.copy_(losses_of(margins, labels, questions_of(job), smoothing))
    member.guesses.copy_(guesses_of(margins, labels, job))


def refuse_divergence(member: Member) -> None:
    """Stop where the loss is no number any more: no step leads back from there.

    Raises:
        DivergenceError: it is so.
    """
    if not torch.isfinite(member.losses).all():
        raise DivergenceError(
            f"The loss is no number any more at step {member.step} of network {member.index + 1}: "
            "training diverged. Train anew with a lower learning_rate, or a longer warmup."
        )


def save_member(member: Member, path: Path, job: Job) -> None:
    """Write a member's checkpoint.

    Raises:
        DivergenceError: its loss is no number: that is nothing to go on from.
        TrainingError: the disk refuses.
    """
    settle(member, job)
    refuse_divergence(member)
    tensors = dict(module_tensors("net", member.net))
    if member.average is not None:
        tensors.update(module_tensors("average", member.average))
    for number, optimizer in enumerate(member.optimizers):
        tensors.update(optimizer_tensors(f"optimizer_{number}", optimizer))
    tensors.update({f"best.{name}": tensor for name, tensor in member.best.items()})
    tensors.update({name: getattr(member, name) for name in FIGURES})
    if job.problems:
        tensors["margins"] = member.margins
    values = {
        "step": member.step,
        "round_start": member.round_start,
        "seconds": member.seconds,
        "history": [asdict(row) for row in member.history],
        "best_epoch": member.best_epoch,
        "finished": member.finished,
    }
    save_checkpoint(path, tensors, values)


def restore_member(member: Member, path: Path, job: Job) -> None:
    """Bring a new member to where its checkpoint was taken."""
    checkpoint = load_checkpoint(path)
    tensors, values = checkpoint.tensors, checkpoint.values
    load_module("net", member.net, tensors)
    if member.average is not None:
        load_module("average", member.average, tensors)
    for number, optimizer in enumerate(member.optimizers):
        load_optimizer(f"optimizer_{number}", optimizer, tensors)
    member.best = {
        name.removeprefix("best."): tensor.to(job.compute.device)
        for name, tensor in tensors.items()
        if name.startswith("best.")
    }
    for name in FIGURES:
        setattr(member, name, tensors[name].to(job.compute.device))
    if job.problems:
        member.margins = tensors["margins"]
    member.step, member.seconds = values["step"], values["seconds"]
    _start_round(member, job, member.order, values["round_start"])
    member.settled = (member.step - member.round_start) * job.batch_size
    member.history = [Epoch(**row) for row in values["history"]]
    member.best_epoch, member.finished = values["best_epoch"], values["finished"]
