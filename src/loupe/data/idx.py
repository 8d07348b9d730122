"""IDX, the format that MNIST came in: arrays of any type and rank, plain or packed with gzip.

A file is two zero bytes, the type, the rank, the shape as big-endian 32-bit numbers, then the
values, big-endian (described with MNIST: LeCun, Cortes and Burges, 1998).
"""

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loupe.data.compressed import gunzip, is_gzip, peek, refuse_bomb, unpacked_head
from loupe.data.dataset import Dataset, Split
from loupe.data.labels import one_each
from loupe.data.layout import IMAGE_SUFFIXES
from loupe.data.memory import Part, join_parts
from loupe.data.options import ReadOptions
from loupe.data.split_names import split_of_file
from loupe.data.unknown import refuse_strangers
from loupe.errors import DataError

ELEMENT_TYPES: dict[int, np.dtype] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_LONGEST_HEADER = 4 + 4 * 255
# What lies beside IDX files under names like theirs: pictures, tables, checksums, descriptions.
_OTHER_SUFFIXES = {
    *IMAGE_SUFFIXES, ".csv", ".tsv", ".txt", ".md", ".json", ".py", ".md5", ".sha256", ".asc"
}  # fmt: skip
_WORDS = ("images", "labels")
_WRITER_COLUMN = 2  # of QMNIST's label files, which have 8; column 0 is the class


@dataclass(frozen=True)
class IdxHeader:
    """What the first bytes of an IDX file say about the rest."""

    dtype: np.dtype
    shape: tuple[int, ...]

    @property
    def start(self) -> int:
        """Bytes before the first value."""
        return 4 + 4 * len(self.shape)

    @property
    def total_bytes(self) -> int:
        """Bytes of the whole file; a Python number, so that no claim can overflow it."""
        return self.start + math.prod(self.shape) * self.dtype.itemsize


def is_idx(path: Path) -> bool:
    """Say whether a file's content is IDX, plain or packed."""
    head = peek(path, 4)
    return len(head) == 4 and head[:2] == b"\0\0" and head[2] in ELEMENT_TYPES and head[3] > 0


def read_idx_content(path: Path) -> bytes:
    """Read an IDX file, header included, unpacked, and exactly as long as its header says.

    Raises:
        DataError: no IDX, or a header that the file does not bear out.
    """
    with path.open("rb") as file:
        if is_gzip(file.read(2)):
            return unpack_idx(path.read_bytes(), str(path))
    header = _header(peek(path, _LONGEST_HEADER), str(path))
    stored = path.stat().st_size
    if stored != header.total_bytes:
        raise DataError(
            f"{path} has {stored:,} bytes, but its header promises {header.total_bytes:,} (shape "
            f"{list(header.shape)}, {header.dtype.name}). It is cut short or damaged; get it again."
        )
    return path.read_bytes()


def unpack_idx(packed: bytes, source: str) -> bytes:
    """Unpack IDX content from gzip, after checking its header against the packed size."""
    header = _header(unpacked_head(packed, _LONGEST_HEADER), source)
    refuse_bomb(source, len(packed), header.total_bytes)
    return gunzip(packed, header.total_bytes, source)


def decode_idx(content: bytes, source: str) -> np.ndarray:
    """Give the array in the content of an IDX file, in this machine's byte order.

    Example:
        >>> decode_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]), "three bytes")
        array([7, 8, 9], dtype=uint8)
    """
    header = _header(content[:_LONGEST_HEADER], source)
    if len(content) != header.total_bytes:
        raise DataError(
            f"{source} has {len(content):,} bytes, but its header promises {header.total_bytes:,}."
        )
    try:
        flat = np.frombuffer(content, header.dtype, offset=header.start)
        return flat.reshape(header.shape).astype(header.dtype.newbyteorder("="), copy=False)
    except ValueError as error:  # more axes than NumPy has, or an empty array too large to describe
        raise DataError(f"{source} has a shape that NumPy cannot hold: {error}.") from error


def read_idx_array(path: Path) -> np.ndarray:
    """Read the array in one IDX file."""
    return decode_idx(read_idx_content(path), str(path))


