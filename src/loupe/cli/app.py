"""`main`: the verbs, and what becomes of errors: a message on stderr and an exit code."""

import io
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from loupe import __version__
from loupe.cli.bad_files import bad_files_text, list_bad_files
from loupe.cli.check import check
from loupe.cli.compare import compare
from loupe.cli.evaluate import evaluate
from loupe.cli.examine import examine
from loupe.cli.export import export
from loupe.cli.generate import generate
from loupe.cli.ladder import ladder
from loupe.cli.learn_curve import learn_curve
from loupe.cli.predict import predict
from loupe.cli.recipes import recipes
from loupe.cli.report import report
from loupe.cli.runs import runs
from loupe.cli.screen import plain
from loupe.cli.stress import stress
from loupe.cli.train import train
from loupe.cli.tune import tune
from loupe.errors import BadFilesError, LoupeError, did_you_mean
from loupe.files import is_full

OK, NOT_MET, USER_ERROR, INTERRUPTED = 0, 1, 2, 130

app = typer.Typer(
    name="loupe",
    help="Read handwritten digits off photos; train classifiers of small images in seconds, "
    "measured honestly, shipped as one file.",
    epilog="Start with: loupe predict PHOTO, or loupe train",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: drawing it with rich takes twice as long
    pretty_exceptions_enable=False,
)
for verb in (
    predict,
    train,
    tune,
    check,
    evaluate,
    examine,
    compare,
    ladder,
    learn_curve,
    stress,
    report,
    export,
    generate,
    recipes,
    runs,
):
    app.command()(verb)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: after the program's name; by default those it was started with.

    Returns:
        The exit code: 0; 1 where a target or check is not met; 2 for a mistake of the user's; 130
        after Ctrl-C.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # file names may hold what it cannot show
            stream.reconfigure(errors="backslashreplace")
    as_json = _wants_json(given)
    try:
        # Not standalone: also a slip in the options is an exception, and told like all others.
        code = app(given or ["--help"], prog_name="loupe", standalone_mode=False)
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # the reader has gone: `... | head -1`
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left to write, to nobody
            return OK
        return end.code if isinstance(end.code, int) else OK
    except KeyboardInterrupt:
        return INTERRUPTED
    except (LoupeError, OSError) as error:
        _print_error(_with_advice(error), as_json)
        return USER_ERROR
    except Exception as error:
        # typer's own, whose class is not in the same place in every version of it
        explain = getattr(error, "format_message", None)
        if explain is None:
            raise
        _print_error(LoupeError(_slip(explain(), given)), as_json)
        return USER_ERROR
    return code if isinstance(code, int) else OK


def _with_advice(error: Exception) -> Exception:
    """Say what to do about a full disk, which the system only names."""
    if not isinstance(error, OSError) or not is_full(error):
        return error
    place = f" for {error.filename}" if error.filename else ""
    return LoupeError(
        f"There is no room left on the disk{place} ({error.strerror}). Make room, then type the "
        "same command again: what was there before is as it was."
    )


def _slip(message: str, given: Sequence[str]) -> str:
    """Say what is wrong with an option as Loupe does: with the nearest choice, and where to look.

    Example:
        >>> _slip("Invalid value for '--split': Value error, 'tset' is not one of 'train', 'test'.",
        ...     ["evaluate"])
        "Invalid value for '--split': 'tset' is not one of 'train', 'test'. Did you mean 'test'? \
`loupe evaluate --help` lists the options."
    """
    message = message.replace("Value error, ", "").rstrip()
    message += "" if message.endswith((".", ")", "?")) else "."
    if found := re.search(r"'([^']*)' is not one of (.+)\.$", message):
        message += did_you_mean(found[1], re.findall(r"'([^']*)'", found[2]))
    is_verb = not given[0].startswith("-") and not message.startswith("No such command")
    verb = f"{given[0]} " if is_verb else ""
    return f"{message} `loupe {verb}--help` lists the options."


def _wants_json(given: Sequence[str]) -> bool:
    """Whether errors are to be JSON, known before the options are parsed: they may be wrong."""
    after = dict(zip(given, [*given[1:], ""], strict=False))
    return "--json" in given or "--format=json" in given or after.get("--format") == "json"


def _print_error(error: Exception, as_json: bool) -> None:
    """Print the message without a traceback; of bad files also the list."""
    faults = error.faults if isinstance(error, BadFilesError) else ()
    content: dict[str, Any] = {"error": str(error)}
    if not as_json:
        print(plain(f"error: {error}"), file=sys.stderr)
    if faults:
        path, listed = list_bad_files(Path(), faults)
        content["bad_files"] = None if path is None else str(path)
        content["faults"] = [asdict(fault) for fault in faults]
        if not as_json:
            text = bad_files_text(faults, listed, fitted=sys.stderr.isatty())
            print(text, file=sys.stderr)
    if as_json:
        print(json.dumps(content, ensure_ascii=False), file=sys.stderr)


def _print_version(wanted: bool) -> bool:
    if wanted:
        print(f"loupe {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def _options_before_the_verb(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Take what may stand before the verb."""
