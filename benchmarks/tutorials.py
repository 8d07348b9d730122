"""Every system of the tutorials in Keras and in Loupe, one after the other, side by side.

    python -m venv keras && keras/bin/pip install -r benchmarks/requirements-keras.txt
    LOUPE_DATA_DIR=data python benchmarks/tutorials.py --keras keras/bin/python [--seeds N]

Seconds are those of `fit` on Keras' side and of training with its validation on Loupe's; whole
processes stand beside them. A ratio is only taken within one pair of runs: machines have slow
spells. `--epochs N` cuts both sides short, for the ratio of long trainings; `--untimed` takes the
accuracy of Loupe's side alone, on a machine that has other work. Rows go to
results/tutorials.jsonl, the table to results/tutorials.md.
"""

import argparse
import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from measuring import RESULTS, append, as_dict, measure, rows, spread

# The systems with their data, and the test accuracy in % that their posts quote.
SYSTEMS = {
    "logistic": ("mnist", 92.55),
    "mlp-256-128-64-32": ("mnist", 97.66),
    "mlp-300-100": ("mnist", 98.0),
    "mlp-64-32": ("mnist", 97.07),
    "fashion-64-32": ("fashion-mnist", 87.49),
    "fashion-128-64-32": ("fashion-mnist", 88.38),
    "mlp-512": ("mnist", 97.8),
    "cnn-995": ("mnist", 99.50),
    "cnn-bn": ("mnist", 99.46),
}
NO_KERAS = ("cnn-bn",)  # its post states neither optimizer nor epochs: there is no program to run
KERAS_PROGRAM = Path(__file__).parent / "keras_tutorial.py"


def main() -> None:
    """Run the pairs, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sides = parser.add_mutually_exclusive_group(required=True)
    sides.add_argument("--keras", type=Path, help="a Python that has Keras")
    sides.add_argument("--untimed", action="store_true", help="Loupe alone, for its accuracy")
    parser.add_argument("--names", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--bf16", action="store_true", help="Keras in mixed bfloat16 as well")
    parser.add_argument("--epochs", type=int, help="cut short: seconds count, accuracy does not")
    arguments = parser.parse_args()
    short = ["--epochs", str(arguments.epochs)] if arguments.epochs else []
    for seed in range(arguments.seeds):
        for name in arguments.names:
            row: dict[str, Any] = {"name": name, "data": SYSTEMS[name][0], "seed": seed}
            row |= {"timed": not arguments.untimed, "epochs": arguments.epochs}
            row["loupe"] = run_loupe(name, seed, short)
            if arguments.keras and name not in NO_KERAS:
                row["keras"] = run_keras(arguments.keras, name, seed, *short)
                if arguments.bf16:
                    row["keras_bf16"] = run_keras(arguments.keras, name, seed, "--bf16", *short)
            append("tutorials", row)
            print(json.dumps(row), flush=True)
    (RESULTS / "tutorials.md").write_text(table(), encoding="utf-8")
    print(table())


def run_keras(python: Path, name: str, seed: int, *flags: str) -> dict[str, Any]:
    """Train the post's program and give its figures."""
    folder = os.environ["LOUPE_DATA_DIR"].split(os.pathsep)[0]
    command = [str(python), str(KERAS_PROGRAM), name, folder, "--seed", str(seed), *flags]
    taken = measure(command)
    return {**json.loads(taken.output.splitlines()[-1]), **as_dict(taken)}


def run_loupe(name: str, seed: int, flags: Sequence[str] = ()) -> dict[str, Any]:
    """Train the recipe of the same name and give its figures."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "loupe", "train", SYSTEMS[name][0], "--recipe", name]
        taken = measure(
            [*command, *flags, "--seed", str(seed), "--out", str(out), "--quiet"], Path(folder)
        )
        evaluation = json.loads((out / "evaluation.json").read_text())
        environment = json.loads((out / "environment.json").read_text())
    return {
        "accuracy": 100 * evaluation["metrics"]["accuracy"]["value"],
        "fit_seconds": environment["seconds"]["fit"],
        "parameters": environment["parameters"],
        "precision": environment["precision"],
        **as_dict(taken),
    }


def table() -> str:
    """Write the figures of all rows, Loupe beside Keras."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows("tutorials"):
        groups[row["name"]].append(row)
    lines = [
        "| system | quoted, % | Keras, % | Loupe, % | Keras fit, s | Loupe fit, s | Loupe / Keras "
        "| Keras bf16 fit, s | peak memory Keras / Loupe, MB | parameters |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, pairs in groups.items():
        both = [pair for pair in pairs if "keras" in pair]
        whole = [pair for pair in pairs if not pair.get("epochs")]
        timed = [pair for pair in whole if pair.get("timed", True)]
        half = [p["keras_bf16"]["fit_seconds"] for p in both if "keras_bf16" in p]
        lines.append(
            f"| {name} | {SYSTEMS[name][1]} | {_cell(whole, 'keras', 'accuracy', 2)} "
            f"| {_cell(whole, 'loupe', 'accuracy', 2)} | {_cell(timed, 'keras', 'fit_seconds', 1)} "
            f"| {_cell(timed, 'loupe', 'fit_seconds', 1)} | {_ratio(both)} "
            f"| {spread(half, 0) if half else '-'} | {_peak(both, 'keras')} / "
            f"{_peak(pairs, 'loupe')} | {pairs[-1]['loupe']['parameters']:,} |"
        )
    return "\n".join(lines) + "\n"


def _cell(pairs: list[dict[str, Any]], side: str, key: str, digits: int) -> str:
    figures = [pair[side][key] for pair in pairs if side in pair]
    return spread(figures, digits) if figures else "-"


def _ratio(pairs: list[dict[str, Any]]) -> str:
    """Loupe's seconds for one of Keras', and of how many epochs where they were cut short."""
    if not pairs:
        return "-"
    ratios = [pair["loupe"]["fit_seconds"] / pair["keras"]["fit_seconds"] for pair in pairs]
    cut = {pair["epochs"] for pair in pairs if pair.get("epochs")}
    of = f" (of {min(cut)} epochs)" if cut else ""
    return f"{median(ratios):.2f}{of}"


def _peak(pairs: list[dict[str, Any]], side: str) -> str:
    peaks = [pair[side]["peak_bytes"] for pair in pairs if side in pair]
    return f"{max(peaks) / 1e6:.0f}" if peaks else "-"


if __name__ == "__main__":
    main()
