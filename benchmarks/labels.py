"""How many wrong labels `loupe examine` finds, and what mending them is worth.

    python benchmarks/labels.py [--data mnist fashion-mnist] [--seeds 1 2] [--work FOLDER]

Of the training labels 1, 5 and 10 % are flipped: to any other class, or to the class that theirs is
most often taken for. `loupe.examine` ranks them, beside plain cleanlab on the very same out-of-fold
probabilities. Then `fast` is trained on the flipped labels, on what is left when the findings are
dropped, on what they are corrected to, and on the labels as they were; each is measured on the test
images once, at the end, and nothing is chosen by them. Only training images are flipped. A seed
draws the images, the flips and the networks; the constants of the ranking were chosen on seed 0,
whose rows stand in the file and not in the table.

Rows are appended to results/labels.jsonl, the table goes to results/labels.md; what is there for
the same condition is not run again. Folds are kept in FOLDER: a run that was stopped goes on.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.metrics import average_precision_score

import loupe
from loupe.data.dataset import TRAIN, Dataset
from loupe.data.fixes import DROP, Fix, apply_fixes, read_fixes, write_fixes
from loupe.examination.labels import LabelExamination
from loupe.studies.folds import train_folds
from measuring import RESULTS, append, rows

IMAGES = {"mnist": 20_000, "fashion-mnist": 10_000}  # of the 60,000: all take hours on one core
FOLDS, RATES, KINDS = 3, (0.01, 0.05, 0.10), ("random", "confused")
CHOSEN_ON = 0  # the seed whose draws the constants of the ranking were chosen on
NAME, RECIPE = "labels", "fast"
PLAIN = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")  # cleanlab's


def main() -> None:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=list(IMAGES))
    parser.add_argument("--images", type=int, help="how many training images, instead of IMAGES")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "labels")
    parser.add_argument("--kinds", nargs="+", default=KINDS)
    parser.add_argument("--steps", nargs="+", default=list(STEPS), help="ranking comes first")
    arguments = parser.parse_args()
    for seed in arguments.seeds:
        for data in arguments.data:
            clean = subset(loupe.read(data), arguments.images or IMAGES[data], seed)
            place = arguments.work / f"{data}-{len(clean.train)}-seed-{seed}"
            for kind in arguments.kinds:
                measure_kind(clean, kind, seed, arguments.steps, place)
    (RESULTS / "labels.md").write_text(table(), encoding="utf-8")


def measure_kind(clean: Dataset, kind: str, seed: int, steps: Sequence[str], place: Path) -> None:
    """Flip labels in one way, at each rate, and append what is found and regained."""
    confused = most_confused(clean, seed, place) if kind == "confused" else None
    for rate in reversed(RATES):
        key = {"data": clean.name, "images": len(clean.train), "folds": FOLDS, "kind": kind,
               "rate": rate, "seed": seed}  # fmt: skip
        dirty = flipped(clean, kind, rate, seed, confused)
        for what in steps:
            if not any({**key, "what": what}.items() <= row.items() for row in rows(NAME)):
                began = time.process_time()
                row = STEPS[what](clean, dirty, seed, place / f"{kind}-{rate}")
                seconds = round(time.process_time() - began, 1)
                append(NAME, {**key, "what": what, **row, "cpu_seconds": seconds})
                print(key, row, flush=True)


def subset(dataset: Dataset, count: int, seed: int) -> Dataset:
    """Keep some of the training images, and all test images."""
    train = np.flatnonzero(dataset.split == TRAIN)
    kept = np.random.default_rng(seed).permutation(train)[:count]
    return dataset.select(np.sort(np.concatenate([kept, np.flatnonzero(dataset.split != TRAIN)])))


def flipped(
    clean: Dataset, kind: str, rate: float, seed: int, confused: np.ndarray | None
) -> Dataset:
    """Flip a share of the training labels."""
    generator = np.random.default_rng(seed)
    train = np.flatnonzero(clean.split == TRAIN)
    chosen = generator.permutation(train)[: round(rate * len(train))]
    labels, k = clean.labels.copy(), len(clean.class_names)
    if confused is None:
        labels[chosen] = (labels[chosen] + generator.integers(1, k, len(chosen))) % k
    else:
        labels[chosen] = confused[labels[chosen]]
    return replace(clean, labels=labels)


def most_confused(clean: Dataset, seed: int, place: Path) -> np.ndarray:
    """For each class the one that its images are most often taken for, out-of-fold."""
    shares = one_view(clean, seed, place / "clean")
    lost = np.zeros((len(clean.class_names), len(clean.class_names)))
    np.add.at(lost, clean.train.labels, shares)
    np.fill_diagonal(lost, 0)
    return lost.argmax(axis=1)


def ranking(clean: Dataset, dirty: Dataset, seed: int, place: Path) -> dict[str, Any]:
    """Measure how well the flipped labels are found."""
    found = loupe.examine(dirty, folds=FOLDS, recipe=loupe.recipe(RECIPE, seed=seed), folder=place)
    write_fixes(place / "fixes.csv", found.fixes)
    return rankings(found, clean, one_view(dirty, seed, place))


def regained(clean: Dataset, dirty: Dataset, seed: int, place: Path) -> dict[str, Any]:
    """Measure what mending them is worth: test accuracy, in %."""
    proposed = read_fixes(place / "fixes.csv")
    dropped = [replace(fix, proposed_label=DROP) for fix in proposed]
    kept = place.parent / "accuracy.txt"  # with the labels as they were: the same for all
    if not kept.exists():
        kept.write_text(f"{accuracy(clean, seed)}")
    return {
        "accuracy": {
            "flipped": accuracy(dirty, seed),
            "dropped": accuracy(mended(dirty, dropped), seed),
            "corrected": accuracy(mended(dirty, proposed), seed),
            "as they were": float(kept.read_text()),
        }
    }


def one_view(dirty: Dataset, seed: int, place: Path) -> np.ndarray:
    """Read each image once by the network of its fold: what most people give to cleanlab."""
    folds = train_folds(dirty, loupe.recipe(RECIPE, seed=seed), FOLDS, place)
    shares = np.zeros((len(folds.dataset), len(dirty.class_names)), np.float32)
    for fold, classifier in enumerate(folds.classifiers):
        inside = folds.inside(fold)
        shares[inside] = classifier.predict(folds.dataset.images[inside])
    return shares


def rankings(found: LabelExamination, clean: Dataset, plain: np.ndarray) -> dict[str, Any]:
    """Compare what was found with what was planted.

    Plain cleanlab gets the same probabilities (of the doubtful images, means over views), and those
    of one view.
    """
    truth, labels = clean.train.labels, found.evidence.labels
    wrong = truth != labels
    shares = found.evidence.probabilities.astype(np.float64)
    average = {"loupe": average_precision_score(wrong, -found.scores)}
    for method in PLAIN:
        for given, name in ((shares, method), (plain.astype(np.float64), f"{method}, one view")):
            quality = get_label_quality_scores(labels, given, method=method)
            average[name] = average_precision_score(wrong, -quality)
    flagged = find_label_issues(labels, shares, n_jobs=1)
    proposed = np.zeros(len(labels), bool)
    proposed[[s.index for s in found.suspects if s.proposed is not None]] = True
    names = np.array(clean.class_names)
    right = [names[truth[s.index]] == s.proposed for s in found.suspects
             if s.verdict == "label suspect"]  # fmt: skip
    return {
        "planted": int(wrong.sum()),
        "average_precision": {name: round(float(value), 4) for name, value in average.items()},
        "loupe": _hits(proposed, wrong),
        "cleanlab": _hits(flagged, wrong),
        "proposed_class_right": round(float(np.mean(right)), 4) if right else None,
        "verdicts": dict(found.counts),
        "planted_by_verdict": {
            verdict: int(sum(wrong[s.index] for s in found.suspects if s.verdict == verdict))
            for verdict in found.counts
        },
        "estimate": found.estimate,
        "out_of_fold_accuracy": round(float((found.evidence.guesses == truth).mean()), 4),
    }


def _hits(chosen: np.ndarray, wrong: np.ndarray) -> dict[str, Any]:
    hits = int((chosen & wrong).sum())
    return {
        "found": int(chosen.sum()),
        "precision": round(hits / max(int(chosen.sum()), 1), 4),
        "recall": round(hits / max(int(wrong.sum()), 1), 4),
    }


def mended(dataset: Dataset, fixes: Sequence[Fix]) -> Dataset:
    """Apply fixes through the file that a person would edit."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fixes.csv"
        write_fixes(path, fixes)
        return apply_fixes(dataset, path)


