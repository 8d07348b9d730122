"""`loupe evaluate`: measure a model file on data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import loupe
from loupe.cli import options
from loupe.cli.continuing import say_what_was_added
from loupe.cli.data import read_again, read_data
from loupe.cli.places import require_ledger, require_writable
from loupe.cli.screen import Screen
from loupe.cli.settings import given_only
from loupe.errors import DataError, RunError

Split = Literal["train", "validation", "test"]


def evaluate(
    model: Annotated[
        Path, typer.Argument(metavar="RUN|MODEL", help="The folder of a run, or a model.onnx.")
    ],
    data: options.OtherData = None,
    split: Annotated[Split, typer.Option(help="Which of its images.")] = "test",
    size: options.Size = None,
    bad_files: options.BadFiles = "stop",
    fixes: options.Fixes = None,
    with_fixed_test: Annotated[
        bool,
        typer.Option(
            "--with-fixed-test",
            help="Also say what the figures would be with test labels as --fixes has them.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write evaluation.json and predictions.csv there."),
    ] = None,
    target: options.Target = None,
    abstain: options.Abstain = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure a model on the data of its run, or on other data.

    Each look at test images is entered in runs/ledger.jsonl.
    """
    from loupe.cli.certainty import print_abstention, require_thresholds, shares
    from loupe.cli.result import print_evaluation, print_targets
    from loupe.cli.targets import judge, parse_targets
    from loupe.examination.evaluation import write_evaluation

    screen, targets = Screen(json, quiet), parse_targets(target or ())
    run = None if model.suffix == ".onnx" else loupe.open_run(model)
    classifier = run.classifier if run else loupe.load(model)
    wanted = shares(abstain)
    if abstain is not None:
        require_thresholds(classifier)
    if out is not None:
        _refuse_to_overwrite(out)
        require_writable(out)
    if split == "test":
        require_ledger()
    _require_fixes(fixes, with_fixed_test, split)
    reading = given_only(size=size, bad_files=None if bad_files == "stop" else bad_files)
    mending = None if with_fixed_test else fixes
    if mending is not None and data is None:
        reading["fixes"] = mending
    dataset = read_for(run, classifier, data, reading, screen)
    if split == "train" and data is None:
        say_what_was_added(run, screen, "measured")
    dataset = divided(dataset, classifier, split, screen, mending)
    evaluation = loupe.evaluate(classifier, dataset, split=split, abstain=wanted)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_evaluation(out, evaluation)
    _print_metrics(evaluation, screen)
    print_evaluation(evaluation, screen)
    if abstain is not None:
        print_abstention(evaluation, screen)
    fixed = _fixed(evaluation, dataset, fixes if with_fixed_test else None, screen)
    met = print_targets(targets, evaluation, screen)
    judged = {"targets": judge(targets, evaluation), "skipped": len(dataset.skipped)}
    screen.emit({**evaluation.to_dict(), **judged, **fixed})
    raise typer.Exit(int(not met))


def _require_fixes(fixes: Path | None, with_fixed_test: bool, split: Split) -> None:
    if with_fixed_test and (fixes is None or split != "test"):
        raise DataError(
            "--with-fixed-test measures test images with their labels as a fixes file has them: "
            "name the file with --fixes, and leave --split at test."
        )


def _fixed(
    evaluation: "loupe.Evaluation", dataset: "loupe.Dataset", fixes: Path | None, screen: Screen
) -> dict[str, Any]:
    """Print the figures with mended test labels beside those that count."""
    from loupe.examination.labels_fixed_test import with_fixed_test

    if fixes is None:
        return {}
    found = with_fixed_test(evaluation, dataset, fixes)
    screen.say(
        "",
        f"With the test labels of {fixes}: {found.changed:,} changed, {found.dropped:,} images "
        "left out. Nothing is written to the data; the figures that count are those above.",
    )
    rows = [
        (name, f"{evaluation.metrics[name].value:.4f}", f"{metric.value:.4f}",
         f"{metric.low:.4f} to {metric.high:.4f}")
        for name, metric in found.metrics.items()
    ]  # fmt: skip
    screen.table(("metric", " as they are", " fixed", "95 % interval"), rows)
    return {"with_fixed_test": found.to_dict()}


def _refuse_to_overwrite(out: Path) -> None:
    for name in ("evaluation.json", "predictions.csv"):
        if (out / name).exists():
            raise RunError(
                f"{out} holds the file {name} already, and nothing is overwritten: name another "
                "folder with --out."
            )


def read_for(
    run: "loupe.Run | None",
    classifier: "loupe.Classifier",
    data: str | None,
    reading: Mapping[str, Any],
    screen: Screen,
) -> "loupe.Dataset":
    """Read the data that was named, or what the run was trained on."""
    if data is not None:
        height, width, _ = classifier.image_shape
        square: dict[str, Any] = {"size": height} if height == width else {}
        return read_data(data, screen, **{**square, **reading, "seal": False})
    if run is None:
        raise RunError(
            f"{classifier.source} does not know where its data is: name some with --data, or give "
            "the run's folder."
        )
    if "size" in reading:
        raise RunError(
            "--size goes with --data: what the run was trained on is read as it was then."
        )
    return read_again(run, None, screen, instead="--data", **reading)


def divided(
    dataset: "loupe.Dataset",
    classifier: "loupe.Classifier",
    split: Split,
    screen: Screen,
    fixes: Path | None = None,
) -> "loupe.Dataset":
    """Hold out the training's validation images of its own data; fit other data to the model.

    Other data is read unsealed: a class with a single image has nothing to seal, and can be
    measured.
    """
    from loupe.cli.other_data import all_as_test, fitted_to, is_trained_on, sealed
    from loupe.data.fixes import apply_fixes
    from loupe.data.split import hold_out_validation

    card = classifier.card
    own = sealed(dataset)
    if fixes is not None and own.fixes is None and len(own.test):
        own = apply_fixes(own, fixes)
    if own.fingerprint == card.training_data["fingerprint"]:
        return hold_out_validation(own, card.recipe["validation"], card.recipe["seed"])
    if is_trained_on(own, card, split):
        return own
    before = len(dataset.notes)
    if split == "test":
        dataset = all_as_test(dataset)
    dataset = fitted_to(dataset, classifier.image_shape)
    screen.say(*(f"  {note}" for note in dataset.notes[before:]))
    return dataset


def _print_metrics(evaluation: "loupe.Evaluation", screen: Screen) -> None:
    rows = [
        (name, f"{metric.value:.4f}", f"{metric.low:.4f} to {metric.high:.4f}", metric.interval)
        for name, metric in evaluation.metrics.items()
    ]
    screen.say("")
    screen.table(("metric", " value", "95 % interval", "by"), rows)
