"""The journal of a search: Optuna's, as a file in the study's folder.

Any number of processes append to it; a line that a killed one left half written is taken away.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from loupe.studies.domain import Choice, Domain, Range, Value
from loupe.studies.lock import locked
from loupe.studies.space import Space
from loupe.studies.trials import Trial, record_of, trial_of

JOURNAL_FILE, LOCKS, RECORD = "journal.log", "locks", "record"
RUNGS = 100  # steps of a whole training, as the pruner counts them
FIRST_RUNG = 25  # of them: the first look at a trial, then at twice as much
WORKERS = "workers"  # how many processes have drawn trials of the study so far
STARTUP = 10  # trials at random before the sampler has an opinion
LEAST_FINISHED = 8  # trials of which importance is told
MOST_KILLED = 2  # a trial that ends its process twice is not tried again

# How a trial asks for a value of each kind of domain.
SUGGEST: dict[type[Domain], Callable[[Any, str, Any], Value]] = {
    Choice: lambda trial, name, domain: trial.suggest_categorical(name, domain.values),
    Range: lambda trial, name, domain: (
        trial.suggest_int(name, domain.low, domain.high, log=domain.log)
        if domain.is_whole
        else trial.suggest_float(name, domain.low, domain.high, log=domain.log)
    ),
}


class Journal:
    """The trials of a study, and what to try next.

    Sampler: the tree-structured Parzen estimator (Bergstra et al. 2011), all settings together.
    Pruner: asynchronous successive halving (Li et al. 2020, arXiv:1810.05934), by halves.
    """

    def __init__(self, folder: Path, space: Space) -> None:
        import optuna
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.folder, self.space = folder, space
        path = folder / JOURNAL_FILE
        lock: Any = _Lock(folder / LOCKS / "journal")  # Optuna's own class is not needed for it
        _drop_half_line(path, lock)
        backend = JournalFileBackend(str(path), lock)
        with locked(folder / LOCKS / "study"):
            self.study = optuna.create_study(
                study_name=space.name,
                storage=optuna.storages.JournalStorage(backend),
                direction="maximize",
                load_if_exists=True,
                pruner=optuna.pruners.SuccessiveHalvingPruner(
                    min_resource=FIRST_RUNG, reduction_factor=2
                ),
            )
            self._free_what_was_killed()
        self._draws = False  # whether this process has a sampler of its own yet

    def trials(self) -> tuple[Trial, ...]:
        """Give all trials that were begun, in that order."""
        from optuna.trial import TrialState

        return tuple(
            trial_of(
                each.number, each.params, each.user_attrs.get(RECORD), each.state.is_finished()
            )
            for each in self.study.get_trials(deepcopy=False)
            if each.state != TrialState.WAITING
        )

    def begin_with(self, trials: Sequence[Mapping[str, Value]]) -> None:
        """Put trials first, in a study that has none yet."""
        with locked(self.folder / LOCKS / "study"):
            if not self.study.get_trials(deepcopy=False):
                for chosen in trials:
                    self.study.enqueue_trial(dict(chosen))

    def add_once(self, name: str, chosen: Mapping[str, Value]) -> None:
        """Put one more trial next, if no process of the study has put one of this name yet."""
        with locked(self.folder / LOCKS / "study"):
            if name not in self.study.user_attrs:
                self.study.set_user_attr(name, dict(chosen))
                self.study.enqueue_trial(dict(chosen))

    def begin(self) -> "OpenTrial":
        """Begin the next trial; it belongs to this process."""
        with locked(self.folder / LOCKS / "study"):
            self._take_sampler()
            asked = self.study.ask()
            chosen = {
                name: SUGGEST[type(domain)](asked, name, domain)
                for name, domain in self.space.domains().items()
            }
            lock = locked(self._lock(asked.number), wait=False)
            lock.__enter__()
        return OpenTrial(self, asked, Trial(asked.number, chosen), lock)

    def importance(self) -> dict[str, float]:
        """Give how much of the differences in accuracy each setting explains, the largest first.

        By fANOVA (Hutter, Hoos and Leyton-Brown 2014), over the finished trials; empty where they
        are too few, or all the same.
        """
        import optuna

        finished = [trial for trial in self.trials() if trial.is_finished]
        if len(finished) < LEAST_FINISHED or len({t.accuracy for t in finished}) < 2:
            return {}
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        found = optuna.importance.get_param_importances(self.study, evaluator=evaluator)
        return {name: float(share) for name, share in found.items()}

    def _take_sampler(self) -> None:
        """Draw from now on with a seed that no other process of the study has had."""
        import optuna

        if self._draws:
            return
        before = self.study.user_attrs.get(WORKERS, 0)
        self.study.set_user_attr(WORKERS, before + 1)
        self.study.sampler = optuna.samplers.TPESampler(
            seed=before, multivariate=True, n_startup_trials=STARTUP
        )
        self._draws = True

    def _free_what_was_killed(self) -> None:
        """Close the trials whose process is gone, and put them in the queue once more."""
        import optuna

        killed: list[dict[str, Value]] = []
        for each in self.study.get_trials(deepcopy=False):
            if each.state == optuna.trial.TrialState.FAIL and RECORD not in each.user_attrs:
                killed.append(each.params)
        for each in self._abandoned():
            self.study.tell(each.number, state=optuna.trial.TrialState.FAIL)
            killed.append(each.params)
            if each.params and killed.count(each.params) < MOST_KILLED:
                self.study.enqueue_trial(each.params)

    def _abandoned(self) -> Iterator[Any]:
        import optuna

        for each in self.study.get_trials(deepcopy=False):
            if each.state == optuna.trial.TrialState.RUNNING:
                with locked(self._lock(each.number), wait=False) as free:
                    if free:
                        yield each

    def _lock(self, number: int) -> Path:
        return self.folder / LOCKS / f"{number:04d}"


class _Lock:
    """A lock as Optuna's journal takes it, which a killed process does not keep."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def acquire(self) -> bool:
        """Wait until nobody else writes."""
        self._held = locked(self._path)
        return self._held.__enter__()

    def release(self) -> None:
        """Let others write."""
        self._held.__exit__(None, None, None)


