"""The page of `loupe compare`: which model to take, how sure that is, and where they differ."""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from loupe import __version__
from loupe.examination.comparison import ComparedModel, Comparison, top_of
from loupe.examination.curves import verdict
from loupe.files import write_text
from loupe.reporting.figures import Line, line_chart, whisker
from loupe.reporting.html import Section, page, render
from loupe.reporting.samples import Tile, Wall, rectangle
from loupe.reporting.sheets import Sheet
from loupe.reporting.whiskers import difference_whisker
from loupe.reporting.words import (
    Figure,
    count,
    duration,
    interval,
    listed,
    of,
    percent,
    signed_points,
    size,
)
from loupe.runs.history import History

MOST_IMAGES = 300  # on the page; the surest mistakes come first
FIRST_IMAGES = 48  # before the fold
MOST_TILES = 25  # of the opening picture


def write_compare_page(comparison: Comparison, path: Path) -> Path:
    """Write a comparison as one HTML file, and give where it is."""
    sections = [_models(comparison), _differences(comparison), _curves(comparison)]
    sections.append(_images(comparison))
    taken = comparison.models[comparison.recommended]
    content = page(
        "compare.html.j2",
        sections,
        version=__version__,
        name=comparison.data,
        taken=taken.name,
        reason=comparison.sentences[1].partition(": ")[2],
        standing=comparison.sentences[0],
        figures=_figures(comparison),
        wall=_wall(comparison),
    )
    write_text(path, content)
    return path


def _figures(comparison: Comparison) -> list[Figure]:
    taken, n = comparison.models[comparison.recommended], comparison.num_images
    accuracy, differ = taken.evaluation.metrics["accuracy"], len(comparison.disagreements)
    span = interval(accuracy.low, accuracy.high, n)
    figures = [
        Figure("Accuracy", percent(accuracy.value, n), f"{span} (Wilson)"),
        Figure("Compared on", count(n), "validation images that none was trained on"),
        Figure("They differ on", count(differ), f"of them ({percent(differ / n, n)})"),
        Figure("Speed", count(round(taken.images_per_second)), "images a second, measured here"),
    ]
    if taken.candidate.seconds is not None:
        figures.append(Figure("Training", duration(taken.candidate.seconds), "of its network"))
    parameters = taken.candidate.parameters
    detail = "" if parameters is None else of(parameters, "parameter")
    figures.append(Figure("Model", size(taken.candidate.size_bytes), detail))
    return figures


def _models(comparison: Comparison) -> Section:
    n = comparison.num_images
    floor = _floor(comparison)
    rows = [_model_row(comparison, i, floor) for i in range(len(comparison.models))]
    tested = [model.candidate.test for model in comparison.models]
    html = render(
        "section_models.html.j2",
        rows=rows,
        n=n,
        floor=percent(floor, 100),
        sentences=comparison.sentences[2:],
        has_test=any(tested),
        looks=max((test["looks_at_test"] for test in tested if test), default=0),
    )
    best = comparison.models[comparison.best]
    headline = f"{best.name} reads most images rightly: {percent(best.accuracy, n)}"
    if comparison.recommended == comparison.best:
        headline += ", and nothing simpler comes near"
        if len({model.accuracy for model in comparison.models}) == 1:
            headline = "All models read equally many images rightly"
    return Section("models", "Models", headline, html)


def _floor(comparison: Comparison) -> float:
    """Where the scale of accuracies begins: a round figure below all of them."""
    lowest = min(model.evaluation.metrics["accuracy"].low for model in comparison.models)
    for floor in (0.99, 0.98, 0.95, 0.9, 0.8, 0.5):
        if lowest > floor:
            return floor
    return 0.0


def _model_row(comparison: Comparison, position: int, floor: float) -> dict[str, Any]:
    model, n = comparison.models[position], comparison.num_images
    accuracy, f1 = model.evaluation.metrics["accuracy"], model.evaluation.metrics["f1"]
    loss = model.evaluation.metrics["log_loss"]
    found, test = model.candidate, model.candidate.test
    tested = None
    if test:
        figure = test["metrics"]["accuracy"]
        span = interval(figure["low"], figure["high"], test["n"])
        tested = f"{percent(figure['value'], test['n'])} ({span})"
    return {
        "name": model.name,
        "network": found.recipe["network"] or "logistic regression",
        "members": found.recipe["members"],
        "is_taken": position == comparison.recommended,
        "accuracy": percent(accuracy.value, n),
        "span": interval(accuracy.low, accuracy.high, n),
        "whisker": whisker(accuracy.value, accuracy.low, accuracy.high, floor),
        "f1": f"{percent(f1.value, n)} ({interval(f1.low, f1.high, n)})",
        "loss": f"{loss.value:.3f} ({loss.low:.3f} to {loss.high:.3f})",
        "training": "" if found.seconds is None else duration(found.seconds),
        "parameters": "" if found.parameters is None else count(found.parameters),
        "size": size(found.size_bytes),
        "speed": count(round(model.images_per_second)),
        "test": tested,
    }


