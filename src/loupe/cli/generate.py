"""`loupe generate`: more training images, drawn by a generator."""

import contextlib
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import loupe
from loupe.cli import options
from loupe.cli.data import read_data
from loupe.cli.places import require_writable
from loupe.cli.progress import NARROW, REFRESHES_A_SECOND
from loupe.cli.screen import Screen, plain
from loupe.errors import LoupeError

if TYPE_CHECKING:
    from loupe.generation.folder import Generation
    from loupe.generation.loop import Watch


def generate(
    data: options.DataOrDigits = None,
    count: Annotated[
        int | None, typer.Option(metavar="N", help="Images to draw, of all classes together.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A new folder for the images.")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(help="Time budget, turned into steps after a timed warm-up. [default: 10]"),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Steps of training, in the place of --minutes.")
    ] = None,
    balance: Annotated[
        Literal["equal", "data"],
        typer.Option(help="As many images of each class, or as the training images have them."),
    ] = "equal",
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN|MODEL", help="Measure the images by this classifier's features as well."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    size: options.Size = None,
    bad_files: options.BadFiles = "stop",
    fixes: options.Fixes = None,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Go on where a killed or interrupted one stopped."),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a generator, and draw more training images by it.

    The images are marked: they can be trained on (loupe train DATA --generated DIR), and can be no
    validation or test images.
    """
    screen = Screen(json, quiet)
    if resume is None:
        if count is None or out is None:
            missing = "--count N" if count is None else "--out DIR"
            raise LoupeError(
                f"{missing} is missing: say how many images to draw, and into which folder, as in "
                "loupe generate digits --count 5000 --out more-digits"
            )
        require_writable(out)
        reading = {"size": size, "bad_files": bad_files, "fixes": fixes}
        dataset = read_data(data or options.DEFAULT_DATA, screen, **reading)
        _refuse_early(dataset, count, minutes, steps, seed, balance)
        screen.say("Training a generator ...")
        with _saying_how_to_go_on(out), _watching(screen) as watch:
            generation = loupe.generate(
                dataset, count=count, out=out, minutes=minutes, steps=steps, seed=seed,
                balance=balance, model=model, watch=watch,
            )  # fmt: skip
    else:
        if count or out or minutes or steps or model or size or fixes or seed:
            raise LoupeError(
                "--resume goes on with the folder's own settings: no others go with it. Begin "
                "anew with --out to change something."
            )
        dataset, generation = _go_on(resume, data, screen)
    raise typer.Exit(_conclude(generation, dataset, screen))


def _refuse_early(dataset: "loupe.Dataset", count: int, *settings: Any) -> None:
    """Refuse what cannot be before torch is loaded, which takes seconds."""
    from loupe.generation.settings import divided, require_settings

    require_settings(count, *settings)
    divided(dataset, count)


def _go_on(folder: Path, data: str | None, screen: Screen) -> "tuple[loupe.Dataset, Generation]":
    """Go on with a generator that was killed or interrupted."""
    from loupe.data.again import origin_of
    from loupe.generation.folder import open_generation

    generation = open_generation(folder)
    known = generation.facts["data"]
    remedy = f"Save them as NPZ and name that file: loupe generate DATA --resume {folder}"
    what = data or origin_of(known, f"The generator in {folder} learnt from", remedy)
    dataset = read_data(what, screen, **known["read_options"])
    from loupe.generation.generate import resume_generation

    screen.say(f"Resuming {folder}")
    with _saying_how_to_go_on(folder), _watching(screen) as watch:
        return dataset, resume_generation(folder, dataset, watch=watch)


def _conclude(generation: "Generation", dataset: "loupe.Dataset", screen: Screen) -> int:
    """Write sheet and page, say what there is, and give the exit code."""
    from loupe.generation.folder import PAGE_FILE
    from loupe.reporting.generate_page import copied, write_contact_sheet, write_generation_page
    from loupe.reporting.words import count, duration

    facts, folder = generation.facts, generation.folder
    sheet = write_contact_sheet(generation)
    page = write_generation_page(generation, dataset)
    if facts["interrupted"]:
        screen.say(
            f"Ended by Ctrl-C after {count(facts['steps_done'])} of "
            f"{count(facts['settings']['steps'])} steps: the images are as good as it was by then. "
            f"Go on with: loupe generate --resume {folder}"
        )
    screen.say(
        "",
        f"Drew {count(sum(facts['drawn']))} images, after "
        f"{duration(facts['seconds']['training'])} of training. {copied(facts)}",
        "",
        f"images  {folder}",
        f"sheet   {sheet}",
        f"page    {page}",
        f"Next: open {folder / PAGE_FILE}, then train with these images as well:",
        f"      loupe train {facts['data']['origin'] or 'DATA'} --generated {folder}",
    )
    screen.emit({"event": "finished", "folder": str(folder), "page": str(page), **facts})
    return 130 if facts["interrupted"] else 0


@contextlib.contextmanager
def _watching(screen: Screen) -> "Iterator[Watch]":
    """Give what is called after each step: a bar on a terminal, now and then a line elsewhere."""
    if not screen.is_live:

        def watch_rows(drawing: Any) -> None:
            if drawing.row is not None and not screen.quiet:
                screen.say(f"step {drawing.step:,} of {drawing.num_steps:,}: {_losses(drawing)}")
                screen.emit({"event": "step", "of": drawing.num_steps, **asdict(drawing.row)})

        yield watch_rows
        return

    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    is_narrow = shutil.get_terminal_size().columns < NARROW
    drawn = () if is_narrow else (TextColumn("{task.description}"), BarColumn())
    columns = (*drawn, TextColumn("{task.fields[figures]}"), TimeRemainingColumn(compact=True),
               TextColumn("left"))  # fmt: skip
    with Progress(*columns, transient=True, refresh_per_second=REFRESHES_A_SECOND) as bar:
        task = bar.add_task("training", total=None, figures="")

        def watch(drawing: Any) -> None:
            if bar.tasks[task].total is None:  # a resumed one starts in the middle
                bar.reset(task, total=drawing.num_steps, completed=drawing.step)
            bar.update(task, completed=drawing.step)
            if drawing.row is not None:
                bar.update(task, figures=_losses(drawing))

        yield watch


def _losses(drawing: Any) -> str:
    row = drawing.row
    return (
        f"discriminator {row.discriminator:.3f}, generator {row.generator:.3f}, {row.seconds:.0f} s"
    )


@contextlib.contextmanager
def _saying_how_to_go_on(folder: Path) -> Iterator[None]:
    """Say what to do after a Ctrl-C that ends everything at once."""
    try:
        yield
    except KeyboardInterrupt:
        if (folder / "checkpoint.safetensors").exists():
            said = f"Interrupted. Go on with: loupe generate --resume {folder}"
        else:
            said = "Interrupted before the first checkpoint: there is nothing to resume."
        print(plain(said), file=sys.stderr)
        raise
