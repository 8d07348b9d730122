"""`loupe train`: read, train, measure, report."""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

import loupe
from loupe.cli import options
from loupe.cli.bad_files import write_bad_files
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
    from loupe.cli.targets import parse_targets, with_begun
    from loupe.examination.abstention import wanted_share

    screen, targets = Screen(json, quiet), parse_targets(target or ())
    overrides = parse_settings(setting or ()) | given_only(
        seed=seed, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate,
        optimizer=optimizer, activation=activation, head=head, balance=balance,
        validation=validation, minutes=minutes, device=device,
    )  # fmt: skip
    overrides |= network_settings(network or (), overrides)
    if {"epochs", "minutes"} <= overrides.keys():
        raise RecipeError(
            "epochs and minutes were both given, and each says how long to train. Give one of them."
        )
    refuse_half(continued, only_class, more)
    asked = {"no_test": no_test, "targets": {goal.metric: goal.value for goal in targets}}
    if abstain is not None:
        asked["abstain"] = wanted_share(abstain)
    if continued is not None:
        refuse_settings(
            data, recipe, overrides, size, fixes, generated, generated_only, distil, resume
        )
        if not no_test:
            require_ledger()
        classes = only_class or ()
        with _saying_how_to_go_on(out):
            run, dataset = continue_run(
                continued, classes, more or "", bad_files, out, asked, screen
            )
    elif resume is None:
        reading = {
            "size": size, "bad_files": bad_files, "fixes": fixes,
            "generated": generated, "generated_only": generated_only,
        }  # fmt: skip
        if not no_test:
            require_ledger()
        with _saying_how_to_go_on(out):
            run, dataset = _begin(data, recipe, overrides, reading, out, asked, distil, screen)
    else:
        if recipe or overrides or size or out or distil or fixes or generated or generated_only:
            raise RecipeError(
                "--resume goes on with the run's own recipe and folder: no settings go with it. "
                "Start a new run to change something."
            )
        begun_with = loupe.open_run(resume).environment.get("asked", {})
        targets = with_begun(targets, begun_with.get("targets", {}))
        abstain = begun_with.get("abstain") if abstain is None else wanted_share(abstain)
        if begun_with.get("no_test") and not no_test:
            no_test = True
            screen.say("The run was begun with --no-test: the test images are left alone.")
        if not no_test:
            require_ledger()
        with _saying_how_to_go_on(resume):
            run, dataset = _go_on(resume, data, screen)
    with _saying_how_to_go_on(run.folder):
        code = conclude(run, dataset, targets, use_test=not no_test, screen=screen, abstain=abstain)
    raise typer.Exit(code)


@contextlib.contextmanager
def _saying_how_to_go_on(folder: Path | None) -> Iterator[None]:
    """Say what to do after a Ctrl-C that ends everything at once; the exit code is typer's, 130."""
    from loupe.runs.run import RECIPE_FILE, list_runs

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
            said = f"Interrupted. Go on with: loupe train --resume {folder}"
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
    from loupe.recipes.named import DEFAULT, settled
    from loupe.recipes.recipe import changed
    from loupe.runs.run import RUNS

    recipe = loupe.recipe(recipe_name or DEFAULT)
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
    if distil is not None:
        screen.say(f"Learning the probabilities of {distil} in place of the labels.")
    with watching(screen, recipe.members) as watch:
        run = loupe.train(dataset, recipe, out=out, watch=watch, asked=asked, distil=distil)
    if dataset.skipped:
        path = write_bad_files(run.folder, dataset.skipped)
        screen.say(f"{len(dataset.skipped):,} bad files were left out; they are listed in {path}")
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
    return run, dataset
