"""`loupe report`: write a run's report again."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import loupe
from loupe.cli import options
from loupe.cli.data import read_again
from loupe.cli.places import require_page_place
from loupe.cli.screen import Screen
from loupe.errors import RunError

if TYPE_CHECKING:
    from loupe.data.dataset import Split


def report(
    run: options.Run,
    data: options.OtherData = None,
    abstain: options.Abstain = None,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Write it to this file. [default: the run's report.html]"
        ),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write the report of a run again.

    Its figures are those of its evaluation: this is no new look at test images. A run that was
    never evaluated is shown on its validation images.
    """
    from loupe.data.split import hold_out_validation
    from loupe.runs.run import REPORT_FILE

    screen, opened = Screen(json, quiet), loupe.open_run(run)
    require_page_place(html or opened.folder / REPORT_FILE)
    recipe, _ = opened.recipe, opened.classifier  # refuses a run without a model at once
    dataset = read_again(opened, data, screen, instead="--data")
    dataset = hold_out_validation(dataset, recipe.validation, recipe.seed)
    evaluation = _recalled(opened, dataset, abstain)
    findings = loupe.check(dataset)
    path = loupe.write_report(opened, evaluation, dataset=dataset, findings=findings, path=html)
    screen.say(f"report  {path}")
    screen.emit({"report": str(path), "split": evaluation.split})


def _recalled(
    run: "loupe.Run", dataset: "loupe.Dataset", abstain: float | None
) -> "loupe.Evaluation":
    """Make the run's evaluation again, image by image, without counting it as a look.

    Raises:
        RunError: the images are not those that were evaluated.
    """
    from loupe.cli.certainty import shares

    stored = run.evaluation
    wanted = shares(abstain, stored)
    split: Split = "validation" if stored is None else stored["split"]
    evaluation = loupe.evaluate(run.classifier, dataset, split=split, ledger=None, abstain=wanted)
    if stored is None:
        return evaluation
    if evaluation.data_fingerprint != stored["data_fingerprint"]:
        raise RunError(
            f"{run.folder} was evaluated on other {stored['split']} images of {stored['data']} "
            "than are there now: its report cannot be written again. Bring the old data back, "
            "name it with --data, or measure the model on the new data with loupe evaluate."
        )
    return replace(evaluation, looks_at_test=stored["looks_at_test"])
