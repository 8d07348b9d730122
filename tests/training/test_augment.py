import numpy as np
import pytest
import scipy.ndimage
import torch
from torch import Generator

from loupe.recipes.augmentation import Augmentation
from loupe.training import augmentation
from loupe.training.augmentation import AUGMENTATIONS, augment

# Settings that make each row do something; what they leave at 0 is off.
STRONG = {
    "warp": Augmentation(rotation=30, scale=0.3, shear=0.3, shift=2, elastic=2),
    "thickness": Augmentation(thickness=1),
    "erasing": Augmentation(erasing=4, erasing_probability=1),
    "noise": Augmentation(noise=0.2),
}
OFF = Augmentation(erasing_probability=0)


def seeded(seed=0):
    return Generator().manual_seed(seed)


def images_of(count=6, channels=1, height=12, width=12, seed=0):
    """Bright noise on a dark border, 0..1."""
    images = torch.zeros(count, channels, height, width)
    inner = (count, channels, height - 6, width - 6)
    images[:, :, 3:-3, 3:-3] = torch.rand(inner, generator=seeded(seed))
    return images


@pytest.fixture
def fixed_draws(monkeypatch):
    """Let every number that is drawn between -1 and 1 be the one given."""

    def fix(value):
        monkeypatch.setattr(
            augmentation, "_uniform", lambda shape, generator: torch.full(shape, float(value))
        )

    return fix


def test_every_row_is_tested():
    assert STRONG.keys() == AUGMENTATIONS.keys()


def test_the_default_changes_nothing():
    images = images_of()
    assert torch.equal(augment(images, Augmentation(), seeded()), images)
    assert not any(kind.applies(Augmentation()) for kind in AUGMENTATIONS.values())


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_row_at_strength_0_is_the_identity(name):
    assert not AUGMENTATIONS[name].applies(OFF)
    images = images_of(channels=3, height=10, width=14)
    torch.testing.assert_close(
        AUGMENTATIONS[name].apply(images, OFF, seeded()), images, rtol=0, atol=2e-6
    )


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_row_applies_where_its_settings_ask_for_it_and_only_there(name):
    assert [row for row, kind in AUGMENTATIONS.items() if kind.applies(STRONG[name])] == [name]


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_row_is_decided_by_its_seed(name):
    first, again, other = (augment(images_of(), STRONG[name], seeded(s)) for s in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("channels", "height", "width"), [(1, 12, 12), (3, 10, 16)])
def test_a_row_keeps_shape_and_range(name, sign, channels, height, width):
    images = sign * images_of(20, channels, height, width)
    varied = augment(images, STRONG[name], seeded())
    assert varied.shape == images.shape and varied.dtype == images.dtype
    low, high = (-1, 1) if name == "noise" else sorted((0, sign))
    assert low - 1e-6 <= float(varied.min()) and float(varied.max()) <= high + 1e-6
    assert not torch.equal(varied, images)


@pytest.mark.parametrize("name", [name for name in AUGMENTATIONS if name != "noise"])
def test_background_stays_background(name):
    blank = torch.zeros(5, 1, 12, 12)
    assert not augment(blank, STRONG[name], seeded()).any()


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_row_varies_each_image_in_its_own_way(name):
    image = torch.rand(1, 1, 12, 12, generator=seeded())
    varied = augment(image.repeat(8, 1, 1, 1), STRONG[name], seeded())
    assert len(torch.unique(varied.flatten(1), dim=0)) == 8


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_an_image_is_varied_whatever_its_neighbours_are(name):
    images = images_of(6)
    others = torch.cat([images[:1], images_of(5, seed=9)])
    varied, beside = (augment(batch, STRONG[name], seeded()) for batch in (images, others))
    torch.testing.assert_close(varied[0], beside[0])


@pytest.mark.parametrize("name", [name for name in AUGMENTATIONS if name != "noise"])
def test_dark_on_light_is_varied_as_light_on_dark(name):
    images = images_of()
    varied, negative = (augment(sign * images, STRONG[name], seeded()) for sign in (1, -1))
    torch.testing.assert_close(negative, -varied)


