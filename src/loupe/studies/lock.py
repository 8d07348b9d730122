"""Locks of a study: several processes may work on it, and what a killed one held is free again."""

import contextlib
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold a lock file while the block lasts; the lock ends with the process, however it ends.

    Args:
        path: of the lock file, which stays there.
        wait: until another process lets go; otherwise give False at once.
    """
    try:
        import fcntl
    except ImportError:  # not a POSIX system: one process at a time is up to the user
        yield True
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
