"""`train` and `resume`: from a data set and a recipe to a finished run folder."""

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from loupe.data.again import read_again, require_unchanged
from loupe.data.dataset import Dataset
from loupe.errors import DataError, DivergenceError, RunError, TrainingError
from loupe.files import (
    remove_unfinished,
    write_bytes,
    write_json,
    write_text,
)
from loupe.networks.build import Net
from loupe.networks.committee import Committee
from loupe.networks.panel import Panel
from loupe.recipes import named
from loupe.recipes.recipe import Recipe, to_toml
from loupe.runs.history import Epoch, History, write_history
from loupe.runs.lock import sole_writer
from loupe.runs.run import (
    ENVIRONMENT_FILE,
    EVALUATION_FILE,
    HISTORY_FILE,
    MODEL_FILE,
    PREDICTIONS_FILE,
    RECIPE_FILE,
    REPORT_FILE,
    WEIGHTS_FILE,
    Run,
    create_run,
    open_run,
)
from loupe.runs.work import writing
from loupe.training.calibrate import calibrate
from loupe.training.checkpoint import FOLDER as CHECKPOINT_FOLDER
from loupe.training.device import keep_heap, without_denormals
from loupe.training.distillation import model_file, origin_of, same_model, teacher_of
from loupe.training.environment import describe_environment
from loupe.training.finish import finish
from loupe.training.interruption import stop_on_interrupt
from loupe.training.job import Job, Progress, Watch
from loupe.training.loop import train_member
from loupe.training.member import Member, voter
from loupe.training.prepare import prepare, with_validation
from loupe.training.weights import KEY as IMAGE_WEIGHTS
from loupe.training.weights import refuse_weighted, weighted


def train(
    dataset: Dataset,
    recipe: Recipe | str = named.DEFAULT,
    *,
    out: str | os.PathLike[str] | None = None,
    watch: Watch | None = None,
    checkpoint_seconds: float = 10.0,
    asked: Mapping[str, Any] | None = None,
    distil: Run | str | os.PathLike[str] | None = None,
    image_weights: Sequence[float] | np.ndarray | None = None,
) -> Run:
    """Train a classifier and write its run folder; test images are not looked at.

    Args:
        dataset: what to learn; validation images are taken out of its training images as the
            recipe says.
        recipe: a `Recipe`, or the name of one.
        out: the run's folder; default: the next free `runs/<data>-<recipe>-<n>`.
        watch: called after each step with a `Progress`.
        checkpoint_seconds: time between two checkpoints, from which `resume` goes on.
        asked: what else was asked of the run, kept in its `environment.json` for whoever resumes
            it: the command line's `no_test` and `targets`.
        distil: a run or model file whose probabilities are learnt beside the labels
            (`loupe.training.distillation`), trained on the same data.
        image_weights: of each image of the data set, how often training draws it, relative to the
            others (`loupe.training.weights`).

    Returns:
        The run; its model is `run.classifier`.

    Raises:
        DataError: the data cannot be trained on.
        RecipeError: a setting or the network does not fit the data.
        RunError: `out` is not empty.
        DivergenceError: the loss is no number any more.
        TrainingError: the disk refuses.
        ModelError: the exported model differs from the trained network.

    Example:
        >>> import loupe, tempfile
        >>> short = loupe.recipe("mlp-300-100", epochs=5)
        >>> run = loupe.train(loupe.read("digits"), short, out=tempfile.mkdtemp())
        >>> run.history[-1].val_accuracy > 0.5
        True
    """
    began = time.time()
    keep_heap()
    if not isinstance(dataset, Dataset):
        raise DataError(
            f"train needs a Dataset, but was given {dataset!r}. Read it first: "
            "loupe.train(loupe.read('digits'), …)."
        )
    if isinstance(recipe, str):
        recipe = named.recipe(recipe)
    fingerprint = dataset.fingerprint  # before validation images are held out
    recipe = named.settled(recipe, dataset)
    whole, dataset = dataset, with_validation(dataset, recipe)
    taught_by = None if distil is None else model_file(distil)
    teacher = None if taught_by is None else teacher_of(taught_by, whole, dataset, recipe)
    job = prepare(dataset, recipe, checkpoint_seconds, teacher=teacher)
    if image_weights is not None:
        job = weighted(job, dataset, image_weights)
    run = create_run(Path(out) if out is not None else None, dataset.name, recipe.name)
    with writing(run):
        environment = describe_environment(dataset, job, fingerprint) | {"asked": dict(asked or {})}
        if taught_by is not None:
            environment["distilled_from"] = origin_of(taught_by)
        if image_weights is not None:
            environment[IMAGE_WEIGHTS] = True
        write_json(run.folder / ENVIRONMENT_FILE, environment)
        write_text(run.folder / RECIPE_FILE, to_toml(job.recipe))  # last: it makes this a run
        run.log(f"training {job.recipe.network or 'logistic regression'} on {dataset.name}")
        if doubt := named.doubtful_mirrors(job.recipe, dataset):
            run.log(doubt)
    with sole_writer(run):
        return complete(run, dataset, job, watch, began)


