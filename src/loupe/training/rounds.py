"""Rounds: which images the coming steps take, and in which order."""

import torch
from torch import Generator, Tensor

from loupe.training.job import Job, Parts, seed_of, shares
from loupe.training.margins import columns_of
from loupe.training.weights import drawn_by_weight


def draw_round(job: Job, member: int, step: int, losses: Tensor, margins: Tensor) -> Tensor:
    """Draw the images of the next round: all of them, or those that are hardest by now.

    From epoch `focus_from` on, a round takes the fraction `focus` of the images with the highest
    loss when last seen, in random order. An image left out keeps its loss, so that it comes back
    when the others have fallen below it: learning time goes where there is something to learn
    (as in Jiang et al. 2019, arXiv:1910.00762, but without an extra forward pass).

    Args:
        job: recipe and data.
        member: its index, which with the step decides what is drawn.
        step: the first of the round.
        losses: of each training image when it was last seen.
        margins: of binary networks, likewise (`loupe.training.margins`).

    Returns:
        Positions of training images, `[l]`, or `[networks l]` where each network takes its own.
    """
    recipe, count = job.recipe, len(job.training)
    generator = Generator().manual_seed(seed_of(recipe, member, f"order {step}"))
    epoch = step // job.steps_per_epoch + 1
    focus = recipe.focus if epoch >= recipe.focus_from else 1.0
    if job.drawn:
        order = _draw_parts(job, losses, margins, focus, generator).to(job.compute.device)
    elif focus < 1:
        kept = min(count, max(job.batch_size, int(focus * count)))
        shuffled = torch.randperm(kept, generator=generator).to(job.compute.device)
        order = losses.topk(kept).indices[shuffled]
    else:
        order = torch.randperm(count, generator=generator).to(job.compute.device)
    if job.training.weights is not None:
        order = drawn_by_weight(order, job.training.weights, generator)
    return order[..., : order.shape[-1] // job.batch_size * job.batch_size]


def _draw_parts(
    job: Job, losses: Tensor, margins: Tensor, focus: float, generator: Generator
) -> Tensor:
    """Draw for each network by itself, or by class for one network: rows of the same length.

    A network with fewer images than the one with most goes through its own more than once.
    """
    length = max(job.batch_size, int(focus * job.round_size))
    rows = []
    for row, parts in enumerate(job.drawn):
        hardness: list[Tensor] = []
        if focus < 1 and job.problems:
            hardness = [-margins[part, columns_of(job, row, part)] for part in parts]
        elif focus < 1:
            hardness = [losses.cpu()[part] for part in parts]
        counts = [max(1, int(focus * share)) for share in shares(parts, job.recipe.balance)]
        passes: list[Tensor] = []
        while sum(map(len, passes)) < length:
            passes.append(_one_pass(parts, hardness, counts, generator))
        rows.append(torch.cat(passes)[:length])
    return torch.stack(rows) if job.drawn_apart else rows[0]


def _one_pass(
    parts: Parts, hardness: list[Tensor], counts: list[int], generator: Generator
) -> Tensor:
    """Draw as many of each part as counts say, none twice before all were drawn, and shuffle.

    By chance, or the hardest where it is known which these are.
    """
    drawn = []
    for place, (part, count) in enumerate(zip(parts, counts, strict=True)):
        whole, rest = divmod(count, len(part))
        if hardness:
            last = hardness[place].topk(rest).indices
        else:
            last = torch.randperm(len(part), generator=generator)[:rest]
        drawn += [part] * whole + [part[last]]
    together = torch.cat(drawn)
    return together[torch.randperm(len(together), generator=generator)]
