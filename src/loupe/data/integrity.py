"""What must hold for every data set, whichever reader it came from."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from loupe.data.dataset import SPLITS, Dataset
from loupe.data.labels import as_whole_numbers, natural_order
from loupe.errors import BadFilesError, DataError, Fault


def require_integrity(dataset: Dataset) -> None:
    """Refuse a data set from which nothing can be learnt or nothing can be measured.

    Raises:
        DataError: no images, images without pixels, one class only, a class without images, or a
            class that some split lacks.
    """
    if not len(dataset) or not all(dataset.image_shape):
        raise DataError(
            f"{dataset.name}: {len(dataset)} images of the shape {list(dataset.image_shape)}; "
            "expected at least one image with pixels in it. Is it the right file or folder?"
        )
    _require_classes(dataset)
    _require_classes_in_splits(dataset)


def require_kept(
    name: str,
    kept: Iterable[str | int],
    left_out: Iterable[str | int],
    faults: Sequence[Fault],
) -> None:
    """Refuse to leave out every image of a class: without them the class would be gone unnoticed.

    Args:
        name: the data set's name.
        kept: the labels of the images that can be used.
        left_out: the labels of those that cannot, as far as they have any.
        faults: what is wrong with them.

    Raises:
        BadFilesError: a class is among the latter only.

    Example:
        >>> require_kept("letters", ["a", "b", "a"], ["b"], [])
        >>> require_kept("letters", ["a", "b", "a"], ["c", "c"], [])
        Traceback (most recent call last):
        ...
        loupe.errors.BadFilesError: letters: every image of 'c' is bad (2 in all): without them \
the class would be gone. Mend some of them, or take them out of the data yourself.
    """
    there, bad = list(dict.fromkeys(map(str, kept))), list(map(str, left_out))
    named = as_whole_numbers([*there, *bad])
    counts = Counter(named[len(there) :])
    lost = natural_order(counts.keys() - {*named[: len(there)]})
    if lost:
        total = sum(counts[label] for label in lost)
        which = "the class" if len(lost) == 1 else "these classes"
        raise BadFilesError(
            f"{name}: every image of {_listed(lost)} is bad ({total:,} in all): without them "
            f"{which} would be gone. Mend some of them, or take them out of the data yourself.",
            faults,
        )


def _require_classes(dataset: Dataset) -> None:
    counts = dataset.counts()
    empty = [name for name, count in zip(dataset.class_names, counts, strict=True) if not count]
    if len(counts) - len(empty) < 2:
        only = dataset.class_names[int(counts.argmax())]
        raise DataError(
            f"{dataset.name}: all {len(dataset)} images are of one class, '{only}'; a classifier "
            "needs at least two. Add images of the others, each class under its own label."
        )
    if empty:
        raise DataError(
            f"{dataset.name}: no image of {_listed(empty)}; each of the {len(counts)} classes "
            "needs images. Add some, or leave the class out of the class names."
        )


def _require_classes_in_splits(dataset: Dataset) -> None:
    for code, split in enumerate(SPLITS):
        labels = dataset.labels[dataset.split == code]
        counts = np.bincount(labels, minlength=len(dataset.class_names))
        missing = [
            name for name, count in zip(dataset.class_names, counts, strict=True) if not count
        ]
        if len(labels) and missing:
            raise DataError(
                f"{dataset.name}: the {split} split has {len(labels)} images, but none of "
                f"{_listed(missing)}; every class must be in every split, or the figures mean "
                f"nothing for it. Move images of it to {split}, or leave the class out everywhere."
            )


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
