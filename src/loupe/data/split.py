"""Splits: sealing a test split, holding out validation images.

What may not be divided, a *unit*, is the images of one group (a writer, say) and images that are
equal, and whatever these two tie together. Units are dealt out so that every class comes as near
to its share as they allow.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float64, Int64

from loupe.arrays import Labels
from loupe.data.dataset import SPLITS, TEST, TRAIN, VALIDATION, Dataset, Groups
from loupe.data.duplicates import duplicate_ids
from loupe.errors import DataError, RecipeError

Units = Int64[np.ndarray, " n"]  # number of each image's unit, 0..units - 1
Chosen = Bool[np.ndarray, " n"]

_DRAWS = 10  # before a split is given up: one in 800 awkward draws fails where another succeeds
_SWAPS = 500  # units of each side that are tried against each other


def seal_test(dataset: Dataset, fraction: float = 0.2) -> Dataset:
    """Seal a test split out of the training images, where the data brings none.

    Stratified by class; equal images and groups stay on one side. The draw is seeded by the data's
    fingerprint: the same data always has the same test images, whatever seed a user sets.

    Args:
        dataset: comes back as it is if it has test images, or generated images only.
        fraction: share of the training images to seal, of each class at least one.

    Raises:
        DataError: a class has nothing to divide: one image, one group, or equal images only.

    Example:
        >>> from loupe.data.dataset import Rows
        >>> images = np.arange(20, dtype=np.uint8).reshape(20, 1, 1, 1)
        >>> labels, split = np.repeat([0, 1], 10), np.zeros(20, np.uint8)
        >>> dataset = Dataset("bytes", images, labels, split, ("low", "high"), Rows("bytes", 20))
        >>> seal_test(dataset).test.counts()
        array([2, 2])
    """
    if np.any(dataset.split == TEST):
        return dataset
    if dataset.has_generated:
        if np.all(dataset.generated):
            return dataset  # nothing of it can be measured on
        return _divide_real(dataset, lambda real: seal_test(real, fraction))
    if dataset.fixes is not None:
        raise DataError(
            f"{dataset.name}: fixes were applied before a test split was sealed, which would draw "
            "other test images than without them. Seal first: loupe.read(what, fixes=path)."
        )
    return _move_out(dataset, TEST, fraction, seed=int(dataset.fingerprint, 16))


def hold_out_validation(dataset: Dataset, fraction: float, seed: int) -> Dataset:
    """Hold out training images for validation, as `seal_test` does for testing.

    Args:
        dataset: a validation split that it brings is kept; then `fraction` is not used, and
            `notes` says so.
        fraction: share of the training images to hold out; 0 keeps all of them in training.
        seed: decides which.

    Raises:
        RecipeError: the fraction is not in 0..1.
        DataError: a class has nothing to divide.
    """
    if not 0 <= fraction < 1:
        raise RecipeError(
            f"The validation fraction is {fraction}. Give the share of the training images to "
            "hold out: 0 (none) or more, below 1."
        )
    brought = int(np.count_nonzero(dataset.split == VALIDATION))
    if brought:
        note = (
            f"The data brings {brought:,} validation images: "
            f"these are used, not the recipe's fraction of {fraction:.4g}."
        )
        return replace(dataset, notes=(*dataset.notes, note))
    if not fraction:
        return dataset
    if dataset.has_generated:
        return _divide_real(dataset, lambda real: hold_out_validation(real, fraction, seed))
    return _move_out(dataset, VALIDATION, fraction, seed)


def units_of(dataset: Dataset) -> Units:
    """Number what may not be divided: equal images, groups, and whatever these two tie together.

    Example:
        >>> from loupe.data.dataset import Rows
        >>> images = np.array([1, 2, 1, 3], np.uint8).reshape(4, 1, 1, 1)
        >>> labels, split = np.array([0, 1, 0, 1]), np.zeros(4, np.uint8)
        >>> units_of(Dataset("bytes", images, labels, split, ("low", "high"), Rows("bytes", 4)))
        array([0, 1, 0, 2])
    """
    return _units(duplicate_ids(dataset.images), dataset.groups)


def _move_out(dataset: Dataset, code: int, fraction: float, seed: int) -> Dataset:
    """Give a share of the training images the split `code`, and note it."""
    training = dataset.split == TRAIN
    if not training.any():
        raise DataError(
            f"{dataset.name} has no training images to take a {SPLITS[code]} split from. "
            "Put images into its training split."
        )
    units = units_of(dataset)
    # What the data have in validation must not become known to the test split as well.
    free = training & ~np.isin(units, units[~training]) if code == TEST else training
    candidates = np.flatnonzero(free)
    labels, units = dataset.labels[free], np.unique(units[free], return_inverse=True)[1]
    _refuse_indivisible(dataset, labels, units, SPLITS[code])
    generator = np.random.default_rng(seed)
    draws = (_choose(labels, units, fraction, generator) for _ in range(_DRAWS))
    chosen = next((draw for draw in draws if draw is not None), None)
    if chosen is None:
        raise DataError(
            f"{dataset.name}: no {SPLITS[code]} split was found that keeps every group on one side "
            "and every class on both. Add images of other groups, or leave the groups out."
        )
    split = dataset.split.copy()
    split[candidates[chosen]] = code
    together = "" if dataset.groups is None else ", each group on one side"
    note = (
        f"{np.count_nonzero(chosen):,} of {np.count_nonzero(training):,} training images were "
        f"taken for the {SPLITS[code]} split: the same share of each class{together}."
    )
    return replace(dataset, split=split, notes=(*dataset.notes, note))


def _divide_real(dataset: Dataset, divide: Callable[[Dataset], Dataset]) -> Dataset:
    """Divide the real images as they would be without the generated ones, which stay in training.

    Raises:
        DataError: no training image is a real one.
    """
    assert dataset.generated is not None
    real = ~dataset.generated
    if not np.any(real & (dataset.split == TRAIN)):
        raise DataError(
            f"{dataset.name}: all training images were made by a generator, and what is measured "
            "on must be real. Give real data, and these beside it: loupe train REAL --generated "
            "DIR (with --generated-only to train on nothing else)."
        )
    divided = divide(dataset.select(np.flatnonzero(real)))
    split = dataset.split.copy()
    split[real] = divided.split
    return replace(dataset, split=split, notes=divided.notes)


def _units(ids: Int64[np.ndarray, " n"], groups: Groups | None) -> Units:
    """Number the sets of images that are tied together by equality or by group."""
    if groups is not None:
        ids, groups = (np.unique(tie, return_inverse=True)[1] for tie in (ids, groups))
        unit = np.arange(len(ids))
        while True:
            before = unit
            for tie in (ids, groups):
                least = np.full(len(ids), len(ids))
                np.minimum.at(least, tie, unit)
                unit = least[tie]
            unit = unit[unit]  # a unit is named by one of its images: follow its name as well
            if np.array_equal(unit, before):
                break
        ids = unit
    return np.unique(ids, return_inverse=True)[1]


def _refuse_indivisible(dataset: Dataset, labels: Labels, units: Units, name: str) -> None:
    """Raise where a class of the training images lies in one unit: it cannot be on both sides."""
    num_units = int(units.max(initial=0)) + 1
    pairs = np.unique(labels * num_units + units)
    units_of_class = np.bincount(pairs // num_units, minlength=len(dataset.class_names))
    counts = np.bincount(dataset.labels[dataset.split == TRAIN], minlength=len(units_of_class))
    for label in np.flatnonzero((counts > 0) & (units_of_class < 2)):
        count = int(counts[label])
        if count == 1:
            fault = "has 1 training image"
        elif count == np.count_nonzero(labels == label):
            fault = f"has {count} training images, all of one group or equal to each other"
        else:
            fault = f"has {count} training images, tied to another split by group or as equals"
        raise DataError(
            f"{dataset.name}: class '{dataset.class_names[label]}' {fault}; training and "
            f"{name} need one each. Add different images of it, or leave the class out."
        )


def _choose(
    labels: Labels, units: Units, fraction: float, generator: np.random.Generator
) -> Chosen | None:
    """Choose units that hold about the fraction of every class; None if a class is left out."""
    target = _targets(np.bincount(labels), fraction)
    size = np.bincount(units)
    lowest, highest = np.full(len(size), len(target)), np.full(len(size), -1)
    np.minimum.at(lowest, units, labels)
    np.maximum.at(highest, units, labels)
    taken = np.zeros(len(size), bool)

    mixed = generator.permutation(np.flatnonzero(lowest < highest))
    if len(mixed):
        number = np.full(len(size), -1)
        number[mixed] = np.arange(len(mixed))
        inside = number[units] >= 0
        counts = np.zeros((len(mixed), len(target)))
        np.add.at(counts, (number[units[inside]], labels[inside]), 1)
        taken[mixed] = _take_mixed(counts, fraction * counts.sum(axis=0))
        target = target - taken[mixed] @ counts

    pure = generator.permutation(np.flatnonzero(lowest == highest))
    pure = pure[np.argsort(lowest[pure], kind="stable")]
    ends = np.searchsorted(lowest[pure], np.arange(1, len(target)))
    for label, members in enumerate(np.split(pure, ends)):
        taken[members] = _take(size[members], int(round(target[label])))
    return _on_both_sides(taken[units], labels, units)


def _targets(counts: Int64[np.ndarray, " k"], fraction: float) -> Int64[np.ndarray, " k"]:
    """Share out the fraction of all images among the classes, by largest remainders."""
    exact = fraction * counts
    target = np.floor(exact).astype(np.int64)
    missing = round(float(exact.sum())) - int(target.sum())
    target[np.argsort(target - exact, kind="stable")[:missing]] += 1
    return np.clip(target, np.minimum(1, counts), np.maximum(counts - 1, 0))


def _take(sizes: Int64[np.ndarray, " u"], target: int) -> Bool[np.ndarray, " u"]:
    """Take units from the front as long as they fit; pass over those that do not."""
    taken = np.zeros(len(sizes), bool)
    left = np.flatnonzero(sizes <= target)
    while len(left):
        reached = np.cumsum(sizes[left])
        fitting = int(np.searchsorted(reached, target, side="right"))
        taken[left[:fitting]] = True
        target -= int(reached[fitting - 1])
        left = left[fitting:]
        left = left[sizes[left] <= target]
    return taken


def _take_mixed(
    counts: Float64[np.ndarray, "u k"], target: Float64[np.ndarray, " k"]
) -> Bool[np.ndarray, " u"]:
    """Take units from the front that bring all classes nearer to target, then swap the nearest."""
    counts = np.column_stack([counts, counts.sum(axis=1)])
    target = np.append(target, target.sum())
    # Squared misses are weighed by the class' share, and the total as much as an average class.
    scale = 1 / np.sqrt(np.maximum(np.append(target[:-1], target[-1] / (len(target) - 1)), 1))
    counts, target = counts * scale, target * scale
    squares = np.einsum("ij,ij->i", counts, counts)
    taken = np.zeros(len(counts), bool)
    for unit, count in enumerate(counts):
        if 2 * float(target @ count) > squares[unit]:
            taken[unit] = True
            target = target - count
    return _swap(counts, target, taken)


def _swap(
    counts: Float64[np.ndarray, "u k"],
    missing: Float64[np.ndarray, " k"],
    taken: Bool[np.ndarray, " u"],
) -> Bool[np.ndarray, " u"]:
    """Swap one unit for another, or for none, as long as that brings the counts nearer.

    Of MNIST's 539 training writers, a twelfth: 5,009 to 5,037 images before (5 seeds), 5,000 after,
    and every class within 1.2 of its share.
    """
    taken = np.append(taken, False)
    counts = np.vstack([counts, np.zeros_like(missing)])  # the last unit stands for "none"
    none = len(taken) - 1
    while True:
        leaving = np.append(np.flatnonzero(taken)[:_SWAPS], none)
        coming = np.append(np.flatnonzero(~taken[:none])[:_SWAPS], none)
        after = missing + counts[leaving]
        distance = (after**2).sum(axis=1)[:, None] + (counts[coming] ** 2).sum(axis=1)
        distance -= 2 * after @ counts[coming].T
        out, into = np.unravel_index(int(np.argmin(distance)), distance.shape)
        if distance[out, into] >= 0.99 * (missing**2).sum():
            return taken[:none]
        taken[leaving[out]], taken[coming[into]] = False, True
        taken[none] = False
        missing = after[out] - counts[coming[into]]


def _on_both_sides(chosen: Chosen, labels: Labels, units: Units) -> Chosen | None:
    """Move the smallest unit that helps until every class is on both sides."""
    there = np.bincount(labels) > 0
    for side in (True, False):
        while True:
            counts = np.bincount(labels[chosen == side], minlength=len(there))
            missing = np.flatnonzero(there & (counts == 0))
            if not len(missing):
                break
            other = np.bincount(labels[chosen != side], minlength=len(there))
            moved = _movable(units[labels == missing[0]], other, labels, units)
            if moved is None:
                return None
            chosen = np.where(units == moved, side, chosen)
    return chosen


def _movable(
    candidates: Int64[np.ndarray, " m"],
    counts: Int64[np.ndarray, " k"],
    labels: Labels,
    units: Units,
) -> int | None:
    """The smallest unit without which its side still has every class."""
    for unit in np.unique(candidates)[np.argsort(np.bincount(units)[np.unique(candidates)])]:
        leaving = np.bincount(labels[units == unit], minlength=len(counts))
        if np.all(counts[leaving > 0] > leaving[leaving > 0]):
            return int(unit)
    return None
