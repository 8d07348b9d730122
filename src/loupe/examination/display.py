"""How a comparison shows itself in a notebook: its sentences and its table."""

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from loupe.examination.wording import percent

if TYPE_CHECKING:
    from loupe.examination.comparison import Comparison


def comparison_html(comparison: "Comparison") -> str:
    """Show what to take and why, and the figures of each model."""
    rows = []
    for model in comparison.models:
        accuracy = model.evaluation.metrics["accuracy"]
        seconds, parameters = model.candidate.seconds, model.candidate.parameters
        rows.append(
            (
                model.name,
                percent(accuracy.value),
                f"{percent(accuracy.low)} to {percent(accuracy.high)}",
                "" if seconds is None else f"{seconds:.1f} s",
                "" if parameters is None else f"{parameters:,}",
                f"{model.images_per_second:,.0f}",
            )
        )
    columns = ("model", "accuracy", "95 % interval", "training", "parameters", "images/s")
    return sentences_html(comparison.sentences) + table_html(columns, rows)


def sentences_html(sentences: Sequence[str]) -> str:
    """Show sentences, one paragraph each.

    Example:
        >>> sentences_html(["a < b"])
        '<p>a &lt; b</p>'
    """
    return "".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences)


def table_html(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Show rows of text under the names of their columns.

    Example:
        >>> table_html(["n"], [["1"]])
        '<table><thead><tr><th>n</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>'
    """
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
