"""`loupe train --continue`: some binary networks of a run, trained anew on more images."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import loupe
from loupe.cli.bad_files import keep_bad_files
from loupe.cli.data import describe, read_again
from loupe.cli.screen import Screen
from loupe.errors import RecipeError


def refuse_half(run: Path | None, classes: Sequence[str] | None, more: str | None) -> None:
    """Refuse --continue, --only-class and --data where one of them stands without the others."""
    given = {"--continue": run, "--only-class": classes, "--data": more}
    missing = [option for option, value in given.items() if not value]
    if 0 < len(missing) < len(given):
        raise RecipeError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: to train the "
            "networks of a class anew on more images, give all three, as in loupe train "
            "--continue RUN --only-class 1 --data MORE. To train on other data, name it first: "
            "loupe train DATA."
        )


def refuse_settings(*given: object) -> None:
    """Refuse what would make another run of one that is continued."""
    if any(given):
        raise RecipeError(
            "--continue keeps the run's own recipe, data, framing and test images: no other data "
            "and no settings go with it. Start a new run to change something."
        )


def continue_run(
    folder: Path,
    classes: Sequence[str],
    more: str,
    bad_files: Literal["stop", "skip"],
    out: Path | None,
    asked: Mapping[str, Any],
    screen: Screen,
) -> "tuple[loupe.Run, loupe.Dataset]":
    """Train the networks of some classes anew, and say what was added; give the run's data too."""
    from loupe.cli.progress import watching
    from loupe.data.more import read_more
    from loupe.recipes.heads import require_own_networks

    run = loupe.open_run(folder)
    require_own_networks(run.recipe, str(folder))
    dataset = read_again(run, None, screen)
    screen.say(f"Reading {more} ...")
    added = read_more(more, classes[0], dataset.image_shape, bad_files=bad_files)
    screen.say(describe(added), *(f"  {note}" for note in added.notes))
    screen.say(f"Training the networks of {', '.join(classes)} of {folder} anew")
    with watching(screen, run.recipe.members) as watch:
        after = loupe.continue_training(
            run, added, classes, dataset=dataset, out=out, watch=watch, asked=asked
        )
    said = {*dataset.notes, *added.notes}
    screen.say(*(f"  {n}" for n in after.environment["data"]["notes"] if n not in said))
    if listed := keep_bad_files(after.folder, added.skipped):
        screen.say(listed)
    return after, dataset


def say_what_was_added(run: "loupe.Run | None", screen: Screen, verb: str) -> None:
    """Say that what a run was continued with is not among the training images that are read."""
    continued = None if run is None else run.environment.get("continued")
    if continued is None:
        return
    number = sum(each["more"]["images"] for each in (*continued.get("earlier", ()), continued))
    screen.say(
        f"  The {number:,} images that the run was continued with are not among these: {verb} are "
        f"those of the run that was continued first. To have all {verb}, put them into one folder "
        "and train a run on it."
    )


def print_before_and_after(
    run: "loupe.Run", evaluation: "loupe.Evaluation", screen: Screen
) -> None:
    """Print precision and recall of each class before and after, where a run was continued."""
    from loupe.reporting.sections_continued import changes

    columns = (
        "class", " images", " recall before", " after", " precision before", " after",
    )  # fmt: skip
    for split, found in changes(run, evaluation).items():
        rows = [
            (
                row.name,
                f"{row.n:,}",
                f"{100 * row.recall_before:.2f} %",
                f"{100 * row.recall:.2f} %",
                f"{100 * row.precision_before:.2f} %",
                f"{100 * row.precision:.2f} %",
            )
            for row in found
        ]
        screen.say("", f"Of the {split} images, before and after:")
        screen.table(columns, rows)
