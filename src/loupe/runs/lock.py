"""One process at a time may write to a run."""

import contextlib
from collections.abc import Iterator

from loupe.errors import RunError
from loupe.runs.run import LOG_FILE, Run


@contextlib.contextmanager
def sole_writer(run: Run) -> Iterator[None]:
    """Hold the run for this process while the block lasts; the lock ends with the process.

    Raises:
        RunError: another process is writing to the run.
    """
    try:
        import fcntl
    except ImportError:  # not a POSIX system: nothing to hold
        yield
        return
    with open(run.folder / LOG_FILE, "a", encoding="utf-8") as log:
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(
                f"Another process is training the run {run.folder} right now. Wait until it has "
                "ended, or train into another folder with --out."
            ) from error
        yield
