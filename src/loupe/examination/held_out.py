"""The images on which models can be compared: each held them out, and none was trained on them.

A model's validation images follow from the data, its recipe's fraction and seed. Those that all
candidates held out are nobody's training images, and no test images either. Of models that were
trained on the same data with other fixes, or with generated images beside them, an image counts
where each held it out under the same label.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Int64

from loupe.data.dataset import SPLITS, TEST, TRAIN, VALIDATION, Dataset
from loupe.data.duplicates import duplicate_ids
from loupe.data.split import hold_out_validation
from loupe.errors import RunError
from loupe.examination.candidates import Candidate, incomparable

FEWEST_IMAGES = 50  # Wilson's interval of 45 right of 50 is 79 to 96 %: fewer tell nothing apart

Chosen = Bool[np.ndarray, " n"]
Keys = Int64[np.ndarray, " n"]


def shared_validation(candidates: Sequence[Candidate], datasets: Sequence[Dataset]) -> Dataset:
    """Take the validation images that every candidate has held out of its training.

    Args:
        candidates: what is compared.
        datasets: what each was trained on, as it was read, without validation held out.

    Returns:
        These images, in the order of the first data, all of the split "validation".

    Raises:
        RunError: the test images differ, there are fewer than 50 images, or those of a candidate
            cannot be found again.
    """
    first = datasets[0]
    keys = _keys(datasets)
    for candidate, own, own_keys in zip(candidates, datasets, keys, strict=True):
        if not np.array_equal(_of_test(first, keys[0]), _of_test(own, own_keys)):
            raise incomparable(candidates[0], candidate, "their test images are not the same")
    held_out = [_held_out(*each) for each in zip(candidates, datasets, strict=True)]
    found = [
        chosen if own is first else _among(keys[0], own_keys, chosen, own)
        for chosen, own, own_keys in zip(held_out, datasets, keys, strict=True)
    ]
    shared = np.logical_and.reduce(found)
    num_shared = int(shared.sum())
    if num_shared < FEWEST_IMAGES:
        raise RunError(_too_few(candidates, held_out, num_shared, datasets))
    split = np.where(shared, VALIDATION, first.split).astype(np.uint8)
    return replace(first, split=split).select(np.flatnonzero(shared))


def _keys(datasets: Sequence[Dataset]) -> list[Keys]:
    """Number image and label in one: equal keys are equal images of the same class."""
    first = datasets[0]
    if all(dataset is first for dataset in datasets):
        return [np.arange(len(first))] * len(datasets)
    ids = duplicate_ids(np.concatenate([dataset.images for dataset in datasets]))
    number = {name: label for label, name in enumerate(first.class_names)}
    labels = [
        np.array([number[name] for name in dataset.class_names])[dataset.labels]
        for dataset in datasets
    ]
    joined = ids * len(number) + np.concatenate(labels)
    return np.split(joined, np.cumsum([len(dataset) for dataset in datasets])[:-1])


def _of_test(dataset: Dataset, keys: Keys) -> Int64[np.ndarray, " m"]:
    """The keys of the test images, in an order that tells nothing of theirs."""
    return np.sort(keys[dataset.split == TEST])


def _among(
    keys: Keys,
    other: Int64[np.ndarray, " m"],
    chosen: Bool[np.ndarray, " m"],
    dataset: Dataset,
) -> Chosen:
    """Which images of the first data others have held out as well, under the same label."""
    trained = (dataset.split == TRAIN) & ~chosen
    return np.isin(keys, other[chosen]) & ~np.isin(keys, other[trained])


def _held_out(candidate: Candidate, dataset: Dataset) -> Chosen:
    """The images that a candidate's training has held out, found as the training found them."""
    recipe = candidate.recipe
    split = hold_out_validation(dataset, recipe["validation"], recipe["seed"]).split
    held_out: Chosen = split == VALIDATION
    then = candidate.num_validation
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
    candidates: Sequence[Candidate],
    held_out: Sequence[Bool[np.ndarray, " _"]],
    num_shared: int,
    datasets: Sequence[Dataset],
) -> str:
    """Say who held out what, and how to train so that there is something to compare on."""
    each = "; ".join(
        f"{candidate.name} {int(chosen.sum()):,} (validation {candidate.recipe['validation']:.4g}, "
        f"seed {candidate.recipe['seed']})"
        for candidate, chosen in zip(candidates, held_out, strict=True)
    )
    count = "no" if num_shared == 0 else f"only {num_shared}"
    dataset = datasets[0]
    is_same = all(other is dataset for other in datasets)
    brought = bool((dataset.split == SPLITS.index("validation")).any())
    what_to_do = (
        "Put more images into the validation split of the data"
        if brought
        else "Train them again with the same seed and share, as: loupe train "
        f"{dataset.origin or dataset.name} --recipe NAME --seed 0 --validation "
        f"{_enough(dataset, is_same):.3g}"
    )
    if not (brought or is_same):
        what_to_do += ". Where fixes leave images out, each draws other validation images"
    return (
        f"There are {count} validation images that none of these models was trained on, and at "
        f"least {FEWEST_IMAGES} are needed; test images are not chosen by. Held out were: {each}. "
        f"{what_to_do}."
    )


def _enough(dataset: Dataset, is_same: bool) -> float:
    """A share of the training images that is enough to compare on.

    Of data that are not the same, what two models held out is shared by chance in the worst case.
    """
    wanted = 2 * FEWEST_IMAGES / max(len(dataset.train), 1)
    return min(0.5, max(1 / 12, wanted if is_same else math.sqrt(wanted)))
