import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
import sklearn.decomposition
import tiny
import torch
from onnx import TensorProto

import loupe
from loupe.classifier.card import Card
from loupe.classifier.classifier import loads
from loupe.errors import ModelError
from loupe.networks.build import build
from loupe.networks.committee import Committee
from loupe.training import export
from loupe.training import finish as finishing
from loupe.training.export import (
    MAX_FEATURES,
    check_parity,
    measure_features,
    principal_components,
    probabilities_of,
    write_model,
)
from loupe.training.finish import finish
from loupe.training.prepare import with_validation
from loupe.training.scores import predict_logits


def committee_of(network, members=1, shape=(1, 8, 8), **settings):
    """Untrained networks."""
    recipe = tiny.recipe_of(network=network)
    return Committee([build(recipe, shape, 3, seed) for seed in range(members)], **settings).eval()


@pytest.fixture
def finished(tiny_dataset):
    """Export untrained networks with the statistics of the tiny data set."""

    def finish_with(network, members=1, *, validation=0.2, **settings):
        recipe = tiny.recipe_of(network=network, validation=validation)
        dataset = with_validation(tiny_dataset, recipe)
        return finish(committee_of(network, members, **settings), dataset, recipe, "abc")

    return finish_with


# ------------------------------------------------------------------------------- the file


def test_the_file_is_one_with_the_interface_that_was_promised(finished):
    model = onnx.load_from_string(finished("8C3b-5N", 2).content)
    onnx.checker.check_model(model, full_check=True)
    assert [opset.version >= 18 for opset in model.opset_import if not opset.domain] == [True]
    assert all(weight.data_location == TensorProto.DEFAULT for weight in model.graph.initializer)
    ends = {
        end.name: (
            end.type.tensor_type.elem_type,
            [side.dim_value or side.dim_param for side in end.type.tensor_type.shape.dim],
        )
        for end in [*model.graph.input, *model.graph.output]
    }
    assert ends == {
        "images": (TensorProto.UINT8, ["n", 8, 8, 1]),
        "probabilities": (TensorProto.FLOAT, ["n", 3]),
        "features": (TensorProto.FLOAT, ["n", 10]),
        "outlier": (TensorProto.FLOAT, ["n"]),
    }


def test_the_metadata_says_what_the_model_is(finished, tiny_dataset):
    content = finished("5N").content
    metadata = {p.key: p.value for p in onnx.load_from_string(content).metadata_props}
    assert metadata["loupe.version"] == loupe.__version__
    card = json.loads(metadata["loupe.card"])
    assert card["class_names"] == ["column", "row", "blob"]
    assert card["image_shape"] == [8, 8, 1]
    assert card["recipe"]["network"] == "5N"
    assert card["training_data"] == {
        "name": "tiny", "fingerprint": "abc", "counts": {"train": 192, "validation": 48}
    }  # fmt: skip
    assert card["framing"]["height"] == 8
    assert card["outlier_threshold"] > 0
    assert card["created"].endswith("+00:00")
    accuracy = card["evaluation"]["metrics"]["accuracy"]
    assert accuracy["n"] == card["evaluation"]["n"] == 48
    assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]


@pytest.mark.parametrize(
    ("network", "members", "settings"),
    [
        ("", 1, {}),
        ("8C3b-6C3p2b", 1, {}),
        ("MP2-8C3-5N", 2, {}),
        ("8C3-GAP", 3, {"test_shifts": True}),
        ("300N", 1, {"test_mirror": True}),
        ("", 2, {"test_shifts": True, "test_mirror": True}),
    ],
)
def test_the_file_says_what_the_networks_say(finished, tiny_dataset, network, members, settings):
    result = finished(network, members, **settings)
    classifier = loads(result.content)
    images = torch.from_numpy(tiny_dataset.test.images.transpose(0, 3, 1, 2).copy())
    logits = predict_logits(committee_of(network, members, **settings), images, finishing.EXACT)
    expected = probabilities_of(logits, result.temperature)
    given = classifier.predict(tiny_dataset.test.images)
    np.testing.assert_allclose(given, expected, atol=1e-5)
    assert result.parity_difference < 1e-5
    assert given.sum(1) == pytest.approx(1)


