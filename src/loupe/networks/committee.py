"""A committee: one or more networks whose probabilities are averaged, in torch and in ONNX."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from loupe.networks.build import Net
from loupe.networks.graph import Graph

# Test-time shifts: rows and columns by which the image is moved, the unmoved one first.
SHIFTS = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))


class Committee(nn.Module):
    """Networks that vote by the mean of their probabilities, each on every shift of the image."""

    def __init__(self, nets: Sequence[Net], test_shifts: bool = False) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)
        self.shifts = SHIFTS if test_shifts else SHIFTS[:1]

    @property
    def members(self) -> list[Net]:
        """The networks."""
        return [net for net in self.nets if isinstance(net, Net)]

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits `[n k]`: of one network as they are, of several the log of their mean vote."""
        voices = len(self.members) * len(self.shifts)
        if voices == 1:
            logits: Tensor = self.nets[0](inputs)
            return logits
        shifted = self._shifted(inputs)
        votes = sum(net(moved).softmax(1) for net in self.members for moved in shifted)
        return torch.as_tensor(votes / voices).log()

    def features(self, inputs: Tensor) -> Tensor:
        """Features of the members on the unmoved image, side by side, `[n d]`."""
        return torch.cat([net.features(inputs) for net in self.members], dim=1)

    def write(self, graph: Graph, inputs: str) -> tuple[str, str]:
        """Write the committee into a graph; give the names of its logits and its features."""
        shifted = self._write_shifts(graph, inputs)
        voices = [net.write(graph, moved) for net in self.members for moved in shifted]
        features = [names[1] for names in voices[:: len(shifted)]]
        if len(features) > 1:
            features = [graph.add("Concat", *features, axis=1)]
        if len(voices) == 1:
            return voices[0][0], features[0]
        votes = [graph.add("Softmax", logits, axis=1) for logits, _ in voices]
        return graph.add("Log", graph.add("Mean", *votes)), features[0]

    def _shifted(self, inputs: Tensor) -> list[Tensor]:
        height, width = inputs.shape[2:]
        padded = functional.pad(inputs, (1, 1, 1, 1), mode="replicate")
        return [
            padded[:, :, 1 - down : 1 - down + height, 1 - right : 1 - right + width]
            for down, right in self.shifts
        ]

    def _write_shifts(self, graph: Graph, inputs: str) -> list[str]:
        if len(self.shifts) == 1:
            return [inputs]
        _, height, width = self.members[0].shapes[0]
        pads = graph.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
        padded = graph.add("Pad", inputs, pads, mode="edge")
        axes = graph.constant(np.array([2, 3], np.int64))
        moved = []
        for down, right in self.shifts:
            starts = np.array([1 - down, 1 - right], np.int64)
            ends = starts + np.array([height, width])
            moved.append(
                graph.add("Slice", padded, graph.constant(starts), graph.constant(ends), axes)
            )
        return moved
