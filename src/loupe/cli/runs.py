"""`loupe runs`: a table of the runs that are here."""

from pathlib import Path
from typing import Annotated, Any

import typer

import loupe
from loupe.cli import options
from loupe.cli.screen import Screen
from loupe.errors import LoupeError
from loupe.reporting.words import duration, interval, percent, size


def runs(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where the runs' folders are.")
    ] = Path("runs"),
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """List the runs that are here, oldest first."""
    screen = Screen(json, quiet)
    found = [describe_run(run) for run in loupe.list_runs(folder)]
    if not found:
        screen.say(f"There are no runs in {folder}. Make one with: loupe train")
    else:
        columns = (
            "run",
            "data",
            "recipe",
            " accuracy",
            "95 % interval",
            "of",
            " time",
            " size",
            "",
        )
        screen.table(columns, [_row(run) for run in found])
    screen.emit(found)


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
        known["problem"] = f"{type(error).__name__}: {error}"
    return known


def _row(run: dict[str, Any]) -> tuple[str, ...]:
    accuracy, n = run["accuracy"], run["n"]
    return (
        run["run"],
        run["data"] or "?",
        run["recipe"] or "?",
        percent(accuracy["value"], n) if accuracy else "",
        interval(accuracy["low"], accuracy["high"], n) if accuracy else "",
        f"{n:,} {run['split']} images" if accuracy else "",
        duration(run["training_seconds"]) if run["training_seconds"] else "",
        size(run["model_bytes"]) if run["model_bytes"] else "",
        run["problem"] or ("" if run["finished"] else run["state"]),
    )
