"""A classifier that is quick to make and makes mistakes: the nearest mean image."""

from dataclasses import dataclass

import numpy as np
import pytest

from loupe.data.dataset import Dataset


@dataclass(frozen=True, eq=False)
class Output:
    probabilities: np.ndarray
    features: np.ndarray
    outlier: np.ndarray


class NearestMean:
    source = "runs/nearest-mean/model.onnx"

    def __init__(self, training: Dataset, class_names: tuple[str, ...] | None = None) -> None:
        self.class_names = class_names or training.class_names
        numbers = [training.class_names.index(name) for name in self.class_names]
        pixels = training.images.reshape(len(training), -1).astype(np.float32)
        self.means = np.stack([pixels[training.labels == i].mean(axis=0) for i in numbers])
        self.examined = 0

    def examine(self, images: np.ndarray) -> Output:
        self.examined += 1
        features = images.reshape(len(images), -1).astype(np.float32)
        distances = np.linalg.norm(features[:, None] - self.means, axis=2)
        closeness = np.exp((distances.min(axis=1, keepdims=True) - distances) / 50)
        probabilities = closeness / closeness.sum(axis=1, keepdims=True)
        return Output(probabilities.astype(np.float32), features, distances.min(axis=1))


@pytest.fixture
def nearest_mean():
    return NearestMean


@pytest.fixture
def make_probabilities():
    """Labels and distinct probabilities of a classifier that is as good as `strength` says."""

    def make(n: int, k: int, strength: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng(seed)
        labels = generator.integers(0, k, n)
        logits = generator.normal(size=(n, k)) + strength * np.eye(k)[labels]
        weights = np.exp(2 * logits)
        return labels, (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)

    return make
