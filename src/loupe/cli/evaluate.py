"""`loupe evaluate`: measure a model file on data."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import loupe
from loupe.cli import options
from loupe.cli.data import read_again, read_data
from loupe.cli.places import require_ledger, require_writable
from loupe.cli.screen import Screen
from loupe.errors import RunError


def evaluate(
    model: Annotated[
        Path, typer.Argument(metavar="RUN|MODEL", help="The folder of a run, or a model.onnx.")
    ],
    data: options.OtherData = None,
    split: Annotated[
        Literal["train", "validation", "test"], typer.Option(help="Which of its images.")
    ] = "test",
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write evaluation.json and predictions.csv there."),
    ] = None,
    target: options.Target = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure a model on the data of its run, or on other data.

    Each look at test images is entered in runs/ledger.jsonl.
    """
    from loupe.cli.result import print_evaluation, print_targets
    from loupe.cli.targets import judge, parse_targets
    from loupe.examination.evaluation import write_evaluation

    screen, targets = Screen(json, quiet), parse_targets(target or ())
    run = None if model.suffix == ".onnx" else loupe.open_run(model)
    classifier = run.classifier if run else loupe.load(model)
    if out is not None:
        _refuse_to_overwrite(out)
        require_writable(out)
    if split == "test":
        require_ledger()
    dataset = _read(run, classifier, data, screen)
    evaluation = loupe.evaluate(classifier, _divided(dataset, classifier), split=split)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_evaluation(out, evaluation)
    _print_metrics(evaluation, screen)
    print_evaluation(evaluation, screen)
    met = print_targets(targets, evaluation, screen)
    screen.emit({**evaluation.to_dict(), "targets": judge(targets, evaluation)})
    raise typer.Exit(int(not met))


def _refuse_to_overwrite(out: Path) -> None:
    for name in ("evaluation.json", "predictions.csv"):
        if (out / name).exists():
            raise RunError(
                f"{out} holds the file {name} already, and nothing is overwritten: name another "
                "folder with --out."
            )


def _read(
    run: "loupe.Run | None", classifier: "loupe.Classifier", data: str | None, screen: Screen
) -> "loupe.Dataset":
    """Read the data that was named, as the model takes it, or what the run was trained on."""
    if data is not None:
        height, width, _ = classifier.image_shape
        options: dict[str, Any] = {"size": height} if height == width else {}
        return read_data(data, screen, **options)
    if run is None:
        raise RunError(
            f"{classifier.source} does not know where its data is: name some with --data, or give "
            "the run's folder."
        )
    return read_again(run, None, screen)


def _divided(dataset: "loupe.Dataset", classifier: "loupe.Classifier") -> "loupe.Dataset":
    """Hold out the same validation images as in training, where it is the training's data."""
    from loupe.data.split import hold_out_validation

    card = classifier.card
    if dataset.fingerprint != card.training_data["fingerprint"]:
        return dataset
    return hold_out_validation(dataset, card.recipe["validation"], card.recipe["seed"])


def _print_metrics(evaluation: "loupe.Evaluation", screen: Screen) -> None:
    rows = [
        (name, f"{metric.value:.4f}", f"{metric.low:.4f} to {metric.high:.4f}", metric.interval)
        for name, metric in evaluation.metrics.items()
    ]
    screen.say("")
    screen.table(("metric", " value", "95 % interval", "by"), rows)
