"""How well pictures are read: practice pages fault by fault, and a folder of one's own pictures.

    python benchmarks/reading.py [--model FILE] [--pages 100] [--faults shadow box] [--digits 30]
                                 [--blank 50] [--seed 0] [--folder FOLDER [--changes]]

Each fault gets as many pages (`practice_pages`), each situation as many pictures of one digit
(`practice_digits`); the last row of these says how many of the digits are read if nothing is to be
found, by the very ink that they were drawn with. A folder needs a labels.csv with the columns file,
kind and label ("|" between lines); its pictures are read as they are, and after each of `CHANGES`.
On blank sheets (`blank_sheets`) there is nothing to read: counted are those that give a digit.
"Glyphs" is the share that was read: 1 - edits / glyphs, where edits turn what was read into what is
written; "refused" are those read as "?". Rows are appended to results/reading.jsonl, the last run's
table goes to results/reading.md, that of blank sheets to results/blank_sheets.md.
"""

import argparse
import csv
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import blank_sheets
from changes import CHANGES, Change
from loupe.classifier.classifier import Classifier, load
from loupe.examination.intervals import wilson
from loupe.framing import Framing
from loupe.reading.picture import open_picture
from loupe.reading.reader import read_picture
from loupe.reading.setting import set_glyph
from measuring import RESULTS, append
from practice_digits import SITUATIONS, digit
from practice_pages import EVERYTHING, FAULTS, SEED, page
from scenes import Digit

PACKAGED = Path(__file__).parent.parent / "src" / "loupe" / "pretrained" / "mnist.onnx"


@dataclass(frozen=True)
class Result:
    """What came of one picture.

    Attributes:
        name: of the picture.
        kind: "single" or "string".
        expected, read: lines divided by line breaks.
        milliseconds: from pixels to text.
    """

    name: str
    kind: str
    expected: str
    read: str
    milliseconds: float


Case = tuple[str, str, str, np.ndarray]  # name, kind, text, picture in RGB


