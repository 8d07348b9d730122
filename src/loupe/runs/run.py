"""The `Run`: a folder of plain files that one training wrote."""

import html
import json
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from loupe.classifier.card import Card
from loupe.classifier.classifier import Classifier, load
from loupe.errors import RunError, did_you_mean
from loupe.recipes.recipe import Recipe, read_recipe, to_dict
from loupe.runs.history import History, read_history
from loupe.runs.work import Work, require_empty

RUNS = Path("runs")  # where runs go unless told otherwise
LEDGER = RUNS / "ledger.jsonl"

RECIPE_FILE = "recipe.toml"
HISTORY_FILE = "history.csv"
MODEL_FILE = "model.onnx"
WEIGHTS_FILE = "weights.safetensors"
EVALUATION_FILE = "evaluation.json"
PREDICTIONS_FILE = "predictions.csv"
ENVIRONMENT_FILE = "environment.json"
REPORT_FILE = "report.html"

# What `loupe examine` writes into a run's folder.
LABELS_FOLDERS = ("labels-train", "labels-test")
LABELS_PAGE, LABELS_FOUND = "examination.html", "examination.json"


@dataclass(frozen=True)
class Run(Work):
    """One training run; everything is read from its folder when it is asked for.

    Attributes:
        folder: where its files are.
    """

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.resolve().name

    @cached_property
    def recipe(self) -> Recipe:
        """Every setting of the run."""
        return read_recipe(self.folder / RECIPE_FILE)

    def recipe_dict(self) -> dict[str, Any]:
        """Every setting of the run as plain values."""
        return to_dict(self.recipe)

    @property
    def history(self) -> History:
        """The figures of each epoch; of a committee, the means over its members."""
        path = self.folder / HISTORY_FILE
        return read_history(path) if path.exists() else ()

    @cached_property
    def classifier(self) -> Classifier:
        """The trained model.

        Raises:
            RunError: the run has not finished.
        """
        if self.diverged:
            raise RunError(f"The run {self.folder} has no {MODEL_FILE}. {self.diverged}")
        if not self.is_finished:
            raise RunError(
                f"The run {self.folder} has no {MODEL_FILE} yet: it was stopped. To have one, "
                f"{self.way_on}"
            )
        return load(self.folder / MODEL_FILE)

    @property
    def card(self) -> Card:
        """What the model file says about itself."""
        return self.classifier.card

    @property
    def environment(self) -> dict[str, Any]:
        """Data, versions, machine, command and times of the run."""
        return _read_json(self.folder / ENVIRONMENT_FILE)

    @property
    def evaluation(self) -> dict[str, Any] | None:
        """Content of `evaluation.json`, where the run has been evaluated."""
        path = self.folder / EVALUATION_FILE
        return _read_json(path) if path.exists() else None

    @property
    def is_finished(self) -> bool:
        """Whether training came to its end and the model was exported."""
        return (self.folder / MODEL_FILE).exists()

    @property
    def state(self) -> str:
        """Whether it is "finished", "not finished", or "diverged": no step leads on from there."""
        if self.is_finished:
            return "finished"
        return "diverged" if self.diverged else "not finished"

    @property
    def diverged(self) -> str:
        """What was said of a loss that was no number any more; empty where it always was one."""
        return str(self._known().get("diverged", ""))

    @property
    def way_on(self) -> str:
        """What finishes it after it was stopped, as the end of a sentence."""
        if not (self.folder / RECIPE_FILE).exists():
            return super().way_on
        if "continued" in self._known():  # a few networks only: quicker than to resume it
            return f"remove {self.folder} and begin again: what continues a run is not resumed."
        return f"go on with: loupe train --resume {self.folder}"

    def _known(self) -> dict[str, Any]:
        """The environment, or nothing where none is: a recipe alone makes a run."""
        return self.environment if (self.folder / ENVIRONMENT_FILE).exists() else {}

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{name}</th><td>{html.escape(value)}</td></tr>"
            for name, value in self._facts().items()
        )
        return f"<p>Run {html.escape(str(self.folder))}</p><table><tbody>{rows}</tbody></table>"

    def _facts(self) -> dict[str, str]:
        """What there is to say of the run so far."""
        facts = {"recipe": self.recipe.name}
        if (self.folder / ENVIRONMENT_FILE).exists():
            facts["data"] = str(self.environment.get("data", {}).get("name", ""))
        if self.history:
            last = self.history[-1]
            facts["last epoch"] = f"{last.epoch}: training accuracy {_percent(last.accuracy)}" + (
                ""
                if math.isnan(last.val_accuracy)
                else f", validation {_percent(last.val_accuracy)}"
            )
        if self.evaluation is not None:
            accuracy = self.evaluation["metrics"]["accuracy"]
            facts[f"{self.evaluation['split']} accuracy"] = (
                f"{_percent(accuracy['value'])} of {self.evaluation['n']:,} images "
                f"(95 % interval {_percent(accuracy['low'])} to {_percent(accuracy['high'])})"
            )
        if (self.folder / REPORT_FILE).exists():
            facts["report"] = str(self.folder / REPORT_FILE)
        return facts if self.is_finished else {**facts, "state": self.state}


