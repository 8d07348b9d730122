"""The report of a run: one file that opens anywhere, loads nothing, and shows every mistake."""

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from loupe import __version__
from loupe.data.dataset import Dataset, require_dataset
from loupe.data.finding import Finding
from loupe.errors import DataError
from loupe.examination.evaluation import Evaluation
from loupe.files import write_text
from loupe.reporting.html import Section, page
from loupe.reporting.samples import wall
from loupe.reporting.sections_certainty import calibration, certainty
from loupe.reporting.sections_classes import classes, weakest
from loupe.reporting.sections_confusion import confusion
from loupe.reporting.sections_continued import continued
from loupe.reporting.sections_data import data
from loupe.reporting.sections_labels import is_examined, labels
from loupe.reporting.sections_mistakes import gallery, pairs
from loupe.reporting.sections_recipe import recipe
from loupe.reporting.sections_training import training
from loupe.reporting.words import Figure, count, duration, interval, of, ordinal, percent, size
from loupe.runs.run import REPORT_FILE, Run, open_run

# In the order of the page. To add a section, write `f(run, evaluation) -> Section`, list it here.
SECTIONS: dict[str, Callable[[Run, Evaluation], Section]] = {
    "training": training,
    "confusion": confusion,
    "classes": classes,
    "mistakes": gallery,
    "pairs": pairs,
    "data": data,
    "calibration": calibration,
    "certainty": certainty,
    "recipe": recipe,
}


def write_report(
    run: Run | str | os.PathLike[str],
    evaluation: Evaluation,
    *,
    dataset: Dataset | None = None,
    findings: Sequence[Finding] = (),
    path: str | os.PathLike[str] | None = None,
) -> Path:
    """Write the report of a run as one HTML file under 5 MB.

    Args:
        run: the finished run, or its folder.
        evaluation: its model, measured on one split.
        dataset: the whole data set, for the section on the data; without it, that section shows
            the evaluated images only.
        findings: what the checks of the data noticed (`loupe.data.checks.check`).
        path: where to write it; by default `report.html` in the run's folder.

    Returns:
        Where it was written.

    Raises:
        RunError: there is no run in the folder.
        DataError: the evaluation or the data set is something else.
    """
    run = run if isinstance(run, Run) else open_run(run)
    if not isinstance(evaluation, Evaluation):
        raise DataError(
            f"An Evaluation was expected, not a {type(evaluation).__name__}. Make one first: "
            "loupe.evaluate(run, dataset)."
        )
    if dataset is not None:
        require_dataset(dataset)
    path = Path(path) if path else run.folder / REPORT_FILE
    chosen = SECTIONS | {"data": functools.partial(data, dataset=dataset, findings=findings)}
    order = list(chosen)
    if run.environment.get("continued"):
        chosen["continued"] = continued
        order.insert(0, "continued")
    if is_examined(run):
        chosen["labels"] = functools.partial(labels, dataset=dataset, page=path)
        order.insert(order.index("data"), "labels")
    sections = [chosen[name](run, evaluation) for name in order]
    content = page("report.html.j2", sections, version=__version__, **_opening(run, evaluation))
    write_text(path, content)
    return path


def _opening(run: Run, evaluation: Evaluation) -> dict[str, Any]:
    """What the page says before its first section: one sentence, and a row of figures."""
    data = run.environment["data"]
    return {
        "run_name": run.name,
        "created": run.environment["started"][:10],
        "accuracy": evaluation.metrics["accuracy"],
        "trained_on": of(sum(data["counts"]["train"]), "image"),
        "name": data["name"],
        "after": f"of {_measured_on(evaluation, data['name'])}",
        "looks": _looks(run, evaluation),
        "figures": _figures(run, evaluation),
        "wall": wall(evaluation),
    }


def _measured_on(evaluation: Evaluation, trained_on: str) -> str:
    """Name the images that were measured; the data's name is said again only where it differs."""
    name = evaluation.dataset.name
    which = {"train": "training"}.get(evaluation.split, evaluation.split)
    images = of(len(evaluation), f"{which} image")
    if evaluation.split == "train":
        return f"the same {images}" if name == trained_on else f"{images} of {name}"
    return f"{images} that it had never seen" if name == trained_on else f"{images} of {name}"


def _looks(run: Run, evaluation: Evaluation) -> str:
    """Say how often the test images have been looked at, and what that means."""
    looks = evaluation.looks_at_test
    if evaluation.split == "validation":
        untouched = run.environment.get("asked", {}).get("no_test", False)
        left = " The test images were left alone." if untouched else ""
        return f"Choices were made on these images: expect a little less of new ones.{left}"
    if evaluation.split == "train":
        return "It learned from these images: expect less of new ones."
    if looks == 0:
        return "No ledger of looks at these test images was kept."
    if looks == 1:
        return "This was the first look at these test images, as the ledger counts them."
    return (
        f"This was the {ordinal(looks)} look at these test images, as the ledger counts them: with "
        "each choice that follows from one, the figure flatters a little more."
    )


def _figures(run: Run, evaluation: Evaluation) -> list[Figure]:
    environment, n = run.environment, len(evaluation)
    lows = weakest(evaluation)
    low = lows[0]
    f1, top_3 = evaluation.metrics["f1"], evaluation.metrics["top_3_accuracy"]
    figures = [
        Figure("Mistakes", count(len(evaluation.wrong)), f"of {of(n, 'image')}"),
        Figure("Macro F1", percent(f1.value, n), f"{interval(f1.low, f1.high, n)} ({f1.interval})"),
    ]
    if low.recall < 1:
        found = percent(low.recall, low.n)
        detail = f"recall {found} ({interval(low.recall_low, low.recall_high, low.n)})"
        weak = Figure("Weakest class", low.name, detail)
        if len(lows) > 1:
            weak = Figure("Weakest classes", count(len(lows)), f"recall {found} each")
        figures.insert(1, weak)
    if len(evaluation.per_class) > 3:
        detail = f"{interval(top_3.low, top_3.high, n)} ({top_3.interval.capitalize()})"
        figures.append(Figure("Among the top three", percent(top_3.value, n), detail))
    if "seconds" in environment:
        epochs = of(len(run.history), "epoch")
        figures.append(Figure("Training", duration(environment["seconds"]["training"]), epochs))
    if "parameters" in environment:
        detail = f"parameters, {size(environment['model_bytes'])}"
        figures.append(Figure("Model", count(environment["parameters"]), detail))
    return figures
