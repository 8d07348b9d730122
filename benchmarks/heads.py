"""One network or many (post 000): softmax, one-vs-rest and one-vs-one, with and without balance.

    python benchmarks/heads.py [--seeds 5] [--untimed]
    python benchmarks/heads.py --times          # what a step takes, on a machine with no other work
    python benchmarks/heads.py --trainings 3    # what whole trainings take, likewise

On MNIST and on a long-tailed MNIST, whose class sizes fall from 100 to 1: after the most frequent
class each has 0.6 of the images of the one before, and which is the rarest goes around with the
seed. Test images are MNIST's own. Every run is the recipe `mlp-300-100` with a head and a balance;
`same steps` is one network on the under-sampled images with as many epochs more as the images are
fewer. Rows go to results/heads.jsonl, and what is there is not run again; the tables, with 95 %
intervals over seeds, to results/heads.md. Nothing is chosen here.
"""

import argparse
import json
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np

import loupe
from loupe.data.dataset import TRAIN, Dataset
from measuring import RESULTS, append, machine, rows, spread

HEADS = ("softmax", "one-vs-rest", "one-vs-one")
LONG_TAIL = 100  # times as many images of the most frequent class as of the rarest
# (data, head, balance, factor on the epochs)
CELLS = [
    (data, head, balance, 1)
    for data in ("mnist", "long-tailed")
    for balance in ("none", "under-sample")
    for head in HEADS
] + [
    ("long-tailed", "softmax", "under-sample", 27),
    ("long-tailed", "softmax", "over-sample", 1),
    ("long-tailed", "softmax", "weights", 1),
    ("long-tailed", "one-vs-rest", "weights", 1),
]  # fmt: skip
QUANTILE = {2: 4.303, 3: 3.182, 4: 2.776}  # of Student's t, 97.5 %, by n - 1; none of two


