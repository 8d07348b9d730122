"""Bad input of every kind: each trap writes one and says which words its error must hold."""

import bz2
import gzip
import io
import lzma
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from formats import idx_bytes, write_idx, write_idx_folder, write_pixel_csv

IMAGES = np.random.default_rng(5).integers(0, 256, (12, 4, 4), np.uint8)
LABELS = np.arange(12) % 3


@dataclass(frozen=True)
class Trap:
    """What to write, and the words (a regular expression) that the error must hold."""

    write: Callable[[Path], Path]
    words: str


def idx_pair(content: bytes, labels: np.ndarray = LABELS) -> Callable[[Path], Path]:
    """Write these bytes as a file of images, with good labels beside it."""

    def write(folder: Path) -> Path:
        write_idx(folder / "bad-labels-idx1-ubyte", labels.astype(np.uint8))
        path = folder / "bad-images-idx3-ubyte"
        path.write_bytes(content)
        return path

    return write


def idx_header(*shape: int, code: int = 8) -> bytes:
    return bytes([0, 0, code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


def single(name: str, content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def npz(**arrays: object) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        np.savez(folder / "bad.npz", **arrays)
        return folder / "bad.npz"

    return write


def npz_with_header(old: bytes, new: bytes) -> Callable[[Path], Path]:
    """Write a sound archive whose array of images has some bytes of its header changed."""

    def write(folder: Path) -> Path:
        array = io.BytesIO()
        np.save(array, IMAGES)
        assert old in array.getvalue()
        assert len(old) == len(new)
        with zipfile.ZipFile(folder / "bad.npz", "w") as archive:
            archive.writestr("images.npy", array.getvalue().replace(old, new))
        return folder / "bad.npz"

    return write


def npz_with_damage(folder: Path) -> Path:
    path = GOOD_NPZ(folder)
    pixels = IMAGES.tobytes()
    path.write_bytes(path.read_bytes().replace(pixels[40:60], bytes(20)))
    return path


def cut(write: Callable[[Path], Path], share: float) -> Callable[[Path], Path]:
    def write_cut(folder: Path) -> Path:
        path = write(folder)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        return path

    return write_cut


def csv_text(text: str) -> Callable[[Path], Path]:
    return single("bad.csv", text.encode())


def zipped_npy_claiming(size: int) -> Callable[[Path], Path]:
    """Write an NPZ whose directory claims that a small member unpacks to this many bytes."""

    def write(folder: Path) -> Path:
        path = folder / "bad.npz"
        np.savez_compressed(path, images=IMAGES, labels=LABELS)
        with zipfile.ZipFile(path) as archive:
            honest = archive.getinfo("images.npy").file_size
        old, new = struct.pack("<I", honest), struct.pack("<I", size)
        path.write_bytes(path.read_bytes().replace(old, new))
        return path

    return write


def parquet(**columns: object) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        arrow = pytest.importorskip("pyarrow")
        table = arrow.table({name: values for name, values in columns.items()})
        pytest.importorskip("pyarrow.parquet").write_table(table, folder / "bad.parquet")
        return folder / "bad.parquet"

    return write


def good_parquet(folder: Path) -> Path:
    pictures = [b"P5 4 4 255 " + image.tobytes() for image in IMAGES]
    return parquet(image=pictures, label=LABELS)(folder)


def parquet_of_many_rows(folder: Path) -> Path:
    """Write five million equal images, which the format's dictionary packs into a few bytes."""
    arrow = pytest.importorskip("pyarrow")
    same = arrow.DictionaryArray.from_arrays(
        arrow.array(np.zeros(5_000_000, np.int8)), arrow.array([b"P5 4 4 255 " + bytes(16)])
    )
    return parquet(image=same, label=np.zeros(5_000_000, np.int8))(folder)


def idx_folder_without_test_class(folder: Path) -> Path:
    labels = np.array([0, 1, 2] * 3 + [0, 1, 1])
    return write_idx_folder(folder / "idx", IMAGES, labels, test=3)


def two_training_sets(folder: Path) -> Path:
    write_idx_folder(folder / "idx", IMAGES, LABELS, test=3)
    write_idx(folder / "idx" / "other-train-images-idx3-ubyte", IMAGES)
    return folder / "idx"


def idx_folder_without_labels(folder: Path) -> Path:
    write_idx_folder(folder / "idx", IMAGES, LABELS, test=3)
    (folder / "idx" / "t10k-labels-idx1-ubyte.gz").unlink()
    return folder / "idx"


def idx_folder_without_test_images(folder: Path) -> Path:
    write_idx_folder(folder / "idx", IMAGES, LABELS, test=3)
    (folder / "idx" / "t10k-images-idx3-ubyte.gz").unlink()
    return folder / "idx"


def idx_folder_with(name: str, content: bytes) -> Callable[[Path], Path]:
    """Write a sound folder of four files, then other content in place of one of them."""

    def write(folder: Path) -> Path:
        write_idx_folder(folder / "idx", IMAGES, LABELS, test=3)
        assert (folder / "idx" / name).exists()
        (folder / "idx" / name).write_bytes(content)
        return folder / "idx"

    return write


def unnamed_idx_without_content(folder: Path) -> Path:
    (folder / "idx").mkdir()
    write_idx(folder / "idx" / "some-labels", LABELS.astype(np.uint8))
    (folder / "idx" / "some-images").write_bytes(b"")
    return folder / "idx"


def csv_folder_with(name: str, content: bytes) -> Callable[[Path], Path]:
    """Write a sound train.csv, and another file beside it."""

    def write(folder: Path) -> Path:
        path = folder / "tables"
        path.mkdir()
        write_pixel_csv(path / "train.csv", IMAGES, LABELS)
        (path / name).write_bytes(content)
        return path

    return write


def parquet_folder_with(name: str, content: bytes) -> Callable[[Path], Path]:
    """Write a sound file of training images as Hugging Face names it, and another beside it."""

    def write(folder: Path) -> Path:
        path = folder / "tables"
        path.mkdir()
        good_parquet(path).rename(path / "train-00000-of-00002.parquet")
        (path / name).write_bytes(content)
        return path

    return write


def parquet_pointers(folder: Path) -> Path:
    path = folder / "clone"
    (path / "data").mkdir(parents=True)
    for split in ("train", "test"):
        (path / "data" / f"{split}-00000-of-00001.parquet").write_bytes(LFS_POINTER)
    return path


ROWS = "label," + ",".join(f"pixel{i}" for i in range(16)) + "\n" + "1" + ",9" * 16 + "\n"
WEB_PAGE = b"<html>503 Service Unavailable</html>"
LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
TEST_IMAGES = "t10k-images-idx3-ubyte.gz"
TEST_PARQUET = "test-00000-of-00001.parquet"
UNLABELLED = "\n".join(line.partition(",")[2] for line in ROWS.splitlines())
OBJECTS = np.array([np.zeros((4, 4)), np.zeros((5, 5))], dtype=object)
NO_BYTES = np.array([], dtype="S1")
GOOD_NPZ = npz(images=IMAGES, labels=LABELS)

IDX_TRAPS = {
    "idx that is cut short": Trap(cut(idx_pair(idx_bytes(IMAGES)), 0.7), "bytes, but its header"),
    "idx with bytes to spare": Trap(idx_pair(idx_bytes(IMAGES) + b"more"), "bytes, but its header"),
    "idx whose header lies": Trap(idx_pair(idx_header(2**32 - 1, 2**20, 2**20)), "promises"),
    "idx without a whole header": Trap(idx_pair(idx_header(12, 4, 4)[:9]), "middle of its header"),
    "idx of no known type": Trap(idx_pair(idx_header(12, 4, 4, code=10)), "of no known format"),
    "idx of seventy axes": Trap(idx_pair(idx_header(*[1] * 70) + b"1"), "NumPy cannot hold"),
    "idx of an empty giant": Trap(idx_pair(idx_header(0, 2**32 - 1, 2**32 - 1)), "NumPy cannot"),
    "idx without images": Trap(
        idx_pair(idx_header(0, 4, 4), labels=np.zeros(0)), "0 images of the shape"
    ),
    "idx of too few ranks": Trap(idx_pair(idx_bytes(IMAGES[:, 0, 0])), "expected .n h w."),
    "idx of rows that are no square": Trap(idx_pair(idx_bytes(IMAGES[:, 0, :3])), "no square"),
    "idx with one-hot labels": Trap(
        idx_pair(idx_bytes(IMAGES), labels=np.eye(3)[LABELS]), "bad-labels.*give labels.argmax"
    ),
    "idx packed and cut": Trap(
        cut(idx_pair(gzip.compress(idx_bytes(IMAGES))), 0.8), "cannot be unpacked"
    ),
    "idx packed and damaged": Trap(
        idx_pair(gzip.compress(idx_bytes(IMAGES))[:-6] + b"\0" * 6), "cannot be unpacked"
    ),
    "idx packed after it was cut": Trap(
        idx_pair(gzip.compress(idx_bytes(IMAGES)[:-5])), "header promises"
    ),
    "idx packed with a lying header": Trap(
        idx_pair(gzip.compress(idx_header(2**31, 2**10, 2**10))), "header lies"
    ),
    "idx packed as a bomb": Trap(
        idx_pair(gzip.compress(idx_header(12, 4, 4) + bytes(1 << 25), 9)), "more than the 208"
    ),
    "idx with too few labels": Trap(
        idx_pair(idx_bytes(IMAGES), labels=LABELS[:7]), "12 images, but .* has 7"
    ),
    "idx without labels": Trap(
        single("bad-images-idx3-ubyte", idx_bytes(IMAGES)), "needs its labels beside it"
    ),
    "idx of labels only": Trap(
        single("bad-labels-idx1-ubyte", idx_bytes(LABELS.astype(np.uint8))), "'images' in its name"
    ),
    "idx folder without test labels": Trap(idx_folder_without_labels, "no labels that belong"),
    "idx folder with two sets": Trap(two_training_sets, "more than one file of train images"),
    "idx folder with empty test images": Trap(
        idx_folder_with(TEST_IMAGES, b""), "t10k-images.* it is empty .0 bytes.; expected IDX"
    ),
    "idx folder with a web page for test images": Trap(
        idx_folder_with(TEST_IMAGES, WEB_PAGE), "t10k-images.* it is a web page"
    ),
    "idx folder with two bytes of test images": Trap(
        idx_folder_with(TEST_IMAGES, b"\0\0"), "t10k-images.* it is no IDX"
    ),
    "idx folder with empty test labels": Trap(
        idx_folder_with("t10k-labels-idx1-ubyte.gz", b""), "t10k-labels.* it is empty"
    ),
    "idx folder with empty images that name no split": Trap(
        unnamed_idx_without_content, "some-images.* it is empty"
    ),
    "idx folder with empty training images": Trap(
        idx_folder_with("train-images-idx3-ubyte.gz", b""), "train-images.* it is empty"
    ),
    "idx folder without test images": Trap(
        idx_folder_without_test_images, "t10k-labels-idx1-ubyte.gz, but no images"
    ),
    "class missing from the test split": Trap(idx_folder_without_test_class, "none of '2'"),
}

NPZ_TRAPS = {
    "npz with objects": Trap(npz(images=OBJECTS, labels=LABELS[:2]), "unpickled"),
    "npz with object labels": Trap(npz(images=IMAGES, labels=LABELS.astype(object)), "unpickled"),
    "npz whose array header lies": Trap(
        npz_with_header(b"(12, 4, 4), }", b"(9999999,4),}"), "promises 40,000,124"
    ),
    "npz whose header is no header": Trap(
        npz_with_header(b"(12, 4, 4)", b"__exit__()"), "no header that can be read"
    ),
    "npz whose header has a truth for a size": Trap(
        npz_with_header(b"(12, 4, 4)", b"(True,4,4)"), "shape .True, 4, 4., which is none"
    ),
    "npz whose header has a negative size": Trap(
        npz_with_header(b"(12, 4, 4)", b"(-12,4, 4)"), "shape .-12, 4, 4., which is none"
    ),
    "npz with labels that are no UTF-8": Trap(
        npz(images=IMAGES, labels=np.array([b"a", b"b", b"\xff\xe9a"] * 4)),
        "label 2 is b'.xff.xe9a', bytes that are no UTF-8; .* Save the labels as UTF-8 text",
    ),
    "npz with labels beyond whole numbers": Trap(
        npz(images=IMAGES, labels=np.array([0, 1, 1e300] * 4)), r"label 2 is 1e\+300"
    ),
    "npz with class names that are no UTF-8": Trap(
        npz(images=IMAGES, labels=LABELS, class_names=[b"a", b"b", b"\xff"]), "no UTF-8"
    ),
    "npz of a strange version": Trap(
        npz_with_header(b"\x93NUMPY\x01", b"\x93NUMPY\x09"), "no header that can be read"
    ),
    "npz whose directory lies": Trap(zipped_npy_claiming(2**31), "cannot hold that many"),
    "npz with damage": Trap(npz_with_damage, "cannot be unpacked"),
    "npz that is cut short": Trap(cut(GOOD_NPZ, 0.6), "cut short"),
    "npz with one key": Trap(npz(arr_0=IMAGES), "has the arrays arr_0; expected x_train"),
    "npz without labels": Trap(npz(x_train=IMAGES, x_test=IMAGES), "'x_train' but not 'y_train'"),
    "npz with too few labels": Trap(npz(images=IMAGES, labels=LABELS[:5]), "12 images and 5 lab"),
    "npz of structures": Trap(
        npz(images=np.zeros(3, [("a", "u1")]), labels=LABELS[:3]), "expected numbers"
    ),
    "npz with standardised pixels": Trap(
        npz(images=IMAGES / 100.0 - 1, labels=LABELS), "standardised"
    ),
    "npz with one class": Trap(npz(images=IMAGES, labels=LABELS * 0), "all 12 images are of one"),
    "npz with an empty class": Trap(
        npz(images=IMAGES, labels=LABELS, class_names=["a", "b", "c", "d"]), "no image of 'd'"
    ),
    "npz with an unknown split": Trap(
        npz(images=IMAGES, labels=LABELS, split=["trian"] * 12), "Did you mean 'train'"
    ),
    "npz with two shapes": Trap(
        npz(x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:, :3], y_test=LABELS), "splits differ"
    ),
    "npz with two kinds of labels": Trap(
        npz(x_train=IMAGES, y_train=LABELS, x_test=IMAGES, y_test=LABELS.astype(str)),
        "text in one split and numbers in another",
    ),
    "one array": Trap(
        lambda folder: np.save(folder / "a.npy", IMAGES) or folder / "a.npy", "without labels"
    ),
}

PIXEL_CSV_TRAPS = {
    "pixels that make no square": Trap(csv_text("1" + ",9" * 15 + "\n"), "16 columns: that is"),
    "pixels with a column too many": Trap(csv_text("0,1" + ",9" * 16 + "\n"), "row numbers"),
    "a row of too few pixels": Trap(csv_text(ROWS + "0" + ",9" * 15), "bad.csv:3: it has 16 cells"),
    "a row with an empty pixel": Trap(csv_text(ROWS + "0," + ",9" * 15), "bad.csv:3: a pixel is e"),
    "a row with a word": Trap(csv_text(ROWS + "0,dark" + ",9" * 15), "'dark' is no number"),
    "a row with a pixel over 255": Trap(csv_text(ROWS + "0,256" + ",9" * 15), "256 is no pixel"),
    "a row with a pixel below 0": Trap(csv_text(ROWS + "0,-1" + ",9" * 15), "-1 is no pixel"),
    "a row with nan": Trap(csv_text(ROWS + "0,nan" + ",9" * 15), "nan is no pixel"),
    "a row with a number too long": Trap(
        csv_text(ROWS + "0,99999999" + ",9" * 15), "99999999 is no pixel"
    ),
    "a row with an open quotation mark": Trap(csv_text(ROWS + '"0' + ",9" * 16), "it has 2 cells"),
    "a row without a label": Trap(csv_text(ROWS + ",9" * 16), "no label that can be read"),
    "lines that end with CR alone": Trap(
        csv_text(ROWS.replace("\n", "\r") * 2), "end with CR alone"
    ),
    "a header and no rows": Trap(csv_text(ROWS.split("\n")[0]), "of no known format"),
    "text that is not UTF-8": Trap(single("bad.csv", ROWS.encode("utf-16")), "must be UTF-8"),
}

CSV_FOLDER_TRAPS = {
    "csv folder with an empty test file": Trap(csv_folder_with("test.csv", b""), "it is empty"),
    "csv folder with a web page": Trap(csv_folder_with("test.csv", WEB_PAGE), "it is a web page"),
    "csv folder with UTF-16": Trap(
        csv_folder_with("test.csv", ROWS.encode("utf-16")), "it is UTF-16 text"
    ),
    "csv folder with a test file without labels": Trap(
        csv_folder_with("test.csv", UNLABELLED.encode()),
        "no labels, .* Give .*train.csv alone",
    ),
    "csv folder with a header only": Trap(
        csv_folder_with("test.csv", ROWS.split("\n")[0].encode()), "test.csv: it is no CSV of a"
    ),
    "csv folder with two columns": Trap(
        csv_folder_with("test.csv", b"id,label\n1,2\n"), "test.csv: it is no CSV of a label"
    ),
    "csv folder with a packed test file": Trap(
        csv_folder_with("test.csv.gz", gzip.compress(ROWS.encode())), "Unpack it first"
    ),
}

PATH_CSV_TRAPS = {
    "paths that climb out": Trap(csv_text("path,label\n../a.png,x\n"), "leads out of the folder"),
    "paths of missing files": Trap(csv_text("path,label\na.png,x\n"), "there is no file 'a.png'"),
    "paths of folders": Trap(csv_text("path,label\n.,x\n"), "is a folder, .* Name the image files"),
    "paths of text": Trap(csv_text("path,label\nbad.csv,x\n"), "it is text, not an image"),
    "paths without labels": Trap(csv_text("path,label\nbad.csv,\n"), "bad.csv:2: it has no label"),
    "paths without a label column": Trap(csv_text("path,a,b\nx,y,z\n"), "one called 'label'"),
    "paths with an open quotation mark": Trap(
        csv_text("path,label\nbad.csv,x\n" * 30 + '"bad.csv,' + "x\n" * 70_000), "never closed"
    ),
    "a header of paths and no rows": Trap(csv_text("path,label\n"), "has no rows"),
}

PARQUET_TRAPS = {
    "parquet that is cut short": Trap(cut(good_parquet, 0.7), "damaged Parquet file"),
    "parquet without a footer": Trap(single("bad.parquet", b"PAR1" * 9), "damaged Parquet file"),
    "parquet without images": Trap(parquet(a=[1], label=[2]), "has the columns a, label; expected"),
    "parquet without rows": Trap(parquet(image=NO_BYTES, label=[]), "has no rows"),
    "parquet with a climbing path": Trap(
        parquet(image=["../a.png", "../b.png"], label=[1, 2]), "leads out of the folder"
    ),
    "parquet of more rows than bytes": Trap(parquet_of_many_rows, "claims 5,000,000 rows"),
}

PARQUET_FOLDER_TRAPS = {
    "parquet folder with an empty test file": Trap(
        parquet_folder_with(TEST_PARQUET, b""), "test-00000.* it is empty"
    ),
    "parquet folder with a pointer for a test file": Trap(
        parquet_folder_with(TEST_PARQUET, LFS_POINTER), "test-00000.* git lfs pull"
    ),
    "parquet folder with nothing but pointers": Trap(
        parquet_pointers, "2 files cannot be read.*test-00000.* git lfs pull"
    ),
    "parquet folder with a pointer for a training file": Trap(
        parquet_folder_with("train-00001-of-00002.parquet", LFS_POINTER), "train-00001.* git lfs"
    ),
}

OTHER_TRAPS = {
    "a pointer of Git LFS": Trap(single("a.parquet", LFS_POINTER), "git lfs pull"),
    "a picture": Trap(single("a.png", b"\x89PNG\r\n\x1a\n" + bytes(99)), "one picture"),
    "a pickle": Trap(single("a.pkl", b"\x80\x04K\x01."), "never opens"),
    "a packed text": Trap(single("a.csv.gz", gzip.compress(b"label,pixel0\n")), "Unpack it first"),
    "a table packed with xz": Trap(single("a.csv.xz", lzma.compress(b"1,2")), "packed with xz"),
    "a table packed with bzip2": Trap(single("a.bz2", bz2.compress(b"1,2")), "with bzip2"),
    "an error page": Trap(single("train-images.gz", b"<html>403</html>"), "a web page"),
    "a folder around one file": Trap(
        lambda folder: GOOD_NPZ(folder).parent, "Did you mean the file in it, .*bad.npz"
    ),
    "an empty file": Trap(single("a.npz", b""), "0 bytes"),
}

TRAPS = (
    IDX_TRAPS
    | NPZ_TRAPS
    | PIXEL_CSV_TRAPS
    | CSV_FOLDER_TRAPS
    | PATH_CSV_TRAPS
    | PARQUET_TRAPS
    | PARQUET_FOLDER_TRAPS
    | OTHER_TRAPS
)
