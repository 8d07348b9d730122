"""Watching a training: a bar on a terminal, a line an epoch elsewhere, JSON for programs."""

import contextlib
import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, Protocol, runtime_checkable

from loupe.cli.screen import Screen
from loupe.runs.history import Epoch

REFRESHES_A_SECOND = 4  # drawing takes time from training
NARROW = 80  # columns: below it figures and time left have no room beside a bar


@runtime_checkable
class Progress(Protocol):
    """Where a training is (`loupe.training.job.Progress`, which needs torch)."""

    @property
    def member(self) -> int:
        """Network being trained, counted from 0."""

    @property
    def step(self) -> int:
        """Steps of it that are done."""

    @property
    def num_steps(self) -> int:
        """Steps of one network."""

    @property
    def epoch(self) -> Epoch | None:
        """The epoch that has just ended, if one has."""


Watch = Callable[[Progress], None]


@contextlib.contextmanager
def watching(screen: Screen, num_members: int) -> Iterator[Watch]:
    """Give what `train` calls after each step."""
    if screen.is_live:
        with _bar(num_members) as watch:
            yield watch
        return

    def watch_epochs(progress: Progress) -> None:
        if progress.epoch is not None and not screen.quiet:
            screen.say(epoch_line(progress, num_members))
            screen.emit(_as_json(progress))

    yield watch_epochs


def epoch_line(progress: Progress, num_members: int) -> str:
    """Say how an epoch went, in one line."""
    row = progress.epoch
    assert row is not None
    network = f"network {progress.member + 1} of {num_members}, " if num_members > 1 else ""
    validation = ""
    if row.is_validated:
        validation = f"; validation: loss {row.val_loss:.4f}, accuracy {row.val_accuracy:.4f}"
    return (
        f"{network}{_which(progress, row)}: loss {row.loss:.4f}, accuracy {row.accuracy:.4f}"
        f"{validation}; {row.seconds:.1f} s"
    )


def _which(progress: Progress, row: Epoch) -> str:
    epochs, cut_short = divmod(progress.num_steps * row.epoch, progress.step)
    return f"epoch {row.epoch}, cut short" if cut_short else f"epoch {row.epoch} of {epochs}"


def _as_json(progress: Progress) -> dict[str, Any]:
    assert progress.epoch is not None
    figures = {
        name: None if math.isnan(figure) else figure
        for name, figure in asdict(progress.epoch).items()
    }
    return {"event": "epoch", "member": progress.member + 1, **figures}


@contextlib.contextmanager
def _bar(num_members: int) -> Iterator[Watch]:
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    is_narrow = shutil.get_terminal_size().columns < NARROW
    drawn = () if is_narrow else (TextColumn("{task.description}"), BarColumn())
    columns = (
        *drawn,
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
    )
    with Bar(*columns, transient=True, refresh_per_second=REFRESHES_A_SECOND) as bar:
        task = bar.add_task("training", total=None, figures="training" if is_narrow else "")

        def watch(progress: Progress) -> None:
            done = progress.member * progress.num_steps + progress.step
            if bar.tasks[task].total is None:  # a resumed run starts in the middle
                bar.reset(task, total=num_members * progress.num_steps, completed=done)
            bar.update(task, completed=done)
            if progress.epoch is not None:
                bar.update(task, figures=_figures(progress, progress.epoch, is_narrow))

        yield watch


def _figures(progress: Progress, row: Epoch, is_narrow: bool) -> str:
    accuracy = row.val_accuracy if row.is_validated else row.accuracy
    between = ", " if is_narrow else ", accuracy "
    return f"{_which(progress, row)}{between}{accuracy:.4f}"
