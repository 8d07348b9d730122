"""The models that are compared, and the images on which they can be: none was trained on those.

A model's validation images follow from the data, its recipe's fraction and seed. Those that all
candidates held out are nobody's training images, and no test images either.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from loupe.classifier.classifier import Classifier, load
from loupe.data.dataset import SPLITS, VALIDATION, Dataset, require_dataset
from loupe.data.read import read
from loupe.data.split import hold_out_validation
from loupe.errors import RunError
from loupe.runs.history import History
from loupe.runs.run import Run, open_run

FEWEST_IMAGES = 50  # Wilson's interval of 45 right of 50 is 79 to 96 %: fewer tell nothing apart

Chosen = Bool[np.ndarray, " n"]


@dataclass(frozen=True, eq=False)
class Candidate:
    """One of the models that are compared.

    Attributes:
        name: what it is called; no two candidates of a comparison share one.
        classifier: its model file.
        run: the run that it is of; None of a model file alone.
    """

    name: str
    classifier: Classifier
    run: Run | None = None

    @property
    def recipe(self) -> dict[str, Any]:
        """Every setting of its training."""
        return self.classifier.card.recipe

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the data that it was trained on."""
        return str(self.classifier.card.training_data["fingerprint"])

    @cached_property
    def history(self) -> History:
        """The figures of each epoch, where the run is known."""
        return self.run.history if self.run else ()

    @property
    def seconds(self) -> float | None:
        """What its training took, where the run is known."""
        seconds: float | None = self._environment.get("seconds", {}).get("training")
        return seconds

    @property
    def parameters(self) -> int | None:
        """Number of its weights, where the run is known."""
        parameters: int | None = self._environment.get("parameters")
        return parameters

    @property
    def size_bytes(self) -> int:
        """Length of the model file."""
        return self.classifier.size_bytes

    @cached_property
    def test(self) -> dict[str, Any] | None:
        """What `evaluation.json` says of test images, where the run was measured on them."""
        stored = self.run.evaluation if self.run else None
        return stored if stored and stored["split"] == "test" else None

    @cached_property
    def _environment(self) -> dict[str, Any]:
        return self.run.environment if self.run else {}


def find_candidates(models: Sequence[Run | str | os.PathLike[str]]) -> tuple[Candidate, ...]:
    """Open what is to be compared.

    Args:
        models: runs, their folders, or model files; at least two different ones.

    Raises:
        RunError: fewer than two, the same one twice, an unfinished run, or no run at all.
        ModelError: a file that is no model.
    """
    if isinstance(models, (str, os.PathLike, Run)) or len(models) < 2:
        given = [models] if isinstance(models, (str, os.PathLike, Run)) else list(models)
        named = f" ({_place(given[0])})" if given else ""
        raise RunError(
            f"{len(given)} model{'' if len(given) == 1 else 's'} to compare{named}: at least two "
            "are needed. Give the folders of two runs or more; `loupe runs` lists those that are "
            "here."
        )
    places = [_place(model) for model in models]
    resolved = [place.resolve() for place in places]
    for place, itself in zip(places, resolved, strict=True):
        if resolved.count(itself) > 1:
            raise RunError(
                f"{place} was given {resolved.count(itself)} times. A model is no better than "
                "itself: give different ones."
            )
    names = _different_names(places)
    return tuple(_open(model, name) for model, name in zip(models, names, strict=True))


def require_same_data(candidates: Sequence[Candidate]) -> None:
    """Refuse models that were not trained on the same images, labels, splits and classes.

    Raises:
        RunError: says what differs, and between which.
    """
    first, *others = candidates
    for other in others:
        if other.fingerprint == first.fingerprint:
            continue
        raise RunError(
            f"{first.name} and {other.name} cannot be compared: {_what_differs(first, other)}. "
            "Compared are models that were trained on the same data and leave the same test "
            "images alone: train one again on the data of the other, or measure each on new data "
            "with: loupe evaluate RUN --data DATA"
        )


def shared_validation(candidates: Sequence[Candidate], dataset: Dataset) -> Dataset:
    """Take the validation images that every candidate has held out of its training.

    Args:
        candidates: all trained on `dataset`.
        dataset: as it was read, without validation held out.

    Returns:
        These images, in the data's order, all of the split "validation".

    Raises:
        RunError: there are fewer than 50 of them, or those of a candidate cannot be found again.
    """
    held_out = [_held_out(candidate, dataset) for candidate in candidates]
    shared = np.logical_and.reduce(held_out)
    num_shared = int(shared.sum())
    if num_shared < FEWEST_IMAGES:
        raise RunError(_too_few(candidates, held_out, num_shared, dataset))
    split = np.where(shared, VALIDATION, dataset.split).astype(np.uint8)
    return replace(dataset, split=split).select(np.flatnonzero(shared))


def data_of(candidates: Sequence[Candidate], dataset: Dataset | None = None) -> Dataset:
    """Give the data that the candidates were trained on: what is given, or read again.

    Raises:
        RunError: nobody knows where they are, or what is there now is something else.
    """
    if dataset is None:
        known = origin_of(candidates)
        dataset = read(known["origin"], **known["read_options"])
    require_dataset(dataset)
    expected = candidates[0].fingerprint
    if dataset.fingerprint != expected:
        raise RunError(
            f"The models were trained on data with the fingerprint {expected[:12]}…, but "
            f"{dataset.origin or dataset.name} has {dataset.fingerprint[:12]}…: images, labels or "
            "splits are not the same. Bring the old data back, or name them with --data."
        )
    return dataset


