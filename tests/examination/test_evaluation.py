import csv
import json
from dataclasses import replace

import numpy as np
import pytest

import loupe
from loupe.data.dataset import TEST, TRAIN, Dataset
from loupe.errors import DataError, RunError
from loupe.examination.evaluation import evaluate, write_evaluation
from loupe.examination.metrics import measure
from loupe.recipes.recipe import changed
from loupe.runs.ledger import looks


@pytest.fixture
def ledger(tmp_path):
    return tmp_path / "runs" / "ledger.jsonl"


def test_an_evaluation_holds_the_reading_of_the_test_split(tiny_dataset, nearest_mean, ledger):
    classifier = nearest_mean(tiny_dataset.train)
    found = evaluate(classifier, tiny_dataset, ledger=ledger)
    expected = classifier.examine(tiny_dataset.test.images).probabilities
    assert found.split == "test"
    assert len(found) == 60
    assert np.array_equal(found.probabilities, expected)
    assert found.metrics == measure(tiny_dataset.test.labels, expected)
    assert np.array_equal(found.guesses, expected.argmax(axis=1))
    assert np.array_equal(found.wrong, np.flatnonzero(found.guesses != found.labels))
    assert len(found.wrong) > 0
    assert found.sources[3] == tiny_dataset.test.sources[3] == "tiny:243"
    assert found.confusion_matrix.sum() == 60
    assert found.confusion_matrix.trace() == 60 - len(found.wrong)
    assert [one.n for one in found.per_class] == tiny_dataset.test.counts().tolist()


def test_a_view_and_its_data_set_give_the_same_evaluation(tiny_dataset, nearest_mean, ledger):
    classifier = nearest_mean(tiny_dataset.train)
    whole = evaluate(classifier, tiny_dataset, split="test", ledger=ledger)
    view = evaluate(classifier, tiny_dataset.test, ledger=ledger)
    assert whole.metrics == view.metrics
    assert whole.data_fingerprint == view.data_fingerprint == tiny_dataset.test.fingerprint
    assert (whole.looks_at_test, view.looks_at_test) == (1, 2)


def test_each_call_on_test_images_enters_one_look_that_names_the_model(
    tiny_dataset, nearest_mean, ledger
):
    classifier = nearest_mean(tiny_dataset.train)
    for count in (1, 2, 3):
        assert evaluate(classifier, tiny_dataset, ledger=ledger).looks_at_test == count
    assert classifier.examined == 3
    entries = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert [entry["model"] for entry in entries] == ["runs/nearest-mean/model.onnx"] * 3
    assert {entry["data"] for entry in entries} == {"tiny"}
    assert looks(ledger, tiny_dataset.test.fingerprint) == 3


def test_validation_and_training_images_are_never_entered(tiny_dataset, nearest_mean, ledger):
    classifier = nearest_mean(tiny_dataset.train)
    found = evaluate(classifier, tiny_dataset, split="train", ledger=ledger)
    assert (found.split, found.looks_at_test) == ("train", 0)
    assert evaluate(classifier, tiny_dataset.train, ledger=ledger).split == "train"
    assert not ledger.exists()


def test_each_folder_in_which_somebody_works_counts_its_own_looks(
    tiny_dataset, nearest_mean, tmp_path, monkeypatch
):
    classifier, counted = nearest_mean(tiny_dataset.train), []
    for name in ("one", "one", "other"):
        (tmp_path / name).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / name)
        counted.append(evaluate(classifier, tiny_dataset).looks_at_test)
    assert counted == [1, 2, 1]
    assert (tmp_path / "one" / "runs" / "ledger.jsonl").exists()


