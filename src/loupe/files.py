"""Writing files so that a reader, or a killed process, never meets half of one."""

import contextlib
import errno
import glob
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def written_atomically(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; move it there when the block ends well.

    The move is one rename on the same file system: `path` holds either its old content or all of
    the new. When the block raises, the temporary file is removed and `path` is left as it was.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes files that only their owner may read
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove_unfinished(folder: Path, names: Iterable[str]) -> None:
    """Remove what killed processes left of writing files of these names into a folder.

    Nobody else may be writing there.
    """
    for name in names:
        for temporary in folder.glob(f".{glob.escape(name)}.*"):
            if re.fullmatch(r"[a-z0-9_]{8}", temporary.suffix[1:]):  # as mkstemp ends them
                temporary.unlink()


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    with written_atomically(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file atomically, indented so that people can read it."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def append_line(path: Path, line: str) -> int:
    """Append one line in one write, so that two processes never mix theirs.

    Returns:
        Where the line ends in the file, in bytes.
    """
    content = (line + "\n").encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        if os.write(descriptor, content) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(descriptor)
        return os.lseek(descriptor, 0, os.SEEK_CUR)
    finally:
        os.close(descriptor)


def is_full(error: OSError) -> bool:
    """Say whether it is for want of room that the system refused to write.

    Example:
        >>> is_full(OSError(errno.ENOSPC, "No space left on device")), is_full(PermissionError())
        (True, False)
    """
    return error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


def inert(text: str) -> str:
    """Give text for a CSV cell that no spreadsheet takes for a formula: as OWASP advises.

    It stands behind an apostrophe then. Numbers, and signs alone ("-" is a fine class name), do
    nothing and stay as they are.

    Example:
        >>> inert("=1+1"), inert("-3"), inert("seven")
        ("'=1+1", '-3', 'seven')
    """
    if len(text) < 2 or text[0] not in "=+-@\t\r\n":
        return text
    try:
        float(text)
    except ValueError:
        return "'" + text
    return text


def sha256(*parts: bytes | memoryview) -> str:
    """Hash the parts, one after the other, as hexadecimal SHA-256.

    Example:
        >>> sha256(b"lou", b"pe") == sha256(b"loupe")
        True
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
