"""`loupe examine`: who is wrong, the model or the label."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import loupe
from loupe.cli import options
from loupe.cli.continuing import say_what_was_added
from loupe.cli.data import read_again
from loupe.cli.places import require_ledger, require_page_place, require_writable
from loupe.cli.screen import Screen
from loupe.errors import RunError

if TYPE_CHECKING:
    from loupe.cli.progress import Watch

FIXES = "fixes.csv"
SHOWN = 15  # suspects on the screen
RANKED = 1_000  # images whose rank the JSON lists


def examine(
    run: options.Run,
    data: options.OtherData = None,
    folds: Annotated[
        int, typer.Option(help="Networks, each trained without one share of the images.")
    ] = 5,
    recipe: Annotated[
        str, typer.Option(metavar="NAME|FILE.toml", help="What they are trained with.")
    ] = "fast",
    split: Annotated[
        Literal["train", "test"],
        typer.Option(help="Training and validation labels, or test labels."),
    ] = "train",
    fixes: options.Fixes = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where to write. [default: RUN/labels-<split>]"),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Ask of every label who is wrong: the model or the label.

    Trains as many networks as there are folds, each without the images that it then reads; they are
    kept in RUN/folds. Writes a page, a fixes file for `--fixes`, and a ranking of all labels.
    """
    from loupe.examination.labels_confident import require_cleanlab

    screen, opened = Screen(json, quiet), loupe.open_run(run)
    require_cleanlab()
    out = out or opened.folder / f"labels-{split}"
    require_writable(out)
    _require_ours(out)
    if split == "test":
        require_ledger()
    reading = {} if fixes is None else {"fixes": fixes}
    dataset = read_again(opened, data, screen, instead="--data", **reading)
    if split == "train":
        say_what_was_added(opened, screen, "examined")
    try:
        found = loupe.examine(
            opened,
            dataset=dataset,
            folds=folds,
            recipe=recipe,
            split=split,
            watch_fold=_watching_folds(screen, folds, recipe),
        )
    except KeyboardInterrupt:
        print("Interrupted. The same command goes on where it was.", file=sys.stderr)
        raise
    written = _write(found, out)
    _print(found, written, screen)
    if out == opened.folder / f"labels-{split}":
        screen.say("", f"Next: loupe report {run} shows these in the report of the run.")
    screen.emit({**found.to_dict(limit=RANKED), "written": {k: str(v) for k, v in written.items()}})


def _require_ours(out: Path) -> None:
    """Refuse a folder in which something else has the names of what will be written."""
    from loupe.runs.run import LABELS_FOUND, LABELS_PAGE

    if out.is_dir() and any(out.iterdir()):
        if not (out / LABELS_FOUND).exists():
            raise RunError(
                f"The folder {out} holds other things, and nothing is overwritten: name another "
                "with --out."
            )
        require_page_place(out / LABELS_PAGE, "--out")


def _watching_folds(screen: Screen, folds: int, recipe: str) -> Any:
    """Say which fold is trained, and watch its epochs."""
    from loupe.cli.progress import watching

    members = loupe.recipe(recipe).members

    @contextlib.contextmanager
    def watch_fold(fold: int) -> "Iterator[Watch | None]":
        screen.say(f"Fold {fold + 1} of {folds}: training {recipe} without its images")
        if screen.is_live:
            with watching(screen, members) as watch:
                yield watch
        else:
            yield None

    return watch_fold


def _write(found: "loupe.LabelExamination", out: Path) -> dict[str, Path]:
    """Write page, fixes and ranking; a fixes file that is there may have been edited, and stays."""
    from loupe.data.fixes import write_fixes
    from loupe.files import write_json
    from loupe.reporting.examine_page import write_examine_page
    from loupe.runs.run import LABELS_FOUND, LABELS_PAGE

    out.mkdir(parents=True, exist_ok=True)
    fixes, number = out / FIXES, 1
    while fixes.exists():
        number += 1
        fixes = out / f"fixes-{number}.csv"
    write_fixes(fixes, found.fixes)
    before = out / (FIXES if number == 2 else f"fixes-{number - 1}.csv")
    if number > 1 and before.read_bytes() == fixes.read_bytes():
        fixes.unlink()
        fixes = before
    page = write_examine_page(found, out / LABELS_PAGE, fixes)
    write_json(out / LABELS_FOUND, found.to_dict())
    return {"page": page, "fixes": fixes, "ranking": out / LABELS_FOUND}


def _use(found: "loupe.LabelExamination") -> str:
    """Say what to do with the fixes file."""
    if not found.fixes:
        return "nothing proposed"
    verb = "evaluate RUN --with-fixed-test" if found.split == "test" else "train DATA"
    return f"{len(found.fixes):,} proposed: edit it, then use it with loupe {verb} --fixes"


def _print(found: "loupe.LabelExamination", written: dict[str, Path], screen: Screen) -> None:
    screen.say("", found.sentence, *([found.caution] if found.caution else []))
    rows = [(verdict, f"{number:,}") for verdict, number in found.counts.items()]
    screen.table(("verdict", " images"), rows)
    if found.suspects:
        screen.say("")
        screen.table(
            (" rank", "source", "label", "verdict", "why"),
            [
                (str(one.rank), one.source, one.label, one.verdict, one.reason)
                for one in found.suspects[:SHOWN]
            ],
        )
    if found.wants:
        screen.say("", "What to label or collect next:")
        screen.say(*(f"  {want.advice}" for want in found.wants))
    if found.split == "test":
        from loupe.examination.mistakes import CAUTION_ON_TEST

        screen.say("", CAUTION_ON_TEST)
    screen.say(
        "",
        f"page     {written['page']}",
        f"fixes    {written['fixes']}  ({_use(found)})",
        f"ranking  {written['ranking']}",
    )
