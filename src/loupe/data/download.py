"""Where a published file is found: on disk where the user says, in the cache, or on its mirrors.

`LOUPE_DATA_DIR` (one folder, or several joined as in `PATH`) is looked into first and never written
to; `LOUPE_CACHE_DIR` moves the cache. Whatever comes from a mirror is verified before it is kept.
"""

import hashlib
import http.client
import logging
import os
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loupe.data.compressed import refuse_bomb
from loupe.data.idx import decode_idx, read_idx_content, unpack_idx
from loupe.errors import DataError
from loupe.files import sha256, written_atomically

log = logging.getLogger("loupe")

TIMEOUT_SECONDS = 15.0  # for the connection, and for each wait for more bytes
_BLOCK_BYTES = 1 << 20
_LARGEST_DOWNLOAD = 1 << 30  # EMNIST's archive, the largest of the catalogue, has 0.56 GB


@dataclass(frozen=True)
class PublicFile:
    """One published IDX file: where it is, and how to know that it is the right one.

    Attributes:
        name: as published, packed with gzip.
        folders: where it lies in a data folder or the cache; the first is where it is put.
        shape: of the array in it; -1 where any length will do.
        addresses: its mirrors, in the order in which they are tried.
        sha256: of the unpacked content, which holds for every mirror and every recompression.
        md5: of the file as first published; of the archive, where it is in one.
        archive: the ZIP that `addresses` lead to, if the file is in one.
    """

    name: str
    folders: tuple[str, ...]
    shape: tuple[int, ...]
    addresses: tuple[str, ...]
    sha256: str = ""
    md5: str = ""
    archive: str = ""

    @property
    def stored_name(self) -> str:
        """Name of what is downloaded: the file, or the archive that it is in."""
        return self.archive or self.name


@dataclass(frozen=True, eq=False)
class Fetched:
    """The array in a published file, and what is worth saying about where it came from."""

    values: np.ndarray
    downloaded: bool
    notes: tuple[str, ...] = ()


class MirrorError(Exception):
    """A mirror that does not answer, or does not send what it should."""


def cache_folder() -> Path:
    """Give the folder for downloads: `LOUPE_CACHE_DIR`, or the user's cache folder."""
    if given := os.environ.get("LOUPE_CACHE_DIR"):
        return Path(given).expanduser()
    import pooch

    return Path(pooch.os_cache("loupe"))


def data_folders() -> tuple[Path, ...]:
    """Give the folders that `LOUPE_DATA_DIR` names, in its order."""
    given = os.environ.get("LOUPE_DATA_DIR", "")
    return tuple(Path(part).expanduser() for part in given.split(os.pathsep) if part)


def fetch_all(name: str, files: Mapping[str, PublicFile]) -> dict[str, Fetched]:
    """Fetch the files of a data set, each from the first place that has the right one.

    Raises:
        DataError: some file is nowhere to be had; says where every one should be put.
    """
    fetched: dict[str, Fetched] = {}
    for role, file in files.items():
        try:
            fetched[role] = fetch(file)
        except DataError as error:
            raise DataError(f"{name}: {error} {_where_to_put(files)}") from error
    return fetched


def fetch(file: PublicFile, *, download: bool = True) -> Fetched:
    """Fetch one file: from `LOUPE_DATA_DIR`, then the cache, then each mirror in turn.

    Raises:
        DataError: no place has it; names every place and what was wrong there.
    """
    failures: list[str] = []
    for path in _copies(file):
        try:
            values = _opened(path, file, in_archive=path.name == file.archive)
            return Fetched(values, downloaded=False, notes=(*failures, *_doubts(path, file)))
        except DataError as error:
            _record(failures, f"{error}")
    for address in file.addresses if download else ():
        try:
            return Fetched(_downloaded(address, file), downloaded=True, notes=tuple(failures))
        except MirrorError as error:
            _record(failures, f"{address} failed: {error}")
    looked = ", ".join(map(str, (*data_folders(), cache_folder())))
    raise DataError(f"{file.name} is not in {looked}. {' '.join(failures)}".rstrip())


def _record(failures: list[str], failure: str) -> None:
    log.warning("%s", failure)
    failures.append(failure)


