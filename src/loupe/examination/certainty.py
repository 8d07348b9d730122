"""How sure a model is, in figures: its calibration, what it leaves to a person, prediction sets.

`Thresholds` are found on validation images when training ends, and travel in the model's card;
`measure_certainty` says what they are worth on the images of an evaluation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from loupe.arrays import Labels, Probabilities
from loupe.data.dataset import Dataset, Split
from loupe.examination.abstention import (
    CONFIDENCE,
    Abstention,
    Step,
    apply,
    choose,
    steps,
)
from loupe.examination.calibration import Calibration, measure_calibration
from loupe.examination.conformal import (
    LEVELS,
    PredictionSets,
    least_probability,
    measure_sets,
    prediction_sets,
)

HALVES_SEED = 2019  # deals validation images out to the two halves that measure each other


@dataclass(frozen=True)
class Thresholds:
    """What validation images say of a model's confidence; a part of its card.

    Attributes:
        n: validation images.
        grouped: whether they come in groups (writers), so that they are not quite independent.
        temperature: by which logits are divided, fitted on the same images.
        steps: mistakes by falling confidence (`loupe.examination.abstention`).
        sets: level of prediction sets -> the least probability of a class in a set.
    """

    n: int
    grouped: bool
    temperature: float
    steps: tuple[Step, ...]
    sets: dict[float, float]

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON types, as the card holds them; a step is a row of four."""
        return {
            "n": self.n,
            "grouped": self.grouped,
            "temperature": self.temperature,
            "steps": [[s.first, s.kept, s.wrong, s.threshold] for s in self.steps],
            "sets": {str(level): least for level, least in self.sets.items()},
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Thresholds":
        """Take what `to_dict` gave."""
        return cls(
            n=int(content["n"]),
            grouped=bool(content["grouped"]),
            temperature=float(content["temperature"]),
            steps=tuple(Step(*row) for row in content["steps"]),
            sets={float(level): float(least) for level, least in content["sets"].items()},
        )


@dataclass(frozen=True)
class Certainty:
    """How sure a model is on the images of one evaluation, and how far that can be relied on.

    Attributes:
        calibration: before and after the temperature; None where none was fitted.
        abstention: for each share of right answers that was wanted.
        sets: prediction sets at each level.
        calibrated_on: validation images from which the thresholds come.
        grouped: whether those come in groups.
        by_halves: the evaluated images are those validation images: each half of them was given
            prediction sets by the other half's thresholds.
    """

    calibration: Calibration | None
    abstention: tuple[Abstention, ...]
    sets: tuple[PredictionSets, ...]
    calibrated_on: int
    grouped: bool
    by_halves: bool

    def to_dict(self) -> dict[str, Any]:
        """Give what it adds to `evaluation.json`."""
        calibration = self.calibration
        return {
            "calibration": None if calibration is None else asdict(calibration),
            "abstention": [asdict(found) | {"left": found.left} for found in self.abstention],
            "prediction_sets": [
                asdict(found) | {"by_halves": self.by_halves} for found in self.sets
            ],
        }


def find_thresholds(
    labels: Labels, probabilities: Probabilities, temperature: float, *, grouped: bool
) -> Thresholds:
    """Find what a model's card says of its confidence.

    Args:
        labels: of validation images.
        probabilities: of the model file, temperature and all.
        temperature: that was fitted on them.
        grouped: whether they come in groups.

    Example:
        >>> sure = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)
        >>> found = find_thresholds(np.array([0, 1]), sure, 1.0, grouped=False)
        >>> Thresholds.from_dict(found.to_dict()) == found
        True
    """
    least = {level: least_probability(labels, probabilities, level) for level in LEVELS}
    return Thresholds(len(labels), grouped, temperature, steps(labels, probabilities), least)


def measure_certainty(
    thresholds: Thresholds,
    dataset: Dataset,
    probabilities: Probabilities,
    split: Split,
    wanted: Sequence[float],
    confidence: float = CONFIDENCE,
) -> Certainty:
    """Measure what a model's thresholds are worth on the images of one split.

    Args:
        thresholds: of the model's card.
        dataset: the images, with classes numbered as the model has them.
        probabilities: of the images.
        split: validation images gave the thresholds: they are measured by halves.
        wanted: shares of right answers.
        confidence: of promises.
    """
    rules = [choose(thresholds.steps, share, confidence) for share in wanted]
    by_halves = split == "validation" and len(dataset) == thresholds.n > 1
    measured = []
    for level, least in thresholds.sets.items():
        if by_halves:
            sets = _sets_by_halves(dataset, probabilities, level)
        else:
            sets = prediction_sets(probabilities, least)
        measured.append(measure_sets(dataset.labels, sets, level, least, dataset.class_names))
    return Certainty(
        calibration=measure_calibration(dataset.labels, probabilities, thresholds.temperature),
        abstention=tuple(apply(rule, dataset.labels, probabilities) for rule in rules),
        sets=tuple(measured),
        calibrated_on=thresholds.n,
        grouped=thresholds.grouped,
        by_halves=by_halves,
    )


def _sets_by_halves(dataset: Dataset, probabilities: Probabilities, level: float) -> np.ndarray:
    """Give each half of the images, whole groups each, the sets of the other half's threshold."""
    groups = np.arange(len(dataset)) if dataset.groups is None else dataset.groups
    units, unit = np.unique(groups, return_inverse=True)
    dealt = np.random.default_rng(HALVES_SEED).permutation(len(units)) < len(units) // 2
    first = dealt[unit]
    sets = np.zeros(probabilities.shape, bool)
    for half in (first, ~first):
        least = least_probability(dataset.labels[~half], probabilities[~half], level)
        sets[half] = prediction_sets(probabilities[half], least)
    return sets
