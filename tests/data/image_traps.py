"""Image files, folders and archives that other readers stumble over, with what must come of each.

Every trap is one row: how to write it, and what is expected.
"""

import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

# An upright test picture: no two of its turns or mirrors are equal.
UPRIGHT = np.array([[10, 20, 30], [200, 210, 220]], np.uint8)
PHOTO = np.random.default_rng(4).integers(0, 256, (20, 30, 3), np.uint8)
ADVICE = r".{10,}\.$"


def saved(pixels: np.ndarray | Image.Image, kind: str = "PNG", **options: object) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    """A PNG put together by hand, to say in it what no encoder would."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(rows))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(extra) + data + chunk(b"IEND", b"")
    )


def interlaced(width: int, height: int, rows: bytes) -> bytes:
    content = png(width, height, 8, 0, rows)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 1)
    return content[:8] + chunk(b"IHDR", header) + content[33:]


def turned(orientation: int, kind: str = "PNG") -> bytes:
    """Store `UPRIGHT` so that it takes this EXIF orientation to see it upright."""
    stored = {
        1: UPRIGHT,
        2: UPRIGHT[:, ::-1],
        3: UPRIGHT[::-1, ::-1],
        4: UPRIGHT[::-1],
        5: UPRIGHT.T,
        6: np.rot90(UPRIGHT, 1),  # to be turned clockwise
        7: UPRIGHT[::-1, ::-1].T,
        8: np.rot90(UPRIGHT, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(np.ascontiguousarray(stored), kind, exif=exif)


def drawn(ink: int, opacity: np.ndarray) -> bytes:
    return saved(np.dstack([np.full((*opacity.shape, 3), ink, np.uint8), opacity]))


def frames(kind: str, **options: object) -> bytes:
    first, second = Image.fromarray(UPRIGHT), Image.fromarray(255 - UPRIGHT)
    return saved(first, kind, save_all=True, append_images=[second], **options)


def palette(**options: object) -> bytes:
    image = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8), "L").convert("P")
    image.putpalette([0, 0, 0, 250, 10, 20])
    return saved(image, **options)


OPACITY = np.array([[0, 255], [255, 51]], np.uint8)
SIXTEEN = np.array([[0, 257, 128], [65535, 32768, 129]], np.uint16)
# Red is between two levels, green just above and below the middle, blue at the ends, all opaque.
DEEP = np.array([[[129, 32768, 0, 65535], [385, 32767, 65535, 65535]]], np.uint16)
ROUNDED = np.array([[[1, 128, 0, 255], [1, 127, 255, 255]]], np.uint8)
TURN = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # orientation 6


def deep(colour: int, pixels: np.ndarray, *more: bytes) -> bytes:
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return png(pixels.shape[1], pixels.shape[0], 16, colour, rows, *more)


@dataclass(frozen=True)
class Good:
    """An image file, the pixels that it must give (grey, or colour), and what was done for them."""

    content: Callable[[], bytes]
    pixels: object
    done: tuple[str, ...] = ()


GOOD_FILES = {
    "a plain grey PNG": Good(lambda: saved(UPRIGHT), UPRIGHT),
    "a plain colour PNG": Good(lambda: saved(PHOTO), PHOTO),
    **{
        f"EXIF orientation {n}": Good(lambda n=n: turned(n), UPRIGHT, ("turned",) * (n > 1))
        for n in range(1, 9)
    },
    "EXIF in a TIFF": Good(lambda: turned(6, "TIFF"), UPRIGHT, ("turned",)),
    "EXIF that is damaged": Good(
        lambda: saved(UPRIGHT, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x09broken"), UPRIGHT, ("exif",)
    ),
    "black ink on nothing": Good(
        lambda: drawn(0, OPACITY), [[255, 0], [0, 204]], ("white paper", "grey")
    ),
    "white ink on nothing": Good(
        lambda: drawn(255, OPACITY), [[0, 255], [255, 51]], ("black paper", "grey")
    ),
    "grey with alpha": Good(
        lambda: saved(np.dstack([np.zeros((2, 2), np.uint8), OPACITY])),
        [[255, 0], [0, 204]],
        ("white paper",),
    ),
    "an alpha channel that is opaque": Good(
        lambda: drawn(9, OPACITY | 255), [[9] * 2] * 2, ("grey",)
    ),
    "nothing but transparency": Good(
        lambda: drawn(0, OPACITY * 0), [[255] * 2] * 2, ("invisible", "grey")
    ),
    "a grey level declared transparent": Good(
        lambda: saved(UPRIGHT, transparency=10), [[255, 20, 30], [200, 210, 220]], ("white paper",)
    ),
    "a 16-bit level declared transparent": Good(
        lambda: png(2, 1, 16, 0, struct.pack(">BHH", 0, 257, 5140), chunk(b"tRNS", b"\x01\x01")),
        [[255, 20]],
        ("16-bit", "white paper"),
    ),
    "a palette": Good(
        palette, [[[0, 0, 0], [250, 10, 20]], [[250, 10, 20], [0, 0, 0]]], ("palette",)
    ),
    "a palette with transparency": Good(
        lambda: palette(transparency=0),
        [[[255, 255, 255], [250, 10, 20]], [[250, 10, 20], [255, 255, 255]]],
        ("palette", "white paper"),
    ),
    "16-bit grey": Good(lambda: saved(SIXTEEN), [[0, 1, 0], [255, 128, 1]], ("16-bit",)),
    "16-bit colour": Good(lambda: deep(2, DEEP[:, :, :3]), ROUNDED[:, :, :3], ("16-bit",)),
    "16-bit colour with alpha": Good(lambda: deep(6, DEEP), ROUNDED[:, :, :3], ("16-bit",)),
    "16-bit colour, turned": Good(
        lambda: deep(2, np.rot90(DEEP[:, :, :3]), chunk(b"eXIf", TURN)),
        ROUNDED[:, :, :3],
        ("16-bit", "turned"),
    ),
    "16-bit grey with alpha": Good(
        lambda: deep(4, DEEP[:, :, [0, 3]]), ROUNDED[:, :, 0], ("16-bit",)
    ),
    "16-bit grey, TIFF, big-endian": Good(
        lambda: saved(Image.frombytes("I;16B", (3, 2), SIXTEEN.astype(">u2").tobytes()), "TIFF"),
        [[0, 1, 0], [255, 128, 1]],
        ("16-bit",),
    ),
    "16-bit grey, PGM": Good(
        lambda: b"P5 3 2 65535\n" + SIXTEEN.astype(">u2").tobytes(),
        [[0, 1, 0], [255, 128, 1]],
        ("16-bit",),
    ),
    "fractions": Good(
        lambda: saved(np.array([[0, 0.5, 1]], np.float32), "TIFF"), [[0, 128, 255]], ("fraction",)
    ),
    "floating point": Good(
        lambda: saved(np.array([[0, 7.6, 254.9]], np.float32), "TIFF"), [[0, 8, 255]], ("float",)
    ),
    "1-bit": Good(
        lambda: saved(Image.fromarray(UPRIGHT).convert("1", dither=Image.Dither.NONE)),
        [[0] * 3, [255] * 3],
        ("bilevel",),
    ),
    "CMYK": Good(
        lambda: saved(Image.new("CMYK", (2, 1), (0, 255, 255, 0)), "TIFF"),
        [[[255, 0, 0], [255, 0, 0]]],
        ("colours",),
    ),
    "grey stored in colour": Good(lambda: saved(np.dstack([UPRIGHT] * 3)), UPRIGHT, ("grey",)),
    "an interlaced PNG": Good(
        # Of 3x2 pixels only passes 1, 4, 6 and 7 hold any, each row after a byte for its filter.
        lambda: interlaced(3, 2, bytes([0, 10, 0, 30, 0, 20, 0, 200, 210, 220])),
        UPRIGHT,
    ),
    "an animated GIF": Good(lambda: frames("GIF"), UPRIGHT, ("frame", "palette")),
    "an animated PNG": Good(lambda: frames("PNG"), UPRIGHT, ("frame",)),
    "a TIFF of two pages": Good(lambda: frames("TIFF"), UPRIGHT, ("frame",)),
    "an animated WebP": Good(lambda: frames("WEBP", lossless=True), UPRIGHT, ("frame", "grey")),
}


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 255]) + content[position + 1 :]


# File -> how to make its bytes, and words (a regular expression) that its fault must hold.
BAD_FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "an empty file": (bytes, "it is empty"),
    "text": (lambda: "café, nicht Bild\n".encode() * 400, "it is text, not an image"),
    "a web page": (lambda: b"\n<!DOCTYPE HTML><html>404</html>", "web page.* download failed"),
    "a Git LFS pointer": (
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "Git LFS pointer.* 'git lfs pull'",
    ),
    "an SVG": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG drawing"),
    "a PDF": (lambda: b"%PDF-1.7\n\xff\xfe", "PDF document"),
    "a HEIC photograph": (lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC.* JPEG"),
    "an archive": (lambda: b"PK\x03\x04" + bytes(40), "ZIP archive"),
    "an array": (lambda: b"\x93NUMPY\x01\0" + bytes(40), "NumPy array"),
    "PostScript": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "it is text"),
    "noise": (lambda: bytes(range(255, 0, -1)), "no image in a format that Loupe reads"),
    "half a PNG": (lambda: half(saved(PHOTO)), r"it ends after \d+ bytes, before its image is"),
    "half a JPEG": (lambda: half(saved(PHOTO, "JPEG")), r"it ends after \d+ bytes"),
    "a GIF without its end": (lambda: saved(PHOTO, "GIF")[:-200], r"it ends after \d+ bytes"),
    "half a BMP": (lambda: half(saved(PHOTO, "BMP")), r"it ends after \d+ bytes"),
    "half a TIFF": (lambda: half(saved(PHOTO, "TIFF")), r"it ends after \d+ bytes"),
    "half a WebP": (lambda: half(saved(PHOTO, "WEBP")), r"it ends after \d+ bytes"),
    "20 bytes of a PNG": (lambda: saved(PHOTO)[:20], "it ends after 20 bytes"),
    "20 bytes of a JPEG": (lambda: saved(PHOTO, "JPEG")[:20], "begins as JPEG .* cut short"),
    "a PNG with a flipped byte": (lambda: flipped(saved(PHOTO), 400), "it is damaged|it ends"),
    "a PNG with fewer rows than it says": (lambda: png(2, 9, 8, 0, bytes(6)), "fewer rows"),
    "an interlaced PNG with fewer rows": (
        lambda: interlaced(9, 9, bytes(60)), "fewer rows of pixels than its header"
    ),
    "a PNG of 50,000 x 50,000": (lambda: png(50000, 50000, 1, 0, b"\0"), "at most 80,000,000|more"),
    "a PNG of 9,000 x 9,000": (lambda: png(9000, 9000, 8, 0, b"\0"), "9000 x 9000 pixels"),
    "a text chunk that unpacks to 65 MB": (
        lambda: png(1, 1, 8, 0, b"\0\0", chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(65 << 20)))),
        "it is damaged",
    ),
    "fractions beyond 255": (
        lambda: saved(np.array([[0, 1e6]], np.float32), "TIFF"),
        r"fractions from 0 to 1e\+06; expected",
    ),
    "not a number": (lambda: saved(np.array([[np.nan, 1]], np.float32), "TIFF"), "fractions from"),
    "whole numbers below 0": (
        lambda: saved(np.array([[-5, 300]], np.int32), "TIFF"), "numbers from -5 to 300"
    ),
}  # fmt: skip


def write_classes(root: Path, *classes: str, count: int = 2, start: int = 0) -> None:
    """Write small grey PNGs, each with a grey level of its own, into class folders."""
    for number, name in enumerate(classes):
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            pixels = np.full((4, 4), start + 10 * number + i, np.uint8)
            (root / name / f"{i}.png").write_bytes(saved(pixels))


def with_splits(*splits: str) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        for split in splits:
            write_classes(root / split, "cat", "dog")

    return write


def with_file(name: str, content: bytes = b"hello") -> Callable[[Path], None]:
    """Two sound classes and one more file."""

    def write(root: Path) -> None:
        write_classes(root, "cat", "dog")
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)

    return write


def with_classes(**classes_of_split: str) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        for split, classes in classes_of_split.items():
            write_classes(root / split, *classes.split())

    return write


def then(first: Callable[[Path], None], second: Callable[[Path], object]) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        first(root)
        second(root)

    return write


def unreadable(root: Path) -> None:
    (root / "cat" / "gone.png").symlink_to(root / "nowhere.png")


def pipe(root: Path) -> None:
    os.mkfifo(root / "cat" / "pipe.png")


def loop(root: Path) -> None:
    (root / "cat" / "again").symlink_to(root, target_is_directory=True)


def mixed_sizes(root: Path) -> None:
    write_classes(root, "cat", "dog")
    (root / "cat" / "wide.png").write_bytes(saved(np.full((10, 40), 9, np.uint8)))


def mixed_colours(root: Path) -> None:
    write_classes(root, "cat", "dog")
    (root / "dog" / "red.png").write_bytes(saved(np.full((4, 4, 3), [255, 0, 0], np.uint8)))


def split_folders_of_both_kinds(root: Path) -> None:
    with_splits("train", "test")(root)
    (root / "runs").mkdir()


@dataclass(frozen=True)
class FolderTrap:
    """A folder, and what must come of it: an error's words, or classes, number and notes."""

    write: Callable[[Path], object]
    error: str = ""  # regular expression that the message must hold; "" where it can be read
    faults: int = 0  # how many faults the error names
    classes: tuple[str, ...] = ("cat", "dog")
    count: int = 4
    notes: str = ""  # regular expression that the notes must hold


