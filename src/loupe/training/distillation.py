"""Distillation: a small network learns the probabilities of a trained model beside the labels.

Hinton, Vinyals and Dean (2015), "Distilling the knowledge in a neural network", arXiv:1503.02531:
what a committee holds to be likely besides its first guess tells more than the label does. As in
Beyer et al. (2022), "Knowledge distillation: a good teacher is patient and consistent",
arXiv:2106.05237, the teacher sees the very view of an image that the network learns from. Half of
what is learnt is the label, half the probabilities as the teacher's file gives them, calibrated:
without labels, or with both sides softened by a temperature of 2 or 4, less was learnt
(benchmarks/NOTES.md).

The teacher is a model file, run by ONNX Runtime: whatever made it, and wherever.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor
from torch.nn import functional

from loupe.classifier.classifier import Classifier, load
from loupe.data.dataset import TRAIN, VALIDATION, Dataset
from loupe.data.split import hold_out_validation
from loupe.errors import DataError, RecipeError, RunError
from loupe.files import sha256
from loupe.recipes.augmentation import Augmentation
from loupe.recipes.recipe import Recipe
from loupe.runs.run import MODEL_FILE, Run

LABELS_SHARE = 0.5  # of what is learnt; the rest is the teacher's


@dataclass(frozen=True, eq=False)
class Teacher:
    """A trained model whose probabilities are learnt.

    Attributes:
        classifier: the model.
        known: its probabilities of the training images as they are, `[n k]`; None where each view
            of an image is another one and is shown to it anew.
    """

    classifier: Classifier
    known: Tensor | None = None

    def on(self, device: torch.device) -> "Teacher":
        """The same teacher, with what it has said on a device."""
        return self if self.known is None else replace(self, known=self.known.to(device))

    def soft_labels(self, inputs: Tensor, chosen: Tensor) -> Tensor:
        """What the teacher says of a batch: probabilities, `[n k]`.

        Args:
            inputs: what the network is given, `[n c h w]` in 0..1; unused where all is known.
            chosen: positions of the images among the training images.
        """
        if self.known is not None:
            return self.known.index_select(0, chosen)
        pixels = inputs.mul(255).round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
        given = self.classifier.predict(pixels.contiguous().cpu().numpy())
        return torch.from_numpy(given).to(inputs.device)


def with_labels(soft: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Blend a teacher's probabilities with the labels, smoothed as without a teacher.

    Args:
        soft: `[n k]`.
        labels: `[n]`.
        smoothing: of the labels.

    Example:
        >>> with_labels(torch.tensor([[0.2, 0.8]]), torch.tensor([0]), smoothing=0.0)
        tensor([[0.6000, 0.4000]])
    """
    count = soft.shape[1]
    hard = functional.one_hot(labels, count).to(soft.dtype)
    return soft.lerp(hard.mul_(1 - smoothing).add_(smoothing / count), LABELS_SHARE)


def soft_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy between a network's probabilities and soft labels."""
    return functional.cross_entropy(logits, targets)


def soft_slope(logits: Tensor, targets: Tensor) -> Tensor:
    """The slope of `soft_loss` along the logits."""
    return logits.softmax(1).sub_(targets).div_(len(targets))


def teacher_of(
    model: str | os.PathLike[str], whole: Dataset, dataset: Dataset, recipe: Recipe
) -> Teacher:
    """Load a teacher, and refuse one that cannot teach here.

    Args:
        model: a run's folder or a model file.
        whole: the data set as it was read.
        dataset: the same with the recipe's validation images held out.
        recipe: of the network that learns, settled.

    Raises:
        ModelError: there is no such model.
        DataError: it was trained on other images or classes.
        RecipeError: it was trained on images that are held out here, or the recipe's head cannot
            be taught.
    """
    classifier = _waiting_asleep(load(model), model_file(model))
    _refuse_other_data(classifier, whole)
    _refuse_untaught(recipe)
    _refuse_leaks(classifier, whole, dataset, recipe)
    if recipe.augmentation != Augmentation():
        return Teacher(classifier)
    return Teacher(classifier, torch.from_numpy(classifier.predict(dataset.train.images)))


