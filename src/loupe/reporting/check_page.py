"""The page of `loupe check`: what a data set holds and what is wrong with it, in pictures."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from loupe import __version__
from loupe.data.dataset import Dataset
from loupe.data.finding import Finding
from loupe.data.summary import Summary
from loupe.files import write_text
from loupe.reporting.html import Section, page, render
from loupe.reporting.samples import Tile, Wall
from loupe.reporting.sections_data import (
    SEVERITIES,
    SPLIT_NAMES,
    Look,
    class_table,
    data_sentence,
    finding_list,
)
from loupe.reporting.words import Figure, count, listed, of, share

MOST_TILES, COLUMNS = 25, 5  # of the opening picture

# What `loupe.data.checks.CHECKS` look for.
NOTHING = (
    "The checks found nothing to say about these data. They looked for unreadable files, equal "
    "images within a split and across splits, one image under two labels, blank images, uneven and "
    "very small classes, splits that differ in their classes, their brightness or what is ink, and "
    "for pixels that leave much of 0 to 255 unused."
)


def write_check_page(
    dataset: Dataset, summary: Summary, findings: Sequence[Finding], path: Path
) -> Path:
    """Write what the checks found, and how each class looks, as one HTML file.

    Args:
        dataset: the data set, for the images that are shown.
        summary: of the data set (`loupe.data.summary.summarise`).
        findings: of its checks (`loupe.data.checks.check`).
        path: where to write it.

    Returns:
        Where it was written.
    """
    sections = [
        _findings(dataset, findings),
        _classes(dataset, summary),
        _pixels(summary),
    ]
    content = page(
        "check.html.j2",
        sections,
        version=__version__,
        name=summary.name,
        fingerprint=summary.fingerprint,
        sentence=data_sentence(dataset),
        verdict=_verdict(findings),
        figures=_figures(summary),
        wall=_wall(dataset, summary),
    )
    write_text(path, content)
    return path


def _findings(dataset: Dataset, findings: Sequence[Finding]) -> Section:
    html, sheet = finding_list(dataset, findings)
    if not findings:
        html = render("notes.html.j2", notes=[NOTHING])
    return Section("findings", "Findings", _verdict(findings), html, (sheet,))


def _classes(dataset: Dataset, summary: Summary) -> Section:
    sampled = next(iter(summary.counts))
    means = [
        mean if number else None
        for mean, number in zip(summary.mean_images, summary.counts[sampled], strict=True)
    ]
    look = Look(summary.counts, means, summary.contact_sheet, sampled)
    table, sheets = class_table(dataset, look)
    html = render(
        "section_data.html.j2",
        introduction="",
        table=table,
        notes=summary.notes,
        skipped=dataset.skipped,
        findings="",
    )
    totals = np.sum(list(summary.counts.values()), axis=0)
    headline = (
        f"From {count(int(min(totals)))} to {of(int(max(totals)), 'image')} of a class"
        if min(totals) != max(totals)
        else f"{of(int(max(totals)), 'image')} of each class"
    )
    return Section("classes", "Classes", headline, html, sheets)


def _pixels(summary: Summary) -> Section:
    framing = summary.framing
    rows = [(SPLIT_NAMES[split], values) for split, values in summary.pixels.items()]
    html = render("section_pixels.html.j2", rows=rows, framing=framing)
    headline = {
        "glyph": f"Strokes or boxed objects, {framing.polarity}",
        "frame": f"Objects that fill their images, {framing.polarity}",
        "none": "Pictures without a plain background",
    }[framing.kind]
    return Section("pixels", "Pixels", headline, html)


def _verdict(findings: Sequence[Finding]) -> str:
    """Count the findings by how grave they are."""
    number = Counter(finding.severity for finding in findings)
    parts = [of(number[kind], kind) for kind in SEVERITIES if number[kind]]
    return listed(parts).capitalize() if parts else "Nothing was found amiss"


def _figures(summary: Summary) -> list[Figure]:
    figures = [
        Figure(SPLIT_NAMES[split], count(int(counts.sum())), "images")
        for split, counts in summary.counts.items()
    ]
    totals = np.sum(list(summary.counts.values()), axis=0)
    largest, smallest = int(totals.argmax()), int(totals.argmin())
    names = summary.class_names
    if totals[largest] != totals[smallest]:
        figures += [
            Figure("Largest class", names[largest], of(int(totals[largest]), "image")),
            Figure("Smallest class", names[smallest], of(int(totals[smallest]), "image")),
        ]
    if summary.num_groups is not None:
        figures.append(Figure("Groups", count(summary.num_groups), "writers, or the like"))
    if summary.num_skipped:
        figures.append(Figure("Left out", count(summary.num_skipped), "unreadable files"))
    if summary.framing.kind != "none":
        background = next(iter(summary.pixels.values())).background_fraction
        figures.append(Figure("Background", share(background), "of all pixel values"))
    return figures


def _wall(dataset: Dataset, summary: Summary) -> Wall:
    """Lay out the first images of the classes, in turn, until the picture is full."""
    tiles: list[Tile] = []
    starts = [
        sum(map(len, summary.contact_sheet[:label])) for label in range(len(dataset.class_names))
    ]
    for turn in range(max(map(len, summary.contact_sheet))):
        for label, row in enumerate(summary.contact_sheet):
            if turn < len(row):
                tiles.append(Tile(starts[label] + turn, dataset.class_names[label], "classes"))
    kept = min(MOST_TILES, len(tiles) - len(tiles) % COLUMNS or len(tiles))
    return Wall("samples", tiles[:kept], COLUMNS, "Some of the training images")