@pytest.mark.parametrize("name", [name for name in AUGMENTATIONS if name != "noise"])
def test_the_colours_of_an_image_move_together(name):
    grey = images_of(channels=1)
    colour = augment(grey.repeat(1, 3, 1, 1), STRONG[name], seeded())
    torch.testing.assert_close(colour, augment(grey, STRONG[name], seeded()).repeat(1, 3, 1, 1))


@pytest.mark.parametrize("turns", [1, -1])
def test_a_rotation_by_90_degrees_is_numpys(turns, fixed_draws):
    fixed_draws(turns)
    images = torch.rand(3, 2, 9, 9, generator=seeded())
    turned = augment(images, Augmentation(rotation=90), seeded())
    np.testing.assert_allclose(turned, np.rot90(images, turns, axes=(2, 3)), atol=1e-5)


def test_a_rotation_of_a_rectangle_turns_its_pixels_and_stretches_nothing(fixed_draws):
    fixed_draws(1)
    images = torch.zeros(1, 1, 8, 14)
    images[:, :, :, 3:11] = torch.rand(1, 1, 8, 8, generator=seeded())
    turned = augment(images, Augmentation(rotation=90), seeded())
    expected = np.zeros((1, 1, 8, 14), np.float32)
    expected[:, :, :, 3:11] = np.rot90(images[:, :, :, 3:11], axes=(2, 3))
    np.testing.assert_allclose(turned, expected, atol=1e-5)


def test_rotations_reach_both_sides_and_no_further_than_the_setting():
    rod = torch.zeros(400, 1, 21, 21)
    rod[:, :, 10, 10:] = 1.0
    turned = augment(rod, Augmentation(rotation=40), seeded())
    y, x = np.mgrid[-10:11, -10:11]
    weight = turned[:, 0].numpy() * (np.hypot(x, y) > 5)
    degrees = np.degrees(np.arctan2((weight * y).sum((1, 2)), (weight * x).sum((1, 2))))
    assert -42 < degrees.min() < -35 and 35 < degrees.max() < 42
    assert abs(degrees.mean()) < 4


@pytest.mark.parametrize(("draw", "moved"), [(1, -2), (-1, 2)])
def test_a_shift_by_whole_pixels_is_exact(draw, moved, fixed_draws):
    fixed_draws(draw)
    images = images_of(height=10, width=14)  # its border is wider than the shift
    shifted = augment(images, Augmentation(shift=2), seeded())
    torch.testing.assert_close(shifted, images.roll((moved, moved), (2, 3)), rtol=0, atol=1e-5)


def test_what_is_shifted_in_from_outside_is_background(fixed_draws):
    fixed_draws(1)
    shifted = augment(torch.ones(1, 1, 8, 8), Augmentation(shift=3), seeded())
    assert not shifted[:, :, -3:].any() and not shifted[:, :, :, -3:].any()
    assert shifted[:, :, :-3, :-3].min() > 0.999


@pytest.mark.parametrize(
    "settings",
    [
        Augmentation(rotation=25),
        Augmentation(scale=0.3),
        Augmentation(shear=0.4),
        Augmentation(rotation=20, scale=0.2, shear=0.2, shift=1.3),
    ],
)
@pytest.mark.parametrize("draw", [1.0, -0.6])
def test_a_warp_is_scipys(settings, draw, fixed_draws):
    fixed_draws(draw)
    images = torch.rand(1, 1, 11, 16, generator=seeded())
    zoom = 1 + settings.scale * draw
    radians = np.radians(settings.rotation * draw)
    cos, sin = np.cos(radians) / zoom, np.sin(radians) / zoom
    y, x = np.mgrid[:11, :16] - np.array([5, 7.5]).reshape(2, 1, 1)
    right = cos * x + (settings.shear * draw - sin) * y + settings.shift * draw
    down = sin * x + cos * y + settings.shift * draw
    expected = scipy.ndimage.map_coordinates(
        images[0, 0].numpy(), [down + 5, right + 7.5], order=1, mode="grid-constant"
    )
    varied = augment(images, settings, seeded())
    np.testing.assert_allclose(varied[0, 0], expected, atol=1e-4)


