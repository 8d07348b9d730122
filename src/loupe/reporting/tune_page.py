"""The page of `loupe tune`: what was tried, what came of it, and which recipe to use."""

from pathlib import Path

from loupe import __version__
from loupe.files import write_text
from loupe.recipes.recipe import to_dict
from loupe.reporting.html import Section, page, render
from loupe.reporting.tune_figures import (
    cost_chart,
    curves_chart,
    front,
    parallel_coordinates,
    trials_chart,
)
from loupe.reporting.words import DASH, Figure, count, duration, interval, of, percent
from loupe.studies.search import Search, sentences
from loupe.studies.trials import OUTCOMES, Trial

MOST_ROWS = 500  # of the table of trials


def write_tune_page(search: Search, path: Path) -> Path:
    """Write a search as one HTML file, and give where it is."""
    sections = [
        _verdict(search),
        _trials(search),
        _settings(search),
        _curves(search),
        _cost(search),
    ]
    content = page(
        "tune.html.j2",
        sections,
        version=__version__,
        name=search.data["name"],
        space=search.space.name,
        headline=_headline(search),
        standing=sentences(search)[0],
        figures=_figures(search),
    )
    write_text(path, content)
    return path


def _headline(search: Search) -> str:
    base = search.base.chosen["recipe"]
    if search.best is None:
        return "No trial was trained to its end"
    if search.is_better:
        return f"Really better than {base}"
    if search.is_better is None:
        return f"{percent(search.best.accuracy)} on validation images"
    return f"Not really better than {base}"


def _figures(search: Search) -> list[Figure]:
    trials, best, counts = search.trials, search.best, search.data["counts"]
    finished = sum(trial.is_finished for trial in trials)
    figures = [Figure("Trials", count(len(trials)), f"{count(finished)} trained to their end")]
    if best is not None:
        n = counts["validation"]
        figures.insert(0, Figure("Best", percent(best.accuracy, n), f"of {count(n)} that chose it"))
    if search.best_kept is not None:
        kept = search.best_kept
        span = interval(kept.low, kept.high, kept.n)
        figures.insert(1, Figure("On kept images", percent(kept.accuracy, kept.n), span))
    base = search.base
    if base.is_finished:
        detail = f"{base.chosen['recipe']}, in {duration(base.seconds)}"
        figures.append(Figure("To beat", percent(base.accuracy, counts["validation"]), detail))
    spent = sum((trial.seconds for trial in trials), 0.0)
    figures.append(Figure("Training", duration(spent), "of all trials together"))
    return figures


def _verdict(search: Search) -> Section:
    recipe = search.best_recipe
    changes = []
    if search.best is not None and recipe is not None:
        after = search.space.settings(search.best.chosen, search.base_recipe)
        changes = [(key, _value(search, key), _text(value)) for key, value in after.items()]
    html = render(
        "section_verdict.html.j2",
        sentences=sentences(search),
        changes=changes,
        base=search.base.chosen["recipe"],
        command=search.train_command,
        found=recipe is not None,
        keeps_base=search.is_better is False,
    )
    return Section("verdict", "Verdict", _headline(search), html)


def _value(search: Search, key: str) -> str:
    """The base's value of a setting."""
    values = to_dict(search.base_recipe)
    table, _, inner = key.partition(".")
    found = values.get(table)
    return _text(found.get(inner) if inner and isinstance(found, dict) else found)


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _trials(search: Search) -> Section:
    names = list(search.space.domains())
    rows = [_row(search, trial, names) for trial in search.trials[-MOST_ROWS:]]
    outcomes = sorted({trial.outcome for trial in search.trials}, key=list(OUTCOMES).index)
    html = render(
        "section_trials.html.j2",
        chart=trials_chart(search) if search.trials else "",
        names=names,
        rows=rows,
        outcomes=[
            (each, sum(t.outcome == each for t in search.trials), OUTCOMES[each])
            for each in outcomes
        ],
    )
    return Section("trials", "Trials", f"{of(len(search.trials), 'trial')} were begun", html)


def _row(search: Search, trial: Trial, names: list[str]) -> dict[str, object]:
    return {
        "number": trial.number,
        "is_best": trial == search.best,
        "accuracy": percent(trial.accuracy) if trial.is_finished else DASH,
        "value": trial.accuracy if trial.is_finished else -1,
        "outcome": trial.outcome,
        "reason": trial.reason,
        "seconds": trial.seconds,
        "time": duration(trial.seconds) if trial.seconds else DASH,
        "epochs": len(trial.curve),
        "chosen": [_text(trial.chosen[name]) if name in trial.chosen else DASH for name in names],
    }


def _settings(search: Search) -> Section:
    shares = list(search.importance.items())
    headline = "Too few trials were finished to tell which settings matter"
    if shares:
        headline = f"What decided most: {shares[0][0]}"
    html = render(
        "section_settings.html.j2",
        shares=[(name, percent(share, 1000), round(100 * share, 1)) for name, share in shares],
        parallel=parallel_coordinates(search) if search.best else "",
    )
    return Section("settings", "Settings", headline, html)


def _curves(search: Search) -> Section:
    html = render(
        "section_tune_curves.html.j2",
        chart=curves_chart(search) if search.best else "",
        base=search.base.chosen["recipe"],
    )
    halted = sum(trial.outcome == "halted" for trial in search.trials)
    headline = f"{of(halted, 'trial')} stopped on the way" if halted else "No trial was halted"
    return Section("curves", "Curves", headline, html)


def _cost(search: Search) -> Section:
    finished = [trial for trial in search.trials if trial.is_finished]
    steps = front(finished)
    rows = []
    for before, after in zip([None, *steps], steps, strict=False):
        price = ""
        if before is not None:
            gained = 100 * (after.accuracy - before.accuracy)
            price = f"{duration((after.seconds - before.seconds) / gained)} a point"
        rows.append((after.name, percent(after.accuracy), duration(after.seconds), price))
    html = render("section_cost.html.j2", chart=cost_chart(search) if finished else "", rows=rows)
    headline = "What a point of accuracy costs"
    return Section("cost", "Cost", headline, html)