def accuracy(dataset: Dataset, seed: int) -> float:
    """Train once and measure on the test images, in %."""
    with tempfile.TemporaryDirectory() as folder:
        trained = loupe.train(dataset, loupe.recipe(RECIPE, seed=seed), out=Path(folder) / "run")
        evaluation = loupe.evaluate(trained.classifier, dataset, split="test", ledger=None)
    return round(100 * evaluation.metrics["accuracy"].value, 2)


STEPS = {"ranking": ranking, "accuracy": regained}


def table() -> str:
    """Write the figures of fresh draws, two tables for each data set."""
    groups: dict[tuple[str, int], dict[str, dict[tuple[str, float], list[dict[str, Any]]]]] = {}
    for row in rows(NAME):
        if row.get("seed", CHOSEN_ON) != CHOSEN_ON:
            found = groups.setdefault((row["data"], row["images"]), {what: {} for what in STEPS})
            found[row["what"]].setdefault((row["kind"], row["rate"]), []).append(row)
    parts = []
    for (data, images), found in groups.items():
        every = [row for draws in found["ranking"].values() for row in draws]
        last, seeds = every[-1], sorted({row["seed"] for row in every})
        parts += [
            f"**{data}**, {images:,} training images, {last['folds']} folds with `{RECIPE}`, means "
            f"and standard deviations over draws (seeds {', '.join(map(str, seeds))}); "
            f"{last['date']}, {last['machine']['processor']}.\n",
            "| flipped | planted | draws | average precision: Loupe | cleanlab: self-confidence "
            "| margin | weighted entropy | of one view: self-confidence | margin | proposals: "
            "precision / recall, % | cleanlab's filter | proposed class right, % |",
            "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
            *(_ranking_line(draws) for _, draws in sorted(found["ranking"].items())),
            "",
        ]
        if not found["accuracy"]:
            continue
        parts += [
            "| flipped | draws | test accuracy (n=10,000), %: as flipped | proposals dropped "
            "| corrected | labels as they were |",
            "|---|--:|--:|--:|--:|--:|",
            *(_accuracy_line(draws) for _, draws in sorted(found["accuracy"].items())),
            "",
        ]
    return "\n".join(parts)


