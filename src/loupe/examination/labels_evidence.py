"""The evidence on each label: what networks, neighbours and equal images say of an image."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from loupe.arrays import Distances, Images, Labels, Probabilities
from loupe.data.duplicates import duplicate_ids, equal_sets
from loupe.examination.labels_neighbours import Nearest, Votes
from loupe.examination.metrics import best_guesses

Margins = Float32[np.ndarray, " n"]  # -1: surely another class; 1: surely the label's


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of each label, from networks that did not learn from it.

    Attributes:
        labels: as given, int64 `[n]`.
        probabilities: mean over the networks, float32 `[n k]`.
        agreement: share of the networks whose first guess is the mean's, float32 `[n]`.
        looked: images whose neighbours were looked up: those that the networks doubt most.
        nearest: positions of their nearest training images, int64 `[n m]`; -1 of the others.
        votes: shares of the neighbours' labels, float32 `[n k]`; 0 of the others.
        outlier: how strange each image is, in units of what 99.5 % of held-out images stay below,
            float32 `[n]`; 0 where that is not known.
        blank: images of one value only.
        twins: positions of the training images that are equal to an image and have another label.
    """

    labels: Labels
    probabilities: Probabilities
    agreement: Float32[np.ndarray, " n"]
    looked: Bool[np.ndarray, " n"]
    nearest: Nearest
    votes: Votes
    outlier: Distances
    blank: Bool[np.ndarray, " n"]
    twins: Mapping[int, tuple[int, ...]]

    def __len__(self) -> int:
        """Count the images."""
        return len(self.labels)

    @cached_property
    def guesses(self) -> Labels:
        """First guess of the networks for each image."""
        return best_guesses(self.probabilities)

    @cached_property
    def margins(self) -> Margins:
        """How far the networks prefer the label to every other class."""
        return margins(self.labels, self.probabilities)

    @cached_property
    def vote_margins(self) -> Margins:
        """How far the neighbours prefer the label; the networks' word where none were looked up."""
        return np.where(self.looked, margins(self.labels, self.votes), self.margins)


def margins(labels: Labels, shares: Probabilities) -> Margins:
    """The label's share less the largest share of another class.

    Example:
        >>> margins(np.array([0, 1]), np.array([[0.75, 0.25], [0.75, 0.25]], np.float32))
        array([ 0.5, -0.5], dtype=float32)
    """
    rows = np.arange(len(labels))
    others = shares.copy()
    others[rows, labels] = -np.inf
    found: Margins = shares[rows, labels] - others.max(axis=1)
    return found


def blank_images(images: Images) -> Bool[np.ndarray, " n"]:
    """Say which images have one value only."""
    pixels = images.reshape(len(images), -1)
    blank: Bool[np.ndarray, " n"] = pixels.min(axis=1) == pixels.max(axis=1)
    return blank


def disagreeing_twins(
    images: Images,
    labels: Labels,
    references: UInt8[np.ndarray, "r h w c"],
    reference_labels: Int64[np.ndarray, " r"],
) -> dict[int, tuple[int, ...]]:
    """Find the references that are equal to an image, pixel by pixel, and have another label.

    Returns:
        For the position of each image that has some, the positions of the references.
    """
    n = len(images)
    ids = duplicate_ids(np.concatenate([images, references]))
    every = np.concatenate([labels, reference_labels])
    twins = {}
    for members in equal_sets(ids):
        for image in members[members < n].tolist():
            others = members[(members >= n) & (every[members] != labels[image])] - n
            if len(others):
                twins[image] = tuple(others.tolist())
    return twins