def resume(
    folder: str | os.PathLike[str],
    dataset: Dataset | None = None,
    *,
    watch: Watch | None = None,
    checkpoint_seconds: float = 10.0,
) -> Run:
    """Go on with a run that was killed or stopped, to the weights of an undisturbed one.

    Bit-identical on the CPU with the same versions and number of threads.

    Args:
        folder: of the run.
        dataset: as it was trained on; read again from where it came from if it is not given.
        watch: called after each step with a `Progress`.
        checkpoint_seconds: time between two checkpoints.

    Raises:
        RunError: there is no such run, it has finished or diverged, or the data is not the same.
    """
    began = time.time()
    keep_heap()
    run = open_run(folder)
    if run.is_finished and not run.environment.get("interrupted"):
        raise RunError(f"The run {run.folder} has finished: there is nothing to resume.")
    if run.diverged:
        raise RunError(f"The run {run.folder} cannot go on. {run.diverged}")
    refuse_weighted(run.environment, run.folder)
    _refuse_continued(run)
    dataset = same_data(run, dataset)
    whole, dataset = dataset, with_validation(dataset, run.recipe)
    taught_by = same_model(run.environment.get("distilled_from"))
    teacher = None if taught_by is None else teacher_of(taught_by, whole, dataset, run.recipe)
    job = prepare(dataset, run.recipe, checkpoint_seconds, teacher=teacher)
    with sole_writer(run):
        with writing(run):
            _remove_unfinished(run)
            run.log("resuming")
        return complete(run, dataset, job, watch, began)


def same_data(run: Run, dataset: Dataset | None) -> Dataset:
    """Give what a run was trained on: as it is given, or read again from where it came from.

    Raises:
        RunError: it cannot be read again, or has changed.
    """
    noted, learner = run.environment["data"], f"The run {run.folder} was trained on"
    if dataset is None:
        remedy = "Make the same data set and give it: loupe.resume(folder, dataset)."
        dataset = read_again(noted, learner, remedy)
    require_unchanged(dataset, noted, learner, "start a new run")
    return dataset


def _refuse_continued(run: Run) -> None:
    """Refuse to go on with a run that was itself continued from another: it is begun again.

    Raises:
        RunError: it was.
    """
    continued = run.environment.get("continued")
    if continued is not None:
        classes = " ".join(f"--only-class {name}" for name in continued["classes"])
        raise RunError(
            f"The run {run.folder} was continued from {continued['run']} and stopped on the way. "
            "Remove it and begin it again; it trains a few networks only: loupe train --continue "
            f"{continued['run']} {classes} --data {continued['more']['origin'] or 'MORE'}"
        )


def _remove_unfinished(run: Run) -> None:
    """Remove what the killed process was in the middle of writing."""
    remove_unfinished(run.folder, (HISTORY_FILE, MODEL_FILE, WEIGHTS_FILE, ENVIRONMENT_FILE))
    members = [f"member_{index}.safetensors" for index in range(run.recipe.members)]
    remove_unfinished(run.folder / CHECKPOINT_FOLDER, members)


