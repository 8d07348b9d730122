"""Train the readers that ship with the package: src/loupe/pretrained/*.onnx.

    python tools/make_pretrained.py [mnist] [fashion-mnist]

From the public data and one seed; bit-identical on the same processor with the same versions and
threads, but for the date in the card: SOURCE_DATE_EPOCH, in seconds, sets that as well. What was
tried on the way: benchmarks/NOTES.md, "The reader that ships".
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

from no_digits import FONTS, LETTERS, OTHER_LETTERS, letter_cover, no_clothing, no_digit
from pen_digits import pen_digit

import loupe
from loupe.classifier.card import CARD_KEY, Card
from loupe.classifier.classifier import Classifier, loads
from loupe.data.dataset import TRAIN, VALIDATION, Dataset, Rows
from loupe.data.split import hold_out_validation
from loupe.examination.intervals import wilson
from loupe.framing import Framing, measure_framing
from loupe.networks.build import build
from loupe.networks.committee import Committee
from loupe.reading.setting import set_glyph
from loupe.recipes.augmentation import Augmentation
from loupe.recipes.recipe import Recipe, changed
from loupe.runs.run import Run
from loupe.training.finish import finish

PACKAGED = Path(__file__).parent.parent / "src" / "loupe" / "pretrained"
LARGEST = 1_000_000  # bytes of a file in the package
# Of validation images at most, and of pen digits, lie beyond the outlier threshold. Many of the pen
# digits that do are not readable.
REFUSED, PENS_REFUSED = 0.005, 0.01
LEAST_THRESHOLD = 0.1  # log-odds of no digit: the reader's doubt counts in shares of the threshold
SEED = 0
CHUNK = 1000  # images of one process at a time, each chunk with a seed of its own


def pen_digits(data: Dataset, rounds: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw each digit of a data set anew, so many times: images and labels."""
    framing = measure_framing(data.images)
    starts = [(turn, at) for turn in range(rounds) for at in range(0, len(data), CHUNK)]
    made = _in_processes(
        partial(_pen_chunk, framing, seed),
        [
            (turn, data.images[at : at + CHUNK, ..., 0], data.labels[at : at + CHUNK], at)
            for turn, at in starts
        ],
    )
    return np.concatenate(made), np.tile(data.labels, rounds)


def no_digits(data: Dataset, count: int, seed: int) -> np.ndarray:
    """Make images of what is no digit."""
    framing = measure_framing(data.images)
    jobs = [(data.images[at % len(data) :][:CHUNK, ..., 0], at) for at in range(0, count, CHUNK)]
    return np.concatenate(_in_processes(partial(_other_chunk, framing, seed), jobs))[:count]


def no_clothes(data: Dataset, count: int, seed: int) -> np.ndarray:
    """Make images of what is no garment."""
    framing = measure_framing(loupe.read("mnist").train.images)  # letters sit as digits do
    jobs = [(data.images[at % len(data) :][:CHUNK, ..., 0], at) for at in range(0, count, CHUNK)]
    work = partial(_other_chunk, framing, seed, make_one=no_clothing)
    return np.concatenate(_in_processes(work, jobs))[:count]


def _pen_chunk(framing: Framing, seed: int, job: tuple) -> np.ndarray:
    turn, images, labels, at = job
    generator = np.random.default_rng([seed, turn, at])
    pairs = zip(images, labels.tolist(), strict=True)
    return np.stack([pen_digit(image, label, framing, generator) for image, label in pairs])


def _other_chunk(
    framing: Framing, seed: int, job: tuple, make_one: Callable = no_digit
) -> np.ndarray:
    images, at = job
    generator = np.random.default_rng([seed, 99, at])
    return np.stack([make_one(images, framing, generator) for _ in range(CHUNK)])


def _in_processes(work: Callable, jobs: list) -> list[np.ndarray]:
    # Spawned: a process forked beside running threads may wait for their locks for ever.
    spawn = get_context("spawn")
    with ProcessPoolExecutor(None, spawn, cv2.setNumThreads, (1,)) as pool:
        return list(pool.map(work, jobs))


