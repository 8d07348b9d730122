"""`loupe stress`: what a model bears, and from where on it fails."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import loupe
from loupe.cli import options
from loupe.cli.places import require_ledger, require_page_place, require_writable
from loupe.cli.screen import Screen
from loupe.errors import RunError

if TYPE_CHECKING:
    from loupe.examination.stress import StressTest

PAGE_FILE, FIGURES_FILE = "stress.html", "stress.json"


def stress(
    model: Annotated[
        Path, typer.Argument(metavar="RUN|MODEL", help="The folder of a run, or a model.onnx.")
    ],
    data: options.OtherData = None,
    split: Annotated[
        Literal["train", "validation", "test"], typer.Option(help="Which of its images.")
    ] = "validation",
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="STRESS", help="One stress, as rotation. Repeat it for more."),
    ] = None,
    size: options.Size = None,
    bad_files: options.BadFiles = "stop",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write stress.html and stress.json there. [default: the run's folder]",
        ),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Distort images in nine ways, and see where accuracy is lost.

    Shift, rotation, scale, stroke width, blur, noise, contrast, inversion, occlusion, each in five
    strengths: shows where the first percentage point of accuracy is lost.
    """
    from loupe.cli.evaluate import divided, read_for
    from loupe.cli.settings import given_only
    from loupe.examination.stress import stress as put_under_stress
    from loupe.files import write_json
    from loupe.reporting.stress_page import write_stress_page

    screen = Screen(json, quiet)
    run = None if model.suffix == ".onnx" else loupe.open_run(model)
    classifier = run.classifier if run else loupe.load(model)
    folder = out or (run.folder if run else None)
    if folder is not None:
        require_writable(folder)
        folder.mkdir(parents=True, exist_ok=True)
        require_page_place(folder / PAGE_FILE, "--out")
        _refuse_strangers(folder)
    if split == "test":
        require_ledger()
    reading = given_only(size=size, bad_files=None if bad_files == "stop" else bad_files)
    dataset = read_for(run, classifier, data, reading, screen)
    dataset = divided(dataset, classifier, split, screen)
    screen.say("Distorting the images and reading them again ...")
    found = put_under_stress(classifier, dataset, split=split, stresses=only or ())
    _print(found, screen)
    if folder is not None:
        write_json(folder / FIGURES_FILE, found.to_dict())
        screen.say("", f"page  {write_stress_page(found, folder / PAGE_FILE)}")
    screen.emit(found.to_dict())


def _refuse_strangers(folder: Path) -> None:
    """Refuse to replace figures that stand there without a page of ours."""
    if (folder / FIGURES_FILE).exists() and not (folder / PAGE_FILE).exists():
        raise RunError(
            f"{folder} holds a file {FIGURES_FILE} and no {PAGE_FILE}: it may not be Loupe's, and "
            "nothing is overwritten. Name another folder with --out."
        )


def _print(found: "StressTest", screen: Screen) -> None:
    rows = []
    for curve in found.curves:
        cells = [f"{100 * each.accuracy:.2f} ({each.text})" for each in curve.strengths]
        first = curve.strengths[curve.costs_from - 1].text if curve.costs_from else "none of them"
        rows.append((curve.name, *cells, first))
    screen.say("", "Accuracy in % at each strength:", "")
    columns = ("stress", *(f" {i}" for i in range(1, 6)), "a point is lost at")
    screen.table(columns, rows)
    screen.say(*(f"{name} is left out: {why}." for name, why in found.left_out.items()))
    screen.say("", found.sentence)
