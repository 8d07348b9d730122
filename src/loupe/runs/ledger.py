"""The ledger: one line for each look at a test split, so that nobody forgets how many there were.

A test figure is an estimate of the truth the first time. Whoever looks often and keeps the best has
chosen on the test images, and the figure flatters. The ledger does not forbid looks, it counts
them; the count stands beside every test figure.

The file is append-only JSON lines, `{"when", "test_fingerprint", "data", "model"}`. A line is one
write, so processes that evaluate at the same time do not mix theirs.
"""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

from loupe.errors import RunError
from loupe.files import append_line

KEYS = ("when", "test_fingerprint", "data", "model")


def enter_look(ledger: Path, *, test_fingerprint: str, model: str, data: str) -> int:
    """Enter one look at a test split.

    Args:
        ledger: the file; it and its folder are made where they are missing.
        test_fingerprint: fingerprint of the test images.
        model: what was measured on them.
        data: name of the data set.

    Returns:
        Looks at these test images so far, this one included.

    Raises:
        RunError: the ledger has a line that is none of its own, or cannot be written.
    """
    looks(ledger, test_fingerprint)  # a ledger that ends in half a line would spoil this one too
    when = datetime.now(UTC).isoformat(timespec="seconds")
    line = json.dumps(dict(zip(KEYS, (when, test_fingerprint, data, model), strict=True)))
    try:
        ledger.parent.mkdir(parents=True, exist_ok=True)
        end = append_line(ledger, line)
    except OSError as error:
        raise RunError(
            f"The look at the test images of '{data}' cannot be entered in {ledger}: "
            f"{error.strerror}. Make the file writable, or name another ledger: test figures are "
            "given only when the look is on record."
        ) from error
    # Counted up to this line's own end: others may have entered theirs since.
    return _count(ledger, ledger.read_bytes()[:end], test_fingerprint)


def looks(ledger: Path, test_fingerprint: str) -> int:
    """Count the looks at a test split so far; 0 where there is no ledger yet.

    Raises:
        RunError: the ledger cannot be read, or has a line that is none of its own.
    """
    try:
        content = _read(ledger)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise RunError(
            f"The ledger {ledger} cannot be read: {error.strerror}. Expected a file of JSON lines, "
            "one for each look at a test split. Make it readable, or name another ledger."
        ) from error
    return _count(ledger, content, test_fingerprint)


def _read(ledger: Path) -> bytes:
    content = ledger.read_bytes()
    if content and not content.endswith(b"\n"):
        time.sleep(0.05)  # another process may be in the middle of its write
        content = ledger.read_bytes()
    return content


def _count(ledger: Path, content: bytes, test_fingerprint: str) -> int:
    """Count the lines about these test images, checking every line."""
    *lines, rest = content.split(b"\n")
    entered = [_fingerprint(ledger, number, line) for number, line in enumerate(lines, start=1)]
    if rest:
        raise _corrupt(ledger, len(lines) + 1, rest)
    return entered.count(test_fingerprint)


def _fingerprint(ledger: Path, number: int, line: bytes) -> str:
    """The test fingerprint that one line is about."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _corrupt(ledger, number, line) from error
    if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in KEYS):
        raise _corrupt(ledger, number, line)
    fingerprint: str = entry["test_fingerprint"]
    return fingerprint


def _corrupt(ledger: Path, number: int, line: bytes) -> RunError:
    shown = line[:80].decode(errors="backslashreplace")
    return RunError(
        f"{ledger}, line {number}: '{shown}' is not an entry of the ledger. Expected one JSON "
        f"object with {', '.join(KEYS)} on a line of its own. Mend the line, or move the ledger "
        "aside and say so where figures are published: the looks in it then count no longer."
    )