# 221,000 weights in 0.9 MB. The last convolution sees the whole map and leaves 160 features: no
# projection of them need be stored.
DIGITS = Recipe(
    name="mnist",
    network="24C5v/2b-32C3b-64C3p2b-96C3p2b-160C3vb",
    initialization="identity",
    epochs=10,
    batch_size=256,
    optimizer="adamw",
    learning_rate=0.015,
    beta_2=0.99,
    schedule="linear",
    warmup=0.2,
    weight_decay=0.01,
    label_smoothing=0.1,
    ema=0.98,
    focus=0.5,
    test_shifts=True,
    seed=SEED,
    augmentation=Augmentation(rotation=10, scale=0.12, shear=0.2, shift=2.0),
)
CLOTHES = changed(
    DIGITS,
    {
        "name": "fashion-mnist",
        "network": "24C5v/2b-32C3b-64C3p2b-96C3p2b-128C3vb",
        "epochs": 10,
        "focus_from": 3,
        "test_mirror": True,
        "augmentation": {"rotation": 3, "scale": 0.05, "shear": 0.03, "shift": 1, "flip": "auto"},
    },
)
FAILURES = {
    "mnist": (
        "Of digits drawn anew by any pen, 4 and 9 are taken for each other most often, and 4, 7 "
        "and 9 for 1. Letters that some hands make like digits are read as digits more often than "
        "they are refused; twins of digits (l I O Z S b q) nearly always."
    ),
    "fashion-mnist": (
        "Shirts are taken for T-shirts, pullovers and coats, and these for each other: most of its "
        "mistakes. Photos of worn clothes, or on a background that is not plain, are not what it "
        "was trained on."
    ),
}


def make_digits() -> bytes:
    """Train the reader of digits and give its file."""
    data = hold_out_validation(loupe.read("mnist"), DIGITS.validation, SEED)
    pens, labels = pen_digits(data.train, 1, SEED)
    others = no_digits(data.train, 42_000, SEED)
    # The originals come twice: what is damaged takes most of the hardest half.
    pens = np.concatenate([pens, data.train.images])
    return make(data, pens, np.concatenate([labels, data.train.labels]), others, DIGITS)


def make_clothes() -> bytes:
    """Train the classifier of clothes: what is no garment is digits, letters, pieces, noise."""
    data = hold_out_validation(loupe.read("fashion-mnist"), CLOTHES.validation, SEED)
    digits = hold_out_validation(loupe.read("mnist"), DIGITS.validation, SEED)
    written = pen_digits(digits.train.select(np.arange(4_000)), 1, SEED)[0]
    others = np.concatenate([written, no_clothes(data.train, 8_000, SEED)])
    nothing = np.empty((0, *data.image_shape), np.uint8)
    return make(data, nothing, np.empty(0, np.int64), others, CLOTHES)


MAKERS: dict[str, Callable[[], bytes]] = {"mnist": make_digits, "fashion-mnist": make_clothes}


def make(
    data: Dataset, variants: np.ndarray, labels: np.ndarray, others: np.ndarray, recipe: Recipe
) -> bytes:
    """Train on images, variants of them and what is none of the classes; give the model file.

    Args:
        data: with validation images held out: temperature, threshold and figures are theirs.
        variants: more training images of the same classes.
        labels: theirs.
        others: images of none of the classes.
        recipe: of the training.
    """
    with tempfile.TemporaryDirectory() as folder:
        learnt = with_others(data, variants, labels, others)
        run = loupe.train(learnt, recipe, out=Path(folder) / "run")
        committee = rejecting(run, len(data.class_names) + 1, data.image_shape)
        recipe = run.recipe
        for row in run.history:
            print(f"epoch {row.epoch}: loss {row.loss:.4f}, val_accuracy {row.val_accuracy:.4f}")
    whole = replace(data, split=np.where(data.split == VALIDATION, TRAIN, data.split))
    finished = finish(committee, data, recipe, whole.fingerprint)
    counts = {"variants": len(variants), "none of the classes": len(others)}
    training = finished.card.training_data
    card = replace(
        finished.card,
        training_data={**training, "counts": {**training["counts"], **counts}},
        created=date_of_source() or finished.card.created,
    )
    return with_card(finished.content, card)


