"""How long Loupe takes to read a folder of PNGs: the first time, the next time, after a copy.

Writes MNIST's images (from the IDX files under LOUPE_DATA_DIR, or downloaded) as PNGs into a
temporary folder and reads them in fresh processes, each with imports and all:

    python benchmarks/reading_folders.py --count 70000 --repeats 5

"first" decodes every file; "next" finds the decoded images by the files' sizes and times; "hashed"
has to read and hash every file because all their times have changed, but decodes none; "zip" and
"zip, next" read the same files from an archive.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import cv2

import loupe
from loupe.data.cache import FRESH_SECONDS
from loupe.data.dataset import SPLITS
from loupe.data.read import read

# Run in a process of its own, so that nothing is warm but the system's own cache of files.
MEASURE = """
import json, sys, time
from pathlib import Path
from loupe.data.options import ReadOptions
from loupe.data.{module} import {function}
started = time.perf_counter()
dataset = {function}(Path(sys.argv[1]), ReadOptions())
print(json.dumps([len(dataset), time.perf_counter() - started]))
"""
FOLDER = MEASURE.format(module="folder", function="read_folder")
ZIP = MEASURE.format(module="zipped", function="read_zip")


def write_pngs(root: Path, count: int) -> None:
    """Write the first images of MNIST as `<split>/<digit>/<number>.png`."""
    mnist = read("mnist")
    for digit in mnist.class_names:
        for split in ("train", "test"):
            (root / split / digit).mkdir(parents=True, exist_ok=True)
    spread = [int(i * len(mnist) / count) for i in range(count)]  # some of both splits
    for position in spread:
        folder = root / SPLITS[mnist.split[position]] / mnist.class_names[mnist.labels[position]]
        content = cv2.imencode(".png", mnist.images[position])[1]
        (folder / f"{position:05d}.png").write_bytes(content.tobytes())


def write_zip(root: Path, path: Path) -> None:
    """Put the folder into an archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(root.rglob("*.png")):
            archive.write(file, file.relative_to(root.parent))


def measure(script: str, path: Path, cache: Path, count: int) -> tuple[float, float]:
    """Read in a fresh process: seconds of the whole process, and of reading alone."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        env={**os.environ, "LOUPE_CACHE_DIR": str(cache)},
        check=True,
        capture_output=True,
        text=True,
    )
    whole = time.perf_counter() - started
    read_count, seconds = json.loads(done.stdout)
    assert read_count == count, f"{read_count} images were read, {count} were written"
    return whole, seconds


def measure_all(
    root: Path, archive: Path, scratch: Path, count: int
) -> dict[str, tuple[float, float]]:
    """Measure every case once, from an empty cache."""
    cache = Path(tempfile.mkdtemp(dir=scratch))
    times = {name: measure(FOLDER, root, cache, count) for name in ("first", "next")}
    for file in root.rglob("*.png"):
        file.touch()
    times["hashed"] = measure(FOLDER, root, cache, count)
    times["zip"] = measure(ZIP, archive, cache, count)
    times["zip, next"] = measure(ZIP, archive, cache, count)
    time.sleep(FRESH_SECONDS)  # or the next first reading would not trust the new times
    return times


def main() -> None:
    """Measure, and print the minimum, median and maximum of each case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=70_000, help="how many images to write")
    parser.add_argument("--repeats", type=int, default=5, help="how often to measure each case")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root, archive = Path(scratch) / "pngs", Path(scratch) / "pngs.zip"
        write_pngs(root, options.count)
        write_zip(root, archive)
        time.sleep(FRESH_SECONDS)
        runs = [
            measure_all(root, archive, Path(scratch), options.count) for _ in range(options.repeats)
        ]
    print(
        f"loupe {loupe.__version__}, Python {platform.python_version()}, {platform.machine()}, "
        f"{os.cpu_count()} cores; {options.count:,} PNGs, n = {options.repeats}"
    )
    print(f"{'':12}{'whole process: min, median, max (s)':>38}{'reading alone: min (s)':>26}")
    for name in runs[0]:
        whole = [run[name][0] for run in runs]
        spread = f"{min(whole):.2f}  {statistics.median(whole):.2f}  {max(whole):.2f}"
        print(f"{name:12}{spread:>38}{min(run[name][1] for run in runs):>26.2f}")


if __name__ == "__main__":
    main()
