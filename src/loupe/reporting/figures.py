"""The page's charts: inline SVG and positions, coloured by the page's style in light and dark.

The drawing of a chart is stretched to the width that the page has; its words are text beside it,
placed in percent, so that they keep their size on a telephone and on paper.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from loupe.examination.calibration import ReliabilityBin
from loupe.reporting.html import render
from loupe.reporting.words import NARROW, loss, of, percent

WIDTH = 1000  # of a chart's own coordinates; its height is in CSS pixels
HEIGHT = 220
LABEL_GAP = 17  # CSS pixels between two labels at the ends of lines


@dataclass(frozen=True)
class Line:
    """One line of a chart: `kind` is its class in the page's style."""

    kind: str
    name: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Axis:
    """A vertical axis: what it spans, and where its ticks are."""

    low: float
    high: float
    step: float
    is_share: bool

    def height(self, value: float) -> float:
        """Place a value, in pixels from the top."""
        return round(HEIGHT * (self.high - value) / (self.high - self.low), 1)

    def ticks(self) -> list[tuple[float, str]]:
        """Heights and texts of the ticks, with no more decimals than the step needs."""
        count = math.floor((self.high - self.low) / self.step + 1e-6)
        values = [self.low + self.step * i for i in range(count + 1)]
        digits = max(0, -math.floor(math.log10(self.step * (100 if self.is_share else 1)) + 1e-6))
        if self.is_share:
            return [(self.height(v), f"{100 * v:.{digits}f}{NARROW}%") for v in values]
        return [(self.height(v), f"{v:.{digits}f}" if v else "0") for v in values]

    def written(self, value: float) -> str:
        """Write a value."""
        return percent(value) if self.is_share else loss(value)


def line_chart(
    title: str,
    lines: Sequence[Line],
    *,
    is_share: bool = False,
    marked: int | None = None,
    shaded: int | None = None,
    scale: Sequence[Line] = (),
) -> Markup:
    """Draw values by epoch, with a readout of every epoch for pointer and keyboard.

    Args:
        title: what the values are.
        lines: as many values each as there are epochs; NaN leaves a gap.
        is_share: the values are shares up to 1, on an axis that need not start at 0.
        marked: epoch that gets a vertical rule (the best one).
        shaded: epoch since which the ground is shaded (over-fitting).
        scale: lines of other charts that are to be read on the same axis.

    Example:
        >>> lines = [Line("train", "training", (0.5, 0.2)), Line("validation", "new", (0.4, 0.3))]
        >>> "epoch 2: training 0.200, new 0.300" in line_chart("Loss", lines)
        True
    """
    axis = _axis([*lines, *scale], is_share)
    num_epochs = len(lines[0].values)
    places = [_place(epoch, num_epochs) for epoch in range(1, num_epochs + 1)]
    return render(
        "chart.html.j2",
        title=title,
        height=HEIGHT,
        width=WIDTH,
        paths=[(line.kind, _path(line, axis, places)) for line in lines],
        dots=[(line.kind, _dots(line, axis, places)) for line in lines if num_epochs <= 12],
        ends=_ends(lines, axis),
        y_ticks=axis.ticks(),
        x_ticks=[(places[epoch - 1] / 10, epoch) for epoch in _epoch_ticks(num_epochs)],
        mark=None if marked is None else places[marked - 1],
        shade=None if shaded is None else places[shaded - 1],
        is_share=is_share,
        summary=_summary(title, lines, axis),
        readouts=json.dumps(_readouts(lines, axis, places)),
    )


def whisker(value: float, low: float, high: float, floor: float) -> Markup:
    """Draw a share and its interval on a scale from `floor` to 1, for a cell of a table."""

    def place(share: float) -> str:
        return f"{100 * max(0.0, share - floor) / (1 - floor):.1f}%"

    return Markup(
        '<svg class="whisker" width="100%" height="12" aria-hidden="true">'
        '<line class="scale" x1="0" x2="100%" y1="6" y2="6"/>'
        '<line class="span" x1="{}" x2="{}" y1="6" y2="6"/>'
        '<circle cx="{}" cy="6" r="3.5"/></svg>'
    ).format(place(low), place(high), place(value))


