"""`Work`: a folder that one long command writes, and that is gone on with where it was stopped."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from loupe.errors import RunError, TrainingError
from loupe.files import is_full

LOG_FILE = "log.txt"


@dataclass(frozen=True)
class Work:
    """A folder of plain files: a run, or a generator with its images.

    Attributes:
        folder: where its files are.
    """

    folder: Path

    @property
    def way_on(self) -> str:
        """What finishes it after it was stopped, as the end of a sentence."""
        return f"remove {self.folder} and begin again: nothing was trained yet."

    def log(self, line: str) -> None:
        """Add a line to the log, with the time in UTC."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with open(self.folder / LOG_FILE, "a", encoding="utf-8") as file:
            file.write(f"{now} {line}\n")


def require_empty(folder: Path, way_on: str) -> None:
    """Make a folder, or take one that is empty.

    Args:
        folder: where the work is to be.
        way_on: what goes on with what is there already, as a sentence goes on; or "".

    Raises:
        RunError: it holds something, or cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise RunError(
                f"The folder {folder} is not empty, and nothing is overwritten: name another one "
                f"with --out{way_on and f', or {way_on}' or '.'}"
            )
    except OSError as error:
        raise RunError(f"The folder {folder} cannot be made: {error}.") from error


@contextlib.contextmanager
def writing(work: Work) -> Iterator[None]:
    """Say what to do when the disk refuses what is written into the folder.

    Raises:
        TrainingError: the disk is full or refuses.
    """
    try:
        yield
    except OSError as error:
        first = "Make room on the disk" if is_full(error) else "Put that right"
        raise TrainingError(
            f"The folder {work.folder} cannot be written: {error}. {first}, then {work.way_on}"
        ) from error
