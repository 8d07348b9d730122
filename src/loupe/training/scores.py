"""The figures of one epoch, computed on the device from guesses and losses."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from loupe.networks.build import Net
from loupe.networks.panel import Panel
from loupe.training.device import Compute
from loupe.training.job import Job
from loupe.training.margins import UNSEEN, losses_of, margins_of, questions_of

BATCH_SIZE = 1000  # images in one forward pass without gradients


@dataclass(frozen=True)
class Scores:
    """Loss and macro-averaged figures over some images."""

    loss: float
    accuracy: float
    precision: float
    recall: float


NO_SCORES = Scores(math.nan, math.nan, math.nan, math.nan)  # where there are no images


def scores(guesses: Tensor, labels: Tensor, loss: float, num_classes: int) -> Scores:
    """Accuracy, and precision and recall as means over the classes that occur.

    A class that is never guessed has precision 0, as scikit-learn's `zero_division=0` has it.
    """
    cells = torch.bincount(labels * num_classes + guesses, minlength=num_classes**2)
    matrix = cells.view(num_classes, num_classes).cpu().double()  # rows: label, columns: guess
    right, given, guessed = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
    occurs = (given + guessed) > 0
    precision = (right / guessed.clamp(min=1))[occurs].mean()
    recall = (right / given.clamp(min=1))[occurs].mean()
    accuracy = right.sum() / matrix.sum()
    return Scores(loss, float(accuracy), float(precision), float(recall))


@torch.inference_mode()
def validate(
    net: Net, images: Tensor, labels: Tensor, compute: Compute, label_smoothing: float
) -> Scores:
    """Score a network on uint8 images `[n c h w]` in the precision and by the loss of its training.

    The loss is the one that is trained on, smoothed labels and all, so that its curve and that of
    training can be compared.
    """
    logits = predict_logits(net, images, compute)
    loss = float(functional.cross_entropy(logits, labels, label_smoothing=label_smoothing))
    return scores(logits.argmax(1), labels, loss, logits.shape[1])


@torch.inference_mode()
def validate_panel(panel: Panel, job: Job) -> Scores:
    """Score a panel likewise: the vote of all its networks, the mean loss of those in training."""
    images, labels = job.validation.images, job.validation.labels
    logits = predict_logits(panel.stack, images, job.compute)
    guesses = panel.combined(logits).argmax(1)
    trained = logits[:, [panel.problems.index(problem) for problem in job.problems]].cpu()
    questions, given = questions_of(job), labels.cpu()
    margins = margins_of(trained, given, questions)
    losses = losses_of(margins, given, questions, job.recipe.label_smoothing)
    return scores(guesses, labels, float(losses[losses != UNSEEN].mean()), panel.num_classes)


@torch.inference_mode()
def predict_logits(net: torch.nn.Module, images: Tensor, compute: Compute) -> Tensor:
    """Logits of uint8 images `[n c h w]`, float32 `[n k]`, batch by batch."""
    training = net.training
    net.eval()
    parts = []
    for batch in torch.split(images, BATCH_SIZE):
        inputs = batch.float().div_(255).contiguous(memory_format=torch.channels_last)
        with compute.autocast():
            parts.append(net(inputs).float())
    net.train(training)
    return torch.cat(parts)
