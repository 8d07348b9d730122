"""One process at a time may write to a run, or to a generator's folder."""

import contextlib
from collections.abc import Iterator

from loupe.errors import RunError
from loupe.runs.work import LOG_FILE, Work


@contextlib.contextmanager
def sole_writer(work: Work) -> Iterator[None]:
    """Hold the folder for this process while the block lasts; the lock ends with the process.

    Raises:
        RunError: another process is writing to it.
    """
    try:
        import fcntl
    except ImportError:  # not a POSIX system: nothing to hold
        yield
        return
    with open(work.folder / LOG_FILE, "a", encoding="utf-8") as log:
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(
                f"Another process is training in {work.folder} right now. Wait until it has "
                "ended, or name another folder with --out."
            ) from error
        yield
