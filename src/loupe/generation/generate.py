"""`generate`: from a data set to a generator, and to images that it draws."""

import io
import json
import os
import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Generator as RandomNumbers

from loupe import __version__
from loupe.arrays import Images, Labels
from loupe.classifier.classifier import Classifier, load
from loupe.data.again import read_again, require_unchanged
from loupe.data.dataset import Dataset
from loupe.data.generated import GENERATOR_FILE, IMAGES_FILE
from loupe.errors import ModelError, RunError
from loupe.files import remove_unfinished, write_bytes, write_json
from loupe.generation.adversaries import Adversaries, draw, seed_of
from loupe.generation.fidelity import measure_fidelity
from loupe.generation.folder import (
    CHECKPOINT_FILE,
    HISTORY_FILE,
    PAGE_FILE,
    SHEET_FILE,
    WEIGHTS_FILE,
    Generation,
    create_generation,
    open_generation,
)
from loupe.generation.loop import (
    Drawing,
    Watch,
    computes_in_bf16,
    pile_of,
    steps_within,
    train_generator,
)
from loupe.generation.settings import MINUTES, Balance, Settings, divided, require_settings
from loupe.runs.lock import sole_writer
from loupe.runs.run import Run
from loupe.runs.work import writing
from loupe.training.device import keep_heap, without_denormals
from loupe.training.interruption import stop_on_interrupt

DRAWN_AT_ONCE = 500

Model = Classifier | Run | str | os.PathLike[str]


def generate(
    dataset: Dataset,
    *,
    count: int,
    out: str | os.PathLike[str],
    minutes: float | None = None,
    steps: int | None = None,
    seed: int = 0,
    balance: Balance = "equal",
    model: Model | None = None,
    watch: Watch | None = None,
    checkpoint_seconds: float = 30.0,
) -> Generation:
    """Train a generator on the training images of a data set, and draw images with it.

    Neither test images nor the validation images that recipes hold out by default are looked at
    while it learns. Bit-identical on the CPU with the same seed, steps, versions and threads.

    Args:
        dataset: what to learn; at least 50 training images of each class, 8 to 64 pixels a side.
        count: images to draw.
        out: a new or empty folder.
        minutes: time budget; turned into steps once, after a timed warm-up. By default 10.
        steps: of training, in the place of minutes.
        seed: of everything random.
        balance: "equal" draws as many of each class, "data" as the training images have them.
        model: a classifier, by whose features the images are measured as well.
        watch: called after each step with a `Drawing`.
        checkpoint_seconds: time between two checkpoints, from which `resume_generation` goes on.

    Returns:
        The folder; its images are `generation.dataset`, marked as generated.

    Raises:
        DataError: there is too little to learn from, or the images are too large.
        LoupeError: a setting that cannot be.
        RunError: `out` is not empty.
        DivergenceError: a loss is no number any more.
        TrainingError: the disk refuses.

    Example:
        >>> import loupe, tempfile
        >>> digits = loupe.read("digits")
        >>> made = loupe.generate(digits, count=20, steps=2, out=tempfile.mkdtemp())
        >>> made.dataset.images.shape, bool(made.dataset.generated.all())
        ((20, 8, 8, 1), True)
    """
    began = time.time()
    keep_heap()
    require_settings(count, minutes, steps, seed, balance)
    dataset, fingerprint = divided(dataset, count), dataset.fingerprint
    classifier = _loaded(model, dataset)
    generation = create_generation(out)
    with writing(generation):
        generation.log(f"a generator for {dataset.name}")
    with sole_writer(generation):
        pile = pile_of(dataset)
        bf16 = computes_in_bf16(pile, seed)
        steps = steps or steps_within(pile, minutes or MINUTES, seed, bf16)
        settings = Settings(count, steps, seed, balance)
        facts = _facts(dataset, settings, fingerprint, bf16)
        if classifier is not None:
            facts["model"] = str(Path(classifier.source).resolve())
        with writing(generation):
            write_json(generation.folder / GENERATOR_FILE, facts)
        return _complete(generation, dataset, classifier, watch, checkpoint_seconds, began)


def resume_generation(
    folder: str | os.PathLike[str],
    dataset: Dataset | None = None,
    *,
    watch: Watch | None = None,
    checkpoint_seconds: float = 30.0,
) -> Generation:
    """Go on with a generator that was killed or stopped, to the images of an undisturbed one.

    Args:
        folder: that `generate` began.
        dataset: as it was learnt from; read again from where it came from if it is not given.
        watch: called after each step with a `Drawing`.
        checkpoint_seconds: time between two checkpoints.

    Raises:
        RunError: there is no such folder, it has finished, or the data is not the same.
    """
    began = time.time()
    keep_heap()
    generation = open_generation(folder)
    facts = generation.facts
    if generation.is_finished and not facts["interrupted"]:
        raise RunError(f"The generator in {folder} has finished: there is nothing to resume.")
    noted, learner = facts["data"], f"The generator in {folder} learnt from"
    if dataset is None:
        remedy = "Make the same data set and give it: resume_generation(folder, dataset)."
        dataset = read_again(noted, learner, remedy)
    require_unchanged(dataset, noted, learner, "begin a new one")
    dataset = divided(dataset, facts["settings"]["count"])
    classifier = _loaded(facts.get("model"), dataset)
    with sole_writer(generation):
        with writing(generation):
            _remove_unfinished(generation)
            generation.log("resuming")
        return _complete(generation, dataset, classifier, watch, checkpoint_seconds, began)


