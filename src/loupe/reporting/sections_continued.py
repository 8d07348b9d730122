"""The section on a run that was continued: each class before and after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


def changes(run: Run, evaluation: Evaluation) -> dict[str, list[Change]]:
    """Compare each class before and after, by split; empty where the run was not continued.

    Validation images come first, which both runs were measured on; then those of the evaluation,
    where the run before was measured on the same: test images are not looked at again for it.
    """
    found = run.environment.get("continued", {"before": {}, "classes": []})
    measured = {evaluation.split: evaluation.to_dict()["per_class"]}
    measured = {**found.get("after", {}), **measured}
    return {
        split: _changes(found["before"][split], rows, found["classes"])
        for split, rows in measured.items()
        if _who(found["before"].get(split, [])) == _who(rows)
    }


def _who(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    return [(row["name"], row["n"]) for row in rows]


def _changes(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]], classes: Sequence[str]
) -> list[Change]:
    return [
        Change(
            row["name"],
            row["n"],
            row["name"] in classes,
            then["recall"],
            row["recall"],
            then["precision"],
            row["precision"],
        )
        for then, row in zip(before, after, strict=True)
    ]


def continued(run: Run, evaluation: Evaluation) -> Section:
    """Tabulate precision and recall of each class before and after."""
    found = run.environment["continued"]
    more = found["more"]
    html = render(
        "section_continued.html.j2",
        tables=changes(run, evaluation),
        split=evaluation.split,
        run=found["run"],
        more=more,
        added=of(more["images"], "image"),
        earlier=[
            f"{of(each['more']['images'], 'image')} of {each['more']['name']}"
            for each in found.get("earlier", ())
        ],
        left_out=more["left_out"],
    )
    return Section("continued", "Before and after", _headline(found["classes"], more), html)


def _headline(classes: Sequence[str], more: dict[str, object]) -> str:
    networks = f"The networks of {', '.join(classes)} were trained anew"
    return f"{networks}, with {of(int(str(more['images'])), 'image')} more"
