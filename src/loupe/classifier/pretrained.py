"""The readers that ship with the package, by name, and the one door to any model."""

import functools
import os
from pathlib import Path

from loupe.classifier.classifier import Classifier, load
from loupe.errors import ModelError, did_you_mean

FOLDER = Path(__file__).parent.parent / "pretrained"
# What each of them reads. Made by tools/make_pretrained.py.
PRETRAINED = {
    "mnist": "handwritten digits, 0 to 9",
    "fashion-mnist": "ten kinds of clothes and shoes, one to a picture",
}
DEFAULT = "mnist"


@functools.cache
def pretrained(name: str = DEFAULT) -> Classifier:
    """Load a model that ships with the package, once in a process.

    Raises:
        ModelError: there is none of that name, or the installation lacks its file.
    """
    if name not in PRETRAINED:
        raise ModelError(
            f"No model named {name!r} ships with Loupe.{did_you_mean(name, PRETRAINED)} "
            f"There are: {', '.join(PRETRAINED)}."
        )
    path = FOLDER / f"{name}.onnx"
    if not path.is_file():
        raise ModelError(
            f"The model {name!r} should be at {path} and is not there: this installation of Loupe "
            "is not whole. Install it again, or name a model of your own."
        )
    return load(path)


def find_model(given: Classifier | str | os.PathLike[str] | None = None) -> Classifier:
    """Give the classifier that somebody means.

    Args:
        given: a classifier, the name of one that ships with the package, the path of a model.onnx
            or run folder; None for the digit reader that ships.

    Raises:
        ModelError: there is no such model; says which names there are.
    """
    if isinstance(given, Classifier):
        return given
    if given is None or (isinstance(given, str) and given in PRETRAINED):
        return pretrained(given or DEFAULT)
    if not isinstance(given, (str, os.PathLike)):
        raise ModelError(
            f"A model was expected, not a {type(given).__name__}. Give a Classifier, the path of a "
            f"model.onnx or run folder, or one of these names: {', '.join(PRETRAINED)}."
        )
    if not Path(given).exists():
        raise ModelError(
            f"There is no model {str(given)!r}.{did_you_mean(str(given), PRETRAINED)} Expected a "
            f"model.onnx, the folder of a finished run, or one of: {', '.join(PRETRAINED)}."
        )
    return load(given)
