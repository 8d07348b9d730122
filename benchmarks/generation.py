"""What generated images are worth: how near to real ones, whether copied, and whether they help.

    python benchmarks/generation.py bars [--data mnist] [--minutes 20] [--seeds 1]
    python benchmarks/generation.py help [--data mnist] [--per-class 100 1000 0] [--seeds 3]

`bars` makes 60,000 images within a time budget (`loupe generate`, a whole process), measures copies
and Frechet distance by a `fast` network's features, then trains `fast` on these images alone and
tests it on the real test images: the classification accuracy score.

`help` draws a part of the training images (0: all), trains a generator on this part alone, and then
`fast` three times: on the real images by its own recipe; on real and generated images; and on the
real images alone for as many steps as that took, all with the recipe's ordinary augmentation. The
test images are the same for all, so that each pair is compared image by image.

Rows are appended to results/generation.jsonl; what is there for the same settings is not run again,
and a generator that was cut short goes on (`--work` keeps it). The table goes to
results/generation.md. Nothing is chosen here.
"""

import argparse
import csv
import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import loupe
from loupe.data.dataset import Dataset
from loupe.data.generated import GENERATOR_FILE, IMAGES_FILE
from loupe.examination.paired import difference
from measuring import RESULTS, append, as_dict, measure, rows, spread

LOUPE = [sys.executable, "-m", "loupe"]
BAR = 97.0  # %, the classification accuracy score on MNIST
GENERATED = {100: 4, 1000: 1, 0: 1}  # generated images for each real one, by images per class
STEPS = {100: 4000, 1000: 8000, 0: 28156}  # of the generator: what 20 minutes give for all images
EPOCHS = {100: 30, 1000: 30, 0: 2}  # of `fast` on so many images
ARMS = ("real", "generated", "longer")


