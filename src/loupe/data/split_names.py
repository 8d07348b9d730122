"""How people name the splits, in keys and in the names of files and folders."""

import re
from collections.abc import Callable
from pathlib import Path

from loupe.data.dataset import Split

# "t10k" is MNIST's own name for its test images.
SPLIT_OF_NAME: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
    "t10k": "test",
}
_MOST_FILES = 1000  # a folder with more files than this holds images, not tables


def split_of_file(name: str) -> Split | None:
    """Say which split a file's name speaks of, by its words; None where it speaks of none.

    Example:
        >>> split_of_file("t10k-images-idx3-ubyte.gz"), split_of_file("letters.npz")
        ('test', None)
    """
    words = re.split(r"[^a-z0-9]+", name.lower())
    return next((SPLIT_OF_NAME[word] for word in words if word in SPLIT_OF_NAME), None)


def files_by_split(folder: Path, recognise: Callable[[Path], bool]) -> dict[Split, list[Path]]:
    """Find a folder's files whose names speak of a split and whose content is of one format."""
    named = [
        path for path in sorted(folder.iterdir()) if split_of_file(path.name) and path.is_file()
    ]
    found: dict[Split, list[Path]] = {}
    for path in named if len(named) <= _MOST_FILES else []:
        split = split_of_file(path.name)
        if split is not None and recognise(path):
            found.setdefault(split, []).append(path)
    return found
