"""The folder of a study: its plan, and runs that are trained once and kept.

A study that was killed is asked for again in the same words: its folder is found by its plan, runs
that are done are taken as they are, and the one that was under way goes on where it was.
"""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from loupe.data.dataset import Dataset
from loupe.errors import RunError
from loupe.files import write_json
from loupe.recipes.recipe import Recipe
from loupe.runs.run import RECIPE_FILE, RUNS, Run, open_run
from loupe.training.job import Watch
from loupe.training.train import resume, train

PLAN_FILE = "study.json"

WatchRun = Callable[[str, int], AbstractContextManager[Watch | None]]
"""Given what is about to be trained, in words, and of how many networks: what watches it."""


def study_folder(out: Path | None, name: str, plan: Mapping[str, Any]) -> Path:
    """Find the folder of a study that was begun with this plan, or make one.

    Args:
        out: where it is to be; default: `runs/<name>-<n>`, the one with this plan or the next free.
        name: what the study is and of what data, as "mnist-ladder".
        plan: all that decides its trainings, as plain values.

    Raises:
        RunError: `out` holds something else.
    """
    plan = json.loads(json.dumps(plan))  # as it will be read again: tuples are lists then
    if out is None:
        name = re.sub(r"[^\w.]+", "-", name).strip("-.")
        numbered = [folder for folder in RUNS.glob(f"{name}-*") if _number(folder, name)]
        for folder in sorted(numbered, key=lambda folder: _number(folder, name)):
            if _plan_of(folder) == plan:
                return folder
        last = max((_number(folder, name) for folder in numbered), default=0)
        out = RUNS / f"{name}-{last + 1}"
    found = _plan_of(out)
    if found == plan:
        return out
    if found is not None or (out.exists() and any(out.iterdir())):
        raise RunError(
            f"The folder {out} holds {'a study of other data or settings' if found else 'files'} "
            "already, and nothing is overwritten: name another one with --out."
        )
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / PLAN_FILE, plan)
    return out


def trained_once(dataset: Dataset, recipe: Recipe, folder: Path, watch: Watch | None = None) -> Run:
    """Train a run, go on with it where it was stopped, or take it as it is if it is done.

    Raises:
        KeyboardInterrupt: Ctrl-C ended the training early; its checkpoint is kept.
        RunError: the folder holds a run of other data.
    """
    if not (folder / RECIPE_FILE).exists():
        run = train(dataset, recipe, out=folder, watch=watch)
    else:
        run = open_run(folder)
        if run.environment["data"]["fingerprint"] != dataset.fingerprint:
            raise RunError(
                f"{folder} holds a run on other data. Move {folder.parent} away, or name another "
                "folder with --out."
            )
        if not is_done(folder):
            run = resume(folder, dataset, watch=watch)
    if run.environment.get("interrupted"):
        raise KeyboardInterrupt
    return run


def is_done(folder: Path) -> bool:
    """Whether a folder holds a run that came to its end."""
    if not (folder / RECIPE_FILE).exists():
        return False
    run = open_run(folder)
    return run.is_finished and not run.environment.get("interrupted")


def _number(folder: Path, name: str) -> int:
    """The number at the end of a folder's name; 0 if it is not one of these folders."""
    match = re.fullmatch(re.escape(name) + r"-([1-9]\d*)", folder.name)
    return int(match[1]) if match else 0


def _plan_of(folder: Path) -> dict[str, Any] | None:
    """The plan of the study in a folder; None where there is none."""
    path = folder / PLAN_FILE
    if not path.exists():
        return None
    try:
        plan: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(
            f"{path} cannot be read: {error}. Move the folder {folder} away, or name another one "
            "with --out."
        ) from error
    return plan
