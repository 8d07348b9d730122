"""Accuracy over seeds against time: the recipes fast, balanced and best, as whole processes.

    python benchmarks/presets.py [--recipes fast] [--data mnist] [--seeds 5] [--untimed | --again]

Each run is `loupe train DATA --recipe NAME --seed N` from a cold start: imports, reading, training,
export, evaluation on the test images, report. Rows are appended to results/presets.jsonl, and what
is there for the same recipe, seed and machine is not run again, unless `--again` says that the code
has changed: then the newest row of a seed counts. The table goes to results/presets.md; of
`--untimed` runs the accuracy alone counts in it. Test figures are those of the last step, one look
a run; nothing is chosen here.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from loupe.recipes.named import NAMED
from loupe.recipes.recipe import changed, to_toml
from measuring import RESULTS, append, as_dict, machine, measure, rows, spread

# What the README promises: test accuracy in %, wall seconds.
GOALS = {
    ("fast", "mnist"): (99.52, 11),
    ("balanced", "mnist"): (99.74, 120),
    ("best", "mnist"): (99.80, 25 * 60),
    ("fast", "fashion-mnist"): (92.0, 30),
    ("balanced", "fashion-mnist"): (94.0, 8 * 60),
    ("best", "fashion-mnist"): (95.0, 40 * 60),
}

# Settings that the first measured recipes did not have yet, as they were then.
LATER = 'head = "softmax"\nbalance = "none"\n'


def main() -> None:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipes", nargs="+", default=["fast", "balanced", "best"])
    parser.add_argument("--data", nargs="+", default=["mnist", "fashion-mnist"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--untimed", action="store_true", help="the machine has other work: accuracy counts only"
    )
    parser.add_argument("--again", action="store_true", help="the code has changed: run all anew")
    arguments = parser.parse_args()
    if arguments.again and arguments.untimed:
        parser.error("--again replaces timed rows: it needs the machine for itself (no --untimed)")
    for seed in range(arguments.seeds):  # seeds outside: slow spells of a machine hit all alike
        for recipe in arguments.recipes:
            for data in arguments.data:
                if arguments.again or not _is_done(recipe, data, seed):
                    row = run(recipe, data, seed) | {"timed": not arguments.untimed}
                    append("presets", row)
                    print(f"{recipe} {data} seed {seed}: {row['accuracy']:.2f} %", flush=True)
    (RESULTS / "presets.md").write_text(table(), encoding="utf-8")
    print(table())


def run(recipe: str, data: str, seed: int) -> dict[str, Any]:
    """Train once and give the row."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "loupe", "train", data, "--recipe", recipe]
        taken = measure([*command, "--seed", str(seed), "--out", str(out), "--quiet"], Path(folder))
        evaluation = json.loads((out / "evaluation.json").read_text())
        environment = json.loads((out / "environment.json").read_text())
    metrics = evaluation["metrics"]
    return {
        "recipe": recipe,
        "recipe_hash": recipe_hash(recipe, data),
        "data": data,
        "seed": seed,
        "accuracy": 100 * metrics["accuracy"]["value"],
        "log_loss": metrics["log_loss"]["value"],
        "training_seconds": environment["seconds"]["training"],
        "parameters": environment["parameters"],
        **as_dict(taken),
    }


def recipe_hash(name: str, data: str) -> str:
    """Tell the settings apart that a name has had on a data set."""
    recipe = NAMED[name]
    overrides = recipe.variants.get("objects", {}) if data == "fashion-mnist" else {}
    settled = changed(changed(recipe, {"variants": {}}), overrides)
    text = to_toml(settled).replace(LATER, "")
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def is_of_now(row: dict[str, Any]) -> bool:
    """Say whether a row was measured with the settings that its recipe's name has now."""
    name = row["recipe"]
    return name in NAMED and row["recipe_hash"] == recipe_hash(name, row["data"])


def table() -> str:
    """Write the figures of the recipes as they are now, beside their goals."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in newest(rows("presets")):
        if is_of_now(row):
            groups[row["recipe"], row["data"]].append(row)
    lines = [
        "| recipe | data | test accuracy, % | goal | training, s | whole process, s | goal "
        "| peak memory, MB | parameters | when, on what |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for (recipe, data), runs in groups.items():
        accuracy, seconds = GOALS.get((recipe, data), ("", ""))
        place = runs[-1]["machine"]
        lines.append(
            f"| {recipe} | {data} | {spread([r['accuracy'] for r in runs], 3)} | {accuracy} "
            f"| {_seconds(runs, 'training_seconds')} | {_seconds(runs, 'seconds')} | {seconds} "
            f"| {max(r['peak_bytes'] for r in runs) / 1e6:.0f} | {runs[-1]['parameters']:,} "
            f"| {runs[-1]['date']}, {place['processor']}, {place['cores']} cores |"
        )
    return "\n".join(lines) + "\n"


def newest(every: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the last row of each settings, data, seed and processor, which replaces the others."""
    keys = ("recipe", "recipe_hash", "data", "seed")
    return list({(*(r[k] for k in keys), r["machine"]["processor"]): r for r in every}.values())


def _seconds(runs: list[dict[str, Any]], key: str) -> str:
    """Seconds of the runs that had the machine for themselves."""
    timed = [run[key] for run in runs if run.get("timed", True)]
    return spread(timed, 1) if timed else "-"


def _is_done(recipe: str, data: str, seed: int) -> bool:
    key = (recipe, recipe_hash(recipe, data), data, seed, machine()["processor"])
    return any(
        key == (r["recipe"], r["recipe_hash"], r["data"], r["seed"], r["machine"]["processor"])
        for r in rows("presets")
    )


if __name__ == "__main__":
    main()