def date_of_source() -> str:
    """Give the date that SOURCE_DATE_EPOCH names; none if it is not set."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH")  # reproducible-builds.org/specs
    if seconds is None:
        return ""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat(timespec="seconds")


def with_others(
    data: Dataset, variants: np.ndarray, labels: np.ndarray, others: np.ndarray
) -> Dataset:
    """The training and validation images, the variants, and one class more: none of these."""
    kept = data.select(np.flatnonzero((data.split == TRAIN) | (data.split == VALIDATION)))
    none = len(data.class_names)
    images = np.concatenate([kept.images, variants, others])
    return replace(
        kept,
        name=f"{data.name}-and-others",
        images=images,
        labels=np.concatenate([kept.labels, labels, np.full(len(others), none)]),
        split=np.concatenate([kept.split, np.full(len(variants) + len(others), TRAIN, np.uint8)]),
        class_names=(*data.class_names, "none"),
        sources=Rows(data.name, len(images)),
        groups=None,
        origin="",
    )


def rejecting(run: Run, num_logits: int, shape: tuple[int, int, int]) -> Committee:
    """Take the networks of a run whose last class is "none"."""
    weights = load_file(run.folder / "weights.safetensors")
    nets = []
    for index in range(run.recipe.members):
        net = build(run.recipe, (shape[2], *shape[:2]), num_logits, 0)
        start = f"member_{index}."
        own = {name.removeprefix(start): w for name, w in weights.items() if name.startswith(start)}
        net.load_state_dict(own)
        nets.append(net)
    return Committee(nets, run.recipe.test_shifts, run.recipe.test_mirror, rejects=True)


def with_card(content: bytes, card: Card) -> bytes:
    """Write another card into a model file."""
    model = onnx.load_from_string(content)
    for entry in model.metadata_props:
        if entry.key == CARD_KEY:
            entry.value = card.to_json()
    result: bytes = model.SerializeToString()
    return result


def measured_digits(content: bytes) -> bytes:
    """Set the threshold of the digits' reader; write what was measured into its card."""
    data = hold_out_validation(loupe.read("mnist"), DIGITS.validation, SEED)
    pens, labels = pen_digits(data.validation, 1, SEED + 1)
    piles = [(data.validation.images, REFUSED), (pens, PENS_REFUSED)]
    content = settle_threshold(content, piles, LEAST_THRESHOLD)
    classifier = loads(content)
    clothes, framing = loupe.read("fashion-mnist").test.images, measure_framing(data.train.images)
    figures = {
        "validation refused": refused(classifier, data.validation.images),
        "pen digits right": right(classifier, pens, labels),
        "pen digits refused": refused(classifier, pens),
        "test accuracy": right(classifier, data.test.images, data.test.labels),
        "test refused": refused(classifier, data.test.images),
        "Fashion-MNIST refused": refused(classifier, clothes),
        "noise refused": refused(classifier, noise(2000)),
        "blank refused": refused(classifier, blank()),
        "letters refused": refused(classifier, letters(framing, LETTERS, 3000)),
        "other letters refused": refused(classifier, letters(framing, OTHER_LETTERS, 3000)),
    }
    return with_figures(content, figures, FAILURES["mnist"])


def measured_clothes(content: bytes) -> bytes:
    """Set the threshold of the clothes' classifier; write what was measured into its card."""
    data = hold_out_validation(loupe.read("fashion-mnist"), CLOTHES.validation, SEED)
    content = settle_threshold(content, [(data.validation.images, REFUSED)])
    classifier = loads(content)
    figures = {
        "validation refused": refused(classifier, data.validation.images),
        "test accuracy": right(classifier, data.test.images, data.test.labels),
        "test refused": refused(classifier, data.test.images),
        "MNIST refused": refused(classifier, loupe.read("mnist").test.images),
        "noise refused": refused(classifier, noise(2000)),
        "blank refused": refused(classifier, blank()),
    }
    return with_figures(content, figures, FAILURES["fashion-mnist"])


