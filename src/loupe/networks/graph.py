"""Writing an ONNX graph node by node: the few lines that every layer's row needs."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

# 20 is the first with Gelu as one operator; ONNX Runtime reads it since 1.17 (2024-01).
OPSET = 20
IR_VERSION = 9  # the file version that goes with opset 20


class Graph:
    """Nodes and weights under construction; each verb gives the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []
        self._stored: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node and give the name of its one output."""
        name = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def split(self, inputs: str, parts: int) -> list[str]:
        """Cut the channels into equal parts and give their names."""
        names = [f"split_{len(self.nodes)}_{part}" for part in range(parts)]
        self.nodes.append(helper.make_node("Split", [inputs], names, axis=1, num_outputs=parts))
        return names

    def slice(self, inputs: str, *places: Sequence[int]) -> str:
        """Cut along axes; `places` are axes, starts, ends (exclusive) and steps, one for each."""
        axes, starts, ends, steps = (
            self.constant(np.array(place, dtype=np.int64)) for place in places
        )
        return self.add("Slice", inputs, starts, ends, axes, steps)

    def constant(self, value: np.ndarray) -> str:
        """Store an array in the file, once where views share it, and give its name."""
        value = np.ascontiguousarray(value)
        key = (value.dtype.str, value.shape, sha256(value.data).digest())
        if key not in self._stored:
            self._stored[key] = f"constant_{len(self.weights)}"
            self.weights.append(numpy_helper.from_array(value, self._stored[key]))
        return self._stored[key]

    def model(
        self,
        inputs: list[ValueInfoProto],
        outputs: list[ValueInfoProto],
        metadata: dict[str, str],
    ) -> ModelProto:
        """Put the graph and its metadata into a model."""
        graph = helper.make_graph(self.nodes, "loupe", inputs, outputs, self.weights)
        model = helper.make_model(
            graph,
            producer_name="loupe",
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
        )
        helper.set_model_props(model, metadata)
        return model
