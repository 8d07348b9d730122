"""Which file is of which class and split, from the names of the folders that it lies in."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np
from jaxtyping import UInt8

from loupe.arrays import Labels
from loupe.data.dataset import SPLITS, TRAIN
from loupe.data.labels import natural_order
from loupe.data.split_names import SPLIT_OF_NAME
from loupe.errors import DataError, Fault, did_you_mean

# What operating systems and archivers leave behind, in lower case.
LITTER = frozenset(
    ["thumbs.db", "ehthumbs.db", "desktop.ini", ".ds_store", "icon\r", "__macosx", "@eadir"]
)
# Only to tell misplaced images from other files: content decides what is an image.
IMAGE_SUFFIXES = frozenset(
    [".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".tif", ".tiff", ".webp"]
    + [".pgm", ".ppm", ".pbm", ".jp2", ".avif", ".heic", ".ico"]
)
_ANY_DIGIT = str.maketrans("123456789", "000000000")
_SHOWN = 3  # names that a note or message lists before "and n more"


@dataclass(frozen=True)
class Tree:
    """Folders and the files in them, as a folder or a ZIP lists them.

    Attributes:
        files: names of the files of each folder; folders are POSIX paths, "" is the root.
        hidden: paths that begin with a dot, and were not looked into.
        litter: paths that operating systems and archivers left behind.
        stray: files above the root, where a folder around everything was looked through.
    """

    files: dict[str, list[str]] = field(default_factory=lambda: {"": []})
    hidden: list[str] = field(default_factory=list)
    litter: list[str] = field(default_factory=list)
    stray: list[str] = field(default_factory=list)

    def ignores(self, path: str) -> bool:
        """Note a path that is hidden or litter; say whether it was."""
        name = path.rpartition("/")[2]
        if name.lower() in LITTER:
            self.litter.append(path)
        elif name.startswith("."):
            self.hidden.append(path)
        else:
            return False
        return True

    def folders_in(self, folder: str) -> list[str]:
        """Name the folders that lie directly in a folder."""
        start = f"{folder}/" if folder else ""
        inside = (path[len(start) :] for path in self.files if path and path.startswith(start))
        return natural_order(name for name in inside if name and "/" not in name)

    def has_images_in(self, folder: str) -> bool:
        """Say whether files with an image's suffix lie anywhere in a folder."""
        return any(
            is_named_as_image(name)
            for path, names in self.files.items()
            if path == folder or path.startswith(f"{folder}/")
            for name in names
        )


@dataclass(frozen=True, eq=False)
class Layout:
    """The images of a tree in order: by split, then class, then name.

    Attributes:
        paths: the files, relative to the tree's root.
        labels: index into `class_names` of each, int64 `[n]`.
        split: code of each one's split, uint8 `[n]`.
        class_names: in natural order.
        faults: files in places where they cannot have a class.
        notes: what was ignored.
    """

    paths: list[str]
    labels: Labels
    split: UInt8[np.ndarray, " n"]
    class_names: tuple[str, ...]
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]


# For each split's code: the folders of each class. More than one where names differ only in how
# Unicode composes an accent, as between a Mac and everything else.
_Shelves = dict[int, dict[str, list[str]]]


def arrange(tree: Tree, where: str, faults: Sequence[Fault] = ()) -> Layout:
    """Find classes and splits in `<class>/*` or `{train,val,test}/<class>/*`.

    Classes are matched by name over the splits, never by position.

    Args:
        tree: what lies where.
        where: what the tree is of, for messages.
        faults: what was refused when it was listed, to be named with the rest.

    Raises:
        DataError: no class folders, one only, an empty one, or one that a split lacks.

    Example:
        >>> layout = arrange(Tree({"": [], "10": ["a.png"], "2": ["b.png", "c.png"]}), "digits")
        >>> layout.class_names, layout.paths, layout.labels.tolist()
        (('2', '10'), ['2/b.png', '2/c.png', '10/a.png'], [0, 0, 1])
    """
    parts = _split_folders(tree, where)
    shelves = {code: _shelve(tree, part) for code, part in sorted(parts.items())}
    names = natural_order({name for shelf in shelves.values() for name in shelf})
    _require_two(tree, names, where)
    _require_filled(tree, shelves, where)
    _require_everywhere(shelves, names, where)
    rows = [
        (f"{folder}/{file}", label, code)
        for code, shelf in shelves.items()
        for label, name in enumerate(names)
        for folder in shelf[name]
        for file in _in_order(tree.files[folder])
    ]
    used = {folder for shelf in shelves.values() for each in shelf.values() for folder in each}
    misplaced, stray = _misplaced(tree, used, where)
    return Layout(
        paths=[path for path, _, _ in rows],
        labels=np.array([label for _, label, _ in rows], np.int64),
        split=np.array([code for _, _, code in rows], np.uint8),
        class_names=tuple(names),
        faults=(*faults, *misplaced),
        notes=_notes(tree, [*tree.stray, *stray], _beside(tree, parts)),
    )


