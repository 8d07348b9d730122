"""From trained networks to `model.onnx`: temperature, statistics, parity gate, card."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from torch import Tensor

from loupe.arrays import Features, Images, Labels, Probabilities
from loupe.classifier.card import Card
from loupe.data.dataset import Dataset
from loupe.examination.calibration import fit_temperature
from loupe.examination.certainty import find_thresholds
from loupe.examination.committees import committee_gain
from loupe.examination.metrics import measure
from loupe.framing import measure_framing
from loupe.networks.committee import Committee
from loupe.recipes.recipe import Recipe, to_dict
from loupe.training.export import (
    EXACT,
    MIN_PARITY_IMAGES,
    OUTLIER_QUANTILE,
    FeatureStatistics,
    check_parity,
    image_tensor,
    measure_features,
    probabilities_of,
    read_back,
    write_model,
)
from loupe.training.foreign import foreign_images
from loupe.training.scores import predict_logits

FEATURE_SAMPLE = 3_000  # training images that the statistics of the features are taken from
FOREIGN_SAMPLE = 1_500  # images of nothing to set them apart from; twice as many refuse as much


@dataclass(frozen=True)
class Finished:
    """A model file that passed its gate.

    Attributes:
        content: the bytes of the file.
        card: what it says about itself.
        temperature: fitted on validation images; 1 without them.
        parity_images: compared between ONNX Runtime and PyTorch.
        parity_difference: the largest of a probability among them.
    """

    content: bytes
    card: Card
    temperature: float
    parity_images: int
    parity_difference: float


def finish(
    committee: Committee,
    dataset: Dataset,
    recipe: Recipe,
    fingerprint: str,
    framing: Mapping[str, Any] | None = None,
) -> Finished:
    """Export trained networks with all that a model file holds, and check what was written.

    Args:
        committee: trained networks, on the CPU.
        dataset: training and validation images; test images are not looked at.
        recipe: goes into the card.
        fingerprint: of the data set as it was read; goes into the card.
        framing: goes into the card; measured on the training images if not given.

    Raises:
        ModelError: the file does not say what the networks say; nothing is to be written then.
    """
    committee.eval()
    train, validation = dataset.train, dataset.validation
    held_out = len(validation)
    images = validation.images
    if held_out < MIN_PARITY_IMAGES:
        more = min(len(train), MIN_PARITY_IMAGES - held_out)
        spread = np.linspace(0, len(train) - 1, more).astype(int)  # of all classes, if sorted
        images = np.concatenate([images, train.images[spread]])
    votes = _votes(committee, image_tensor(images))
    logits = votes[0] if len(votes) == 1 else votes.softmax(2).mean(0).log()
    temperature = 1.0
    if held_out:
        temperature = fit_temperature(logits[:held_out].numpy(), validation.labels)
    statistics = _statistics(committee, train)
    card = _card(dataset, recipe, fingerprint, framing)
    draft = read_back(write_model(committee, temperature, statistics, card))
    expected = probabilities_of(logits, temperature)
    given = draft.examine(images)
    difference = check_parity(given.probabilities, expected)
    if held_out:
        card = replace(
            card,
            outlier_threshold=float(np.quantile(given.outlier[:held_out], OUTLIER_QUANTILE)),
            evaluation=_validation_figures(validation.labels, given.probabilities[:held_out])
            | _gain(validation.labels, votes[:, :held_out]),
            certainty=find_thresholds(
                validation.labels,
                given.probabilities[:held_out],
                temperature,
                grouped=validation.groups is not None,
            ).to_dict(),
        )
    content = write_model(committee, temperature, statistics, card)
    return Finished(content, card, temperature, len(images), difference)


def _statistics(committee: Committee, train: Dataset) -> FeatureStatistics:
    """Statistics of the features of training images, of every class at least a few."""
    spread = np.argsort(train.labels, kind="stable")
    rank = np.empty(len(train), np.int64)
    rank[spread] = np.concatenate([np.arange(count) for count in train.counts()])
    chosen = np.argsort(rank, kind="stable")[:FEATURE_SAMPLE]  # the first of each class, in turn
    sample = train.select(chosen)
    features = _features(committee, sample.images)
    foreign = None
    if not committee.rejects:  # these know it themselves
        count = min(FOREIGN_SAMPLE, len(sample))
        foreign = _features(committee, foreign_images(sample.images, count))
    return measure_features(features, sample.labels, len(train.class_names), foreign)


def _features(committee: Committee, images: Images) -> Features:
    scaled = image_tensor(images).float().div_(255)
    with torch.inference_mode():
        parts = [committee.features(batch) for batch in torch.split(scaled, 500)]
    features: Features = torch.cat(parts).numpy()
    return features


def _votes(committee: Committee, images: Tensor) -> Tensor:
    """What each member says by itself, on every view of the images: logits, `[m n k]`.

    One by one they take no longer than together, and tell what the committee gains.
    """
    views = committee.test_shifts, committee.test_mirror
    alone = (Committee([net], *views, committee.rejects).eval() for net in committee.members)
    return torch.stack([predict_logits(one, images, EXACT) for one in alone])


def _gain(labels: Labels, votes: Tensor) -> dict[str, Any]:
    """What the card says of a committee: its gain over one member."""
    if len(votes) == 1:
        return {}
    guesses = votes.softmax(2).mean(0).argmax(1).numpy()
    return {"committee": committee_gain(labels, guesses, votes.argmax(2).numpy()).to_dict()}


def _card(
    dataset: Dataset, recipe: Recipe, fingerprint: str, framing: Mapping[str, Any] | None
) -> Card:
    counts = {"train": len(dataset.train), "validation": len(dataset.validation)}
    return Card(
        class_names=dataset.class_names,
        image_shape=dataset.image_shape,
        framing=dict(framing or measure_framing(dataset.train.images).to_dict()),
        outlier_threshold=None,
        recipe=to_dict(recipe),
        training_data={
            "name": dataset.name,
            "fingerprint": fingerprint,
            "counts": counts,
            **_fixes(dataset),
        },
        evaluation={},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _fixes(dataset: Dataset) -> dict[str, Any]:
    """What is known of the labels' fixes; the file's place stays behind when a model travels."""
    if dataset.fixes is None:
        return {}
    known = asdict(dataset.fixes)
    del known["path"]
    return {"fixes": known}


def _validation_figures(labels: Labels, probabilities: Probabilities) -> dict[str, Any]:
    metrics = measure(labels, probabilities)
    figures = {name: asdict(metric) for name, metric in metrics.items()}
    return {"split": "validation", "n": len(labels), "metrics": figures}
