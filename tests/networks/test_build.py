import engine
import pytest
import torch
from torch import nn

from loupe.networks.build import INITIALIZATIONS, build
from loupe.recipes.named import NAMED
from loupe.recipes.recipe import Recipe

PARAMETERS = {
    "": 7_850,
    "300N-100N": 266_610,
    "256N-128N-64N-32N": 244_522,
    "512N": 407_050,
    "64C3-64C3-MP2-128C3-256C3v-MP2-512N-DO.5-256N-DO.5": 5_259_594,  # as post 002 prints it
    "16C5v/2b-32C3p2b-64C3b-64C3p2b": 66_426,
    "32C5v/2b-64C3b-64C3p2b-128C3b-128C3p2b": 289_642,
}


def net_of(network, *, seed=0, shape=(1, 28, 28), **settings):
    return build(Recipe(name="mine", network=network, **settings), shape, 10, seed)


def weights_of(net):
    return torch.cat([tensor.flatten().float() for tensor in net.state_dict().values()])


@pytest.mark.parametrize("network", PARAMETERS)
def test_a_network_has_the_parameters_that_were_published(network):
    net = net_of(network)
    assert sum(p.numel() for p in net.parameters()) == PARAMETERS[network]


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32)])
def test_every_named_network_builds_for_grey_and_colour(name, shape):
    net = build(NAMED[name], shape, 7, seed=0).eval()
    assert net(torch.zeros(2, *shape)).shape == (2, 7)


def test_the_same_seed_makes_the_same_weights_and_another_seed_others():
    first, again, other = (weights_of(net_of("8C3b-9N", seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_building_leaves_the_global_generator_as_it_was():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    net_of("8C3b-9N", seed=1)
    assert torch.equal(torch.rand(3), expected)


def test_the_empty_notation_gives_the_pixels_as_features():
    net = net_of("", shape=(3, 4, 5))
    images = engine.random_images(2, (3, 4, 5))
    assert net.num_features == 60
    assert torch.equal(net.features(images), images.flatten(1))
    engine.assert_parity(net.eval(), images)


def test_features_are_what_the_output_layer_is_given():
    net = net_of("4C3p2-6N", shape=(1, 8, 8))
    images = engine.random_images(2, (1, 8, 8))
    assert net.features(images).shape == (2, net.num_features) == (2, 6)
    torch.testing.assert_close(net(images), net.head(net.features(images)))


@pytest.mark.parametrize("initialization", INITIALIZATIONS)
def test_every_initialization_gives_logits_of_a_sane_size(initialization):
    net = net_of("16C3b-24C3p2b-16C3-32N", initialization=initialization).eval()
    logits = net(engine.random_images(50, (1, 28, 28))).detach()
    assert 0.01 < float(logits.std()) < 10


def test_glorot_begins_as_keras_does():
    dense = net_of("300N", initialization="glorot").requires_grad_(False).body[0][1]
    limit = (6 / (784 + 300)) ** 0.5
    assert dense.bias.count_nonzero() == 0
    assert float(dense.weight.abs().max()) == pytest.approx(limit, rel=1e-3)
    assert float(dense.weight.std()) == pytest.approx(limit / 3**0.5, rel=0.02)


def test_identity_begins_by_passing_the_input_on():
    net = net_of("16C3-24C3", initialization="identity", shape=(1, 8, 8))
    maps = engine.random_images(2, (16, 8, 8))
    passed = net.body[1][0](maps)[:, :16] - net.body[1][0].bias[:16].view(1, -1, 1, 1)
    torch.testing.assert_close(passed, maps)
    first = net.body[0][0].weight  # of the pixels: as kaiming has it
    assert torch.equal(first, net_of("16C3-24C3", shape=(1, 8, 8)).body[0][0].weight)


@pytest.mark.parametrize("network", ["4C3b-5N", "4C5v/2p2b", "5Nb-4N"])
def test_a_network_for_raw_pixels_says_the_same_of_255_times_the_pixels(network):
    net = engine.make_net(network, (1, 8, 8))
    images = engine.random_images(5, (1, 8, 8))
    raw = net.for_raw_pixels()
    torch.testing.assert_close(raw(images * 255), net(images), rtol=1e-4, atol=1e-5)
    assert net.takes_raw_pixels() and not torch.equal(weights_of(raw), weights_of(net))


@pytest.mark.parametrize("network", ["", "MP2-4C3", "BN", "R(4C3)"])
def test_scale_goes_into_the_weights_only_where_they_come_first(network):
    assert not engine.make_net(network, (1, 8, 8)).takes_raw_pixels()


def test_filters_lie_channels_last():
    filters = [m.weight for m in net_of("16C3-32C3").modules() if isinstance(m, nn.Conv2d)]
    assert all(f.is_contiguous(memory_format=torch.channels_last) for f in filters)
