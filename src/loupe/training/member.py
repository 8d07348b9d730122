"""One network in training: its state, and that state saved and restored."""

import copy
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Generator, Tensor

from loupe.errors import TrainingError
from loupe.networks.build import Net, build
from loupe.runs.history import Epoch
from loupe.training.checkpoint import (
    load_checkpoint,
    load_module,
    load_optimizer,
    module_tensors,
    optimizer_tensors,
    save_checkpoint,
)
from loupe.training.job import Job, seed_of
from loupe.training.optimizers import make_optimizers


@dataclass
class Member:
    """One network in training: all that changes from step to step."""

    index: int
    net: Net
    average: Net | None  # of the weights over steps
    optimizers: list[torch.optim.Optimizer]
    order: Tensor  # of this epoch's images
    guesses: Tensor  # of this epoch's images so far, in that order
    loss_sum: Tensor  # over this epoch's images so far
    step: int = 0
    seconds: float = 0.0  # of this epoch's training so far
    history: list[Epoch] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)  # weights of the best epoch, if kept
    best_epoch: int = 0  # 0: none yet
    finished: bool = False

    @property
    def uses_dropout(self) -> bool:
        """Whether a step draws random numbers inside the network."""
        return "DO" in str(self.net.network)

    @property
    def evaluated(self) -> Net:
        """The weights that are scored and exported: the average where there is one."""
        return self.average or self.net


def new_member(job: Job, index: int) -> Member:
    """Make a network with its first weights, its optimizers and empty figures."""
    recipe, device = job.recipe, job.compute.device
    shape = tuple(job.training.images.shape[1:])
    net = build(recipe, shape, job.num_classes, seed_of(recipe, index, "weights")).to(device)
    average = copy.deepcopy(net) if recipe.ema else None
    seen = job.steps_per_epoch * job.batch_size
    return Member(
        index,
        net,
        average,
        make_optimizers(net, recipe),
        order=epoch_order(job, index, 0),
        guesses=torch.zeros(seen, dtype=torch.int64, device=device),
        loss_sum=torch.zeros((), device=device),
    )


def epoch_order(job: Job, member: int, epoch: int) -> Tensor:
    """The order in which an epoch takes the training images, in whole batches, `[m]`."""
    generator = Generator().manual_seed(seed_of(job.recipe, member, f"order {epoch}"))
    order = torch.randperm(len(job.training), generator=generator)
    return order[: job.steps_per_epoch * job.batch_size].to(job.compute.device)


def save_member(member: Member, path: Path) -> None:
    """Write a member's checkpoint.

    Raises:
        TrainingError: its loss is no number: that is nothing to go on from; or the disk refuses.
    """
    if not torch.isfinite(member.loss_sum):
        raise TrainingError(
            f"The loss is no number any more at step {member.step} of network {member.index + 1}: "
            "training diverged. Lower learning_rate, or raise warmup; what was finished before "
            "is in the run folder."
        )
    tensors = dict(module_tensors("net", member.net))
    if member.average is not None:
        tensors.update(module_tensors("average", member.average))
    for number, optimizer in enumerate(member.optimizers):
        tensors.update(optimizer_tensors(f"optimizer_{number}", optimizer))
    tensors.update({f"best.{name}": tensor for name, tensor in member.best.items()})
    tensors.update(guesses=member.guesses, loss_sum=member.loss_sum)
    values = {
        "step": member.step,
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
    member.guesses.copy_(tensors["guesses"])
    member.loss_sum.copy_(tensors["loss_sum"])
    member.step, member.seconds = values["step"], values["seconds"]
    member.history = [Epoch(**row) for row in values["history"]]
    member.best_epoch, member.finished = values["best_epoch"], values["finished"]
    member.order = epoch_order(job, member.index, member.step // job.steps_per_epoch)
