"""The section on classes: how far the figures of each can be trusted."""

from dataclasses import asdict

from loupe.examination.evaluation import Evaluation
from loupe.examination.metrics import PerClass
from loupe.reporting.figures import nice_step, whisker
from loupe.reporting.html import Section, render
from loupe.reporting.words import percent
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
