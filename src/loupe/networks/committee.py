"""A committee: one or more networks whose probabilities are averaged, in torch and in ONNX."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from loupe.networks.build import Net
from loupe.networks.graph import Graph
from loupe.networks.panel import Panel

# Rows and columns by which an image is moved: the two diagonals tell as much as all four ways.
SHIFTS = ((1, 1), (-1, -1))


class Committee(nn.Module):
    """Networks that vote by the mean of their probabilities, each on every view of the image.

    Args:
        nets: the members: networks, or panels of binary networks.
        test_shifts: whether an image is also seen shifted by a pixel down right, and up left.
        test_mirror: whether each view is also seen mirrored.
        rejects: whether the networks' last logit stands for "none of the classes". It does not
            vote; its log-odds are what the model file says of how foreign an image is.
    """

    def __init__(
        self,
        nets: Sequence[Net | Panel],
        test_shifts: bool = False,
        test_mirror: bool = False,
        rejects: bool = False,
    ) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)
        self.test_shifts, self.test_mirror = test_shifts, test_mirror
        self.rejects = rejects

    @property
    def members(self) -> list[Net | Panel]:
        """The networks, or panels of binary networks."""
        return [net for net in self.nets if isinstance(net, Net | Panel)]

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits `[n k]`: of one network as they are, of several the log of their mean vote."""
        logits = self._all_logits(inputs)
        return logits[:, :-1] if self.rejects else logits

    def foreignness(self, inputs: Tensor) -> Tensor:
        """Log-odds of "none of the classes", `[n]`, of networks that were trained to reject."""
        logits = self._all_logits(inputs)
        return logits[:, -1] - logits[:, :-1].logsumexp(1)

    def _all_logits(self, inputs: Tensor) -> Tensor:
        views = self._views(inputs)
        voices = len(self.members) * len(views)
        if voices == 1:
            logits: Tensor = self.nets[0](inputs)
            return logits
        votes = sum(net(view).softmax(1) for net in self.members for view in views)
        return torch.as_tensor(votes / voices).log()

    def features(self, inputs: Tensor) -> Tensor:
        """Features of the members on the image as it is, side by side, `[n d]`."""
        return torch.cat([net.features(inputs) for net in self.members], dim=1)

    def write(self, graph: Graph, inputs: str) -> tuple[str, str]:
        """Write the committee into a graph; give the names of all its logits and its features."""
        views = self._write_views(graph, inputs)
        voices = [net.write(graph, view) for net in self.members for view in views]
        features = [names[1] for names in voices[:: len(views)]]
        if len(features) > 1:
            features = [graph.add("Concat", *features, axis=1)]
        if len(voices) == 1:
            return voices[0][0], features[0]
        votes = [graph.add("Softmax", logits, axis=1) for logits, _ in voices]
        return graph.add("Log", graph.add("Mean", *votes)), features[0]

    def write_rejection(self, graph: Graph, logits: str) -> tuple[str, str]:
        """Part the logits of networks that reject: names of those that vote, of the foreignness."""
        axis = graph.constant(np.array([1], np.int64))
        classes = graph.slice(logits, (1,), (0,), (-1,), (1,))
        none = graph.slice(logits, (1,), (-1,), (np.iinfo(np.int64).max,), (1,))
        odds = graph.add("Sub", none, graph.add("ReduceLogSumExp", classes, axis, keepdims=1))
        return classes, graph.add("Squeeze", odds, axis)

    def _views(self, inputs: Tensor) -> list[Tensor]:
        """The image as it is, then its other views."""
        views = [inputs]
        if self.test_shifts:
            height, width = inputs.shape[2:]
            padded = functional.pad(inputs, (1, 1, 1, 1), mode="replicate")
            views += [
                padded[:, :, 1 - down : 1 - down + height, 1 - right : 1 - right + width]
                for down, right in SHIFTS
            ]
        return views + [view.flip(3) for view in views] if self.test_mirror else views

    def _write_views(self, graph: Graph, inputs: str) -> list[str]:
        views = [inputs]
        if self.test_shifts:
            _, height, width = self.members[0].shapes[0]
            pads = graph.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
            padded = graph.add("Pad", inputs, pads, mode="edge")
            for down, right in SHIFTS:
                starts = (1 - down, 1 - right)
                ends = (1 - down + height, 1 - right + width)
                views.append(graph.slice(padded, (2, 3), starts, ends, (1, 1)))
        if self.test_mirror:
            last, beyond = -1, np.iinfo(np.int64).min  # from the last column to before the first
            views += [graph.slice(view, (3,), (last,), (beyond,), (-1,)) for view in views]
        return views
