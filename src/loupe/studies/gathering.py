"""What there is to say of every label: by networks that never learnt from its image.

Training and validation images are read by the network of their fold; test images by the networks
of all folds, and by others that learnt from training images only.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32, Int64

from loupe.arrays import Probabilities
from loupe.classifier.classifier import Classifier, Output
from loupe.data.dataset import Dataset
from loupe.examination.labels_evidence import (
    Evidence,
    blank_images,
    disagreeing_twins,
    margins,
)
from loupe.examination.labels_neighbours import NEIGHBOURS, nearest, votes
from loupe.examination.labels_ranking import doubted
from loupe.examination.labels_views import read_views
from loupe.examination.metrics import best_guesses
from loupe.studies.folds import Folds

Words = tuple[Probabilities, Float32[np.ndarray, " n"]]  # what is said, and by how many


def out_of_fold(folds: Folds) -> Evidence:
    """Gather the evidence on the images that were dealt, each from the network of its fold."""
    dataset, k = folds.dataset, len(folds.dataset.class_names)
    n = len(dataset)
    probabilities, outlier = np.zeros((n, k), np.float32), np.zeros(n, np.float32)
    features = []
    for fold, classifier in enumerate(folds.classifiers):
        output = classifier.examine(dataset.images)
        inside = folds.inside(fold)
        probabilities[inside] = output.probabilities[inside]
        outlier[inside] = output.outlier[inside] / _usual_strangeness(classifier)
        features.append(output.features)
    looked = doubted(margins(dataset.labels, probabilities))
    agreement = np.ones(n, np.float32)
    near = np.full((n, min(NEIGHBOURS, int((folds.fold_of != 0).sum()))), -1, np.int64)
    said = np.zeros((n, k), np.float32)
    for fold, points in enumerate(features):
        asked = np.flatnonzero(looked & (folds.fold_of == fold))
        outside = folds.outside(fold)
        near[asked] = outside[nearest(points[outside], points[asked], near.shape[1])]
        said[asked] = votes(near[asked], dataset.labels, k)
        read = np.stack(read_views(folds.classifiers[fold], dataset.images[asked]))
        probabilities[asked], agreement[asked] = _pooled(read)
    return _evidence(
        dataset, dataset, (probabilities, agreement), looked, near, said, outlier=outlier
    )


def by_committee(folds: Folds, test: Dataset, others: Sequence[Classifier]) -> Evidence:
    """Gather the evidence on test images, from networks that learnt from training images only."""
    classifiers = (*folds.classifiers, *others)
    outputs = [classifier.examine(test.images) for classifier in classifiers]
    voices = _voices(classifiers)
    every = np.stack([output.probabilities for output in outputs])
    probabilities, agreement = _pooled(every, voices)
    looked = doubted(margins(test.labels, probabilities))
    asked = np.flatnonzero(looked)
    probabilities[asked], agreement[asked] = _second_look(classifiers, voices, test, asked)
    named = _named_by_each(folds, outputs, asked)
    near = np.full((len(test), named.shape[2]), -1, np.int64)
    near[asked] = _most_often(named)
    k = len(test.class_names)
    said = np.zeros((len(test), k), np.float32)
    said[asked] = np.mean([votes(one, folds.dataset.labels, k) for one in named], axis=0)
    strange = [
        output.outlier / _usual_strangeness(classifier)
        for output, classifier in zip(outputs, classifiers, strict=True)
    ]
    outlier = np.median(np.stack(strange), axis=0)
    return _evidence(
        test, folds.dataset, (probabilities, agreement), looked, near, said, outlier=outlier
    )


def _evidence(
    examined: Dataset,
    references: Dataset,
    words: Words,
    looked: Bool[np.ndarray, " n"],
    near: Int64[np.ndarray, "n m"],
    said: Float32[np.ndarray, "n k"],
    *,
    outlier: Float32[np.ndarray, " n"],
) -> Evidence:
    """Add what the images alone say: blank ones, and equal ones with another label."""
    labels = examined.labels
    return Evidence(
        labels=labels,
        probabilities=words[0],
        agreement=words[1],
        looked=looked,
        nearest=near,
        votes=said,
        outlier=outlier,
        blank=blank_images(examined.images),
        twins=disagreeing_twins(examined.images, labels, references.images, references.labels),
    )


def _second_look(
    classifiers: Sequence[Classifier],
    voices: Sequence[float],
    dataset: Dataset,
    asked: Int64[np.ndarray, " a"],
) -> Words:
    """Let all networks read some images shifted and turned as well."""
    read = [read_views(classifier, dataset.images[asked]) for classifier in classifiers]
    shares = [np.full(len(one), v / len(one)) for v, one in zip(voices, read, strict=True)]
    return _pooled(np.concatenate([np.stack(one) for one in read]), np.concatenate(shares))


def _named_by_each(
    folds: Folds, outputs: Sequence[Output], asked: Int64[np.ndarray, " a"]
) -> Int64[np.ndarray, "f a m"]:
    """The training images that each fold's network finds nearest to some images."""
    found = []
    for fold, output in enumerate(outputs[: len(folds)]):
        outside = folds.outside(fold)
        points = folds.classifiers[fold].examine(folds.dataset.images[outside]).features
        found.append(outside[nearest(points, output.features[asked])])
    return np.stack(found)


def _voices(classifiers: Sequence[Classifier]) -> list[float]:
    """How much each network's word weighs; all together 1.

    Networks of one recipe share their blind spots: each recipe has one voice. Half of it for the
    model of a stronger recipe ranks valid but hard test images lower.
    """
    recipes = [_kind(classifier) for classifier in classifiers]
    each = {kind: 1 / recipes.count(kind) for kind in recipes}
    return [each[kind] / len(each) for kind in recipes]


def _kind(classifier: Classifier) -> str:
    """What a network was trained as, apart from its seed and from what folds do otherwise."""
    known = classifier.card.recipe
    return "/".join(str(known.get(name)) for name in ("network", "members", "head", "epochs"))


def _pooled(
    read: Float32[np.ndarray, "r n k"], weights: Sequence[float] | np.ndarray | None = None
) -> tuple[Probabilities, Float32[np.ndarray, " n"]]:
    """The mean of several readings, and the share of them whose first guess is the mean's."""
    mean: Probabilities = np.average(read, axis=0, weights=weights).astype(np.float32)
    agreement = (read.argmax(axis=2) == best_guesses(mean)).mean(axis=0, dtype=np.float32)
    return mean, agreement


def _most_often(found: np.ndarray) -> np.ndarray:
    """Of the neighbours that several networks name, those named most often, then the nearest.

    Args:
        found: int64 `[networks n m]`.
    """
    _, n, m = found.shape
    chosen = np.empty((n, m), np.int64)
    for row in range(n):
        named, first, times = np.unique(
            found[:, row].T.ravel(), return_index=True, return_counts=True
        )
        chosen[row] = named[np.lexsort((first, -times))][:m]
    return chosen


def _usual_strangeness(classifier: Classifier) -> float:
    """What nearly all held-out images stay below; unknown without such images."""
    return classifier.card.outlier_threshold or float("inf")
