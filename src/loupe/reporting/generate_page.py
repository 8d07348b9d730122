"""The page and the contact sheet of `loupe generate`: what was drawn, and whether it is copied."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Picture

from loupe import __version__
from loupe.arrays import Distances, Labels
from loupe.data.dataset import Dataset
from loupe.files import write_bytes, write_text
from loupe.generation.fidelity import COPIED, as_rows, nearest
from loupe.generation.folder import PAGE_FILE, SHEET_FILE, Generation
from loupe.reporting.html import Section, page, render
from loupe.reporting.samples import Tile, Wall, rectangle
from loupe.reporting.sheets import Sheet
from loupe.reporting.words import Figure, count, duration, of, percent

SAMPLES = 12  # of each class on the page
MOST_SHOWN = 1_200  # of all classes together
SHEET_COLUMNS, SHEET_ROWS = 20, 100  # images of a class on the contact sheet; classes at most
SEARCHED, PAIRS = 500, 30  # images whose nearest training image is looked for; pairs shown
MOST_PAIRS = 100  # shown, where there are many classes
SHEET_WIDTH = 1_200  # pixels, about: every pixel of an image becomes a square of whole ones
GREY = 96  # between the images of the contact sheet
MOST_TILES = 25  # of the opening picture


def write_generation_page(
    generation: Generation, dataset: Dataset | None = None, path: Path | None = None
) -> Path:
    """Write what a generator drew as one HTML file.

    Args:
        generation: a finished one.
        dataset: what it learnt from, to show the training images nearest to what it drew.
        path: where to write it; by default `images.html` in its folder.

    Returns:
        Where it was written.

    Raises:
        RunError: it has drawn no images yet.
    """
    drawn, facts = generation.dataset, generation.facts
    verdict = copied(facts)
    path = path or generation.folder / PAGE_FILE
    samples = _samples(drawn, SAMPLES, MOST_SHOWN)
    content = page(
        "generate.html.j2",
        [_drawn(drawn, facts, samples), _nearest(drawn, facts, dataset)],
        version=__version__,
        name=facts["data"]["name"],
        sentence=f"{of(len(drawn), 'image')} of {of(len(drawn.class_names), 'class', 'classes')}",
        verdict=verdict,
        figures=_figures(drawn, facts),
        wall=_wall(drawn, samples),
    )
    write_text(path, content)
    return path


def write_contact_sheet(generation: Generation, path: Path | None = None) -> Path:
    """Write generated images as one PNG file, a row for each class.

    Args:
        generation: a finished one.
        path: where to write it; by default `sheet.png` in its folder.
    """
    drawn = generation.dataset
    height, width, channels = drawn.image_shape
    chosen = _samples(drawn, SHEET_COLUMNS, SHEET_COLUMNS * SHEET_ROWS)[:SHEET_ROWS]
    columns = max(map(len, chosen))
    shape = (len(chosen) * (height + 1) - 1, columns * (width + 1) - 1, channels)
    sheet = np.full(shape, GREY, np.uint8)
    for row, positions in enumerate(chosen):
        for column, position in enumerate(positions):
            top, left = row * (height + 1), column * (width + 1)
            sheet[top : top + height, left : left + width] = drawn.images[position]
    factor = max(1, round(SHEET_WIDTH / sheet.shape[1]))
    sheet = sheet.repeat(factor, axis=0).repeat(factor, axis=1)
    content = io.BytesIO()
    Picture.fromarray(sheet[..., 0] if channels == 1 else sheet).save(content, "PNG")
    path = path or generation.folder / SHEET_FILE
    write_bytes(path, content.getvalue())
    return path


def _drawn(drawn: Dataset, facts: dict[str, Any], samples: list[list[int]]) -> Section:
    learnt = facts["data"]["counts"]["train"]
    rows, start = [], 0
    for label, name in enumerate(drawn.class_names):
        positions = range(start, start + len(samples[label]))
        counts = {"drawn": facts["drawn"][label], "learnt": learnt[label]}
        rows.append({"name": name, "samples": positions, **counts})
        start += len(samples[label])
    html = render("section_drawn.html.j2", rows=rows, dense=len(rows) > 20)
    shown = np.array([position for row in samples for position in row], np.int64)
    headline = f"{of(facts['steps_done'], 'step')} of training on {of(sum(learnt), 'image')}"
    if facts["interrupted"]:
        headline += f", cut short of {count(facts['settings']['steps'])}"
    return Section("drawn", "Images", headline, html, (Sheet("drawn", drawn.images[shown]),))


def _nearest(drawn: Dataset, facts: dict[str, Any], dataset: Dataset | None) -> Section:
    measured = facts["measured"]
    rows = [(by, measured[key]) for by, key in _BY.items() if key in measured]
    pairs, images = _pairs(drawn, dataset)
    html = render(
        "section_nearest.html.j2",
        rows=rows,
        frechet=measured.get("frechet"),
        agreement=measured.get("agreement"),
        model=Path(measured.get("model", "")).parent.name or "the model",
        pairs=pairs,
        searched=min(SEARCHED, len(drawn)),
    )
    return Section(
        "nearest", "Copies?", copied(facts).rstrip("."), html, (Sheet("nearest", images),)
    )


_BY = {"pixels, 0 to 1": "pixels", "features of the model": "features"}


def _pairs(drawn: Dataset, dataset: Dataset | None) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Find the generated images that lie nearest to a training image, with that image."""
    if dataset is None:
        return [], drawn.images[:0]
    searched = np.linspace(0, len(drawn) - 1, min(SEARCHED, len(drawn))).astype(np.int64)
    train = dataset.train
    distances, positions = nearest(as_rows(drawn.images[searched]), as_rows(train.images))
    order = _nearest_of_each_class(distances, drawn.labels[searched], len(drawn.class_names))
    images = [
        image for i in order for image in (drawn.images[searched[i]], train.images[positions[i]])
    ]
    pairs = [
        {
            "name": drawn.class_names[drawn.labels[searched[i]]],
            "other": train.class_names[train.labels[positions[i]]],
            "distance": distances[i],
        }
        for i in order
    ]
    return pairs, np.stack(images)


