import html
import json
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loupe.examination.calibration import reliability
from loupe.reporting.figures import (
    HEIGHT,
    LABEL_GAP,
    Line,
    line_chart,
    nice_step,
    reliability_diagram,
    whisker,
)


def lines(*values: tuple[float, ...]) -> list[Line]:
    kinds = (("train", "training"), ("validation", "validation"))
    return [Line(*kind, row) for kind, row in zip(kinds, values, strict=False)]


def readouts(chart: str) -> list[dict[str, object]]:
    found = re.search(r'data-readouts="([^"]*)"', chart)
    assert found is not None
    content: list[dict[str, object]] = json.loads(html.unescape(found[1]))
    return content


@given(st.floats(1e-6, 1e6), st.integers(2, 8))
@settings(max_examples=50)
def test_a_nice_step_is_one_two_or_five_and_gives_few_ticks(span: float, parts: int) -> None:
    step = nice_step(span, parts)
    first_digit = float(f"{step:e}".partition("e")[0])
    assert round(first_digit, 6) in (1, 2, 5, 10)
    assert parts / 2.6 <= span / step <= parts * 1.01


def test_every_epoch_can_be_read_out() -> None:
    chart = line_chart("Loss", lines((0.5, 0.25, 0.125), (0.4, 0.3, 0.35)))
    said = readouts(chart)
    assert [one["text"] for one in said] == [
        "epoch 1: training 0.500, validation 0.400",
        "epoch 2: training 0.250, validation 0.300",
        "epoch 3: training 0.125, validation 0.350",
    ]
    assert [one["x"] for one in said] == [0, 50, 100]


def test_a_higher_value_stands_higher() -> None:
    first, second = readouts(line_chart("Accuracy", lines((0.6, 0.9)), is_share=True))
    assert first["y"][0][1] > second["y"][0][1]  # type: ignore[index]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.booleans())
@settings(max_examples=50)
def test_every_value_lies_within_the_axes(values: list[float], is_share: bool) -> None:
    chart = line_chart("Loss", lines(tuple(values)), is_share=is_share)
    for readout in readouts(chart):
        assert 0 <= readout["y"][0][1] <= HEIGHT  # type: ignore[index]
    assert 2 <= chart.count('class="tick y"') <= 9


def test_the_chart_says_its_figures_to_those_who_do_not_see_it() -> None:
    chart = line_chart("Loss", lines((0.5, 0.2), (0.4, 0.3)))
    said = "Loss over 2 epochs: training from 0.500 to 0.200; validation from 0.400 to 0.300."
    assert f'aria-label="{said}"' in chart


def test_a_gap_in_the_values_is_a_gap_in_the_line() -> None:
    chart = line_chart("Loss", lines((0.5, math.nan, 0.2, 0.1)))
    path = re.search(r'class="line train" d="([^"]*)"', chart)
    assert path is not None
    assert path[1].count("M") == 2
    assert "nan" not in chart


@pytest.mark.parametrize("values", [(0.3,), (0.0, 0.0), (math.nan, math.nan), (2000.0, 1.0)])
def test_odd_histories_are_drawn_too(values: tuple[float, ...]) -> None:
    chart = line_chart("Loss", lines(values))
    assert len(readouts(chart)) == len(values)


@given(st.floats(0.9, 1), st.floats(0.9, 1))
@settings(max_examples=25)
def test_labels_at_the_ends_of_lines_never_overlap(one: float, other: float) -> None:
    chart = line_chart("Accuracy", lines((0.1, one), (0.1, other)), is_share=True)
    tops = [float(top) for top in re.findall(r'class="end \w+" style="top:([-\d.]+)px"', chart)]
    assert len(tops) == 2
    assert abs(tops[0] - tops[1]) >= min(LABEL_GAP, HEIGHT) - 1e-6


@given(st.floats(0, 1), st.floats(0, 0.3), st.floats(0, 0.3))
@settings(max_examples=25)
def test_a_whisker_stays_on_its_scale(value: float, below: float, above: float) -> None:
    low, high = max(0.0, value - below), min(1.0, value + above)
    drawn = whisker(value, low, high, floor=max(0.0, low - 0.05) if low < 1 else 0.9)
    places = [float(place) for place in re.findall(r'="([\d.]+)%"', drawn)]
    assert all(0 <= place <= 100 for place in places)


def test_the_reliability_diagram_names_every_point() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(4), 200).astype(np.float32)
    bins = reliability(generator.integers(0, 4, 200), probabilities)
    drawn = reliability_diagram(bins)
    assert drawn.count("<circle") == len(bins)
    assert drawn.count("<title>") == len(bins)
