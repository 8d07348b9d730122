"""A network beside its graph: what torch says and what ONNX Runtime says."""

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper

from loupe.networks.build import Net
from loupe.networks.graph import Graph
from loupe.recipes.notation import parse


def make_net(network, image_shape, activation="relu", *, classes=3, seed=0):
    """A network with random weights, and norms that have something to do."""
    torch.manual_seed(seed)
    net = Net(parse(network), image_shape, classes, activation).eval()
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if name.endswith(("running_mean", "running_var")):
                tensor.uniform_(0.5, 1.5)
            elif tensor.ndim == 1:  # biases, norms, slopes
                tensor.uniform_(-0.5, 0.5)
    return net


def random_images(count, image_shape, seed=0):
    """Float images, 0..1, `[n c h w]`."""
    generator = np.random.default_rng(seed)
    return torch.from_numpy(generator.random((count, *image_shape), np.float32))


def run_graph(net, images):
    """Logits and features of the images, as ONNX Runtime computes the network's graph."""
    graph = Graph()
    logits, features = net.write(graph, "inputs")
    model = graph.model(
        [_tensor("inputs", ["n", *images.shape[1:]])],
        [_tensor(logits, ["n", "k"]), _tensor(features, ["n", "d"])],
        {},
    )
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run([logits, features], {"inputs": images.numpy()})


def assert_parity(net, images):
    """ONNX Runtime and torch agree to 1e-5 of the largest figure."""
    with torch.inference_mode():
        expected = [net(images).numpy(), net.features(images).numpy()]
    for given, right in zip(run_graph(net, images), expected, strict=True):
        assert given.shape == right.shape and given.dtype == np.float32
        largest = np.abs(right).max(initial=1)
        np.testing.assert_allclose(given, right, rtol=0, atol=1e-5 * largest)


def _tensor(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
