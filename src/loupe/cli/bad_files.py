"""Files that cannot be used: the first on screen, all of them in a CSV file."""

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path

from loupe.cli.screen import plain, table_text
from loupe.data.options import left_out
from loupe.errors import Fault
from loupe.files import write_bytes

FILE = "bad_files.csv"
SHOWN = 20


def write_bad_files(folder: Path, faults: Sequence[Fault]) -> Path:
    """Write the list of bad files into a folder, under a name that is free or holds the same."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("source", "problem", "advice"))
    writer.writerows(map(astuple, faults))
    content = text.getvalue().encode(errors="surrogateescape")
    path, number = folder / FILE, 1
    while path.exists() and path.read_bytes() != content:
        number += 1
        path = folder / FILE.replace(".", f"-{number}.")
    write_bytes(path, content)
    return path


def keep_bad_files(folder: Path, faults: Sequence[Fault]) -> str:
    """Keep in a run's folder what was left out of its data, and say so; empty where nothing was."""
    if not faults:
        return ""
    path = write_bad_files(folder, faults)
    verb = "it is" if len(faults) == 1 else "they are"
    return f"{left_out(len(faults))}; {verb} listed in {path}"


def list_bad_files(folder: Path, faults: Sequence[Fault]) -> tuple[Path | None, str]:
    """Write the list where that is possible, and say where it is or why there is none.

    What is wrong with the data is worth showing also where nothing can be written.
    """
    try:
        path = write_bad_files(folder, faults)
    except OSError as error:
        return None, (
            f"The list of {_all(faults)} could not be written to {folder.resolve()}: "
            f"{error.strerror}."
        )
    said = f"{_all(faults)} {'is' if len(faults) == 1 else 'are'} listed in {path}"
    return path, said[0].upper() + said[1:]


def _all(faults: Sequence[Fault]) -> str:
    return "it" if len(faults) == 1 else f"all {len(faults):,}"


def bad_files_text(faults: Sequence[Fault], listed: str, *, fitted: bool) -> str:
    """Set the first bad files in a table, and say where all of them are listed."""
    rows = [astuple(fault) for fault in faults[:SHOWN]]
    columns = ("file", "what is wrong", "what to do")
    table = table_text(columns, rows, fitted=fitted, drops=False)
    shown = f"These are the first {SHOWN}. " if len(faults) > SHOWN else ""
    return plain(f"{table}\n{shown}{listed}")
