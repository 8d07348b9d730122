"""Margins: how clearly binary networks told the images right when they last saw them.

A margin is a network's logit, with its sign turned where the right answer is no. Each image has one
for each class: of one-vs-rest, of the network of that class; of one-vs-one, of the network that
tells the image's own class from that class.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from loupe.training.job import Job

UNSEEN = 1e9  # loss of an image before it was first seen: it comes first
BARELY = 1e-6  # margin of what no network in training is asked: right, but beaten by any other


@dataclass(frozen=True)
class Questions:
    """Which network is asked for a margin.

    Attributes:
        asked: index of the network for the margin of an image of the one class (row) in the column
            of the other, -1 where none in training is asked, `[k k]`.
        signs: 1 where yes is the right answer, -1 where no is, `[k k]`.
    """

    asked: Tensor
    signs: Tensor


def questions_of(job: Job) -> Questions:
    """Find which network is asked what, of those in training."""
    k = job.num_classes
    asked = torch.full((k, k), -1)
    signs = torch.eye(k) * 2 - 1 if job.recipe.head == "one-vs-rest" else torch.ones(k, k)
    for index, problem in enumerate(job.problems):
        if problem.negative is None:
            asked[:, problem.positive] = index
        else:
            asked[problem.positive, problem.negative] = index
            asked[problem.negative, problem.positive] = index
            signs[problem.negative, problem.positive] = -1
    return Questions(asked, signs)


def columns_of(job: Job, network: int, images: Tensor) -> Tensor:
    """Columns in which the margins of a network's images stand, `[n]`."""
    problem = job.problems[network]
    own = job.training.labels.cpu()[images] == problem.positive
    other = problem.positive if problem.negative is None else problem.negative
    return torch.where(own, other, problem.positive)


def first_margins(job: Job) -> Tensor:
    """Margins before any image was seen, `[n k]`, on the CPU; empty without binary networks."""
    if not job.problems:
        return torch.zeros(0)
    asked = questions_of(job).asked[job.training.labels.cpu()]
    return torch.where(asked >= 0, -UNSEEN, BARELY)


def margins_of(logits: Tensor, labels: Tensor, questions: Questions) -> Tensor:
    """Margins `[n k]` of images that all networks have seen, from their logits `[n networks]`."""
    asked = questions.asked[labels]
    margins = logits.gather(1, asked.clamp(min=0)) * questions.signs[labels]
    return torch.where(asked >= 0, margins, BARELY)


def note_margins(margins: Tensor, job: Job, chosen: Tensor, logits: Tensor) -> None:
    """Write down what the networks said of the images of some steps.

    Args:
        margins: written to, `[n k]`.
        job: recipe and data.
        chosen: the images, `[m]`, or `[networks m]` where each network had its own.
        logits: the networks' answers, `[networks m]`.
    """
    labels, chosen, logits = job.training.labels.cpu(), chosen.cpu(), logits.cpu()
    if chosen.ndim == 1:
        margins[chosen] = margins_of(logits.t(), labels[chosen], questions_of(job))
        return
    own = labels[chosen] == job.positives.cpu()
    others = [p.positive if p.negative is None else p.negative for p in job.problems]
    columns = torch.where(own, torch.tensor(others).unsqueeze(1), job.positives.cpu())
    # NumPy keeps the last value where a place comes twice; torch promises none of them.
    margins.numpy()[chosen.numpy(), columns.numpy()] = torch.where(own, logits, -logits).numpy()


def losses_of(margins: Tensor, labels: Tensor, questions: Questions, smoothing: float) -> Tensor:
    """Mean loss of the networks that have seen each image, `[n]`; `UNSEEN` where none has."""
    seen = (questions.asked[labels] >= 0) & (margins != -UNSEEN)
    # The right answer is believed to 1 - smoothing / 2, the wrong one to smoothing / 2.
    losses = functional.softplus(-margins) + smoothing / 2 * margins
    total = torch.where(seen, losses, 0).sum(1)
    count = seen.sum(1)
    return torch.where(count > 0, total / count.clamp(min=1), UNSEEN)


def guesses_of(margins: Tensor, labels: Tensor, job: Job) -> Tensor:
    """The class that the networks would have said when they last saw each image, `[n]`.

    Of one-vs-one only the networks of an image's own class have seen it: where each of them was
    right, so is the guess; otherwise it is the class that beat its own most clearly. The vote of
    all networks is right a little more often.
    """
    margins = torch.where(margins == -UNSEEN, BARELY, margins)
    if job.recipe.head == "one-vs-rest":
        return (margins * questions_of(job).signs[labels]).argmax(1)
    rivals = margins.scatter(1, labels.unsqueeze(1), torch.inf)
    worst, rival = rivals.min(1)
    return torch.where(worst > 0, labels, rival)