FOLDERS = {
    "a plain folder": FolderTrap(lambda root: write_classes(root, "cat", "dog")),
    "10 after 2": FolderTrap(
        lambda root: write_classes(root, "10", "2", "1"), classes=("1", "2", "10"), count=6
    ),
    "names in Unicode": FolderTrap(
        lambda root: write_classes(root, "고양이", "çà"), classes=("çà", "고양이")
    ),
    "accents composed in one split only": FolderTrap(
        with_classes(train="caf\u00e9 dog", test="cafe\u0301 dog"),
        classes=("caf\u00e9", "dog"),
        count=8,
    ),
    "three splits": FolderTrap(with_splits("train", "valid", "test"), count=12),
    "split names in capitals": FolderTrap(with_splits("Train", "VALIDATION", "Test"), count=12),
    "a notebook's hidden folder": FolderTrap(
        with_file(".ipynb_checkpoints/0.png"), notes=r"Hidden .* ignored: '\.ipynb_checkpoints'"
    ),
    "a hidden folder in a class": FolderTrap(
        with_file("cat/.git/0.png"), notes=r"Hidden .* ignored: 'cat/\.git'"
    ),
    "Thumbs.db": FolderTrap(with_file("cat/Thumbs.db"), notes="operating system .*'cat/Thumbs.db'"),
    "a README above the classes": FolderTrap(with_file("README.md"), notes="outside .*'README.md'"),
    "a folder of runs beside the splits": FolderTrap(
        split_folders_of_both_kinds, count=8, notes="beside the split folders .*'runs'"
    ),
    "sizes that differ": FolderTrap(
        mixed_sizes, count=5, notes="2 sizes, from 4x4 to 10x40, were fitted to 4x4"
    ),
    "one coloured image": FolderTrap(mixed_colours, count=5, notes="1 of 5 images are coloured"),
    "a class called test": FolderTrap(
        lambda root: write_classes(root, "control", "test"), classes=("control", "test")
    ),
    "text in a class": FolderTrap(with_file("cat/list.txt"), "it is text, not an image", 1),
    "text named .png": FolderTrap(with_file("cat/a.png"), "it is text, not an image", 1),
    "an image in no class": FolderTrap(with_file("a.png"), "it lies in no class folder", 1),
    "an image too deep": FolderTrap(with_file("cat/more/a.png"), "it lies too deep", 1),
    "a link to nothing": FolderTrap(then(with_file(".x"), unreadable), "it cannot be opened", 1),
    "a pipe": FolderTrap(then(with_file(".x"), pipe), "it is no regular file", 1),
    "a link that leads back": FolderTrap(then(with_file(".x"), loop), "would never end"),
    "a name in no encoding": FolderTrap(
        lambda root: (write_classes(root, "cat", "dog"), (root / "cat\udcff").mkdir()),
        "not valid UTF-8",
    ),
    "an empty folder": FolderTrap(lambda root: None, "nothing to read"),
    "images without folders": FolderTrap(
        lambda root: write_classes(root, "."), "2 files but no folders"
    ),
    "one class": FolderTrap(lambda root: write_classes(root, "cat"), "at least two classes"),
    "the folder around it": FolderTrap(
        lambda root: write_classes(root / "pets", "cat", "dog"), "Did you mean '.*pets'"
    ),
    "an empty class": FolderTrap(
        lambda root: (write_classes(root, "cat", "dog"), (root / "eel").mkdir()),
        "no images in the class folders 'eel'.* delete",
    ),
    "a class of folders": FolderTrap(
        with_file("eel/young/0.png"), "'eel'.* directly in the class folder"
    ),
    "a class that validation lacks": FolderTrap(
        with_classes(train="cat dog eel", val="cat dog"), "validation split has no folder for 'eel'"
    ),
    "a class that training lacks": FolderTrap(
        with_classes(train="cat dog", test="cat dog eel"), "train split has no folder for 'eel'"
    ),
    "a class misspelt in a split": FolderTrap(
        with_classes(train="cat horse", test="cat horses"), "Did you mean 'horse'"
    ),
    "no training": FolderTrap(with_splits("val", "test"), "none named 'train'"),
    "two names of one split": FolderTrap(with_splits("train", "val", "valid"), "both name"),
    "test images without labels": FolderTrap(
        lambda root: (with_splits("train")(root), write_classes(root, "test")),
        "'test' has 2 files directly in it but no class folders",
    ),
    "splits without classes": FolderTrap(
        lambda root: write_classes(root, "train", "test"), "but no class folders"
    ),
    "a misspelt split": FolderTrap(with_splits("train", "tset"), "Did you mean 'test'"),
}  # fmt: skip


