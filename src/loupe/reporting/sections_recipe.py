"""The section on how to do it again: command, network, every setting, machine and versions."""

import shlex
from collections.abc import Iterator
from typing import Any

from loupe.examination.evaluation import Evaluation
from loupe.reporting.html import Section, render
from loupe.reporting.network_drawing import layer_blocks
from loupe.reporting.words import count
from loupe.runs.command import train_command
from loupe.runs.run import RECIPE_FILE, Run

# Of the environment: what the page says elsewhere, or better.
SEPARATE = ("command", "parameters", "model_bytes", "continued")
SEPARATE_OF_DATA = ("counts", "class_names", "notes", "skipped", "image_shape")


def recipe(run: Run, evaluation: Evaluation) -> Section:
    """Print the recipe, the environment and the command that repeats the run."""
    dataset = evaluation.dataset
    environment = {key: value for key, value in run.environment.items() if key not in SEPARATE}
    data = environment["data"]
    environment["data"] = {key: data[key] for key in data if key not in SEPARATE_OF_DATA}
    html = render(
        "section_recipe.html.j2",
        command=command(run),
        networks=[
            layer_blocks(network, dataset.image_shape, len(dataset.class_names), run.recipe.head)
            for network in run.recipe.networks or (run.recipe.network,)
        ],
        groups=[*_groups("recipe", run.recipe_dict()), *_groups("environment", environment)],
    )
    return Section("recipe", "Recipe", "How to do it again", html)


def command(run: Run) -> str:
    """Write the command that repeats the run, into a folder of its own.

    The run's recipe file holds every setting and the seed, whatever the flags and defaults were
    that it was started with.
    """
    data, continued = run.environment["data"], run.environment.get("continued")
    if continued is not None:
        classes = [word for name in continued["classes"] for word in ("--only-class", name)]
        more = continued["more"]["origin"] or continued["more"]["name"]
        words = ["loupe", "train", "--continue", continued["run"], *classes, "--data", more]
        return shlex.join(words)
    recipe_file = (run.folder / RECIPE_FILE).as_posix()
    teacher = run.environment.get("distilled_from", {}).get("model")
    return train_command(data, recipe_file, teacher or "")


def _groups(title: str, values: dict[str, Any]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Sort settings into titled lists: the plain ones, then each table by its own name."""
    tables = {key: value for key, value in values.items() if isinstance(value, dict) and value}
    plain = [(key, value) for key, value in values.items() if key not in tables]
    yield (
        title.capitalize().replace("_", " "),
        [(key.replace("_", " "), _written(value)) for key, value in plain],
    )
    for key, table in tables.items():
        yield from _groups(key, table)


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_written, value)) or "none"
    if isinstance(value, int):
        return count(value)
    return str(value) if value not in ("", {}, None) else "none"
