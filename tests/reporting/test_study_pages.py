"""The pages of `loupe ladder` and `loupe learn-curve`."""

from pathlib import Path

import numpy as np
import pytest
from page_structure import Page, words_of

from loupe.examination.ladder import Ladder, Rung
from loupe.examination.learning_curve import LearningCurve, Trained
from loupe.reporting.pages import write_page

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def ladder():
    steps = (("commonest class", 40), ("logistic", 300), (HOSTILE, 303), ("network", 380))
    rungs = tuple(
        Rung(
            title, title, "fast" if i else "", Path(f"runs/{i}") if i else None,
            np.arange(400) < right, 12.5 * i, 7_850 * i, 27_000 * i,
        )
        for i, (title, right) in enumerate(steps)
    )  # fmt: skip
    return Ladder("made up", rungs, ("committee",), 2, "", Path("runs"))


@pytest.fixture
def curve():
    generator = np.random.default_rng(0)
    trained = tuple(
        Trained(size, repeat, generator.random(2_000) < 0.02 + 6 / size, 3.0, Path("runs/x"))
        for repeat in range(2)
        for size in (100, 200, 400, 800)
    )
    return LearningCurve("made up", HOSTILE, trained, Path("runs"))


@pytest.fixture
def pages(ladder, curve, tmp_path):
    return [
        write_page(ladder, tmp_path / "ladder.html"),
        write_page(curve, tmp_path / "curve.html"),
    ]


def test_the_ladder_shows_every_rung_and_what_it_buys(ladder, pages):
    text = words_of(pages[0].read_text())
    assert "stand on the network" in text
    assert ladder.sentences[1] in text
    for rung in ladder.rungs[1:]:
        assert f"{rung.parameters:,}" in text
    assert "2 rungs of 3 bought something" in text
    assert "it buys nothing" in text


def test_the_curve_shows_what_was_measured_and_what_is_forecast(curve, pages):
    content = pages[1].read_text()
    text = words_of(content)
    assert "would help" in text
    assert "1,600" in text and "3,200" in text
    assert content.count('data-readouts="') == 1
    assert "3,200 images: " in content
    assert text.count("forecast") >= 3


def test_pages_are_sound_and_hostile_names_stay_text(pages):
    for page in pages:
        found = Page(page.read_text())
        assert found.tags.count("script") == 1
        assert found.headings.count(1) == 1
        assert all(b - a <= 1 for a, b in zip(found.headings, found.headings[1:], strict=False))
        assert {anchor[1:] for anchor in found.anchors} <= set(found.ids)
        assert all(table.captioned and not table.unscoped for table in found.tables)
        assert found.nameless_pictures == []


def test_in_a_browser_pages_fit_a_telephone_and_the_curve_is_read_by_keys(browser, pages):
    for page_path in pages:
        context = browser.new_context(viewport={"width": 400, "height": 900})
        complaints = []
        page = context.new_page()
        page.on("console", lambda message, said=complaints: said.append(message.text))
        page.on("pageerror", lambda error, said=complaints: said.append(str(error)))
        page.goto(page_path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == 400
        if page.locator(".plot").count():
            page.locator(".plot").focus()
            page.keyboard.press("Home")
            assert "100 images: " in page.locator(".readout").inner_text()
        assert complaints == []
        context.close()
