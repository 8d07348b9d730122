"""How people name the splits, in keys and in the names of files and folders."""

import re
from collections.abc import Callable, Collection
from pathlib import Path

from loupe.data.dataset import Split
from loupe.data.unknown import refuse_strangers

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


def files_by_split(
    folder: Path, recognise: Callable[[Path], bool], suffixes: Collection[str], expected: str
) -> dict[Split, list[Path]]:
    """Find a folder's files whose names speak of a split and whose content is of one format.

    Args:
        folder: where to look.
        recognise: says of a file whether its content is of the format.
        suffixes: of the names of such files: one that has it and is of another content is damaged.
        expected: the format, for messages.

    Raises:
        BadFilesError: some of them are damaged.
    """
    named = [
        path
        for path in sorted(folder.iterdir())
        if split_of_file(path.name) and not path.name.startswith(".") and path.is_file()
    ]
    named = named if len(named) <= _MOST_FILES else []
    found: dict[Split, list[Path]] = {}
    strangers = []
    for path in named:
        split = split_of_file(path.name)
        if split is not None and recognise(path):
            found.setdefault(split, []).append(path)
        else:
            strangers.append(path)
    if found:
        known = {path.name for some in found.values() for path in some}
        refuse_strangers(
            folder, [path for path in strangers if _belongs(path, suffixes, known)], expected
        )
    return found


def _belongs(path: Path, suffixes: Collection[str], known: Collection[str]) -> bool:
    """Say whether a file's name ends as the format's; a packed copy of a known file does not."""
    ends_as_one = not {*suffixes}.isdisjoint(suffix.lower() for suffix in path.suffixes)
    return ends_as_one and path.stem not in known
