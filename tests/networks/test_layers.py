import re
from dataclasses import fields
from typing import get_args

import engine
import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from loupe.errors import RecipeError
from loupe.networks.activations import ACTIVATIONS
from loupe.networks.layers import LAYERS
from loupe.recipes.notation import Layer, parse
from loupe.recipes.recipe import Activation, Recipe
from loupe.recipes.shapes import SHAPES, layer_shape

# Each layer in its forms; what stands before it, if it needs something.
EXAMPLES = [
    "4C3",
    "5C1",
    "3C3v",
    "4C4v",
    "6C3/2",
    "6C5v/2",
    "4C3b",
    "4C3p2",
    "4C3p2b",
    "4C3bp2",
    "4C3v/2p2b",
    "5N",
    "5Nb",
    "4C3-5N-4N",
    "MP2",
    "MP3/2",
    "AP2",
    "AP3/1",
    "4C3-GAP",
    "4C3-GAP-5N",
    "BN",
    "4C3-BN",
    "5N-BN",
    "DO.5",
    "4C3-DO.5-5N-DO.25",
    "4C3-R(4C3b-4C3b)",
    "4C3-R(5C3b-6C3)",
    "R(4C3/2b-4C3b)",
    "4C3-R(4C3p2b)",
    "R(MP2-DO.5-BN-4C1)",
    "5N-R(5N)",
    "5N-R(4Nb)",
    "R(4C3-5N)",
    "R(R(4C3)-R(4C3b)-4C3)",
]
IMAGE_SHAPES = [(1, 8, 8), (3, 8, 12), (1, 12, 8), (3, 16, 16)]


def kinds_in(layers):
    """Types of the layers, also of those inside blocks."""
    for layer in layers:
        yield type(layer)
        yield from kinds_in(getattr(layer, "layers", ()))


def test_every_layer_and_every_activation_has_its_row_and_its_examples():
    in_examples = {kind for text in EXAMPLES for kind in kinds_in(parse(text).layers)}
    assert LAYERS.keys() == set(get_args(Layer)) == in_examples
    assert ACTIVATIONS.keys() == set(get_args(Activation))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("text", EXAMPLES)
def test_a_layer_keeps_its_promised_shape_and_means_the_same_in_onnx(text, activation):
    turn = EXAMPLES.index(text) + list(ACTIVATIONS).index(activation)
    shape = IMAGE_SHAPES[turn % len(IMAGE_SHAPES)]  # each layer meets every shape
    if "R(" in text and activation == "maxout":
        with pytest.raises(RecipeError, match=r"R\(.*\) cannot use maxout"):
            engine.make_net(text, shape, activation)
        return
    net = engine.make_net(text, shape, activation)
    images = engine.random_images(5, shape)
    outputs = images
    for module, promised in zip(net.body[:-1], net.shapes[1:], strict=True):
        outputs = module(outputs)
        assert outputs.shape[1:] == promised
    engine.assert_parity(net, images)


TOKENS = [
    "4C3",
    "3C3v",
    "4C3b",
    "4C3p2b",
    "5C3/2",
    "MP2",
    "AP3/2",
    "BN",
    "DO.5",
    "GAP",
    "5N",
    "6Nb",
]
BLOCKS = [f"R({token})" for token in ("4C3b", "4C3-5C3/2b", "DO.5-4C1", "5N")]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(TOKENS + BLOCKS), max_size=5), st.sampled_from(IMAGE_SHAPES))
def test_layers_in_any_order_mean_the_same_in_onnx_or_are_refused_by_name(tokens, shape):
    try:
        net = engine.make_net("-".join(tokens), shape)
    except RecipeError as error:
        assert re.match(r"The (layer|block) \S+ ", str(error))
        return
    engine.assert_parity(net, engine.random_images(3, shape))


