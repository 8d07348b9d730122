"""`loupe train`: read, train, measure, report."""

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

import loupe
from loupe.cli import options
from loupe.cli.bad_files import keep_bad_files
from loupe.cli.continuing import continue_run, refuse_half, refuse_settings
from loupe.cli.data import read_again, read_data
from loupe.cli.places import require_ledger, require_writable
from loupe.cli.screen import Screen, plain
from loupe.cli.settings import given_only, network_settings, parse_settings
from loupe.errors import RecipeError, RunError


def train(
    data: options.DataOrDigits = None,
    recipe: options.RecipeName = None,
    setting: options.Set = None,
    seed: options.Seed = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
    optimizer: options.Optimizer = None,
    network: options.Networks = None,
    activation: options.Activation = None,
    head: options.Head = None,
    balance: options.Balance = None,
    validation: options.Validation = None,
    minutes: options.Minutes = None,
    device: options.Device = None,
    size: options.Size = None,
    bad_files: options.BadFiles = "stop",
    fixes: options.Fixes = None,
    generated: options.Generated = None,
    generated_only: options.GeneratedOnly = False,
    out: options.Out = None,
    distil: options.Distil = None,
    resume: options.Resume = None,
    continued: options.Continue = None,
    only_class: options.OnlyClass = None,
    more: options.More = None,
    no_test: options.NoTest = False,
    target: options.Target = None,
    abstain: options.Abstain = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a classifier, measure it, write its report."""
    from loupe.cli.result import conclude
    from loupe.cli.targets import parse_targets
    from loupe.runs.work import writing

    screen, asked = Screen(json, quiet), _asked(no_test, target or (), abstain)
    overrides = parse_settings(setting or ()) | given_only(
        seed=seed, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate,
        optimizer=optimizer, activation=activation, head=head, balance=balance,
        validation=validation, minutes=minutes, device=device,
    )  # fmt: skip
    overrides |= network_settings(network or (), overrides)
    _refuse_two_lengths(overrides)
    refuse_half(continued, only_class, more)
    reading = {
        "size": size, "bad_files": bad_files, "fixes": fixes,
        "generated": generated, "generated_only": generated_only,
    }  # fmt: skip
    if continued is not None:
        refuse_settings(
            data, recipe, overrides, size, fixes, generated, generated_only, distil, resume
        )
        asked["no_test"] = _leaves_test_alone(continued, asked, screen)
    elif resume is not None:
        _refuse_settings_of_another_run(recipe, overrides, out, distil, reading)
        asked = _asked_before(resume, asked, screen)
    if not asked["no_test"]:
        require_ledger()
    with _saying_how_to_go_on(resume or out):
        if continued is not None:
            more, classes = more or "", only_class or ()
            run, dataset = continue_run(continued, classes, more, bad_files, out, asked, screen)
        elif resume is not None:
            run, dataset = _go_on(resume, data, screen)
        else:
            run, dataset = _begin(data, recipe, overrides, reading, out, asked, distil, screen)
    targets = parse_targets([f"{metric}={value}" for metric, value in asked["targets"].items()])
    with _saying_how_to_go_on(run.folder), writing(run):
        use_test, share = not asked["no_test"], asked.get("abstain")
        code = conclude(run, dataset, targets, use_test=use_test, screen=screen, abstain=share)
    raise typer.Exit(code)


def _asked(no_test: bool, target: Sequence[str], abstain: float | None) -> dict[str, Any]:
    """What was asked of the run besides its recipe, as its `environment.json` keeps it."""
    from loupe.cli.targets import parse_targets
    from loupe.examination.abstention import wanted_share

    targets = {goal.metric: goal.value for goal in parse_targets(target)}
    asked: dict[str, Any] = {"no_test": no_test, "targets": targets}
    return asked if abstain is None else asked | {"abstain": wanted_share(abstain)}


def _asked_before(resume: Path, asked: Mapping[str, Any], screen: Screen) -> dict[str, Any]:
    """Add to what is asked now what the run was begun with."""
    begun: dict[str, Any] = loupe.open_run(resume).environment.get("asked", {})
    return {
        **begun,
        **asked,
        "no_test": _leaves_test_alone(resume, asked, screen),
        "targets": {**begun.get("targets", {}), **asked["targets"]},
    }


def _leaves_test_alone(before: Path, asked: Mapping[str, Any], screen: Screen) -> bool:
    """Say whether test images are left alone: as is asked now, or of the run that goes on."""
    begun = loupe.open_run(before).environment.get("asked", {}).get("no_test", False)
    if begun and not asked["no_test"]:
        screen.say("The run was begun with --no-test: the test images are left alone.")
    return bool(asked["no_test"] or begun)


def _refuse_two_lengths(overrides: Mapping[str, Any]) -> None:
    if {"epochs", "minutes"} <= overrides.keys():
        raise RecipeError(
            "epochs and minutes were both given, and each says how long to train. Give one of them."
        )


def _refuse_settings_of_another_run(
    recipe: str | None,
    overrides: Mapping[str, Any],
    out: Path | None,
    distil: Path | None,
    reading: Mapping[str, Any],
) -> None:
    """Refuse settings beside `--resume`; whether bad files are skipped is the run's own anyway."""
    others = {key: value for key, value in reading.items() if key != "bad_files"}
    if recipe or overrides or out or distil or any(others.values()):
        raise RecipeError(
            "--resume goes on with the run's own recipe and folder: no settings go with it. "
            "Start a new run to change something."
        )


@contextlib.contextmanager
def _saying_how_to_go_on(folder: Path | None) -> Iterator[None]:
    """Say what to do after a Ctrl-C that ends everything at once; the exit code is typer's, 130."""
    from loupe.runs.run import RECIPE_FILE, Run, list_runs

    before = {run.folder for run in list_runs()}
    try:
        yield
    except KeyboardInterrupt:
        if folder is None:  # the run's folder was chosen on the way
            ours = [
                run.folder
                for run in list_runs()
                if run.folder not in before and run.environment["command"] == sys.argv
            ]
            folder = ours[-1] if ours else None
        if folder is not None and (folder / RECIPE_FILE).exists():
            said = f"Interrupted. To finish it, {Run(folder).way_on}"
        else:
            said = "Interrupted before the training began: there is nothing to resume."
        print(plain(said), file=sys.stderr)
        raise


def _begin(
    data: str | None,
    recipe_name: str | None,
    overrides: Mapping[str, Any],
    reading: Mapping[str, Any],
    out: Path | None,
    asked: Mapping[str, Any],
    distil: Path | None,
    screen: Screen,
) -> "tuple[loupe.Run, loupe.Dataset]":
    """Start a new run and train it to its end."""
    from loupe.cli.progress import watching
    from loupe.recipes.named import DEFAULT, doubtful_mirrors, settled
    from loupe.recipes.recipe import changed
    from loupe.runs.run import RUNS

    recipe = loupe.recipe(recipe_name or DEFAULT)
    if "epochs" in overrides:
        overrides = {"minutes": None, **overrides}  # of a recipe file: replaced, not obeyed as well
    changed(recipe, overrides)  # a slip is refused before the data is read
    require_writable(out or RUNS)
    if data is None:
        screen.say(
            f"No DATA was named: training on {options.DEFAULT_DATA}, which is at hand everywhere."
        )
    dataset = read_data(data or options.DEFAULT_DATA, screen, **reading)
    # Settled first: what was asked for holds, whatever the recipe would do for this kind of data.
    recipe = changed(settled(recipe, dataset), overrides)
    networks = recipe.networks or (recipe.network or "logistic regression",)
    screen.say(f"Training {recipe.name}: {', '.join(networks)}")
    if doubt := doubtful_mirrors(settled(recipe, dataset), dataset):
        screen.say(doubt)
    if distil is not None:
        screen.say(f"Learning the probabilities of {distil} beside the labels.")
    with watching(screen, recipe.members) as watch:
        run = loupe.train(dataset, recipe, out=out, watch=watch, asked=asked, distil=distil)
    _keep_bad_files(run, dataset, screen)
    return run, dataset


def _go_on(folder: Path, data: str | None, screen: Screen) -> "tuple[loupe.Run, loupe.Dataset]":
    """Go on with a run that was killed, in training or after it."""
    from loupe.cli.progress import watching
    from loupe.runs.run import REPORT_FILE

    run = loupe.open_run(folder)
    is_trained = run.is_finished and not run.environment.get("interrupted")
    if is_trained and (run.folder / REPORT_FILE).exists():
        raise RunError(
            f"The run {folder} has finished: there is nothing to resume. Its report is "
            f"{run.folder / REPORT_FILE}"
        )
    again = f"loupe train DATA --resume {folder}"
    dataset = read_again(run, data, screen, instead=again)
    if not is_trained:
        screen.say(f"Resuming {folder}")
        with watching(screen, run.recipe.members) as watch:
            run = loupe.resume(folder, dataset, watch=watch)
    _keep_bad_files(run, dataset, screen)
    return run, dataset


def _keep_bad_files(run: "loupe.Run", dataset: "loupe.Dataset", screen: Screen) -> None:
    if said := keep_bad_files(run.folder, dataset.skipped):
        screen.say(said)
