"""The command that trains on the same data: what a run and a study end with."""

import shlex
from collections.abc import Mapping
from typing import Any

from loupe.data.again import Noted


def train_command(noted: Noted, recipe_file: str, distil: str = "") -> str:
    """Write the command that trains a recipe on data as they were read.

    Data from memory have no place to read them from, and no flag leaves them without a test split:
    there it is a line of Python.

    Args:
        noted: of the data: `origin` and `read_options`.
        recipe_file: the recipe.
        distil: the model that is to be learnt from, if one is.

    Example:
        >>> options = {"bad_files": "skip", "generated": "drawn", "generated_only": False}
        >>> train_command({"origin": "my pets", "read_options": options}, "best.toml")
        "loupe train 'my pets' --recipe best.toml --bad-files skip --generated drawn"
    """
    options = noted.get("read_options", {})
    if not noted.get("origin") or not options.get("seal", True):
        given = "".join(f", {key}={value!r}" for key, value in options.items())
        dataset = f"loupe.read({noted['origin']!r}{given})" if noted.get("origin") else "dataset"
        taught = f", distil={distil!r}" if distil else ""
        return f"loupe.train({dataset}, {recipe_file!r}{taught})"
    words = ["loupe", "train", noted["origin"], "--recipe", recipe_file, *flags(options)]
    words += ["--distil", distil] if distil else []
    return shlex.join(words)


def flags(options: Mapping[str, Any]) -> list[str]:
    """Write what `read` was given as flags of the command line.

    Example:
        >>> flags({"size": 28, "generated": "drawn", "generated_only": False})
        ['--size', '28', '--generated', 'drawn']
    """
    words: list[str] = []
    for option, value in options.items():
        flag = f"--{option.replace('_', '-')}"
        if not isinstance(value, bool):
            words += [flag, str(value)]
        elif value:
            words.append(flag)
    return words
