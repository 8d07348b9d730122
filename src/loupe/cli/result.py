"""What follows a training: measure the model file, write its report, say how it went."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import loupe
from loupe.cli.bad_files import FILE as BAD_FILES
from loupe.cli.certainty import print_abstention, shares
from loupe.cli.continuing import print_before_and_after
from loupe.cli.screen import Screen
from loupe.cli.targets import Target, judge, sentence
from loupe.data.dataset import Dataset, Split
from loupe.data.split import hold_out_validation
from loupe.examination.curves import verdict
from loupe.examination.evaluation import Evaluation, write_evaluation
from loupe.reporting.words import duration, ordinal, size
from loupe.runs.run import LEDGER, MODEL_FILE, Run

# What to try for more, after one of ours.
NEXT_RECIPE = {"fast": "balanced", "balanced": "best"}


def conclude(
    run: Run,
    dataset: Dataset,
    targets: Sequence[Target],
    *,
    use_test: bool,
    screen: Screen,
    abstain: float | None = None,
) -> int:
    """Measure a finished run, write what belongs into its folder, and print the result.

    Returns:
        The exit code.
    """
    interrupted = bool(run.environment.get("interrupted"))
    dataset = hold_out_validation(dataset, run.recipe.validation, run.recipe.seed)
    split = _measured_split(dataset, use_test and not interrupted)
    evaluation = loupe.evaluate(run.classifier, dataset, split=split, abstain=shares(abstain))
    write_evaluation(run.folder, evaluation)
    report = loupe.write_report(run, evaluation, dataset=dataset, findings=loupe.check(dataset))
    if interrupted:
        screen.say(
            f"Ended by Ctrl-C after {len(run.history)} epochs: the model holds what was learned "
            f"by then. The test images were left alone. To finish it, {run.way_on}"
        )
    print_evaluation(evaluation, screen)
    if "continued" in run.environment:
        print_before_and_after(run, evaluation, screen)
    if abstain is not None:
        print_abstention(evaluation, screen)
    screen.say(*_paths(run, report), *_next_steps(run, report))
    met = print_targets(targets, evaluation, screen)
    screen.emit({"event": "finished", **_as_json(run, report, evaluation, targets)})
    return 130 if interrupted else int(not met)


def print_evaluation(evaluation: Evaluation, screen: Screen) -> None:
    """Say how good the model is, and how often its test images were looked at."""
    screen.say("", evaluation.sentence)
    if evaluation.split != "test":
        screen.say(f"These are {evaluation.split} images, which the training has seen in one way "
                   "or another: expect less of new ones.")  # fmt: skip
    elif evaluation.looks_at_test:
        look = ordinal(evaluation.looks_at_test)
        screen.say(f"This was the {look} look at these test images, as {LEDGER} counts them.")


def print_targets(targets: Sequence[Target], evaluation: Evaluation, screen: Screen) -> bool:
    """Say which targets were met; those that were not also where all else is quiet."""
    judged = judge(targets, evaluation)
    for target in judged:
        text = sentence(target, evaluation.split)
        if target["met"]:
            screen.say(text)
        else:
            print(text, file=sys.stderr)
    return all(target["met"] for target in judged)


def _measured_split(dataset: Dataset, use_test: bool) -> Split:
    """Test images, or the next best where they are to be left alone."""
    if use_test:
        return "test"
    return "validation" if len(dataset.validation) else "train"


def _paths(run: Run, report: Path) -> list[str]:
    environment = run.environment
    seconds = environment.get("seconds", {}).get("training", 0.0)
    length = size((run.folder / MODEL_FILE).stat().st_size)
    return [
        f"Trained in {duration(seconds)} on {environment['device']}.",
        "",
        f"model   {run.folder / MODEL_FILE} ({length})",
        f"report  {report}",
    ]


def _next_steps(run: Run, report: Path) -> list[str]:
    """What to do now: look at the mistakes, then train less or better."""
    steps = [f"Next: open {report}, which shows every mistake."]
    enough = verdict(run.history).enough_epochs
    # A falling learning rate needs all of its epochs: fewer would fall faster, not stop sooner.
    if enough and run.recipe.schedule == "constant":
        steps.append(f"      --epochs {enough} would do: validation loss fell no further.")
    better = NEXT_RECIPE.get(run.recipe.name)
    if better:
        data = run.environment["data"]
        steps.append(f"      loupe train {data['origin'] or data['name']} --recipe {better}")
    return steps


def _as_json(
    run: Run, report: Path, evaluation: Evaluation, targets: Sequence[Target]
) -> dict[str, Any]:
    environment, listed = run.environment, run.folder / BAD_FILES
    return {
        "run": str(run.folder),
        "model": str(run.folder / MODEL_FILE),
        "report": str(report),
        "seconds": environment.get("seconds", {}),
        "skipped": environment["data"].get("skipped", 0),
        "bad_files": str(listed) if listed.exists() else None,
        "interrupted": bool(environment.get("interrupted")),
        "targets": judge(targets, evaluation),
        **evaluation.to_dict(),
    }
