"""The nearest training images, as a network sees them, and what their labels say."""

import numpy as np
from jaxtyping import Float32, Int64

from loupe.arrays import Features

NEIGHBOURS = 10  # of each image: enough to vote, few enough to look at

References = Float32[np.ndarray, "r d"]  # features of other images
Nearest = Int64[np.ndarray, "n m"]
Votes = Float32[np.ndarray, "n k"]


def nearest(references: References, queries: Features, count: int = NEIGHBOURS) -> Nearest:
    """Find the nearest references of each query, by the angle between their features.

    The angle, and not the distance: faint and bold drawings of one thing have features of different
    length.

    Returns:
        Positions among the references, the nearest first, int64 `[n m]`; fewer than `count` where
        there are fewer references.

    Example:
        >>> corners = np.array([[0, 1], [1, 0], [1, 1]], np.float32)
        >>> nearest(corners, np.array([[0, 5], [3, 2.9]], np.float32), count=1).tolist()
        [[0], [2]]
    """
    from sklearn.neighbors import NearestNeighbors

    count = min(count, len(references))
    if not len(queries):
        return np.zeros((0, count), np.int64)
    search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(_directions(references))
    found: Nearest = search.kneighbors(_directions(queries), return_distance=False)
    return found


def votes(found: Nearest, labels: Int64[np.ndarray, " r"], num_classes: int) -> Votes:
    """Count the labels of each image's neighbours, as shares that sum to 1.

    Example:
        >>> votes(np.array([[0, 1, 2, 3]]), np.array([1, 1, 0, 1]), 3)
        array([[0.25, 0.75, 0.  ]], dtype=float32)
    """
    said = np.zeros((len(found), num_classes), np.float32)
    for column in found.T:
        said[np.arange(len(found)), labels[column]] += 1
    shares: Votes = said / max(found.shape[1], 1)
    return shares


def _directions(features: Features) -> Features:
    length = np.linalg.norm(features, axis=1, keepdims=True)
    directions: Features = features / np.maximum(length, 1e-12)
    return directions