def origin_of(candidates: Sequence[Candidate]) -> dict[str, Any]:
    """Say where the data came from, as the first run that knows it recorded it.

    Raises:
        RunError: none does.
    """
    known = [candidate.run.environment["data"] for candidate in candidates if candidate.run]
    for data in known:
        if data["origin"]:
            return {"origin": data["origin"], "read_options": data["read_options"]}
    why = (
        f"they were trained on arrays in memory ('{known[0]['name']}')"
        if known
        else "a model file alone does not say it"
    )
    raise RunError(
        f"Where the data of these models are is not known: {why}. Name them with --data, in Python "
        "with loupe.compare(runs, dataset)."
    )


def _open(model: Run | str | os.PathLike[str], name: str) -> Candidate:
    place = _place(model)
    if not isinstance(model, Run) and (place.is_file() or place.suffix == ".onnx"):
        beside = place.parent
        if place.name == "model.onnx" and (beside / "recipe.toml").is_file():
            return Candidate(name, load(place), Run(beside))
        return Candidate(name, load(place))
    run = model if isinstance(model, Run) else open_run(model)
    return Candidate(name, run.classifier, run)


def _place(model: object) -> Path:
    if isinstance(model, Run):
        return model.folder
    if isinstance(model, (str, os.PathLike)):
        return Path(model)
    raise RunError(
        f"A run was expected, not a {type(model).__name__}. Give what loupe.train returned, the "
        "folder of a run, or the path of a model.onnx."
    )


def _different_names(places: Sequence[Path]) -> list[str]:
    """Call each by the last part of its path, and by as many more as tell them apart."""
    parts = [
        (place.parent if place.name == "model.onnx" else place).resolve().parts for place in places
    ]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [str(place) for place in places]  # a run, and the model file in it


def _what_differs(first: Candidate, other: Candidate) -> str:
    one, two = first.classifier, other.classifier
    if set(one.class_names) != set(two.class_names):
        only = sorted(set(one.class_names) ^ set(two.class_names))
        more = ", …" if len(only) > 5 else ""
        return (
            f"they have different classes, {len(one.class_names)} and {len(two.class_names)} of "
            f"them; not of both are {', '.join(map(repr, only[:5]))}{more}"
        )
    if one.image_shape != two.image_shape:
        sizes = [" x ".join(map(str, model.image_shape)) for model in (one, two)]
        return f"their images are of different sizes, {sizes[0]} and {sizes[1]}"
    names = [str(candidate.classifier.card.training_data["name"]) for candidate in (first, other)]
    return (
        f"they were trained on different data ({names[0]}, fingerprint {first.fingerprint[:12]}…, "
        f"and {names[1]}, {other.fingerprint[:12]}…), so they have different test images too"
    )


def _held_out(candidate: Candidate, dataset: Dataset) -> Chosen:
    """The images that a candidate's training has held out, found as the training found them."""
    recipe = candidate.recipe
    split = hold_out_validation(dataset, recipe["validation"], recipe["seed"]).split
    held_out: Chosen = split == VALIDATION
    then = int(candidate.classifier.card.training_data["counts"]["validation"])
    now = int(held_out.sum())
    if candidate.run:
        counts = candidate.run.environment["data"]["counts"]["validation"]
        is_same = np.bincount(dataset.labels[held_out], minlength=len(counts)).tolist() == counts
    else:
        is_same = now == then
    if not is_same:
        raise RunError(
            f"The {then:,} validation images of {candidate.name} cannot be found again: its recipe "
            f"gives {now:,} others now. The data had other groups (writers) when it was trained, "
            "or another version of Loupe divided them. Train it again."
        )
    return held_out


def _too_few(
    candidates: Sequence[Candidate], held_out: Sequence[Chosen], num_shared: int, dataset: Dataset
) -> str:
    """Say who held out what, and how to train so that there is something to compare on."""
    each = "; ".join(
        f"{candidate.name} {int(chosen.sum()):,} (validation {candidate.recipe['validation']:.4g}, "
        f"seed {candidate.recipe['seed']})"
        for candidate, chosen in zip(candidates, held_out, strict=True)
    )
    count = "no" if num_shared == 0 else f"only {num_shared}"
    brought = bool((dataset.split == SPLITS.index("validation")).any())
    what_to_do = (
        "Put more images into the validation split of the data"
        if brought
        else "Train them again with the same seed and share, as: loupe train "
        f"{dataset.origin or dataset.name} --recipe NAME --seed 0 --validation "
        f"{_enough(dataset):.3g}"
    )
    return (
        f"There are {count} validation images that none of these models was trained on, and at "
        f"least {FEWEST_IMAGES} are needed; test images are not chosen by. Held out were: {each}. "
        f"{what_to_do}."
    )


def _enough(dataset: Dataset) -> float:
    """A share of the training images that is enough to compare on."""
    return min(0.5, max(1 / 12, 2 * FEWEST_IMAGES / max(len(dataset.train), 1)))