def main() -> None:
    """Run what is missing, then write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="seed to begin with")
    parser.add_argument("--data", nargs="+", default=["mnist", "long-tailed"])
    parser.add_argument("--times", action="store_true", help="measure steps only")
    parser.add_argument("--trainings", type=int, default=0, help="time so many of each on MNIST")
    parser.add_argument(
        "--untimed", action="store_true", help="the machine has other work: seconds do not count"
    )
    arguments = parser.parse_args()
    if arguments.times:
        append("heads", {"kind": "times", **step_times()})
    elif arguments.trainings:
        append("heads", {"kind": "trainings", **training_times(arguments.trainings)})
    else:
        for seed in range(arguments.first, arguments.seeds):
            for cell in CELLS:
                if cell[0] in arguments.data and not _is_done(cell, seed):
                    row = run(*cell, seed) | {"timed": not arguments.untimed}
                    append("heads", row)
                    print(json.dumps(row), flush=True)
    (RESULTS / "heads.md").write_text(tables(), encoding="utf-8")


def run(data: str, head: str, balance: str, factor: int, seed: int) -> dict[str, Any]:
    """Train once and give the row."""
    dataset, rarest = _data(data, seed)
    recipe = loupe.recipe("mlp-300-100", head=head, balance=balance, seed=seed)
    recipe = replace(recipe, epochs=recipe.epochs * factor)
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        trained = loupe.train(dataset, recipe, out=Path(folder) / "run")
        processor_seconds = time.process_time() - began
        ledger = Path(folder) / "ledger.jsonl"  # nothing is chosen by these looks
        evaluation = loupe.evaluate(trained.classifier, dataset, split="test", ledger=ledger)
        environment = trained.environment
    rare = evaluation.per_class[rarest]
    return {
        "kind": "run",
        "data": data,
        "head": head,
        "balance": balance,
        "factor": factor,
        "seed": seed,
        "n": len(evaluation),
        "training_images": len(dataset.train),
        "accuracy": evaluation.metrics["accuracy"].value,
        "log_loss": evaluation.metrics["log_loss"].value,
        "calibration_error": evaluation.metrics["calibration_error"].value,
        "rarest": dataset.class_names[rarest],
        "rarest_recall": rare.recall,
        "rarest_precision": rare.precision,
        "rarest_n": rare.n,
        "training_seconds": environment["seconds"]["training"],
        "processor_seconds": processor_seconds,
        "parameters": environment["parameters"],
        "model_bytes": environment["model_bytes"],
    }


def _data(name: str, seed: int) -> tuple[Dataset, int]:
    """Give the data and its rarest class."""
    mnist = loupe.read("mnist")
    if name == "mnist":
        return mnist, int(mnist.train.counts().argmin())
    generator = np.random.default_rng(seed)
    kept = [np.flatnonzero(mnist.split != TRAIN)]
    largest = int(mnist.train.counts().min())
    for rank in range(10):
        label = (rank + seed) % 10
        places = np.flatnonzero((mnist.split == TRAIN) & (mnist.labels == label))
        count = round(largest * LONG_TAIL ** (-rank / 9))
        kept.append(generator.choice(places, count, replace=False))
    chosen = np.sort(np.concatenate(kept))
    return replace(mnist.select(chosen), name="mnist-long-tailed", origin=""), (9 + seed) % 10


def step_times(repetitions: int = 30) -> dict[str, Any]:
    """Time the steps of each head in turn; the quickest repetition of each counts."""
    import torch

    from loupe.training.device import keep_heap, without_denormals
    from loupe.training.loop import run_step
    from loupe.training.member import new_member
    from loupe.training.prepare import prepare, with_validation

    keep_heap()
    jobs, least = {}, {}
    for head in HEADS:
        recipe = loupe.recipe("mlp-300-100", head=head)
        job = prepare(with_validation(loupe.read("mnist"), recipe), recipe)
        jobs[head], least[head] = (job, new_member(job, 0)), float("inf")
    with without_denormals():
        for _ in range(repetitions):
            for head, (job, member) in jobs.items():
                began, first = time.perf_counter(), member.step
                while member.step - first < 25:
                    run_step(member, job)
                seconds = (time.perf_counter() - began) / (member.step - first)
                least[head] = min(least[head], seconds * job.steps_per_epoch)
    return {"epoch_seconds": least, "threads": torch.get_num_threads()}


def training_times(count: int) -> dict[str, Any]:
    """Train each head on MNIST so many times, in turn; seconds from the first step to the last."""
    import torch

    seconds: dict[str, list[float]] = defaultdict(list)
    dataset, _ = _data("mnist", 0)
    for seed in range(count):
        for balance in ("none", "under-sample"):
            for head in HEADS:
                recipe = loupe.recipe("mlp-300-100", head=head, balance=balance, seed=seed)
                with tempfile.TemporaryDirectory() as folder:
                    trained = loupe.train(dataset, recipe, out=Path(folder) / "run")
                    taken = trained.environment["seconds"]["training"]
                seconds[f"{head}, {balance}"].append(taken)
                print(head, balance, seed, round(taken, 2), flush=True)
    return {"seconds": seconds, "threads": torch.get_num_threads()}


def _is_done(cell: tuple[str, str, str, int], seed: int) -> bool:
    keys = ("data", "head", "balance", "factor", "seed")
    return any((*cell, seed) == tuple(row.get(key) for key in keys) for row in rows("heads"))


def tables() -> str:
    """Write a table for each data set: means over seeds with intervals, differences by pairs."""
    found: dict[tuple[str, str, str, int], dict[int, dict[str, Any]]] = defaultdict(dict)
    for row in rows("heads"):
        if row["kind"] == "run":
            found[row["data"], row["head"], row["balance"], row["factor"]][row["seed"]] = row
    lines = []
    for data in ("mnist", "long-tailed"):
        base = found.get((data, "softmax", "none", 1), {})
        lines += [
            f"## {data}", "",
            "| head | balance | seeds | accuracy, % | less softmax's | recall of the rarest, % "
            "| less softmax's | log-loss | epochs | processor time, s | parameters | model, MB |",
            "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        ]  # fmt: skip
        lines += [
            _line(key, by_seed, base)
            for key in CELLS
            if key[0] == data and (by_seed := found.get(key, {}))
        ]
        lines.append("")
    lines += [*_trainings(), *_times()]
    return "\n".join(lines) + "\n"


def _line(
    key: tuple[str, str, str, int],
    by_seed: dict[int, dict[str, Any]],
    base: dict[int, dict[str, Any]],
) -> str:
    _, head, balance, factor = key
    runs = list(by_seed.values())
    shared = [seed for seed in by_seed if seed in base]

    def less(name: str) -> str:
        differences = [100 * (by_seed[seed][name] - base[seed][name]) for seed in shared]
        return "" if head == "softmax" and balance == "none" else _interval(differences, "+")

    return (
        f"| {head} | {balance} | {len(runs)} | {_interval([100 * r['accuracy'] for r in runs])} "
        f"| {less('accuracy')} | {_interval([100 * r['rarest_recall'] for r in runs])} "
        f"| {less('rarest_recall')} | {mean(r['log_loss'] for r in runs):.3f} | {10 * factor} "
        f"| {mean(r['processor_seconds'] for r in runs):.0f} | {runs[-1]['parameters']:,} "
        f"| {runs[-1]['model_bytes'] / 1e6:.1f} |"
    )


def _interval(values: list[float], sign: str = "") -> str:
    """Mean and 95 % interval of Student's t over seeds."""
    if not values:
        return ""
    middle = f"{mean(values):{sign}.2f}"
    if len(values) - 1 not in QUANTILE:
        return middle
    half = QUANTILE[len(values) - 1] * stdev(values) / sqrt(len(values))
    return f"{middle} ({mean(values) - half:{sign}.2f} to {mean(values) + half:{sign}.2f})"


def _trainings() -> list[str]:
    """The latest times of whole trainings."""
    timed = [row for row in rows("heads") if row["kind"] == "trainings"]
    if not timed:
        return []
    row = timed[-1]
    one = mean(row["seconds"]["softmax, none"])
    lines = [
        f"Whole trainings on MNIST ({row['machine']['processor']}, {row['threads']} threads, "
        f"{row['date']}):",
        "",
        "| head | balance | seconds | of softmax's |",
        "|---|---|---|--:|",
    ]
    for name, seconds in row["seconds"].items():
        head, balance = name.split(", ")
        lines.append(
            f"| {head} | {balance} | {spread(seconds)} | {mean(seconds) / one:.1f} times |"
        )
    return [*lines, ""]


def _times() -> list[str]:
    """The latest times of an epoch."""
    timed = [row for row in rows("heads") if row["kind"] == "times"]
    if not timed:
        return []
    row = timed[-1]
    seconds = row["epoch_seconds"]
    where = f"{row['machine']['processor']}, {row['threads']} threads, {row['date']}"
    parts = [
        f"{head} {value:.2f} s ({value / seconds['softmax']:.1f} times)"
        for head, value in seconds.items()
    ]
    note = f"; {row['note']}" if "note" in row else ""
    return [f"An epoch of training on MNIST: {', '.join(parts)} ({where}{note}).", ""]


if __name__ == "__main__":
    print(machine()["processor"])
    main()
