"""The `Generation`: a folder of plain files that `loupe generate` writes."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loupe.data.dataset import Dataset
from loupe.data.generated import GENERATOR_FILE, IMAGES_FILE
from loupe.data.read import read
from loupe.errors import RunError
from loupe.runs.work import Work, require_empty

CHECKPOINT_FILE = "checkpoint.safetensors"
HISTORY_FILE = "history.csv"
PAGE_FILE = "images.html"
SHEET_FILE = "sheet.png"
WEIGHTS_FILE = "generator.safetensors"


@dataclass(frozen=True)
class Generation(Work):
    """One generator and what it drew; everything is read from its folder when it is asked for.

    Attributes:
        folder: where its files are.
    """

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
                f"{self.folder} has no {IMAGES_FILE} yet: it was stopped. To have them, "
                f"{self.way_on}"
            )
        return read(self.folder)

    @property
    def way_on(self) -> str:
        """What finishes it after it was stopped, as the end of a sentence."""
        if not (self.folder / GENERATOR_FILE).exists():
            return super().way_on
        return f"go on with: loupe generate --resume {self.folder}"


def create_generation(out: str | os.PathLike[str]) -> Generation:
    """Make an empty folder for a generator and its images.

    Raises:
        RunError: `out` holds something already, or cannot be made.
    """
    generation = Generation(Path(out).expanduser())
    is_begun = (generation.folder / GENERATOR_FILE).exists() and not generation.is_finished
    require_empty(generation.folder, generation.way_on if is_begun else "")
    return generation


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
