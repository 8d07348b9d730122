"""What a file is that no reader takes, told by its first bytes, and what to do about it."""

from collections.abc import Sequence
from pathlib import Path

from loupe.errors import BadFilesError, Fault

# First bytes of files that hold images but no data set: what they are, and what to do.
OTHER_FILES = {
    b"\x93NUMPY": "one NumPy array, without labels. Save images and labels together with "
    "np.savez_compressed(path, images=…, labels=…).",
    b"\x89PNG": "one picture. Give the folder that holds the classes' folders.",
    b"\xff\xd8\xff": "one picture. Give the folder that holds the classes' folders.",
    b"\x89HDF": "HDF5. Save its arrays as NPZ.",
    b"MATLAB": "a MATLAB file. Save its arrays as NPZ.",
    b"\x80": "a pickle, which Loupe never opens: it can run anybody's code. Save arrays as NPZ.",
    b"\x1f\x8b": "packed with gzip, and no IDX. Unpack it first.",
    b"\xfd7zXZ": "packed with xz. Unpack it first.",
    b"BZh": "packed with bzip2. Unpack it first.",
    b"PK": "a ZIP archive that is cut short, or has neither images nor arrays in it. Get it again, "
    "or unpack it and look.",
    b"<": "a web page. Its download failed: get it again.",
    b"version https://git": "a pointer of Git LFS, not the file itself. Fetch it: git lfs pull.",
    b"\xff\xfe": "UTF-16 text. Save it as UTF-8: text must be UTF-8.",
    b"\xfe\xff": "UTF-16 text. Save it as UTF-8: text must be UTF-8.",
}


def told_by_content(path: Path) -> str | None:
    """Say what a file is and what to do with it; None where its first bytes do not tell."""
    with path.open("rb") as file:
        head = file.read(19)
    if not head:
        return "empty (0 bytes). Get it again from its source."
    return next((text for start, text in OTHER_FILES.items() if head.startswith(start)), None)


def refuse_strangers(folder: Path, paths: Sequence[Path], expected: str) -> None:
    """Refuse files whose names say that they belong to the data, but whose content does not.

    Without them the data would be others: without its test file, a new test split is sealed.

    Args:
        folder: where they lie.
        paths: the files.
        expected: what the other files of the folder are.

    Raises:
        BadFilesError: there are such files; every one is named.
    """
    if not paths:
        return
    faults = [_fault(path, expected) for path in paths]
    count = f"{len(faults)} files cannot" if len(faults) > 1 else "a file cannot"
    start = "The first is" if len(faults) > 1 else "It is"
    raise BadFilesError(
        f"{folder}: {count} be read, though the name says that it is part of the data. {start} "
        f"{faults[0].source}: {faults[0].problem} {faults[0].advice} If it is no part of the "
        "data, move it out of the folder.",
        faults,
    )


def _fault(path: Path, expected: str) -> Fault:
    try:
        told = told_by_content(path)
    except OSError as error:
        told = f"not to be opened ({error.strerror or error}). Check its permissions."
    if told is None:
        return Fault(
            str(path), f"it is no {expected}.", "Mend it, or get it again from its source."
        )
    what, _, advice = told.partition(". ")
    return Fault(str(path), f"it is {what}; expected {expected}.", advice)
