"""The ladder: from guessing the commonest class to a committee, and what each rung buys.

Each rung is tested, on the same validation images, against the last one below it that bought
something. One rung may buy nothing and the next one a lot (on 8x8 digits a multilayer perceptron is
no better than logistic regression, a convolutional network is), so the climb ends at the second in
a row that buys nothing. A rung has two chances of being beaten then, and p-values are doubled for
that (Bonferroni): by chance alone a rung is left behind once in 20 times at most.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from loupe.examination.display import sentences_html, table_html
from loupe.examination.intervals import Interval, wilson
from loupe.examination.paired import SIGNIFICANT, Difference, Rightness, chance, difference
from loupe.examination.wording import counted, percent


@dataclass(frozen=True, eq=False)
class Rung:
    """One model of the ladder.

    Attributes:
        name: short, as "cnn".
        title: what it is, in words.
        recipe: that it was trained with; empty where nothing was trained.
        run: the folder of its run, where there is one.
        right: whether it reads each validation image rightly.
        seconds: of training.
        parameters: weights of the model.
        model_bytes: length of the model file.
        note: what was otherwise than the recipe says.
    """

    name: str
    title: str
    recipe: str
    run: Path | None
    right: Rightness = field(repr=False)
    seconds: float
    parameters: int
    model_bytes: int
    note: str = ""

    @property
    def accuracy(self) -> float:
        """Share of the validation images that it reads rightly."""
        return float(self.right.mean())

    @property
    def interval(self) -> Interval:
        """The accuracy's 95 % interval."""
        return wilson(int(self.right.sum()), len(self.right))


@dataclass(frozen=True)
class Gain:
    """What a rung bought: how much better it is than another below it.

    Attributes:
        over: position of that other rung: the last that bought something.
        difference: of the rung to that one.
        p: its p-value, corrected for the chances that rungs above have of beating that one.
    """

    over: int
    difference: Difference
    p: float

    @property
    def is_real(self) -> bool:
        """Whether the rung is significantly better."""
        return self.difference.value > 0 and self.p < SIGNIFICANT


@dataclass(frozen=True, eq=False)
class Ladder:
    """The rungs that were climbed, from the simplest, and where to stand.

    Attributes:
        data: name of the data set.
        rungs: those that were trained.
        left: titles of the rungs above, which were not trained.
        chances: rungs in a row that may buy nothing before the climb ends.
        ended: why the climb ended early, in a sentence; else empty.
        folder: where the runs are.
    """

    data: str
    rungs: tuple[Rung, ...]
    left: tuple[str, ...]
    chances: int
    ended: str
    folder: Path

    @property
    def num_images(self) -> int:
        """Validation images that the rungs were measured on."""
        return len(self.rungs[0].right)

    @property
    def gains(self) -> tuple[Gain | None, ...]:
        """What each rung bought; None of the first."""
        return gains(self.rungs, self.chances, len(self.rungs) + len(self.left))

    @property
    def recommended(self) -> int:
        """Position of the highest rung that bought something."""
        return standing(self.gains)

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of it in words."""
        said = (self._measured(), self._advice(), self._nothing(), self._left())
        return tuple(filter(None, said))

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values, as `loupe ladder --json` prints it."""
        return {
            "data": self.data,
            "split": "validation",
            "n": self.num_images,
            "rungs": [
                _rung_dict(rung, gain, self.rungs)
                for rung, gain in zip(self.rungs, self.gains, strict=True)
            ],
            "recommended": self.rungs[self.recommended].name,
            "not_trained": list(self.left),
            "sentences": list(self.sentences),
            "folder": str(self.folder),
        }

    def _measured(self) -> str:
        images = counted(self.num_images, "validation image")
        return f"The rungs were measured on {images} of {self.data} that none was trained on."

    def _advice(self) -> str:
        taken = self.rungs[self.recommended]
        reads = f"it reads {percent(taken.accuracy)} of the validation images rightly"
        gain = self.gains[self.recommended]
        if gain is None:
            return f"Take the {taken.title}: {reads}, and nothing above it is better."
        return (
            f"Take the {taken.title}: {reads}, {_points(gain)} more than the "
            f"{self.rungs[gain.over].title}."
        )

    def _nothing(self) -> str:
        """Say which rungs bought nothing."""
        said = [
            f"The {rung.title} buys nothing: {_points(gain)} against the "
            f"{self.rungs[gain.over].title}, which chance explains."
            if gain.p >= SIGNIFICANT
            else f"The {rung.title} is worse: {_points(gain)} against the "
            f"{self.rungs[gain.over].title}."
            for rung, gain in zip(self.rungs, self.gains, strict=True)
            if gain and not gain.is_real
        ]
        return " ".join(said)

    def _left(self) -> str:
        """Say what was not trained, and why."""
        if not self.left:
            return ""
        why = self.ended or "The climb ends where nothing is bought twice in a row."
        return f"{why} Not trained: {', '.join(self.left)}."

    def _repr_html_(self) -> str:
        rows = [ladder_row(self, i) for i in range(len(self.rungs))]
        return sentences_html(self.sentences) + table_html(COLUMNS, rows)


