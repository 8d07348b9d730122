import functools
import html
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from page_structure import Page, words_of
from test_in_browser import CONTRASTS

from loupe.classifier.card import Card
from loupe.classifier.classifier import Classifier, loads
from loupe.networks.build import build
from loupe.networks.committee import Committee
from loupe.reading.predict import Answer
from loupe.reading.reading import Glyph, Reading
from loupe.recipes.recipe import Recipe
from loupe.reporting import explain_page
from loupe.reporting.explain_page import Explained, explain, gathered, write_explain_page
from loupe.training.export import measure_features, write_model

NAMES = tuple("0123456789")
HOSTILE = "<script>document.title='owned'</script>.png"


@functools.cache
def classifier(threshold: float | None = 1.5) -> Classifier:
    """A model that has learned nothing: the readings here are made up."""
    card = Card(NAMES, (28, 28, 1), {}, threshold, {}, {"name": "digits"}, {}, "2026-01-01")
    net = build(Recipe(name="mine", network="6N"), (1, 28, 28), 10, seed=0).eval()
    features = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32)
    statistics = measure_features(features, np.arange(30) % 10, 10)
    return loads(write_model(Committee([net]).eval(), 1.0, statistics, card), "model.onnx")


def glyph(label: str, box: tuple[int, int, int, int], line: int = 0, outlier: float = 0.5) -> Glyph:
    frame = np.random.default_rng(0).integers(0, 256, (28, 28, 1), np.uint8)
    best = "8" if label == "?" else label
    guesses = ((best, 0.9), ("1", 0.06), ("<b>", 0.04))
    return Glyph(box, label, guesses, outlier, frame, line)


def answer(source: str = "page.png", height: int = 150, width: int = 400) -> Answer:
    """A picture with two lines: 42 and a refused glyph."""
    picture = np.full((height, width, 3), 230, np.uint8)
    cv2.putText(picture, "42", (20, 70), cv2.FONT_HERSHEY_SIMPLEX, 2, (90, 40, 30), 5)
    glyphs = (
        glyph("4", (20, 20, 40, 50)),
        glyph("2", (70, 20, 40, 50)),
        glyph("?", (20, 90, 40, 50), line=1, outlier=2.5),
    )
    reading = Reading("42\n?", glyphs, (width, height), "page", ("shadows taken away",))
    return Answer(source, reading, picture)


def made_up_steps(picture: np.ndarray) -> dict[str, np.ndarray]:
    half = picture[::2, ::2]
    return {"paper": half, "ink": 255 - half[..., :1], "a new one": half}


def written(answers: list[Answer], folder: Path, **options: Any) -> str:
    path = folder / "explained.html"
    model = options.pop("model", classifier())
    explained = [explain(answer, made_up_steps) for answer in answers]
    write_explain_page(explained, model, path, **options)
    return path.read_text(encoding="utf-8")


def test_each_glyph_is_shown_with_its_guesses_and_whether_it_was_refused(tmp_path: Path) -> None:
    content = written([answer()], tmp_path)
    words = words_of(content)
    assert "It reads 42 | ?" in words
    assert "Shadows taken away." in words
    assert words.count("outlier 0.5, refused over 1.5") == 2
    assert "#3 refused" in words and "outlier 2.5" in words
    assert "#1 read as 4" in words
    assert content.count('class="track"') == 9
    assert content.count('class="gauge over"') == 1
    assert "read as a page" in words


def test_boxes_stand_where_the_glyphs_are_and_lead_to_them(tmp_path: Path) -> None:
    content = written([answer()], tmp_path)
    boxes = re.findall(r'class="box( refused)?" href="#([\w-]+)" style="([^"]+)"', content)
    assert [name for _, name, _ in boxes] == [f"glyph-1-{number}" for number in (1, 2, 3)]
    assert boxes[2][0] == " refused"
    assert boxes[0][2] == "left:5.00%;top:13.33%;width:10.00%;height:33.33%"
    assert {name for _, name, _ in boxes} <= set(Page(content).ids)


def test_the_steps_on_the_way_to_the_ink_are_shown(tmp_path: Path) -> None:
    content = written([answer()], tmp_path)
    words = words_of(content)
    assert "The ink" in words and "The paper and its light" in words and "a new one" in words
    assert content.count("<img") == 4
    as_it_is = answer()
    assert as_it_is.reading is not None
    frame = replace(as_it_is, reading=replace(as_it_is.reading, layout="frame"))
    assert written([frame], tmp_path).count("<img") == 1


