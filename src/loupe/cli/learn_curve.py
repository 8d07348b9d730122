"""`loupe learn-curve`: error against the amount of data, and what more of it would bring."""

from pathlib import Path
from typing import Annotated

import typer

import loupe
from loupe.cli import options
from loupe.cli.data import read_data
from loupe.cli.places import require_writable
from loupe.cli.screen import Screen
from loupe.cli.settings import given_only, parse_settings
from loupe.errors import RecipeError


def learn_curve(
    data: options.DataOrDigits = None,
    recipe: Annotated[
        str, typer.Option(metavar="NAME|FILE.toml", help="What is trained at each size.")
    ] = "fast",
    setting: options.Set = None,
    fractions: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Shares of the training images. [default: 0.0625,0.125,0.25,0.5,1]",
        ),
    ] = None,
    repeats: Annotated[
        int, typer.Option(help="Trainings of each size, with other images and seeds.")
    ] = 2,
    seed: options.Seed = 0,
    validation: options.Validation = None,
    size: options.Size = None,
    bad_files: options.BadFiles = "stop",
    fixes: options.Fixes = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where. [default: runs/<data>-<recipe>-learning-curve-<n>]"
        ),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Say whether more data would help, and by how much.

    Trains on growing parts of the data, all with as many steps, and fits a power law to the errors
    on validation images; test images are not looked at. Given again, it goes on where it was; with
    more repeats or other fractions, what is trained already counts along.
    """
    from loupe.cli.progress import watching
    from loupe.recipes.named import settled
    from loupe.recipes.recipe import changed

    screen, overrides = Screen(json, quiet), parse_settings(setting or ())
    chosen = loupe.recipe(recipe)
    changed(chosen, overrides)  # a slip is refused before the data is read
    shares = {} if fractions is None else {"fractions": parse_fractions(fractions)}
    if out is not None:
        require_writable(out)
    skipped = None if bad_files == "stop" else bad_files
    reading = given_only(size=size, bad_files=skipped, fixes=fixes)
    dataset = read_data(data or options.DEFAULT_DATA, screen, **reading)

    def watch_run(title: str, members: int):  # type: ignore[no-untyped-def]  # torch's Watch
        screen.say(f"Training a {title} ...")
        return watching(screen, members)

    # Settled first: what was asked for holds, whatever the recipe would do for this kind of data.
    chosen = changed(settled(chosen, dataset), overrides)
    found = loupe.learning_curve(
        dataset, chosen, repeats=repeats, seed=seed or 0, validation=validation, out=out,
        watch_run=watch_run, **shares,
    )  # fmt: skip
    page = loupe.write_page(found, found.folder / "learning-curve.html")
    _print(found, screen)
    screen.say("", f"page  {page}")
    screen.emit({"event": "finished", **found.to_dict(), "page": str(page)})


def parse_fractions(text: str) -> tuple[float, ...]:
    """Read shares from a list with commas or spaces.

    Raises:
        RecipeError: a part of it is no number.

    Example:
        >>> parse_fractions("0.25, 0.5,1")
        (0.25, 0.5, 1.0)
    """
    try:
        return tuple(float(part) for part in text.replace(",", " ").split())
    except ValueError as error:
        raise RecipeError(
            f"--fractions {text}: expected shares of the training images, as 0.125,0.25,0.5,1."
        ) from error


def _print(found: "loupe.LearningCurve", screen: Screen) -> None:
    from loupe.examination.learning_curve import COLUMNS, curve_row

    ahead = found.expected(2 * found.num_images, 4 * found.num_images)
    rows = [curve_row(point, "measured") for point in found.points]
    rows += [curve_row(each, "forecast") for each in ahead]
    columns = [f" {name}" if name in COLUMNS[:2] else name for name in COLUMNS]
    screen.say("")
    screen.table(columns, rows)
    screen.say("", *found.sentences)
