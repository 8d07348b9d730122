"""What a verb prints: sentences and tables for people, JSON for programs, nothing if quiet."""

import io
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from loupe.cli.folding import fitted_widths, folded

WIDE = 10_000  # columns of what is no terminal: nothing is cut or wrapped


@dataclass(frozen=True)
class Screen:
    """Where a verb prints to.

    Attributes:
        json: one JSON object a line on stdout, and nothing else there.
        quiet: nothing but JSON that was asked for, and errors.
    """

    json: bool = False
    quiet: bool = False

    @property
    def speaks(self) -> bool:
        """Whether sentences are printed."""
        return not (self.json or self.quiet)

    @property
    def is_live(self) -> bool:
        """Whether somebody looks on: a bar may move."""
        return self.speaks and sys.stdout.isatty()

    def say(self, *lines: str) -> None:
        """Print lines for people."""
        if self.speaks:
            print(*map(plain, lines), sep="\n", flush=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table for people, as `table_text` sets it."""
        if self.speaks:
            print(table_text(columns, rows, fitted=sys.stdout.isatty()), flush=True)

    def emit(self, content: Any) -> None:
        """Print one line of JSON for programs."""
        if self.json:
            print(json.dumps(content, ensure_ascii=False, allow_nan=False), flush=True)


def table_text(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, fitted: bool, drops: bool = True
) -> str:
    """Set rows in columns.

    Args:
        columns: their names; those that start with a space are set to the right.
        rows: a cell for each column.
        fitted: fold long cells so that the table is as wide as the terminal.
        drops: where folding is not enough, leave the last named columns out and say so, rather
            than fold the first one; otherwise all are folded as narrow as it takes.

    Example:
        >>> print(table_text(("class", " images"), [("cat", "7"), ("dog", "12")], fitted=False))
        class  images
        cat         7
        dog        12
    """
    from rich.console import Console
    from rich.table import Table

    cells = [[plain(row[i]) for row in rows] for i in range(len(columns))]
    available = shutil.get_terminal_size().columns if fitted else WIDE
    widths = fitted_widths([name.strip() for name in columns], cells, available, drops=drops)
    table = Table(box=None, pad_edge=False)
    for i, width in widths.items():
        justify: Literal["left", "right"] = "right" if columns[i].startswith(" ") else "left"
        name = "\n".join(folded(columns[i].strip(), width))
        table.add_column(name, justify=justify, overflow="fold", width=width)
    for row in zip(*cells, strict=True):
        table.add_row(*("\n".join(folded(row[i], width)) for i, width in widths.items()))
    text = io.StringIO()
    Console(file=text, width=WIDE, markup=False, highlight=False, emoji=False).print(table)
    lines = [line.rstrip() for line in text.getvalue().splitlines()]
    dropped = [name.strip() for i, name in enumerate(columns) if i not in widths and name.strip()]
    if dropped:
        note = f"No room for: {', '.join(dropped)}. Widen the window, or take --json."
        lines += ["", *folded(note, available)]
    return "\n".join(lines)


def plain(text: str) -> str:
    r"""Take control characters out of a text: a file's name must not steer the terminal.

    Example:
        >>> plain("a\x1b[2Jb\N{NARROW NO-BREAK SPACE}c\nd")
        'a?[2Jb c\nd'
    """
    text = text.replace("\N{NARROW NO-BREAK SPACE}", " ")
    return "".join(
        c if c == "\n" or ord(c) >= 32 and not 127 <= ord(c) < 160 else "?" for c in text
    )
