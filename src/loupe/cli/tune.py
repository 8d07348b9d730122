"""`loupe tune`: search for a better recipe."""

from pathlib import Path
from typing import Annotated, Any

import typer

import loupe
from loupe.cli import options
from loupe.cli.bad_files import keep_bad_files
from loupe.cli.data import read_data
from loupe.cli.places import require_writable
from loupe.cli.screen import Screen


def tune(
    data: options.DataOrDigits = None,
    space: Annotated[
        str, typer.Option(metavar="NAME|FILE.toml", help="What may vary: small, first, post-004.")
    ] = "small",
    minutes: Annotated[float, typer.Option(help="For all of it, the comparison included.")] = 20.0,
    trials: Annotated[int | None, typer.Option(min=1, help="At most so many more trials.")] = None,
    no_slower: Annotated[
        bool,
        typer.Option("--no-slower", help="Only recipes that train no longer than the default."),
    ] = False,
    size: options.Size = None,
    bad_files: options.BadFiles = "stop",
    fixes: options.Fixes = None,
    generated: options.Generated = None,
    generated_only: options.GeneratedOnly = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The study's folder. [default: studies/<data>-<space>]"),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Search for a better recipe, without the test images.

    Started again it goes on, and several processes may share a study. Ends with best.toml and
    whether it is really better.
    """
    from loupe.studies.begun import require_limits
    from loupe.studies.search import PAGE_FILE, STUDIES, sentences
    from loupe.studies.space import find_space

    require_limits(minutes, trials)
    screen, searched = Screen(json, quiet), find_space(space)
    require_writable(out or STUDIES)
    dataset = read_data(
        data or options.DEFAULT_DATA, screen, size=size, bad_files=bad_files, fixes=fixes,
        generated=generated, generated_only=generated_only,
    )  # fmt: skip
    screen.say(*_what_is_searched(searched, dataset))

    def watch(trial: Any) -> None:
        screen.say(line_of(trial))
        screen.emit({"event": "trial", **trial.to_dict()})

    found = loupe.tune(
        dataset,
        searched,
        minutes=minutes,
        trials=trials,
        out=out,
        no_slower=no_slower,
        watch=watch,
    )
    page = loupe.write_page(found, found.folder / PAGE_FILE)
    if said := keep_bad_files(found.folder, dataset.skipped):
        screen.say(said)
    screen.say("", *sentences(found), "", *_paths(found, page))
    screen.emit({"event": "finished", **found.to_dict(), "page": str(page)})
    if found.interrupted:
        screen.say("", "Ended by Ctrl-C. The same command goes on with the study.")
        raise typer.Exit(130)
    raise typer.Exit(0 if found.best else 1)


def _what_is_searched(space: Any, dataset: "loupe.Dataset") -> list[str]:
    from loupe.studies.fitting import fitted_to

    fitted = fitted_to(space, dataset)
    left_out = [key for key in space.vary if key not in fitted.vary]
    return [
        f"Searching {space.name}: {', '.join(fitted.domains())}",
        *(f"  Left out: {key}, as training sees no mirror images." for key in left_out),
        f"First {space.base.name} itself, which the best one has to beat; then trials.",
    ]


def line_of(trial: Any) -> str:
    """Say how a trial went, in one line; networks with their parts in place."""
    from loupe.reporting.words import duration, percent
    from loupe.studies.space import filled

    parts = {name: value for name, value in trial.chosen.items() if name.startswith("{")}
    words = []
    for name, value in trial.chosen.items():
        if name in ("network", "networks"):
            words.append(f"{name} {filled(value, parts)}")
        elif name not in parts or not {"network", "networks"} & trial.chosen.keys():
            words.append(f"{name} {_short(value)}")
    chosen = ", ".join(words)
    how = percent(trial.accuracy) if trial.is_finished else trial.outcome
    time = f" in {duration(trial.seconds)}" if trial.seconds else ""
    return f"{trial.name}: {how}{time}; {chosen}"


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _paths(found: Any, page: Path) -> list[str]:
    lines = [f"page    {page}"]
    if found.recipe_file is not None:
        lines.append(f"recipe  {found.recipe_file}")
        lines += ["", f"Train it on all images: {found.train_command}"]
    return lines
