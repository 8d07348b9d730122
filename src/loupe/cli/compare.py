"""`loupe compare`: which of several models is better, and whether that is real."""

from pathlib import Path
from typing import Annotated

import typer

import loupe
from loupe.cli import options
from loupe.cli.data import read_data
from loupe.cli.places import require_page_place
from loupe.cli.screen import Screen

SHOWN = 10  # images on which the models differ, on the screen; the page has many more


def compare(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN|MODEL...", help="Two runs or more, or model files, of the same data."
        ),
    ],
    data: options.OtherData = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "--html", metavar="PATH", help="Write the page to this file."),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare models: which is better, and whether that is real.

    Says which one to take, on validation images that none of them was trained on; test images are
    not looked at.
    """
    from loupe.examination.candidates import find_candidates, origin_of, require_same_terms

    screen = Screen(json, quiet)
    if out is not None:
        require_page_place(out, "--out")
    candidates = find_candidates(models)
    require_same_terms(candidates)
    if data is None:
        known = origin_of(candidates)
        dataset = read_data(known["origin"], screen, **known["read_options"])
    else:
        dataset = read_data(data, screen)
    comparison = loupe.compare(models, dataset)
    print_comparison(comparison, screen)
    if out is not None:
        screen.say("", f"page  {loupe.write_page(comparison, out)}")
    screen.emit(comparison.to_dict() | {"page": None if out is None else str(out)})


def print_comparison(comparison: "loupe.Comparison", screen: Screen) -> None:
    """Print the models, their differences, where they differ, and the advice."""
    from loupe.reporting.words import count, duration, interval, percent, size

    n = comparison.num_images
    rows = []
    for model in comparison.models:
        accuracy, of = model.evaluation.metrics["accuracy"], model.candidate
        test = of.test["metrics"]["accuracy"] if of.test else None
        rows.append(
            (
                model.name,
                percent(accuracy.value, n),
                interval(accuracy.low, accuracy.high, n),
                "" if of.seconds is None else duration(of.seconds),
                "" if of.parameters is None else count(of.parameters),
                size(of.size_bytes),
                f"{model.images_per_second:,.0f}",
                percent(test["value"], of.test["n"]) if of.test and test else "",
            )
        )
    screen.say("")
    columns = ("model", " accuracy", "95 % interval", " training", " parameters", " size",
               " images/s", " test")  # fmt: skip
    screen.table(columns, rows)
    _print_pairs(comparison, screen)
    _print_images(comparison, screen)
    screen.say("", *comparison.sentences)


def _print_pairs(comparison: "loupe.Comparison", screen: Screen) -> None:
    rows = [
        (
            comparison.models[pair.first].name,
            comparison.models[pair.second].name,
            f"{100 * pair.difference.value:+.2f}",
            f"{100 * pair.difference.low:+.2f} to {100 * pair.difference.high:+.2f}",
            f"{pair.difference.only_first} : {pair.difference.only_second}",
            "< 0.001" if pair.p < 0.001 else f"{pair.p:.2g}",
            "real" if pair.is_real else "chance explains it",
        )
        for pair in comparison.pairs
    ]
    columns = ("better", "than", " points", "95 % interval", " only one right", " p", "")
    screen.say("")
    screen.table(columns, rows)


def _print_images(comparison: "loupe.Comparison", screen: Screen) -> None:
    from loupe.examination.comparison import top_of

    differ = comparison.disagreements.tolist()
    if not differ:
        return
    evaluation = comparison.models[0].evaluation
    names = evaluation.dataset.class_names
    rows = [
        (
            evaluation.sources[index],
            names[evaluation.labels[index]],
            *(f"{guess} ({sure:.2f})" for model in comparison.models
              for guess, sure in top_of(model.evaluation, index, 1)),
        )
        for index in differ[:SHOWN]
    ]  # fmt: skip
    more = f", of {len(differ):,} the surest mistakes" if len(differ) > SHOWN else ""
    screen.say("", f"Images that they read differently{more}:")
    screen.table(("image", "label", *(model.name for model in comparison.models)), rows)
