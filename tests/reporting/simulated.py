"""Evaluations, histories and runs that look like real ones, without training anything."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from loupe.data.dataset import SPLITS, Dataset, Rows
from loupe.examination.evaluation import Evaluation
from loupe.examination.metrics import best_guesses, confusion_matrix, measure, measure_classes
from loupe.recipes.recipe import from_dict, to_toml
from loupe.runs.history import Epoch, History, write_history
from loupe.runs.run import Run

MakeRun = Callable[..., Run]

DIGITS = tuple("0123456789")


def simulate(
    class_names: tuple[str, ...] = DIGITS,
    num_images: int = 300,
    wrong: float = 0.1,
    shape: tuple[int, int, int] = (8, 8, 1),
    split: str = "test",
    sources: list[str] | None = None,
    seed: int = 0,
) -> Evaluation:
    """An evaluation of noise, of whose images about a fraction `wrong` is read wrongly."""
    generator = np.random.default_rng(seed)
    k = len(class_names)
    labels = np.arange(num_images) % k
    logits = generator.normal(size=(num_images, k))
    guesses = np.where(generator.random(num_images) < wrong, (labels + 1) % k, labels)
    logits[np.arange(num_images), guesses] += 6
    exponents = np.exp(logits)
    probabilities = (exponents / exponents.sum(axis=1, keepdims=True)).astype(np.float32)
    dataset = Dataset(
        "noise",
        generator.integers(0, 256, (num_images, *shape)).astype(np.uint8),
        labels,
        np.full(num_images, SPLITS.index(split), np.uint8),
        class_names,
        sources or Rows("noise", num_images),
        notes=("3 <i>files</i> were ignored.",),
        origin="noise/",
    )
    return evaluated(dataset, probabilities, split)


def evaluated(dataset: Dataset, probabilities: np.ndarray, split: str = "test") -> Evaluation:
    confusion = confusion_matrix(
        dataset.labels, best_guesses(probabilities), len(dataset.class_names)
    )
    return Evaluation(
        dataset=dataset,
        probabilities=probabilities,
        features=None,
        outlier=np.zeros(len(dataset), np.float32),
        split=split,
        metrics=measure(dataset.labels, probabilities),
        per_class=measure_classes(confusion, dataset.class_names),
        confusion_matrix=confusion,
        looks_at_test=1 if split == "test" else 0,
    )


def course(num_epochs: int, validated: bool = True) -> History:
    """A history that falls and then over-fits."""
    rows = []
    for number in range(1, num_epochs + 1):
        loss = 0.5 * 0.75**number
        held_out = 0.4 * 0.6**number + 0.05 + 0.004 * max(0, number - 8)
        figures = (held_out, 1 - held_out / 3, 0.9, 0.9) if validated else ()
        rows.append(Epoch(number, 1.5, 1e-3, loss, 1 - loss / 3, 0.9, 0.9, *figures))
    return tuple(rows)


def run_in(
    parent: Path,
    evaluation: Evaluation,
    history: History | None = None,
    command: tuple[str, ...] = ("/bin/loupe", "train", "noise/", "--epochs", "3"),
    **recipe: Any,
) -> Run:
    """Write the run folder of an evaluation."""
    folder = parent / "noise-fast-1"
    folder.mkdir(exist_ok=True)
    settings = {"name": "fast", "network": "16C3b-MP2-32N"} | recipe
    (folder / "recipe.toml").write_text(to_toml(from_dict(settings)))
    write_history(folder / "history.csv", course(20) if history is None else history)
    environment = _environment(evaluation.dataset, command)
    (folder / "environment.json").write_text(json.dumps(environment))
    return Run(folder)


def _environment(dataset: Dataset, command: tuple[str, ...]) -> dict[str, Any]:
    each = [100] * len(dataset.class_names)
    return {
        "loupe": "0.1.0",
        "started": "2026-03-02T10:00:00+00:00",
        "command": list(command),
        "data": {
            "name": dataset.name,
            "origin": dataset.origin,
            "fingerprint": "0" * 64,
            "counts": {"train": each, "validation": each, "test": each},
            "class_names": list(dataset.class_names),
        },
        "threads": 2,
        "versions": {"python": "3.11"},
        "seconds": {"training": 30.0, "export": 0.2, "total": 33.0},
        "parameters": 66_426,
        "model_bytes": 273_411,
    }
