"""`loupe predict`: read photos, scans and drawings."""

import contextlib
import json as json_text
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loupe.cli.places import require_page_place
from loupe.cli.screen import plain
from loupe.errors import LoupeError, did_you_mean

if TYPE_CHECKING:
    from loupe.cli.answers import Style
    from loupe.reading.predict import Answer

TOP = 3
FEW = 10  # pictures that need no bar
BAD_FILES = 2  # exit code
FORMAT_NAMES = ("text", "json", "csv")


def predict(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILES|FOLDER|-",
            help="Image files; a folder: all in it; -: one picture through standard input.",
            show_default=False,
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="A model.onnx, a run's folder, mnist or fashion-mnist. [default: mnist, the digit "
            "reader that ships with Loupe]",
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(min=1, help=f"List so many guesses of each glyph. [default: {TOP}]"),
    ] = None,
    layout: Annotated[
        str,
        typer.Option(
            metavar="auto|single|line|page|frame",
            help="What is on a picture; frame: it is already as the training images are.",
        ),
    ] = "auto",
    format: Annotated[
        str, typer.Option(metavar="|".join(FORMAT_NAMES), help="What to print.")
    ] = "text",
    explain: Annotated[
        Path | None,
        typer.Option(metavar="HTML", help="Write a page that shows how each was read."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print nothing but answers and errors.")
    ] = False,
) -> None:
    """Read photos, scans and drawings, without training anything.

    A glyph that is none of the model's classes is printed as ?. Files that cannot be read are
    named, the rest goes on, and the exit code is 2 at the end.
    """
    from loupe.classifier.pretrained import find_model
    from loupe.cli.answers import Style
    from loupe.cli.pictures import find_pictures
    from loupe.reading.predict import predict_each
    from loupe.reading.reader import require_layout

    _require_format(format)
    require_layout(layout)
    if json and format == "csv":
        raise LoupeError("--json and --format csv were both given. Give one of them.")
    if explain is not None:
        require_page_place(explain, "--explain")
    found = find_pictures(files)
    classifier = find_model(model)
    num_guesses = min(top or TOP, len(classifier.class_names))
    lists_guesses = top is not None or (found.is_one and sys.stdout.isatty())
    style = Style("json" if json else format, found.is_one, lists_guesses, num_guesses)
    answers = predict_each(found.contents(), classifier, layout=layout, top=num_guesses)
    if not quiet:
        _tell(*found.notes)
    if explain is not None:
        from loupe.reading.steps import trace_picture
        from loupe.reporting.explain_page import Explained, gathered, write_explain_page

        shown: list[Explained] = []
        trace = partial(trace_picture, classifier=classifier, layout=layout)
        answers = gathered(answers, shown, trace)
    num_bad = _print_all(answers, style, len(found.names), quiet)
    if explain is not None:
        write_explain_page(shown, classifier, explain, len(found.names))
    raise typer.Exit(BAD_FILES if num_bad else 0)


def _require_format(format: str) -> None:
    if format not in FORMAT_NAMES:
        raise LoupeError(
            f"There is no format {format!r}; expected {', '.join(FORMAT_NAMES)}."
            f"{did_you_mean(format, FORMAT_NAMES)}"
        )


def _print_all(answers: "Iterator[Answer]", style: "Style", total: int, quiet: bool) -> int:
    """Print the answers as they come.

    Returns:
        How many pictures could not be read.
    """
    from loupe.cli.answers import FORMATS

    heading, printed = FORMATS[style.format]
    num_bad, says_more = 0, not quiet and style.format != "json"  # where JSON says it all
    _print(heading(style))
    with _counting(total, quiet) as count:
        for answer in answers:
            _print(printed(answer, style))
            if answer.reading is None:
                num_bad += 1
                _complain(answer, style)
            elif not answer.reading.glyphs and says_more:
                _tell(f"{answer.source}: nothing was found on it.")
            count()
    if num_bad and total > 1 and says_more:
        _tell(f"{num_bad:,} of {total:,} pictures could not be read.")
    return num_bad


def _complain(answer: "Answer", style: "Style") -> None:
    if style.format == "json":
        content = {"source": answer.source, "error": answer.error}
        print(json_text.dumps(content, ensure_ascii=False), file=sys.stderr)
    else:
        _tell(f"error: {answer.error}")


def _print(text: str) -> None:
    print(text, end="", flush=True)


def _tell(*lines: str) -> None:
    """Say what is no answer: on stderr, so that answers can be piped on."""
    for line in lines:
        print(plain(line), file=sys.stderr)


@contextlib.contextmanager
def _counting(total: int, quiet: bool) -> Iterator[Callable[[], None]]:
    """Give what is called after each picture: a bar moves where somebody looks on.

    Where the answers themselves run down the same terminal, a bar would be in their way.
    """
    if quiet or total < FEW or not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(compact=True))
    console = Console(stderr=True)
    # Answers go to stdout, which rich would otherwise print to its own console.
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task("reading", total=total)
        yield lambda: bar.advance(task)