def create_run(out: Path | None, data: str, recipe: str) -> Run:
    """Make an empty run folder: `out`, or the next free `runs/<data>-<recipe>-<n>`.

    Raises:
        RunError: `out` holds something already, or cannot be made.
    """
    if out is not None:
        run = Run(out)
        is_begun = (out / RECIPE_FILE).exists() and not run.is_finished
        require_empty(out, run.way_on if is_begun else "")
        return run
    try:
        return Run(_next_folder(f"{_plain(data)}-{_plain(recipe)}"))
    except OSError as error:
        raise RunError(f"The run folder cannot be made: {error}.") from error


def open_run(path: str | os.PathLike[str]) -> Run:
    """Open the run in a folder.

    Raises:
        RunError: there is no run; the nearest name is suggested.
    """
    folder = Path(path)
    if not (folder / RECIPE_FILE).exists():
        near = did_you_mean(str(path), [str(run.folder) for run in list_runs(folder.parent)])
        raise RunError(
            f"{folder} is no run: it has no {RECIPE_FILE}.{near} "
            "`loupe runs` lists the runs that are here."
        )
    return Run(folder)


def list_runs(folder: str | os.PathLike[str] = RUNS) -> tuple[Run, ...]:
    """List the runs in a folder, oldest first."""
    # A recipe is written once, when its run begins; the folder changes with every report.
    return tuple(sorted(_runs_in(Path(folder)), key=lambda run: _written(run.folder / RECIPE_FILE)))


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _written(path: Path) -> int:
    return path.stat().st_mtime_ns


def _runs_in(folder: Path) -> Iterator[Run]:
    if folder.is_dir():
        for path in folder.iterdir():
            if (path / RECIPE_FILE).exists():
                yield Run(path)


def _next_folder(prefix: str) -> Path:
    """Make the folder with the next free number; two processes never get the same."""
    RUNS.mkdir(exist_ok=True)
    taken = [
        int(match[1])
        for path in RUNS.iterdir()
        if (match := re.fullmatch(re.escape(prefix) + r"-(\d+)", path.name))
    ]
    number = max(taken, default=0) + 1
    while True:
        folder = RUNS / f"{prefix}-{number}"
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


def _plain(name: str) -> str:
    """A name that any file system takes."""
    return re.sub(r"[^\w.]+", "-", name).strip("-.") or "data"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}.") from error
    if not isinstance(content, dict) or not content:
        raise RunError(
            f"{path} cannot be read: it is no object with something in it. Take the file from a "
            "copy of the run, or make it again (`loupe evaluate`, `loupe train`)."
        )
    return content