def _named(row: dict[str, Any]) -> str:
    to = {"random": "to any class", "confused": "to the most confused"}[row["kind"]]
    return f"{row['rate']:.0%} {to}".replace("%", " %")


def _ranking_line(draws: Sequence[dict[str, Any]]) -> str:
    one_view = [f"{method}, one view" for method in PLAIN[:2]]
    cells = [
        _spread([row["average_precision"][name] for row in draws], 3)
        for name in ("loupe", *PLAIN, *one_view)
    ]
    both = [
        " / ".join(_spread([100 * row[who][what] for row in draws], 1)
                   for what in ("precision", "recall"))
        for who in ("loupe", "cleanlab")
    ]  # fmt: skip
    right = [100 * row["proposed_class_right"] for row in draws if row["proposed_class_right"]]
    return (
        f"| {_named(draws[0])} | {draws[0]['planted']:,} | {len(draws)} | {' | '.join(cells)} "
        f"| {both[0]} | {both[1]} | {_spread(right, 1) if right else '-'} |"
    )


def _accuracy_line(draws: Sequence[dict[str, Any]]) -> str:
    cells = [_spread([row["accuracy"][arm] for row in draws], 2) for arm in draws[0]["accuracy"]]
    return f"| {_named(draws[0])} | {len(draws)} | {' | '.join(cells)} |"


def _spread(values: Sequence[float], digits: int) -> str:
    """Write a mean with its standard deviation, where there are several draws."""
    deviation = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{mean(values):.{digits}f}{deviation}"


if __name__ == "__main__":
    main()
