"""What a run was continued with: noted in its environment, and read again to go on from it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loupe.data.dataset import Dataset
from loupe.data.more import read_more
from loupe.errors import DataError, RunError
from loupe.runs.run import Run, open_run

Added = dict[str, Any]  # of one continuation: the run, its classes, and its `more`


def describe_added(more: Dataset, left_out: Sequence[str]) -> dict[str, Any]:
    """Note images that a run is continued with, so that they can be read again."""
    return {
        "name": more.name,
        "origin": more.origin,
        "read_options": dict(more.read_options),
        "skipped": len(more.skipped),
        "fingerprint": more.fingerprint,
        "images": len(more) - len(left_out),
        "left_out": list(left_out),
    }


def added_before(run: Run) -> list[Added]:
    """List what a run was continued with, and the runs before it, the first ones first.

    Raises:
        RunError: a run before it did not note what that one was continued with, and is gone.
    """
    continued = run.environment.get("continued")
    if continued is None:
        return []
    earlier = continued.get("earlier")
    if earlier is None:  # a run from before this was noted
        earlier = added_before(open_run(continued["run"]))
    return [*earlier, {key: continued[key] for key in ("run", "classes", "more")}]


def read_added(added: Added, run: Run, image_shape: tuple[int, int, int]) -> Dataset:
    """Read again what a run was continued with.

    Args:
        added: one of `added_before`.
        run: that is continued now.
        image_shape: of the run's images.

    Raises:
        RunError: it is gone, or not the same any more.
    """
    noted = added["more"]
    where = noted["origin"] or f"arrays in memory ('{noted['name']}')"
    learner = f"{noted['images']:,} of the training images of {run.folder} came from {where}, which"
    remedy = (
        "Bring the old images back, or put these and the new ones together and continue the run "
        f"before with them: {added['run']}"
    )
    if not noted["origin"]:
        raise RunError(f"{learner} are gone. {remedy}")
    if Path(noted["origin"]).is_absolute() and not Path(noted["origin"]).exists():
        raise RunError(f"{learner} is not there any more. {remedy}")
    try:
        more = read_more(
            noted["origin"],
            added["classes"][0],
            image_shape,
            bad_files="skip" if noted.get("skipped") else "stop",
        )
    except DataError as error:
        raise RunError(f"{learner} cannot be read any more: {error} {remedy}") from error
    if more.fingerprint != noted["fingerprint"]:
        raise RunError(f"{learner} holds other images or labels by now. {remedy}")
    return more
