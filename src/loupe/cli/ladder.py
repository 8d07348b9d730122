"""`loupe ladder`: from the simplest model to a committee, for as long as that buys something."""

from pathlib import Path
from typing import Annotated

import typer

import loupe
from loupe.cli import options
from loupe.cli.data import read_data
from loupe.cli.places import require_writable
from loupe.cli.screen import Screen
from loupe.cli.settings import given_only


def ladder(
    data: options.DataOrDigits = None,
    seed: options.Seed = 0,
    validation: options.Validation = None,
    minutes: Annotated[
        float | None, typer.Option(help="Time budget of all trainings together.")
    ] = None,
    all_rungs: Annotated[
        bool, typer.Option("--all", help="Climb on where two rungs in a row buy nothing.")
    ] = False,
    size: options.Size = None,
    bad_files: options.BadFiles = "stop",
    fixes: options.Fixes = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The ladder's folder. [default: runs/<data>-ladder-<n>]"),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train simple to complex models, until they buy nothing more.

    Measured on validation images; test images are not looked at. Given again, it goes on where it
    was: what is trained is kept.
    """
    from loupe.cli.progress import watching

    screen = Screen(json, quiet)
    if out is not None:
        require_writable(out)
    skipped = None if bad_files == "stop" else bad_files
    reading = given_only(size=size, bad_files=skipped, fixes=fixes)
    dataset = read_data(data or options.DEFAULT_DATA, screen, **reading)

    def watch_run(title: str, members: int):  # type: ignore[no-untyped-def]  # torch's Watch
        screen.say(f"Training the {title} ...")
        return watching(screen, members)

    found = loupe.ladder(
        dataset, seed=seed or 0, validation=validation, minutes=minutes, to_the_top=all_rungs,
        out=out, watch_run=watch_run,
    )  # fmt: skip
    page = loupe.write_page(found, found.folder / "ladder.html")
    _print(found, screen)
    screen.say("", f"page  {page}")
    screen.say(*_next_steps(found))
    screen.emit({"event": "finished", **found.to_dict(), "page": str(page)})


def _print(found: "loupe.Ladder", screen: Screen) -> None:
    from loupe.examination.ladder import COLUMNS, ladder_row

    right = {"accuracy", "gain", "p", "training", "parameters"}
    columns = [f" {name}" if name in right else name for name in COLUMNS]
    screen.say("")
    screen.table(columns, [ladder_row(found, i) for i in range(len(found.rungs))])
    notes = [f"{rung.title}: {rung.note}." for rung in found.rungs if rung.note]
    screen.say(*notes, "", *found.sentences)


def _next_steps(found: "loupe.Ladder") -> list[str]:
    """What to do now: see the differences, then measure the choice on test images, once."""
    steps = []
    runs = [rung for rung in found.rungs if rung.run]
    taken = found.rungs[found.recommended]
    if taken.run:
        steps.append(f"Next: loupe evaluate {taken.run} measures the choice on test images, once.")
    if len(runs) > 1:
        folders = f"{found.folder}/{{{','.join(rung.name for rung in runs)}}}"
        steps.append(f"      loupe compare {folders} --out page.html shows where they differ.")
    return steps