def _copies(file: PublicFile) -> Iterator[Path]:
    """Every copy on disk, packed or not, or the archive that holds it."""
    names = dict.fromkeys((file.name.removesuffix(".gz"), file.name, file.stored_name))
    for root in (*data_folders(), cache_folder()):
        for folder in file.folders:
            yield from filter(Path.is_file, (root / folder / name for name in names))


def _opened(path: Path, file: PublicFile, *, in_archive: bool) -> np.ndarray:
    """Read a copy on disk; refuse one that is not the published one, where that can be told."""
    content = _from_archive(path, file) if in_archive else read_idx_content(path)
    values = decode_idx(content, str(path))
    expected = list(file.shape)
    if len(values.shape) != len(expected) or any(
        wanted not in (-1, size) for wanted, size in zip(expected, values.shape, strict=True)
    ):
        raise DataError(
            f"{path} is another file: its shape is {list(values.shape)}, not {expected}."
        )
    if file.sha256 and (found := sha256(content)) != file.sha256:
        raise DataError(
            f"{path} is not the published file: the SHA-256 of its content is {found}, "
            f"not {file.sha256}."
        )
    return values


def _doubts(path: Path, file: PublicFile) -> tuple[str, ...]:
    """Say that a copy could not be verified: no checksum is published for this form of it."""
    is_verified = file.sha256 or path.name == file.archive
    if is_verified or (not file.archive and _md5(path) == file.md5):
        return ()
    return (f"{path} could not be verified: no checksum is known of this form of the file.",)


def _from_archive(path: Path, file: PublicFile) -> bytes:
    """Unpack one member; ZIP's own checksum guards it, the MD5 was checked at the download."""
    source = f"{path}: {file.name}"
    try:
        with zipfile.ZipFile(path) as archive:
            member = next(
                info for info in archive.infolist() if Path(info.filename).name == file.name
            )
            refuse_bomb(source, member.compress_size, member.file_size)
            return unpack_idx(archive.read(member), source)
    except (StopIteration, zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{source} cannot be read: {error or 'it is not in there'}.") from error


def _downloaded(address: str, file: PublicFile) -> np.ndarray:
    """Download to the cache; nothing is left there unless it is whole and verified."""
    target = cache_folder() / file.folders[0] / file.stored_name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"The cache folder {target.parent} cannot be made ({error.strerror}). Set "
            "LOUPE_CACHE_DIR to a folder that can be written to."
        ) from error
    log.info("Downloading %s", address)
    with written_atomically(target) as temporary:
        with temporary.open("wb") as kept:
            for block in _received(address):
                kept.write(block)
        return _verified(temporary, file)


def _verified(path: Path, file: PublicFile) -> np.ndarray:
    """Read what a mirror sent, if it is what was published."""
    if file.md5 and not file.sha256 and (found := _md5(path)) != file.md5:
        raise MirrorError(f"it sent another file: its MD5 is {found}, not {file.md5}.")
    try:
        return _opened(path, file, in_archive=bool(file.archive))
    except DataError as error:
        reason = str(error).replace(str(path), "what it sent")
        raise MirrorError(f"{reason}") from error


def _received(address: str) -> Iterator[bytes]:
    """Give a mirror's answer block by block; anything wrong on the way is a `MirrorError`."""
    received = 0
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as response:
            announced = response.headers.get("Content-Length")
            while block := response.read(_BLOCK_BYTES):
                received += len(block)
                if received > _LARGEST_DOWNLOAD:
                    raise MirrorError(f"it sent more than {_LARGEST_DOWNLOAD:,} bytes.")
                yield block
    except urllib.error.HTTPError as error:
        error.close()
        raise MirrorError(f"it answered {error.code} {error.reason}.") from error
    except (OSError, http.client.HTTPException) as error:
        raise MirrorError(f"{getattr(error, 'reason', None) or error}.") from error
    if announced is not None and str(received) != announced.strip():
        raise MirrorError(f"it sent {received} of {announced} bytes.")


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _where_to_put(files: Mapping[str, PublicFile]) -> str:
    names = ", ".join(dict.fromkeys(file.stored_name for file in files.values()))
    folder = next(iter(files.values())).folders[0]
    return (
        f"Check the network, or put {names} into {cache_folder() / folder}{os.sep}, or into "
        f"{folder}{os.sep} of a folder named in LOUPE_DATA_DIR."
    )
