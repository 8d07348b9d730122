"""Data sets from arrays with names, as an NPZ file or a `dict` holds them."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from loupe.data.dataset import Dataset, Split
from loupe.data.labels import as_text
from loupe.data.memory import Part, dataset_from_arrays, join_parts
from loupe.errors import DataError

Pair = tuple[str, str]  # the key of the images, the key of their labels

# keras writes x_train, MedMNIST train_images; capitals do not matter.
SPLIT_KEYS: dict[Split, tuple[Pair, ...]] = {
    "train": (("x_train", "y_train"), ("train_images", "train_labels")),
    "validation": (
        ("x_val", "y_val"),
        ("x_valid", "y_valid"),
        ("x_validation", "y_validation"),
        ("val_images", "val_labels"),
    ),
    "test": (("x_test", "y_test"), ("test_images", "test_labels")),
}
WHOLE_KEYS: tuple[Pair, ...] = (
    ("images", "labels"),
    ("x", "y"),
    ("data", "target"),
    ("data", "labels"),
)
GENERATED_KEYS = ("generated", "generator")  # which images a generator made, and how
OPTIONAL_KEYS = ("class_names", "split", "groups", *GENERATED_KEYS)
_EXPECTED = "x_train, y_train, x_test and y_test; or images and labels (and split); or X and y"


def dataset_from_named(arrays: Mapping[str, Any], *, name: str, source: str) -> Dataset:
    """Make a data set of named arrays: a pair for each split, or one pair for all images.

    Args:
        arrays: `x_train`, `y_train`, ..., or `images` and `labels`; `class_names`, `split` and
            `groups` besides, if known, and `generated` where a generator made some of the images.
        name: the data set's name.
        source: where the arrays come from, for messages.

    Raises:
        DataError: keys that are not known; says which were found and which are.

    Example:
        >>> arrays = {"X": np.zeros((2, 4, 4), np.uint8), "y": ["cat", "dog"]}
        >>> dataset_from_named(arrays, name="pets", source="a dict").class_names
        ('cat', 'dog')
    """
    lower = {key.lower(): np.asarray(array) for key, array in arrays.items()}
    if len(lower) < len(arrays):
        raise DataError(
            f"{source} has the arrays {', '.join(arrays)}, of which some differ in capitals only. "
            "Give each its own name."
        )
    pairs = _pairs(lower, source)
    named = lower.get("class_names")
    class_names = None if named is None else as_text(named, f"{name}, class names")
    if isinstance(pairs, dict):
        _refuse_lost_marks(lower, source)
        parts = {split: Part(lower[x], lower[y]) for split, (x, y) in pairs.items()}
        dataset = join_parts(name, parts, class_names)
        used = {key for pair in pairs.values() for key in pair} | {"class_names"}
    else:
        images, labels = (lower[key] for key in pairs)
        optional = {key: lower.get(key) for key in ("split", "groups")}
        dataset = dataset_from_arrays(
            images, labels, name=name, class_names=class_names, **optional
        )
        dataset = _marked(dataset, lower.get("generated"), source)
        used = {*pairs, *OPTIONAL_KEYS}
    ignored = [key for key in arrays if key.lower() not in used]
    note = (f"Arrays that were not used: {', '.join(ignored)}.",) if ignored else ()
    return replace(dataset, notes=dataset.notes + note)


def _marked(dataset: Dataset, generated: np.ndarray | None, source: str) -> Dataset:
    """Mark the images that a generator made, as the array says: one for each, or one for all."""
    if generated is None:
        return dataset
    if generated.dtype != bool or generated.shape not in ((), (len(dataset),)):
        raise DataError(
            f"{source}: the array 'generated' has the shape {list(generated.shape)} and the type "
            f"{generated.dtype}; expected true or false for each of the {len(dataset)} images. It "
            "says which images a generator made: leave it as loupe generate wrote it."
        )
    marks = np.array(np.broadcast_to(generated, (len(dataset),)))
    return replace(dataset, generated=marks) if marks.any() else dataset


def _refuse_lost_marks(keys: Collection[str], source: str) -> None:
    """Refuse marks that would be lost, where each split has arrays of its own."""
    if "generated" in keys:
        raise DataError(
            f"{source} has the array 'generated', which marks images that a generator made, beside "
            "arrays for each split, to which it cannot be matched. Save images, labels and split "
            "as one array each, or keep generated images in a file of their own."
        )


def _pairs(keys: Collection[str], source: str) -> dict[Split, Pair] | Pair:
    """Find the keys of each split, or the one pair for all images."""
    found = {
        split: pair
        for split, known in SPLIT_KEYS.items()
        if (pair := _whole_pair(keys, known, source))
    }
    if found:
        return found
    pair = _whole_pair(keys, WHOLE_KEYS, source)
    if pair is None:
        raise DataError(
            f"{source} has the arrays {', '.join(keys) or '(none)'}; expected {_EXPECTED}. Save "
            "them again under these names, as with np.savez_compressed(path, images=…, labels=…)."
        )
    return pair


def _whole_pair(keys: Collection[str], known: tuple[Pair, ...], source: str) -> Pair | None:
    """Find the first pair that is there whole; complain where there is only half of one."""
    for pair in known:
        if all(key in keys for key in pair):
            return pair
    for pair in known:
        for key, other in (pair, pair[::-1]):
            if key in keys:
                raise DataError(
                    f"{source} has the array '{key}' but not '{other}', which belongs to it; found "
                    f"{', '.join(keys)}. Expected {_EXPECTED}."
                )
    return None
