"""The models that are compared, and the data that each of them was trained on."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from loupe.classifier.classifier import Classifier, load
from loupe.data.dataset import Dataset, require_dataset
from loupe.data.read import read
from loupe.errors import DataError, RunError
from loupe.runs.history import History
from loupe.runs.run import Run, open_run


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

    @property
    def num_validation(self) -> int:
        """Number of images that its training held out for validation."""
        return int(self.classifier.card.training_data["counts"]["validation"])

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


def require_same_terms(candidates: Sequence[Candidate]) -> None:
    """Refuse models that do not tell the same classes apart, or not by images of one size.

    Raises:
        RunError: says what differs, and between which.
    """
    first, *others = candidates
    for other in others:
        what = _what_differs(first, other)
        if what:
            raise incomparable(first, other, what)


def incomparable(first: Candidate, other: Candidate, why: str) -> RunError:
    """Say why two models cannot be compared, and what can be done all the same."""
    return RunError(
        f"{first.name} and {other.name} cannot be compared: {why}. Compared are models that were "
        "trained on the same data, with other fixes or generated images perhaps, and leave the "
        "same test images alone: train one again on the data of the other, or measure each on new "
        "data with: loupe evaluate RUN --data DATA"
    )


def data_of(candidates: Sequence[Candidate], dataset: Dataset | None = None) -> list[Dataset]:
    """Give the data that each candidate was trained on: what is given, or read again.

    Raises:
        RunError: nobody knows where they are, or what is there now is something else.
    """
    if dataset is None:
        known = origin_of(candidates)
        dataset = read(known["origin"], **known["read_options"])
    require_dataset(dataset)
    expected = [candidate.fingerprint for candidate in candidates]
    if dataset.fingerprint not in expected:
        raise RunError(
            f"The models were trained on data with the fingerprint {expected[0][:12]}…, but "
            f"{dataset.origin or dataset.name} has {dataset.fingerprint[:12]}…: images, labels or "
            "splits are not the same. Bring the old data back, or name them with --data."
        )
    found = {dataset.fingerprint: dataset}
    owner = candidates[expected.index(dataset.fingerprint)]
    for candidate in candidates:
        if candidate.fingerprint not in found:
            found[candidate.fingerprint] = _read_other(candidate, owner)
    return [found[fingerprint] for fingerprint in expected]


def _read_other(candidate: Candidate, first: Candidate) -> Dataset:
    """Read the data of a model that was trained on others than the first was."""
    two = " and ".join(
        f"{each.classifier.card.training_data['name']}, fingerprint {each.fingerprint[:12]}…"
        for each in (first, candidate)
    )
    why = (
        f"they were trained on different data ({two}), and those of {candidate.name} cannot be read"
        " again to see whether the test images are the same: "
    )
    try:
        known = origin_of([candidate])
        dataset = read(known["origin"], **known["read_options"])
    except (RunError, DataError) as error:
        raise incomparable(first, candidate, f"{why}{str(error).rstrip('.')}") from error
    if dataset.fingerprint != candidate.fingerprint:
        now = f"{known['origin']} has the fingerprint {dataset.fingerprint[:12]}… now"
        raise incomparable(first, candidate, why + now)
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
    """Say what differs between the terms of two models; empty where nothing does."""
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
    return ""