def complete(
    run: Run,
    dataset: Dataset,
    job: Job,
    watch: Watch | None,
    began: float,
    framing: Mapping[str, Any] | None = None,
) -> Run:
    """Train every member, export, and write what a finished run holds.

    Args:
        run: its folder, recipe and environment.
        dataset: with its validation images held out.
        job: recipe and data on the device.
        watch: called after each step.
        began: time at which it all began.
        framing: that the model file is to have; measured on the training images if not given.
    """
    fitting = time.time()
    members, interrupted = _train_members(run, job, watch or _watch_nothing)
    fitted = time.time() - fitting
    nets = _voters(members, job, dataset)
    with writing(run):
        write_history(run.folder / HISTORY_FILE, mean_history([m.history for m in members]))
        _write_weights(run.folder / WEIGHTS_FILE, nets)
    exporting = time.time()
    committee = Committee(nets, job.recipe.test_shifts, job.recipe.test_mirror)
    fingerprint = run.environment["data"]["fingerprint"]
    finished = finish(committee, dataset, job.recipe, fingerprint, framing)
    trained = sum(row.seconds for member in members for row in member.history)
    environment = run.environment | {
        "interrupted": interrupted,
        "seconds": {
            "training": trained,
            "fit": fitted,  # with validation and checkpoints; of a resumed run, since then
            "export": time.time() - exporting,
            "total": run.environment.get("seconds", {}).get("total", 0.0) + time.time() - began,
        },
        "parameters": sum(p.numel() for net in nets for p in net.parameters()),
        "model_bytes": len(finished.content),
        "temperature": finished.temperature,
        "temperatures": [net.temperatures.tolist() for net in nets if isinstance(net, Panel)],
        "best_epochs": [member.best_epoch for member in members],
        "parity": {
            "images": finished.parity_images,
            "largest_difference": finished.parity_difference,
        },
    }
    with writing(run):
        for name in (MODEL_FILE, EVALUATION_FILE, PREDICTIONS_FILE, REPORT_FILE):
            (run.folder / name).unlink(missing_ok=True)  # of what Ctrl-C had cut short
        write_json(run.folder / ENVIRONMENT_FILE, environment)
        write_bytes(run.folder / MODEL_FILE, finished.content)  # last: it makes the run finished
        run.log(f"finished after {trained:.1f} s of training")
    return run


def _voters(members: Sequence[Member], job: Job, dataset: Dataset) -> list[Net | Panel]:
    """What votes for each member, on the CPU; binary networks are calibrated."""
    nets = [voter(member.evaluated, job, member.index).cpu() for member in members]
    for net in nets:
        if isinstance(net, Panel):
            places = [net.problems.index(problem) for problem in job.problems]
            calibrate(net.eval(), dataset.validation, places)
    return nets


def _train_members(run: Run, job: Job, watch: Watch) -> tuple[list[Member], bool]:
    """Train one network after the other; Ctrl-C keeps those that are complete, or the only one."""
    members: list[Member] = []
    folder = run.folder / CHECKPOINT_FOLDER
    with writing(run):
        folder.mkdir(exist_ok=True)

    def watch_and_record(progress: Progress) -> None:
        if progress.epoch is not None:
            row = progress.epoch
            with writing(run):
                run.log(
                    f"network {progress.member + 1}, epoch {row.epoch}: loss {row.loss:.4f}, "
                    f"val_accuracy {row.val_accuracy:.4f}, {row.seconds:.1f} s"
                )
        watch(progress)

    with (
        stop_on_interrupt() as stop,
        without_denormals(),
        torch.random.fork_rng(),
    ):  # dropout draws from torch's own
        for index in range(job.recipe.members):
            path = folder / f"member_{index}.safetensors"
            try:
                member = train_member(job, index, path, watch_and_record, stop)
            except TrainingError as error:
                with contextlib.suppress(OSError):  # the disk may be what the error is about
                    run.log(str(error))
                    if isinstance(error, DivergenceError):
                        known = run.environment | {"diverged": str(error)}
                        write_json(run.folder / ENVIRONMENT_FILE, known)
                raise
            if stop() and members and not member.finished:
                break  # a network that was cut short does not vote beside whole ones
            members.append(member)
            if stop():
                break
        return members, stop()


def mean_history(histories: Sequence[Sequence[Epoch]]) -> History:
    """Average the members' figures epoch by epoch; seconds add up.

    A member that stopped early is missing from the epochs that it did not train.
    """
    rows = []
    for number in range(max(len(history) for history in histories)):
        present = [astuple(history[number]) for history in histories if number < len(history)]
        means = np.mean(np.array(present, dtype=np.float64), axis=0)
        row = Epoch(number + 1, *means[1:].tolist())
        rows.append(replace(row, seconds=sum(values[1] for values in present)))
    return tuple(rows)


def _write_weights(path: Path, nets: Sequence[Net | Panel]) -> None:
    tensors = {
        f"member_{index}.{name}": tensor.contiguous()
        for index, net in enumerate(nets)
        for name, tensor in net.state_dict().items()
    }
    write_bytes(path, save(tensors))


def _watch_nothing(progress: Progress) -> None:
    """What watches where nobody does."""
