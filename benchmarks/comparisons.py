"""What `loupe compare`, `ladder` and `learn-curve` find on MNIST, Fashion-MNIST and the digits.

    python benchmarks/comparisons.py [--only NAME ...] [--folder runs/benchmarks]

Each is one command with `--json`, in a folder that is kept: what is trained is not trained again,
and a row in results/comparisons.jsonl is not made again for the same command and processor. All
figures are of validation images; no test image is looked at. The table goes to
results/comparisons.md.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measuring import RESULTS, append, machine, measure, rows

COMMANDS: dict[str, list[str]] = {
    "ladder digits": ["ladder", "digits"],
    "ladder mnist": ["ladder", "mnist"],
    "learn-curve mnist": [
        *("learn-curve", "mnist", "--recipe", "mlp-300-100", "--fractions", "0.125,0.25,0.5,1"),
    ],
    "learn-curve fashion-mnist": ["learn-curve", "fashion-mnist", "--recipe", "fast"],
}
COMPARED = ("logistic", "mlp", "cnn")  # rungs of the ladder on MNIST


def main() -> None:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[*COMMANDS, "compare mnist"])
    parser.add_argument("--folder", type=Path, default=Path("runs/benchmarks"))
    parser.add_argument(
        "--untimed", action="store_true", help="the machine has other work: no seconds count"
    )
    arguments = parser.parse_args()
    for name in arguments.only:
        if any(row["name"] == name and _is_here(row) for row in rows("comparisons")):
            continue
        command = COMMANDS.get(name)
        if command is None:
            ladder = arguments.folder / "ladder-mnist"
            command = ["compare", *(str(ladder / rung) for rung in COMPARED)]
        else:
            command = [*command, "--out", str(arguments.folder / name.replace(" ", "-"))]
        arguments.folder.mkdir(parents=True, exist_ok=True)
        taken = measure([sys.executable, "-m", "loupe", *command, "--json"])
        found = json.loads(taken.output.splitlines()[-1])
        for heavy in ("disagreements", "folder", "page", "event"):
            found.pop(heavy, None)
        row = {"name": name, "command": COMMANDS.get(name), "seconds": taken.seconds}
        row |= {"timed": not arguments.untimed, "found": _without_paths(found)}
        append("comparisons", row)
    (RESULTS / "comparisons.md").write_text(table(), encoding="utf-8")
    print(table())


def table() -> str:
    """Write what was found, study by study."""
    parts = []
    for row in rows("comparisons"):
        place = row["machine"]
        where = f"{row['date']}, {place['processor']}, {place['cores']} cores"
        if not row["timed"]:
            where += "; the machine had other work, so that seconds mean nothing"
        kind = row["name"].partition(" ")[0]
        command = " ".join(row["command"] or [row["name"]])
        parts.append(f"## `loupe {command}`\n\n{TABLES[kind](row['found'])}\n\n{where}\n")
    return "\n".join(parts)


def _ladder(found: dict[str, Any]) -> str:
    lines = [
        f"On {found['n']:,} validation images.\n",
        "| rung | accuracy, % | gain, points | p, corrected | training, s | parameters |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for rung in found["rungs"]:
        gain = rung["gain"]
        bought = ("", "") if gain is None else (_points(gain), _p(gain["p_corrected"]))
        lines.append(
            f"| {rung['title']} | {_share(rung['accuracy'])} | {bought[0]} | {bought[1]} "
            f"| {rung['training_seconds']:.1f} | {rung['parameters']:,} |"
        )
    return "\n".join([*lines, "", *found["sentences"]])


def _compare(found: dict[str, Any]) -> str:
    lines = [
        f"On {found['n']:,} validation images.\n",
        "| better | than | points | only one right | p, corrected |",
        "|---|---|--:|--:|--:|",
    ]
    for pair in found["pairs"]:
        lines.append(
            f"| {pair['first']} | {pair['second']} | {_points(pair)} "
            f"| {pair['only_first']} : {pair['only_second']} | {_p(pair['p_corrected'])} |"
        )
    return "\n".join([*lines, "", *found["sentences"]])


def _learning_curve(found: dict[str, Any]) -> str:
    lines = [
        f"On {found['n']:,} validation images.\n",
        "| training images | error, % | 95 % interval | |",
        "|--:|--:|--:|---|",
    ]
    for kind in ("points", "forecasts"):
        for at in found[kind]:
            what = "forecast"
            if kind == "points":
                what = "measured: " + ", ".join(f"{100 * error:.2f}" for error in at["errors"])
            lines.append(
                f"| {at['num_images']:,} | {100 * at['error']:.2f} "
                f"| {100 * at['low']:.2f} to {100 * at['high']:.2f} | {what} |"
            )
    return "\n".join([*lines, "", *found["sentences"]])


TABLES: dict[str, Callable[[dict[str, Any]], str]] = {
    "ladder": _ladder,
    "compare": _compare,
    "learn-curve": _learning_curve,
}


def _share(figure: dict[str, float]) -> str:
    return f"{100 * figure['value']:.2f} ({100 * figure['low']:.2f} to {100 * figure['high']:.2f})"


def _points(found: dict[str, float]) -> str:
    return f"{100 * found['value']:+.2f} ({100 * found['low']:+.2f} to {100 * found['high']:+.2f})"


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.2g}"


def _without_paths(found: Any) -> Any:
    """The same without where runs and models lay: that is nobody's business."""
    if isinstance(found, dict):
        return {k: _without_paths(v) for k, v in found.items() if k not in ("run", "model")}
    return [_without_paths(each) for each in found] if isinstance(found, list) else found


def _is_here(row: dict[str, Any]) -> bool:
    return bool(row["machine"]["processor"] == machine()["processor"])


if __name__ == "__main__":
    main()
