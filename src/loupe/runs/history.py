"""The history of a training run: one `Epoch` a row, as in `history.csv`."""

import csv
import io
import math
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from loupe.errors import RunError
from loupe.files import write_text


@dataclass(frozen=True)
class Epoch:
    """The figures of one epoch; its fields are the columns of `history.csv`.

    A figure that was not taken is nan, and an empty cell in the file: the `val_` figures of an
    epoch without validation.

    Attributes:
        epoch: number of the epoch, from 1.
        seconds: what its training took, without its validation.
        learning_rate: at its last step.
        loss: mean over the training images, each as it went by when it was last seen: augmented,
            with dropout, before its step.
        accuracy: as loss; precision and recall are macro averages.
        precision: of the training images.
        recall: of the training images.
        val_loss: of the validation images, after the epoch; the others likewise.
        val_accuracy: of the validation images.
        val_precision: of the validation images.
        val_recall: of the validation images.
    """

    epoch: int
    seconds: float
    learning_rate: float
    loss: float
    accuracy: float
    precision: float
    recall: float
    val_loss: float = math.nan
    val_accuracy: float = math.nan
    val_precision: float = math.nan
    val_recall: float = math.nan

    @property
    def is_validated(self) -> bool:
        """Whether the epoch was followed by a validation."""
        return not math.isnan(self.val_loss)


History = tuple[Epoch, ...]
COLUMNS = tuple(field.name for field in fields(Epoch))


def write_history(path: Path, history: History) -> None:
    """Write a history as CSV, atomically; numbers keep all their digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for epoch in history:
        writer.writerow("" if math.isnan(figure) else figure for figure in astuple(epoch))
    write_text(path, text.getvalue())


def read_history(path: Path) -> History:
    """Read what `write_history` wrote.

    Raises:
        RunError: there is no such file, or one of its lines is not an epoch of a history.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(
            f"The history {path} cannot be read: {error}. Expected the history.csv of a run."
        ) from error
    lines = list(csv.reader(io.StringIO(text)))
    if not lines or tuple(lines[0]) != COLUMNS:
        raise RunError(
            f"{path}, line 1: '{','.join(lines[0]) if lines else ''}' is not the head of a "
            f"history. Expected: {','.join(COLUMNS)}. Restore the file as the training wrote it."
        )
    history: list[Epoch] = []
    for number, cells in enumerate(lines[1:], start=2):
        epoch = _epoch(path, number, cells)
        if history and epoch.epoch <= history[-1].epoch:
            raise RunError(
                f"{path}, line {number}: epoch {epoch.epoch} follows epoch {history[-1].epoch}. "
                "Epochs must rise. Restore the file as the training wrote it."
            )
        history.append(epoch)
    return tuple(history)


def _epoch(path: Path, number: int, cells: list[str]) -> Epoch:
    try:
        first, *rest = cells
        return Epoch(int(first), *(float(cell) if cell else math.nan for cell in rest))
    except (ValueError, TypeError) as error:
        raise RunError(
            f"{path}, line {number}: '{','.join(cells)}' is not an epoch. Expected the numbers "
            f"{', '.join(COLUMNS)}. Restore the file as the training wrote it."
        ) from error
