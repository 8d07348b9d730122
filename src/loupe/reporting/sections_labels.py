"""The section on examined labels: who is wrong, image by image, and what to collect next."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from loupe.data.dataset import Dataset
from loupe.errors import RunError
from loupe.examination.evaluation import Evaluation
from loupe.examination.labels import VERDICTS
from loupe.examination.mistakes import CAUTION_ON_TEST
from loupe.reporting.html import Section, render
from loupe.reporting.sheets import Sheet
from loupe.reporting.words import count, of
from loupe.runs.run import LABELS_FOLDERS, LABELS_FOUND, LABELS_PAGE, Run

FIRST = 14  # suspects of a verdict, two rows of them; the page of the examination has all
SHEET = "suspects"


@dataclass(frozen=True)
class Doubt:
    """A suspect in the report: its place on the sheet, if its image is at hand, and its words."""

    position: int | None
    caption: str
    text: str


def is_examined(run: Run) -> bool:
    """Whether `loupe examine` has examined the labels of a run, in its folder."""
    return any((run.folder / name / LABELS_FOUND).is_file() for name in LABELS_FOLDERS)


def labels(
    run: Run, evaluation: Evaluation, dataset: Dataset | None = None, page: Path | None = None
) -> Section:
    """Show what `loupe examine` found of a run's labels.

    Args:
        run: whose folder holds an examination or two, of training and of test labels.
        evaluation: whose images are shown where there is no data set.
        dataset: the whole data set.
        page: where the report is written, which links are relative to.

    Raises:
        RunError: what was found is not readable.
    """
    shelf = _Shelf(evaluation.dataset if dataset is None else dataset)
    base = run.folder if page is None else page.parent
    every = [
        _examination(run.folder / name, base, shelf)
        for name in LABELS_FOLDERS
        if (run.folder / name / LABELS_FOUND).is_file()
    ]
    html = render("section_labels.html.j2", every=every, sheet=SHEET)
    suspect = every[0]["verdicts"][0]["number"]
    which = every[0]["which"]
    if every[0]["warning"]:
        headline = f"The networks read too little to judge the {which} labels"
        return Section("labels", "Labels", headline, html, shelf.sheets())
    headline = f"{of(suspect, f'{which} label')} of {count(every[0]['n'])} {_is(suspect)} suspect"
    return Section("labels", "Labels", headline, html, shelf.sheets())


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


class _Shelf:
    """Finds images by their source, and collects them for a sheet."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.places = {source: place for place, source in enumerate(dataset.sources)}
        self.taken: dict[int, int] = {}

    def put(self, source: str) -> int | None:
        """Give the place of an image on the sheet; None where it is not at hand."""
        place = self.places.get(source)
        return None if place is None else self.taken.setdefault(place, len(self.taken))

    def sheets(self) -> tuple[Sheet, ...]:
        """Give the sheet, if there is anything on it."""
        if not self.taken:
            return ()
        return (Sheet(SHEET, self.dataset.images[np.array(list(self.taken), np.int64)]),)


def _examination(folder: Path, base: Path, shelf: _Shelf) -> dict[str, Any]:
    """What was found of the labels of one split, as the template wants it."""
    path = folder / LABELS_FOUND
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        is_test = found["split"] == "test"
        return {
            "which": "test" if is_test else "training",
            "n": int(found["n"]),
            "warning": str(found.get("caution", "")),
            "caution": CAUTION_ON_TEST if is_test else "",
            "link": quote(Path(os.path.relpath(folder / LABELS_PAGE, base)).as_posix()),
            "verdicts": [
                {
                    "name": verdict,
                    "number": int(found["verdicts"].get(verdict, 0)),
                    "advice": advice,
                    "doubts": _doubts(found["suspects"], verdict, shelf),
                }
                for verdict, (_, advice) in VERDICTS.items()
            ],
            "next": [str(want["advice"]) for want in found["next"]],
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{path} is not what loupe examine wrote ({type(error).__name__}: {error}), so the "
            f"report cannot show it. Remove {folder}, or examine the labels again."
        ) from error


def _doubts(suspects: list[dict[str, Any]], verdict: str, shelf: _Shelf) -> list[Doubt]:
    """The first suspects of a verdict; a label that is to be another is written with it."""
    return [
        Doubt(
            shelf.put(one["source"]),
            f"{one['label']} → {one['proposed']}" if one["proposed"] else str(one["label"]),
            f"{one['source']}: {one['reason']}",
        )
        for one in [each for each in suspects if each["verdict"] == verdict][:FIRST]
    ]
