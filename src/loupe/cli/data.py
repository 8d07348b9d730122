"""The data of a verb: read, and said what it is."""

from pathlib import Path
from typing import Any

import loupe
from loupe.cli.screen import Screen
from loupe.errors import RunError


def read_data(what: str, screen: Screen, **read_options: Any) -> "loupe.Dataset":
    """Read a data set and say what it is."""
    screen.say(f"Reading {what} ...")
    dataset = loupe.read(what, **read_options)
    screen.say(describe(dataset), *(f"  {note}" for note in dataset.notes))
    return dataset


def read_again(
    run: "loupe.Run", given: str | None, screen: Screen, *, instead: str = "", **read_options: Any
) -> "loupe.Dataset":
    """Read what a run was trained on, or what is given instead, as it was read then.

    Args:
        run: the run.
        given: what to read in place of what the run was trained on.
        screen: where it is said what the data are.
        instead: how the verb takes other data, as "--data"; empty where it takes none.
        read_options: as of `loupe.read`, in place of those of then.

    Raises:
        RunError: the run does not know where its data came from, or they are not there any more.
    """
    from loupe.data.again import origin_of

    known = run.environment["data"]
    remedy = f"Save them as NPZ and name that file with {instead}." if instead else ""
    what = given or origin_of(known, f"The run {run.folder} was trained on", remedy)
    if given is None and Path(what).is_absolute() and not Path(what).exists():
        raise RunError(
            f"The run {run.folder} was trained on {what}, which is not there any more. Bring it "
            f"back{f', or say where it is now with {instead}' if instead else ''}."
        )
    _require_same_fixes(run, known.get("fixes"))
    return read_data(what, screen, **{**known["read_options"], **read_options})


def _require_same_fixes(run: "loupe.Run", fixes: dict[str, Any] | None) -> None:
    """Refuse to go on where the fixes file that a run was trained with is another one by now."""
    from loupe.files import sha256

    if fixes is None:
        return
    path = Path(fixes["path"])
    fault = "is not there any more" if not path.exists() else "has changed since"
    if not path.exists() or sha256(path.read_bytes()) != fixes["sha256"]:
        raise RunError(
            f"The run {run.folder} was trained with the fixes of {path}, which {fault} (its "
            f"SHA-256 was {fixes['sha256'][:12]}…). Bring the old file back, or train a new run."
        )


def describe(dataset: "loupe.Dataset") -> str:
    """Say what a data set holds, in one line.

    Example:
        >>> describe(loupe.read("digits"))
        'digits: 1,438 training and 359 test images of 8 x 8 pixels, grey, in 10 classes'
    """
    height, width, channels = dataset.image_shape
    counts = {
        "training": len(dataset.train),
        "validation": len(dataset.validation),
        "test": len(dataset.test),
    }
    parts = [f"{count:,} {name}" for name, count in counts.items() if count]
    return (
        f"{dataset.name}: {' and '.join(parts)} images of {width} x {height} pixels, "
        f"{'grey' if channels == 1 else 'colour'}, in {len(dataset.class_names)} classes"
    )
