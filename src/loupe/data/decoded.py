"""Many image files decoded at once: every fault collected, every change counted, one size."""

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Int64

from loupe.arrays import Images
from loupe.data.decode import Unreadable, decode_picture
from loupe.data.raster import DONE, Picture
from loupe.data.sizes import LARGEST, reduce, to_one_shape
from loupe.errors import Fault

LARGEST_FILE_BYTES = 256 << 20
_AT_A_TIME = 32  # files that a thread takes: more, and Ctrl-C waits long for photographs
_MOST_THREADS = 16  # more only wait for the interpreter's lock

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Decoded:
    """The images of many files, brought to one size.

    Attributes:
        images: uint8 `[n h w c]`, those that could be decoded, in the order of the files.
        kept: which file each image is, int64 `[n]`: positions in what was given.
        faults: the files that could not be decoded.
        notes: what was done to the images, in sentences with counts.
        content: SHA-256 over the content of all files, in hexadecimal.
    """

    images: Images
    kept: Int64[np.ndarray, " n"]
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]
    content: str


class _Outcome(NamedTuple):
    """What became of one file."""

    picture: Picture | None  # reduced, as `sizes.reduce` does
    stored: tuple[int, int]  # height and width before that
    fault: Fault | None
    digest: bytes


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Read one image file whole.

    Raises:
        Unreadable: it cannot be opened, is a folder or a pipe, or is too large.
    """
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            advice = "Name the image files in it, each on its own."
            raise Unreadable("it is a folder, not an image file.", advice, str(path))
        if not stat.S_ISREG(status.st_mode):
            advice = "Give an image file in its place."
            raise Unreadable("it is no regular file, but a pipe or a device.", advice, str(path))
        if status.st_size > LARGEST_FILE_BYTES:
            raise too_large(status.st_size, str(path))
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unreadable(
            f"it cannot be opened ({reason}).",
            "Check its permissions, or move it out of the data.",
            str(path),
        ) from error


def in_memory(content: bytes) -> bytes:
    """Give content that has been read already, as the reader for `decode_all`."""
    return content


def too_large(size_bytes: int, source: str) -> Unreadable:
    """Name a file that is too large to be one small image."""
    return Unreadable(
        f"it is too large ({size_bytes >> 20:,} MiB; at most {LARGEST_FILE_BYTES >> 20}).",
        "Make it smaller, or move it out of the data.",
        source,
    )


def decode_all(
    items: Sequence[Any],
    sources: Sequence[str],
    *,
    size: int | None = None,
    read: Callable[[Any], bytes] = read_file,
) -> Decoded:
    """Decode many images, on all cores, and bring them to one size and one number of channels.

    Threads, not processes: Pillow and OpenCV let go of the interpreter while they decode, which is
    where large images spend their time, and 70,000 PNGs of 28x28 take one core 2 s (Zen 5).

    Args:
        items: what `read` takes, one an image: paths by default.
        sources: where each item is from, for messages.
        size: height and width to fit to; None for the size that `sizes.target_shape` chooses.
        read: gives an item's bytes, or raises `Unreadable`.

    Example:
        >>> grey = b"P5 2 1 255 " + bytes([0, 255])
        >>> decoded = decode_all([grey, b"hello"], ["a.pgm", "b.pgm"], read=in_memory)
        >>> decoded.images.shape, decoded.faults[0].problem
        ((1, 1, 2, 1), 'it is text, not an image.')
    """
    limit = max(LARGEST, size or 0)

    def outcome(position: int) -> _Outcome:
        return _outcome(items[position], sources[position], read, limit)

    outcomes = list(_in_threads(outcome, len(items)))
    kept = [i for i, each in enumerate(outcomes) if each.picture is not None]
    pictures = [each.picture for each in outcomes if each.picture is not None]
    shapes = np.array([outcomes[i].stored for i in kept], np.int64).reshape(-1, 2)
    images, size_notes = to_one_shape([picture.pixels for picture in pictures], shapes, size)
    return Decoded(
        images=images,
        kept=np.array(kept, np.int64),
        faults=tuple(each.fault for each in outcomes if each.fault is not None),
        notes=_notes(pictures) + size_notes,
        content=hashlib.sha256(b"".join(each.digest for each in outcomes)).hexdigest(),
    )


def digest_all(items: Sequence[Any], read: Callable[[Any], bytes] = read_file) -> str:
    """Hash the content of many files without decoding them, as `Decoded.content`."""

    def digest(position: int) -> bytes:
        try:
            return _digest(read(items[position]))
        except Unreadable as unreadable:
            return _digest(unreadable.problem.encode())

    return hashlib.sha256(b"".join(_in_threads(digest, len(items)))).hexdigest()


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _in_threads(function: Callable[[int], T], count: int) -> Iterator[T]:
    """Call the function for 0..count-1 in threads, and give its results in order."""
    starts = range(0, count, _AT_A_TIME)

    def several(start: int) -> list[T]:
        return [function(i) for i in range(start, min(start + _AT_A_TIME, count))]

    if len(starts) <= 1:
        yield from several(0)
        return
    executor = ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS))
    try:
        for results in executor.map(several, starts):
            yield from results
    finally:
        executor.shutdown(cancel_futures=True)


def _outcome(item: Any, source: str, read: Callable[[Any], bytes], limit: int) -> _Outcome:
    try:
        content = read(item)
    except Unreadable as error:
        fault = Fault(source, error.problem, error.advice)
        return _Outcome(None, (0, 0), fault, _digest(error.problem.encode()))
    digest = _digest(content)
    try:
        picture = decode_picture(content, source)
    except Unreadable as error:
        return _Outcome(None, (0, 0), error.fault, digest)
    height, width = picture.pixels.shape[:2]
    small = Picture(reduce(picture.pixels, limit), picture.done)
    return _Outcome(small, (height, width), None, digest)


def _notes(pictures: Sequence[Picture]) -> tuple[str, ...]:
    """Say what was done to how many images, in the order of `DONE`."""
    counts = Counter(key for picture in pictures for key in picture.done)
    return tuple(
        f"{counts[key]:,} {'image was' if counts[key] == 1 else 'images were'} {what}."
        for key, what in DONE.items()
        if counts[key]
    )