# Members of an archive: name -> content, or a change to its entry.
def member(
    name: str, *, mode: int = 0, content: bytes | None = None
) -> Callable[[zipfile.ZipFile], None]:
    def write(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, saved(UPRIGHT) if content is None else content, zipfile.ZIP_DEFLATED)

    return write


PETS = tuple(member(f"{name}/{i}.png") for name in ("cat", "dog") for i in range(2))


def archived(*members: Callable[[zipfile.ZipFile], None]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for write in members:
            write(archive)
    return content.getvalue()


def patched(content: bytes, name: bytes, at: int, fmt: str, value: int) -> bytes:
    """Change a field of a member's entry in the archive's directory (APPNOTE.TXT 4.3.12)."""
    place = content.rindex(name) - 46  # the name follows 46 bytes of fixed fields
    assert content[place : place + 4] == b"PK\x01\x02"
    changed = bytearray(content)
    struct.pack_into(fmt, changed, place + at, value)
    return bytes(changed)


def inside(folder: str) -> tuple[Callable[[zipfile.ZipFile], None], ...]:
    return tuple(member(f"{folder}{name}/{i}.png") for name in ("cat", "dog") for i in range(2))


LINK = stat.S_IFLNK | 0o777
_FLAGS, _SIZE = 8, 24  # offsets in an entry of the directory


@dataclass(frozen=True)
class ZipTrap:
    """An archive, and what must come of it, as in `FolderTrap`."""

    content: Callable[[], bytes]
    error: str = ""
    faults: int = 0
    count: int = 4
    notes: str = ""


ZIPS = {
    "a plain archive": ZipTrap(lambda: archived(*PETS)),
    "a folder around everything": ZipTrap(lambda: archived(*inside("pets/"))),
    "two folders around everything, and a README": ZipTrap(
        lambda: archived(*inside("a/pets/"), member("a/README", content=b"hi")), notes="'a/README'"
    ),
    "a Mac's archive": ZipTrap(
        lambda: archived(*inside("pets/"), member("__MACOSX/pets/cat/._0.png")), notes="'__MACOSX'"
    ),
    "splits": ZipTrap(lambda: archived(*inside("x/train/"), *inside("x/test/")), count=8),
    "backslashes": ZipTrap(lambda: archived(*inside("x\\train\\")).replace(b"n\\cat", b"n/cat")),
    "a name that climbs": ZipTrap(
        lambda: archived(*PETS, member("cat/../../../evil.png")), "leads out of the archive", 1
    ),
    "a name that climbs with backslashes": ZipTrap(
        lambda: archived(*PETS, member("..\\..\\evil.png")), "leads out of the archive", 1
    ),
    "an absolute name": ZipTrap(
        lambda: archived(*PETS, member("/etc/evil.png")), "leads out of the archive", 1
    ),
    "a drive letter": ZipTrap(
        lambda: archived(*PETS, member("C:/evil.png")), "leads out of the archive", 1
    ),
    "a link": ZipTrap(
        lambda: archived(*PETS, member("cat/x.png", mode=LINK, content=b"/etc/passwd")),
        "it is a link",
        1,
    ),
    "an encrypted member": ZipTrap(
        lambda: patched(archived(*PETS), b"dog/1.png", _FLAGS, "<H", 1), "it is encrypted", 1
    ),
    "a member declared to be huge": ZipTrap(
        lambda: patched(
            archived(*PETS, member("dog/.noise", content=os.urandom(400_000))),
            b"dog/1.png", _SIZE, "<I", 300 << 20,
        ),
        "it is too large .300 MiB; at most 256", 1, notes="noise",
    ),
    "an archive declared to be huge": ZipTrap(
        lambda: patched(archived(*PETS), b"dog/1.png", _SIZE, "<I", 0xFFFFFFF0), "the header lies"
    ),
    "more than was declared": ZipTrap(
        lambda: patched(archived(*PETS), b"dog/1.png", _SIZE, "<I", 20), "cannot be unpacked", 1
    ),
    "an archive in it": ZipTrap(
        lambda: archived(*PETS, member("cat/more.zip", content=archived(*PETS))), "ZIP archive", 1
    ),
    "a member that is damaged": ZipTrap(
        lambda: flipped(archived(*PETS), 60), "cannot be unpacked|damaged", 1
    ),
    "everything encrypted": ZipTrap(
        lambda: patched(archived(PETS[0]), b"cat/0.png", _FLAGS, "<H", 1), "it is encrypted", 1
    ),
    "half an archive": ZipTrap(lambda: half(archived(*PETS)), "damaged ZIP"),
    "one class": ZipTrap(lambda: archived(*PETS[:2]), "at least two classes"),
    "an empty class": ZipTrap(
        lambda: archived(*PETS, member("eel/", content=b"")), "no images in the class folders 'eel'"
    ),
}  # fmt: skip
