"""Decompressing what strangers packed: never more than was promised, never on trust."""

import zlib
from pathlib import Path

from loupe.errors import DataError

_GZIP = b"\x1f\x8b"
# Deflate packs at most 1032 bytes into one (zlib's technical details): a higher ratio is a lie.
_HIGHEST_RATIO = 1032
# Photographs and drawings pack 2 to 20 to one (MNIST: 4.8); only emptiness packs much better.
_PLAUSIBLE_RATIO = 100
_PLAUSIBLE_BYTES = 1 << 30
_HEAD_BYTES = 1 << 16  # packed bytes in which the first bytes of the content are looked for


def is_gzip(head: bytes) -> bool:
    """Say whether content is packed with gzip, by its first bytes."""
    return head.startswith(_GZIP)


def peek(path: Path, count: int) -> bytes:
    """Read the first bytes of a file's content, unpacked where the file is gzip."""
    with path.open("rb") as file:
        return unpacked_head(file.read(max(count, _HEAD_BYTES)), count)


def unpacked_head(packed: bytes, count: int) -> bytes:
    """Give the first bytes of content that may be packed; fewer where the packing is broken.

    Example:
        >>> import gzip
        >>> unpacked_head(gzip.compress(b"loupe"), 2), unpacked_head(b"loupe", 2)
        (b'lo', b'lo')
    """
    if not is_gzip(packed):
        return packed[:count]
    head, unpacker, packed = b"", zlib.decompressobj(wbits=31), packed[:_HEAD_BYTES]
    try:
        while len(head) < count:  # in small steps: damage behind the head is no matter
            piece = unpacker.decompress(packed, min(16, count - len(head)))
            packed = unpacker.unused_data or unpacker.unconsumed_tail
            head += piece
            if unpacker.eof and is_gzip(packed):
                unpacker = zlib.decompressobj(wbits=31)  # gzip may have several members
            elif unpacker.eof or not piece:
                break
    except zlib.error:
        pass
    return head


def refuse_bomb(source: str, packed: int, promised: int) -> None:
    """Refuse content that claims to be far larger than its packed bytes can mean.

    Args:
        source: the file, for the message.
        packed: bytes in the file.
        promised: bytes that a header says they unpack to.

    Raises:
        DataError: before anything is unpacked or allocated.
    """
    if promised > (packed + 64) * _HIGHEST_RATIO:
        raise DataError(
            f"{source} promises {promised:,} bytes, but its {packed:,} packed bytes cannot hold "
            "that many: the header lies. Get the file again from its source."
        )
    if promised > _PLAUSIBLE_BYTES and promised > packed * _PLAUSIBLE_RATIO:
        raise DataError(
            f"{source} would unpack {packed:,} bytes to {promised:,}: this looks like a "
            "decompression bomb. If it is not, unpack it yourself and read the unpacked file."
        )


def gunzip(packed: bytes, promised: int, source: str) -> bytes:
    """Unpack gzip to exactly the promised number of bytes.

    Raises:
        DataError: it holds more or fewer bytes, is cut short, or is damaged.
    """
    pieces: list[bytes] = []
    left = promised + 1  # one more than promised, to notice a longer content without unpacking it
    try:
        while packed:
            member = zlib.decompressobj(wbits=31)
            pieces.append(member.decompress(packed, left))
            left -= len(pieces[-1])
            if left == 0:
                raise DataError(
                    f"{source} unpacks to more than the {promised:,} bytes that its header "
                    "promises. It is damaged or made to mislead; get it again from its source."
                )
            if not member.eof:
                raise zlib.error("it ends in the middle")
            packed = member.unused_data.lstrip(b"\0")  # gzip may be padded with zeros
    except zlib.error as error:
        raise DataError(
            f"{source} cannot be unpacked: {error}. The file is damaged or was cut short; get it "
            "again from its source."
        ) from error
    if left != 1:
        raise DataError(
            f"{source} unpacks to {promised + 1 - left:,} bytes, but its header promises "
            f"{promised:,}. It was cut short before it was packed; get it again from its source."
        )
    return b"".join(pieces)
