"""What a committee gains over one of its members, and how much of that one network can learn.

    python benchmarks/committees.py [--seeds 3] [--work DIR] [--only mnist-mlp]

For each case and seed a committee is trained, and then one network of the same kind on the
committee's probabilities (`loupe train --distil`), with the same epochs; and where the recipe keeps
no average of its weights, with one (`--set ema=0.998`), taught and not. A member alone is the mean
over the committee's members, each read by itself: a member is the same alone or in company. Rows
are appended to results/committees.jsonl, what is there for the same case, seed and machine is not
run again, and the table goes to results/committees.md. Nothing is chosen here: the settings of
distillation were chosen on validation images (NOTES.md), test figures are looked at once.
"""

import argparse
import tempfile
import time
from collections import defaultdict
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

import loupe
from loupe.data.split import hold_out_validation
from loupe.examination.intervals import bootstrap_mean
from loupe.networks.build import build
from loupe.networks.committee import Committee
from loupe.recipes.named import recipe as named
from loupe.recipes.named import settled
from loupe.training.device import Compute
from loupe.training.scores import predict_logits
from measuring import RESULTS, append, machine, rows, spread

# Data, recipe, members. `fast` on Fashion-MNIST takes 8 epochs of 3 s: three members must do.
CASES = {
    "mnist-small": ("mnist", "mlp-64-32", 3),
    "fashion-small": ("fashion-mnist", "mlp-64-32", 3),
    "mnist-mlp": ("mnist", "mlp-300-100", 5),
    "fashion-mlp": ("fashion-mnist", "mlp-300-100", 5),
    "mnist-fast": ("mnist", "fast", 5),
    "fashion-fast": ("fashion-mnist", "fast", 3),
}
EMA = 0.998
# Who reads: a network's name in the rows, whether it is taught, whether its weights are averaged.
PUPILS = {
    "pupil": (True, False),
    "averaged pupil": (True, True),
    "averaged": (False, True),
}
EXACT = Compute(torch.device("cpu"), bf16=False)


def main() -> None:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=list(CASES))
    parser.add_argument("--work", type=Path, default=None, help="keeps the runs, to go on with")
    arguments = parser.parse_args()
    work = arguments.work or Path(tempfile.mkdtemp())
    for seed in range(arguments.seeds):
        for case in arguments.only:
            if not _is_done(case, seed):
                append("committees", {"case": case, "seed": seed, **measure(case, seed, work)})
    text = f"{table()}\nHow sure they are, on test images:\n\n{certainty_table()}"
    (RESULTS / "committees.md").write_text(text, encoding="utf-8")


def measure(case: str, seed: int, work: Path) -> dict[str, Any]:
    """Train a committee and its pupil; read validation and test images with each."""
    data, name, members = CASES[case]
    began = time.process_time()
    dataset = loupe.read(data)
    recipe = replace(settled(named(name), dataset), seed=seed)
    committee = _trained(
        work / f"{case}-{seed}-committee", dataset, replace(recipe, members=members)
    )
    pupils = {
        who: _trained(
            work / f"{case}-{seed}-{who.replace(' ', '-')}",
            dataset,
            replace(recipe, ema=EMA) if averaged else recipe,
            distil=committee if taught else None,
        )
        for who, (taught, averaged) in PUPILS.items()
        if not (averaged and recipe.ema)
    }
    runs = {"committee": committee, **pupils}
    split = hold_out_validation(dataset, recipe.validation, seed)
    row: dict[str, Any] = {"members": members, "cpu_seconds": 0.0}
    for view in (split.validation, split.test):
        alone = _members_right(committee, view).mean(axis=0)
        right = {who: _right(run, view) for who, run in runs.items()}
        key = "validation" if view is split.validation else "test"
        row[key] = {
            "n": len(view),
            "member": float(alone.mean()),
            **{who: float(each.mean()) for who, each in right.items()},
            # Paired: image by image, whoever reads it less the mean of the members.
            "gains": {who: _gain(each - alone) for who, each in right.items()},
        }
    plain = {who: runs[who] for who in ("committee", "pupil")}
    row["certainty"] = {who: _certainty(run, split) for who, run in plain.items()}
    row["seconds"] = {who: run.environment["seconds"]["training"] for who, run in plain.items()}
    images = split.test.images[:2000]
    row["microseconds"] = {who: _microseconds(run, images) for who, run in plain.items()}
    row["bytes"] = {who: run.classifier.size_bytes for who, run in plain.items()}
    return row | {"cpu_seconds": round(time.process_time() - began, 1)}


