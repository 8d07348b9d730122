"""NPZ, NumPy's archive of named arrays: keras' `mnist.npz`, MedMNIST, one's own `np.savez`."""

import math
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loupe.data.compressed import refuse_bomb
from loupe.data.dataset import Dataset
from loupe.data.named_arrays import dataset_from_named
from loupe.data.options import ReadOptions
from loupe.errors import DataError


@dataclass(frozen=True)
class ArrayHeader:
    """What the head of one array in the archive says about it."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype
    start: int  # bytes before the first value


def is_npz(path: Path) -> bool:
    """Say whether a file is a ZIP archive with NumPy arrays in it."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".npy") for name in archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return False


def read_npz(path: Path, options: ReadOptions) -> Dataset:
    """Read the arrays of images and labels in an NPZ file.

    Raises:
        DataError: keys that are not known, object arrays (they would have to be unpickled, which
            can run anybody's code), or headers that the file does not bear out.
    """
    return dataset_from_named(read_npz_arrays(path), name=path.stem, source=str(path))


def read_npz_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read every array of an NPZ file, without ever unpickling.

    Raises:
        DataError: an array of objects, a lying header, a damaged archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
            promised = sum(info.file_size for info in members)
            refuse_bomb(str(path), path.stat().st_size, promised)
            return {
                info.filename.removesuffix(".npy"): _read_member(archive, info, path)
                for info in members
            }
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(
            f"{path} cannot be unpacked: {error}. The file is damaged, cut short, or packed in a "
            "way that NumPy does not use; save it again with np.savez_compressed."
        ) from error


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> np.ndarray:
    source = f"{path}: array '{info.filename.removesuffix('.npy')}'"
    header = _read_header(archive, info, source)
    promised = header.start + math.prod(header.shape) * header.dtype.itemsize
    if info.file_size != promised:
        raise DataError(
            f"{source} has {info.file_size:,} bytes, but its header promises {promised:,} (shape "
            f"{list(header.shape)}, {header.dtype}). The file is damaged; save it again."
        )
    content = archive.read(info)  # at most file_size bytes, and their checksum must be right
    try:
        flat = np.frombuffer(content, header.dtype, offset=header.start)
        return flat.reshape(header.shape, order="F" if header.fortran_order else "C")
    except ValueError as error:  # an empty array whose shape is too large to describe
        raise DataError(f"{source} has a shape that NumPy cannot hold: {error}.") from error


def _read_header(archive: zipfile.ZipFile, info: zipfile.ZipInfo, source: str) -> ArrayHeader:
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    try:
        with archive.open(info) as file:
            version = np.lib.format.read_magic(file)
            shape, fortran_order, dtype = readers[version](file)
            header = ArrayHeader(shape, fortran_order, dtype, file.tell())
    except (ValueError, KeyError) as error:
        raise DataError(
            f"{source} has no header that can be read, or one of a later version than 2.0. Save "
            "it again with np.savez_compressed."
        ) from error
    if header.dtype.hasobject:
        raise DataError(
            f"{source} holds Python objects, which could only be unpickled, and that can run "
            "anybody's code. Save plain arrays: images of one size with np.stack, labels as "
            "numbers or text."
        )
    # `True` is a whole number to NumPy's reader of headers, and none to its reshape.
    if not all(type(size) is int and size >= 0 for size in header.shape):
        raise DataError(
            f"{source} has the shape {header.shape}, which is none. The file is damaged; save it "
            "again with np.savez_compressed."
        )
    if header.dtype.names is not None:
        raise DataError(f"{source} is of the type {header.dtype}; expected numbers or text.")
    return header
