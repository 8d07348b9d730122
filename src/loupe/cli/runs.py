"""`loupe runs`: a table of the runs that are here."""

from pathlib import Path
from typing import Annotated, Any

import typer

import loupe
from loupe.cli import options
from loupe.cli.screen import Screen
from loupe.errors import LoupeError, RunError
from loupe.reporting.words import duration, interval, percent, size

# What a narrow terminal has no room for is left out from the right.
COLUMNS = ("run", " accuracy", "95 % interval", "of", "recipe", "data", " time", " size")


def runs(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where the runs' folders are.")
    ] = Path("runs"),
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """List the runs that are here, oldest first."""
    screen = Screen(json, quiet)
    _require_folder(folder)
    found = [describe_run(run) for run in loupe.list_runs(folder)]
    if not found:
        screen.say(f"There are no runs in {folder}. Make one with: loupe train")
    else:
        screen.table(COLUMNS, [_row(run) for run in found])
        screen.say(*(f"{run['run']}: {run['problem']}" for run in found if run["problem"]))
    screen.emit(found)


def _require_folder(folder: Path) -> None:
    """Refuse what is no folder of runs; where runs go by default, there need be none yet.

    Raises:
        RunError: it is not there, is a file, or is itself a run.
    """
    from loupe.runs.run import RECIPE_FILE, RUNS

    if (folder / RECIPE_FILE).exists():
        raise RunError(
            f"{folder} is a run itself. List those beside it: loupe runs {folder.parent}"
        )
    if not folder.is_dir() and (folder != RUNS or folder.exists()):
        what = "is a file" if folder.exists() else "is not there"
        raise RunError(f"The folder {folder} {what}. Name a folder that runs were trained in.")


def describe_run(run: "loupe.Run") -> dict[str, Any]:
    """Gather what the table says of a run; what cannot be read is None, and `problem` says why."""
    known: dict[str, Any] = dict.fromkeys(
        ("data", "recipe", "split", "n", "accuracy", "training_seconds", "model_bytes", "problem")
    )
    known |= {"run": str(run.folder), "finished": run.is_finished, "state": None}
    try:
        known["state"] = run.state
        environment, evaluation = run.environment, run.evaluation
        known |= {"recipe": run.recipe.name, "data": environment["data"]["name"]}
        known["training_seconds"] = environment.get("seconds", {}).get("training")
        known["model_bytes"] = environment.get("model_bytes")
        if evaluation is not None:
            known |= {key: evaluation[key] for key in ("split", "n")}
            known["accuracy"] = evaluation["metrics"]["accuracy"]
    except (LoupeError, KeyError, TypeError) as error:
        known["problem"] = (
            str(error) if isinstance(error, LoupeError) else f"{type(error).__name__}: {error}"
        )
    return known


def _row(run: dict[str, Any]) -> tuple[str, ...]:
    accuracy, n = run["accuracy"], run["n"]
    unfinished = "unreadable" if run["problem"] else "" if run["finished"] else run["state"]
    return (
        run["run"],
        percent(accuracy["value"], n) if accuracy else unfinished,
        interval(accuracy["low"], accuracy["high"], n) if accuracy else "",
        f"{n:,} {run['split']} images" if accuracy else "",
        run["recipe"] or "?",
        run["data"] or "?",
        duration(run["training_seconds"]) if run["training_seconds"] else "",
        size(run["model_bytes"]) if run["model_bytes"] else "",
    )
