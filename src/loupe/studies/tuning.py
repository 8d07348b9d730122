"""`tune`: search for a better recipe, in a study that can be killed and goes on."""

import json
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from loupe.data.dataset import Dataset, require_dataset
from loupe.errors import RecipeError, require
from loupe.files import write_json, write_text
from loupe.recipes.named import settled
from loupe.recipes.recipe import Recipe, to_toml
from loupe.runs.run import MODEL_FILE, open_run
from loupe.studies.attempt import Watcher, attempt, drop_model, validation_accuracy
from loupe.studies.beginning import chosen_of, one_at_a_time, together
from loupe.studies.begun import facts_of, open_study, require_limits
from loupe.studies.confirming import (
    FINALISTS,
    FINALS,
    Again,
    Clock,
    Ended,
    compare,
    finals,
    plan,
    read_rightly,
    reading,
)
from loupe.studies.division import divide
from loupe.studies.fitting import fitted_to
from loupe.studies.journal import LOCKS, Journal, OpenTrial
from loupe.studies.lock import locked
from loupe.studies.pace import Pace
from loupe.studies.search import (
    BASE_FILE,
    BEST_FILE,
    RESULT_FILE,
    STUDIES,
    Reading,
    Search,
    plain,
)
from loupe.studies.space import Space, find_space
from loupe.studies.trials import UNKNOWN, Trial, best_of, ranked

DEFAULT_SPACE = "small"
TOGETHER = "together"  # the trial of all that helped alone
TRIALS, BASE, PACE_FILE = "trials", "base", "pace.json"

WatchTrial = Callable[[Trial], None]


def tune(
    dataset: Dataset,
    space: Space | str = DEFAULT_SPACE,
    *,
    minutes: float = 20.0,
    trials: int | None = None,
    out: str | os.PathLike[str] | None = None,
    no_slower: bool = False,
    watch: WatchTrial | None = None,
) -> Search:
    """Search for a recipe that is better than the space's base; test images are not looked at.

    Of the training and validation images a part chooses the best trial, and another part is kept
    from the search: it tells how optimistic the best figure is, and whether the best recipe is
    really better than the base. A study goes on where it was, and several processes may work on it.

    Args:
        dataset: what the recipe is for. Generated images in it (`loupe.read(..., generated=)`) are
            trained on, and nothing is chosen or measured by them; nor by the real images that their
            generator learnt from.
        space: a `Space`, the name of one, or a TOML file.
        minutes: for all of it; up to two fifths of them for the best trials once more, and for the
            comparison with the base.
        trials: at most so many in this call.
        out: the study's folder; default: `studies/<data>-<space>`.
        no_slower: only recipes that train in no more time than the base.
        watch: called with each trial when it has ended.

    Returns:
        The search; its folder holds `best.toml`, which `loupe train --recipe` takes.

    Raises:
        RecipeError: the space makes no sense, or there is no time.
        RunError: the folder holds a study of other data, or of another space.
        DataError: too few images to divide: fewer than 40 would choose.
        MissingExtraError: Optuna is not installed.
    """
    require("optuna", "loupe tune")
    require_limits(minutes, trials)
    require_dataset(dataset)
    space = find_space(space) if isinstance(space, str) else space
    space = fitted_to(space, dataset)
    clock = Clock.started(60 * minutes)
    folder = Path(out) if out is not None else STUDIES / plain(f"{dataset.name}-{space.name}")
    divided = divide(dataset)
    facts = facts_of(divided, space, no_slower)
    open_study(folder, facts)
    journal = Journal(folder, space)
    return _Tuning(folder, space, divided, journal, facts, no_slower, clock, watch).run(trials)


