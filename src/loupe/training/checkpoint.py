"""Checkpoints: all that a killed training needs to go on as if nothing had happened.

A checkpoint is one safetensors file, replaced atomically: tensors by name, and what is no tensor
as JSON in its metadata. No generator's state is in it: every random number of a run is drawn from
a generator that is seeded by the run's seed, the member and the step (`loupe.training.loop`).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from loupe.errors import RunError
from loupe.files import write_bytes
from loupe.runs.run import Run
from loupe.runs.work import writing
from loupe.training.optimizers import Optimizer

FOLDER = "checkpoint"
STATE_KEY = "loupe.state"


@dataclass(frozen=True)
class Checkpoint:
    """What was saved: tensors by name, and the rest as plain values."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


def save_checkpoint(path: Path, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
    """Write a checkpoint atomically.

    Raises:
        TrainingError: the disk is full or refuses; the checkpoint before it is untouched.
    """
    whole = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    with writing(Run(path.parent.parent)):
        write_bytes(path, save(whole, {STATE_KEY: json.dumps(values)}))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        RunError: it is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no dict
            return Checkpoint(tensors, json.loads(file.metadata()[STATE_KEY]))
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"The checkpoint {path} is damaged: {error}. Remove it and resume: the run then "
            "starts from its beginning."
        ) from error


def module_tensors(prefix: str, module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Name a module's parameters and buffers."""
    for name, tensor in module.state_dict().items():
        yield f"{prefix}.{name}", tensor


def load_module(prefix: str, module: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Put saved tensors back into a module."""
    names = module.state_dict().keys()
    module.load_state_dict({name: tensors[f"{prefix}.{name}"] for name in names})


def optimizer_tensors(prefix: str, optimizer: Optimizer) -> Iterator[tuple[str, Tensor]]:
    """Name what an optimizer remembers."""
    for name, tensors in optimizer.memory.items():
        for index, tensor in enumerate(tensors):
            yield f"{prefix}.{name}.{index}", tensor


def load_optimizer(prefix: str, optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what an optimizer remembered.

    Into the tensors that it has: fused steps walk through them and the parameters in the order of
    memory, whatever their strides say.
    """
    for full_name, tensor in optimizer_tensors(prefix, optimizer):
        tensor.copy_(tensors[full_name])
