"""The report in a real browser: what a reader with a pointer, a keyboard, a telephone meets."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from simulated import DIGITS, course, run_in, simulate

from loupe.reporting.report import write_report

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = (*DIGITS[:8], "<script>document.title='owned'</script>", "a name that is far too long")
    evaluation = simulate(names, 900, wrong=0.15, shape=(28, 28, 1))
    run = run_in(tmp_path_factory.mktemp("report"), evaluation, course(25))
    return write_report(run, evaluation, dataset=evaluation.dataset)


@pytest.fixture
def open_page(browser: Any, report: Path) -> Iterator[Open]:
    """Open the report; afterwards, refuse any complaint of the browser and any request."""
    complaints: list[str] = []
    requests: list[str] = []
    contexts = []

    def open_it(width: int = 1280, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(report.as_uri())
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert complaints == []
    outside = [url for url in requests if not url.startswith(("data:", report.as_uri()))]
    assert outside == []


def visible(page: Any, selector: str) -> list[str]:
    ids: list[str] = page.eval_on_selector_all(
        selector, "all => all.filter(one => one.offsetParent).map(one => one.id)"
    )
    return ids


def wrong_cell(page: Any) -> Any:
    """A cell of mistakes that is not open yet."""
    name = page.locator(".matrix td.hot a:not([aria-current])").first.get_attribute("href")
    return page.locator(f".matrix a[href='{name}']")


def test_a_click_opens_a_cell(open_page: Open) -> None:
    page = open_page()
    link = wrong_cell(page)
    name = link.get_attribute("href")[1:]
    link.click()
    assert visible(page, ".panel .cell") == [name]
    assert page.locator(f"#{name} .thumbs li").count() > 0
    assert link.get_attribute("aria-current") == "true"


def test_enter_opens_a_cell_and_escape_goes_back_to_it(open_page: Open) -> None:
    page = open_page()
    link = wrong_cell(page)
    name = link.get_attribute("href")[1:]
    link.focus()
    page.keyboard.press("Enter")
    assert visible(page, ".panel .cell") == [name]
    assert page.evaluate("document.activeElement.id") == name
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.hash") == f"#{name}"


def test_arrow_keys_move_between_the_cells_that_have_images(open_page: Open) -> None:
    page = open_page()
    page.locator(".matrix td.right a").first.focus()
    seen = set()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
        seen.add(page.evaluate("document.activeElement.hash"))
    assert seen
    assert all(name.startswith("#cell-0-") for name in seen)
    assert page.locator(".matrix td a[tabindex='0']").count() == 1
    ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert ring == "solid"


def test_a_thumb_leads_to_its_mistake_even_below_the_fold(open_page: Open) -> None:
    page = open_page()
    assert not page.locator("#other-mistakes").evaluate("fold => fold.open")
    page.evaluate("location.hash = '#mistake-90'")
    page.wait_for_function("document.querySelector('#other-mistakes').open")
    assert visible(page, "#mistake-90") == ["mistake-90"]


def test_the_filter_leaves_the_mistakes_of_one_class(open_page: Open) -> None:
    page = open_page()
    page.select_option("#only", "3")
    shown = page.eval_on_selector_all(
        ".card", "all => all.filter(one => one.offsetParent).map(one => one.dataset.classes)"
    )
    assert shown
    assert all("3" in classes.split() for classes in shown)
    assert page.locator("#only-count").inner_text() == f"{len(shown)} shown"


def test_an_image_opens_enlarged_with_sharp_pixels(open_page: Open) -> None:
    page = open_page()
    page.locator("#mistake-2 button").click()
    image = page.locator("dialog .im")
    assert image.bounding_box()["width"] == 28 * 12
    assert image.evaluate("one => getComputedStyle(one).imageRendering") == "pixelated"
    page.keyboard.press("Escape")
    assert not page.locator("dialog").evaluate("one => one.open")


@pytest.mark.slow
def test_arrow_keys_go_through_the_enlarged_images(open_page: Open) -> None:
    page = open_page()
    page.locator("#mistake-2 button").click()
    page.keyboard.press("ArrowRight")
    source = page.locator("#mistake-3 .source").inner_text()
    assert page.locator("dialog .source").inner_text() == source
    page.keyboard.press("Escape")
    page.wait_for_function("document.activeElement.closest('#mistake-3')")


def test_the_charts_are_read_by_pointer_and_by_keys(open_page: Open) -> None:
    page = open_page()
    plot = page.locator(".plot").first
    box = plot.bounding_box()
    plot.hover(position={"x": 1, "y": box["height"] / 2})
    assert "epoch 1: training" in page.locator(".readout").first.inner_text()
    assert "epoch 1: training" in page.locator(".readout").nth(1).inner_text()
    plot.focus()
    page.keyboard.press("End")
    assert "epoch 25:" in page.locator(".readout").first.inner_text()
    assert plot.get_attribute("aria-valuetext").startswith("epoch 25:")


@pytest.mark.slow
def test_the_table_of_classes_sorts_both_ways(open_page: Open) -> None:
    page = open_page()
    header = page.locator("th[data-sort]", has_text="Recall")
    cells = "all => all.map(row => Number(row.cells[2].dataset.value))"
    header.locator("button").click()
    upwards = page.eval_on_selector_all(".sortable tbody tr", cells)
    header.locator("button").click()
    downwards = page.eval_on_selector_all(".sortable tbody tr", cells)
    assert upwards == sorted(upwards)
    assert downwards == upwards[::-1] or downwards == sorted(upwards, reverse=True)
    assert header.get_attribute("aria-sort") == "descending"


def test_the_command_is_copied(open_page: Open) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.locator("[data-copy]").click()
    page.wait_for_function("document.querySelector('[data-copy]').textContent !== 'Copy'")
    assert page.locator("[data-copy]").inner_text() == "Copied"
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("loupe train noise/ --recipe ") and copied.endswith("/recipe.toml")


def test_without_scripts_everything_can_be_read_and_cells_still_open(open_page: Open) -> None:
    page = open_page(java_script_enabled=False)
    link = page.locator(".matrix td.hot a").last
    name = link.get_attribute("href")[1:]
    link.click()
    assert page.locator(f"#{name}").is_visible()
    assert page.locator(".panel .cell:visible").count() == 1
    assert not page.locator("[data-copy]").is_visible()
    assert not page.locator("#only").is_visible()


def test_nothing_makes_a_narrow_page_scroll_sideways(open_page: Open) -> None:
    page = open_page(768)
    for width in (768, 375, 360):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_hostile_class_name_does_nothing(open_page: Open) -> None:
    page = open_page()
    assert page.title() != "owned"
    assert page.locator("th", has_text="<script>").count() > 0


# Each colour goes through a canvas, which turns any of CSS's notations into red, green and blue;
# a ground that is half transparent is laid over what is behind it.
CONTRASTS = """
() => {
  const context = Object.assign(document.createElement("canvas"), {width: 1, height: 1})
    .getContext("2d", {willReadFrequently: true});
  const over = (colours) => {
    context.clearRect(0, 0, 1, 1);
    for (const colour of colours) { context.fillStyle = colour; context.fillRect(0, 0, 1, 1); }
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (rgb) => {
    const linear = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
    const [r, g, b] = rgb.map(v => linear(v / 255));
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const low = [];
  for (const one of document.querySelectorAll("body *")) {
    const says = [...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!says || !one.offsetParent || one.closest(".hidden, .skip, svg")) continue;
    const grounds = [];
    for (let at = one; at; at = at.parentElement) {
      grounds.unshift(getComputedStyle(at).backgroundColor);
    }
    const ground = luminance(over(grounds));
    const text = luminance(over([...grounds, getComputedStyle(one).color]));
    const ratio = (Math.max(ground, text) + .05) / (Math.min(ground, text) + .05);
    if (ratio < 4.5) low.push([one.className, one.textContent.trim().slice(0, 30), ratio]);
  }
  return low;
}
"""


@pytest.mark.slow
def test_all_text_has_the_contrast_of_level_aa(open_page: Open) -> None:
    page = open_page()
    for scheme, paper in (("light", "rgb(251, 250, 247)"), ("dark", "rgb(23, 24, 26)")):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == paper
        assert page.evaluate(CONTRASTS) == []


@pytest.mark.slow
def test_paper_cuts_no_table_off_and_has_each_sum_once(open_page: Open) -> None:
    page = open_page(688)  # A4 less its margins
    page.emulate_media(media="print")
    cut = (
        "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.ariaLabel)"
    )
    assert page.eval_on_selector_all(".scroll", cut) == []
    sums = "getComputedStyle(document.querySelector('tfoot')).display"
    assert page.evaluate(sums) == "table-row-group"  # a footer group is printed on every page


def test_the_charts_name_what_runs_along_them(open_page: Open) -> None:
    page = open_page()
    assert page.locator(".chart .end.tick").all_inner_texts() == ["epoch", "epoch"]


@pytest.mark.slow
def test_paper_shows_no_controls_and_keeps_the_pictures(open_page: Open) -> None:
    page = open_page()
    page.emulate_media(media="print")
    for selector in (".contents", ".panel", ".controls", "[data-copy]", ".readout"):
        assert not page.locator(selector).first.is_visible()
    assert page.locator("#mistake-0 .im").is_visible()
    assert page.locator("th[data-sort]").first.is_visible()
