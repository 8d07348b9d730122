"""What a study was begun with: kept in its folder, and asked for again when it goes on."""

import json
import math
import shlex
from dataclasses import asdict
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from loupe import __version__
from loupe.data.dataset import Dataset
from loupe.errors import RecipeError, RunError
from loupe.files import write_json
from loupe.runs.command import flags
from loupe.studies.journal import LOCKS
from loupe.studies.lock import locked
from loupe.studies.search import STUDY_FILE
from loupe.studies.space import Space, as_values, space_of

Facts = dict[str, Any]


def require_limits(minutes: float, trials: int | None) -> None:
    """Refuse a search without time, or without trials.

    Raises:
        RecipeError: minutes or trials are no number above 0.

    Example:
        >>> require_limits(20.0, None)
    """
    is_number = isinstance(minutes, Real) and not isinstance(minutes, bool)
    if not is_number or not math.isfinite(minutes) or minutes <= 0:
        raise RecipeError(
            f"minutes is {minutes!r}; expected a number above 0: the time for the whole search, as "
            "20 or 0.5."
        )
    is_whole = isinstance(trials, Integral) and not isinstance(trials, bool)
    if trials is not None and (not is_whole or trials < 1):
        raise RecipeError(
            f"trials is {trials!r}; expected a whole number from 1: how many more at most. Leave "
            "it out to go by the time alone."
        )


def facts_of(divided: Dataset, space: Space, no_slower: bool) -> Facts:
    """Say what decides a study, as plain values."""
    counts = {
        "train": len(divided.train),
        "validation": len(divided.validation),
        "kept": len(divided.test),
    }
    return {
        "loupe": __version__,
        "space": as_values(space),
        "no_slower": no_slower,
        "data": {
            "name": divided.name,
            "origin": divided.origin,
            "read_options": dict(divided.read_options),
            "fixes": None if divided.fixes is None else asdict(divided.fixes),
            "generated": int(divided.generated.sum()) if divided.generated is not None else 0,
            "fingerprint": divided.fingerprint,
            "image_shape": list(divided.image_shape),
            "counts": counts,
        },
    }


def open_study(folder: Path, facts: Facts) -> None:
    """Begin a study in a folder, or make sure that it is the same one.

    Raises:
        RunError: the folder holds something else.
    """
    path = folder / STUDY_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / LOCKS / "study"):
            if not path.exists():
                if any(each.name != LOCKS for each in folder.iterdir()):
                    raise RunError(
                        f"{folder} holds something that is no study, and nothing is overwritten: "
                        "name another folder with --out."
                    )
                write_json(path, facts)
                return
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        if isinstance(error, RunError):
            raise
        raise RunError(f"The study {folder} cannot be read or made: {error}.") from error
    _refuse_other_data(folder, known["data"], facts["data"])
    _refuse_another(folder, known, facts)


def _refuse_other_data(folder: Path, known: Facts, now: Facts) -> None:
    """Refuse other images and labels; where other options made them so, name the options."""
    mended, mends = ((each.get("fixes") or {}).get("sha256") for each in (known, now))
    if known["fingerprint"] == now["fingerprint"] and mended == mends:
        return
    before, after = (shlex.join(flags(each.get("read_options", {}))) for each in (known, now))
    if known["origin"] == now["origin"] and before != after:
        raise RunError(
            f"{folder} was begun {_with(before)}, and now it is asked to go on {_with(after)}: its "
            "trials learnt from other images or labels. Go on as it was begun, or name another "
            "folder with --out."
        )
    if mended and mends and mended != mends:
        raise RunError(
            f"{folder} was begun with the fixes of {known['fixes']['path']}, which has changed "
            "since. Bring the old file back, or name another folder with --out."
        )
    raise RunError(
        f"{folder} is a study of {known['name']} "
        f"({known['fingerprint'][:12]}…), and these are other images or labels: "
        f"{now['name']} ({now['fingerprint'][:12]}…). Name another folder "
        "with --out."
    )


def _with(options: str) -> str:
    return f"with {options}" if options else "without --size, --fixes and --generated"


def _refuse_another(folder: Path, known: Facts, facts: Facts) -> None:
    if space_of(known["space"]) != space_of(facts["space"]):
        raise RunError(
            f"{folder} is a study of another space ('{known['space']['name']}' as it was then). "
            "Name another folder with --out, or give the space that it began with."
        )
    if known["no_slower"] != facts["no_slower"]:
        raise RunError(
            f"{folder} was begun {'with' if known['no_slower'] else 'without'} --no-slower, and "
            "its trials were judged by that. Go on as it was begun, or name another folder."
        )