def is_named_as_image(name: str) -> bool:
    """Say whether a file's name ends as an image's.

    Example:
        >>> is_named_as_image("a.JPG"), is_named_as_image("a.txt")
        (True, False)
    """
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def _split_folders(tree: Tree, where: str) -> dict[int, str]:
    """Find the folder of each split; the root alone where the folders in it are classes."""
    top = tree.folders_in("")
    named = [folder for folder in top if folder.lower() in SPLIT_OF_NAME]
    if not any(tree.folders_in(folder) for folder in named) and (
        not named or len(named) < len(top)
    ):
        return {TRAIN: ""}
    parts: dict[int, str] = {}
    for folder in named:
        code = SPLITS.index(SPLIT_OF_NAME[folder.lower()])
        if code in parts:
            raise DataError(
                f"{where}: the folders '{parts[code]}' and '{folder}' both name the "
                f"{SPLITS[code]} split. Keep one of them."
            )
        parts[code] = folder
    _require_labelled(tree, named, where)
    if TRAIN not in parts:
        raise DataError(
            f"{where}: has the split folders {_listed(named)}, but none named 'train'. Rename the "
            "folder of the training images, or give the folder of one split alone."
        )
    _refuse_images_beside(tree, [folder for folder in top if folder not in named], where)
    return parts


def _require_labelled(tree: Tree, named: Sequence[str], where: str) -> None:
    for folder in named:
        if not tree.folders_in(folder):
            count = len(tree.files[folder])
            has = f"{count:,} files directly in it" if count else "nothing in it"
            raise DataError(
                f"{where}: the split folder '{folder}' has {has} but no class folders, so "
                f"nobody knows what its images show; expected {folder}/<class>/<image>. Sort its "
                "images into class folders, or move it elsewhere."
            )


def _refuse_images_beside(tree: Tree, others: Sequence[str], where: str) -> None:
    for folder in others:
        if tree.has_images_in(folder):
            raise DataError(
                f"{where}: beside the split folders lies '{folder}', with images that would be "
                f"left out.{did_you_mean(folder.lower(), SPLIT_OF_NAME)} Expected only train, val "
                "and test there. Rename it or move it elsewhere."
            )


def _shelve(tree: Tree, part: str) -> dict[str, list[str]]:
    """Group the class folders of one split by name; Unicode's composed form decides."""
    shelf: dict[str, list[str]] = {}
    for name in tree.folders_in(part):
        folder = f"{part}/{name}" if part else name
        shelf.setdefault(unicodedata.normalize("NFC", name), []).append(folder)
    return shelf


def _require_two(tree: Tree, names: Sequence[str], where: str) -> None:
    if len(names) >= 2:
        return
    expected = "Expected a folder for each class, with its images in it: <class>/<image>"
    if not names:
        count = len(tree.files[""])
        has = f"{count:,} files but no folders" if count else "nothing to read"
        raise DataError(f"{where}: has {has} in it. {expected}. Or give a CSV of path,label.")
    inner = tree.folders_in(names[0])
    hint = f" Did you mean '{where}/{names[0]}'?" if len(inner) > 1 else ""
    raise DataError(
        f"{where}: has one class folder only, '{names[0]}'; a classifier needs at least two "
        f"classes. {expected}.{hint}"
    )


def _require_filled(tree: Tree, shelves: _Shelves, where: str) -> None:
    folders = [folder for shelf in shelves.values() for each in shelf.values() for folder in each]
    empty = [folder for folder in folders if not tree.files[folder]]
    if empty:
        deeper = [folder for folder in empty if tree.folders_in(folder)]
        advice = (
            f"In {_listed(deeper)} lie only more folders: images are expected directly in the "
            "class folder."
            if deeper
            else "Put images of the class in, or delete the folder."
        )
        raise DataError(f"{where}: no images in the class folders {_listed(empty)}. {advice}")


def _require_everywhere(shelves: _Shelves, names: Sequence[str], where: str) -> None:
    for code, shelf in shelves.items():
        missing = [name for name in names if name not in shelf]
        if missing:
            near = did_you_mean(missing[0], [name for name in shelf if name != missing[0]])
            raise DataError(
                f"{where}: the {SPLITS[code]} split has no folder for {_listed(missing)}, which "
                f"other splits have.{near} Every class must be in every split. Add images of it "
                "there, or take the class out of the others."
            )


def _in_order(files: Sequence[str]) -> list[str]:
    """Sort naturally; plainly, ten times as quick, where numbers are written with equal digits."""
    if len({name.translate(_ANY_DIGIT) for name in files}) <= 1:
        return sorted(files)
    return natural_order(files)


def _misplaced(tree: Tree, used: Iterable[str], where: str) -> tuple[list[Fault], list[str]]:
    """Name images that lie in no class folder, and other files above the class folders."""
    used = set(used)
    faults, stray = [], []
    for folder, names in tree.files.items():
        if folder in used:
            continue
        above = next((f"{up}" for up in map(str, PurePosixPath(folder).parents) if up in used), "")
        for name in natural_order(names):
            path = f"{folder}/{name}" if folder else name
            if above:
                advice = f"Move it up into '{above}', or into a class folder of its own."
                faults.append(Fault(f"{where}/{path}", "it lies too deep.", advice))
            elif is_named_as_image(name):
                advice = "Move it into the folder of its class, or delete it."
                faults.append(Fault(f"{where}/{path}", "it lies in no class folder.", advice))
            else:
                stray.append(path)
    return faults, stray


def _beside(tree: Tree, parts: Mapping[int, str]) -> list[str]:
    if set(parts.values()) == {""}:
        return []
    return [folder for folder in tree.folders_in("") if folder not in parts.values()]


def _notes(tree: Tree, stray: Sequence[str], beside: Sequence[str]) -> tuple[str, ...]:
    ignored = {
        "Hidden folders and files": tree.hidden,
        "Files of the operating system": tree.litter,
        "Files outside the class folders, not named as images": stray,
        "Folders without images beside the split folders": beside,
    }
    return tuple(
        f"{what} were ignored: {_listed(paths)}." for what, paths in ignored.items() if paths
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else shown
