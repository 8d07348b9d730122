"""OpenML's image data sets, as `openml:NAME`, through scikit-learn's `fetch_openml`."""

import re
import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from loupe.data.dataset import Dataset
from loupe.data.download import cache_folder
from loupe.data.memory import dataset_from_arrays
from loupe.errors import DataError

# Rows of training images where a data set keeps the published order, training first.
TRAINING_ROWS = {"mnist_784": 60_000}
_NAME = re.compile(r"\w[\w.,()-]*")  # as OpenML allows; nothing that leads elsewhere in an address


def read_openml(name: str) -> Dataset:
    """Read one of OpenML's data sets whose columns are the pixels of square images.

    Raises:
        DataError: no such data set, no network and no copy in the cache, or no square images.
    """
    if not _NAME.fullmatch(name):
        raise DataError(f"'openml:{name}' is no name on openml.org; expected one as in its list.")
    bunch, warned = _fetched(name)
    if bunch.target is None:
        raise DataError(
            f"openml:{name} has no column that is marked as the target; see openml.org."
        )
    split = None
    if (rows := TRAINING_ROWS.get(name)) and len(bunch.data) > rows:
        split = np.where(np.arange(len(bunch.data)) < rows, "train", "test")
    dataset = dataset_from_arrays(bunch.data, np.asarray(bunch.target), name=name, split=split)
    return replace(dataset, notes=warned + dataset.notes)


def _fetched(name: str) -> tuple[Any, tuple[str, ...]]:
    from sklearn.datasets import fetch_openml  # 0.8 s to import

    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            # The other parser needs pandas, which is no dependency.
            bunch = fetch_openml(
                name,
                data_home=cache_folder(),
                as_frame=False,
                parser="liac-arff",
                n_retries=2,
                delay=0.3,
            )
    except (OSError, ValueError) as error:
        raise DataError(
            f"openml:{name} could not be read: {error}. Expected the name of a data set on "
            f"openml.org, a network, or a copy from an earlier time in {cache_folder()}."
        ) from error
    return bunch, tuple(f"OpenML: {warning.message}" for warning in warned)
