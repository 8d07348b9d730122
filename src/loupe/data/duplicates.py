"""Exact duplicates: images whose every pixel is equal.

Fashion-MNIST's first release held some (zalandoresearch/fashion-mnist#44: 43 pairs in train, 10
train images also in test). The files that are published today, by the checksums in the catalogue,
hold none: their 70,000 images are all different, and so are MNIST's.
"""

import numpy as np
from jaxtyping import Int64, UInt64

from loupe.arrays import Images

_ROWS = 2048  # hashed at a time, so that the words of a block stay in the processor's cache


def duplicate_ids(images: Images) -> Int64[np.ndarray, " n"]:
    """Give equal images the same id: the position of the first of them.

    MNIST's 70,000 images take about 20 ms: one 64-bit hash an image, and a comparison of all
    pixels only where hashes are equal.

    Args:
        images: raw pixels; of a memory-mapped array only a block at a time is read.

    Returns:
        The id of each image; an image without an equal before it has its own position.

    Example:
        >>> images = np.array([[7], [3], [7], [7]], np.uint8).reshape(4, 1, 1, 1)
        >>> duplicate_ids(images)
        array([0, 1, 0, 0])
    """
    count = len(images)
    if not count or not images[0].size:
        return np.zeros(count, np.int64)
    hashes = _hashes(images)
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    ids = first[inverse].astype(np.int64)
    again = np.flatnonzero(ids != np.arange(count))
    for block in np.split(again, range(_ROWS, len(again), _ROWS)):
        if not np.array_equal(images[block], images[ids[block]]):
            return _ids_by_bytes(images, ids)
    return ids


def equal_sets(ids: Int64[np.ndarray, " n"]) -> list[Int64[np.ndarray, " m"]]:
    """List the positions of each set of two or more images that share an id.

    Example:
        >>> equal_sets(np.array([0, 1, 0, 3, 1]))
        [array([0, 2]), array([1, 4])]
    """
    _, inverse, counts = np.unique(ids, return_inverse=True, return_counts=True)
    shared = np.flatnonzero(counts[inverse] > 1)
    shared = shared[np.argsort(ids[shared], kind="stable")]
    ends = np.flatnonzero(np.diff(ids[shared])) + 1
    return np.split(shared, ends) if len(shared) else []


def _hashes(images: Images) -> UInt64[np.ndarray, " n"]:
    """Multiply-and-add over 32-bit words with random 64-bit factors, modulo 2**64.

    Two unequal images collide with a probability of 2**-33 at most (Lemire and Kaser 2014,
    "Strongly universal string hashing is fast"); `duplicate_ids` then compares their pixels.
    """
    size = images[0].size
    words = -(-size // 4)
    factors = np.random.default_rng(0).integers(0, 2**64, words, np.uint64)
    hashes = np.empty(len(images), np.uint64)
    for start in range(0, len(images), _ROWS):
        rows = np.ascontiguousarray(images[start : start + _ROWS]).reshape(-1, size)
        if size % 4:
            rows = np.pad(rows, ((0, 0), (0, 4 * words - size)))
        hashes[start : start + _ROWS] = rows.view(np.uint32) @ factors
    return hashes


def _ids_by_bytes(images: Images, candidates: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Tell apart the images of each candidate set; only after a collision of hashes."""
    ids = np.arange(len(images))
    for positions in equal_sets(candidates):
        first_of: dict[bytes, int] = {}
        for position in positions:
            ids[position] = first_of.setdefault(images[position].tobytes(), int(position))
    return ids
