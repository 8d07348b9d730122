"""`loupe check`: look at a data set before anything is trained on it."""

from pathlib import Path

import typer

import loupe
from loupe.cli import options
from loupe.cli.bad_files import bad_files_text, list_bad_files
from loupe.cli.data import read_data
from loupe.cli.places import require_page_place
from loupe.cli.screen import Screen


def check(
    data: options.DataOrDigits = None,
    size: options.Size = None,
    fixes: options.Fixes = None,
    html: options.Html = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Look at data before training on it.

    Names bad files, duplicates, leaks between splits and more; exit code 1 for an error. --html
    writes a page with mean images and a contact sheet.
    """
    from loupe.cli.findings import as_json, is_sound, print_findings, print_summary
    from loupe.data.summary import summarise

    screen = Screen(json, quiet)
    if html is not None:
        require_page_place(html)
    reading = {"size": size, "bad_files": "skip", "fixes": fixes}
    dataset = read_data(data or options.DEFAULT_DATA, screen, **reading)
    summary, findings = summarise(dataset), loupe.check(dataset)
    print_summary(summary, screen)
    if dataset.skipped and screen.speaks:
        _, listed = list_bad_files(Path(), dataset.skipped)
        screen.say("", bad_files_text(dataset.skipped, listed, fitted=screen.is_live))
    print_findings(findings, screen)
    if html is not None:
        from loupe.reporting.check_page import write_check_page

        screen.say("", f"page  {write_check_page(dataset, summary, findings, html)}")
    screen.emit(as_json(dataset, summary, findings))
    raise typer.Exit(int(not is_sound(dataset, findings)))