def test_the_temperature_of_validation_is_inside_the_graph(finished, tiny_dataset):
    result, without = finished("5N"), finished("5N", validation=0.0)
    assert result.temperature != 1.0 and without.temperature == 1.0
    warm, plain = (loads(r.content).predict(tiny_dataset.test.images) for r in (result, without))
    expected = plain ** (1 / result.temperature)
    np.testing.assert_allclose(warm, expected / expected.sum(1, keepdims=True), atol=1e-5)


def test_a_file_is_the_same_for_one_image_and_for_many(finished, tiny_dataset):
    classifier = loads(finished("8C3b-6C3p2b", 2).content)
    many = classifier.examine(tiny_dataset.images[:20])
    ones = [classifier.examine(tiny_dataset.images[i : i + 1]) for i in range(20)]
    for name in ("probabilities", "features", "outlier"):
        together = np.concatenate([getattr(one, name) for one in ones])
        np.testing.assert_allclose(getattr(many, name), together, atol=1e-4)


# ------------------------------------------------------------------------- the parity gate


def test_the_gate_compares_every_validation_image_and_a_thousand_if_there_are(tiny_dataset):
    many = tiny_dataset.select(np.tile(np.arange(240), 6))  # 1,440 of training
    recipe = tiny.recipe_of(validation=0.2)
    held_out = replace(many, split=(np.arange(1440) // 3 % 6 == 0).astype(np.uint8))
    result = finish(committee_of("5N"), held_out, recipe, "abc")
    assert (len(held_out.validation), result.parity_images) == (240, 1000)
    mostly = replace(many, split=(np.arange(1440) // 3 % 6 > 0).astype(np.uint8))
    assert finish(committee_of("5N"), mostly, recipe, "abc").parity_images == 1200


@pytest.mark.parametrize("by", [0.01, float("nan")])
def test_a_tampered_network_is_refused(finished, tiny_dataset, by):
    classifier = loads(finished("8C3b-5N", validation=0.0).content)
    committee = committee_of("8C3b-5N")
    images = torch.from_numpy(tiny_dataset.images.transpose(0, 3, 1, 2).copy())
    logits = predict_logits(committee, images, finishing.EXACT)
    given = classifier.predict(tiny_dataset.images)
    assert check_parity(given, probabilities_of(logits, 1.0)) <= 1e-4
    with torch.no_grad():
        committee.members[0].head.bias[0] += by
    logits = predict_logits(committee, images, finishing.EXACT)
    with pytest.raises(ModelError, match=r"differs from the trained network on \d+ of 300 labels"):
        check_parity(given, probabilities_of(logits, 1.0))


def test_one_differing_label_is_too_many(finished, tiny_dataset):
    classifier = loads(finished("5N").content)
    given = classifier.predict(tiny_dataset.images)
    expected = given.copy()
    assert check_parity(given, expected) == 0
    first, second = np.argsort(expected[7])[:-3:-1]
    expected[7, [first, second]] = expected[7, [second, first]]
    with pytest.raises(ModelError, match="on 1 of 300 labels"):
        check_parity(given, expected)


def test_two_classes_that_are_equally_likely_are_one_label():
    given = np.array([[0.5, 0.4999998, 2e-7]], np.float32)
    assert check_parity(given, given[:, [1, 0, 2]]) < 1e-6
    clear = np.array([[0.50002, 0.49998, 0.0]], np.float32)
    with pytest.raises(ModelError, match="on 1 of 1 labels"):
        check_parity(clear, clear[:, [1, 0, 2]])


# ---------------------------------------------------------------- features and outliers


def test_the_empty_notation_gives_scaled_pixels_as_features(finished, tiny_dataset):
    features = loads(finished("").content).examine(tiny_dataset.images).features
    np.testing.assert_allclose(features, tiny_dataset.images.reshape(300, 64) / 255, atol=1e-6)


def test_features_are_the_activations_before_the_output_layer(finished, tiny_dataset):
    features = loads(finished("8C3b-12N", 2).content).examine(tiny_dataset.images).features
    images = torch.from_numpy(tiny_dataset.images.transpose(0, 3, 1, 2) / np.float32(255))
    with torch.inference_mode():
        expected = committee_of("8C3b-12N", 2).features(images)
    np.testing.assert_allclose(features, expected, atol=1e-4)


def test_more_than_256_features_are_projected(finished, tiny_dataset):
    classifier = loads(finished("300N").content)
    sample = 192  # training images: fewer than features, so one dimension less than that
    output = classifier.examine(tiny_dataset.images)
    assert output.features.shape == (300, sample - 1)
    assert np.isfinite(output.features).all() and np.isfinite(output.outlier).all()


@pytest.mark.parametrize(("n", "d"), [(600, 300), (280, 300), (100, 300)])
def test_principal_components_are_scikit_learns(n, d):
    generator = np.random.default_rng(0)
    points = generator.normal(size=(n, d)) * np.linspace(1, 5, d)
    centered = (points - points.mean(0)).astype(np.float32)
    ours = principal_components(centered, MAX_FEATURES)
    count = min(MAX_FEATURES, n - 1)
    theirs = sklearn.decomposition.PCA(count, svd_solver="full").fit(points).components_
    assert ours.shape == (d, count)
    np.testing.assert_allclose(ours.T @ ours, np.eye(count), atol=1e-6)
    # The same space: each of their directions lies wholly in ours.
    np.testing.assert_allclose(np.linalg.norm(theirs @ ours, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(np.abs(theirs[:5] @ ours[:, :-6:-1]), np.eye(5), atol=1e-4)


@pytest.mark.slow
def test_components_of_very_many_features_hold_nearly_the_most_variance(monkeypatch):
    generator = np.random.default_rng(0)
    hidden = generator.normal(size=(1400, 400)) * np.geomspace(1, 0.01, 400)
    points = hidden @ generator.normal(size=(400, 1300))
    points = (points - points.mean(0)).astype(np.float32)
    found = principal_components(points, MAX_FEATURES)
    assert np.array_equal(found, principal_components(points, MAX_FEATURES))  # not left to chance
    monkeypatch.setattr(export, "EXACT_COMPONENTS", 2000)
    best = principal_components(points, MAX_FEATURES)
    assert found.shape == best.shape
    np.testing.assert_allclose(found.T @ found, np.eye(MAX_FEATURES), atol=1e-5)
    assert ((points @ found) ** 2).sum() > 0.99 * ((points @ best) ** 2).sum()


def test_the_outlier_distance_is_mahalanobis_to_the_guessed_class():
    generator = np.random.default_rng(0)
    labels = np.arange(600) % 3
    spread = generator.normal(size=(4, 4))
    features = (generator.normal(size=(600, 4)) @ spread + 5 * np.eye(3, 4)[labels]).astype(
        np.float32
    )
    statistics = measure_features(features, labels, 3)
    assert statistics.projection is statistics.center is None
    means = np.stack([features[labels == k].mean(0) for k in range(3)])
    within = features - means[labels]
    covariance = within.T @ within / 600
    variance = np.linalg.eigvalsh(covariance).mean()
    inverse = np.linalg.inv(covariance + 0.01 * variance * np.eye(4))
    away = (features @ statistics.whitening - statistics.class_means[labels]) ** 2
    expected = np.einsum("ni,ij,nj->n", within, inverse, within)
    np.testing.assert_allclose(away.sum(1), expected, rtol=1e-3)


def test_without_foreign_images_the_outlier_is_that_distance(tiny_dataset):
    classifier, statistics = classifier_with(foreign=None)
    output = classifier.examine(tiny_dataset.images)
    away = output.features @ statistics.whitening
    away -= statistics.class_means[output.probabilities.argmax(1)]
    np.testing.assert_allclose(output.outlier, np.sqrt((away**2).mean(1)), rtol=1e-4)


def test_with_foreign_images_the_outlier_is_how_surprising_an_image_is(tiny_dataset):
    foreign = np.random.default_rng(1).normal(0, 3, (40, 5)).astype(np.float32)
    classifier, statistics = classifier_with(foreign=foreign)
    output, learnt = classifier.examine(tiny_dataset.images), statistics.foreignness
    white = output.features @ statistics.whitening
    away = white - statistics.class_means[output.probabilities.argmax(1)]
    odds = white @ learnt.linear + away**2 @ learnt.quadratic + learnt.offset
    np.testing.assert_allclose(output.outlier, np.logaddexp(0, odds), rtol=1e-3, atol=1e-4)
    assert (output.outlier >= 0).all()


def classifier_with(foreign):
    """An untrained network of five features, with statistics that were drawn."""
    features = np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32)
    statistics = measure_features(features, np.arange(30) % 3, 3, foreign)
    card = Card(("a", "b", "c"), (8, 8, 1), {}, None, {}, {}, {}, "now")
    return loads(write_model(committee_of("4C3-MP2-5N"), 1.0, statistics, card)), statistics


def test_most_validation_images_lie_below_the_threshold_and_noise_above(tiny_dataset, tmp_path):
    run = loupe.train(tiny_dataset, tiny.recipe_of(epochs=4, validation=0.3), out=tmp_path / "run")
    threshold = run.card.outlier_threshold
    test = run.classifier.examine(tiny_dataset.test.images).outlier
    assert (test <= threshold).mean() > 0.9
    noise = np.random.default_rng(0).integers(0, 256, (200, 8, 8, 1), np.uint8)
    assert (run.classifier.examine(noise).outlier > threshold).mean() > 0.9


def test_a_dead_network_still_has_finite_outputs(finished, tiny_dataset):
    committee = committee_of("8C3-5N")
    with torch.no_grad():
        committee.members[0].body[1][1].bias.fill_(-1e3)
    recipe = tiny.recipe_of(network="8C3-5N", validation=0.2)
    result = finish(committee, with_validation(tiny_dataset, recipe), recipe, "abc")
    output = loads(result.content).examine(tiny_dataset.images)
    assert not output.features.any()
    assert np.isfinite(output.outlier).all() and np.isfinite(output.probabilities).all()


@pytest.mark.parametrize("shape", [(8, 8, 1), (6, 10, 3)])
def test_images_of_any_shape_and_colour_go_in_as_they_are_decoded(shape):
    height, width, channels = shape
    committee = committee_of("4C3-MP2-5N", shape=(channels, height, width))
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (7, *shape), np.uint8)
    features = generator.normal(size=(30, 5)).astype(np.float32)
    statistics = measure_features(features, np.arange(30) % 3, 3)
    card = Card(("a", "b", "c"), shape, {}, None, {}, {}, {}, "now")
    classifier = loads(write_model(committee, 1.0, statistics, card))
    inputs = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
    expected = predict_logits(committee, inputs, finishing.EXACT).softmax(1)
    np.testing.assert_allclose(classifier.predict(images), expected, atol=1e-5)


# ------------------------------------------------------------------------------- rejecting


@pytest.mark.parametrize(("members", "shifts"), [(1, False), (2, True)])
def test_networks_that_reject_give_log_odds_as_outlier(tiny_dataset, members, shifts):
    """Four logits for three classes: the last one is "none", and does not vote."""
    recipe = tiny.recipe_of(network="8C3b-6C3p2b", validation=0.2)
    nets = [build(recipe, (1, 8, 8), 4, seed) for seed in range(members)]
    committee = Committee(nets, test_shifts=shifts, rejects=True).eval()
    result = finish(committee, with_validation(tiny_dataset, recipe), recipe, "abc")
    output = loads(result.content).examine(tiny_dataset.test.images)
    images = torch.from_numpy(tiny_dataset.test.images.transpose(0, 3, 1, 2).copy())
    with torch.inference_mode():
        inputs = images.float().div(255)
        expected = committee.foreignness(inputs).numpy()
        votes = probabilities_of(committee(inputs), result.temperature)
    np.testing.assert_allclose(output.outlier, expected, atol=1e-4)
    np.testing.assert_allclose(output.probabilities, votes, atol=1e-5)
    assert output.probabilities.shape[1] == 3


def test_views_share_their_weights_in_the_file(finished):
    """Three views of an image took three times the space before."""
    one, three = (finished("8C3b-40C3-300N", test_shifts=shifts) for shifts in (False, True))
    assert len(three.content) < 1.1 * len(one.content)
