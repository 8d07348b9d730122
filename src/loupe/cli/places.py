"""Where output may go: told before the work, which would be lost otherwise."""

from pathlib import Path

from loupe.errors import LoupeError

MARK = b'<meta name="generator" content="Loupe '  # in the head of every page of ours
HEAD_BYTES = 2000  # the mark stands within them


def require_page_place(path: Path) -> None:
    """Refuse to write a page where something else is, or where there is no folder for it.

    Raises:
        LoupeError: the file is there and is no page of Loupe's, or its folder is not there.
    """
    if not path.parent.is_dir():
        raise LoupeError(
            f"--html {path}: there is no folder {path.parent}. Make it first, or name another file."
        )
    if path.is_dir():
        raise LoupeError(f"--html {path} is a folder. Name a file, as {path / 'page.html'}.")
    if path.exists() and not _is_ours(path):
        raise LoupeError(
            f"{path} is there already and is no page that Loupe wrote: nothing is overwritten. "
            "Name another file with --html."
        )


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return MARK in file.read(HEAD_BYTES)