MEASURES = {"mnist": measured_digits, "fashion-mnist": measured_clothes}


def with_figures(content: bytes, figures: dict[str, Any], failures: str) -> bytes:
    """Write figures and known failures into a model's card."""
    card = loads(content).card
    evaluation = {**card.evaluation, "figures": figures, "known_failures": failures}
    return with_card(content, replace(card, evaluation=evaluation))


def noise(count: int) -> np.ndarray:
    """Frames of noise: uniform, Gaussian, salt and pepper, smooth; not those of `no_digits`."""
    generator = np.random.default_rng(SEED + 2)
    frames = []
    for number in range(count):
        level, spread = generator.uniform(0, 255), generator.uniform(20, 120)
        field = generator.normal(0, 1, (28, 28))
        kinds = (
            generator.uniform(0, 255, (28, 28)),
            level + spread * field,
            255.0 * (generator.random((28, 28)) < generator.uniform(0.05, 0.5)),
            level + 3 * spread * cv2.GaussianBlur(field, (0, 0), generator.uniform(0.7, 4)),
        )
        frames.append(np.clip(kinds[number % 4], 0, 255).astype(np.uint8))
    return np.stack(frames)[..., np.newaxis]


def blank() -> np.ndarray:
    """Even frames of all levels, and the same with a little grain."""
    even = np.broadcast_to(np.arange(256)[:, None, None], (256, 28, 28))
    grain = np.random.default_rng(SEED + 2).normal(0, 3, even.shape)
    both = np.concatenate([even, np.clip(even + grain, 0, 255)]).astype(np.uint8)
    return both[..., np.newaxis]


def letters(framing: Framing, among: str, count: int) -> np.ndarray:
    """Letters from warped stroke fonts, set as glyphs."""
    generator = np.random.default_rng(SEED + 3)
    frames = []
    for _ in range(count):
        text = among[generator.integers(len(among))]
        font = FONTS[generator.integers(len(FONTS))]
        frames.append(set_glyph(letter_cover(text, font, generator), framing, (28, 28, 1)))
    return np.stack(frames)


def settle_threshold(
    content: bytes, piles: list[tuple[np.ndarray, float]], least: float = -np.inf
) -> bytes:
    """Set the outlier threshold so that of each pile no more than its share is beyond."""
    classifier = loads(content)
    levels = [np.quantile(classifier.examine(pile).outlier, 1 - share) for pile, share in piles]
    levels.append(least)
    return with_card(content, replace(classifier.card, outlier_threshold=float(max(levels))))


def refused(classifier: Classifier, images: np.ndarray) -> dict[str, float]:
    """The share of images that a model refuses, with its interval."""
    threshold = classifier.card.outlier_threshold
    assert threshold is not None  # validation images were kept
    count = int((classifier.examine(images).outlier > threshold).sum())
    interval = wilson(count, len(images))
    return {
        "value": count / len(images), "low": interval.low, "high": interval.high, "n": len(images)
    }  # fmt: skip


def right(classifier: Classifier, images: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The share of images whose first guess is right, with its interval."""
    count = int((classifier.predict(images).argmax(1) == labels).sum())
    interval = wilson(count, len(images))
    return {
        "value": count / len(images), "low": interval.low, "high": interval.high, "n": len(images)
    }  # fmt: skip


def main() -> None:
    """Make the files that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="mnist, fashion-mnist; default: both")
    for name in parser.parse_args().names or list(MAKERS):
        content = MEASURES[name](MAKERS[name]())
        if len(content) > LARGEST:
            raise SystemExit(f"{name} has {len(content):,} bytes; at most {LARGEST:,} are shipped.")
        PACKAGED.mkdir(exist_ok=True)
        (PACKAGED / f"{name}.onnx").write_bytes(content)
        figures = loads(content).card.evaluation["figures"]
        print(name, f"{len(content):,} bytes", json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
