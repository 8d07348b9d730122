"""The section on the data: what there is of each class, how it looks, what was noticed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64
from markupsafe import Markup

from loupe.arrays import Image, Images
from loupe.data.dataset import SPLITS, TRAIN, Dataset, Split
from loupe.data.finding import Finding, Severity
from loupe.examination.evaluation import Evaluation
from loupe.reporting.html import Section, render
from loupe.reporting.sheets import Sheet
from loupe.reporting.words import NBSP, of
from loupe.runs.run import Run

SPLIT_NAMES: dict[Split, str] = {
    "train": "Training", "validation": "Validation", "test": "Test"
}  # fmt: skip
CROWDED = 20  # classes from which on images are drawn at half their size
NUM_SAMPLES = 10  # of each class
MOST_SAMPLED = 1500  # images of all classes together
MOST_AVERAGED = 500  # images of a class that its mean is taken over
MOST_FOUND = 24  # images shown of one finding
MOST_FOUND_IN_ALL = 400
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")  # the gravest first


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
    table, sheets = class_table(whole, _look(whole))
    found, found_sheet = finding_list(whole, findings)
    html = render(
        "section_data.html.j2",
        introduction=_introduction(run, evaluation, dataset),
        table=table,
        notes=whole.notes,
        skipped=whole.skipped,
        findings=found,
    )
    return Section("data", "Data", data_sentence(whole), html, (*sheets, found_sheet))


def data_sentence(dataset: Dataset) -> str:
    """Say what a data set is: how many images, of what size, of how many classes."""
    height, width, channels = dataset.image_shape
    colour = "grey" if channels == 1 else "colour"
    return (
        f"{of(len(dataset), f'{colour} image')} of {width}{NBSP}×{NBSP}{height} pixels in "
        f"{of(len(dataset.class_names), 'class', 'classes')}"
    )


@dataclass(frozen=True, eq=False)
class Look:
    """How each class looks.

    Attributes:
        counts: images of each class, for every split that has images.
        means: mean image of each class; None where it has no images to average.
        samples: positions in the data set of some images of each class.
        sampled: the split that means and samples are of.
    """

    counts: dict[Split, Int64[np.ndarray, " k"]]
    means: Sequence[Image | None]
    samples: Sequence[Sequence[int]]
    sampled: Split


def class_table(dataset: Dataset, look: Look) -> tuple[Markup, tuple[Sheet, Sheet]]:
    """Tabulate the classes: mean, samples, counts; with the sheets of the images in it."""
    most = max(1, MOST_SAMPLED // len(dataset.class_names))
    means = [mean for mean in look.means if mean is not None]
    rows, num_means = [], 0
    shown: list[int] = []
    for label, name in enumerate(dataset.class_names):
        picked = list(look.samples[label][:most])
        has_mean = look.means[label] is not None
        rows.append(
            {
                "name": name,
                "mean": num_means if has_mean else None,
                "samples": range(len(shown), len(shown) + len(picked)),
                "counts": [int(counts[label]) for counts in look.counts.values()],
            }
        )
        shown += picked
        num_means += has_mean
    html = render(
        "class_table.html.j2",
        rows=rows,
        splits=[SPLIT_NAMES[split] for split in look.counts],
        totals=[int(counts.sum()) for counts in look.counts.values()],
        sampled=SPLIT_NAMES[look.sampled].lower() if len(look.counts) > 1 else "",
        dense=len(rows) > CROWDED,
    )
    stacked = np.stack(means) if means else dataset.images[:0]
    return html, (Sheet("means", stacked), Sheet("samples", dataset.images[_positions(shown)]))


def finding_list(dataset: Dataset, findings: Sequence[Finding]) -> tuple[Markup, Sheet]:
    """List findings, the gravest first, each with the images that it is about, the worst first."""
    shown: list[int] = []
    rows = []
    for finding in sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)):
        room = min(MOST_FOUND, MOST_FOUND_IN_ALL - len(shown))
        worst = finding.indices[np.argsort(finding.scores, kind="stable")][:room].tolist()
        thumbs = [
            {
                "position": len(shown) + i,
                "class_name": dataset.class_names[dataset.labels[index]],
                "source": dataset.sources[index],
            }
            for i, index in enumerate(worst)
        ]
        shown += worst
        rows.append({"finding": finding, "thumbs": thumbs, "count": len(finding.indices)})
    html = render("findings.html.j2", findings=rows) if rows else Markup()
    return html, Sheet("found", dataset.images[_positions(shown)])


def _introduction(run: Run, evaluation: Evaluation, dataset: Dataset | None) -> str:
    """Say how these images differ from those that the run counted."""
    if dataset is None:
        return f"Only the {evaluation.split} images were at hand when this page was made."
    held_out = sum(run.environment["data"]["counts"]["validation"])
    if held_out and not len(dataset.validation):
        return f"For validation, {of(held_out, 'image')} were held out of the training images."
    return ""


def _look(dataset: Dataset) -> Look:
    """Take evenly spread samples, and the mean over some more, of every class."""
    present = [code for code in range(len(SPLITS)) if np.any(dataset.split == code)]
    num_classes = len(dataset.class_names)
    sampled = TRAIN if TRAIN in present else present[0]
    pool = np.flatnonzero(dataset.split == sampled)
    members = [pool[dataset.labels[pool] == label] for label in range(num_classes)]
    return Look(
        counts={
            SPLITS[code]: np.bincount(dataset.labels[dataset.split == code], minlength=num_classes)
            for code in present
        },
        means=[_mean_image(dataset.images, some) if len(some) else None for some in members],
        samples=[some[_spread(len(some), NUM_SAMPLES)].tolist() for some in members],
        sampled=SPLITS[sampled],
    )


def _mean_image(images: Images, members: Int64[np.ndarray, " m"]) -> Image:
    """Average images of a class: 500 of them, evenly spread, show the same as all of them."""
    some = members[_spread(len(members), MOST_AVERAGED)]
    return np.asarray(images[some].mean(axis=0).round(), np.uint8)


def _spread(count: int, most: int) -> Int64[np.ndarray, " m"]:
    """Positions of at most so many of a number of images, evenly spread."""
    return np.linspace(0, max(0, count - 1), min(count, most)).round().astype(np.int64)


def _positions(shown: list[int]) -> Int64[np.ndarray, " m"]:
    return np.array(shown, np.int64)
