import json
import re
from dataclasses import replace
from typing import Any

import pytest

import loupe
from loupe.classifier.classifier import Classifier
from loupe.recipes.recipe import changed
from loupe.reporting.model_card import model_card


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> loupe.Run:
    recipe = changed(loupe.recipe("logistic"), {"epochs": 1})
    return loupe.train(loupe.read("digits"), recipe, out=tmp_path_factory.mktemp("card") / "mine")


@pytest.fixture(scope="module")
def evaluation(run: loupe.Run) -> dict[str, Any]:
    return loupe.evaluate(run.classifier, loupe.read("digits"), ledger=None).to_dict()


def front_matter(card: str) -> Any:
    """Read the part of YAML that a card uses: indented maps and lists, JSON strings, numbers."""
    head = card.split("---\n")[1]
    rows = [
        (len(line) - len(line.lstrip(" ")), line.strip())
        for line in head.splitlines()
        if line.strip() and not line.startswith("#")
    ]
    content, end = block(rows, 0)
    assert end == len(rows)
    return content


def block(rows: list[tuple[int, str]], at: int) -> tuple[Any, int]:
    indent, is_list = rows[at][0], rows[at][1].startswith("- ")
    found: Any = [] if is_list else {}
    while at < len(rows) and rows[at][0] == indent and rows[at][1].startswith("- ") == is_list:
        if is_list:
            rows[at] = (indent + 2, rows[at][1][2:])
            if not re.match(r"[\w-]+:( |$)", rows[at][1]):
                found.append(scalar(rows[at][1]))
                at += 1
                continue
            value, at = block(rows, at)
            found.append(value)
            continue
        key, colon, rest = rows[at][1].partition(":")
        assert colon and key not in found
        at += 1
        if rest:
            assert rest.startswith(" ")
            found[key] = scalar(rest.strip())
        else:
            assert rows[at][0] > indent or rows[at][1].startswith("- ")
            found[key], at = block(rows, at)
    return found, at


def scalar(text: str) -> Any:
    if text.startswith('"') or re.fullmatch(r"-?\d[\d.e-]*", text):
        return json.loads(text)
    assert re.fullmatch(r"[\w/-]+", text), text  # anything else would need quotes
    return text


def test_the_front_matter_holds_what_was_measured(run, evaluation) -> None:
    head = front_matter(model_card(run.classifier, "mine", evaluation))
    assert head["pipeline_tag"] == "image-classification"
    assert "license" not in head
    assert head["metrics"] == ["accuracy", "precision", "recall", "f1"]
    (model,) = head["model-index"]
    assert model["name"] == "mine"
    test, validation = model["results"]
    assert test["task"] == {"type": "image-classification"}
    assert test["dataset"] == {"name": "digits", "type": "digits", "split": "test"}
    assert validation["dataset"]["split"] == "validation"
    figures = {metric["type"]: metric for metric in test["metrics"]}
    accuracy = evaluation["metrics"]["accuracy"]
    assert figures["accuracy"]["value"] == pytest.approx(accuracy["value"], abs=1e-5)
    assert "n = 359" in figures["accuracy"]["name"]
    assert f"{accuracy['low']:.4f} to {accuracy['high']:.4f}" in figures["accuracy"]["name"]


def test_names_that_yaml_or_markdown_would_take_for_its_own_stay_text(run, evaluation) -> None:
    names = ("yes: no", "- `x` | <script>alert(1)</script>", *"23456789")
    card = replace(run.classifier.card, class_names=names, training_data={"name": 'a "b": #c\n- d'})
    text = model_card(replace(run.classifier, card=card), 'x: "y" # z', evaluation)
    (model,) = front_matter(text)["model-index"]
    assert model["name"] == 'x: "y" # z'
    assert model["results"][1]["dataset"]["name"] == 'a "b": #c\n- d'
    assert "<script" not in text


def test_public_sets_have_the_names_that_the_hub_has(run, evaluation) -> None:
    card = replace(run.classifier.card, training_data={"name": "mnist"})
    head = front_matter(model_card(replace(run.classifier, card=card), "mine", evaluation))
    assert head["datasets"] == ["ylecun/mnist"]
    assert head["model-index"][0]["results"][0]["dataset"]["type"] == "ylecun/mnist"


def unmeasured(classifier: Classifier) -> Classifier:
    data = {"name": "digits", "counts": {"train": 1438, "validation": 0}}
    card = replace(classifier.card, evaluation={}, outlier_threshold=None, training_data=data)
    return replace(classifier, card=card)


def test_what_was_not_measured_is_said(run) -> None:
    text = model_card(unmeasured(run.classifier), "mine", None)
    assert "model-index" not in front_matter(text)
    for said in ("trained without validation images", "It refuses nothing", "not calibrated"):
        assert said in text


def test_limits_are_those_of_this_model(run, evaluation) -> None:
    once = model_card(run.classifier, "mine", {**evaluation, "looks_at_test": 1})
    often = model_card(run.classifier, "mine", {**evaluation, "looks_at_test": 5})
    untested = model_card(run.classifier, "mine", None)
    assert "looked at" not in once
    assert "looked at 5 times" in often
    assert "expect a little less" in untested


def test_what_else_its_makers_measured_and_know_is_said(run) -> None:
    own = run.classifier.card.evaluation
    figures = {"noise refused": {"value": 0.995, "low": 0.98, "high": 0.999, "n": 2000}}
    more = {**own, "figures": figures, "known_failures": "A slashed 0 is read as 8."}
    data = {"name": "digits", "counts": {"train": 1, "validation": 359, "variants": 55_000}}
    card = replace(run.classifier.card, evaluation=more, training_data=data)
    text = model_card(replace(run.classifier, card=card), "mine", None)
    assert "| noise refused | 2,000 | 99.5 % | 98.0 to 99.9 % |" in text
    assert "Known failures: A slashed 0 is read as 8." in text
    assert "1 training image, 359 validation images and 55,000 variants" in text


def test_the_text_says_how_to_use_it_and_how_pictures_are_framed(run, evaluation) -> None:
    text = model_card(run.classifier, "mine", evaluation)
    assert 'loupe.predict("photo.jpg", model="model.onnx")' in text
    assert "Light on dark" in text
    assert re.search(r"\| accuracy \| 359 test \| [\d.]+ % \| [\d.]+ to [\d.]+ % \|", text)
