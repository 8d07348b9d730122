"""Where output may go: told before the work, which would be lost otherwise."""

import tempfile
from pathlib import Path

from loupe.errors import LoupeError, RunError

MARK = b'<meta name="generator" content="Loupe '  # in the head of every page of ours
HEAD_BYTES = 2000  # the mark stands within them


def require_page_place(path: Path, option: str = "--html") -> None:
    """Refuse to write a page where something else is, or where there is no folder for it.

    Args:
        path: where the page is to go.
        option: that it was named with, for messages.

    Raises:
        LoupeError: the file is there and is no page of Loupe's, or its folder is not there.
    """
    if not path.parent.is_dir():
        raise LoupeError(
            f"{option} {path}: there is no folder {path.parent}. Make it first, or name another "
            "file."
        )
    if path.is_dir():
        raise LoupeError(f"{option} {path} is a folder. Name a file, as {path / 'page.html'}.")
    if path.exists() and not _is_ours(path):
        raise LoupeError(
            f"{path} is there already and is no page that Loupe wrote: nothing is overwritten. "
            f"Name another file with {option}."
        )
    try:
        _write_on_trial(path.parent)
    except OSError as error:
        raise LoupeError(
            f"{option} {path}: {path.parent} cannot be written to: {error.strerror}. Name a file "
            "in another folder."
        ) from error


def require_writable(folder: Path) -> None:
    """Refuse a folder that cannot be written to, or be made.

    Raises:
        RunError: a file in it, or where it would be, was refused.
    """
    try:
        _write_on_trial(folder)
    except OSError as error:
        raise RunError(
            f"The folder {folder} cannot be written to: {error.strerror}. Name another one with "
            "--out, or work in a folder that you may write to."
        ) from error


def require_ledger() -> None:
    """Refuse to begin where a look at test images could not be entered in the ledger.

    Raises:
        RunError: the ledger, or the folder where it would be, cannot be written to.
    """
    from loupe.runs.run import LEDGER  # reaches onnxruntime, which is slow to import

    try:
        if LEDGER.exists():
            LEDGER.open("ab").close()
        else:
            _write_on_trial(LEDGER.parent)
    except OSError as error:
        raise RunError(
            f"Each look at test images is entered in {LEDGER}, which cannot be written: "
            f"{error.strerror}. Work in a folder that you may write to, or leave the test images "
            "alone: loupe train --no-test, loupe evaluate --split validation."
        ) from error


def _write_on_trial(folder: Path) -> None:
    """Make a file that is gone at once; permissions alone do not tell, least of all to root."""
    nearest = folder.absolute()
    while not nearest.exists():
        nearest = nearest.parent
    with tempfile.TemporaryFile(dir=nearest):
        pass


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return MARK in file.read(HEAD_BYTES)