def _complete(
    generation: Generation,
    dataset: Dataset,
    classifier: Classifier | None,
    watch: Watch | None,
    checkpoint_seconds: float,
    began: float,
) -> Generation:
    """Train to the end, draw, measure, and write what a finished folder holds."""
    facts = generation.facts
    settings = Settings(**facts["settings"])
    with stop_on_interrupt() as stop, without_denormals():
        pair = train_generator(
            generation,
            pile_of(dataset),
            settings,
            bf16=facts["precision"] == "bf16",
            watch=watch or _watch_nothing,
            stop=stop,
            checkpoint_seconds=checkpoint_seconds,
        )
    labels = labels_to_draw(settings.count, dataset.train.counts(), settings.balance)
    images = _drawn(pair, labels, settings.seed)
    facts |= {
        "interrupted": pair.step < settings.steps,
        "steps_done": pair.step,
        "seconds": {
            "training": pair.seconds,
            "total": facts.get("seconds", {}).get("total", 0.0) + time.time() - began,
        },
        "drawn": np.bincount(labels, minlength=len(dataset.class_names)).tolist(),
        "measured": measure_fidelity(dataset, images, labels, classifier),
    }
    with writing(generation):
        for name in (IMAGES_FILE, PAGE_FILE, SHEET_FILE):  # of what Ctrl-C had cut short
            (generation.folder / name).unlink(missing_ok=True)
        weights = {name: value.contiguous() for name, value in pair.average.state_dict().items()}
        write_bytes(generation.folder / WEIGHTS_FILE, save(weights))
        write_json(generation.folder / GENERATOR_FILE, facts)
        content = _archive(images, labels, dataset, facts)
        write_bytes(generation.folder / IMAGES_FILE, content)  # last: it makes it finished
        generation.log(f"drew {len(images):,} images after {pair.step:,} steps")
    return generation


def labels_to_draw(count: int, available: np.ndarray, balance: Balance) -> Labels:
    """Say how many images of each class make up the count, as their labels in order.

    Args:
        count: images in all, at least one a class.
        available: training images of each class, `[k]`.
        balance: "equal", or "data" for the shares that they have there.

    Example:
        >>> labels_to_draw(7, np.array([30, 10]), "equal").tolist()
        [0, 0, 0, 0, 1, 1, 1]
        >>> labels_to_draw(8, np.array([30, 10]), "data").tolist()
        [0, 0, 0, 0, 0, 0, 1, 1]
    """
    shares = np.ones(len(available)) if balance == "equal" else available.astype(np.float64)
    exact = shares / shares.sum() * (count - len(shares))
    taken = np.floor(exact).astype(np.int64)
    rest = count - len(shares) - int(taken.sum())
    taken[np.argsort(taken - exact, kind="stable")[:rest]] += 1
    return np.repeat(np.arange(len(shares)), taken + 1)  # one of each comes first


def _drawn(pair: Adversaries, labels: Labels, seed: int) -> Images:
    parts = []
    for start in range(0, len(labels), DRAWN_AT_ONCE):
        numbers = RandomNumbers().manual_seed(seed_of(seed, f"draw {start}"))
        wanted = torch.from_numpy(labels[start : start + DRAWN_AT_ONCE])
        parts.append(draw(pair, wanted, numbers).permute(0, 2, 3, 1).numpy())
    return np.ascontiguousarray(np.concatenate(parts))


def _archive(images: Images, labels: Labels, dataset: Dataset, facts: Mapping[str, Any]) -> bytes:
    """Write `images.npz`: the images with their mark, and what they were made from."""
    said = {
        "loupe": facts["loupe"],
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": facts["data"]["name"],
        "fingerprint": facts["data"]["fingerprint"],
        "learnt_from": sum(facts["data"]["counts"]["train"]),
        "seed": facts["settings"]["seed"],
        "steps": facts["steps_done"],
    }
    content = io.BytesIO()
    np.savez_compressed(
        content,
        images=images,
        labels=labels,
        class_names=np.array(dataset.class_names),
        generated=np.ones(len(images), bool),
        generator=np.array(json.dumps(said)),
    )
    return content.getvalue()


def _facts(dataset: Dataset, settings: Settings, fingerprint: str, bf16: bool) -> dict[str, Any]:
    """What decides the images, and where they were made."""
    splits = {"train": dataset.train, "validation": dataset.validation}
    return {
        "loupe": __version__,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "settings": asdict(settings),
        "data": {
            "name": dataset.name,
            "origin": dataset.origin,
            "read_options": dict(dataset.read_options),
            "fingerprint": fingerprint,
            "image_shape": list(dataset.image_shape),
            "class_names": list(dataset.class_names),
            "counts": {name: view.counts().tolist() for name, view in splits.items()},
        },
        "interrupted": False,
        "precision": "bf16" if bf16 else "float32",
        "threads": torch.get_num_threads(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
    }


def _loaded(model: Model | None, dataset: Dataset) -> Classifier | None:
    """Load the classifier to measure by, and refuse one that takes other images.

    Raises:
        ModelError: it was trained on other images or classes.
    """
    if model is None:
        return None
    if isinstance(model, Run):
        classifier = model.classifier
    else:
        classifier = model if isinstance(model, Classifier) else load(model)
    if tuple(classifier.image_shape) != dataset.image_shape:
        raise ModelError(
            f"The model {classifier.source} takes images of the shape "
            f"{list(classifier.image_shape)}; {dataset.name} has {list(dataset.image_shape)}. Give "
            "a model that was trained on these data."
        )
    return classifier


def _remove_unfinished(generation: Generation) -> None:
    """Remove what the killed process was in the middle of writing."""
    names = (CHECKPOINT_FILE, HISTORY_FILE, WEIGHTS_FILE, GENERATOR_FILE, IMAGES_FILE)
    remove_unfinished(generation.folder, (*names, PAGE_FILE, SHEET_FILE))


def _watch_nothing(drawing: Drawing) -> None:
    """What watches where nobody does."""