def _drop_half_line(path: Path, lock: _Lock) -> None:
    """Take away a line that a killed process left half written: the next would be spoilt too."""
    lock.acquire()
    try:
        content = path.read_bytes() if path.exists() else b""
        if content and not content.endswith(b"\n"):
            with path.open("rb+") as file:
                file.truncate(content.rfind(b"\n") + 1)
    finally:
        lock.release()


class OpenTrial:
    """A trial that this process is training."""

    def __init__(self, journal: Journal, asked: Any, trial: Trial, lock: Any) -> None:
        self.trial = trial
        self._journal, self._asked, self._lock = journal, asked, lock
        self._rung = 0  # the last that was reported: Optuna takes one figure of each

    def is_behind(self, accuracy: float, share: float) -> bool:
        """Report an accuracy on the way; say whether others were better at this point."""
        rung = max(1, round(RUNGS * share))
        if rung == self._rung:
            return False
        self._rung = rung
        self._asked.report(accuracy, rung)
        return bool(self._asked.should_prune())

    def end(self, trial: Trial) -> None:
        """Enter what became of it.

        A recipe that diverges or does not fit counts as worse than all others, so that the search
        turns elsewhere; one that was cut off by the clock or by Ctrl-C says nothing.
        """
        from optuna.trial import TrialState

        self._asked.set_user_attr(RECORD, record_of(trial))
        if trial.is_finished:
            self._journal.study.tell(self._asked, trial.accuracy)
        else:
            is_telling = trial.outcome not in ("out of time", "interrupted")
            state = TrialState.PRUNED if is_telling else TrialState.FAIL
            self._journal.study.tell(self._asked, state=state)
        self.close()

    def close(self) -> None:
        """Let go of it."""
        self._lock.__exit__(None, None, None)
