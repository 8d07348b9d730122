"""What generated images are worth: whether they are copies, and how near they are to real ones."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from loupe.arrays import Distances, Images, Labels
from loupe.classifier.classifier import Classifier
from loupe.data.dataset import Dataset

Rows = Float[np.ndarray, "n d"]  # an image, or its features, as a row of numbers
Others = Float[np.ndarray, "m d"]
Learnt = Float[np.ndarray, "t d"]

_BLOCK = 512  # rows compared with all others at a time
COMPARED = 2_000  # generated, and held-out, images that are measured
LEARNT = 60_000  # training images that they are compared with
NEAR = 0.01  # of the held-out images: those that lie nearest to a training image
COPIED = 0.05  # of the generated images lie as near: then some of them may be copies


@dataclass(frozen=True)
class Nearness:
    """How far images lie from the nearest training image, beside real ones never learnt from.

    Where training images lie close together, as thin strokes do, others come close to them without
    being copies. So what is judged is the distance relative to that of the training image from its
    own nearest neighbour (after Alaa et al. 2022, arXiv:2102.08921).

    Attributes:
        generated: median distance of a generated image.
        held_out: median distance of a real one.
        limit: relative distance; of the held-out images, one in a hundred lies nearer.
        nearer: share of the generated images that lie nearer than that: about 0.01 where they are
            as new as real ones, much more where they are copies.
        equal: generated images that equal a training image.
        n: generated images that were compared.
        n_held_out: held-out images that were compared.
    """

    generated: float
    held_out: float
    limit: float
    nearer: float
    equal: int
    n: int
    n_held_out: int

    def to_dict(self) -> dict[str, Any]:
        """Give the figures as plain values."""
        return asdict(self)


def nearness(generated: Rows, held_out: Others, training: Learnt) -> Nearness:
    """Compare generated with held-out images by their distance to the nearest training image.

    Args:
        generated: one image a row: its pixels, or its features.
        held_out: real images that the generator did not learn from.
        training: those that it learnt from, two or more.

    Example:
        >>> real = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
        >>> copies = nearness(real[:50], real[200:], real[:200])
        >>> copies.nearer, copies.equal
        (1.0, 50)
    """
    (ours, our_share), (theirs, their_share) = (
        _relative(rows, training) for rows in (generated, held_out)
    )
    limit = float(np.quantile(their_share, NEAR))
    return Nearness(
        float(np.median(ours)),
        float(np.median(theirs)),
        limit,
        float(np.mean(our_share < limit)),
        int(np.count_nonzero(ours == 0)),
        len(ours),
        len(theirs),
    )


def _relative(rows: Rows, training: Learnt) -> tuple[Distances, Distances]:
    """Distances to the nearest training row, and those as multiples of that row's own."""
    distances, positions = nearest(rows, training)
    own = nearest(training[positions], training, left_out=positions)[0]
    return distances, distances / np.maximum(own, np.float32(1e-6))  # there are equal images


def nearest(
    rows: Rows, others: Others, left_out: Int64[np.ndarray, " n"] | None = None
) -> tuple[Distances, Int64[np.ndarray, " n"]]:
    """Euclidean distance of each row to the nearest of the others, and which one that is.

    Args:
        rows: from where.
        others: to where.
        left_out: one of the others that does not count, for each row.

    Example:
        >>> nearest(np.array([[0.0, 3.0]]), np.array([[0.0, 9.0], [4.0, 0.0]]))
        (array([5.], dtype=float32), array([1]))
    """
    others = np.ascontiguousarray(others, dtype=np.float32)
    squares = np.einsum("ij,ij->i", others, others)
    position = np.zeros(len(rows), np.int64)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK].astype(np.float32)
        apart = squares - 2 * (block @ others.T)
        if left_out is not None:
            apart[np.arange(len(block)), left_out[start : start + len(block)]] = np.inf
        position[start : start + len(block)] = apart.argmin(axis=1)
    # Once more for the nearest alone: the product above has lost the last digits.
    gap = rows.astype(np.float64) - others[position]
    return np.sqrt(np.einsum("ij,ij->i", gap, gap)).astype(np.float32), position


def frechet_distance(rows: Rows, others: Others) -> float:
    """Distance between the normal distributions that two piles of features are nearest to.

    Heusel et al. 2017 (arXiv:1706.08500), there by the features of an Inception network: 0 where
    mean and covariance are equal.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(500, 3))
        >>> round(frechet_distance(rows, rows + 2), 3)
        12.0
    """
    means = [pile.astype(np.float64).mean(axis=0) for pile in (rows, others)]
    one, two = (np.atleast_2d(np.cov(pile.astype(np.float64).T)) for pile in (rows, others))
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    between = np.sqrt(np.clip(np.linalg.eigvalsh(root @ two @ root), 0, None)).sum()
    apart = means[0] - means[1]
    return float(max(0.0, apart @ apart + np.trace(one) + np.trace(two) - 2 * between))


def as_rows(images: Images) -> Rows:
    """Images as rows of numbers in 0..1, float32 `[n h*w*c]`."""
    return images.reshape(len(images), -1).astype(np.float32) / 255


def measure_fidelity(
    dataset: Dataset, generated: Images, labels: Labels, classifier: Classifier | None = None
) -> dict[str, Any]:
    """Measure generated images against the training images and those held out.

    Args:
        dataset: what the generator learnt from, with its validation images held out.
        generated: what it drew.
        labels: of which class each is meant to be, as the data set numbers them.
        classifier: by whose `features` to measure as well, and whether it reads the images as what
            they are meant to be.

    Returns:
        Under "pixels" and "features" a `Nearness` as plain values; with a classifier also "frechet"
        (of generated and of held-out images to the training images, and their n) and "agreement".
    """
    chosen = _spread(len(generated), COMPARED)
    drawn, held_out = generated[chosen], dataset.validation
    kept = held_out.images[_spread(len(held_out), COMPARED)]
    learnt = dataset.train.images[_spread(len(dataset.train), LEARNT)]
    pixels = nearness(as_rows(drawn), as_rows(kept), as_rows(learnt))
    figures: dict[str, Any] = {"pixels": pixels.to_dict()}
    if classifier is None:
        return figures
    output = classifier.examine(drawn)
    of_kept, of_learnt = (classifier.examine(images).features for images in (kept, learnt))
    n = min(len(drawn), len(kept))  # of both: the fewer images, the greater the distance
    names = np.array(classifier.class_names)[output.probabilities.argmax(axis=1)]
    meant = np.array(dataset.class_names)[labels[chosen]]
    return figures | {
        "features": nearness(output.features, of_kept, of_learnt).to_dict(),
        "frechet": {
            "generated": frechet_distance(output.features[_spread(len(drawn), n)], of_learnt),
            "real": frechet_distance(of_kept[_spread(len(kept), n)], of_learnt),
            "n": n,
            "n_training": len(of_learnt),
        },
        "agreement": float(np.mean(names == meant)),
        "model": classifier.source,
    }


def _spread(count: int, most: int) -> np.ndarray:
    """Positions of at most so many, evenly over all of them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))
