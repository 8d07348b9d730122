"""The learning curve: error against the number of training images, and what more data would do.

The uncertainty has two sources, and the bootstrap draws from both: the validation images (drawn
again with replacement, the same ones for every size, because every size was measured on the same
images), and chance in training (which images a subset has, and the seed), as it shows between
repeats of one size, or, where there are none, in what the law leaves. What it cannot know is
whether the law goes on: a forecast holds for more images of the same kind, trained on with as many
steps.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float64

from loupe.examination.display import sentences_html, table_html
from loupe.examination.intervals import RESAMPLES, SEED, resample
from loupe.examination.power_law import FEWEST_SIZES, PowerLaws, fit_power_laws
from loupe.examination.wording import counted, percent

UNDERFITS = 0.7  # of the error on new images, as in `loupe.examination.curves`
RELEVANT = 0.05  # of the mistakes: who gathers twice the data for less than a twentieth?

Answer = Literal["yes", "hardly", "unclear"]


@dataclass(frozen=True, eq=False)
class Trained:
    """One training on a part of the data.

    Attributes:
        num_images: that it was trained on.
        repeat: which one of this size, from 0.
        wrong: whether it reads each validation image wrongly.
        seconds: of training.
        run: its folder.
        own_error: share of its own training images that it reads wrongly; nan where not measured.
    """

    num_images: int
    repeat: int
    wrong: Bool[np.ndarray, " n"] = field(repr=False)
    seconds: float
    run: Path
    own_error: float = math.nan


@dataclass(frozen=True)
class Expected:
    """An error at one size of training data, with its 95 % interval.

    Attributes:
        num_images: training images.
        error: share of images that are read wrongly.
        low: lower end of its interval.
        high: upper end.
    """

    num_images: int
    error: float
    low: float
    high: float


@dataclass(frozen=True)
class Saving:
    """What more data would save: the share of today's mistakes, with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Errors by size of the training data, the law that they follow, and where it leads.

    Attributes:
        data: name of the data set.
        recipe: that was trained.
        trained: every training.
        folder: where the runs are.
    """

    data: str
    recipe: str
    trained: tuple[Trained, ...] = field(repr=False)
    folder: Path

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of training images, rising."""
        return tuple(sorted({each.num_images for each in self.trained}))

    @property
    def num_validation(self) -> int:
        """Validation images that every training was measured on."""
        return len(self.trained[0].wrong)

    @property
    def num_images(self) -> int:
        """Training images that there are."""
        return self.sizes[-1]

    @cached_property
    def points(self) -> tuple[Expected, ...]:
        """What was measured at each size: means over repeats."""
        drawn = _means(self.trained, self.sizes, self._drawn)
        return _expected(self.sizes, self._errors, drawn)

    @cached_property
    def law(self) -> PowerLaws:
        """The power law that fits the measured errors best."""
        return fit_power_laws(self.sizes, self._errors[None], self._variances)

    @cached_property
    def laws(self) -> PowerLaws:
        """Those that fit each of 1,000 resamples best."""
        drawn = _means(self.trained, self.sizes, self._drawn)
        return fit_power_laws(self.sizes, drawn, self._variances)

    def expected(self, *sizes: int) -> tuple[Expected, ...]:
        """Say what the law expects at these sizes, measured or not."""
        return _expected(sizes, self.law.errors(sizes)[0], self.laws.errors(sizes))

    def saving(self, factor: float | int) -> Saving:
        """Say what share of today's mistakes so many times the data would save."""
        sizes = (self.num_images, round(factor * self.num_images))
        value = float(_saved(self.law.errors(sizes))[0])
        low, high = np.percentile(_saved(self.laws.errors(sizes)), (2.5, 97.5))
        return Saving(value, min(float(low), value), max(float(high), value))

    @property
    def answer(self) -> Answer:
        """Whether twice the data would help: save a twentieth of the mistakes or more."""
        saving = self.saving(2)
        if saving.low >= RELEVANT:
            return "yes"
        return "hardly" if saving.high < RELEVANT else "unclear"

    @property
    def own_error(self) -> float:
        """Mean share of their own training images that the largest trainings read wrongly."""
        own = [run.own_error for run in self.trained if run.num_images == self.num_images]
        return sum(own) / len(own)

    @property
    def underfits(self) -> bool:
        """Whether with all the data nearly as many of the training images are read wrongly."""
        return self.own_error > UNDERFITS * self.points[-1].error > 0

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """The answer, the forecasts, and what they rest on, in words."""
        said = (*self._forecasts(), self._underfit(), self._floor(), self._caveat())
        return (self._answer_in_words(), *filter(None, said))

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values, as `loupe learn-curve --json` prints it."""
        law = self.law
        twice, four = (factor * self.num_images for factor in (2, 4))
        return {
            "data": self.data,
            "recipe": self.recipe,
            "split": "validation",
            "n": self.num_validation,
            "points": [
                {
                    **asdict(point),
                    "errors": [
                        float(each.wrong.mean())
                        for each in self.trained
                        if each.num_images == point.num_images
                    ],
                }
                for point in self.points
            ],
            "law": {
                "floor": float(law.floor[0]),
                "scale": float(law.scale[0]),
                "exponent": float(law.exponent[0]),
                "reference": law.reference,
                "floor_interval": _ends(self.laws.floor),
                "exponent_interval": _ends(self.laws.exponent),
            },
            "forecasts": [
                {**asdict(each), "saving": asdict(self.saving(each.num_images / self.num_images))}
                for each in self.expected(twice, four)
            ],
            "own_error": None if math.isnan(self.own_error) else self.own_error,
            "underfits": self.underfits,
            "answer": self.answer,
            "sentences": list(self.sentences),
            "folder": str(self.folder),
        }

    @cached_property
    def _errors(self) -> Float64[np.ndarray, " p"]:
        """Mean error at each size."""
        each = np.array([[run.wrong.mean() for run in self.trained]])
        mean: Float64[np.ndarray, " p"] = _means(self.trained, self.sizes, each)[0]
        return mean

    @cached_property
    def _noise(self) -> float:
        """Standard deviation of the logarithm of an error between repeats, all sizes together.

        Of single repeats, what the law leaves: its three unknowns are taken from the degrees of
        freedom, of which one is left at least.
        """
        least = 0.5 / self.num_validation
        logs = np.log([max(run.wrong.mean(), least) for run in self.trained])
        squares, freedom = 0.0, 0
        for size in self.sizes:
            same = logs[[run.num_images == size for run in self.trained]]
            squares += float(((same - same.mean()) ** 2).sum())
            freedom += len(same) - 1
        if not freedom:
            errors = np.maximum(self._errors, least)
            law = fit_power_laws(self.sizes, errors[None], errors)
            squares = float((np.log(errors / law.errors(self.sizes)[0]) ** 2).sum())
            freedom = max(1, len(errors) - FEWEST_SIZES)
        return math.sqrt(squares / freedom)

    @cached_property
    def _variances(self) -> Float64[np.ndarray, " p"]:
        """How much the mean error at each size varies: with the images, and between repeats."""
        errors = np.maximum(self._errors, 0.5 / self.num_validation)
        repeats = np.array([sum(r.num_images == size for r in self.trained) for size in self.sizes])
        spread: Float64[np.ndarray, " p"] = (
            errors * (1 - errors) / self.num_validation + (self._noise * errors) ** 2 / repeats
        )
        return spread

    @cached_property
    def _drawn(self) -> Float64[np.ndarray, "r t"]:
        """Errors of every training in each of 1,000 resamples."""
        wrong = np.stack([each.wrong for each in self.trained], axis=1)
        kinds, counts = np.unique(wrong, axis=0, return_counts=True)
        errors = resample(counts) @ kinds.astype(np.float64) / len(wrong)
        generator = np.random.default_rng(SEED)
        chance = generator.normal(0, self._noise, (RESAMPLES, len(self.trained)))
        drawn: Float64[np.ndarray, "r t"] = np.clip(errors * np.exp(chance), 0.0, 1.0)
        return drawn

    def _answer_in_words(self) -> str:
        saving = self.saving(2)
        share = (
            f"twice the images would save {100 * saving.value:.0f} % of the mistakes (95 % "
            f"interval {100 * saving.low:.0f} to {100 * saving.high:.0f} %)"
        )
        if self.answer == "yes":
            return f"More data would help: {share}."
        if self.answer == "hardly":
            return f"More data would hardly help: {share}."
        return (
            f"Whether more data would help is not clear from this curve: {share}. More repeats or "
            "more validation images would tell."
        )

    def _forecasts(self) -> list[str]:
        now, twice, four = self.expected(*(factor * self.num_images for factor in (1, 2, 4)))
        return [
            f"With all {self.num_images:,} training images {percent(now.error)} are read wrongly "
            f"(95 % interval {percent(now.low)} to {percent(now.high)}); with {twice.num_images:,} "
            f"images it would be {percent(twice.error)} ({percent(twice.low)} to "
            f"{percent(twice.high)}), and with {four.num_images:,} images {percent(four.error)} "
            f"({percent(four.low)} to {percent(four.high)})."
        ]

    def _underfit(self) -> str:
        if not self.underfits:
            return ""
        return (
            f"Of its own training images it reads {percent(self.own_error)} wrongly, nearly as "
            "many: it is the network or the length of its training that limits it, not the data. "
            "Train longer, or a larger network, before asking again."
        )

    def _floor(self) -> str:
        floor, exponent = _ends(self.laws.floor), _ends(self.laws.exponent)
        return (
            f"Errors fall with the power {self.law.exponent[0]:.2f} of the number of images "
            f"({exponent[0]:.2f} to {exponent[1]:.2f}), towards "
            f"{percent(float(self.law.floor[0]))} ({percent(floor[0])} to {percent(floor[1])}) "
            "that no such data would take away."
        )

    def _caveat(self) -> str:
        return (
            f"Measured on {counted(self.num_validation, 'validation image')} of {self.data} with "
            f"{counted(len(self.trained), 'training')} of the recipe {self.recipe}, all with as "
            "many steps. A forecast holds as long as the new images are of the same kind and the "
            "curve goes on as it did."
        )

    def _repr_html_(self) -> str:
        rows = [curve_row(point, "measured") for point in self.points]
        ahead = self.expected(2 * self.num_images, 4 * self.num_images)
        rows += [curve_row(each, "forecast") for each in ahead]
        return sentences_html(self.sentences) + table_html(COLUMNS, rows)


COLUMNS = ("training images", "error", "95 % interval", "")


def curve_row(at: Expected, what: str) -> tuple[str, ...]:
    """The cells of one size in a table of text."""
    return (
        f"{at.num_images:,}",
        percent(at.error),
        f"{percent(at.low)} to {percent(at.high)}",
        what,
    )


def _means(
    trained: Sequence[Trained], sizes: Sequence[int], figures: Float64[np.ndarray, "r t"]
) -> Float64[np.ndarray, "r p"]:
    """Average the figures of each training over the repeats of its size."""
    of_size = np.array([[run.num_images == size for size in sizes] for run in trained], np.float64)
    means: Float64[np.ndarray, "r p"] = figures @ (of_size / of_size.sum(axis=0))
    return means


def _expected(
    sizes: Sequence[int], errors: Float64[np.ndarray, " p"], drawn: Float64[np.ndarray, "r p"]
) -> tuple[Expected, ...]:
    lows, highs = np.percentile(drawn, (2.5, 97.5), axis=0)
    return tuple(
        Expected(
            int(size), float(error), min(float(low), float(error)), max(float(high), float(error))
        )
        for size, error, low, high in zip(sizes, errors, lows, highs, strict=True)
    )


def _saved(errors: Float64[np.ndarray, "r 2"]) -> Float64[np.ndarray, " r"]:
    """Share of the first errors that the second ones are without; 0 where there were none."""
    today, later = errors.T
    saved: Float64[np.ndarray, " r"] = (today - later) / np.where(today > 0, today, 1.0)
    return saved


def _ends(figures: Float64[np.ndarray, " r"]) -> tuple[float, float]:
    low, high = np.percentile(figures, (2.5, 97.5))
    return float(low), float(high)
