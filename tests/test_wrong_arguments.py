"""What Python users hand over by mistake: without the type checks that the other tests run with."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, pathlib, types, loupe
from loupe.classifier.classifier import Classifier
digits = loupe.read("digits")
model = Classifier(None, None, "", "", 0)
stand_in = types.SimpleNamespace(class_names=(), examine=print)
calls = {
    "check a name": lambda: loupe.check("digits"),
    "check arrays": lambda: loupe.check((digits.images, digits.labels)),
    "evaluate on a name": lambda: loupe.evaluate(model, "digits"),
    "evaluate nothing": lambda: loupe.evaluate(None, digits),
    "evaluate an absent model": lambda: loupe.evaluate("absent.onnx", digits),
    "evaluate no split": lambda: loupe.evaluate(stand_in, digits, split="valid"),
    "report of no run": lambda: loupe.write_report(pathlib.Path("absent"), None),
    "predict a path": lambda: model.predict("a.png"),
    "predict by no model": lambda: loupe.predict(digits.images[0], 3),
    "predict of nothing": lambda: loupe.predict(None, model),
    "read an empty name": lambda: loupe.read(" "),
}
said = {}
for name, call in calls.items():
    try:
        call()
    except loupe.LoupeError as error:
        said[name] = str(error)
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What each mistaken call says, asked for in an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path_factory.mktemp("empty"),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("check a name", "A Dataset was expected, not 'digits'. Give loupe.read('digits')."),
        ("check arrays", "not a tuple. Read one with loupe.read(name_or_path), or make one with"),
        ("evaluate on a name", "Give loupe.read('digits')."),
        ("evaluate nothing", "A Classifier was expected, not a NoneType. Give the Run"),
        ("evaluate an absent model", "absent.onnx cannot be read"),
        ("evaluate no split", "no split 'valid'. Did you mean 'validation'? Expected one of"),
        ("report of no run", "absent is no run"),
        ("predict a path", "Read them first: loupe.read('a.png').images."),
        ("predict by no model", "A model was expected, not a int. Give a Classifier, the path"),
        ("predict of nothing", "expected"),
        ("read an empty name", "An empty name was given."),
    ],
)
def test_a_wrong_argument_is_refused_with_what_to_give_instead(call, expected, said):
    assert expected in said[call]
