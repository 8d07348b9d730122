"""The page of `loupe ladder`: what each rung reaches, what it buys, what it costs."""

from pathlib import Path
from typing import Any

from loupe import __version__
from loupe.examination.ladder import Ladder
from loupe.files import write_text
from loupe.reporting.figures import whisker
from loupe.reporting.html import Section, page, render
from loupe.reporting.whiskers import difference_whisker
from loupe.reporting.words import (
    DASH,
    Figure,
    count,
    duration,
    interval,
    of,
    percent,
    signed_points,
    size,
)

FLOORS = (0.99, 0.98, 0.95, 0.9, 0.8, 0.5)  # where a scale of accuracies may begin


def write_ladder_page(ladder: Ladder, path: Path) -> Path:
    """Write a ladder as one HTML file, and give where it is."""
    taken = ladder.rungs[ladder.recommended]
    content = page(
        "ladder.html.j2",
        [_rungs(ladder), _gains(ladder)],
        version=__version__,
        name=ladder.data,
        taken=taken.title,
        accuracy=percent(taken.accuracy, ladder.num_images),
        measured=ladder.sentences[0],
        advice=ladder.sentences[1],
        figures=_figures(ladder),
    )
    write_text(path, content)
    return path


def _figures(ladder: Ladder) -> list[Figure]:
    taken, n = ladder.rungs[ladder.recommended], ladder.num_images
    span = taken.interval
    spent = sum(rung.seconds for rung in ladder.rungs)
    figures = [
        Figure("Accuracy", percent(taken.accuracy, n), f"{interval(span.low, span.high, n)}"),
        Figure("Measured on", count(n), "validation images that none was trained on"),
        Figure("Training", duration(taken.seconds), f"all rungs {duration(spent)}"),
    ]
    if taken.run:
        detail = of(taken.parameters, "parameter")
        figures.append(Figure("Model", size(taken.model_bytes), detail))
    return figures


def _rungs(ladder: Ladder) -> Section:
    n = ladder.num_images
    lowest = min(rung.interval.low for rung in ladder.rungs[1:] or ladder.rungs)
    floor = next((floor for floor in FLOORS if lowest > floor), 0.0)
    rows = [
        {
            "title": rung.title,
            "recipe": rung.recipe,
            "note": rung.note,
            "is_taken": i == ladder.recommended,
            "accuracy": percent(rung.accuracy, n),
            "span": interval(rung.interval.low, rung.interval.high, n),
            "whisker": whisker(rung.accuracy, rung.interval.low, rung.interval.high, floor)
            if rung.accuracy > floor
            else "",
            "training": duration(rung.seconds) if rung.run else DASH,
            "parameters": count(rung.parameters) if rung.run else DASH,
            "size": size(rung.model_bytes) if rung.run else DASH,
        }
        for i, rung in enumerate(ladder.rungs)
    ]
    html = render(
        "section_rungs.html.j2",
        rows=rows,
        n=n,
        floor=percent(floor, 100),
    )
    lowest_rung, taken = ladder.rungs[0], ladder.rungs[ladder.recommended]
    headline = (
        f"From {percent(lowest_rung.accuracy, n)} to {percent(taken.accuracy, n)} "
        f"in {of(len(ladder.rungs), 'rung')}"
    )
    return Section("rungs", "Rungs", headline, html)


def _gains(ladder: Ladder) -> Section:
    known = [(i, gain) for i, gain in enumerate(ladder.gains) if gain]
    ends = [
        abs(end) for _, gain in known[1:] for end in (gain.difference.low, gain.difference.high)
    ]
    reach = max(ends, default=1.0)
    rows: list[dict[str, Any]] = []
    for i, gain in known:
        found = gain.difference
        fits = max(abs(found.low), abs(found.high)) <= reach
        rows.append(
            {
                "title": ladder.rungs[i].title,
                "over": ladder.rungs[gain.over].title,
                "points": signed_points(found.value),
                "span": f"{signed_points(found.low)} to {signed_points(found.high)}",
                "whisker": difference_whisker(found.value, found.low, found.high, reach)
                if fits
                else "",
                "only": f"{count(found.only_first)} : {count(found.only_second)}",
                "p": "< 0.001" if gain.p < 0.001 else f"{gain.p:.2g}",
                "is_real": gain.is_real,
            }
        )
    html = render(
        "section_gains.html.j2",
        rows=rows,
        reach=signed_points(reach),
        chances=ladder.chances,
        sentences=ladder.sentences[2:],
    )
    bought = sum(gain.is_real for _, gain in known)
    headline = f"{of(bought, 'rung')} of {count(len(known))} bought something"
    return Section("gains", "Gains", headline, html)