def test_elastic_moves_strokes_by_at_most_about_the_setting():
    blob = torch.zeros(200, 1, 25, 25)
    blob[:, :, 11:14, 11:14] = 1.0
    moved = augment(blob, Augmentation(elastic=3), seeded())[:, 0].numpy()
    y, x = np.mgrid[-12:13, -12:13]
    mass = moved.sum((1, 2))
    right, down = (moved * x).sum((1, 2)) / mass, (moved * y).sum((1, 2)) / mass
    assert mass.min() > 1
    assert 1 < np.abs(right).mean() < 3 and np.abs(right).max() < 4.5
    assert 1 < np.abs(down).mean() < 3 and np.abs(down).max() < 4.5
    assert np.abs(moved - moved[:1]).max(axis=(1, 2))[1:].min() > 0.1


@pytest.mark.parametrize("sides", [[1, 1, 1, 1], [-1, -1, -1, -1], [1, -1, -1, 1]])
def test_a_mirrored_image_is_its_exact_mirror(sides):
    images = images_of(4, 3)
    flipped = augment(images, Augmentation(flip="horizontal"), seeded(), torch.tensor(sides))
    for image, result, side in zip(images, flipped, sides, strict=True):
        assert torch.equal(result, image if side > 0 else image.flip(2))


def test_half_of_the_images_are_mirrored_where_nobody_says_which():
    images = images_of(1000, 1, 8, 8)
    flipped = augment(images, Augmentation(flip="horizontal"), seeded())
    mirrored = (flipped != images).flatten(1).any(1)
    assert 400 < int(mirrored.sum()) < 600
    assert torch.equal(flipped[mirrored], images[mirrored].flip(3))


@pytest.mark.parametrize("flip", ["none", "auto"])
def test_nothing_is_mirrored_unless_the_recipe_was_settled_to(flip):
    images = images_of()
    assert torch.equal(augment(images, Augmentation(flip=flip), seeded(), -torch.ones(6)), images)


@pytest.mark.parametrize("sign", [1, -1])
def test_thickness_dilates_and_erodes_by_one_pixel_as_scipy_does(sign, fixed_draws):
    images = images_of()
    window = (1, 1, 3, 3)
    for draw, reference in (
        (1, scipy.ndimage.grey_dilation),
        (-1, scipy.ndimage.grey_erosion),
    ):
        fixed_draws(draw)
        varied = augment(sign * images, Augmentation(thickness=1), seeded())
        np.testing.assert_allclose(sign * varied, reference(images.numpy(), window), atol=1e-6)


def test_thickness_in_between_is_a_blend(fixed_draws):
    images = images_of()
    fixed_draws(1)
    full, half = (augment(images, Augmentation(thickness=t), seeded()) for t in (1, 0.5))
    torch.testing.assert_close(half, (images + full) / 2)


def test_erasing_blanks_one_square_in_the_given_fraction_of_images():
    images = torch.ones(2000, 1, 16, 12)
    settings = Augmentation(erasing=4, erasing_probability=0.3)
    holes = augment(images, settings, seeded())[:, 0] == 0
    erased = holes.flatten(1).any(1)
    assert 500 < int(erased.sum()) < 700
    rows, columns = holes.any(2).sum(1)[erased], holes.any(1).sum(1)[erased]
    assert int(rows.max()) == int(columns.max()) == 4  # cut off where it reaches over the edge
    assert torch.equal(holes[erased].sum((1, 2)), rows * columns)
    assert float(holes.float().mean(0).min()) > 0  # no place is spared


def test_noise_has_its_standard_deviation_and_leaves_the_brightness():
    images = torch.full((50, 1, 20, 20), 0.5)
    added = augment(images, Augmentation(noise=0.1), seeded()) - images
    assert float(added.std()) == pytest.approx(0.1, rel=0.03)
    assert abs(float(added.mean())) < 0.003
