"""What a user can do wrong, as exceptions that say what was given, what was expected, what to do.

    LoupeError
    ├── DataError              a data set that cannot be read or makes no sense
    │   └── BadFilesError      some of its files cannot be read: `faults` names every one
    ├── RecipeError            a setting that does not exist or has no such value
    │   └── NotationError      a network that cannot be read: `position` points at the token
    ├── RunError               a run folder that exists, is unfinished, or is no run
    ├── ModelError             a model file that is no Loupe model, or that failed its parity gate
    ├── TrainingError          training that cannot go on: a full disk
    │   └── DivergenceError    a loss that is no number any more
    └── MissingExtraError      a part of Loupe that is not installed

The command line prints the message without a traceback and exits with code 2.
"""

import difflib
import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType


class LoupeError(ValueError):
    """Any mistake of the user's that Loupe can name."""


class DataError(LoupeError):
    """A data set that cannot be read, or whose content makes no sense."""


@dataclass(frozen=True)
class Fault:
    """One file or row that cannot be used: where it is, what is wrong, what to do."""

    source: str
    problem: str
    advice: str


class BadFilesError(DataError):
    """Some files of a data set cannot be read; `faults` holds every one of them."""

    def __init__(self, message: str, faults: Sequence[Fault]) -> None:
        super().__init__(message)
        self.faults = tuple(faults)


class RecipeError(LoupeError):
    """A recipe with a setting that does not exist, or a value that it cannot have."""


class NotationError(RecipeError):
    """A network notation that cannot be read; `position` is where, counted from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


class RunError(LoupeError):
    """A run folder that exists already, is unfinished, or is not a run."""


class ModelError(LoupeError):
    """A file that is no Loupe model, or an export that failed its parity gate."""


class TrainingError(LoupeError):
    """A training that cannot go on."""


class DivergenceError(TrainingError):
    """A training whose loss is no number any more: the same steps lead there again."""


class MissingExtraError(LoupeError):
    """A part of Loupe that is not installed."""


# Which extra of the package brings which module.
EXTRA_OF_MODULE = {
    "torch": "train",
    "onnx": "train",
    "safetensors": "train",
    "pyarrow": "parquet",
    "optuna": "tune",
    "cleanlab": "labels",
}


def require(module: str, purpose: str) -> ModuleType:
    """Import an optional module, or say which extra brings it.

    Raises:
        MissingExtraError: the module is not installed.

    Example:
        >>> require("json", "reading JSON").__name__
        'json'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        extra = EXTRA_OF_MODULE[module.partition(".")[0]]
        raise MissingExtraError(
            f"{purpose} needs the package '{module}', which is not installed. "
            f"Install it with: pip install 'loupe[{extra}]'"
        ) from error


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Say which known name the given one may have meant; empty when none is near.

    Example:
        >>> did_you_mean("learning_rat", ["learning_rate", "epochs"])
        " Did you mean 'learning_rate'?"
    """
    near = difflib.get_close_matches(given, list(known), n=1)
    return f" Did you mean '{near[0]}'?" if near else ""
