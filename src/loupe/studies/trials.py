"""A `Trial`: one recipe of a search, how it went and what became of it."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from loupe.studies.domain import Value

Outcome = Literal[
    "finished", "halted", "too slow", "diverged", "out of memory", "does not fit", "out of time",
    "interrupted", "killed", "running",
]  # fmt: skip

# What each outcome means, for people.
OUTCOMES: dict[Outcome, str] = {
    "finished": "trained to its end",
    "halted": "stopped early: half or more of the others were better at that point",
    "too slow": "takes longer than the recipe that is to be beaten",
    "diverged": "the loss was no number any more",
    "out of memory": "the machine has too little memory for it",
    "does not fit": "its network does not fit the images, or its settings each other",
    "out of time": "the search's time was over",
    "interrupted": "Ctrl-C",
    "killed": "its process was ended; it is tried once more",
    "running": "is being trained",
}


UNKNOWN = ("running", "killed")  # outcomes of trials that said nothing yet


@dataclass(frozen=True)
class Trial:
    """One trial of a search.

    Attributes:
        number: in the order in which trials began, from 0.
        chosen: what it has chosen of the space.
        outcome: what became of it.
        accuracy: of its model on the search's validation images; NaN if it did not finish.
        curve: validation accuracy after each epoch.
        seconds: of training, as far as it came.
        share: of its training that was done, 0..1.
        reason: why it did not finish, in words.
    """

    number: int
    chosen: Mapping[str, Value] = field(default_factory=dict)
    outcome: Outcome = "running"
    accuracy: float = math.nan
    curve: tuple[float, ...] = ()
    seconds: float = 0.0
    share: float = 0.0
    reason: str = ""

    @property
    def name(self) -> str:
        """The name of its folder, and of its recipe."""
        return f"trial-{self.number:04d}"

    @property
    def is_finished(self) -> bool:
        """Whether it can be chosen."""
        return self.outcome == "finished"

    @property
    def has_ended(self) -> bool:
        """Whether it is known what became of it."""
        return self.outcome not in UNKNOWN

    def to_dict(self) -> dict[str, Any]:
        """Give plain values; what is no number is None."""
        values = asdict(self)
        values["accuracy"] = None if math.isnan(self.accuracy) else self.accuracy
        values["curve"] = [None if math.isnan(value) else value for value in self.curve]
        return values


def record_of(trial: Trial) -> str:
    """Write what the study's journal keeps of a trial beside what it has chosen."""
    kept = ("outcome", "accuracy", "curve", "seconds", "share", "reason")
    return json.dumps({key: value for key, value in trial.to_dict().items() if key in kept})


def trial_of(number: int, chosen: Mapping[str, Value], record: str | None, over: bool) -> Trial:
    """Read a trial as the journal has it; one that is over without a record was killed."""
    if record is None:
        return Trial(number, dict(chosen), "killed" if over else "running")
    values = json.loads(record)
    values["accuracy"] = math.nan if values["accuracy"] is None else values["accuracy"]
    values["curve"] = tuple(math.nan if each is None else each for each in values["curve"])
    return Trial(number, dict(chosen), **values)


def best_of(trials: tuple[Trial, ...]) -> Trial | None:
    """Give the best finished trial; of equally good ones the quickest."""
    return next(iter(ranked(trials)), None)


def ranked(trials: tuple[Trial, ...]) -> list[Trial]:
    """Give the finished trials, best first; of equally good ones the quickest."""
    finished = [trial for trial in trials if trial.is_finished]
    return sorted(finished, key=lambda each: (-each.accuracy, each.seconds))
