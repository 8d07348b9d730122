"""The pictures of `loupe predict`: files, all that is in a folder, or what comes through stdin."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from loupe.errors import DataError

STDIN = "-"
_SHOWN = 3  # names that a note lists before "and n more"


@dataclass(frozen=True)
class Found:
    """What the arguments amount to.

    Attributes:
        names: paths of files in the order in which they are read, or `-`.
        notes: what was left out of folders.
        is_one: whether one file was meant, and not a list that happens to have one.
    """

    names: tuple[str, ...]
    notes: tuple[str, ...]
    is_one: bool

    def contents(self) -> Iterator[tuple[str, str | bytes]]:
        """Give each name with the path to open, or the bytes that came through stdin."""
        for name in self.names:
            yield name, sys.stdin.buffer.read() if name == STDIN else name


def find_pictures(given: Sequence[str]) -> Found:
    """Look through the folders among what was named; files are taken as they are.

    Raises:
        DataError: a folder cannot be listed, or has no files named as images.
    """
    names: list[str] = []
    notes: list[str] = []
    has_folder = False
    for name in given:
        if name != STDIN and Path(name).is_dir():
            has_folder = True
            inside, left_out = _look_through(name)
            names += inside
            notes += left_out
        else:
            names.append(name)
    return Found(tuple(names), tuple(notes), len(given) == 1 and not has_folder)


def _look_through(folder: str) -> tuple[list[str], list[str]]:
    from loupe.data.folder import scan  # 0.1 s to import, which a single photo need not wait for
    from loupe.data.labels import natural_order
    from loupe.data.layout import is_named_as_image

    tree = scan(Path(folder))
    files = [f"{place}/{name}" if place else name for place in tree.files
             for name in tree.files[place]]  # fmt: skip
    pictures = [path for path in files if is_named_as_image(path)]
    if not pictures:
        raise DataError(
            f"The folder {folder} has no files in it that are named as images (.png, .jpg, ...). "
            "Name another folder, or the files themselves."
        )
    left_out = {
        "hidden": tree.hidden,
        "left behind by the operating system": tree.litter,
        "not named as an image": [path for path in files if not is_named_as_image(path)],
    }
    notes = [
        f"{folder}: left out, {why}: {_listed(natural_order(paths))}."
        for why, paths in left_out.items()
        if paths
    ]
    return [str(Path(folder, path)) for path in natural_order(pictures)], notes


def _listed(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _SHOWN:,} more" if len(paths) > _SHOWN else ""
    return ", ".join(paths[:_SHOWN]) + more
