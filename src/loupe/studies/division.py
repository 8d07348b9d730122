"""How a search divides the images: most are learnt from, some choose, some are kept from it."""

from dataclasses import replace

import numpy as np

from loupe.data import generated
from loupe.data.dataset import TEST, TRAIN, VALIDATION, Dataset
from loupe.data.split import hold_out_validation, seal_test
from loupe.errors import DataError
from loupe.studies.folds import learning_images

# Of all learning images, those that choose, and as many that are kept from the search.
ENOUGH_KEPT, LEAST_SHARE, MOST_SHARE = 2500, 1 / 12, 0.2
# That choose, and as many kept. One of 40 images is 2.5 points, more than most searches gain, and
# 36 of 40 right may be 77 or 96 % (Wilson, 95 %): with fewer the best trial would be the luckiest.
LEAST_KEPT = 40


def divide(dataset: Dataset) -> Dataset:
    """Divide the learning images of a data set for a search; its test images are left out.

    Where generated images are among them, all of these are trained on, and what chooses and what is
    kept are the validation images that the generator did not learn from, half of them each.

    Returns:
        A data set whose validation images choose the best trial, and whose "test" images are those
        kept from the search. Both are a twelfth of all, or up to a fifth where that is under 2,500.

    Raises:
        DataError: fewer than 40 images would choose, or a class has too few for all three parts.

    Example:
        >>> import loupe
        >>> divided = divide(loupe.read("digits"))
        >>> len(divided.train), len(divided.validation), len(divided.test)
        (862, 288, 288)
    """
    if dataset.has_generated:
        divided = _beside_generated(dataset)
    else:
        pool = replace(learning_images(dataset), fixes=None)  # only images that are no test images
        divided = _divided(pool)
    return replace(divided, notes=(), fixes=dataset.fixes)


def _divided(pool: Dataset) -> Dataset:
    share = min(MOST_SHARE, max(LEAST_SHARE, ENOUGH_KEPT / max(1, len(pool))))
    measured = round(share * len(pool))
    if measured < LEAST_KEPT:
        raise DataError(
            f"{pool.name} has {len(pool):,} images without its test images. A search would choose "
            f"by {measured} of them, and keep as many to check its choice: so few are a matter of "
            f"luck. It needs {LEAST_KEPT} each, {round(LEAST_KEPT / MOST_SHARE)} in all. Collect "
            "more images, or train a recipe as it is: loupe train DATA --recipe fast."
        )
    kept = seal_test(pool, share)
    return hold_out_validation(kept, share / (1 - share), seed=0)


def _beside_generated(dataset: Dataset) -> Dataset:
    """Measure on what the generator has not seen: images that it drew resemble those it saw."""
    held = hold_out_validation(dataset, generated.VALIDATION, generated.VALIDATION_SEED)
    held = held.select(np.flatnonzero(held.split != TEST))
    unseen = np.flatnonzero(held.split == VALIDATION)
    if len(unseen) // 2 < LEAST_KEPT:
        raise DataError(
            f"{dataset.name} has {len(unseen)} validation images that the generator did not learn "
            "from. A search with generated images chooses by half of them, and keeps the other "
            f"half to check its choice: it needs {LEAST_KEPT} each. Search without --generated, "
            "or collect more real images."
        )
    pool = replace(
        held.select(unseen), split=np.full(len(unseen), TRAIN, np.uint8), generated=None, fixes=None
    )
    split = held.split.copy()
    split[unseen] = np.where(seal_test(pool, 0.5).split == TEST, TEST, VALIDATION)
    return replace(held, split=split)