@pytest.mark.parametrize("count", [0, 1, 7])
def test_a_graph_takes_any_number_of_images(count):
    net = engine.make_net("4C3p2b-R(4C3b)-GAP-5N", (1, 8, 8), "prelu")
    engine.assert_parity(net, engine.random_images(count, (1, 8, 8)))


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        ("4C3-MP9", "MP9"),
        ("MP2-MP2-MP2-MP2", "MP2"),
        ("4C3p9", "4C3p9"),
        ("MP4-4C3v", "4C3v"),
        ("AP3/2-AP4", "AP4"),
        ("4C3-R(4C3v-4C9v)", "4C9v"),
    ],
)
def test_a_map_that_shrinks_to_nothing_is_refused_with_the_layer(text, layer):
    with pytest.raises(RecipeError, match=f"^The layer {layer} .* (before it|leave it out)"):
        engine.make_net(text, (1, 8, 8))


@pytest.mark.parametrize("layer", ["4C3", "MP2", "AP2", "GAP"])
def test_a_layer_for_maps_is_refused_after_a_dense_layer(layer):
    with pytest.raises(RecipeError, match=f"The layer {layer} needs a map of pixels"):
        engine.make_net(f"5N-{layer}", (1, 8, 8))


def test_the_smallest_map_that_fits_is_taken():
    assert layer_shape(parse("4C8v").layers[0], (1, 8, 8)) == (4, 1, 1)
    assert layer_shape(parse("MP8").layers[0], (1, 8, 8)) == (1, 1, 1)
    assert layer_shape(parse("4C9/9").layers[0], (1, 1, 1)) == (4, 1, 1)


def projection_of(text, shape=(1, 8, 8)):
    return list(engine.make_net(text, shape).body)[-2].projection


def test_a_block_that_keeps_its_shape_adds_its_input_as_it_is():
    assert isinstance(projection_of("4C3-R(4C3b-4C3b)"), nn.Identity)
    assert isinstance(projection_of("5N-R(3N-5N)"), nn.Identity)


def test_a_block_that_changes_its_shape_projects_its_input():
    convolution, norm = projection_of("4C3-R(6C3/2b-6C3b)")
    assert (convolution.kernel_size, convolution.stride) == ((1, 1), (2, 2))
    assert isinstance(norm, nn.BatchNorm2d)
    assert isinstance(projection_of("5N-R(4N)")[1], nn.Linear)


def test_a_block_adds_its_input_before_its_last_activation():
    net = engine.make_net("2C3-R(2C3)", (1, 8, 8))
    images = engine.random_images(4, (1, 8, 8))
    before = net.body[0](images)
    block = net.body[1]
    expected = (block.body[0][0](before) + before).relu()
    torch.testing.assert_close(block(before), expected)


def test_a_block_that_no_stride_can_follow_is_refused():
    with pytest.raises(RecipeError, match=r"The block R\(4C3v\) takes maps of 8x8 to 6x6"):
        engine.make_net("4C3-R(4C3v)", (1, 8, 8))


def test_maxout_takes_the_larger_of_two_pieces():
    net = engine.make_net("4C3b-5N", (1, 8, 8), "maxout")
    assert net.body[0][0].out_channels == 8 and net.body[1][1].out_features == 10
    pieces = net.body[0][:-1](engine.random_images(2, (1, 8, 8)))
    torch.testing.assert_close(net.body[0][-1](pieces), torch.maximum(pieces[:, :4], pieces[:, 4:]))


def test_batch_norm_replaces_the_bias_before_it():
    net = engine.make_net("4C3b-4C3-5Nb-5N", (1, 8, 8))
    firsts = [
        next(m for m in step if isinstance(m, nn.Conv2d | nn.Linear)) for step in net.body[:4]
    ]
    assert [first.bias is None for first in firsts] == [True, False, True, False]


def test_dropout_drops_in_training_only():
    net = engine.make_net("DO.5", (1, 8, 8))
    images = engine.random_images(20, (1, 8, 8)) + 0.1
    assert torch.equal(net.features(images), images.flatten(1))
    dropped = net.train().features(images)
    assert 0.3 < float((dropped == 0).float().mean()) < 0.7
    assert torch.allclose(dropped[dropped > 0], 2 * images.flatten(1)[dropped > 0])


def test_a_recipe_offers_every_activation():
    assert {field.name: field.type for field in fields(Recipe)}["activation"] == Activation


def test_every_layer_has_its_shape_and_its_module() -> None:
    assert set(SHAPES) == set(LAYERS)
