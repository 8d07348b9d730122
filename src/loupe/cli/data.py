"""The data of a verb: read, and said what it is."""

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
    run: "loupe.Run", given: str | None, screen: Screen, **read_options: Any
) -> "loupe.Dataset":
    """Read what a run was trained on, or what is given instead, as it was read then.

    Raises:
        RunError: the run does not know where its data came from.
    """
    known = run.environment["data"]
    what = given or known["origin"]
    if not what:
        raise RunError(
            f"The run {run.folder} was trained on arrays in memory ('{known['name']}'), which are "
            "gone. Save them as NPZ and name that file as the data."
        )
    return read_data(what, screen, **{**known["read_options"], **read_options})


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