def _nearest_of_each_class(distances: Distances, labels: Labels, num_classes: int) -> np.ndarray:
    """Order the images that lie nearest: some of each class, or ones would take all the room."""
    each = max(1, PAIRS // num_classes)
    order = np.argsort(distances, kind="stable")
    kept = [order[labels[order] == label][:each] for label in range(num_classes)]
    return np.concatenate(kept)[:MOST_PAIRS]


def copied(facts: dict[str, Any]) -> str:
    """Say in words whether the images are copies, by their pixels."""
    found = facts["measured"]["pixels"]
    share = percent(found["nearer"], found["n"])
    if found["nearer"] > COPIED:
        return (
            f"{share} lie nearer to a training image than one in a hundred unseen real images "
            "does: some of them may be copies."
        )
    return "They are no copies of training images."


def _figures(drawn: Dataset, facts: dict[str, Any]) -> list[Figure]:
    pixels = facts["measured"]["pixels"]
    learnt = sum(facts["data"]["counts"]["train"])
    figures = [
        Figure("Generated", count(len(drawn)), "images"),
        Figure("Learnt from", count(learnt), "training images"),
        Figure("Training", duration(facts["seconds"]["training"]),
               f"{count(facts['steps_done'])} steps"),
        Figure("Near a training image", percent(pixels["nearer"], pixels["n"]),
               "where unseen real ones are 1 %"),
    ]  # fmt: skip
    if frechet := facts["measured"].get("frechet"):
        figures.append(
            Figure("Fréchet distance", f"{frechet['generated']:.3g}",
                   f"of real images {frechet['real']:.3g}")
        )  # fmt: skip
    return figures


def _samples(drawn: Dataset, per_class: int, most: int) -> list[list[int]]:
    """Positions of the first images of each class."""
    each = max(1, min(per_class, most // len(drawn.class_names)))
    return [
        np.flatnonzero(drawn.labels == label)[:each].tolist()
        for label in range(len(drawn.class_names))
    ]


def _wall(drawn: Dataset, samples: list[list[int]]) -> Wall:
    starts = np.concatenate([[0], np.cumsum([len(row) for row in samples])])
    tiles = [
        Tile(int(starts[label]) + turn, drawn.class_names[label], "drawn")
        for turn in range(max(map(len, samples)))
        for label, row in enumerate(samples)
        if turn < len(row)
    ][:MOST_TILES]
    columns, kept = rectangle(len(tiles))
    return Wall("drawn", tiles[:kept], columns, "Some of the generated images")
