"""One attempt: a recipe trained in a folder, watched, cut off where it is in vain."""

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from loupe.data.dataset import Dataset
from loupe.errors import DivergenceError, RecipeError, TrainingError
from loupe.recipes.recipe import Recipe
from loupe.runs.run import MODEL_FILE, RECIPE_FILE, WEIGHTS_FILE, Run, open_run
from loupe.studies.memory import Free, Guard, free_bytes, give_back
from loupe.studies.trials import Outcome, Trial
from loupe.training.checkpoint import FOLDER as CHECKPOINT_FOLDER
from loupe.training.job import Progress
from loupe.training.train import resume, train

NO_CHECKPOINT = 1e9  # seconds: a trial that was killed begins anew
SLACK = 1.1  # of a time limit: seconds are never the same twice
ROUGH_SLACK = 1.3  # the same, before the first epoch has been timed
WARM_UP = 10  # steps that take longer than those that follow
LEAST_SECONDS = 0.5  # of steps, to foresee from them what a training takes

Behind = Callable[[float, float], bool]  # (accuracy, share of the training) -> others were better


class Cut(Exception):
    """A training that is ended on the way; holds the outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Watcher:
    """Follows a training epoch by epoch, and cuts it where it is in vain.

    Args:
        members: networks of the recipe; the first alone is compared with other trials.
        deadline: of `time.monotonic`, after which it is out of time.
        most_seconds: of training; a trial that is going to take longer is too slow.
        is_behind: asked after each epoch of the first network.
    """

    def __init__(
        self,
        members: int,
        *,
        deadline: float = float("inf"),
        most_seconds: float = float("inf"),
        is_behind: Behind | None = None,
    ) -> None:
        self.members, self.deadline, self.most_seconds = members, deadline, most_seconds
        self.is_behind = is_behind
        self.curve: list[float] = []
        self.seconds = self.share = 0.0
        self._warm = float("inf")  # when the first steps were done

    def __call__(self, progress: Progress) -> None:
        """Look at a step of the training."""
        now = time.monotonic()
        if now > self.deadline:
            raise Cut("out of time")
        if progress.epoch is None:
            if not self.curve:
                self._foresee(progress, now)
            return
        self.seconds += progress.epoch.seconds
        of_network = progress.step / progress.num_steps
        self.share = (progress.member + of_network) / self.members
        if progress.member == 0:
            self.curve.append(progress.epoch.val_accuracy)
        if self.seconds / self.share > SLACK * self.most_seconds:
            raise Cut("too slow")
        if progress.member or of_network == 1 or self.is_behind is None:
            return
        if self.is_behind(progress.epoch.val_accuracy, of_network):
            raise Cut("halted")

    def _foresee(self, progress: Progress, now: float) -> None:
        """Cut a training that is far too slow in its first seconds: most of such a search is."""
        if progress.step == WARM_UP:
            self._warm = now
        taken = now - self._warm
        if taken < LEAST_SECONDS:
            return
        share = progress.step / progress.num_steps / self.members
        each = taken / (progress.step - WARM_UP)
        if each * progress.num_steps * self.members > ROUGH_SLACK * self.most_seconds:
            self.seconds, self.share = each * progress.step, share
            raise Cut("too slow")


def attempt(
    trial: Trial,
    recipe: Recipe,
    dataset: Dataset,
    folder: Path,
    watcher: Watcher,
    free: Free = free_bytes,
) -> Trial:
    """Train a trial's recipe; give the trial with what became of it.

    What is wrong with the recipe is recorded; what is wrong with the disk is raised.

    Args:
        trial: as it was begun.
        recipe: what it has chosen.
        dataset: the study's, divided.
        folder: of its run.
        watcher: follows the training.
        free: gives the bytes of memory that it can take.
    """
    give_back()  # what the trial before took is free for this one, and for other processes
    guard = Guard(free)

    def watch(progress: Progress) -> None:
        guard.look()
        watcher(progress)

    shutil.rmtree(folder, ignore_errors=True)  # of a trial that was killed
    outcome: Outcome = "finished"
    accuracy, reason = trial.accuracy, ""
    try:
        guard.require(recipe, dataset)
        run = train(dataset, recipe, out=folder, watch=watch, checkpoint_seconds=NO_CHECKPOINT)
        if run.environment["interrupted"]:
            outcome = "interrupted"
        elif watcher.seconds > SLACK * watcher.most_seconds:
            outcome = "too slow"
        else:
            accuracy = validation_accuracy(run)
    except Cut as cut:
        outcome = cut.outcome
    except RecipeError as error:
        outcome, reason = "does not fit", str(error)
    except (TrainingError, MemoryError, RuntimeError) as error:
        outcome, reason = _diagnosed(error), str(error).partition("\n")[0]
    _slim(folder)
    return replace(
        trial,
        outcome=outcome,
        accuracy=accuracy,
        curve=tuple(watcher.curve),
        seconds=watcher.seconds,
        share=watcher.share,
        reason=reason,
    )


def validation_accuracy(run: Run) -> float:
    """Accuracy of a run's model file on its validation images."""
    return float(run.card.evaluation["metrics"]["accuracy"]["value"])


def trained(recipe: Recipe, dataset: Dataset, folder: Path, watcher: Watcher) -> Run:
    """Train a recipe in a folder, go on where it was stopped, or take it as it is."""
    if not (folder / RECIPE_FILE).exists():
        shutil.rmtree(folder, ignore_errors=True)
        return train(dataset, recipe, out=folder, watch=watcher)
    run = open_run(folder)
    if run.is_finished and not run.environment.get("interrupted"):
        return run
    return resume(folder, dataset, watch=watcher)


def drop_model(folder: Path) -> None:
    """Remove the model of a trial that was beaten: the recipe makes it again."""
    (folder / MODEL_FILE).unlink(missing_ok=True)


def _diagnosed(error: Exception) -> Outcome:
    """Tell what a recipe can be blamed for from what it cannot; raises the latter."""
    if isinstance(error, DivergenceError):
        return "diverged"
    if isinstance(error, TrainingError):  # the disk, which the next trial needs too
        raise error
    text = str(error).lower()
    if isinstance(error, MemoryError) or "memory" in text or "alloc" in text:
        return "out of memory"
    raise error


def _slim(folder: Path) -> None:
    """Keep of a trial's run what is read later: recipe, history, log, model."""
    shutil.rmtree(folder / CHECKPOINT_FOLDER, ignore_errors=True)
    (folder / WEIGHTS_FILE).unlink(missing_ok=True)
