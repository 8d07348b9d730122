"""The section on the data: what there is of each class, how it looks, what was noticed."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from loupe.arrays import Image, Images
from loupe.data.dataset import SPLITS, TRAIN, Dataset
from loupe.data.finding import Finding
from loupe.examination.evaluation import Evaluation
from loupe.reporting.html import Section, render
from loupe.reporting.sheets import Sheet
from loupe.reporting.words import of
from loupe.runs.run import Run

SPLIT_NAMES = ("training", "validation", "test")  # in the order of the codes
NUM_SAMPLES = 10  # of each class
MOST_SAMPLED = 1500  # images of all classes together
MOST_AVERAGED = 500  # images of a class that its mean is taken over
MOST_FOUND = 24  # images shown of one finding
MOST_FOUND_IN_ALL = 400


def data(
    run: Run,
    evaluation: Evaluation,
    dataset: Dataset | None = None,
    findings: Sequence[Finding] = (),
) -> Section:
    """Show counts, mean images and samples of each class, notes and findings.

    Without `dataset` it shows the evaluated images only, and says so.
    """
    whole = evaluation.dataset if dataset is None else dataset
    table, sheets = class_table(whole)
    found, found_sheet = finding_list(whole, findings)
    introduction = "" if dataset is not None else (
        f"Only the {evaluation.split} images were at hand when this page was made."
    )  # fmt: skip
    html = render(
        "section_data.html.j2",
        introduction=introduction,
        notes=whole.notes,
        skipped=whole.skipped,
        findings=found,
        **table,
    )
    return Section("data", "Data", data_sentence(whole), html, (*sheets, found_sheet))


def data_sentence(dataset: Dataset) -> str:
    """Say what a data set is: how many images, of what size, of how many classes."""
    height, width, channels = dataset.image_shape
    colour = "grey" if channels == 1 else "colour"
    return (
        f"{of(len(dataset), f'{colour} image')} of {width} × {height} pixels in "
        f"{of(len(dataset.class_names), 'class', 'classes')}"
    )


def class_table(dataset: Dataset) -> tuple[dict[str, object], tuple[Sheet, Sheet]]:
    """Gather the rows of the table of classes, with the sheets of its images."""
    num_classes = len(dataset.class_names)
    present = [code for code in range(len(SPLITS)) if np.any(dataset.split == code)]
    counts = np.stack(
        [np.bincount(dataset.labels[dataset.split == code], minlength=num_classes)
         for code in present], axis=1,
    )  # fmt: skip
    sampled = TRAIN if TRAIN in present else present[0]
    most = max(1, min(NUM_SAMPLES, MOST_SAMPLED // num_classes))
    pool = np.flatnonzero(dataset.split == sampled)
    rows = []
    means: list[Image] = []
    samples: list[int] = []
    for label, name in enumerate(dataset.class_names):
        members = pool[dataset.labels[pool] == label]
        picked = members[_spread(len(members), most)]
        row = {"name": name, "counts": counts[label].tolist(), "mean": None}
        if len(members):
            row["mean"] = len(means)
            means.append(mean_image(dataset.images, members))
        row["samples"] = range(len(samples), len(samples) + len(picked))
        samples += picked.tolist()
        rows.append(row)
    table: dict[str, object] = {
        "rows": rows,
        "splits": [SPLIT_NAMES[code].capitalize() for code in present],
        "totals": counts.sum(axis=0).tolist(),
        "sampled_split": SPLIT_NAMES[sampled] if len(present) > 1 else "",
    }
    images = dataset.images[np.array(samples, np.int64)]
    return table, (Sheet("means", np.stack(means)), Sheet("samples", images))


def mean_image(images: Images, members: np.ndarray) -> Image:
    """Average images of a class: 500 of them, evenly spread, show the same as all of them."""
    some = members[_spread(len(members), MOST_AVERAGED)]
    return np.asarray(images[some].mean(axis=0).round(), np.uint8)


def finding_list(dataset: Dataset, findings: Sequence[Finding]) -> tuple[Markup, Sheet]:
    """List findings, each with the images that it is about, the worst first."""
    shown: list[int] = []
    rows = []
    for finding in findings:
        room = min(MOST_FOUND, MOST_FOUND_IN_ALL - len(shown))
        worst = finding.indices[np.argsort(finding.scores, kind="stable")][:room].tolist()
        thumbs = [
            {
                "position": len(shown) + i,
                "text": f"{dataset.class_names[dataset.labels[index]]}, {dataset.sources[index]}",
                "caption": dataset.class_names[dataset.labels[index]],
            }
            for i, index in enumerate(worst)
        ]
        shown += worst
        rows.append(
            {
                "severity": finding.severity,
                "message": finding.message,
                "suggestion": finding.suggestion,
                "count": len(finding.indices),
                "shown": thumbs,
            }
        )
    html = render("section_findings.html.j2", findings=rows) if rows else Markup()
    return html, Sheet("found", dataset.images[np.array(shown, np.int64)])


def _spread(count: int, most: int) -> np.ndarray:
    """Positions of at most so many of a number of images, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))