def _differences(comparison: Comparison) -> Section:
    found = [pair.difference for pair in comparison.pairs]
    reach = max(max(abs(each.low), abs(each.high)) for each in found)
    rows = [
        {
            "better": comparison.models[pair.first].name,
            "other": comparison.models[pair.second].name,
            "points": signed_points(pair.difference.value),
            "span": f"{signed_points(pair.difference.low)} to "
            f"{signed_points(pair.difference.high)}",
            "whisker": difference_whisker(
                pair.difference.value, pair.difference.low, pair.difference.high, reach
            ),
            "only": f"{count(pair.difference.only_first)} : {count(pair.difference.only_second)}",
            "p": "< 0.001" if pair.p < 0.001 else f"{pair.p:.2g}",
            "is_real": pair.is_real,
        }
        for pair in comparison.pairs
    ]
    html = render(
        "section_differences.html.j2",
        rows=rows,
        corrected=len(rows) > 1,
        reach=signed_points(reach),
    )
    real = sum(pair.is_real for pair in comparison.pairs)
    headline = f"{count(real)} of {of(len(rows), 'difference')} are more than chance"
    if len(rows) == 1:
        headline = "The difference is real" if real else "The difference may be chance"
    return Section("differences", "Differences", headline, html)


def _curves(comparison: Comparison) -> Section:
    known = [model for model in comparison.models if model.candidate.history]
    if not known:
        nothing = "Of model files alone no curves are known: give the folders of their runs."
        html = render("notes.html.j2", notes=[nothing])
        return Section("curves", "Curves", "No curves are known", html)
    verdicts = [
        (
            model.name,
            verdict(model.candidate.history, model.candidate.num_validation).sentences,
        )
        for model in known
    ]
    html = render(
        "section_curves.html.j2",
        verdicts=verdicts,
        losses=_charts(known, "loss"),
        accuracies=_charts(known, "accuracy"),
        missing=listed([m.name for m in comparison.models if not m.candidate.history]),
    )
    epochs = listed([f"{len(model.candidate.history)}" for model in known])
    return Section("curves", "Curves", f"Trained for {epochs} epochs", html)


def _charts(models: list[ComparedModel], key: str) -> Markup:
    """One chart a model, all on the same scale."""
    drawn = [_lines(model.candidate.history, key) for model in models]
    every = [line for lines in drawn for line in lines]
    return Markup("").join(
        line_chart(model.name, lines, is_share=key != "loss", scale=every)
        for model, lines in zip(models, drawn, strict=True)
    )


def _lines(history: History, key: str) -> list[Line]:
    lines = [Line("train", "training", tuple(getattr(epoch, key) for epoch in history))]
    if any(epoch.is_validated for epoch in history):
        held_out = tuple(getattr(epoch, f"val_{key}") for epoch in history)
        lines.append(Line("validation", "validation", held_out))
    return lines


def _images(comparison: Comparison) -> Section:
    differ = comparison.disagreements
    first = comparison.models[0].evaluation
    shown = differ[:MOST_IMAGES].tolist()
    cards = [_card(comparison, position, index) for position, index in enumerate(shown)]
    html = render(
        "section_disagreements.html.j2",
        cards=cards,
        first=FIRST_IMAGES,
        total=len(differ),
        tally=_tally(comparison),
    )
    sheet = Sheet("differ", first.dataset.images[differ[:MOST_IMAGES]])
    headline = f"They read {of(len(differ), 'image')} differently"
    if not len(differ):
        headline = "They read every image alike"
    return Section("images", "Images", headline, html, (sheet,))


def _card(comparison: Comparison, position: int, index: int) -> dict[str, Any]:
    first = comparison.models[0].evaluation
    label = first.dataset.class_names[first.labels[index]]
    readings = []
    for model in comparison.models:
        guess, probability = top_of(model.evaluation, index, 1)[0]
        readings.append((model.name, guess, probability, guess == label))
    source = first.sources[index]
    return {"position": position, "label": label, "source": source, "readings": readings}


def _tally(comparison: Comparison) -> list[str]:
    """Say of how many images who alone was right, and of how many nobody was."""
    rights = [model.right[comparison.disagreements] for model in comparison.models]
    number = sum(right.astype(int) for right in rights)
    said = [
        f"{model.name} alone is right on {of(int((right & (number == 1)).sum()), 'image')}."
        for model, right in zip(comparison.models, rights, strict=True)
    ]
    nobody = int((number == 0).sum()) if len(comparison.disagreements) else 0
    return [*said, f"On {of(nobody, 'image')} of these all are wrong, each in its own way."]


def _wall(comparison: Comparison) -> Wall:
    first = comparison.models[0].evaluation
    differ = comparison.disagreements[:MOST_TILES].tolist()
    if not differ:
        return Wall("differ", [], 1, "")
    columns, kept = rectangle(len(differ))
    names = first.dataset.class_names
    tiles = [
        Tile(position, f"labelled {names[first.labels[index]]}", f"mistake-{position}")
        for position, index in enumerate(differ[:kept])
    ]
    return Wall("differ", tiles, columns, "What they read differently, the surest mistakes first")