def main() -> None:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["bars", "help", "table"])
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--steps", type=int, help="of the generator, in the place of a budget")
    parser.add_argument("--count", type=int, default=60_000, help="images that `bars` makes")
    parser.add_argument("--per-class", type=int, nargs="+", default=[100, 1000, 0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("runs/generation"))
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    for seed in range(arguments.seeds):
        if arguments.part == "bars":
            run_bars(arguments, seed)
        elif arguments.part == "help":
            for per_class in arguments.per_class:
                run_arms(arguments, per_class, seed)
    (RESULTS / "generation.md").write_text(table(), encoding="utf-8")
    print(table())


def run_bars(arguments: argparse.Namespace, seed: int) -> None:
    """Make images within the budget, and measure them."""
    budget = {"minutes": None if arguments.steps else arguments.minutes, "steps": arguments.steps}
    key = {"part": "bars", "data": arguments.data, "seed": seed, "count": arguments.count, **budget}
    if is_done(key):
        return
    name = f"{arguments.data}-{arguments.steps or arguments.minutes:g}-{seed}"
    model, folder = arguments.work / f"{arguments.data}-fast", arguments.work / f"bars-{name}"
    if not (model / "model.onnx").exists():
        train(arguments.data, model, "--no-test")
    taken = generate(arguments.data, folder, seed, arguments.count, {**budget, "model": model})
    score = arguments.work / f"score-{name}"
    if not (score / "evaluation.json").exists():
        train(arguments.data, score, "--generated", str(folder), "--generated-only")
    facts = json.loads((folder / GENERATOR_FILE).read_text())
    row = {
        **key,
        "score": accuracy(score),
        "generator_steps": facts["steps_done"],
        "training_seconds": facts["seconds"]["training"],
        "total_seconds": facts["seconds"]["total"],
        "threads": facts["threads"],
        "measured": facts["measured"] | {"model": "fast"},
        **taken,
    }
    append("generation", row)
    print(f"{name}: score {row['score']['value']:.2f} %", flush=True)


def run_arms(arguments: argparse.Namespace, per_class: int, seed: int) -> None:
    """Train the same network on real images, with generated ones, and for longer."""
    steps = arguments.steps or STEPS[per_class]
    key = {"part": "help", "data": arguments.data, "per_class": per_class, "seed": seed,
           "steps": steps}  # fmt: skip
    name = f"{arguments.data}-{per_class or 'all'}-{steps}-{seed}"
    data = arguments.work / f"part-{arguments.data}-{per_class or 'all'}-{seed}.npz"
    if not data.exists():
        write_part(loupe.read(arguments.data), per_class, seed, data)
    num_real = len(loupe.read(data).train)
    num_generated = GENERATED[per_class] * num_real
    folder = arguments.work / f"help-{name}"
    for arm in ARMS:
        if is_done({**key, "arm": arm}):
            continue
        if arm == "generated":
            generate(str(data), folder, seed, num_generated, {"steps": steps})
        epochs = EPOCHS[per_class]
        if arm == "longer":  # validation images are held out of the real ones alone
            kept = num_real * 11 / 12
            epochs = round(epochs * (kept + num_generated) / kept)
        out = arguments.work / f"arm-{name}-{arm}"
        if not (out / "evaluation.json").exists():
            extra = ["--generated", str(folder)] if arm == "generated" else []
            train(str(data), out, "--seed", str(seed), "--epochs", str(epochs), *extra)
        row = {**key, "arm": arm, "real": num_real, "epochs": epochs,
               "generated": num_generated if arm == "generated" else 0,
               "accuracy": accuracy(out), "wrong": wrong_sources(out),
               "training_seconds": json.loads((out / "environment.json").read_text())["seconds"]
               ["training"]}  # fmt: skip
        append("generation", row)
        print(f"{name} {arm}: {row['accuracy']['value']:.2f} %", flush=True)


def write_part(dataset: Dataset, per_class: int, seed: int, path: Path) -> None:
    """Write a part of the training images with all test images, as a data set of its own."""
    train, draw = dataset.train, np.random.default_rng(seed)
    chosen = np.arange(len(train))
    if per_class:
        members = [np.flatnonzero(train.labels == label) for label in range(len(train.class_names))]
        chosen = np.sort(np.concatenate([draw.permutation(m)[:per_class] for m in members]))
    np.savez_compressed(
        path,
        x_train=train.images[chosen], y_train=train.labels[chosen],
        x_test=dataset.test.images, y_test=dataset.test.labels,
        class_names=np.array(dataset.class_names),
    )  # fmt: skip


def generate(
    data: str, folder: Path, seed: int, count: int, options: dict[str, Any]
) -> dict[str, Any]:
    """Make images, or go on making them; nothing where they are there."""
    if (folder / IMAGES_FILE).exists():
        return {}
    if (folder / GENERATOR_FILE).exists():
        return as_dict(measure([*LOUPE, "generate", "--resume", str(folder), "--quiet"]))
    command = [*LOUPE, "generate", data, "--out", str(folder), "--seed", str(seed), "--quiet"]
    given = {"count": count, **options}
    flags = [part for name, value in given.items() if value is not None
             for part in (f"--{name}", f"{value}")]  # fmt: skip
    return as_dict(measure([*command, *flags]))


def train(data: str, out: Path, *options: str) -> None:
    """Train `fast`, or go on with it; a run that holds nothing yet is begun anew."""
    began = (out / "recipe.toml").exists()
    command = ["train", "--resume", str(out)] if began else [
        "train", data, "--recipe", "fast", "--out", str(out), *options]  # fmt: skip
    measure([*LOUPE, *command, "--quiet"])


def accuracy(run: Path) -> dict[str, float]:
    """Test accuracy of a run with its interval, in percent."""
    metric = json.loads((run / "evaluation.json").read_text())["metrics"]["accuracy"]
    return {key: 100 * metric[key] for key in ("value", "low", "high")}


def wrong_sources(run: Path) -> list[int]:
    """Rows of the test images that the run reads wrongly."""
    with open(run / "predictions.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    return [i for i, line in enumerate(lines) if line["label"] != line["guess_1"]]


def is_done(key: dict[str, Any]) -> bool:
    """Whether there is a row with these settings."""
    return any(all(row.get(name) == value for name, value in key.items()) for row in results())


def results() -> Iterator[dict[str, Any]]:
    """Give all rows so far."""
    return rows("generation")


def table() -> str:
    """Write both tables."""
    bars = [row for row in results() if row["part"] == "bars"]
    arms: dict[tuple[Any, ...], dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in results():
        if row["part"] == "help":
            arms[row["data"], row["per_class"], row["steps"], row["seed"]][row["arm"]] = row
    return "\n".join([*_bar_lines(bars), "", *_pair_lines(arms), ""])


def _bar_lines(bars: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| data | seed | generator: steps, seconds, threads "
        "| accuracy score, % (95 % interval) | goal "
        "| nearer than 1 % of real ones: pixels, features | equal | Fréchet: generated, real (n) "
        "| read as meant, % | when |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in bars:
        found, score = row["measured"], row["score"]
        frechet, goal = found["frechet"], f"{BAR:g}" if row["data"] == "mnist" else ""
        near = [f"{100 * found[by]['nearer']:.2f} %" for by in ("pixels", "features")]
        lines.append(
            f"| {row['data']} | {row['seed']} | {row['generator_steps']:,}, "
            f"{row['training_seconds']:.0f}, {row['threads']} | {score['value']:.2f} "
            f"({score['low']:.2f} to {score['high']:.2f}) | {goal} | {', '.join(near)} "
            f"| {found['pixels']['equal']} | {frechet['generated']:.3g}, {frechet['real']:.3g} "
            f"({frechet['n']:,}) | {100 * found['agreement']:.1f} | {row['date']} |"
        )
    return lines


def _pair_lines(arms: dict[tuple[Any, ...], dict[str, dict[str, Any]]]) -> list[str]:
    lines = [
        "| data | images per class | generator's steps | real | with generated | real, as long "
        "| generated less as long, points | per seed (p) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    groups: dict[tuple[Any, ...], list[dict[str, dict[str, Any]]]] = defaultdict(list)
    for (data, per_class, steps, _), runs in sorted(arms.items()):
        if runs.keys() >= set(ARMS):
            groups[data, per_class, steps].append(runs)
    for (data, per_class, steps), seeds in groups.items():
        means = [spread([runs[arm]["accuracy"]["value"] for runs in seeds]) for arm in ARMS]
        found = [_difference(runs["generated"], runs["longer"]) for runs in seeds]
        told = ", ".join(f"{100 * each.value:+.2f} ({each.p:.2g})" for each in found)
        gain = spread([100 * each.value for each in found])
        lines.append(
            f"| {data} | {per_class or 'all'} | {steps:,} | {' | '.join(means)} | {gain} | {told} |"
        )
    return lines


def _difference(first: dict[str, Any], second: dict[str, Any]) -> Any:
    """Compare two runs on the images of the test split, one by one."""
    count = 10_000
    right = []
    for row in (first, second):
        read = np.ones(count, bool)
        read[row["wrong"]] = False
        right.append(read)
    return difference(*right)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", str(len(os.sched_getaffinity(0))))
    main()
