"""The page of `loupe stress`."""

from pathlib import Path
from typing import Any

import numpy as np
from page_structure import Page

from loupe.examination.stress import Strength, StressCurve, StressTest
from loupe.reporting.stress_page import write_stress_page

HOSTILE = ("<script>alert(1)</script>", "b", "c")


def simulated(shape: tuple[int, int, int] = (8, 8, 1)) -> StressTest:
    """A test of two stresses: one that costs a point from the third strength on, one that never."""

    def strength(share: float, text: str) -> Strength:
        return Strength(share, text, share, share - 0.01, min(share + 0.01, 1.0), 400)

    pictures = np.random.default_rng(0).integers(0, 256, (6, 3, *shape)).astype(np.uint8)
    labels = np.array([0, 1, 2])
    guesses = np.tile(labels, (6, 1))
    guesses[3:, 1] = 0
    falling = [strength(share, f"{i} px") for i, share in enumerate((0.97, 0.965, 0.9, 0.5, 0.1))]
    level = [strength(0.97, f"{i} %") for i in range(5)]
    curves = (
        StressCurve("blur", "Blurred.", tuple(falling), 3, pictures, guesses),
        StressCurve("noise", "Noisy.", tuple(level), None, pictures, np.tile(labels, (6, 1))),
    )
    return StressTest(
        "runs/<b>/model.onnx", "noise", "validation", 400, strength(0.975, "as it is"), curves,
        {"stroke width": "the objects are filled"}, HOSTILE, labels,
    )  # fmt: skip


def test_every_figure_and_picture_is_on_the_page(tmp_path: Path) -> None:
    text = write_stress_page(simulated(), tmp_path / "stress.html").read_text()
    page = Page(text)
    assert text.count('class="im sheet-stress"') == 2 + 2 * 6 * 3  # the wall, and the sections
    assert "Left out: stroke width, for the objects are filled." in text
    assert "The first point is lost to blur, at the third strength" in text
    assert "Up to 4 % it costs less than a point" in text
    assert text.count("example wrong") == 3
    assert page is not None


def test_nothing_on_the_page_is_taken_for_markup(tmp_path: Path) -> None:
    text = write_stress_page(simulated((9, 5, 3)), tmp_path / "stress.html").read_text()
    assert "<script>alert" not in text
    assert "<b>/model" not in text


def test_a_browser_runs_the_page_without_complaint(browser: Any, tmp_path: Path) -> None:
    path = write_stress_page(simulated(), tmp_path / "stress.html")
    context = browser.new_context(viewport={"width": 390, "height": 800})
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    scale = page.locator(".stress").first.locator(".tick")
    assert scale.all_inner_texts() == ["100\u202f%", "50\u202f%", "0\u202f%"]
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    context.close()
    assert complaints == []
