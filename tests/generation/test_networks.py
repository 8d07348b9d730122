import pytest
import torch

from loupe.generation.networks import LATENT, Discriminator, Generator, plan_for

SHAPES = [(28, 28, 1), (8, 8, 1), (9, 13, 3), (32, 32, 3), (64, 20, 1), (64, 64, 3), (8, 64, 1)]


@pytest.mark.parametrize("shape", SHAPES)
def test_both_networks_take_images_of_any_shape(shape):
    plan = plan_for(shape)
    rows, columns = plan.padded
    labels = torch.tensor([0, 2, 1])
    drawn = Generator(plan, 3)(torch.randn(3, LATENT), labels)
    assert drawn.shape == (3, shape[2], rows, columns)
    assert drawn.abs().max() <= 1
    assert Discriminator(plan, 3)(drawn, labels).shape == (3,)


@pytest.mark.parametrize("shape", SHAPES)
def test_padding_is_less_than_one_block_and_maps_stay_small(shape):
    plan = plan_for(shape)
    for side, padded, coarse in zip(shape, plan.padded, plan.coarse, strict=False):
        assert 0 <= padded - side < 2 * plan.patch
        assert padded == 2 * plan.patch * coarse
    assert plan.coarse[0] * plan.coarse[1] <= 128


def test_the_class_decides_what_is_drawn_and_how_it_is_judged():
    plan = plan_for((8, 8, 1))
    generator, discriminator = Generator(plan, 2), Discriminator(plan, 2)
    latents = torch.randn(1, LATENT)
    one, two = (generator(latents, torch.tensor([label])) for label in (0, 1))
    assert not torch.allclose(one, two)
    scores = [discriminator(one, torch.tensor([label])) for label in (0, 1)]
    assert not torch.allclose(*scores)
