"""`--target metric=value`: figures that were set beforehand, and whether they were reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from loupe.errors import LoupeError, did_you_mean
from loupe.examination.evaluation import Evaluation
from loupe.examination.metrics import METRICS

LOWER_IS_BETTER = ("log_loss", "calibration_error")


@dataclass(frozen=True)
class Target:
    """A figure to reach: at least this value, or at most for losses."""

    metric: str
    value: float

    def is_met(self, evaluation: Evaluation) -> bool:
        """Whether the evaluation reaches it."""
        reached = evaluation.metrics[self.metric].value
        lower = self.metric in LOWER_IS_BETTER
        return reached <= self.value if lower else reached >= self.value


def parse_targets(given: Sequence[str]) -> tuple[Target, ...]:
    """Read `metric=value` targets.

    Raises:
        LoupeError: one names no metric, or a value that no model can have.

    Example:
        >>> parse_targets(["accuracy=0.995"])
        (Target(metric='accuracy', value=0.995),)
    """
    return tuple(map(_parse, given))


def judge(targets: Sequence[Target], evaluation: Evaluation) -> list[dict[str, Any]]:
    """Say of each target what was wanted, what was reached, and whether it was met."""
    return [
        {
            "metric": target.metric,
            "wanted": target.value,
            "reached": evaluation.metrics[target.metric].value,
            "met": target.is_met(evaluation),
        }
        for target in targets
    ]


def sentence(judged: dict[str, Any], split: str) -> str:
    """Say whether a target was met.

    Example:
        >>> judged = {"metric": "recall", "wanted": 0.99, "reached": 0.981, "met": False}
        >>> sentence(judged, "test")
        'Target not met: recall 0.9810 on test images, 0.99 was wanted.'
    """
    met = "met" if judged["met"] else "not met"
    return (
        f"Target {met}: {judged['metric']} {judged['reached']:.4f} on {split} images, "
        f"{judged['wanted']:g} was wanted."
    )


def _parse(text: str) -> Target:
    metric, equals, value = text.partition("=")
    if metric not in METRICS:
        raise LoupeError(
            f"--target {text}: there is no metric '{metric}'.{did_you_mean(metric, METRICS)} "
            f"Known: {', '.join(METRICS)}. Write it as accuracy=0.995."
        )
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number <= (float("inf") if metric == "log_loss" else 1):
        raise LoupeError(
            f"--target {text}: expected a fraction from 0 to 1 after the '=', as in accuracy=0.995."
        )
    return Target(metric, number)
