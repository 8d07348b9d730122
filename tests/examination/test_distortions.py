"""Every distortion, on the images of every kind."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from loupe.data.read import read
from loupe.examination.distortions import NUM_STRENGTHS, STRESSES, Ground
from loupe.framing import measure_framing

SIDE = 28


@pytest.fixture(scope="module")
def strokes():
    """A thick bar on black, and its ground."""
    images = np.zeros((64, SIDE, SIDE, 1), np.uint8)
    images[:, 6:22, 12:15] = 255
    return images, Ground(measure_framing(images), 1)


def generator():
    return np.random.default_rng(0)


@pytest.mark.parametrize("name", STRESSES)
def test_every_stress_has_five_rising_strengths_and_says_them(name):
    kind = STRESSES[name]
    assert len(kind.amounts) == NUM_STRENGTHS
    assert list(kind.amounts) == sorted(set(kind.amounts))
    texts = {kind.written(amount, SIDE) for amount in kind.amounts}
    assert len(texts) == NUM_STRENGTHS


@pytest.mark.parametrize("name", STRESSES)
def test_a_stronger_stress_changes_more(name, strokes):
    images, ground = strokes
    changes = []
    for amount in STRESSES[name].amounts:
        changed = STRESSES[name].distort(images, amount, ground, generator())
        changes.append(np.abs(changed.astype(int) - images).mean())
    assert changes[0] > 0
    assert changes[-1] > changes[0]


@pytest.mark.parametrize("name", STRESSES)
def test_the_same_generator_harms_images_alike(name, strokes):
    images, ground = strokes
    amount = STRESSES[name].amounts[2]
    first, second = (STRESSES[name].distort(images, amount, ground, generator()) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert images[:, 6:22, 12:15].min() == 255  # and the images themselves are left alone


@pytest.mark.parametrize("name", STRESSES)
@settings(max_examples=10, deadline=None)
@given(
    arrays(np.uint8, st.tuples(st.integers(1, 4), st.integers(4, 12), st.integers(4, 12),
                               st.sampled_from([1, 3]))),
    st.integers(0, 4),
)  # fmt: skip
def test_shape_and_kind_are_kept(name, images, strength):
    ground = Ground(measure_framing(images), images.shape[3])
    if STRESSES[name].refuses(ground):
        return
    amount = STRESSES[name].amounts[strength]
    changed = STRESSES[name].distort(images, amount, ground, generator())
    assert changed.shape == images.shape
    assert changed.dtype == np.uint8


def test_no_harm_is_no_change(strokes):
    images, ground = strokes
    harmless = {"scale": 1.0}
    for name in set(STRESSES) - {"blur", "occlusion"}:
        changed = STRESSES[name].distort(images, harmless.get(name, 0.0), ground, generator())
        np.testing.assert_array_equal(changed, images, err_msg=name)


def test_a_whole_inversion_is_the_negative(strokes):
    images, ground = strokes
    changed = STRESSES["inversion"].distort(images, 1.0, ground, generator())
    np.testing.assert_array_equal(changed, 255 - images)


def test_a_shift_moves_by_its_distance(strokes):
    images, ground = strokes
    changed = STRESSES["shift"].distort(images, 3 / SIDE, ground, generator())
    rows, columns = np.mgrid[:SIDE, :SIDE]

    def centres(some):
        weights = some[..., 0] / some.sum(axis=(1, 2))[..., None]
        return np.stack([(weights * rows).sum((1, 2)), (weights * columns).sum((1, 2))], axis=1)

    moved = np.linalg.norm(centres(changed) - centres(images), axis=1)
    np.testing.assert_allclose(moved, 3, atol=0.1)


@pytest.mark.parametrize("polarity", ["light on dark", "dark on light"])
def test_strokes_grow_and_thin_by_their_share(strokes, polarity):
    images = strokes[0] if polarity == "light on dark" else 255 - strokes[0]
    ground = Ground(measure_framing(images), 1)
    assert ground.framing.polarity == polarity
    changed = STRESSES["stroke width"].distort(images, 0.6, ground, generator())
    ink = changed if polarity == "light on dark" else 255 - changed
    widths = ink[:, 14, :, 0].sum(axis=1) / 255
    thicker = widths[widths > 3]
    assert 0 < len(thicker) < len(widths)
    # Widths are measured at the outline, a tenth too small for so short a bar.
    assert abs(thicker.mean() / 3 - 1.6) < 0.15
    assert abs(widths[widths < 3].mean() / 3 - 1 / 1.6) < 0.1


def test_strokes_are_left_alone_where_there_are_none():
    digits = read("digits").images
    assert STRESSES["stroke width"].refuses(Ground(measure_framing(digits), 1)) == ""
    colour = np.repeat(digits, 3, axis=3)
    assert "colour" in STRESSES["stroke width"].refuses(Ground(measure_framing(colour), 3))
    blobs = np.zeros((50, 28, 28, 1), np.uint8)
    blobs[:, 4:24, 4:24] = 200
    assert "filled" in STRESSES["stroke width"].refuses(Ground(measure_framing(blobs), 1))


def test_what_is_covered_is_background():
    images = np.full((30, 20, 20, 1), 230, np.uint8)
    images[:, 5:15, 5:15] = 10
    ground = Ground(measure_framing(images), 1)
    changed = STRESSES["occlusion"].distort(images, 0.4, ground, generator())
    differs = changed != images
    assert set(np.unique(changed[differs])) == {230}
    assert differs.sum(axis=(1, 2, 3)).max() <= 64
