"""Data read again, by what a run or a generator noted of what it learnt from.

Noted are `name`, `origin` (what `read` was given; empty for arrays in memory), `read_options` and
`fingerprint`. A learner is named as a sentence begins: "The run runs/a was trained on".
"""

from collections.abc import Mapping
from typing import Any

from loupe.data.dataset import Dataset
from loupe.data.read import read
from loupe.errors import RunError

Noted = Mapping[str, Any]


def origin_of(noted: Noted, learner: str, remedy: str) -> str:
    """Say what to give `read`.

    Raises:
        RunError: the data were arrays in memory.

    Example:
        >>> origin_of({"origin": "digits"}, "The run runs/a was trained on", "")
        'digits'
    """
    if not noted["origin"]:
        arrays = f"arrays in memory ('{noted['name']}')"
        raise RunError(f"{learner} {arrays}, which are gone. {remedy}".rstrip())
    return str(noted["origin"])


def read_again(noted: Noted, learner: str, remedy: str) -> Dataset:
    """Read the data as they were read then.

    Args:
        noted: of the data.
        learner: who learnt from them.
        remedy: what to do where they were arrays in memory.

    Raises:
        RunError: they were.
        DataError: they cannot be read.
    """
    return read(origin_of(noted, learner, remedy), **noted["read_options"])


def require_unchanged(dataset: Dataset, noted: Noted, learner: str, otherwise: str) -> None:
    """Refuse data that are not those which were learnt from.

    Args:
        dataset: read now.
        noted: of the data of then.
        learner: who learnt from them.
        otherwise: what to do if they cannot be brought back, as "start a new run".

    Raises:
        RunError: images or labels have changed.
    """
    if dataset.fingerprint != noted["fingerprint"]:
        raise RunError(
            f"{learner} data with the fingerprint {noted['fingerprint'][:12]}…, but "
            f"{noted['origin'] or dataset.name} now has {dataset.fingerprint[:12]}…: images or "
            f"labels have changed. Bring the old data back, or {otherwise}."
        )
