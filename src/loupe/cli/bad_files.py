"""Files that cannot be used: the first on screen, all of them in a CSV file."""

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import TextIO

from loupe.cli.screen import plain, print_table
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


def print_bad_files(faults: Sequence[Fault], listed_in: Path, file: TextIO) -> None:
    """Print the first bad files, and where all of them are listed."""
    rows = [astuple(fault) for fault in faults[:SHOWN]]
    print_table(("file", "what is wrong", "what to do"), rows, file)
    shown = f"These are the first {SHOWN}. " if len(faults) > SHOWN else ""
    print(plain(f"{shown}All {len(faults):,} are listed in {listed_in}"), file=file)
