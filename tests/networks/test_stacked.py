import engine
import pytest
import torch
from test_layers import EXAMPLES, IMAGE_SHAPES

from loupe.networks.activations import ACTIVATIONS
from loupe.networks.panel import build_stack
from loupe.networks.stacked import Stack
from loupe.recipes.recipe import Recipe

NETWORKS = ["", *EXAMPLES]


def nets_of(text, shape, activation, count=3):
    return [engine.make_net(text, shape, activation, classes=1, seed=seed) for seed in range(count)]


def case_of(text):
    """Each network meets another activation and image shape; blocks cannot use maxout."""
    turn = NETWORKS.index(text)
    activations = [name for name in ACTIVATIONS if name != "maxout" or "R(" not in text]
    return IMAGE_SHAPES[turn % len(IMAGE_SHAPES)], activations[turn % len(activations)]


@pytest.mark.parametrize("text", NETWORKS)
def test_a_stack_says_what_each_of_its_networks_says_alone(text):
    shape, activation = case_of(text)
    nets = nets_of(text, shape, activation)
    stack = Stack(nets).eval()
    images = engine.random_images(4, shape)
    expected = torch.cat([net(images) for net in nets], 1)
    torch.testing.assert_close(stack(images), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("text", NETWORKS)
def test_a_stack_takes_images_of_each_networks_own(text):
    shape, activation = case_of(text)
    nets = nets_of(text, shape, activation)
    own = [engine.random_images(4, shape, seed) for seed in range(len(nets))]
    expected = torch.cat([net(images) for net, images in zip(nets, own, strict=True)], 1)
    given = Stack(nets).eval()(torch.cat(own, 1))
    torch.testing.assert_close(given, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("text", NETWORKS)
def test_a_stack_means_the_same_in_onnx(text):
    shape, activation = case_of(text)
    engine.assert_parity(
        Stack(nets_of(text, shape, activation)).eval(), engine.random_images(3, shape)
    )


@pytest.mark.parametrize("activation", ["maxout", "prelu"])
@pytest.mark.parametrize("text", ["4C3p2b-5N", "MP2-5Nb"])
def test_activations_with_channels_of_their_own_keep_to_their_network(text, activation):
    nets = nets_of(text, (3, 8, 8), activation)
    stack, images = Stack(nets).eval(), engine.random_images(3, (3, 8, 8))
    expected = torch.cat([net(images) for net in nets], 1)
    torch.testing.assert_close(stack(images), expected, rtol=1e-4, atol=1e-5)
    engine.assert_parity(stack, images)


def test_batch_norm_in_training_compares_the_images_of_its_own_network():
    nets = [net.train() for net in nets_of("4C3b-5Nb", (1, 8, 8), "relu")]
    stack = Stack(nets).train()
    own = [engine.random_images(6, (1, 8, 8), seed) for seed in range(3)]
    expected = torch.cat([net(images) for net, images in zip(nets, own, strict=True)], 1)
    torch.testing.assert_close(stack(torch.cat(own, 1)), expected, rtol=1e-4, atol=1e-5)
    means = torch.cat([net.state_dict()["body.0.1.running_mean"] for net in nets])
    torch.testing.assert_close(stack.state_dict()["body.0.1.running_mean"], means)


def test_dropout_drops_other_units_in_each_network():
    net = engine.make_net("DO.5", (1, 8, 8), classes=1)
    stack = Stack([net, net]).train()
    dropped = stack.features(torch.ones(1, 1, 8, 8)).view(2, 64) == 0
    assert not torch.equal(dropped[0], dropped[1])


def test_networks_are_built_as_they_would_be_alone_and_put_in_each_others_place():
    recipe = Recipe(name="mine", network="4C3b-5N", activation="prelu")
    stack, other = (build_stack(recipe, (1, 8, 8), seeds) for seeds in (range(4), (7, 8)))
    images = engine.random_images(3, (1, 8, 8))
    before, theirs = stack.eval()(images), other.eval()(images)
    stack.insert(other, (3, 1))
    after = stack(images)
    assert torch.equal(after[:, [0, 2]], before[:, [0, 2]])
    torch.testing.assert_close(after[:, [3, 1]], theirs)


@pytest.mark.parametrize("text", ["4C3b-5N", "5Nb-4N"])
def test_a_stack_for_raw_pixels_says_the_same_of_255_times_the_pixels(text):
    stack = Stack(nets_of(text, (1, 8, 8), "relu")).eval()
    images = engine.random_images(5, (1, 8, 8))
    raw = stack.for_raw_pixels()
    torch.testing.assert_close(raw(images * 255), stack(images), rtol=1e-4, atol=1e-5)
