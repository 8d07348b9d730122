"""The section on a run that was continued: each class before and after."""

from collections.abc import Sequence
from dataclasses import dataclass

from loupe.examination.evaluation import Evaluation
from loupe.reporting.html import Section, render
from loupe.reporting.words import of
from loupe.runs.run import Run


@dataclass(frozen=True)
class Change:
    """Precision and recall of one class, before and after."""

    name: str
    n: int
    is_trained: bool
    recall_before: float
    recall: float
    precision_before: float
    precision: float


def changes(run: Run, evaluation: Evaluation) -> list[Change]:
    """Compare each class before and after; empty where the run was not continued.

    Empty also where the run before was not measured on these images: test images are not looked at
    again for it.
    """
    found = run.environment.get("continued", {"before": {}, "classes": []})
    before = found["before"].get(evaluation.split)
    rows = evaluation.per_class
    if not before or [(row["name"], row["n"]) for row in before] != [(r.name, r.n) for r in rows]:
        return []
    return [
        Change(
            row.name,
            row.n,
            row.name in found["classes"],
            then["recall"],
            row.recall,
            then["precision"],
            row.precision,
        )
        for then, row in zip(before, rows, strict=True)
    ]


def continued(run: Run, evaluation: Evaluation) -> Section:
    """Tabulate precision and recall of each class before and after."""
    found = run.environment["continued"]
    more = found["more"]
    html = render(
        "section_continued.html.j2",
        rows=changes(run, evaluation),
        split=evaluation.split,
        run=found["run"],
        more=more,
        added=of(more["images"], "image"),
        left_out=more["left_out"],
        n=len(evaluation),
    )
    return Section("continued", "Before and after", _headline(found["classes"], more), html)


def _headline(classes: Sequence[str], more: dict[str, object]) -> str:
    networks = f"The networks of {', '.join(classes)} were trained anew"
    return f"{networks}, with {of(int(str(more['images'])), 'image')} more"
