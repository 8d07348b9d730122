"""What a caller of `read` may choose, and what happens to files that cannot be used."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from loupe.errors import BadFilesError, Fault

BadFiles = Literal["stop", "skip"]


@dataclass(frozen=True)
class ReadOptions:
    """The choices of `read`, as every reader gets them.

    Attributes:
        size: height and width to fit the images to, in pixels; None for the reader's own choice.
        bad_files: "stop" names every bad file or row and reads nothing, "skip" leaves them out.
    """

    size: int | None = None
    bad_files: BadFiles = "stop"


def stop_or_skip(
    name: str, faults: Sequence[Fault], total: int, bad_files: BadFiles
) -> tuple[Fault, ...]:
    """Stop with every fault named, or give them back to be recorded as `Dataset.skipped`.

    Args:
        name: the data set's name, for the message.
        faults: what cannot be used.
        total: how many files or rows there are, good and bad.
        bad_files: what the caller chose.

    Raises:
        BadFilesError: there are faults and the caller did not ask to skip them, or nothing is left.

    Example:
        >>> stop_or_skip("letters", [], 30, "stop")
        ()
    """
    if not faults or (bad_files == "skip" and len(faults) < total):
        return tuple(faults)
    first = faults[0]
    start = "It is" if len(faults) == 1 else "The first is"
    todo = (
        "None are left to read."
        if len(faults) == total
        else "Mend them, or pass --bad-files skip (bad_files='skip') to go on without them."
    )
    raise BadFilesError(
        f"{name}: {len(faults):,} of {total:,} images cannot be used. {start} {first.source}: "
        f"{first.problem} {first.advice} {todo}",
        faults,
    )


def left_out(count: int) -> str:
    """Say that bad files were left out, as a clause.

    Example:
        >>> left_out(1), left_out(1200)
        ('1 bad file was left out', '1,200 bad files were left out')
    """
    return f"{count:,} bad {'file was' if count == 1 else 'files were'} left out"