def main() -> None:
    """Read all that was asked for, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=PACKAGED)
    parser.add_argument("--pages", type=int, default=100, help="of each fault")
    parser.add_argument("--faults", nargs="*", default=[*FAULTS, EVERYTHING])
    parser.add_argument("--digits", type=int, default=0, help="of each situation")
    parser.add_argument("--blank", type=int, default=0, help="sheets of each situation")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--folder", type=Path, help="pictures with labels.csv")
    parser.add_argument("--changes", action="store_true", help="the folder's, changed, as well")
    arguments = parser.parse_args()
    classifier = load(arguments.model)
    table = []
    for fault in arguments.faults:
        results = read_all(practice(fault, arguments.pages, arguments.seed), classifier)
        table.append(summary(fault, results))
        print(as_line(table[-1]), flush=True)
    if arguments.digits:
        table += read_digits(arguments.digits, arguments.seed, classifier)
    blank = read_blank(arguments.blank, arguments.seed, classifier) if arguments.blank else []
    if arguments.folder:
        table += read_folder(arguments.folder, classifier, arguments.changes)
    model = {"model": arguments.model.name, "bytes": classifier.size_bytes, "seed": arguments.seed}
    append("reading", {**model, "created": classifier.card.created, "rows": table,
                       "blank": blank})  # fmt: skip
    for name, text in (("reading", as_table(table)), ("blank_sheets", as_blank_table(blank))):
        if text.count("\n") > 2:  # more than a head
            (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")


def practice(fault: str, count: int, seed: int) -> Iterator[Case]:
    """Compose the pages of one fault."""
    for number in range(count):
        made = page(fault, number, seed)
        kind = "single" if made.layout == "single" else "string"
        yield f"{fault} {number}", kind, made.text, cv2.cvtColor(made.picture, cv2.COLOR_BGR2RGB)


def read_digits(count: int, seed: int, classifier: Classifier) -> list[dict[str, Any]]:
    """Read single digits, situation by situation, then all, then all by their own ink."""
    rows, every, by_ink = [], [], []
    for situation in SITUATIONS:
        made = [digit(situation, number, seed) for number in range(count)]
        cases = [
            (f"{situation} {number}", "single", one.label, open_picture(_in_rgb(one.picture)))
            for number, one in enumerate(made)
        ]
        every += read_all(cases, classifier)
        rows.append(summary(f"one digit: {situation}", every[-count:]))
        print(as_line(rows[-1]), flush=True)
        by_ink += [_read_by_ink(one, classifier) for one in made]
    rows.append(summary("one digit: all of these", every))
    rows.append(summary("the same, by their own ink", by_ink))
    print(as_line(rows[-2]), as_line(rows[-1]), sep="\n", flush=True)
    return rows


def read_blank(count: int, seed: int, classifier: Classifier) -> list[dict[str, Any]]:
    """Read sheets that nothing is written on."""
    rows = []
    for situation in blank_sheets.SITUATIONS:
        sheets = (blank_sheets.sheet(situation, number, seed) for number in range(count))
        cases = [
            (f"{situation} {number}", "string", "", cv2.cvtColor(one, cv2.COLOR_BGR2RGB))
            for number, one in enumerate(sheets)
        ]
        read = [_flat(result.read) for result in read_all(cases, classifier)]
        digits = sum(bool(text.strip("?")) for text in read)
        row = {"sheets": situation, "nothing": read.count(""), "digits": digits, "n": count}
        rows.append(row)
        print(row, flush=True)
    return rows


def as_blank_table(rows: Sequence[dict[str, Any]]) -> str:
    """Write what blank sheets gave."""
    head = ["| blank sheets | n | nothing read | only ? | digits |", "|---|--:|--:|--:|--:|"]
    lines = [
        f"| {row['sheets']} | {row['n']} | {row['nothing']} "
        f"| {row['n'] - row['nothing'] - row['digits']} | {row['digits']} |"
        for row in rows
    ]
    return "\n".join([*head, *lines]) + "\n"


def _in_rgb(picture: np.ndarray) -> np.ndarray:
    has_opacity = picture.shape[2] == 4
    return cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA if has_opacity else cv2.COLOR_BGR2RGB)


def _read_by_ink(one: Digit, classifier: Classifier) -> Result:
    framing = Framing.from_dict(classifier.card.framing)
    frame = set_glyph(one.cover, framing, classifier.image_shape)
    read = read_picture(frame, classifier, "frame").text
    return Result("its own ink", "single", one.label, read, 0.0)


def read_folder(folder: Path, classifier: Classifier, changes: bool) -> list[dict[str, Any]]:
    """Read the pictures of a folder, single glyphs and texts apart, as they are and changed."""
    rows = []
    for name, change in {"": None, **(CHANGES if changes else {})}.items():
        results = read_all(folder_cases(folder, change), classifier)
        for kind in ("single", "string"):
            own = [result for result in results if result.kind == kind]
            rows.append(summary(f"{folder.name}, {kind}{f', {name}' if name else ''}", own))
            print(as_line(rows[-1]), flush=True)
        for result in results:
            if result.read != result.expected:
                print(f"{result.name}: {result.expected!r} was read as {result.read!r}")
    return rows


def folder_cases(folder: Path, change: Change | None = None) -> Iterator[Case]:
    """Give the pictures of a folder that its labels.csv names."""
    with open(folder / "labels.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            picture = open_picture(folder / row["file"])
            picture = picture if change is None else change(picture)
            yield row["file"], row["kind"], row["label"].replace("|", "\n"), picture


def read_all(cases: Iterable[Case], classifier: Classifier) -> list[Result]:
    """Read pictures; one that ends in an error counts as read as nothing."""
    results = []
    for name, kind, text, picture in cases:
        began = time.perf_counter()
        try:
            read = read_picture(picture, classifier, "auto").text
        except Exception as error:  # a benchmark counts what fails, and says it
            print(f"{name}: {type(error).__name__}: {error}")
            read = ""
        results.append(Result(name, kind, text, read, 1000 * (time.perf_counter() - began)))
    return results


def summary(name: str, results: Sequence[Result]) -> dict[str, Any]:
    """Count what was read: glyphs, whole texts, refusals, each with its n and interval."""
    glyphs = sum(len(_flat(result.expected)) for result in results)
    wrong = sum(
        min(edits(_flat(r.expected), _flat(r.read)), len(_flat(r.expected))) for r in results
    )
    exact = sum(result.read == result.expected for result in results)
    lines = [pair for result in results for pair in _lines(result)]
    return {
        "pictures": name,
        "glyphs": _share(glyphs - wrong, glyphs),
        "texts": _share(exact, len(results)),
        "lines": _share(sum(a == b for a, b in lines), len(lines)),
        "refused": sum(result.read.count("?") for result in results),
        "milliseconds": float(np.median([result.milliseconds for result in results])),
    }


def edits(first: str, second: str) -> int:
    """Count the fewest insertions, deletions and replacements between two texts (Levenshtein).

    >>> edits("1234", "124?")
    2
    """
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(second, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def as_line(row: dict[str, Any]) -> str:
    """Write one row of the table."""
    shares = [
        f"{100 * row[key]['value']:.1f} ({100 * row[key]['low']:.1f}-{100 * row[key]['high']:.1f}) "
        f"of {row[key]['n']}"
        for key in ("glyphs", "lines", "texts")
    ]
    return f"| {row['pictures']} | {' | '.join(shares)} | {row['refused']} |"


def as_table(rows: Sequence[dict[str, Any]]) -> str:
    """Write the table: shares in %, with 95 % Wilson intervals."""
    head = [
        "| pictures | glyphs read, % | lines read exactly, % | texts read exactly, % | refused |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*head, *map(as_line, rows)]) + "\n"


def _flat(text: str) -> str:
    return text.replace("\n", "")


def _lines(result: Result) -> Iterator[tuple[str, str]]:
    """Each line as it is written, and the line that was read in its place."""
    expected, read = result.expected.split("\n"), result.read.split("\n")
    for number, line in enumerate(expected):
        yield line, read[number] if number < len(read) else ""


def _share(part: int, whole: int) -> dict[str, float]:
    interval = wilson(part, whole)
    return {
        "value": part / max(whole, 1), "low": interval.low, "high": interval.high, "n": whole
    }  # fmt: skip


if __name__ == "__main__":
    main()
