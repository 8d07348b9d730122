import csv
import io

from rich.console import Console

from loupe.data.faults import faults_table, write_faults_csv
from loupe.errors import Fault

FAULTS = [Fault(f"a/{i:02d}, [red].png", 'it is "empty".', "Replace it.") for i in range(25)]


def test_the_screen_shows_the_first_twenty_and_counts_the_rest():
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(faults_table(FAULTS))
    text = console.export_text()
    assert "a/19, [red].png" in text
    assert "a/20" not in text
    assert "and 5 more" in text


def test_a_name_cannot_steer_the_terminal():
    table = faults_table([Fault("\x1b[2Jgone\r.png", "it is empty.", "Replace it.")])
    (name,) = table.columns[0].cells
    assert "\x1b" not in name.plain and "\r" not in name.plain


def test_the_csv_holds_every_fault_whatever_is_in_its_name(tmp_path):
    write_faults_csv(tmp_path / "bad_files.csv", FAULTS)
    with (tmp_path / "bad_files.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["file", "problem", "advice"]
    assert rows[1:] == [[fault.source, fault.problem, fault.advice] for fault in FAULTS]
