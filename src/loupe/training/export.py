"""From trained networks to the one model file: graph, statistics, parity gate."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float32
from onnx import TensorProto, ValueInfoProto, helper
from torch import Tensor

from loupe import __version__
from loupe.arrays import Features, Images, Labels, Probabilities
from loupe.classifier.card import CARD_KEY, VERSION_KEY, Card
from loupe.classifier.classifier import Classifier, loads
from loupe.errors import ModelError
from loupe.networks.committee import Committee
from loupe.networks.graph import Graph
from loupe.training.device import Compute
from loupe.training.foreign import Foreignness, fit_foreignness

MAX_FEATURES = 256  # more are projected onto their principal components
EXACT_COMPONENTS = 1152  # images or features up to which these are exact: 0.2 s
TOLERANCE = 1e-4  # of a probability, between ONNX Runtime and PyTorch
TIE = 1e-5  # between two probabilities: float32 rounds them by up to 7e-7 (seen on digits)
MIN_PARITY_IMAGES = 1000
OUTLIER_QUANTILE = 0.995  # of validation images lie below the outlier threshold
RIDGE = 0.01  # of the mean variance, added to each: a direction without spread is no evidence
EXACT = Compute(torch.device("cpu"), bf16=False)  # what the model file is compared with


@dataclass(frozen=True, eq=False)
class FeatureStatistics:
    """How the training images' features lie: what `features` and `outlier` are computed with.

    Attributes:
        center: subtracted before the projection, `[d]`; None where nothing is projected.
        projection: principal components, `[d p]`; None where nothing is projected.
        whitening: makes the spread within classes 1 in every direction, `[p p]`.
        class_means: whitened, `[k p]`.
        foreignness: tells foreign images from them; without it the distance from the guessed
            class has to do.
    """

    center: Float32[np.ndarray, " d"] | None
    projection: Float32[np.ndarray, "d p"] | None
    whitening: Float32[np.ndarray, "p p"]
    class_means: Float32[np.ndarray, "k p"]
    foreignness: Foreignness | None = None

    def whiten(self, features: Float32[np.ndarray, "n d"]) -> Float32[np.ndarray, "n p"]:
        """Take what the last hidden layer says to where the spread within classes is 1."""
        if self.projection is not None:
            features = (features - self.center) @ self.projection
        whitened: Float32[np.ndarray, "n p"] = features @ self.whitening
        return whitened


def measure_features(
    features: Features,
    labels: Labels,
    num_classes: int,
    foreign: Float32[np.ndarray, "m d"] | None = None,
) -> FeatureStatistics:
    """Measure where each class lies in the space of features, and how far it spreads.

    The distance is Mahalanobis' with one covariance for all classes (Lee et al. 2018,
    arXiv:1807.03888).

    Args:
        features: of training images.
        labels: theirs.
        num_classes: how many classes there are; each has an image at least.
        foreign: features of images that are none of the classes, to learn from what sets them
            apart.
    """
    center = projection = None
    points = features
    if features.shape[1] > MAX_FEATURES:
        center = features.mean(0, dtype=np.float64).astype(np.float32)
        projection = principal_components(features - center, MAX_FEATURES)
        points = (features - center) @ projection
    points = points.astype(np.float64)
    means = np.stack([points[labels == k].mean(0) for k in range(num_classes)])
    within = points - means[labels]
    covariance = within.T @ within / len(points)
    variance, directions = np.linalg.eigh(covariance)
    floor = RIDGE * max(variance.mean(), 1e-12)
    whitening = directions / np.sqrt(variance.clip(0) + floor)
    measured = FeatureStatistics(
        center,
        projection,
        whitening.astype(np.float32),
        (means @ whitening).astype(np.float32),
    )
    if foreign is None:
        return measured
    known = measured.whiten(features), measured.class_means, measured.whiten(foreign)
    return replace(measured, foreignness=fit_foreignness(*known))


def principal_components(
    centered: Float32[np.ndarray, "n d"], count: int
) -> Float32[np.ndarray, "d p"]:
    """Directions of the largest spread, each of length 1.

    Of many features the directions are found at random and refined (Halko et al. 2011,
    arXiv:0909.4061): of 4,608 features in 0.4 s where all eigenvectors take 2.5 s, and they hold
    80.6 % of the variance where the best hold 81.4 %.
    """
    n, d = centered.shape
    if min(n, d) > EXACT_COMPONENTS:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            directions = torch.svd_lowrank(torch.from_numpy(centered), q=count)[2].numpy()
    elif d <= n:
        points = centered.astype(np.float64)
        directions = np.linalg.eigh(points.T @ points)[1][:, -count:]
    else:
        points = centered.astype(np.float64)
        values, vectors = np.linalg.eigh(points @ points.T)
        kept = min(count, n - 1)
        directions = points.T @ vectors[:, -kept:] / np.sqrt(values[-kept:].clip(1e-12))
    return np.ascontiguousarray(directions, dtype=np.float32)


def write_model(
    committee: Committee, temperature: float, statistics: FeatureStatistics, card: Card
) -> bytes:
    """Write raw pixels in, probabilities out, as one ONNX file.

    Args:
        committee: trained networks, on the CPU.
        temperature: by which logits are divided before the softmax.
        statistics: of the features of training images.
        card: goes into the metadata.
    """
    height, width, channels = card.image_shape
    graph = Graph()
    pixels = graph.add("Cast", "images", to=TensorProto.FLOAT)
    if all(net.takes_raw_pixels() for net in committee.members):
        nets = [net.for_raw_pixels() for net in committee.members]  # one pass over the pixels less
        views = committee.test_shifts, committee.test_mirror
        committee = Committee(nets, *views, committee.rejects)
    else:
        pixels = graph.add("Mul", pixels, _scalar(graph, 1 / 255))
    inputs = graph.add("Transpose", pixels, perm=[0, 3, 1, 2])
    logits, features = committee.write(graph, inputs)
    foreignness = None
    if committee.rejects:
        logits, foreignness = committee.write_rejection(graph, logits)
    if temperature != 1.0:
        logits = graph.add("Mul", logits, _scalar(graph, 1 / temperature))
    graph.add("Softmax", logits, output="probabilities", axis=1)
    features = _write_features(graph, features, statistics)
    if foreignness is None:
        _write_outlier(graph, features, statistics)
    else:
        graph.add("Identity", foreignness, output="outlier")
    num_features = statistics.whitening.shape[0]
    model = graph.model(
        [
            helper.make_tensor_value_info(
                "images", TensorProto.UINT8, ["n", height, width, channels]
            )
        ],
        [
            _output("probabilities", ["n", len(card.class_names)]),
            _output("features", ["n", num_features]),
            _output("outlier", ["n"]),
        ],
        {CARD_KEY: card.to_json(), VERSION_KEY: __version__},
    )
    content: bytes = model.SerializeToString()
    return content


def check_parity(given: Probabilities, expected: Probabilities) -> float:
    """Refuse a model file that does not say what the trained network says.

    Args:
        given: by the exported file, for real images, all validation images among them.
        expected: PyTorch's probabilities for them, in float32.

    Returns:
        The largest difference between the two.

    Raises:
        ModelError: a label differs, or a probability by more than 1e-4. Two classes that are as
            likely to the rounding of float32 are one label: no network says which.
    """
    difference = float(np.abs(given - expected).max())
    guessed = np.take_along_axis(expected, given.argmax(1)[:, np.newaxis], axis=1)[:, 0]
    differing = int((expected.max(1) - guessed > TIE).sum())
    if differing or not difference <= TOLERANCE:
        raise ModelError(
            f"The exported model differs from the trained network on {differing} of {len(given)} "
            f"labels, and by up to {difference:.1e} in probability; allowed are none and "
            f"{TOLERANCE:.0e}. It was not written. The trained weights are in the run folder."
        )
    return difference


def read_back(content: bytes) -> Classifier:
    """Load an exported model from memory, as its users will from its file."""
    return loads(content, "the exported model")


def probabilities_of(logits: Tensor, temperature: float) -> Probabilities:
    """What the model file must say for these logits."""
    result: Probabilities = torch.softmax(logits / temperature, dim=1).numpy()
    return result


def image_tensor(images: Images) -> Tensor:
    """Images as torch has them, uint8 `[n c h w]`."""
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def _write_features(graph: Graph, features: str, statistics: FeatureStatistics) -> str:
    """Write the output `features`, projected where there are many; give its name."""
    if statistics.projection is None:
        return graph.add("Identity", features, output="features")
    assert statistics.center is not None  # they come together
    centered = graph.add("Sub", features, graph.constant(statistics.center))
    return graph.add("MatMul", centered, graph.constant(statistics.projection), output="features")


def _write_outlier(graph: Graph, features: str, statistics: FeatureStatistics) -> None:
    """Write the output `outlier`: how surprising the image is as one of the classes, in nats.

    Minus the log of the probability that it is no foreign image; where none was learnt from, the
    distance from the guessed class.
    """
    white = graph.add("MatMul", features, graph.constant(statistics.whitening))
    guess = graph.add("ArgMax", "probabilities", axis=1, keepdims=0)
    mean = graph.add("Gather", graph.constant(statistics.class_means), guess, axis=0)
    away = graph.add("Sub", white, mean)
    squared = graph.add("Mul", away, away)
    axes = graph.constant(np.array([1], np.int64))
    if (learnt := statistics.foreignness) is None:
        graph.add("Sqrt", graph.add("ReduceMean", squared, axes, keepdims=0), output="outlier")
        return
    columns = (graph.constant(each[:, None]) for each in (learnt.linear, learnt.quadratic))
    parts = [graph.add("MatMul", *each) for each in zip((white, squared), columns, strict=True)]
    odds = graph.add("Add", graph.add("Add", *parts), _scalar(graph, learnt.offset))
    graph.add("Softplus", graph.add("Squeeze", odds, axes), output="outlier")


def _scalar(graph: Graph, value: float) -> str:
    return graph.constant(np.array(value, np.float32))


def _output(name: str, shape: list[str | int]) -> ValueInfoProto:
    info: ValueInfoProto = helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    return info
