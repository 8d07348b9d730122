import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from page_structure import Page, words_of

from loupe.examination.paired import difference
from loupe.recipes.named import recipe
from loupe.reporting.pages import write_page
from loupe.reporting.tune_figures import front
from loupe.studies.search import Reading, Search
from loupe.studies.space import space_of
from loupe.studies.trials import Trial

SPACE = space_of(
    {
        "name": "mine",
        "base": "fast",
        "vary": {
            "learning_rate": {"low": 0.001, "high": 0.1, "log": True},
            "network": ["{w}C3-MP2", "{w}N"],
        },
        "parts": {"w": [8, 16]},
    }
)


def simulated(number: int, **fields: object) -> Trial:
    chosen = {"learning_rate": 0.001 * (number + 1), "network": SPACE.vary["network"].values[0],
              "{w}": (8, 16)[number % 2]}  # fmt: skip
    accuracy = 0.9 + 0.01 * math.sin(number)
    curve = (0.5, 0.8, accuracy)
    values = {"accuracy": accuracy, "curve": curve, "seconds": 2.0 + number, "share": 1.0}
    return Trial(number, chosen, **{"outcome": "finished", **values, **fields})


@pytest.fixture(scope="module")
def search() -> Search:
    ends = [
        simulated(20, outcome="halted", accuracy=math.nan, curve=(0.4,)),
        simulated(21, outcome="does not fit", accuracy=math.nan, curve=(), seconds=0.0,
                  reason="The layer <script>alert(1)</script> does not fit"),
    ]  # fmt: skip
    right = np.arange(500) % 10 > 0
    return Search(
        Path("studies/mine"),
        SPACE,
        {
            "name": "<script>alert(2)</script>",
            "origin": "<script>alert(3)</script>",
            "read_options": {"generated": "my drawings"},
            "counts": {"train": 4000, "validation": 500},
        },
        Trial(-1, {"recipe": "fast"}, "finished", 0.895, (0.7, 0.8, 0.895), 9.0, 1.0),
        recipe("fast"),
        (*(simulated(number) for number in range(20)), *ends),
        {"learning_rate": 0.7, "network": 0.2, "{w}": 0.1},
        Reading(0.9, 0.87, 0.92, 500),
        difference(right, right[::-1]),
    )


@pytest.fixture(scope="module")
def content(search, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("tune") / "tune.html"
    return write_page(search, path).read_text(encoding="utf-8")


def test_the_page_shows_every_trial_and_the_verdict(content):
    text = words_of(content)
    assert "Not really better than fast" in text
    assert "22 trials were begun" in text
    assert "What decided most: learning_rate" in text
    assert "1 trial stopped on the way" in text
    data = "'<script>alert(3)</script>'"
    assert f"loupe train {data} --recipe studies/mine/base.toml --generated 'my drawings'" in text
    for number in range(22):
        assert f'data-value="{number}"' in content


def test_nothing_in_it_runs_or_is_loaded_but_its_own(content):
    assert "<script>alert" not in content
    page = Page(content)
    assert page.headings[0] == 1
    assert not page.nameless_pictures
    assert all(table.captioned and not table.unscoped for table in page.tables)
    assert set(page.anchors) - {""} <= {f"#{name}" for name in page.ids} | {""}
    assert len(page.ids) == len(set(page.ids))


def test_a_search_without_a_finished_trial_has_a_page_too(search, tmp_path):
    empty = replace(search, trials=(), importance={}, best_kept=None, difference=None, confirmed=())
    text = words_of(write_page(empty, tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "No trial was trained to its end" in text
    halted = replace(empty, trials=search.trials[-2:])
    assert write_page(halted, tmp_path / "page.html").exists()


def test_a_recipe_that_is_worse_is_worse_by_a_number_without_a_sign(search, tmp_path):
    right = np.arange(500) % 10 > 0
    worse = replace(search, difference=difference(right, np.ones(500, bool)))
    text = words_of(write_page(worse, tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "it is worse than fast, by 10.00 points (" in text
    assert "(-" not in text
    assert "Train fast on all images" in text
    assert "90.00 % (87.00 % to 92.00 %)" in text


def test_the_front_holds_what_nothing_quicker_beats():
    trials = [simulated(n, accuracy=a) for n, a in enumerate((0.8, 0.7, 0.9, 0.9, 0.95))]
    assert [trial.number for trial in front(trials)] == [0, 2, 4]
