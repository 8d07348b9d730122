"""The training of a generator: from its first step, or its checkpoint, to its last."""

import csv
import io
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from loupe.data.dataset import Dataset
from loupe.files import write_bytes, write_text
from loupe.generation.adversaries import (
    Adversaries,
    Pile,
    bf16_agrees,
    new_adversaries,
    refuse_divergence,
    run_step,
)
from loupe.generation.folder import CHECKPOINT_FILE, HISTORY_FILE, Generation
from loupe.generation.networks import plan_for
from loupe.generation.settings import Settings
from loupe.runs.work import writing
from loupe.training.checkpoint import (
    STATE_KEY,
    load_checkpoint,
    load_module,
    load_optimizer,
    module_tensors,
    optimizer_tensors,
)
from loupe.training.device import has_native_bf16

ROWS = 50  # of the history, over all steps
SHIFT = 1 / 14  # of the shorter side, by which the discriminator sees images moved
WARMUP_STEPS, TIMED_STEPS = 4, 8  # before a time budget is turned into steps
# Of the budget that goes to training; the rest to drawing, measuring, and slow spells: twenty
# minutes of training took 14 % longer than the few steps that were timed had it.
USED = 0.8


@dataclass(frozen=True)
class Row:
    """One row of `history.csv`: the losses at a step.

    Attributes:
        step: counted from 1.
        seconds: of training up to then.
        discriminator: its loss; ln 2 where it cannot tell drawn from real.
        generator: its loss.
        gap: how much more real it finds real images, in its own unit.
        penalty: squares of its gradients, when last taken.
    """

    step: int
    seconds: float
    discriminator: float
    generator: float
    gap: float
    penalty: float


@dataclass(frozen=True)
class Drawing:
    """Where the training of a generator is, for whoever watches.

    Attributes:
        step: done.
        num_steps: to be done.
        row: of the history, if one was just added.
    """

    step: int
    num_steps: int
    row: Row | None = None


Watch = Callable[[Drawing], None]


def pile_of(dataset: Dataset) -> Pile:
    """Bring training images to the shape that the networks take."""
    train = dataset.train
    plan = plan_for(train.image_shape)
    rows, columns = plan.padded
    margins = ((0, 0), (0, rows - plan.height), (0, columns - plan.width), (0, 0))
    images = np.pad(train.images, margins, mode="edge").transpose(0, 3, 1, 2)
    return Pile(
        torch.from_numpy(np.ascontiguousarray(images)),
        torch.from_numpy(np.array(train.labels)),
        len(train.class_names),
        plan,
        train.mirrors is True,
        round(SHIFT * min(plan.height, plan.width)),
    )


def computes_in_bf16(pile: Pile, seed: int) -> bool:
    """Whether the processor multiplies bf16 itself, and rightly: a step then takes two thirds."""
    return has_native_bf16("cpu") and bf16_agrees(pile, seed)


def steps_within(pile: Pile, minutes: float, seed: int, bf16: bool) -> int:
    """Give the steps that fit into a time budget, at least one; nothing is kept of the trial."""
    pair = new_adversaries(pile, seed)
    pair.bf16 = bf16
    for _ in range(WARMUP_STEPS):
        run_step(pair, pile, seed, 1_000_000)
    began = time.perf_counter()
    for _ in range(TIMED_STEPS):
        run_step(pair, pile, seed, 1_000_000)
    seconds = (time.perf_counter() - began) / TIMED_STEPS
    return max(1, int(USED * minutes * 60 / seconds))


def train_generator(
    generation: Generation,
    pile: Pile,
    settings: Settings,
    *,
    bf16: bool,
    watch: Watch,
    stop: Callable[[], bool],
    checkpoint_seconds: float,
) -> Adversaries:
    """Train to the last step, from the checkpoint if there is one; or until told to stop.

    Raises:
        DivergenceError: a loss is no number any more.
        TrainingError: the disk refuses.
    """
    pair = new_adversaries(pile, settings.seed)
    pair.bf16 = bf16
    path = generation.folder / CHECKPOINT_FILE
    history = _restore(pair, path) if path.exists() else []
    saved = time.monotonic()
    while pair.step < settings.steps and not stop():
        run_step(pair, pile, settings.seed, settings.steps)
        is_last = pair.step == settings.steps
        row = None
        if is_last or pair.step % max(1, settings.steps // ROWS) == 0:
            refuse_divergence(pair)
            row = Row(pair.step, pair.seconds, **pair.losses)
            history.append(row)
        watch(Drawing(pair.step, settings.steps, row))
        if time.monotonic() - saved >= checkpoint_seconds and not is_last:
            _save(pair, history, generation)
            saved = time.monotonic()
    refuse_divergence(pair)
    _save(pair, history, generation)
    return pair


def _save(pair: Adversaries, history: list[Row], generation: Generation) -> None:
    """Write the checkpoint, then the history, each atomically."""
    refuse_divergence(pair)
    tensors: dict[str, Tensor] = {}
    for name, module in pair.networks.items():
        tensors.update(module_tensors(name, module))
    for index, optimizer in enumerate(pair.optimizers):
        tensors.update(optimizer_tensors(f"optimizer_{index}", optimizer))
    values = {
        "step": pair.step,
        "seconds": pair.seconds,
        "losses": pair.losses,
        "history": [asdict(row) for row in history],
    }
    whole = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    with writing(generation):
        content = save(whole, {STATE_KEY: json.dumps(values)})
        write_bytes(generation.folder / CHECKPOINT_FILE, content)
        write_text(generation.folder / HISTORY_FILE, _as_csv(history))


def _restore(pair: Adversaries, path: Path) -> list[Row]:
    """Bring new networks to where the checkpoint was taken."""
    checkpoint = load_checkpoint(path)
    for name, module in pair.networks.items():
        load_module(name, module, checkpoint.tensors)
    for index, optimizer in enumerate(pair.optimizers):
        load_optimizer(f"optimizer_{index}", optimizer, checkpoint.tensors)
    values = checkpoint.values
    pair.step, pair.seconds, pair.losses = values["step"], values["seconds"], values["losses"]
    return [Row(**row) for row in values["history"]]


def _as_csv(history: list[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(column.name for column in fields(Row))
    for row in history:
        values: Mapping[str, float] = asdict(row)
        writer.writerow(f"{value:.6g}" if value % 1 else int(value) for value in values.values())
    return text.getvalue()
