import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from loupe.data.split import hold_out_validation
from loupe.generation.fidelity import (
    as_rows,
    frechet_distance,
    measure_fidelity,
    nearest,
    nearness,
)


def drawn(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def test_the_nearest_row_is_scikit_learns():
    rows, others = drawn(0, 700, 12).astype(np.float32), drawn(1, 300, 12).astype(np.float32)
    distances, positions = nearest(rows, others)
    expected = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(others).kneighbors(rows)
    np.testing.assert_allclose(distances, expected[0][:, 0], rtol=1e-5)
    np.testing.assert_array_equal(positions, expected[1][:, 0])


def test_frechet_distance_follows_its_formula_for_what_is_known():
    rows = drawn(0, 4000, 3)
    assert frechet_distance(rows, rows) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(rows, rows + [1, 0, 2]) == pytest.approx(5)
    # Of normal distributions with diagonal covariances: the sum of squared differences of the
    # standard deviations.
    wide = (rows - rows.mean(0)) * [1, 3, 1] + rows.mean(0)
    narrow = rows.std(0, ddof=1)[1]
    assert frechet_distance(rows, wide) == pytest.approx((2 * narrow) ** 2, rel=0.01)
    assert frechet_distance(rows, wide) == pytest.approx(frechet_distance(wide, rows))


def test_frechet_distance_is_scipys_where_covariances_do_not_commute():
    from scipy.linalg import sqrtm

    one, two = drawn(0, 500, 5) @ drawn(1, 5, 5), drawn(2, 400, 5) @ drawn(3, 5, 5) + 0.3
    a, b = np.cov(one.T), np.cov(two.T)
    gap = one.mean(0) - two.mean(0)
    expected = gap @ gap + np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert frechet_distance(one, two) == pytest.approx(expected)


def test_copies_are_found_and_new_images_are_not_taken_for_them():
    real = drawn(0, 3000, 20).astype(np.float32)
    training, held_out = real[:2000], real[2000:]
    fresh = nearness(drawn(1, 1000, 20).astype(np.float32), held_out, training)
    assert fresh.nearer < 0.03
    assert fresh.equal == 0
    slightly = training[:500] + 0.01
    copies = nearness(slightly, held_out, training)
    assert copies.nearer == 1
    assert copies.equal == 0
    assert nearness(training[:5], held_out, training).equal == 5


def test_figures_come_by_pixels_and_by_a_models_features(digits, quick_model):
    data = hold_out_validation(digits, 1 / 12, 0)
    images, labels = data.test.images, data.test.labels
    figures = measure_fidelity(data, images, labels, quick_model)
    assert figures.keys() == {"pixels", "features", "frechet", "agreement", "model"}
    assert 0.9 < figures["pixels"]["generated"] / figures["pixels"]["held_out"] < 1.1
    assert figures["frechet"]["n"] == len(data.validation)
    assert 0.3 < figures["frechet"]["generated"] / figures["frechet"]["real"] < 3
    assert figures["agreement"] > 0.8
    noise = np.random.default_rng(0).integers(0, 255, images.shape, np.uint8)
    worse = measure_fidelity(data, noise, labels, quick_model)
    assert worse["frechet"]["generated"] > 3 * figures["frechet"]["generated"]
    assert measure_fidelity(data, images, labels).keys() == {"pixels"}


def test_rows_of_pixels_are_fractions():
    rows = as_rows(np.full((2, 3, 4, 3), 255, np.uint8))
    assert rows.shape == (2, 36)
    assert rows.max() == 1


@pytest.fixture(scope="module")
def quick_model(digits, tmp_path_factory):
    import loupe

    recipe = loupe.recipe("mlp-64-32", epochs=15)
    return loupe.train(digits, recipe, out=tmp_path_factory.mktemp("model") / "run").classifier
