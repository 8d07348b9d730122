import csv
import json
from dataclasses import replace

import numpy as np
import pytest

import loupe
from loupe.data.dataset import Dataset
from loupe.errors import DataError, MissingExtraError, RunError
from loupe.recipes.named import recipe
from loupe.reporting.examine_page import write_examine_page
from loupe.runs.ledger import looks

FLIPPED = 12


@pytest.fixture(scope="module")
def planted(tiny_dataset) -> Dataset:
    """The tiny data set with twelve labels flipped, a blank image, and equal ones that disagree."""
    labels, images = tiny_dataset.labels.copy(), tiny_dataset.images.copy()
    labels[:FLIPPED] = (labels[:FLIPPED] + 1) % 3
    images[100] = 0
    images[120] = images[121]
    names = ("column", "row", "<b>blob</b>")
    return replace(tiny_dataset, labels=labels, images=images, class_names=names)


@pytest.fixture(scope="module")
def quick():
    return recipe("fast", network="8C3b-6C3p2b", epochs=8, batch_size=32, variants={})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("examined")


@pytest.fixture(scope="module")
def found(planted, quick, folder):
    return loupe.examine(planted, folds=3, recipe=quick, folder=folder)


def test_flipped_labels_come_first_and_are_proposed_back(found, tiny_dataset):
    truth = tiny_dataset.train.labels
    flipped = set(range(FLIPPED))
    assert len(flipped & set(found.ranking[: FLIPPED + 3].tolist())) >= FLIPPED - 2
    suspect = [one for one in found.suspects if one.verdict == "label suspect"]
    hits = [one for one in suspect if one.index in flipped]
    assert len(hits) >= FLIPPED // 2  # the others are ambiguous to so small a network
    right = [found.dataset.class_names[truth[one.index]] == one.proposed for one in hits]
    assert np.mean(right) > 0.7


def test_a_blank_image_is_no_valid_one_and_equals_that_disagree_are_named(found):
    by_index = {one.index: one for one in found.suspects}
    assert by_index[100].verdict == "not a valid image"
    assert by_index[100].proposed == "drop"
    assert by_index[120].twins[0].source == "tiny:121"
    assert "an equal image has another label" in by_index[120].reason


def test_findings_say_what_was_found(found):
    assert {finding.check for finding in found.findings} == {
        verdict for verdict, number in found.counts.items() if number
    }
    assert sum(len(finding.indices) for finding in found.findings) == len(found.suspects)
    assert "suspect" in found.sentence and "tiny" in found.sentence


def test_a_notebook_shows_it_and_escapes_names(found):
    html = found._repr_html_()
    assert found.sentence in html and "<b>blob" not in html


def test_networks_that_read_too_little_are_no_judges(found, tmp_path):
    assert found.agreement > 0.75 and found.caution == ""
    guesses = (found.evidence.labels + 1) % 3
    guesses[:150] = found.evidence.labels[:150]
    evidence = replace(found.evidence, probabilities=np.eye(3, dtype=np.float32)[guesses])
    weak = replace(found, evidence=evidence)
    share = 150 / len(found)
    assert weak.agreement == pytest.approx(share)
    assert f"read only {100 * share:.0f} % of the images as they are labelled" in weak.caution
    page = write_examine_page(weak, tmp_path / "page.html").read_text()
    assert weak.caution in page
    assert "read too little to judge the labels" in page
    assert weak.sentence not in page and "by confident learning" not in page
    page = write_examine_page(found, tmp_path / "page.html").read_text()
    assert found.sentence.removesuffix(".") in page and "by confident learning" in page


def test_json_lists_the_whole_ranking(found):
    content = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert len(content["ranking"]) == len(found)
    assert content["ranking"][0]["source"] == found.dataset.sources[int(found.ranking[0])]
    scores = [row["score"] for row in content["ranking"]]
    assert scores == sorted(scores)
    assert len(found.to_dict(limit=5)["ranking"]) == 5


def test_fixes_are_what_is_proposed(found):
    rows = {fix.source: fix for fix in found.fixes}
    assert set(rows) == {one.source for one in found.suspects if one.proposed}
    assert rows["tiny:100"].proposed_label == "drop"


def test_neighbours_never_lie_in_the_image_own_fold(found, planted, quick, folder):
    from loupe.studies.folds import train_folds

    folds = train_folds(planted, quick, 3, folder)
    looked = np.flatnonzero(found.evidence.looked)
    near = found.evidence.nearest[looked]
    assert (folds.fold_of[near] != folds.fold_of[looked, None]).all()


def test_test_labels_are_ranked_by_networks_that_learnt_from_training_only(
    planted, quick, folder, tmp_path
):
    labels = planted.labels.copy()
    test = np.flatnonzero(planted.split == 2)
    labels[test[:5]] = (labels[test[:5]] + 1) % 3
    ledger = tmp_path / "ledger.jsonl"
    data = replace(planted, labels=labels)
    before = len(list(folder.iterdir()))
    on_test = loupe.examine(data, folds=3, recipe=quick, split="test", folder=folder, ledger=ledger)
    assert len(list(folder.iterdir())) == before  # the folds of the training labels serve both
    assert len(on_test) == len(test) and on_test.num_networks == 3
    assert len(set(range(5)) & set(on_test.ranking[:7].tolist())) >= 4
    assert on_test.looks_at_test == looks(ledger, data.test.fingerprint) == 1


def test_the_page_shows_every_verdict_and_loads_nothing(found, tmp_path):
    path = loupe.write_page(found, tmp_path / "page.html")
    content = path.read_text(encoding="utf-8")
    assert "<b>blob" not in content and "&lt;b&gt;blob" in content
    for verdict, number in found.counts.items():
        assert (f'id="{verdict.replace(" ", "-")}"' in content) == (number > 0)
    for suspect in found.suspects[:3]:
        assert suspect.source in content
    assert "http://" not in content.replace("http://www.w3.org", "") and "src=" not in content


def test_data_without_suspects_have_a_page_too(found, tmp_path):
    nothing = replace(found, suspects=(), wants=())
    assert "No label of 240 training images" in nothing.sentence
    assert "No class stands out" in write_examine_page(nothing, tmp_path / "p.html").read_text()


def test_what_makes_no_sense_is_refused(planted, tmp_path):
    with pytest.raises(DataError, match="There is no split 'validation'"):
        loupe.examine(planted, split="validation", folder=tmp_path)
    with pytest.raises(DataError, match="has no test images"):
        loupe.examine(planted.train, split="test", folder=tmp_path)
    with pytest.raises(DataError, match="in 200 folds leave 1 to a fold"):
        loupe.examine(planted, folds=200, folder=tmp_path)
    with pytest.raises(RunError, match="is no run"):
        loupe.examine(tmp_path)


def test_cleanlab_is_asked_for_before_the_work(planted, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cleanlab", None)
    with pytest.raises(MissingExtraError, match="labels"):
        loupe.examine(planted, folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_fixes_that_were_found_can_be_applied(found, planted, tmp_path):
    from loupe.data.fixes import apply_fixes, write_fixes

    path = tmp_path / "fixes.csv"
    write_fixes(path, found.fixes)
    with open(path, newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == len(found.fixes)
    mended = apply_fixes(planted, path)
    assert mended.fixes.changed + mended.fixes.dropped == len(found.fixes)
