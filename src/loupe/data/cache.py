"""Decoded images, kept so that the same files are read at once the next time.

An entry is two files in `LOUPE_CACHE_DIR/decoded` (by default in the user's cache folder): the
images as a `.npy` that is mapped into memory, and a `.json` with the rest. Delete them whenever you
like. At most `LARGEST_BYTES` are kept; what was not used for the longest time goes first.

An entry belongs to the content of its files: their SHA-256 is in its name. But to open, read and
hash 70,000 PNGs of 28x28 takes 0.7 s, to ask for their status 0.2 s. So, as git's index does, an
entry also remembers sizes, inodes and times of change, and the content is read again only where one
of these differs, or where a file changed less than `FRESH_SECONDS` before it was looked at: times
are coarse, and a second change could hide. (Measured on two busy Zen 5 cores, whole processes, all
files in the system's memory: the second reading takes 1.0 s by status, 2.0 s by content. Threads or
processes make neither quicker.)
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL
from jaxtyping import Int64

from loupe.data.decoded import Decoded
from loupe.data.download import cache_folder
from loupe.errors import Fault
from loupe.files import sha256, write_json, written_atomically

LARGEST_BYTES = 4 << 30
FRESH_SECONDS = 2.0  # the coarsest clock of a file system in use (FAT)
_VERSION = 3  # raised whenever decoding or fitting gives other pixels than before
_ABANDONED_SECONDS = 24 * 3600  # a temporary file older than this has lost its writer

Status = Int64[np.ndarray, "n 4"]  # size, modified, changed (ns), inode of each file; -1: none


@dataclass(frozen=True)
class Identity:
    """What tells one pile of files from all others.

    Attributes:
        outline: hash of what is known without opening the files: names, sizes, settings.
        stamps: hash of what changes whenever a file does; "" where it cannot be trusted.
    """

    outline: str
    stamps: str


def identify_files(paths: Sequence[str], names: Sequence[str], size: int | None) -> Identity:
    """Identify files by names, sizes and times, without reading them.

    Args:
        paths: where the files are.
        names: what they are called within their data set.
        size: what the images are to be fitted to.
    """
    looked_at = time.time_ns()
    status = _status(paths)
    changed = status[:, 2 if os.name == "posix" else 1]  # Windows has no time of change
    is_settled = int(changed.max(initial=0)) < looked_at - FRESH_SECONDS * 1e9
    is_known = bool((status >= 0).all())
    return Identity(
        outline=outline("\0".join(names), sha256(status[:, 0].tobytes()), str(size)),
        stamps=sha256(status.tobytes()) if is_settled and is_known else "",
    )


def outline(*parts: str) -> str:
    """Hash settings and whatever else tells the decoded images apart, with Loupe's own version.

    Example:
        >>> outline("a", "bc") == outline("ab", "c")
        False
    """
    versions = (str(_VERSION), PIL.__version__, cv2.__version__)
    return sha256(json.dumps([*versions, *parts]).encode())


def recall(
    identity: Identity,
    sources: Sequence[str],
    decode: Callable[[], Decoded],
    digest: Callable[[], str],
) -> Decoded:
    """Give the decoded images from the cache, or decode them and keep them for the next time.

    Args:
        identity: of the files as they are now.
        sources: where each file is, for the faults among them.
        decode: decodes all files.
        digest: hashes the content of all files; called only where an entry may match.
    """
    entries = _entries(identity.outline)
    for entry in entries:
        if identity.stamps and entry.stamps == identity.stamps:
            return _use(entry, sources) or _decode_and_keep(identity, sources, decode)
    content = digest() if entries else ""
    for entry in entries:
        if entry.content == content and (found := _use(entry, sources)):
            with contextlib.suppress(OSError):
                _write(replace(entry, stamps=identity.stamps))
            return found
    return _decode_and_keep(identity, sources, decode)


@dataclass(frozen=True)
class _Entry:
    """One `.json` of the cache; its images lie beside it."""

    path: Path
    content: str
    stamps: str
    images_sha256: str
    faults: list[list[Any]]  # position, problem, advice
    notes: list[str]

    @property
    def images_path(self) -> Path:
        return self.path.with_suffix(".npy")


def _entries(outline: str) -> list[_Entry]:
    """List what was kept of files of these names and sizes; broken entries count as none."""
    found = []
    for path in sorted(_folder().glob(f"{outline[:32]}-*.json")):
        try:
            found.append(_Entry(path=path, **json.loads(path.read_bytes())))
        except (OSError, ValueError, TypeError):
            continue
    return found


def _use(entry: _Entry, sources: Sequence[str]) -> Decoded | None:
    """Map the images of an entry, when they are whole and as they were written."""
    try:
        with entry.images_path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != entry.images_sha256:
                return None
        images = np.load(entry.images_path, mmap_mode="r", allow_pickle=False)
        for path in (entry.path, entry.images_path):
            os.utime(path)  # used just now: the last to be removed
        faults = [Fault(sources[at], problem, advice) for at, problem, advice in entry.faults]
        bad = [at for at, _, _ in entry.faults]
        kept = np.delete(np.arange(len(sources)), bad)
        if len(kept) != len(images):
            return None
    except (OSError, ValueError, TypeError, IndexError):
        return None
    return Decoded(images, kept, tuple(faults), tuple(entry.notes), entry.content)


def _decode_and_keep(
    identity: Identity, sources: Sequence[str], decode: Callable[[], Decoded]
) -> Decoded:
    decoded = decode()
    if not len(decoded.images):
        return decoded
    try:
        entry = _keep(identity, decoded, len(sources))
        _make_room(entry)
        return replace(decoded, images=np.load(entry.images_path, mmap_mode="r"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        note = f"The decoded images could not be kept for the next time ({reason})."
        return replace(decoded, notes=(*decoded.notes, note))


def _keep(identity: Identity, decoded: Decoded, count: int) -> _Entry:
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # the images may be private
    path = folder / f"{identity.outline[:32]}-{decoded.content[:32]}.json"
    with written_atomically(path.with_suffix(".npy")) as temporary:
        with temporary.open("wb") as file:
            np.save(file, decoded.images, allow_pickle=False)
        with temporary.open("rb") as file:
            images_sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    bad = np.delete(np.arange(count), decoded.kept).tolist()
    entry = _Entry(
        path=path,
        content=decoded.content,
        stamps=identity.stamps,
        images_sha256=images_sha256,
        faults=[
            [at, fault.problem, fault.advice] for at, fault in zip(bad, decoded.faults, strict=True)
        ],
        notes=list(decoded.notes),
    )
    _write(entry)
    return entry


def _write(entry: _Entry) -> None:
    write_json(entry.path, {key: value for key, value in vars(entry).items() if key != "path"})


def _make_room(newest: _Entry) -> None:
    """Remove what was not used for the longest time until the rest is small enough."""
    files = []
    for path in _folder().iterdir():
        with contextlib.suppress(OSError):  # another process may be removing it
            status = path.stat()
            files.append((status.st_mtime, status.st_size, path))
    left = sum(size for _, size, _ in files)
    for used, size, path in sorted(files):
        is_abandoned = path.name.startswith(".") and used < time.time() - _ABANDONED_SECONDS
        if (left > LARGEST_BYTES and path.stem != newest.path.stem) or is_abandoned:
            with contextlib.suppress(OSError):  # Windows keeps files that are mapped
                path.unlink()
                left -= size


def _folder() -> Path:
    return cache_folder() / "decoded"


def _status(paths: Sequence[str]) -> Status:
    return np.array([_status_of(path) for path in paths], np.int64).reshape(-1, 4)


def _status_of(path: str) -> tuple[int, int, int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return -1, -1, -1, -1
    inode = found.st_ino & (2**63 - 1)  # some file systems use the 64th bit
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, inode
