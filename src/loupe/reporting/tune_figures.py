"""The charts of a search: inline SVG, coloured by the page's style in light and dark.

Drawings are stretched to the page's width; their words are text beside them (as in `figures`).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from loupe.reporting.figures import HEIGHT, WIDTH, Axis, nice_step
from loupe.reporting.html import render
from loupe.reporting.words import duration, percent
from loupe.studies.domain import Choice, Domain, Range, Value
from loupe.studies.search import Search
from loupe.studies.trials import Trial

POORLY = 0.25  # share of the finished trials that may lie below a chart's axis: a few are hopeless
MOST_LINES = 150  # of parallel coordinates: more is a carpet


@dataclass(frozen=True)
class Mark:
    """One trial in a chart: where it stands, in the chart's own coordinates, and what it says."""

    x: float
    y: float
    kind: str
    title: str


def trials_chart(search: Search) -> Markup:
    """Draw every trial's accuracy in the order in which they began, and the best so far."""
    axis = _accuracy_axis(search)
    count = max(1, len(search.trials))

    def place(trial: Trial) -> float:
        return round(WIDTH * (trial.number + 0.5) / count, 1)

    best, steps = -math.inf, []
    for trial in search.trials:
        if trial.is_finished and trial.accuracy > best:
            best = trial.accuracy
            steps.append((place(trial), axis.height(max(best, axis.low))))
    return render(
        "tune_chart.html.j2",
        title="Accuracy of each trial",
        summary=f"Accuracy on validation images of {len(search.trials)} trials in their order.",
        height=HEIGHT,
        width=WIDTH,
        marks=_marks(search, axis, place),
        paths=[("best-line", _stairs(steps))],
        rules=[_rule(search, axis)],
        y_ticks=axis.ticks(),
        x_ticks=[(100 * (number + 0.5) / count, number) for number in _whole_ticks(count)],
        x_name="trial",
    )


def cost_chart(search: Search) -> Markup:
    """Draw accuracy over training seconds, on a logarithmic scale, and the front of both."""
    axis, finished = _accuracy_axis(search), [t for t in search.trials if t.is_finished]
    seconds = [max(trial.seconds, 1e-3) for trial in [*finished, search.base] if trial.seconds]
    low, high = math.log10(min(seconds)) - 0.05, math.log10(max(seconds)) + 0.05

    def place(trial: Trial) -> float:
        share = (math.log10(max(trial.seconds, 1e-3)) - low) / (high - low)
        return round(WIDTH * share, 1)

    steps = [(place(t), axis.height(max(t.accuracy, axis.low))) for t in front(finished)]
    marks = [mark for mark in _marks(search, axis, place) if mark.kind != "ended"]
    base_y = axis.height(max(search.base.accuracy, axis.low))
    marks.append(Mark(place(search.base), base_y, "base", _title(search.base)))
    return render(
        "tune_chart.html.j2",
        title="Accuracy over seconds of training",
        summary="Accuracy over training time; the line joins trials that nothing quicker beats.",
        height=HEIGHT,
        width=WIDTH,
        marks=marks,
        paths=[("best-line", _stairs(steps))],
        rules=[],
        y_ticks=axis.ticks(),
        x_ticks=[
            (100 * (math.log10(tick) - low) / (high - low), duration(tick))
            for tick in _time_ticks(10**low, 10**high)
        ],
        x_name="",
    )


def curves_chart(search: Search) -> Markup:
    """Draw validation accuracy over epochs of all trials together; the best stands out."""
    axis = _accuracy_axis(search)
    drawn = [trial for trial in search.trials if len(trial.curve) > 1]
    longest = max((len(trial.curve) for trial in [*drawn, search.base]), default=1)

    def path(trial: Trial) -> str:
        points = [
            (round(WIDTH * (i + 1) / longest, 1), axis.height(max(value, axis.low)))
            for i, value in enumerate(trial.curve)
            if math.isfinite(value)
        ]
        return "".join(f"{'L' if i else 'M'}{x:g} {y:g}" for i, (x, y) in enumerate(points))

    best = search.best
    paths = [(_line_kind(trial), path(trial)) for trial in drawn if trial != best]
    paths.append(("base-line", path(search.base)))
    paths += [("best-line", path(best))] if best else []
    return render(
        "tune_chart.html.j2",
        title="Learning curves of all trials",
        summary=f"Validation accuracy by epoch of {len(drawn)} trials, up to {longest} epochs.",
        height=HEIGHT,
        width=WIDTH,
        marks=[],
        paths=paths,
        rules=[],
        y_ticks=axis.ticks(),
        x_ticks=[(100 * epoch / longest, epoch) for epoch in _whole_ticks(longest + 1) if epoch],
        x_name="epoch",
    )


