"""The chart of a learning curve: errors with intervals, the fitted law with its band, ahead of it.

Both axes are logarithmic, where a power law without a floor is a straight line.
"""

import json
import math
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from loupe.examination.learning_curve import Expected, LearningCurve
from loupe.reporting.html import render
from loupe.reporting.words import NARROW, count, interval, percent, short_count

WIDTH, HEIGHT = 1000.0, 320.0  # the width is the drawing's own; the height is in CSS pixels
STEPS = 60  # of the drawn law
AHEAD = 4  # times the data


@dataclass(frozen=True)
class Logarithmic:
    """A logarithmic axis from `low` to `high`, drawn from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float | int) -> float:
        """Place a value."""
        inside = min(max(value, self.low), self.high)
        share = math.log(inside / self.low) / math.log(self.high / self.low)
        return round(self.start + share * (self.end - self.start), 1)


def fit_chart(curve: LearningCurve) -> Markup:
    """Draw a learning curve, what was measured and what is forecast."""
    points = curve.points
    ahead = curve.expected(2 * curve.num_images, AHEAD * curve.num_images)
    sizes = np.geomspace(curve.sizes[0], AHEAD * curve.num_images, STEPS).round().astype(int)
    law = curve.expected(*sizes.tolist())
    x = Logarithmic(curve.sizes[0] * 0.85, AHEAD * curve.num_images * 1.05, 0.0, WIDTH)
    y = _vertical([*points, *law])
    measured = [each for each in law if each.num_images <= curve.num_images]
    beyond = law[len(measured) - 1 :]
    return render(
        "fit_chart.html.j2",
        width=round(WIDTH),
        height=round(HEIGHT),
        band=_band(law, x, y),
        law=_line(measured, x, y),
        forecast=_line(beyond, x, y),
        spans=[_span(point, x, y) for point in points],
        dots=[(x.place(point.num_images), y.place(point.error)) for point in points],
        hollow=[(x.place(each.num_images), y.place(each.error)) for each in ahead],
        today=x.place(curve.num_images),
        x_ticks=[(x.place(n) / 10, short_count(n)) for n in (*curve.sizes, *_sizes(ahead))],
        y_ticks=[(y.place(tick), _share(tick)) for tick in _ticks(y.low, y.high)],
        summary=_summary(points, ahead),
        readouts=json.dumps(_readouts(curve, ahead, x, y)),
    )


def _vertical(drawn: list[Expected]) -> Logarithmic:
    """The axis of errors: from the lowest end of an interval to the highest, with some air."""
    lowest = min(max(each.low, each.error / 4) for each in drawn)
    highest = max(each.high for each in drawn)
    low = max(lowest, 1e-5) * 0.9
    return Logarithmic(low, max(highest, low * 2) * 1.1, HEIGHT, 0.0)


def _ticks(low: float, high: float) -> list[float]:
    """Round errors inside the axis: 1, 2 and 5 times powers of ten; more where those are few."""
    for steps in ((1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
        ticks = [step * 10.0**power for power in range(-6, 1) for step in steps]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) >= 3:
            break
    return inside


def _share(tick: float) -> str:
    return f"{100 * tick:.3g}{NARROW}%"


def _sizes(ahead: tuple[Expected, ...]) -> tuple[int, ...]:
    return tuple(each.num_images for each in ahead)


def _line(law: list[Expected] | tuple[Expected, ...], x: Logarithmic, y: Logarithmic) -> str:
    places = [f"{x.place(each.num_images):g} {y.place(each.error):g}" for each in law]
    return "M" + "L".join(places)


def _band(law: tuple[Expected, ...], x: Logarithmic, y: Logarithmic) -> str:
    upper = [f"{x.place(each.num_images):g} {y.place(each.high):g}" for each in law]
    lower = [f"{x.place(each.num_images):g} {y.place(each.low):g}" for each in reversed(law)]
    return "M" + "L".join([*upper, *lower]) + "Z"


def _span(point: Expected, x: Logarithmic, y: Logarithmic) -> tuple[float, float, float]:
    return x.place(point.num_images), y.place(point.high), y.place(point.low)


def _said(at: Expected, what: str) -> str:
    span = interval(at.low, at.high)
    return f"{count(at.num_images)} images: {percent(at.error)} read wrongly ({span}), {what}"


def _summary(points: tuple[Expected, ...], ahead: tuple[Expected, ...]) -> str:
    said = [_said(point, "measured") for point in points]
    return "; ".join([*said, *(_said(each, "forecast") for each in ahead)]) + "."


def _readouts(
    curve: LearningCurve, ahead: tuple[Expected, ...], x: Logarithmic, y: Logarithmic
) -> list[dict[str, object]]:
    every = [(point, "measured", "validation") for point in curve.points]
    every += [(each, "forecast", "train") for each in ahead]
    return [
        {
            "x": round(x.place(at.num_images) / 10, 2),
            "y": [[kind, y.place(at.error)]],
            "text": _said(at, what),
        }
        for at, what, kind in every
    ]
