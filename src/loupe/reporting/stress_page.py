"""The page of `loupe stress`: how accuracy falls under each stress, as curves and as pictures."""

from pathlib import Path
from typing import Any

import numpy as np

from loupe import __version__
from loupe.examination.stress import StressCurve, StressTest
from loupe.files import write_text
from loupe.reporting.html import Section, page, render
from loupe.reporting.samples import Tile, Wall
from loupe.reporting.sheets import Sheet
from loupe.reporting.words import Figure, count, interval, listed, of, ordinal, percent

SHEET = "stress"
HEIGHT = 150  # of a curve, in CSS pixels
COLUMN = 100  # width of a strength in a curve's own coordinates
MIDDLE = 3  # the strength that the opening picture shows
SPLITS = {"train": "training", "validation": "validation", "test": "test"}


def write_stress_page(found: StressTest, path: Path) -> Path:
    """Write what a model bears as one HTML file.

    Args:
        found: by `loupe.stress`.
        path: where to write it.

    Returns:
        Where it was written.
    """
    sheet = _sheet(found)
    sections = [_overview(found, sheet)]
    sections += [_section(found, number) for number in range(len(found.curves))]
    content = page(
        "stress.html.j2",
        sections,
        version=__version__,
        model=found.model,
        accuracy=found.clean,
        measured_on=of(found.n, f"{SPLITS[found.split]} image"),
        name=found.data,
        verdict=_verdict(found),
        figures=_figures(found),
        wall=_wall(found),
        is_test=found.split == "test",
    )
    write_text(path, content)
    return path


def _overview(found: StressTest, sheet: Sheet) -> Section:
    rows = [
        {
            "anchor": _anchor(curve),
            "name": curve.name,
            "cells": [_cell(found, curve, i) for i in range(len(curve.strengths))],
            "first": curve.strengths[curve.costs_from - 1].text if curve.costs_from else "",
        }
        for curve in found.curves
    ]
    html = render("section_stresses.html.j2", rows=rows, left_out=found.left_out, clean=found.clean)
    return Section("overview", "Overview", _verdict(found), html, (sheet,))


def _cell(found: StressTest, curve: StressCurve, index: int) -> dict[str, Any]:
    strength = curve.strengths[index]
    lost = max(0.0, found.clean.accuracy - strength.accuracy)
    return {
        "strength": strength,
        # The root lets small losses be seen beside large ones.
        "heat": round((lost / max(found.clean.accuracy, 1e-9)) ** 0.5, 3),
        "is_first": curve.costs_from == index + 1,
    }


def _section(found: StressTest, number: int) -> Section:
    curve = found.curves[number]
    points = [found.clean, *curve.strengths]
    columns = [
        {
            "point": point,
            "x": COLUMN * (i + 0.5),
            "y": _height(point.accuracy),
            "low": _height(point.low),
            "high": _height(point.high),
            "left": round(100 * (i + 0.5) / len(points), 2),
            "costly": curve.costs_from is not None and i >= curve.costs_from,
            "images": _images(found, number, i),
        }
        for i, point in enumerate(points)
    ]
    html = render(
        "section_stress.html.j2",
        sheet=SHEET,
        says=curve.says,
        columns=columns,
        width=COLUMN * len(points),
        height=HEIGHT,
        n=found.n,
        summary="; ".join(f"{point.text}: {percent(point.accuracy, found.n)}" for point in points),
    )
    return Section(_anchor(curve), curve.name.capitalize(), _headline(curve, found.n), html)


def _images(found: StressTest, number: int, strength: int) -> list[dict[str, Any]]:
    """The example images of one column, with what the model takes them for."""
    curve, names = found.curves[number], found.class_names
    examples = len(found.labels)
    shown = []
    for i, (label, guess) in enumerate(zip(found.labels, curve.guesses[strength], strict=True)):
        position = (number * len(curve.pictures) + strength) * examples + i
        shown.append({"position": position, "guess": names[guess], "right": bool(label == guess)})
    return shown


def _height(share: float) -> float:
    return round(HEIGHT * (1 - share), 1)


def _anchor(curve: StressCurve) -> str:
    return curve.name.replace(" ", "-")


def _headline(curve: StressCurve, n: int) -> str:
    last = curve.strengths[-1]
    if curve.costs_from is None:
        return f"Up to {last.text} it costs less than a point"
    first = curve.strengths[curve.costs_from - 1]
    return f"A point is lost at {first.text}; at {last.text}, {percent(last.accuracy, n)} are right"


def _verdict(found: StressTest) -> str:
    """Say what costs the first point, and at which strength."""
    costly = [curve.costs_from for curve in found.curves if curve.costs_from is not None]
    if not costly:
        return f"None of {of(len(found.curves), 'stress', 'stresses')} costs a point"
    names = [curve.name for curve in found.curves if curve.costs_from == min(costly)]
    return f"The first point is lost to {listed(names)}, at the {ordinal(min(costly))} strength"


def _figures(found: StressTest) -> list[Figure]:
    clean = found.clean
    detail = f"{interval(clean.low, clean.high, found.n)} (Wilson)"
    figures = [
        Figure("Images", count(found.n), f"{SPLITS[found.split]} images of {found.data}"),
        Figure("As they are", percent(clean.accuracy, found.n), detail),
    ]
    if found.curves:
        middles = [curve.strengths[MIDDLE - 1].accuracy for curve in found.curves]
        lowest = found.curves[int(np.argmin(middles))]
        text = f"{percent(min(middles), found.n)} at {lowest.strengths[MIDDLE - 1].text}"
        figures.append(Figure("Weakest at middle strength", lowest.name, text))
        mean = float(np.mean([[s.accuracy for s in c.strengths] for c in found.curves]))
        figures.append(Figure("Mean of all", percent(mean, found.n), "stresses and strengths"))
    return figures


def _wall(found: StressTest) -> Wall:
    """The first example image in every stress, at middle strength."""
    tiles = []
    for number, curve in enumerate(found.curves):
        position = _images(found, number, MIDDLE)[0]["position"]
        text = f"{curve.name}, {curve.strengths[MIDDLE - 1].text}"
        tiles.append(Tile(position, text, _anchor(curve)))
    columns = 3 if len(tiles) % 3 == 0 else 4
    return Wall(SHEET, tiles, columns, "One image under every stress, at middle strength")


def _sheet(found: StressTest) -> Sheet:
    pictures = [curve.pictures.reshape(-1, *curve.pictures.shape[2:]) for curve in found.curves]
    return Sheet(SHEET, np.concatenate(pictures) if pictures else np.zeros((0, 1, 1, 1), np.uint8))