def parallel_coordinates(search: Search) -> Markup:
    """Draw each trial as a line through what it has chosen, best ones in colour."""
    domains = search.space.domains()
    finished = sorted((t for t in search.trials if t.is_finished), key=lambda t: t.accuracy)
    shown = finished[-MOST_LINES:]
    columns = [*domains, "accuracy"]
    axis = _accuracy_axis(search)
    xs = [round(WIDTH * i / max(1, len(columns) - 1), 1) for i in range(len(columns))]
    lines = []
    for rank, trial in enumerate(shown):
        heights = [_height(domains[name], trial.chosen.get(name)) for name in domains]
        heights.append(axis.height(max(trial.accuracy, axis.low)) / HEIGHT)
        points = zip(xs, heights, strict=True)
        path = "".join(
            f"{'L' if i else 'M'}{x:g} {HEIGHT * y:.1f}" for i, (x, y) in enumerate(points)
        )
        lines.append((_rank_kind(rank, len(shown)), path, _title(trial)))
    axes = [
        (x / 10, name, _ends(domains[name]) if name in domains else _axis_ends(axis))
        for x, name in zip(xs, columns, strict=True)
    ]
    return render(
        "tune_parallel.html.j2", height=HEIGHT, width=WIDTH, lines=lines, axes=axes, xs=xs
    )


def front(trials: Sequence[Trial]) -> list[Trial]:
    """Give the trials that no quicker one beats, the quickest first."""
    kept: list[Trial] = []
    for trial in sorted(trials, key=lambda each: (each.seconds, -each.accuracy)):
        if not kept or trial.accuracy > kept[-1].accuracy:
            kept.append(trial)
    return kept


def _accuracy_axis(search: Search) -> Axis:
    """An axis on which the good trials are told apart; hopeless ones lie at its foot."""
    found = sorted(t.accuracy for t in [*search.trials, search.base] if t.is_finished)
    if not found:
        return Axis(0.0, 1.0, 0.25, True)
    low, high = found[int(POORLY * (len(found) - 1))], found[-1]
    low = min(low, search.base.accuracy) if search.base.is_finished else low
    step = nice_step(max(high - low, 0.002), 4)
    top = min(1.0, step * math.ceil(high / step + 0.2))
    return Axis(max(0.0, step * math.floor(low / step - 0.2)), top, step, True)


def _marks(search: Search, axis: Axis, place: Callable[[Trial], float]) -> list[Mark]:
    marks = []
    for trial in search.trials:
        value = trial.accuracy if trial.is_finished else _last(trial)
        if not trial.seconds and not trial.is_finished:
            value = axis.low
        kind = "ended" if not trial.is_finished else "best" if trial == search.best else "trial"
        height = axis.height(min(axis.high, max(value, axis.low)))
        marks.append(Mark(place(trial), height, kind, _title(trial)))
    return marks


def _last(trial: Trial) -> float:
    known = [value for value in trial.curve if math.isfinite(value)]
    return known[-1] if known else 0.0


def _title(trial: Trial) -> str:
    name = trial.name if trial.number >= 0 else str(trial.chosen["recipe"])
    how = percent(trial.accuracy) if trial.is_finished else trial.outcome
    chosen = (
        ""
        if trial.number < 0
        else "; " + ", ".join(f"{key} {_written(value)}" for key, value in trial.chosen.items())
    )
    return f"{name}: {how} in {duration(max(trial.seconds, 1e-3))}{chosen}"


def _rule(search: Search, axis: Axis) -> tuple[float, str]:
    value = min(axis.high, max(search.base.accuracy, axis.low))
    return axis.height(value), str(search.base.chosen["recipe"])


def _stairs(steps: Sequence[tuple[float, float]]) -> str:
    """A line that goes level to each next point, then up, and level to the right edge."""
    if not steps:
        return ""
    path = f"M{steps[0][0]:g} {steps[0][1]:g}"
    for x, y in steps[1:]:
        path += f"H{x:g}V{y:g}"
    return f"{path}H{WIDTH}"


def _height(domain: Domain, value: Value | None) -> float:
    """Where a value stands on its axis, 0 at the top."""
    if isinstance(domain, Choice):
        if value not in domain.values:
            return 0.5
        return 1 - (domain.values.index(value) + 0.5) / len(domain.values)
    if not isinstance(value, int | float):
        return 0.5
    low, high, at = float(domain.low), float(domain.high), float(value)
    if domain.log:
        low, high, at = math.log(low), math.log(high), math.log(at)
    return 1 - (at - low) / (high - low)


def _ends(domain: Domain) -> list[tuple[float, str]]:
    """Texts along an axis, with their places in percent."""
    if isinstance(domain, Range):
        return [(100.0, _written(domain.low)), (0.0, _written(domain.high))]
    return [(100 * _height(domain, value), _written(value)) for value in domain.values]


def _axis_ends(axis: Axis) -> list[tuple[float, str]]:
    return [(100.0, percent(axis.low, 1000)), (0.0, percent(axis.high, 1000))]


def _written(value: Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value) or "none"


def _rank_kind(rank: int, count: int) -> str:
    if rank >= count - max(1, count // 10):
        return "top"
    return "upper" if rank >= count / 2 else "lower"


def _line_kind(trial: Trial) -> str:
    return "lower" if trial.is_finished else "ended-line"


def _whole_ticks(count: int) -> list[int]:
    step = max(1, round(nice_step(float(count), 6)))
    return list(range(0, count, step))


def _time_ticks(low: float, high: float) -> list[float]:
    """Round seconds between two, one to four of them."""
    round_ones = [f * 10.0**p for p in range(-3, 6) for f in (1, 2, 5)]
    inside = [tick for tick in round_ones if low <= tick <= high]
    return inside[:: max(1, len(inside) // 4)] or [math.sqrt(low * high)]
