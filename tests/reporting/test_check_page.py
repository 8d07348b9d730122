import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from page_structure import Page, words_of
from simulated import simulate

from loupe.data.checks import check
from loupe.data.dataset import Dataset
from loupe.data.summary import summarise
from loupe.reporting.check_page import write_check_page


def written(dataset: Dataset, folder: Path) -> str:
    path = write_check_page(dataset, summarise(dataset), check(dataset), folder / "check.html")
    return path.read_text()


def with_leak(dataset: Dataset) -> Dataset:
    images = dataset.images.copy()
    images[-1] = images[0]
    split = np.where(np.arange(len(dataset)) < 200, 0, 2).astype(np.uint8)
    return replace(dataset, images=images, split=split)


def test_findings_are_shown_with_the_images_concerned(tmp_path: Path) -> None:
    dataset = with_leak(simulate(("a", "b"), 260).dataset)
    findings = check(dataset)
    content = written(dataset, tmp_path)
    assert findings
    for finding in findings:
        assert finding.message in words_of(content)
        assert finding.suggestion in words_of(content)
    assert "sheet-found" in content


def test_clean_data_are_said_to_be_clean(tiny_dataset: Dataset, tmp_path: Path) -> None:
    content = written(tiny_dataset, tmp_path)
    text = words_of(content)
    expected = "The checks found nothing" if not check(tiny_dataset) else "1 "
    assert expected in text


def test_the_gravest_findings_come_first(tmp_path: Path) -> None:
    dataset = with_leak(simulate(("a", "b"), 260).dataset)
    findings = [replace(found, severity="note") for found in check(dataset)]
    findings.append(replace(findings[0], severity="error", message="All is lost."))
    path = write_check_page(dataset, summarise(dataset), findings, tmp_path / "check.html")
    content = path.read_text()
    assert content.index('"severity error"') < content.index('"severity note"')


def test_pictures_without_a_plain_background_are_told_nothing_of_it(
    tiny_dataset: Dataset, tmp_path: Path
) -> None:
    plain = np.where(tiny_dataset.images < 90, 0, tiny_dataset.images)
    assert "polarity" in words_of(written(replace(tiny_dataset, images=plain), tmp_path))
    text = words_of(written(tiny_dataset, tmp_path))
    assert "Pictures without a plain background" in text
    assert "No level is the background of these pictures" in text
    assert "polarity" not in text
    assert "of all pixel values" not in text


def test_each_class_has_its_mean_its_samples_and_its_counts(
    tiny_dataset: Dataset, tmp_path: Path
) -> None:
    content = written(tiny_dataset, tmp_path)
    assert "column 80 20 row 80 20 blob 80 20 All 240 60" in words_of(content)
    assert len(re.findall(r"sheet-means\"", content)) == 3
    assert len(re.findall(r"sheet-samples\" style=\"[^\"]*\" aria-hidden", content)) == 30


def test_pixel_statistics_are_tabulated(tiny_dataset: Dataset, tmp_path: Path) -> None:
    values = summarise(tiny_dataset).pixels["train"]
    expected = f"Training {values.mean:.1f} {values.std:.1f} {values.min} {values.max}"
    assert expected in words_of(written(tiny_dataset, tmp_path))


def test_the_page_is_sound_and_hostile_names_stay_text(tmp_path: Path) -> None:
    names = ("<script>alert(1)</script>", "</style><b>")
    dataset = with_leak(simulate(names, 260, sources=["<img src=x>"] * 260).dataset)
    found = Page(written(dataset, tmp_path))
    assert found.tags.count("script") == 1
    assert "img" not in found.tags
    assert found.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(found.headings, found.headings[1:], strict=False))
    assert {anchor[1:] for anchor in found.anchors} <= set(found.ids)
    assert all(table.captioned and not table.unscoped for table in found.tables)
    assert found.nameless_pictures == []