class _Tuning:
    """A search at work in this process."""

    def __init__(
        self,
        folder: Path,
        space: Space,
        dataset: Dataset,
        journal: Journal,
        facts: dict[str, Any],
        no_slower: bool,
        clock: Clock,
        watch: WatchTrial | None,
    ) -> None:
        self.folder, self.space, self.dataset, self.journal = folder, space, dataset, journal
        self.facts, self.no_slower, self.clock, self.watch = facts, no_slower, clock, watch
        self.again = Again(folder, dataset, clock.deadline)
        self.base_recipe = settled(space.base, dataset)
        self.pace: Pace | None = None
        self.first = one_at_a_time(space, self.base_recipe)
        self.journal.begin_with(self.first)
        self.interrupted = False
        self.beside = 0.0  # seconds of a trial beside its training: validation, export; known later

    def run(self, most: int | None) -> Search:
        """Train the base, then trials until the time is over, then compare the best with it."""
        base = Trial(-1, {"recipe": self.space.base.name})
        try:
            base = self._train_base(base)
            self._search(base, most)
        except KeyboardInterrupt:
            self.interrupted = True
        except Ended as ended:
            self.interrupted = ended.by_hand
        search = Search(
            self.folder,
            self.space,
            self.facts["data"],
            base,
            self.base_recipe,
            self.journal.trials(),
            interrupted=self.interrupted,
        )
        return self._concluded(search)

    def _train_base(self, base: Trial) -> Trial:
        """Train the recipe that is to be beaten, once for the whole study."""
        run = self.again.once(BASE, self.folder / BASE, self.base_recipe)
        if self.no_slower:
            self.pace = Pace(self.base_recipe, self.dataset, self.folder / PACE_FILE)
        return replace(
            base,
            outcome="finished",
            accuracy=validation_accuracy(run),
            curve=tuple(row.val_accuracy for row in run.history),
            seconds=run.environment["seconds"]["training"],
            share=1.0,
        )

    def _add_what_helped(self, base: Trial) -> None:
        """Once the first trials have ended, try all together what helped alone."""
        here = chosen_of(self.space, self.base_recipe)
        ended = [trial for trial in self.journal.trials() if trial.has_ended]
        first = [trial for trial in ended if trial.chosen in self.first]
        if here is None or not first or len(first) < len(self.first):
            return
        chosen = together(here, first, base.accuracy)
        if chosen is not None:
            self.journal.add_once(TOGETHER, chosen)

    def _search(self, base: Trial, most: int | None) -> None:
        count = 0
        while most is None or count < most:
            best = ranked(self.journal.trials())[:FINALISTS]
            planned = plan(base, best, self.clock.seconds, self.beside)
            deadline = self.clock.deadline - planned.seconds
            if time.monotonic() >= deadline and count:
                return
            self._add_what_helped(base)
            most_seconds = base.seconds * self.pace.factor() if self.pace else math.inf
            opened = self.journal.begin()
            try:
                trial = self._attempted(opened, deadline, most_seconds)
            except BaseException:
                opened.close()  # as if it had been killed: the next process tries it again
                raise
            opened.end(trial)
            self._keep_one_model()
            count += 1
            if self.watch:
                self.watch(trial)
            if trial.outcome in ("interrupted", "out of time"):
                self.interrupted = trial.outcome == "interrupted"
                return

    def _attempted(self, opened: OpenTrial, deadline: float, most_seconds: float) -> Trial:
        """Train what a trial has chosen, where its settings make a recipe together."""
        try:
            recipe = self._recipe(opened.trial)
        except RecipeError as error:
            return replace(opened.trial, outcome="does not fit", reason=str(error))
        watcher = Watcher(
            recipe.members,
            deadline=deadline,
            most_seconds=most_seconds,
            is_behind=opened.is_behind,
        )
        began = time.monotonic()
        trial = attempt(opened.trial, recipe, self.dataset, self._place(opened.trial), watcher)
        if trial.is_finished:
            own = time.monotonic() - began - trial.seconds
            self.beside = min(own, self.beside or own)  # the first loads libraries too
        return trial

    def _concluded(self, search: Search) -> Search:
        """Train the best trials again, read the kept images, and compare with the base."""
        if search.best is not None:
            search = replace(search, importance=self.journal.importance())
            best = ranked(search.trials)[:FINALISTS]
            planned = plan(search.base, best, self.clock.seconds, self.beside)
            try:
                if not self.interrupted:
                    search = self._with_finals(search, best, planned.finalists)
                    search = self._compared(search, planned.pairs)
            except Ended as ended:
                self.interrupted = ended.by_hand
            except KeyboardInterrupt:
                self.interrupted = True
            search = replace(
                search, best_kept=self._best_kept(search), interrupted=self.interrupted
            )
        self._write(search)
        return search

    def _write(self, search: Search) -> None:
        """Write what came out, unless another process has concluded from more trials meanwhile."""
        with locked(self.folder / LOCKS / "result"):
            if _num_ended(self.folder / RESULT_FILE) > sum(t.has_ended for t in search.trials):
                return
            if search.best_recipe is not None:
                write_text(self.folder / BEST_FILE, to_toml(search.best_recipe))
                write_text(self.folder / BASE_FILE, to_toml(search.base_recipe))
            write_json(self.folder / RESULT_FILE, search.to_dict())

    def _with_finals(self, search: Search, best: Sequence[Trial], finalists: int) -> Search:
        """Choose among the best trials by what they are with other seeds."""
        found = finals(self.again, [(trial, self._recipe(trial)) for trial in best], finalists)
        return replace(search, finals=found)

    def _compared(self, search: Search, pairs: int) -> Search:
        assert search.best is not None
        base = replace(self.base_recipe, name=BASE)
        found = compare(self.again, base, self._recipe(search.best), pairs)
        return replace(
            search,
            confirmed=found.readings,
            confirmed_seconds=found.seconds,
            difference=found.difference,
            pairs=found.pairs,
        )

    def _recipe(self, trial: Trial) -> Recipe:
        return replace(self.space.recipe(trial.chosen, self.base_recipe), name=trial.name)

    def _best_kept(self, search: Search) -> Reading | None:
        """How a model of the best trial reads the kept images: its own, or one of its finals."""
        assert search.best is not None
        models = (
            self._place(search.best) / MODEL_FILE,
            *sorted((self.folder / FINALS).glob(f"{search.best.name}-*/{MODEL_FILE}")),
        )
        for model in models:
            if model.exists():  # unless another process has found a better one since
                classifier = open_run(model.parent).classifier
                return reading(read_rightly(classifier, self.dataset.test)[np.newaxis])
        return None

    def _keep_one_model(self) -> None:
        trials = self.journal.trials()
        best = best_of(trials)
        for trial in trials:
            if best is not None and trial.number != best.number:
                drop_model(self._place(trial))

    def _place(self, trial: Trial) -> Path:
        return self.folder / TRIALS / trial.name


def _num_ended(result: Path) -> int:
    """How many trials of a study had ended when it was concluded; 0 where it has not been."""
    if not result.exists():
        return 0
    known = json.loads(result.read_text(encoding="utf-8"))["trials"]
    return sum(trial["outcome"] not in UNKNOWN for trial in known)
