"""The section on classes: how far the figures of each can be trusted."""

from dataclasses import asdict

from loupe.examination.evaluation import Evaluation
from loupe.examination.metrics import PerClass
from loupe.reporting.figures import nice_step, whisker
from loupe.reporting.html import Section, render
from loupe.reporting.words import listed, percent
from loupe.runs.run import Run

MOST_NAMED = 3  # classes in the headline


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


def weakest(evaluation: Evaluation) -> list[PerClass]:
    """The class of whose images the smallest share is recognised; several where they are even."""
    present = [row for row in evaluation.per_class if row.n]
    least = min(row.recall for row in present)
    return [row for row in present if row.recall == least]


def _floor(rows: tuple[PerClass, ...]) -> float:
    """Start the scale of the intervals a round step below the lowest."""
    lowest = min(min(row.recall_low, row.precision_low) for row in rows)
    step = nice_step(1 - lowest, 4)
    return max(0.0, round(step * int(lowest / step + 1e-9), 6))


def _weakest_sentence(evaluation: Evaluation) -> str:
    rows = weakest(evaluation)
    found = percent(rows[0].recall, max(row.n for row in rows))
    if rows[0].recall == 1:
        return "Every image of every class was recognised"
    if len(rows) == 1:
        return f"Weakest is {rows[0].name}: {found} of its images are recognised"
    names = listed([row.name for row in rows])
    if len(rows) > MOST_NAMED:
        names = f"{len(rows)} of the {len(evaluation.per_class)} classes"
    return f"Weakest are {names}: {found} of the images of each are recognised"