def model_file(given: Run | str | os.PathLike[str]) -> Path:
    """The model file of a run, of its folder, or as it was given."""
    path = given.folder if isinstance(given, Run) else Path(given)
    return path / MODEL_FILE if path.is_dir() else path


def origin_of(path: Path) -> dict[str, str]:
    """What a run keeps of its teacher: where it is, and a checksum of it."""
    return {"model": str(path.absolute()), "sha256": sha256(path.read_bytes())}


def same_model(known: Mapping[str, str] | None) -> Path | None:
    """Find the teacher that a run began with, to go on with it.

    Raises:
        RunError: it is gone, or another one by now.
    """
    if known is None:
        return None
    path = Path(known["model"])
    if not path.is_file() or sha256(path.read_bytes()) != known["sha256"]:
        raise RunError(
            f"The run learnt from {path}, which is {'another file' if path.is_file() else 'gone'} "
            "by now. Bring it back, or start a new run."
        )
    return path


def _waiting_asleep(classifier: Classifier, path: Path) -> Classifier:
    """The same model in an engine whose threads sleep between two batches.

    As a rule they stay awake for the next one, and here take the cores from PyTorch: for a
    committee of five dense networks and batches of 128, 7.0 ms of processor time instead of 2.9.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # as in `loupe.classifier.classifier.loads`
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"], enable_fallback=0
    )
    return replace(classifier, session=session)


def _refuse_other_data(classifier: Classifier, dataset: Dataset) -> None:
    card, fingerprint = classifier.card, dataset.fingerprint
    if card.class_names != dataset.class_names:
        raise DataError(
            f"{classifier.source} knows the classes {', '.join(card.class_names[:10])}, and "
            f"{dataset.name} has {', '.join(dataset.class_names[:10])}. A teacher has to know the "
            "same classes in the same order: train it on these data."
        )
    if card.image_shape != dataset.image_shape:
        raise DataError(
            f"{classifier.source} takes images of {_written(card.image_shape)}, and those of "
            f"{dataset.name} have {_written(dataset.image_shape)}. Train the teacher on these data."
        )
    if card.training_data["fingerprint"] != fingerprint:
        raise DataError(
            f"{classifier.source} was trained on data with the fingerprint "
            f"{card.training_data['fingerprint'][:12]}…, and {dataset.name} has "
            f"{fingerprint[:12]}…: it may have learnt from images that are held out here. Train "
            "the teacher on these data, or learn from those that it was trained on."
        )


def _refuse_untaught(recipe: Recipe) -> None:
    if recipe.balance == "weights":
        raise RecipeError(
            f"recipe '{recipe.name}': balance = 'weights' weighs the losses of labels, and a "
            "teacher's probabilities are learnt beside them. Sample instead, or leave it out: "
            "balance = 'none'."
        )
    if recipe.head != "softmax":
        raise RecipeError(
            f"recipe '{recipe.name}': head = '{recipe.head}' trains binary networks, which cannot "
            "learn the probabilities of all classes. Distil into head = 'softmax'."
        )


def _refuse_leaks(classifier: Classifier, whole: Dataset, dataset: Dataset, recipe: Recipe) -> None:
    """Refuse a teacher that learnt from images held out here: they would come back through it.

    The teacher's split follows from the data, and from the fraction and the seed in its card.
    """
    theirs = classifier.card.recipe
    same = theirs["validation"] == recipe.validation and theirs["seed"] == recipe.seed
    if same or not len(dataset.validation):
        return
    teachers = hold_out_validation(whole, theirs["validation"], theirs["seed"]).split
    learnt = int(np.count_nonzero((dataset.split == VALIDATION) & (teachers == TRAIN)))
    if learnt:
        raise RecipeError(
            f"{classifier.source} was trained on {learnt:,} of the {len(dataset.validation):,} "
            "images that are held out for validation here: what it knows of them would flatter "
            f"every figure. Hold out the same: --seed {theirs['seed']} --validation "
            f"{theirs['validation']:.6g}."
        )


def _written(shape: tuple[int, int, int]) -> str:
    height, width, channels = shape
    return f"{height}x{width}x{channels} (height x width x channels)"
