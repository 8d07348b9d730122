"""Class folders: `<class>/<image>`, or `{train,val,test}/<class>/<image>`."""

import os
from collections.abc import Sequence
from pathlib import Path

from loupe.data.cache import identify_files, recall
from loupe.data.dataset import Dataset
from loupe.data.decoded import Decoded, decode_all, digest_all
from loupe.data.layout import Layout, Tree, arrange, is_named_as_image
from loupe.data.options import ReadOptions, stop_or_skip
from loupe.errors import DataError


def read_folder(path: Path, options: ReadOptions) -> Dataset:
    """Read a folder of class folders.

    The splits are those that the folder has; without any, all images are for training. The decoded
    images are kept in the cache, so that reading the same folder again is quick.

    Raises:
        BadFilesError: files that are no images, are damaged, or lie in no class folder.
        DataError: the folder has no class folders, one only, an empty one, or one that a split
            lacks.
    """
    layout = arrange(scan(path), str(path))
    files = [f"{path}{os.sep}{name}" for name in layout.paths]
    sources = [f"{path}/{name}" for name in layout.paths]
    decoded = recall(
        identify_files(files, layout.paths, options.size),
        sources,
        decode=lambda: decode_all(files, sources, size=options.size),
        digest=lambda: digest_all(files),
    )
    return assemble(path.resolve().name, layout, decoded, sources, options)


def holds_class_folders(path: Path) -> bool:
    """Say whether a path is a folder with folders, or images, in it."""
    if not path.is_dir():
        return False
    tree = Tree()
    entries = [entry for entry in _entries(path) if not tree.ignores(entry.name)]
    return any(entry.is_dir() or is_named_as_image(entry.name) for entry in entries)


def scan(root: Path) -> Tree:
    """List a folder and the folders in it; hidden ones and litter are noted, not entered.

    Raises:
        DataError: it is no folder, cannot be listed, or a link in it leads back to where it is.
    """
    tree = Tree()
    waiting: list[tuple[str, tuple[str, ...]]] = [("", (os.path.realpath(root),))]
    while waiting:
        folder, ancestors = waiting.pop()
        tree.files[folder] = []
        for entry in _entries(root / folder):
            path = f"{folder}/{entry.name}" if folder else entry.name
            if tree.ignores(path):
                continue
            if entry.is_dir():
                waiting.append((path, (*ancestors, _entered(entry, ancestors))))
            else:
                tree.files[folder].append(entry.name)
    return tree


def _entered(folder: os.DirEntry[str], ancestors: Sequence[str]) -> str:
    """Give a folder's real path, unless a link makes it one of the folders that it lies in."""
    real = os.path.realpath(folder.path) if folder.is_symlink() else folder.path
    if real in ancestors:
        raise DataError(
            f"{folder.path} is a link to a folder that it lies in, so listing it would never end. "
            "Delete the link."
        )
    return real


def assemble(
    name: str, layout: Layout, decoded: Decoded, sources: Sequence[str], options: ReadOptions
) -> Dataset:
    """Join what the folders say and what the files hold, once the bad files are dealt with.

    Raises:
        BadFilesError: there are bad files and they are not to be skipped.
    """
    faults = (*layout.faults, *decoded.faults)
    total = len(layout.paths) + len(layout.faults)
    skipped = stop_or_skip(name, faults, total, options.bad_files)
    return Dataset(
        name=name,
        images=decoded.images,
        labels=layout.labels[decoded.kept],
        split=layout.split[decoded.kept],
        class_names=layout.class_names,
        sources=[sources[i] for i in decoded.kept],
        notes=(*layout.notes, *decoded.notes),
        skipped=skipped,
    )


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be listed as a folder: {error.strerror}. Check the path and its "
            "permissions."
        ) from error
    for entry in entries:
        if not _is_unicode(entry.name):
            raise DataError(
                f"{folder}: the name {os.fsencode(entry.name)!r} is not valid UTF-8, so it cannot "
                "be shown or written to a report. Rename it."
            )
    return entries


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # Python's stand-ins for bytes that it could not decode
        return False
    return True