def table() -> str:
    """Write mean accuracies over seeds, and the share of the committee's gain that was learnt."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows("committees"):
        groups[row["case"]].append(row)
    lines = [
        "| data, recipe, members | images | one member, % | committee, % | distilled, % "
        "| committee's gain | of it distilled | distilled, weights averaged "
        "| weights averaged alone | microseconds an image |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for case, runs in groups.items():
        data, name, members = CASES[case]
        for key in ("validation", "test"):
            figures = [run[key] for run in runs]
            gains = {
                who: 100 * float(np.mean([f["gains"][who]["value"] for f in figures]))
                for who in figures[0]["gains"]
            }
            shares = [
                f"{100 * gains[who] / gains['committee']:.0f} %" if who in gains else ""
                for who in PUPILS
            ]
            speeds = [
                min(run["microseconds"][who] for run in runs) for who in ("committee", "pupil")
            ]
            lines.append(
                f"| {data}, `{name}`, {members} | {key}, n={figures[0]['n']:,} | "
                + " | ".join(
                    spread([100 * f[who] for f in figures])
                    for who in ("member", "committee", "pupil")
                )
                + f" | {gains['committee']:+.2f} | {' | '.join(shares)} "
                f"| {speeds[0]:.0f} and {speeds[1]:.0f} |"
            )
    return "\n".join(lines) + "\n"


def _trained(
    folder: Path, dataset: loupe.Dataset, recipe: loupe.Recipe, distil: loupe.Run | None = None
) -> loupe.Run:
    """Train into a folder, or take what was trained there before."""
    if folder.exists():
        run = loupe.open_run(folder)
        return run if run.is_finished else loupe.resume(folder, dataset)
    return loupe.train(dataset, recipe, out=folder, distil=distil)


def _right(run: loupe.Run, view: loupe.Dataset) -> np.ndarray:
    return (run.classifier.predict(view.images).argmax(axis=1) == view.labels).astype(float)


def _members_right(run: loupe.Run, view: loupe.Dataset) -> np.ndarray:
    """Whether each member alone reads each image rightly, `[m n]`."""
    weights, recipe = load_file(run.folder / "weights.safetensors"), run.recipe
    height, width, channels = view.image_shape
    images = torch.from_numpy(np.ascontiguousarray(view.images.transpose(0, 3, 1, 2)))
    found = []
    for index in range(recipe.members):
        net = build(recipe, (channels, height, width), len(view.class_names), seed=0)
        prefix = f"member_{index}."
        own = {
            name.removeprefix(prefix): t for name, t in weights.items() if name.startswith(prefix)
        }
        net.load_state_dict(own)
        alone = Committee([net.eval()], recipe.test_shifts, recipe.test_mirror)
        guesses = predict_logits(alone, images, EXACT).argmax(1).numpy()
        found.append((guesses == view.labels).astype(float))
    return np.stack(found)


def _gain(differences: np.ndarray) -> dict[str, Any]:
    interval = bootstrap_mean(differences)
    return {"value": float(differences.mean()), **asdict(interval)}


def _certainty(run: loupe.Run, split: loupe.Dataset) -> dict[str, Any]:
    """What the thresholds in the card, of validation images, are worth on test images."""
    found = loupe.evaluate(run.classifier, split, split="test", ledger=None).certainty
    return {} if found is None else found.to_dict()


def certainty_table() -> str:
    """Write what was promised and covered, over all models and seeds."""
    lines = [
        "| data, recipe, seeds | wanted | promised | of all images left to a person, % "
        "| of the others right, % | promises kept |",
        "|---|--:|---|---|---|---|",
    ]
    sets = [
        "| data, recipe, seeds | level | covered, % | classes in a set | weakest class, % |",
        "|---|--:|---|---|---|",
    ]
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows("committees"):
        groups[row["case"]] += [row["certainty"][who] for who in ("committee", "pupil")]
    for case, found in groups.items():
        data, name, _ = CASES[case]
        for index in range(len(found[0]["abstention"])):
            each = [one["abstention"][index] for one in found]
            kept = [one for one in each if one["rule"]["promised"]]
            held = sum(one["accuracy"] >= one["rule"]["wanted"] for one in kept)
            lines.append(
                f"| {data}, `{name}`, {len(each)} models | {100 * each[0]['rule']['wanted']:g} % "
                f"| {len(kept)} of {len(each)} "
                f"| {spread([100 * one['left'] / one['n'] for one in each], 1)} "
                f"| {spread([100 * one['accuracy'] for one in each])} "
                f"| {held} of {len(kept)} |"
            )
        for index in range(len(found[0]["prediction_sets"])):
            each = [one["prediction_sets"][index] for one in found]
            sets.append(
                f"| {data}, `{name}`, {len(each)} models | {100 * each[0]['level']:g} % "
                f"| {spread([100 * one['coverage'] for one in each])} "
                f"| {spread([one['mean_size'] for one in each])} "
                f"| {spread([100 * one['weakest_coverage'] for one in each], 1)} |"
            )
    return "\n".join([*lines, "", *sets]) + "\n"


def _microseconds(run: loupe.Run, images: np.ndarray) -> float:
    """Time of an image, the least of five passes."""
    passes = []
    for _ in range(5):
        began = time.perf_counter()
        run.classifier.predict(images)
        passes.append(time.perf_counter() - began)
    return 1e6 * min(passes) / len(images)


def _is_done(case: str, seed: int) -> bool:
    key = (case, seed, machine()["processor"])
    return any(key == (r["case"], r["seed"], r["machine"]["processor"]) for r in rows("committees"))


if __name__ == "__main__":
    main()
