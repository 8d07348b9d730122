"""The `Generation`: a folder of plain files that `loupe generate` writes."""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loupe.data.dataset import Dataset
from loupe.data.generated import GENERATOR_FILE, IMAGES_FILE
from loupe.data.read import read
from loupe.errors import RunError, TrainingError

CHECKPOINT_FILE = "checkpoint.safetensors"
HISTORY_FILE = "history.csv"
LOG_FILE = "log.txt"
PAGE_FILE = "images.html"
SHEET_FILE = "sheet.png"
WEIGHTS_FILE = "generator.safetensors"


@dataclass(frozen=True)
class Generation:
    """One generator and what it drew; everything is read from its folder when it is asked for.

    Attributes:
        folder: where its files are.
    """

    folder: Path

    @property
    def facts(self) -> dict[str, Any]:
        """Content of `generator.json`: settings, data, machine, what was measured.

        Raises:
            RunError: it cannot be read.
        """
        path = self.folder / GENERATOR_FILE
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"{path} cannot be read: {error}.") from error
        return content

    @property
    def is_finished(self) -> bool:
        """Whether images have been drawn, be it after a Ctrl-C."""
        return (self.folder / IMAGES_FILE).exists()

    @property
    def dataset(self) -> Dataset:
        """The drawn images, marked as generated.

        Raises:
            RunError: there are none yet.
        """
        if not self.is_finished:
            raise RunError(
                f"{self.folder} has no {IMAGES_FILE} yet: it was stopped. "
                f"Go on with: loupe generate --resume {self.folder}"
            )
        return read(self.folder)

    def log(self, line: str) -> None:
        """Add a line to the log, with the time in UTC."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with open(self.folder / LOG_FILE, "a", encoding="utf-8") as file:
            file.write(f"{now} {line}\n")


def create_generation(out: str | os.PathLike[str]) -> Generation:
    """Make an empty folder for a generator and its images.

    Raises:
        RunError: `out` holds something already, or cannot be made.
    """
    folder = Path(out).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            go_on = f", or go on with it by: loupe generate --resume {out}"
            raise RunError(
                f"The folder {out} is not empty, and nothing is overwritten: name another one "
                f"with --out{go_on if (folder / GENERATOR_FILE).exists() else '.'}"
            )
    except OSError as error:
        raise RunError(f"The folder {out} cannot be made: {error}.") from error
    return Generation(folder)


def open_generation(path: str | os.PathLike[str]) -> Generation:
    """Open a folder that `loupe generate` began.

    Raises:
        RunError: it is none.
    """
    folder = Path(path).expanduser()
    if not (folder / GENERATOR_FILE).is_file():
        raise RunError(
            f"{path} is no folder of a generator: it has no {GENERATOR_FILE}. Begin one with: "
            f"loupe generate DATA --count N --out {path}"
        )
    return Generation(folder)


@contextlib.contextmanager
def writing(generation: Generation) -> Iterator[None]:
    """Say what to do when the disk refuses what is written.

    Raises:
        TrainingError: the disk is full or refuses.
    """
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"The folder {generation.folder} cannot be written: {error}. Make room on the disk, "
            f"then go on with: loupe generate --resume {generation.folder}"
        ) from error