COLUMNS = ("rung", "accuracy", "95 % interval", "gain", "95 % interval of it", "p", "training",
           "parameters")  # fmt: skip


def ladder_row(ladder: Ladder, position: int) -> tuple[str, ...]:
    """The cells of one rung in a table of text."""
    rung, gain = ladder.rungs[position], ladder.gains[position]
    bought = ("", "", "")
    if gain:
        found = gain.difference
        bought = (
            f"{100 * found.value:+.2f}",
            f"{100 * found.low:+.2f} to {100 * found.high:+.2f}",
            chance(gain.p).removeprefix("p ").removeprefix("= "),
        )
    return (
        rung.title,
        percent(rung.accuracy),
        f"{percent(rung.interval.low)} to {percent(rung.interval.high)}",
        *bought,
        f"{rung.seconds:.1f} s",
        f"{rung.parameters:,}",
    )


def gains(rungs: Sequence[Rung], chances: int, total: int) -> tuple[Gain | None, ...]:
    """Measure what each rung buys over the last one below it that bought something.

    Args:
        rungs: from the lowest.
        chances: how many rungs in a row may fail to beat one before the climb ends; p-values are
            multiplied by it, or by the rungs that are left above, if those are fewer.
        total: rungs of the whole ladder.

    Example:
        >>> import numpy as np
        >>> rungs = [Rung(name, name, "", None, np.arange(100) < right, 0.0, 0, 0)
        ...          for name, right in (("a", 50), ("b", 80), ("c", 79), ("d", 90))]
        >>> [gain and (gain.over, gain.is_real) for gain in gains(rungs, 2, 4)]
        [None, (0, True), (1, False), (1, True)]
    """
    found: list[Gain | None] = [None]
    for rung in rungs[1:]:
        below = standing(found)
        bought = difference(rung.right, rungs[below].right)
        tests = min(chances, total - 1 - below)
        found.append(Gain(below, bought, min(1.0, tests * bought.p)))
    return tuple(found)


def standing(found: Sequence[Gain | None]) -> int:
    """Give the position of the highest rung that bought something; of the first where none did."""
    return max((i for i, gain in enumerate(found) if gain and gain.is_real), default=0)


def _rung_dict(rung: Rung, gain: Gain | None, rungs: Sequence[Rung]) -> dict[str, Any]:
    return {
        "name": rung.name,
        "title": rung.title,
        "recipe": rung.recipe or None,
        "run": str(rung.run) if rung.run else None,
        "accuracy": {
            "value": rung.accuracy,
            "low": rung.interval.low,
            "high": rung.interval.high,
            "interval": "wilson",
        },
        "gain": gain
        and {
            "over": rungs[gain.over].name,
            **asdict(gain.difference),
            "p_corrected": gain.p,
            "significant": gain.is_real,
        },
        "training_seconds": rung.seconds,
        "parameters": rung.parameters,
        "model_bytes": rung.model_bytes,
        "note": rung.note,
    }


def _points(gain: Gain) -> str:
    found = gain.difference
    return (
        f"{100 * found.value:+.2f} percentage points (95 % interval {100 * found.low:+.2f} to "
        f"{100 * found.high:+.2f}; {chance(gain.p)})"
    )
