"""Class folders in a ZIP archive. Nothing is unpacked to disk, and no name in it is trusted."""

import contextlib
import functools
import hashlib
import re
import stat
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from loupe.data.cache import Identity, outline, recall
from loupe.data.compressed import refuse_bomb
from loupe.data.dataset import Dataset
from loupe.data.decode import Unreadable, decode_picture
from loupe.data.decoded import LARGEST_FILE_BYTES, decode_all, digest_all, too_large
from loupe.data.folder import assemble
from loupe.data.layout import Tree, arrange, is_named_as_image
from loupe.data.options import ReadOptions, stop_or_skip
from loupe.data.split_names import SPLIT_OF_NAME
from loupe.errors import DataError, Fault

_DRIVE = re.compile(r"[A-Za-z]:")
_ENCRYPTED, _UTF8 = 1 << 0, 1 << 11  # bits of a member's flags (APPNOTE.TXT 4.4.4)
_TRIED, _LARGEST_TRIED = 20, 1 << 24  # files opened to see whether any is an image, and their bytes
_ANEW = "Make the archive anew, or give its folder instead."


@dataclass(frozen=True)
class _Members:
    """What an archive holds, as its directory says."""

    tree: Tree = field(default_factory=Tree)
    infos: dict[str, zipfile.ZipInfo] = field(default_factory=dict)  # by path in the tree
    faults: list[Fault] = field(default_factory=list)


def holds_zipped_images(path: Path) -> bool:
    """Say whether a path is a ZIP archive with images in it, by their names or their content."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            if any(is_named_as_image(info.filename) for info in infos):
                return True
            small = [info for info in infos if 0 < info.file_size <= _LARGEST_TRIED]
            return any(_is_image(archive, info) for info in small[:_TRIED])
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError):
        return False


def _is_image(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bool:
    try:
        decode_picture(_read_member(archive, info), info.filename)
    except Unreadable:
        return False
    return True


def read_zip(path: Path, options: ReadOptions) -> Dataset:
    """Read class folders from a ZIP archive, without unpacking it to disk.

    A single folder around everything is looked through: its name never becomes a class. The decoded
    images are kept in the cache under the hash of the archive.

    Raises:
        BadFilesError: members that are no images, are damaged or encrypted, are links, or whose
            names climb out of the archive.
        DataError: the archive is damaged or would unpack to far more than it can hold, or its
            folders make no sense, as in `read_folder`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive, path, options)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(
            f"{path} is a damaged ZIP archive ({error}). Get it again from its source."
        ) from error


def _read(archive: zipfile.ZipFile, path: Path, options: ReadOptions) -> Dataset:
    refuse_bomb(str(path), path.stat().st_size, sum(info.file_size for info in archive.infolist()))
    members = _list_members(archive, str(path))
    if not members.infos:
        stop_or_skip(path.stem, members.faults, len(members.faults), options.bad_files)
    tree, top = look_through(members.tree)
    layout = arrange(tree, f"{path}/{top}".rstrip("/"), members.faults)
    infos = [members.infos[top + name] for name in layout.paths]
    sources = [f"{path}/{top}{name}" for name in layout.paths]
    read = functools.partial(_read_member, archive)
    decoded = recall(
        _identify(path, options),
        sources,
        decode=lambda: decode_all(infos, sources, size=options.size, read=read),
        digest=lambda: digest_all(infos, read),
    )
    return assemble(path.stem, layout, decoded, sources, options)


def look_through(tree: Tree) -> tuple[Tree, str]:
    """Step into the only folder at the top while it holds folders; give the way there, too.

    Example:
        >>> tree = Tree({"": [], "mine": ["README"], "mine/cat": ["1.png"], "mine/dog": ["2.png"]})
        >>> inner, way = look_through(tree)
        >>> sorted(inner.files), way
        (['', 'cat', 'dog'], 'mine/')
    """
    way = ""
    while True:
        top = tree.folders_in("")
        is_around_all = len(top) == 1 and not any(map(is_named_as_image, tree.files[""]))
        if not is_around_all or top[0].lower() in SPLIT_OF_NAME or not tree.folders_in(top[0]):
            return tree, way
        start = f"{top[0]}/"
        inside = {path.removeprefix(start): names for path, names in tree.files.items() if path}
        stray = [*tree.stray, *(way + name for name in tree.files[""])]
        way += start
        tree = Tree({"": inside.pop(top[0]), **inside}, tree.hidden, tree.litter, stray)


def _list_members(archive: zipfile.ZipFile, where: str) -> _Members:
    """Sort an archive's members into folders; those that cannot be trusted become faults."""
    members, ignored = _Members(), set[str]()
    for info in archive.infolist():
        name = _name(info)
        refusal = _refusal(info, name)
        parts = [part for part in name.split("/") if part not in ("", ".")]
        path = "/".join(parts)
        if refusal is None and path in members.infos:
            refusal = ("it is in the archive twice.", _ANEW)
        if refusal is not None:
            members.faults.append(Fault(f"{where}/{name}", *refusal))
        elif not _is_ignored(members.tree, parts, ignored):
            folder = parts if info.is_dir() else parts[:-1]
            for depth in range(1, len(folder) + 1):
                members.tree.files.setdefault("/".join(folder[:depth]), [])
            if not info.is_dir():
                members.tree.files["/".join(folder)].append(parts[-1])
                members.infos[path] = info
    return members


def _name(info: zipfile.ZipInfo) -> str:
    """Give a member's name with slashes, and as UTF-8: a Mac's archives leave that flag out."""
    name = info.filename
    if not info.flag_bits & _UTF8 and not name.isascii():
        with contextlib.suppress(UnicodeError):  # an older encoding, which nothing tells
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _refusal(info: zipfile.ZipInfo, name: str) -> tuple[str, str] | None:
    """Say why a member cannot be used, and what to do; None when it can."""
    if name.startswith("/") or _DRIVE.match(name) or ".." in name.split("/"):
        return "its name leads out of the archive.", _ANEW
    if not name.endswith("/") and not name.strip("./"):
        return "it has no name.", _ANEW
    if stat.S_ISLNK(info.external_attr >> 16):  # the upper half is Unix's mode
        return "it is a link, not an image.", _ANEW
    if info.flag_bits & _ENCRYPTED:
        return "it is encrypted.", "Unpack the archive with its password, and give its folder."
    if info.file_size > LARGEST_FILE_BYTES:
        large = too_large(info.file_size, "")
        return large.problem, large.advice
    return None


def _is_ignored(tree: Tree, parts: list[str], known: set[str]) -> bool:
    """Say whether a path or a folder on its way is hidden or litter; the tree notes each once."""
    for depth in range(1, len(parts) + 1):
        path = "/".join(parts[:depth])
        if path in known:
            return True
        if tree.ignores(path):
            known.add(path)
            return True
    return False


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        return archive.read(info)  # never more than was declared, which `_refusal` has limited
    except Exception as error:  # damaged archives and unknown compressions raise many kinds
        raise Unreadable(
            f"it cannot be unpacked ({str(error).strip('. ') or type(error).__name__}).",
            "Make the archive anew, or replace the file in it.",
        ) from error


def _identify(path: Path, options: ReadOptions) -> Identity:
    """Identify an archive by its content: one large file is hashed in no time."""
    with path.open("rb") as file:
        known = outline("zip", hashlib.file_digest(file, "sha256").hexdigest(), str(options.size))
    return Identity(known, stamps=known)