def test_without_a_ledger_no_look_is_counted(tiny_dataset, nearest_mean, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = evaluate(nearest_mean(tiny_dataset.train), tiny_dataset, ledger=None)
    assert found.looks_at_test == 0
    assert not list(tmp_path.iterdir())


def test_a_broken_ledger_stops_the_evaluation_before_the_test_images_are_read(
    tiny_dataset, nearest_mean, ledger
):
    ledger.parent.mkdir()
    ledger.write_text("what is this\n")
    classifier = nearest_mean(tiny_dataset.train)
    with pytest.raises(RunError, match="line 1"):
        evaluate(classifier, tiny_dataset, ledger=ledger)
    assert classifier.examined == 0


def test_no_figures_are_given_when_the_look_cannot_be_entered(tiny_dataset, nearest_mean, tmp_path):
    (tmp_path / "runs").write_text("a file where the folder should be")
    with pytest.raises(RunError):
        evaluate(
            nearest_mean(tiny_dataset.train), tiny_dataset, ledger=tmp_path / "runs" / "l.jsonl"
        )


def test_classes_are_matched_by_name_and_not_by_number(tiny_dataset, nearest_mean):
    same = evaluate(nearest_mean(tiny_dataset.train), tiny_dataset, ledger=None)
    classifier = nearest_mean(tiny_dataset.train, ("blob", "column", "row"))
    other = evaluate(classifier, tiny_dataset, ledger=None)
    assert other.metrics["accuracy"] == same.metrics["accuracy"]
    assert other.dataset.class_names == ("blob", "column", "row")
    assert np.array_equal(other.wrong, same.wrong)


def test_data_with_only_some_of_the_classes_are_measured_on_those(tiny_dataset, nearest_mean):
    rows_only = tiny_dataset.test.select(np.flatnonzero(tiny_dataset.test.labels == 1))
    renumbered = replace(rows_only, labels=np.zeros(20, np.int64), class_names=("row",))
    found = evaluate(nearest_mean(tiny_dataset.train), renumbered, ledger=None)
    assert [one.n for one in found.per_class] == [0, 20, 0]
    assert found.data_fingerprint == renumbered.fingerprint


def test_a_class_that_the_classifier_lacks_is_refused_with_both_lists(tiny_dataset, nearest_mean):
    renamed = replace(tiny_dataset, class_names=("column", "rows", "blob"))
    with pytest.raises(DataError) as caught:
        evaluate(nearest_mean(tiny_dataset.train), renamed, ledger=None)
    message = str(caught.value)
    assert "20 of the 60 images" in message
    assert "Did you mean 'row'?" in message
    assert "The data's classes: 'column', 'rows', 'blob'" in message
    assert "The classifier's: 'column', 'row', 'blob'" in message


def test_a_foreign_class_without_images_in_the_split_does_no_harm(tiny_dataset, nearest_mean):
    wider = replace(tiny_dataset, class_names=(*tiny_dataset.class_names, "cross"))
    found = evaluate(nearest_mean(tiny_dataset.train), wider, ledger=None)
    assert found.dataset.class_names == tiny_dataset.class_names


@pytest.mark.parametrize("view", [False, True])
def test_a_split_without_images_is_refused(tiny_dataset, nearest_mean, view):
    data = tiny_dataset.test if view else tiny_dataset
    with pytest.raises(DataError, match="has no validation images"):
        evaluate(nearest_mean(tiny_dataset.train), data, split="validation", ledger=None)


def test_evaluation_json_has_the_keys_that_the_design_fixes(tiny_dataset, nearest_mean, tmp_path):
    found = evaluate(
        nearest_mean(tiny_dataset.train), tiny_dataset, ledger=tmp_path / "ledger.jsonl"
    )
    write_evaluation(tmp_path, found)
    content = json.loads((tmp_path / "evaluation.json").read_text(), parse_constant=pytest.fail)
    assert content == found.to_dict()
    assert (content["split"], content["n"], content["looks_at_test"]) == ("test", 60, 1)
    assert set(content["metrics"]["accuracy"]) == {"value", "low", "high", "interval"}
    assert {"name", "precision", "recall", "f1", "n"} <= set(content["per_class"][0])
    assert np.array_equal(content["confusion_matrix"], found.confusion_matrix)
    assert content["data_fingerprint"] == tiny_dataset.test.fingerprint


def test_a_figure_that_is_no_number_is_null_in_json(tiny_dataset, nearest_mean, tmp_path):
    found = evaluate(nearest_mean(tiny_dataset.train), tiny_dataset, ledger=None)
    odd = replace(found.metrics["f1"], value=float("nan"), high=float("inf"))
    write_evaluation(tmp_path, replace(found, metrics={"f1": odd}))
    content = json.loads((tmp_path / "evaluation.json").read_text(), parse_constant=pytest.fail)
    assert content["metrics"]["f1"]["value"] is None
    assert content["metrics"]["f1"]["high"] is None


ODD_NAMES = ("a,b", 'c"d', "e\nf")


def _evaluation_with_names(tiny_dataset, nearest_mean, names, sources=None):
    named = replace(tiny_dataset, class_names=names)
    test = named.test if sources is None else replace(named.test, sources=sources)
    return evaluate(nearest_mean(named.train), test, ledger=None)


def _rows(folder):
    with open(folder / "predictions.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_predictions_csv_names_the_three_guesses_whatever_the_classes_are_called(
    tiny_dataset, nearest_mean, tmp_path
):
    found = _evaluation_with_names(tiny_dataset, nearest_mean, ODD_NAMES)
    write_evaluation(tmp_path, found)
    rows = _rows(tmp_path)
    assert list(rows[0]) == [
        *("source", "label", "guess_1", "probability_1"),
        *("guess_2", "probability_2", "guess_3", "probability_3"),
    ]
    assert [row["source"] for row in rows] == list(found.sources)
    assert [row["label"] for row in rows] == [ODD_NAMES[label] for label in found.labels]
    order = np.argsort(-found.probabilities, axis=1, kind="stable")
    for place in range(3):
        assert [row[f"guess_{place + 1}"] for row in rows] == [
            ODD_NAMES[i] for i in order[:, place]
        ]
        written = [float(row[f"probability_{place + 1}"]) for row in rows]
        expected = np.take_along_axis(found.probabilities, order[:, [place]], axis=1)[:, 0]
        assert np.allclose(written, expected, rtol=1e-5)


def test_two_classes_leave_the_third_guess_empty(tiny_dataset, nearest_mean, tmp_path):
    two = tiny_dataset.select(np.flatnonzero(tiny_dataset.labels < 2))
    two = replace(two, class_names=("column", "row"))
    write_evaluation(tmp_path, evaluate(nearest_mean(two.train), two, ledger=None))
    row = _rows(tmp_path)[0]
    assert row["guess_2"] in ("column", "row")
    assert (row["guess_3"], row["probability_3"]) == ("", "")


def test_no_name_becomes_a_formula_in_a_spreadsheet(tiny_dataset, nearest_mean, tmp_path):
    names = ("=1+1", "-", "-3")
    sources = ["=HYPERLINK(0).png", "+x.png", "@sum.png", "-cmd.png", *["plain.png"] * 56]
    write_evaluation(tmp_path, _evaluation_with_names(tiny_dataset, nearest_mean, names, sources))
    rows = _rows(tmp_path)
    assert [row["source"] for row in rows[:5]] == [
        *("'=HYPERLINK(0).png", "'+x.png", "'@sum.png", "'-cmd.png", "plain.png")
    ]
    assert {row["label"] for row in rows} == {
        "'=1+1",
        "-",
        "-3",
    }  # a sign and a number are harmless


def test_a_file_name_that_is_no_text_is_written_escaped(tiny_dataset, nearest_mean, tmp_path):
    sources = ["\udcff.png"] * 60  # as Python names a file whose name is not UTF-8
    names = tiny_dataset.class_names
    write_evaluation(tmp_path, _evaluation_with_names(tiny_dataset, nearest_mean, names, sources))
    assert _rows(tmp_path)[0]["source"] == "\\udcff.png"


def test_an_evaluation_shows_itself_in_a_notebook_without_running_scripts(
    tiny_dataset, nearest_mean
):
    data = replace(tiny_dataset, name="<script>alert(1)</script>")
    found = evaluate(nearest_mean(data.train), data, ledger=None)
    page = found._repr_html_()
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert f"{found.metrics['accuracy'].value:.4f}" in page
    assert len(repr(found)) < 3_000  # figures, and no arrays


def test_the_sentence_says_how_good_it_is_on_how_many_images(tiny_dataset, nearest_mean):
    found = evaluate(nearest_mean(tiny_dataset.train), tiny_dataset, ledger=None)
    right = 60 - len(found.wrong)
    assert found.sentence.startswith(f"{100 * right / 60:.2f} % of the 60 test images of tiny")


def test_a_mixed_data_set_is_cut_to_the_wanted_split():
    images = np.zeros((4, 8, 8, 1), np.uint8)
    split = np.array([TRAIN, TEST, TRAIN, TEST], np.uint8)
    data = Dataset("few", images, np.array([0, 1, 0, 0]), split, ("a", "b"), list("wxyz"))

    class Says:
        class_names = ("a", "b")

        def examine(self, images):
            from types import SimpleNamespace

            probabilities = np.tile(np.array([[0.8, 0.2]], np.float32), (len(images), 1))
            return SimpleNamespace(
                probabilities=probabilities,
                features=None,
                outlier=np.zeros(len(images), np.float32),
            )

    found = evaluate(Says(), data, ledger=None)
    assert list(found.sources) == ["x", "z"]
    assert found.metrics["accuracy"].value == 0.5
    assert found.classifier == "Says"


def test_a_run_and_its_paths_are_evaluated_as_their_classifier_is(tiny_dataset, tmp_path):
    folder = tmp_path / "run"
    run = loupe.train(tiny_dataset, changed(loupe.recipe("logistic"), {"epochs": 1}), out=folder)
    expected = evaluate(run.classifier, tiny_dataset, ledger=None)
    for given in (run, folder, str(folder), folder / "model.onnx"):
        found = evaluate(given, tiny_dataset, ledger=None)
        assert found.metrics == expected.metrics
