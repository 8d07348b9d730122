"""Showing the files that cannot be used: the first on screen, all of them in a CSV."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from loupe.errors import Fault
from loupe.files import written_atomically

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("file", "problem", "advice")
ON_SCREEN = 20


def faults_table(faults: Sequence[Fault], limit: int = ON_SCREEN) -> "Table":
    """Lay out the first faults as a table for the terminal; its caption counts the rest.

    Example:
        >>> table = faults_table([Fault("a.png", "it is empty.", "Replace it.")] * 30)
        >>> table.row_count, table.caption
        (20, 'and 10 more')
    """
    from rich.table import Table
    from rich.text import Text

    more = len(faults) - limit
    table = Table(*COLUMNS, caption=f"and {more:,} more" if more > 0 else None)
    for fault in faults[:limit]:
        table.add_row(*(Text(_printable(cell), overflow="fold") for cell in _row(fault)))
    return table


def write_faults_csv(path: Path, faults: Sequence[Fault]) -> None:
    """Write every fault to a CSV of file, problem, advice."""
    with (
        written_atomically(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(map(_row, faults))


def _row(fault: Fault) -> tuple[str, str, str]:
    return fault.source, fault.problem, fault.advice


def _printable(text: str) -> str:
    """Show a file's name without the control characters that would steer the terminal."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
