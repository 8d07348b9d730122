"""`loupe recipes`: what recipes there are, what each reached, and one of them in full."""

import json as json_format
from importlib import resources
from typing import Annotated, Any

import typer

import loupe
from loupe.cli import options
from loupe.cli.screen import Screen
from loupe.reporting.words import duration, percent


def recipes(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Print this recipe as TOML.")
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """List the recipes, or print one of them."""
    from loupe.recipes.named import NAMED
    from loupe.recipes.recipe import to_dict, to_toml

    screen, measured = Screen(json, quiet), read_measured()
    if name is not None:
        recipe = loupe.recipe(name)
        screen.say(to_toml(recipe).rstrip())
        screen.emit(to_dict(recipe))
        return
    rows = [
        (
            recipe.name,
            ", ".join(recipe.networks) or recipe.network or "(logistic regression)",
            recipe.optimizer,
            str(recipe.epochs),
            "; ".join(reached(result) for result in measured["results"].get(recipe.name, ())),
        )
        for recipe in NAMED.values()
    ]
    screen.table(("recipe", "network", "optimizer", " epochs", "reached on test images"), rows)
    if measured["results"]:
        screen.say("", f"Means over seeds, measured on {measured['machine']}, {measured['date']}.")
    listed = {name: to_dict(recipe) for name, recipe in NAMED.items()}
    screen.emit({"recipes": listed, "measured": measured})


def read_measured() -> dict[str, Any]:
    """Read what the recipes reached, as the benchmarks measured it.

    Returns:
        `machine`, `date` and `results`: for each recipe a list of `data`, `accuracy` (mean over
        seeds), `std`, `n` (seeds) and `seconds` (wall time of the whole command; None where the
        machine had other work).

    Example:
        >>> sorted(read_measured())
        ['date', 'machine', 'results']
    """
    text = resources.files("loupe.recipes").joinpath("measured.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json_format.loads(text)
    return content


def reached(result: dict[str, Any]) -> str:
    """Say what a recipe reached on one data set.

    Example:
        >>> reached({"data": "mnist", "accuracy": 0.9952, "n": 5, "seconds": 10.8})
        'mnist 99.52 % in 10.8 s (n = 5)'
    """
    seconds = result["seconds"]
    taken = "" if seconds is None else f" in {duration(seconds)}"
    text = f"{result['data']} {percent(result['accuracy'])}{taken} (n = {result['n']})"
    return text.replace("\N{NARROW NO-BREAK SPACE}", " ")
