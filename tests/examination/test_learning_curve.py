import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from loupe.examination.learning_curve import LearningCurve, Trained

SIZES = (500, 1_000, 2_000, 4_000, 8_000)


def simulated(floor, scale, exponent, *, n=2_000, repeats=2, noise=0.03, seed=0):
    """A curve whose images have each a difficulty: what few data read, more data read too."""
    generator = np.random.default_rng(seed)
    difficulty = generator.random(n)
    trained = []
    for repeat in range(repeats):
        for size in SIZES:
            error = floor + scale * (size / SIZES[-1]) ** -exponent
            error *= np.exp(generator.normal(0, noise))
            wrong = difficulty + generator.normal(0, 0.02, n) > 1 - error
            trained.append(Trained(size, repeat, wrong, 1.0, Path("runs") / f"{size}-{repeat}"))
    return LearningCurve("made up", "fast", tuple(trained), Path("runs"))


def test_points_are_means_over_repeats():
    curve = simulated(0.02, 0.1, 0.5)
    assert curve.sizes == SIZES
    for point in curve.points:
        same = [run.wrong.mean() for run in curve.trained if run.num_images == point.num_images]
        assert point.error == pytest.approx(np.mean(same))
        assert point.low < point.error < point.high


def test_the_forecast_is_near_the_truth_and_its_interval_widens():
    curve = simulated(0.02, 0.1, 0.5)
    now, twice, four = curve.expected(8_000, 16_000, 32_000)
    assert twice.low < 0.02 + 0.1 * 2**-0.5 < twice.high
    assert four.low < 0.02 + 0.1 * 4**-0.5 < four.high
    assert now.error > twice.error > four.error
    widths = [(each.high - each.low) / each.error for each in (now, twice, four)]
    assert widths == sorted(widths)


@pytest.mark.parametrize(
    ("law", "answer"),
    [((0.0, 0.1, 0.5), "yes"), ((0.2, 0.001, 1.0), "hardly"), ((0.03, 0.003, 0.3), "unclear")],
)
def test_the_answer_follows_from_what_twice_the_data_would_save(law, answer):
    curve = simulated(*law)
    assert curve.answer == answer
    saving = curve.saving(2)
    assert 0 <= saving.low <= saving.value <= saving.high <= 1
    words = {"yes": "would help:", "hardly": "would hardly help:", "unclear": "is not clear"}
    assert words[answer] in curve.sentences[0]


def test_a_single_repeat_and_faultless_trainings_give_figures_all_the_same():
    curve = simulated(0.02, 0.1, 0.5, repeats=1)
    assert curve.expected(16_000)[0].low < curve.expected(16_000)[0].high
    # What the law leaves of one repeat is chance too: bumps widen the interval.
    smooth = simulated(0.02, 0.1, 0.5, repeats=1, noise=0.0).saving(2)
    bumpy = simulated(0.02, 0.1, 0.5, repeats=1, noise=0.2).saving(2)
    assert bumpy.high - bumpy.low > 1.3 * (smooth.high - smooth.low)
    right = np.zeros(500, bool)
    trained = tuple(Trained(size, 0, right, 1.0, Path("runs")) for size in SIZES)
    faultless = LearningCurve("made up", "fast", trained, Path("runs"))
    assert faultless.saving(2).value == 0
    assert faultless.answer == "hardly"


def test_it_is_said_where_the_network_and_not_the_data_is_the_limit():
    curve = simulated(0.1, 0.001, 0.5)
    assert not curve.underfits  # not measured
    trained = [replace(run, own_error=0.09) for run in curve.trained]
    short = LearningCurve("made up", "fast", tuple(trained), Path("runs"))
    assert short.underfits
    assert "Train longer, or a larger network" in " ".join(short.sentences)
    fitted = tuple(replace(run, own_error=0.01) for run in curve.trained)
    assert not LearningCurve("made up", "fast", fitted, Path("runs")).underfits


def test_a_curve_is_plain_json_and_shows_itself_in_a_notebook():
    curve = simulated(0.02, 0.1, 0.5)
    content = json.loads(json.dumps(curve.to_dict(), allow_nan=False))
    assert [len(point["errors"]) for point in content["points"]] == [2] * 5
    assert [each["num_images"] for each in content["forecasts"]] == [16_000, 32_000]
    assert curve._repr_html_().count("<tr>") == 1 + 5 + 2


@pytest.mark.slow
def test_forecasts_cover_the_truth_about_19_times_of_20():
    truth = 0.02 + 0.1 * 2**-0.5
    forecasts = [simulated(0.02, 0.1, 0.5, seed=seed).expected(16_000)[0] for seed in range(120)]
    covered = np.mean([each.low <= truth <= each.high for each in forecasts])
    assert 0.88 <= covered <= 1.0
