import pytest

from loupe.recipes.named import NAMED
from loupe.recipes.notation import parse
from loupe.reporting.network_drawing import layer_blocks, output_shape

NETWORKS = (
    "",
    "300N-100N",
    "64C3-64C3-MP2-128C3-256C3v-MP2-512N-DO.5-256N-DO.5",
    "16C5v/2b-32C3p2b-64C3b-64C3p2b",
    "R(64C3b-64C3b)-AP2-128C3/2-BN-GAP-256Nb",
    "MP3/2-R(8C3b-8C3p2b)-10N",
)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("image_shape", [(28, 28, 1), (33, 20, 3)])
def test_shapes_are_those_of_the_layers_that_are_trained(
    network: str, image_shape: tuple[int, int, int]
) -> None:
    layers = pytest.importorskip("loupe.networks.layers")
    height, width, channels = image_shape
    shape: tuple[int, ...] = (channels, height, width)
    for layer in parse(network).layers:
        expected = layers.layer_shape(layer, shape)
        shape = output_shape(layer, shape)
        assert shape == expected


def test_the_line_starts_with_the_image_and_ends_with_the_classes() -> None:
    blocks = layer_blocks("20C5-MP2-100N", (28, 28, 3), 47)
    assert [block.token for block in blocks] == ["image", "20C5", "MP2", "100N", "output"]
    assert blocks[0].shape == "28 × 28 × 3"
    assert blocks[-1].shape == "47"


def test_every_named_network_can_be_drawn() -> None:
    assert NAMED
    for named in NAMED.values():
        assert layer_blocks(named.network, (28, 28, 1), 10)
