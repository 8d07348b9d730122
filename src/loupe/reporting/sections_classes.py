"""The sections on classes and on calibration: how far the figures can be trusted, one by one."""

from dataclasses import asdict

from loupe.examination.calibration import ReliabilityBin, reliability
from loupe.examination.evaluation import Evaluation
from loupe.examination.metrics import PerClass
from loupe.reporting.figures import nice_step, reliability_diagram, whisker
from loupe.reporting.html import Section, render
from loupe.reporting.words import percent, points
from loupe.runs.run import Run


def classes(run: Run, evaluation: Evaluation) -> Section:
    """Tabulate precision, recall and F1 of each class with their intervals."""
    floor = _floor(evaluation.per_class)
    rows = [
        {
            **asdict(row),
            "recall_whisker": whisker(row.recall, row.recall_low, row.recall_high, floor),
            "precision_whisker": whisker(
                row.precision, row.precision_low, row.precision_high, floor
            ),
        }
        for row in evaluation.per_class
    ]
    macro = [evaluation.metrics[name] for name in ("recall", "precision", "f1")]
    html = render(
        "section_classes.html.j2",
        rows=rows,
        floor=floor,
        macro=macro,
        n=len(evaluation),
        n_each=max(row.n for row in evaluation.per_class),
    )
    return Section("classes", "Classes", _weakest_sentence(evaluation), html)


def weakest(evaluation: Evaluation) -> PerClass:
    """The class of whose images the smallest share is recognised."""
    present = [row for row in evaluation.per_class if row.n]
    return min(present, key=lambda row: row.recall)


def calibration(run: Run, evaluation: Evaluation) -> Section:
    """Draw how often the model is right when it is so and so sure."""
    bins = reliability(evaluation.labels, evaluation.probabilities)
    error = evaluation.metrics["calibration_error"]
    html = render(
        "section_calibration.html.j2",
        diagram=reliability_diagram(bins),
        sentence=_calibration_sentence(bins),
        error=error,
        bins=bins,
    )
    headline = f"Its probabilities are off by {points(error.value)} on average"
    return Section("calibration", "Calibration", headline, html)


def _floor(rows: tuple[PerClass, ...]) -> float:
    """Start the scale of the intervals a round step below the lowest."""
    lowest = min(min(row.recall_low, row.precision_low) for row in rows)
    step = nice_step(1 - lowest, 4)
    return max(0.0, round(step * int(lowest / step + 1e-9), 6))


def _weakest_sentence(evaluation: Evaluation) -> str:
    row = weakest(evaluation)
    if row.recall == 1:
        return "Every image of every class was recognised"
    return f"Weakest is {row.name}: {percent(row.recall, row.n)} of its images are recognised"


def _calibration_sentence(bins: tuple[ReliabilityBin, ...]) -> str:
    """Say what the fullest bin says, and whether that lies inside its interval."""
    fullest = max(bins, key=lambda bin_: bin_.n)
    said = (
        f"Of the {fullest.n:,} images that it was surest about "
        if fullest is bins[-1]
        else f"Of the {fullest.n:,} images in its most frequent range of confidence "
    )
    honest = fullest.accuracy_low <= fullest.confidence <= fullest.accuracy_high
    judged = "as it claims" if honest else (
        "less than it claims" if fullest.confidence > fullest.accuracy else "more than it claims"
    )  # fmt: skip
    return (
        f"{said}({percent(fullest.confidence)} on average), {percent(fullest.accuracy)} are "
        f"right: {judged}."
    )
