"""Pairwise coupling: from what each pair of classes says to probabilities, in torch and in ONNX.

Wu, Lin and Weng 2004, "Probability Estimates for Multi-class Classification by Pairwise Coupling"
(JMLR 5:975-1005), their second method: the probabilities p that contradict the pairs least, the
least of sum over i < j of (r_ji p_i - r_ij p_j)**2, where r_ij is the probability of i among i and
j. That is one linear system an image, solved here in k steps of elimination. The iterations of
Hastie and Tibshirani 1998 ("Classification by Pairwise Coupling") take thousands of steps where
one class is sure, for which a fixed number in a graph is no use.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from loupe.networks.graph import Graph

LARGEST_LOGIT = 15.0  # a pair is believed to 1 - 3e-7 at most: float32 cannot say much more
# Pairs that agree make the system singular. A share of its diagonal is added: p changes by as much.
RIDGE = 1e-5
SMALLEST = 1e-30  # probability


def pair_table(num_classes: int) -> np.ndarray:
    """Where r_ij's logit stands among the pairs' logits followed by their negatives, int64 `[k k]`.

    Pairs are (0, 1), (0, 2) and on; the diagonal points anywhere.

    Example:
        >>> pair_table(3)
        array([[0, 0, 1],
               [3, 0, 2],
               [4, 5, 0]])
    """
    first, second = np.triu_indices(num_classes, 1)
    table = np.zeros((num_classes, num_classes), np.int64)
    table[first, second] = np.arange(len(first))
    table[second, first] = np.arange(len(first)) + len(first)
    return table


def couple(logits: Tensor) -> Tensor:
    """Couple pairs: from logits of "first, not second" `[n pairs]` to log-probabilities `[n k]`."""
    num_classes = int((1 + (1 + 8 * logits.shape[1]) ** 0.5) / 2)
    table = torch.from_numpy(pair_table(num_classes)).to(logits.device).flatten()
    both = torch.cat([logits, -logits], 1).clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
    apart = 1 - torch.eye(num_classes, device=logits.device)
    ratios = both.index_select(1, table).view(-1, num_classes, num_classes).sigmoid() * apart
    squares = (ratios * ratios).sum(1, keepdim=True)
    system = squares * ((1 - apart) * (1 + RIDGE)) - ratios * ratios.transpose(1, 2)
    system = functional.pad(system, (0, 1), value=1.0)  # the right side
    for step in range(num_classes):
        pivot = system[:, step : step + 1]
        column = system[:, :, step : step + 1] - (1 - apart)[step].view(1, -1, 1)
        system = system - column * (pivot / pivot[:, :, step : step + 1])
    solution = system[:, :, num_classes]
    return (solution / solution.sum(1, keepdim=True)).clamp(min=SMALLEST).log()


def write_coupling(graph: Graph, logits: str, num_classes: int) -> str:
    """Write `couple` into a graph; give the name of the log-probabilities."""
    apart = (1 - np.eye(num_classes)).astype(np.float32)
    table = graph.constant(pair_table(num_classes).ravel())
    both = graph.add("Concat", logits, graph.add("Neg", logits), axis=1)
    limits = (graph.constant(np.array(sign * LARGEST_LOGIT, np.float32)) for sign in (-1, 1))
    both = graph.add("Clip", both, *limits)
    square = graph.constant(np.array([-1, num_classes, num_classes], np.int64))
    ratios = graph.add("Sigmoid", graph.add("Gather", both, table, axis=1))
    ratios = graph.add("Mul", graph.add("Reshape", ratios, square), graph.constant(apart))
    squares = graph.add("ReduceSum", graph.add("Mul", ratios, ratios), _axis(graph, 1), keepdims=1)
    diagonal = graph.add("Mul", squares, graph.constant((1 - apart) * np.float32(1 + RIDGE)))
    turned = graph.add("Transpose", ratios, perm=[0, 2, 1])
    system = graph.add("Sub", diagonal, graph.add("Mul", ratios, turned))
    pads = graph.constant(np.array([0, 0, 0, 0, 0, 1], np.int64))
    system = graph.add("Pad", system, pads, graph.constant(np.array(1, np.float32)))
    for step in range(num_classes):
        unit = graph.constant((1 - apart)[step].reshape(1, -1, 1))
        pivot = graph.slice(system, (1,), (step,), (step + 1,), (1,))
        value = graph.slice(pivot, (2,), (step,), (step + 1,), (1,))
        column = graph.add("Sub", graph.slice(system, (2,), (step,), (step + 1,), (1,)), unit)
        moved = graph.add("Mul", column, graph.add("Div", pivot, value))
        system = graph.add("Sub", system, moved)
    last = graph.slice(system, (2,), (num_classes,), (num_classes + 1,), (1,))
    solution = graph.add("Squeeze", last, _axis(graph, 2))
    total = graph.add("ReduceSum", solution, _axis(graph, 1), keepdims=1)
    shares = graph.add("Div", solution, total)
    smallest = graph.constant(np.array([SMALLEST], np.float32))
    return graph.add("Log", graph.add("Max", shares, smallest))


def _axis(graph: Graph, axis: int) -> str:
    return graph.constant(np.array([axis], np.int64))
