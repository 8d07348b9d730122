import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from page_structure import Page, words_of
from simulated import MakeRun, evaluated, simulate

from loupe.reporting.report import SECTIONS, write_report


def test_the_report_is_written_into_the_run_folder(make_run: MakeRun) -> None:
    evaluation = simulate()
    run = make_run(evaluation)
    assert write_report(run, evaluation) == run.folder / "report.html"
    assert (run.folder / "report.html").stat().st_size > 10_000


def test_the_report_can_be_written_elsewhere(make_run: MakeRun, tmp_path: Path) -> None:
    evaluation = simulate()
    run = make_run(evaluation)
    write_report(run, evaluation, path=tmp_path / "other.html")
    assert (tmp_path / "other.html").exists()
    assert not (run.folder / "report.html").exists()


def test_the_first_sentence_says_what_was_trained_on_what_and_how_good_it_is(
    make_run: MakeRun,
) -> None:
    evaluation = simulate(num_images=1000, wrong=0.1)
    text = words_of(write_report(make_run(evaluation), evaluation).read_text()).replace(
        "\u202f", " "
    )
    accuracy = evaluation.metrics["accuracy"]
    assert (
        f"Trained on 1,000 images of noise, it recognises {accuracy.value:.1%}"
        " of 1,000 test images that it had never seen"
    ).replace("%", " %") in text
    assert f"{accuracy.low:.1%} to".replace("%", "") in text
    assert (
        "(Wilson, n = 1,000). This was the first look at these test images, as the ledger counts"
        in text
    )


@pytest.mark.parametrize(
    ("split", "looks", "said"),
    [
        ("test", 7, "This was the 7th look"),
        ("test", 0, "No ledger"),
        ("validation", 0, "Choices were made on these images"),
        ("train", 0, "It learned from these images"),
    ],
)
def test_the_report_says_how_far_its_images_can_be_trusted(
    split: str, looks: int, said: str, make_run: MakeRun
) -> None:
    evaluation = replace(simulate(split=split), looks_at_test=looks)
    assert said in words_of(write_report(make_run(evaluation), evaluation).read_text())


def test_headings_anchors_tables_and_pictures_are_in_order(make_run: MakeRun) -> None:
    evaluation = simulate(num_images=500, wrong=0.2)
    found = Page(write_report(make_run(evaluation), evaluation).read_text())
    assert found.headings[0] == 1
    assert found.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(found.headings, found.headings[1:], strict=False))
    assert len(found.ids) == len(set(found.ids))
    assert {anchor[1:] for anchor in found.anchors} <= set(found.ids)
    assert all(table.captioned and not table.unscoped for table in found.tables)
    assert found.nameless_pictures == []
    assert set(SECTIONS) <= set(found.ids)


def test_the_page_loads_nothing(make_run: MakeRun) -> None:
    evaluation = simulate(num_images=500, wrong=0.2)
    content = write_report(make_run(evaluation), evaluation).read_text()
    assert [address for address in Page(content).addresses if address] == []
    assert not re.search(r"url\((?!data:image/)", content)
    assert "@import" not in content
    assert "http" not in content.replace('http-equiv="Content-Security-Policy"', "")


def test_browsers_are_told_to_run_only_the_pages_own_script(make_run: MakeRun) -> None:
    evaluation = simulate()
    content = write_report(make_run(evaluation), evaluation).read_text()
    (script,) = re.findall(r"<script>(.*?)</script>", content, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', content)
    assert policy is not None
    assert f"script-src &#39;sha256-{digest}&#39;;" in policy[1]
    assert policy[1].startswith("default-src &#39;none&#39;;")


def test_a_hostile_class_name_stays_text(make_run: MakeRun) -> None:
    names = ("<script>alert(1)</script>", "</title><h1>", "</style>", "'\"&")
    evaluation = simulate(names, 200, wrong=0.3)
    found = Page(write_report(make_run(evaluation), evaluation).read_text())
    assert found.tags.count("script") == 1
    assert found.tags.count("style") == 1
    assert found.headings.count(1) == 1
    assert "<script>alert(1)</script>" in found.text


@pytest.mark.slow
def test_a_thousand_mistakes_in_colour_stay_under_five_megabytes(make_run: MakeRun) -> None:
    names = tuple(f"a rather long name of a class, number {i}" for i in range(47))
    sources = [f"some/deep/folder/of/photographs/IMG_{i:08}.jpeg" for i in range(3500)]
    evaluation = simulate(names, 3500, wrong=0.4, shape=(32, 32, 3), sources=sources)
    assert len(evaluation.wrong) > 1000
    path = write_report(make_run(evaluation), evaluation, dataset=evaluation.dataset)
    content = path.read_text()
    assert path.stat().st_size < 5_000_000
    assert content.count('<li class="card"') == 1000
    assert "To keep this page under 5 MB, images are" in content


def test_images_within_the_budget_are_kept_without_loss(make_run: MakeRun) -> None:
    evaluation = simulate(num_images=500, wrong=0.2)
    content = write_report(make_run(evaluation), evaluation).read_text()
    assert "data:image/png" in content
    assert "data:image/jpeg" not in content
    assert "To keep this page under 5 MB" not in content


def test_the_opening_picture_leads_to_the_mistakes(make_run: MakeRun) -> None:
    evaluation = simulate(num_images=500, wrong=0.2)
    content = write_report(make_run(evaluation), evaluation).read_text()
    assert f"Its 25 most confident mistakes of {len(evaluation.wrong)}" in content
    assert Page(content).anchors.count("#mistake-0") >= 2


@pytest.mark.parametrize("num_wrong", [0, 1, 2, 3, 5, 7, 13, 14])
def test_the_opening_picture_has_no_holes(num_wrong: int, make_run: MakeRun) -> None:
    dataset = simulate(num_images=60).dataset
    sure = np.full((60, 10), 0.01, np.float32)
    guesses = np.where(np.arange(60) < num_wrong, (dataset.labels + 1) % 10, dataset.labels)
    sure[np.arange(60), guesses] = 0.91
    evaluation = evaluated(dataset, sure)
    content = write_report(make_run(evaluation), evaluation).read_text()
    wall = content[content.index('<figure class="wall">') : content.index("<figcaption>")]
    columns = int(re.findall(r"--columns:(\d)", wall)[0])
    assert wall.count("<li>") % columns == 0
    assert wall.count("<li>") >= min(num_wrong, 1)


def test_a_run_that_left_the_test_images_alone_says_so(make_run: MakeRun) -> None:
    evaluation = simulate(split="validation")
    run = make_run(evaluation)
    for asked in (False, True):
        path = run.folder / "environment.json"
        path.write_text(json.dumps(run.environment | {"asked": {"no_test": asked}}))
        content = write_report(run, evaluation).read_text()
        assert ("The test images were left alone." in content) == asked


def test_the_same_run_gives_the_same_page(make_run: MakeRun) -> None:
    evaluation = simulate(num_images=200, wrong=0.2)
    run = make_run(evaluation)
    first = write_report(run, evaluation).read_bytes()
    assert write_report(run, evaluation).read_bytes() == first