def test_what_could_not_be_read_or_holds_nothing_has_its_place(tmp_path: Path) -> None:
    empty = Answer("empty.png", Reading("", (), (9, 9), "single"), np.full((9, 9, 1), 7, np.uint8))
    bad = Answer("bad.png", error="bad.png cannot be read: it is empty.")
    words = words_of(written([bad, empty, answer()], tmp_path))
    assert "bad.png cannot be read: it is empty." in words
    assert "Nothing was found on it" in words
    assert "What was read on 2 pictures; 1 could not be opened" in words
    assert "It could not be read" in words_of(written([bad], tmp_path))


def test_a_picture_of_refused_glyphs_alone_is_not_said_to_be_read(tmp_path: Path) -> None:
    letter = Reading("?", (glyph("?", (20, 20, 40, 50), outlier=-2.5),), (400, 150), "single")
    words = words_of(written([Answer("k.png", letter, answer().picture)], tmp_path))
    assert "Nothing on the picture is of the model’s classes" in words
    assert "It reads" not in words
    assert "outlier \N{MINUS SIGN}2.5" in words
    assert "Pictures 1 read as a single glyph" in words
    blank = Reading("", (), (400, 150), "single")
    words = words_of(written([Answer("empty.png", blank, answer().picture)], tmp_path))
    assert "Nothing was found on the picture" in words
    assert "read as a single glyph" not in words


def test_the_page_is_sound_and_hostile_names_stay_text(tmp_path: Path) -> None:
    content = written([answer(HOSTILE), answer('"><img src=x>')], tmp_path)
    found = Page(content)
    assert found.tags.count("script") == 1
    assert html.escape(HOSTILE, quote=False).replace("'", "&#39;") in content
    assert found.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(found.headings, found.headings[1:], strict=False))
    assert {anchor[1:] for anchor in found.anchors} <= set(found.ids)
    assert len(found.ids) == len(set(found.ids))
    assert all(address.startswith("data:image/") for address in found.addresses if address)
    assert re.findall(r"<img (?![^>]*alt=\"[^\"])", content) == []
    assert [each for each in found.nameless_pictures if "alt" not in each] == []


def test_only_the_first_pictures_are_kept_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explain_page, "MOST_PICTURES", 5)
    kept: list[Explained] = []
    one = answer()
    passed = list(gathered((replace(one, source=f"{i}.png") for i in range(9)), kept))
    assert len(passed) == 9
    assert len(kept) == 5
    path = write_explain_page(kept, classifier(), tmp_path / "page.html", 9)
    words = words_of(path.read_text(encoding="utf-8"))
    assert "The first 5 of 9 pictures are shown." in words


def test_large_noisy_photos_fit_into_five_megabytes(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1600, 3), np.uint8)
    reading = Reading("", (), (1600, 1200), "frame")
    content = written([Answer(f"{i}.jpg", reading, noise) for i in range(30)], tmp_path)
    assert len(content) < 5_000_000


def test_a_page_of_very_many_glyphs_says_how_many_it_leaves_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explain_page, "MOST_GLYPHS", 4)
    words = words_of(written([answer(), answer("other.png")], tmp_path))
    assert "2 glyphs more are not shown here" in words


def test_a_model_without_a_threshold_refuses_nothing(tmp_path: Path) -> None:
    content = written([answer()], tmp_path, model=classifier(None))
    assert "refuses nothing" in words_of(content)
    assert "gauge" not in content.partition("<body>")[2]


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Any:
    """Open a page of two pictures; afterwards, refuse any complaint of the browser."""
    written([answer(HOSTILE), answer("second.png", 900, 1600)], tmp_path)
    complaints: list[str] = []
    contexts = []

    def open_it(width: int = 1280, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto((tmp_path / "explained.html").as_uri())
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.slow
def test_a_box_leads_to_its_glyph_by_keyboard(open_page: Any) -> None:
    page = open_page()
    page.locator("a.box").nth(4).focus()
    page.keyboard.press("Enter")
    page.locator("#glyph-2-2:focus, #glyph-2-2 :focus").wait_for()
    page.keyboard.press("Enter")
    assert page.locator("dialog .im").bounding_box()["width"] == 28 * 12
    page.keyboard.press("ArrowRight")
    page.locator("dialog .label", has_text="#3").wait_for()


def test_boxes_lie_on_their_glyphs_and_telephones_scroll_one_way_only(open_page: Any) -> None:
    for width in (375, 1280):
        page = open_page(width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        ground = page.locator(".ground").first.bounding_box()
        box = page.locator("a.box").first.bounding_box()
        assert (box["x"] - ground["x"]) / ground["width"] == pytest.approx(0.05, abs=0.01)
        assert box["width"] / ground["width"] == pytest.approx(0.1, abs=0.01)


@pytest.mark.slow
def test_all_text_has_the_contrast_of_level_aa(open_page: Any) -> None:
    for scheme in ("light", "dark"):
        assert open_page(color_scheme=scheme).evaluate(CONTRASTS) == []