def reliability_diagram(bins: Sequence[ReliabilityBin]) -> Markup:
    """Draw how often guesses are right over how sure they are; on the diagonal they agree."""
    side, most = 240, max(bin_.n for bin_ in bins)
    points = [
        {
            "x": round(side * bin_.confidence, 1),
            "y": round(side * (1 - bin_.accuracy), 1),
            "low": round(side * (1 - bin_.accuracy_low), 1),
            "high": round(side * (1 - bin_.accuracy_high), 1),
            # Areas stand for counts; below 3 pixels a dot cannot be seen.
            "radius": round(max(3.0, 11 * math.sqrt(bin_.n / most)), 1),
            "title": f"{percent(bin_.confidence, 1000)} sure, {percent(bin_.accuracy, 1000)} "
            f"right, {of(bin_.n, 'image')}",
        }
        for bin_ in bins
    ]
    summary = "How often guesses are right, by how sure they are: "
    return render(
        "reliability.svg.j2",
        side=side,
        points=points,
        summary=summary + "; ".join(str(point["title"]) for point in points),
    )


def nice_step(span: float, parts: int) -> float:
    """Find the step of 1, 2 or 5 times a power of ten that divides a span into about `parts`.

    Example:
        >>> nice_step(0.43, 4), nice_step(9.0, 4)
        (0.2, 5.0)
    """
    rough = max(span, 1e-9) / parts
    power = 10.0 ** math.floor(math.log10(rough))
    return float(next(f * power for f in (1, 2, 5, 10) if f * power >= rough * 0.999))


def _axis(lines: Sequence[Line], is_share: bool) -> Axis:
    values = [value for line in lines for value in line.values if math.isfinite(value)] or [0.0]
    bottom, top = min(values), 1.0 if is_share else max(values)
    if not is_share and bottom < top / 2:  # a curve that falls far is seen falling to zero
        bottom = 0.0
    step = nice_step(top - bottom or 0.01, 4)
    low = step * math.floor(bottom / step + 1e-6)
    high = top if is_share else step * math.ceil(top / step - 1e-6) or step
    return Axis(min(low, high - step), high, step, is_share)


def _place(epoch: int, num_epochs: int) -> float:
    """Place an epoch on the horizontal axis; a single one in the middle."""
    if num_epochs == 1:
        return WIDTH / 2
    return round(WIDTH * (epoch - 1) / (num_epochs - 1), 1)


def _path(line: Line, axis: Axis, places: Sequence[float]) -> str:
    drawn, pen = [], "M"
    for value, place in zip(line.values, places, strict=True):
        if math.isfinite(value):
            drawn.append(f"{pen}{place:g} {axis.height(value):g}")
        pen = "L" if math.isfinite(value) else "M"
    return "".join(drawn)


def _dots(line: Line, axis: Axis, places: Sequence[float]) -> str:
    """Points as strokes of no length: round caps stay round when the drawing is stretched."""
    return "".join(
        f"M{place:g} {axis.height(value):g}h0"
        for value, place in zip(line.values, places, strict=True)
        if math.isfinite(value)
    )


def _ends(lines: Sequence[Line], axis: Axis) -> list[tuple[str, float, str, str]]:
    """Label each line at its end, pushed apart where two would overlap."""
    ends = []
    for line in lines:
        last = [value for value in line.values if math.isfinite(value)][-1:]
        ends += [(axis.height(value), line, axis.written(value)) for value in last]
    ends.sort(key=lambda end: end[0])
    tops: list[float] = []
    for top, _, _ in ends:
        tops.append(max(top, tops[-1] + LABEL_GAP) if tops else top)
    excess = max(0.0, tops[-1] - HEIGHT) if tops else 0.0
    return [
        (line.kind, top - excess, line.name, value)
        for top, (_, line, value) in zip(tops, ends, strict=True)
    ]


def _epoch_ticks(num_epochs: int) -> list[int]:
    """Count in round steps, with the first and the last epoch, and none that crowds the last."""
    step = max(1, round(nice_step(float(num_epochs), 6)))
    inner = [epoch for epoch in range(step, num_epochs, step) if num_epochs - epoch > step / 2]
    return sorted({1, num_epochs, *inner})


def _summary(title: str, lines: Sequence[Line], axis: Axis) -> str:
    parts = []
    for line in lines:
        known = [value for value in line.values if math.isfinite(value)]
        if known:
            parts.append(f"{line.name} from {axis.written(known[0])} to {axis.written(known[-1])}")
    return f"{title} over {of(len(lines[0].values), 'epoch')}: {'; '.join(parts)}."


def _readouts(
    lines: Sequence[Line], axis: Axis, places: Sequence[float]
) -> list[dict[str, object]]:
    """Say where each epoch is, in percent and pixels, and what its values are."""
    readouts: list[dict[str, object]] = []
    for i, place in enumerate(places):
        known = [line for line in lines if math.isfinite(line.values[i])]
        values = ", ".join(f"{line.name} {axis.written(line.values[i])}" for line in known)
        readouts.append(
            {
                "x": round(100 * place / WIDTH, 2),
                "y": [[line.kind, axis.height(line.values[i])] for line in known],
                "text": f"epoch {i + 1}: {values}",
            }
        )
    return readouts
