"""How fast the machine is now: seconds alone mean little where other work comes and goes."""

import json
import tempfile
import time
from pathlib import Path

from loupe.data.dataset import Dataset
from loupe.files import write_json
from loupe.recipes.recipe import Recipe
from loupe.studies.attempt import LEAST_SECONDS, NO_CHECKPOINT, WARM_UP
from loupe.training.job import Progress
from loupe.training.train import train

FRESH = 20.0  # seconds for which a pace holds; to take it costs one or two


class Pace:
    """The time of a step of one recipe: when a study began, and now.

    Args:
        recipe: settled; of its training only the first second is run.
        dataset: what it is trained on.
        path: file that keeps the pace of the beginning.
    """

    def __init__(self, recipe: Recipe, dataset: Dataset, path: Path) -> None:
        self.recipe, self.dataset = recipe, dataset
        if not path.exists():
            write_json(path, {"seconds_per_step": seconds_per_step(recipe, dataset)})
        self.then = float(json.loads(path.read_text(encoding="utf-8"))["seconds_per_step"])
        self.latest, self.taken = 1.0, float("-inf")

    def factor(self) -> float:
        """How many times as long as at the beginning a step takes now."""
        if time.monotonic() - self.taken > FRESH:
            now = seconds_per_step(self.recipe, self.dataset)
            self.latest = now / self.then if self.then > 0 else 1.0
            self.taken = time.monotonic()
        return self.latest


def seconds_per_step(recipe: Recipe, dataset: Dataset) -> float:
    """Time the first steps of a training; 0.0 where it is over before the first ten.

    Raises:
        KeyboardInterrupt: Ctrl-C.
    """
    timer = _Timer()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        try:
            run = train(dataset, recipe, out=out, watch=timer, checkpoint_seconds=NO_CHECKPOINT)
        except _Timed:
            return timer.each
        if run.environment["interrupted"]:
            raise KeyboardInterrupt
    return timer.each


class _Timed(Exception):
    """Enough steps were timed."""


class _Timer:
    """Times the steps of a training after the first ten, and ends it."""

    def __init__(self) -> None:
        self.steps, self.warm, self.each = 0, 0.0, 0.0

    def __call__(self, progress: Progress) -> None:
        if progress.epoch is not None:
            return
        self.steps += 1
        now = time.monotonic()
        if self.steps == WARM_UP:
            self.warm = now
        elif self.steps > WARM_UP:
            self.each = (now - self.warm) / (self.steps - WARM_UP)
            if now - self.warm > LEAST_SECONDS:
                raise _Timed
