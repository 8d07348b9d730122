"""`loupe export`: a model in the form in which others take it."""

from pathlib import Path
from typing import Annotated, Literal

import typer

import loupe
from loupe.cli import options
from loupe.cli.places import require_writable
from loupe.cli.screen import Screen
from loupe.errors import RunError

CARD_FILE, MODEL_FILE = "README.md", "model.onnx"


def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="RUN|MODEL",
            help="The folder of a run, a model.onnx, mnist or fashion-mnist.",
        ),
    ],
    to: Annotated[
        Literal["card"], typer.Option(help="card: a model card for Hugging Face, with the model.")
    ] = "card",
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where to write. [default: <name of the model>-card]"),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a model card, README.md, beside a copy of the model.

    Its figures are those of the run's evaluation, with n and intervals. The licence is left to
    you. Nothing is overwritten.
    """
    from loupe.classifier.pretrained import PRETRAINED, find_model
    from loupe.files import write_bytes, write_text
    from loupe.reporting.model_card import model_card

    screen = Screen(json, quiet)
    evaluation, name = None, model
    if model not in PRETRAINED:
        path = Path(model)
        name = (path if path.is_dir() else path.with_suffix("")).resolve().name
        if path.is_dir():
            run = loupe.open_run(path)
            evaluation = run.evaluation
    classifier = find_model(model)
    folder = out or Path(f"{name}-card")
    for file in (CARD_FILE, MODEL_FILE):
        if (folder / file).exists():
            raise RunError(
                f"{folder} holds the file {file} already, and nothing is overwritten: name another "
                "folder with --out."
            )
    require_writable(folder)
    card = model_card(classifier, name, evaluation)
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / MODEL_FILE, Path(classifier.source).read_bytes())
    write_text(folder / CARD_FILE, card)
    screen.say(
        f"card   {folder / CARD_FILE}",
        f"model  {folder / MODEL_FILE}",
        "Next: choose a licence in the card's first lines.",
    )
    screen.emit({"card": str(folder / CARD_FILE), "model": str(folder / MODEL_FILE)})
