"""Writing the formats that the readers read."""

import gzip
import struct
from pathlib import Path

import numpy as np

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array: np.ndarray) -> bytes:
    code = CODES[array.dtype.str[1:]]
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write_idx(path: Path, array: np.ndarray) -> Path:
    """Write an IDX file, packed where the name ends in .gz."""
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
    return path


def write_idx_folder(folder: Path, images: np.ndarray, labels: np.ndarray, test: int) -> Path:
    """Write four files named as MNIST's; the last `test` images are the test images."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, part in (("train", slice(None, -test)), ("t10k", slice(-test, None))):
        write_idx(folder / f"{split}-images-idx3-ubyte.gz", images[part])
        write_idx(folder / f"{split}-labels-idx1-ubyte.gz", labels[part].astype(np.uint8))
    return folder


def write_pixel_csv(
    path: Path, images: np.ndarray, labels: np.ndarray, header: bool = True
) -> Path:
    """Write one image a row, as Kaggle does."""
    rows = images.reshape(len(images), -1).tolist()
    lines = [",".join(map(str, [label, *row])) for label, row in zip(labels, rows, strict=True)]
    if header:
        lines.insert(0, ",".join(["label", *(f"pixel{i}" for i in range(len(rows[0])))]))
    path.write_text("\n".join(lines) + "\n")
    return path
