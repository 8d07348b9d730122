import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import loupe
from loupe.training import foreign as foreign_module
from loupe.training.foreign import PENALTY, fit_foreignness, foreign_images


@pytest.mark.parametrize(
    "shape", [(28, 28, 1), (8, 8, 1), (6, 10, 3), (1, 30, 1), (2, 2, 3), (1, 1, 1)]
)
def test_foreign_images_have_the_shape_of_the_others_and_are_always_the_same(shape):
    images = np.random.default_rng(1).integers(0, 256, (5, *shape), np.uint8)
    kept = images.copy()
    made = foreign_images(images, 40)
    assert made.shape == (40, *shape) and made.dtype == np.uint8
    assert np.array_equal(made, foreign_images(images, 40))
    assert np.array_equal(images, kept)


def test_foreign_images_are_of_many_kinds():
    digits = loupe.read("digits").images
    made = foreign_images(digits, 360)
    assert len(np.unique(made.reshape(360, -1), axis=0)) > 330
    spread = made.reshape(360, -1).std(1)
    assert (spread < 20).any() and (spread > 100).any()
    known = {image.tobytes() for image in digits}
    assert not [image for image in made if image.tobytes() in known]


def test_pieces_of_a_puzzle_come_from_its_images():
    images = np.repeat(np.arange(10, 90, 10, np.uint8), 64).reshape(8, 8, 8, 1)
    puzzle = foreign_module._puzzle(images, np.random.default_rng(0))
    assert set(np.unique(puzzle)) <= set(range(10, 90, 10))
    assert len(np.unique(puzzle)) > 1


def test_the_log_odds_are_scikit_learns():
    generator = np.random.default_rng(0)
    means = 4 * np.eye(3, 6, dtype=np.float32)
    labels = np.arange(300) % 3
    own = (means[labels] + generator.normal(size=(300, 6))).astype(np.float32)
    foreign = generator.normal(0, 2, (300, 6)).astype(np.float32)
    found = fit_foreignness(own, means, foreign)

    points = np.concatenate([own, foreign])
    nearest = ((points[:, None] - means) ** 2).sum(2).argmin(1)
    inputs = np.hstack([points, (points - means[nearest]) ** 2])
    scale = np.sqrt((inputs**2).mean(0))
    answers = np.repeat([0, 1], 300)
    # C weighs the sum of the losses, PENALTY is beside their mean.
    theirs = LogisticRegression(C=1 / (PENALTY * 600), tol=1e-8).fit(inputs / scale, answers)
    ours = inputs @ np.concatenate([found.linear, found.quadratic]) + found.offset
    np.testing.assert_allclose(ours, theirs.decision_function(inputs / scale), atol=2e-2)
    assert ((ours > 0) == answers).mean() > 0.85


def test_features_that_say_nothing_are_no_reason_to_refuse():
    nothing = np.zeros((30, 4), np.float32)
    found = fit_foreignness(nothing, nothing[:3], nothing[:20])
    assert not found.linear.any() and not found.quadratic.any()
    assert found.offset == pytest.approx(0, abs=1e-3)


def test_a_model_of_digits_refuses_every_even_image(tmp_path):
    """The distance from the guessed class alone lets one in eight of them pass."""
    digits = loupe.read("digits")
    run = loupe.train(digits, loupe.recipe("mlp-64-32", epochs=8), out=tmp_path / "run")
    even = np.stack([np.full((8, 8, 1), level, np.uint8) for level in range(0, 256, 2)])
    asked = (digits.test.images, even)
    refused = [
        (run.classifier.examine(images).outlier > run.card.outlier_threshold).mean()
        for images in asked
    ]
    assert refused[0] < 0.03 and refused[1] == 1