def labels_and_writers(values: np.ndarray, source: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Take labels from an IDX label array, and the writers where it has QMNIST's eight columns."""
    if values.ndim == 2 and values.shape[1] == 8:
        return values[:, 0], values[:, _WRITER_COLUMN]
    return one_each(values, source), None


def holds_idx(path: Path) -> bool:
    """Say whether a path is an IDX file, or a folder of IDX files."""
    if not path.is_dir():
        return is_idx(path)
    return any(is_idx(file) for word in _WORDS for file in _named(path, word))


def read_idx(path: Path, options: ReadOptions) -> Dataset:
    """Read a folder of IDX files, or the file of images that has its file of labels beside it.

    In a folder, words in the names tell the files apart: `images` and `labels`; `train`, `val`,
    and `test` or MNIST's `t10k`.

    Raises:
        DataError: labels are missing, files are ambiguous, or a file is damaged.
    """
    if path.is_dir():
        return join_parts(path.resolve().name, _parts_of_folder(path))
    name = path.name.split(".")[0]
    return join_parts(name, {"train": _part(path, _labels_beside(path))})


def _header(head: bytes, source: str) -> IdxHeader:
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in ELEMENT_TYPES or not head[3]:
        raise DataError(
            f"{source} is no IDX file: it begins with {head[:4].hex(' ') or 'nothing'}; expected "
            "00 00, a type and a rank. Check that the download was not an error page."
        )
    rank = head[3]
    if len(head) < 4 + 4 * rank:
        raise DataError(f"{source} ends in the middle of its header. Get it again from its source.")
    return IdxHeader(ELEMENT_TYPES[head[2]], struct.unpack_from(f">{rank}I", head, 4))


def _part(images_path: Path, labels_path: Path) -> Part:
    images = read_idx_array(images_path)
    source = f"{labels_path} (of {images_path.name})"
    labels, writers = labels_and_writers(read_idx_array(labels_path), source)
    if len(images) != len(labels):
        raise DataError(
            f"{images_path} has {len(images)} images, but {labels_path.name} has {len(labels)} "
            "labels; each image needs one. Are they from the same set?"
        )
    return Part(images, labels, groups=writers)


def _parts_of_folder(folder: Path) -> Mapping[Split, Part]:
    images, labels = (_by_split(folder, paths, word) for word, paths in _sound(folder).items())
    for split, path in labels.items():
        if split not in images:
            raise DataError(
                f"{folder} has the labels {path.name}, but no images that belong to them; found "
                f"{_listed(each.name for each in images.values())}. Get the images too, or move "
                "the labels elsewhere."
            )
    parts: dict[Split, Part] = {}
    for split, path in images.items():
        if split not in labels or (split is None and len(images) > 1):
            raise DataError(
                f"{folder} has the images {path.name}, but no labels that belong to them; found "
                f"{_listed(each.name for each in labels.values())}. Name the files "
                "as MNIST does: train-images-…, train-labels-…, t10k-images-…, t10k-labels-…"
            )
        parts[split or "train"] = _part(path, labels[split])
    return parts


def _named(folder: Path, word: str) -> list[Path]:
    """Find the files that are IDX by their names: they say this word, and end as nothing else."""
    return [
        path
        for path in sorted(folder.iterdir())
        if word in path.name.lower()
        and not path.name.startswith(".")
        and not _OTHER_SUFFIXES.intersection(path.suffixes)
        and path.is_file()
    ]


def _sound(folder: Path) -> dict[str, list[Path]]:
    """Find the files that are IDX by name and content, by the word in their names.

    Raises:
        BadFilesError: some are by their names only, and no packed copies of others. Beside files
            that name splits, those that name none are no part of the data.
    """
    named = {word: _named(folder, word) for word in _WORDS}
    sound = {word: list(filter(is_idx, paths)) for word, paths in named.items()}
    known = {path.name for paths in sound.values() for path in paths}
    name_splits = known and all(map(split_of_file, known))
    strangers = [
        path
        for paths in named.values()
        for path in paths
        if not {path.name, path.stem} & known and (split_of_file(path.name) or not name_splits)
    ]
    refuse_strangers(folder, strangers, "IDX")
    return sound


def _by_split(folder: Path, paths: Sequence[Path], word: str) -> dict[Split | None, Path]:
    """Tell files apart by the split that they name."""
    found: dict[Split | None, Path] = {}
    for path in paths:
        split = split_of_file(path.name)
        known = found.setdefault(split, path)
        if known.name.removesuffix(".gz") != path.name.removesuffix(".gz"):
            raise DataError(
                f"{folder} has more than one file of {split or 'unnamed'} {word}: {known.name} "
                f"and {path.name}. Give the file of the images that you mean, or move the "
                "others elsewhere."
            )
    return found


def _labels_beside(path: Path) -> Path:
    start, word, _ = path.name.partition("images")
    if not word:
        raise DataError(
            f"{path} was given; expected a file of images with 'images' in its name, so that its "
            "labels can be found beside it (train-images-idx3-ubyte and train-labels-idx1-ubyte)."
        )
    beside = {
        candidate.name.removesuffix(".gz"): candidate
        for candidate in sorted(path.parent.glob("*labels*"), reverse=True)  # unpacked ones last
        if candidate.name.startswith(f"{start}labels") and is_idx(candidate)
    }
    if len(beside) != 1:
        raise DataError(
            f"{path} needs its labels beside it: an IDX file whose name begins with "
            f"'{start}labels'; found {_listed(beside)}. Put exactly one there."
        )
    return next(iter(beside.values()))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
