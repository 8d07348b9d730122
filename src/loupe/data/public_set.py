"""A public data set: what is known about one, and how it is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from loupe.arrays import Labels
from loupe.data.dataset import SPLITS, TEST, TRAIN, Dataset, Groups, Split
from loupe.data.download import Fetched, PublicFile, fetch, fetch_all
from loupe.data.idx import labels_and_writers
from loupe.data.memory import Part, dataset_from_arrays, join_parts
from loupe.errors import DataError


@dataclass(frozen=True)
class PublicSet:
    """One public data set: what it is called, where its files are, and how to read them.

    Attributes:
        name: as given to `read`.
        licence: what its makers allow.
        class_names: in the order of the published labels.
        files: by role: `train_images`, `train_labels`, `test_images`, `test_labels`.
        writers: files that tell who wrote each image, by split; used if at hand, never required.
        embedded: reads a set that comes with an installed package and has no files.
        mirrors: whether a mirrored image keeps its label.
        transposed: whether the images are stored with rows and columns swapped.
        first_label: the published label of the first class.
    """

    name: str
    licence: str
    class_names: tuple[str, ...]
    files: Mapping[str, PublicFile] = field(default_factory=dict)
    writers: Mapping[Split, PublicFile] = field(default_factory=dict)
    embedded: Callable[[], tuple[np.ndarray, np.ndarray]] | None = None
    mirrors: bool = False
    transposed: bool = False
    first_label: int = 0


def read_public(entry: PublicSet) -> Dataset:
    """Read a public data set from disk, the cache or its mirrors.

    Raises:
        DataError: its files are nowhere to be had; says which to put where.

    Example:
        >>> from loupe.data.public import PUBLIC
        >>> digits = read_public(PUBLIC["digits"])
        >>> digits.images.shape, digits.class_names[:3]
        ((1797, 8, 8, 1), ('0', '1', '2'))
    """
    if entry.embedded is not None:
        images, labels = entry.embedded()
        dataset = dataset_from_arrays(
            images, labels, name=entry.name, class_names=entry.class_names
        )
        return replace(dataset, mirrors=entry.mirrors)
    fetched = fetch_all(entry.name, entry.files)
    splits: tuple[Split, ...] = ("train", "test")
    parts = {split: _part(entry, split, fetched) for split in splits}
    dataset = join_parts(entry.name, parts, entry.class_names)
    notes = tuple(note for file in fetched.values() for note in file.notes)
    dataset = replace(dataset, mirrors=entry.mirrors, notes=dataset.notes + notes)
    if not entry.writers:
        return dataset
    downloaded = any(file.downloaded for file in fetched.values())
    return _with_writers(dataset, entry, downloaded)


def _part(entry: PublicSet, split: Split, fetched: Mapping[str, Fetched]) -> Part:
    images = fetched[f"{split}_images"].values
    source = f"{entry.name}: {entry.files[f'{split}_labels'].name}"
    labels, writers = labels_and_writers(fetched[f"{split}_labels"].values, source)
    if entry.transposed:
        images = np.ascontiguousarray(images.transpose(0, 2, 1))
    return Part(images, labels.astype(np.int64) - entry.first_label, groups=writers)


def _with_writers(dataset: Dataset, entry: PublicSet, downloaded: bool) -> Dataset:
    """Add who wrote each image; asks the network only if the images just came from it."""
    groups = np.zeros(len(dataset), np.int64)
    for code, file in ((SPLITS.index(split), file) for split, file in entry.writers.items()):
        chosen = dataset.split == code
        try:
            groups[chosen] = _writers(dataset.labels[chosen], file, downloaded)
        except DataError as error:
            note = f"Writers are not known, so validation images are drawn by image: {error}"
            return replace(dataset, notes=(*dataset.notes, note))
    return replace(dataset, groups=groups, notes=(*dataset.notes, _writers_note(dataset, groups)))


def _writers(labels: Labels, file: PublicFile, downloaded: bool) -> Groups:
    """Read one split's writers, listed in the order of its images; more rows may follow."""
    listed, writers = labels_and_writers(fetch(file, download=downloaded).values, file.name)
    if writers is None or not np.array_equal(listed[: len(labels)], labels):
        raise DataError(f"{file.name} lists other images: its labels are not those of the images.")
    return writers[: len(labels)].astype(np.int64)


def _writers_note(dataset: Dataset, groups: Groups) -> str:
    train, test = (set(groups[dataset.split == code].tolist()) for code in (TRAIN, TEST))
    return (
        f"Writers are known, from QMNIST's label files: {len(train)} in train, {len(test)} in "
        f"test, {len(train & test) or 'none'} in both."
    )
