import json
import re
import tracemalloc
from dataclasses import asdict

import hypothesis.strategies as st
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from onnx import TensorProto, helper

from loupe.classifier import classifier as engine
from loupe.classifier.card import CARD_KEY, Card, read_card
from loupe.classifier.classifier import BATCH_SIZE, load, loads
from loupe.errors import ModelError
from loupe.networks.build import build
from loupe.networks.committee import Committee
from loupe.recipes.recipe import Recipe
from loupe.training.export import measure_features, write_model

NAMES = ("column", "row", "blob")
CARD = Card(NAMES, (8, 8, 1), {"kind": "none"}, 1.5, {}, {"name": "tiny"}, {}, "2026-01-01")


@pytest.fixture(scope="module")
def content():
    """A model file with random weights."""
    net = build(Recipe(name="mine", network="4C3b-6N"), (1, 8, 8), 3, seed=0).eval()
    features = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32)
    statistics = measure_features(features, np.arange(30) % 3, 3)
    return write_model(Committee([net]).eval(), 1.0, statistics, CARD)


@pytest.fixture(scope="module")
def classifier(content):
    return loads(content)


@pytest.fixture(scope="module")
def images():
    """Five full batches and a part of one."""
    count = 5 * BATCH_SIZE + 7
    return np.random.default_rng(1).integers(0, 256, (count, 8, 8, 1), np.uint8)


# ------------------------------------------------------------------------------- predicting


def test_probabilities_have_a_row_for_each_image_that_sums_to_one(classifier, images):
    probabilities = classifier.predict(images)
    assert probabilities.shape == (len(images), 3) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    assert len(np.unique(probabilities, axis=0)) > len(images) / 2


@pytest.mark.parametrize(
    "form",
    [
        list,
        tuple,
        iter,
        lambda images: (image for image in images),
        lambda images: images[..., 0],
        lambda images: list(images[..., 0]),
        np.asfortranarray,
        lambda images: np.repeat(images, 2, 0)[::2],
        lambda images: iter([images]),
        lambda images: iter([images[:3], images[3], images[4:]]),
        lambda images: iter([images[:3, ..., 0], images[3:]]),
    ],
)
def test_images_may_come_in_any_form(form, classifier, images):
    expected = classifier.predict(images)
    np.testing.assert_allclose(classifier.predict(form(images)), expected, atol=1e-6)


@pytest.mark.parametrize("nothing", [np.empty((0, 8, 8, 1), np.uint8), [], iter(())])
def test_no_images_have_no_probabilities(nothing, classifier):
    assert classifier.predict(nothing).shape == (0, 3)


def test_no_images_have_features_and_distances_of_the_right_shape(classifier):
    output = classifier.examine([])
    assert output.probabilities.shape == (0, 3)
    assert output.features.shape == (0, 6) and output.outlier.shape == (0,)


def test_examining_says_what_predicting_says(classifier, images):
    output = classifier.examine(iter(images))
    np.testing.assert_allclose(output.probabilities, classifier.predict(images), atol=1e-6)
    assert output.features.shape == (len(images), 6) and output.outlier.shape == (len(images),)
    assert (output.outlier >= 0).all()


def test_an_image_is_predicted_whatever_its_neighbours_are(classifier, images):
    alone = [classifier.predict(images[i : i + 1])[0] for i in range(5)]
    np.testing.assert_allclose(alone, classifier.predict(images)[:5], atol=1e-6)


def test_an_iterable_is_read_batch_by_batch_and_never_held_whole(classifier):
    peak = []
    for count in (2 * BATCH_SIZE, 8 * BATCH_SIZE):
        tracemalloc.start()
        stream = (np.full((8, 8, 1), i % 256, np.uint8) for i in range(count))
        assert classifier.predict(stream).shape == (count, 3)
        peak.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    results = 6 * BATCH_SIZE * 3 * 4 * 2  # the probabilities themselves, in parts and together
    images = 6 * BATCH_SIZE * 64
    assert peak[1] - peak[0] < results + images / 4


def test_an_iterable_is_not_read_ahead_of_its_batch(classifier):
    taken = []

    def stream():
        for i in range(3 * BATCH_SIZE):
            taken.append(i)
            yield np.zeros((8, 8, 1), np.uint8)

    batches = classifier._batches(stream())
    next(batches)
    assert len(taken) == BATCH_SIZE


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros((2, 8, 8, 1)), "float64 [2, 8, 8, 1]"),
        (np.zeros((2, 8, 8, 1), np.int64), "int64 [2, 8, 8, 1]"),
        (np.zeros((2, 8, 8, 1), bool), "bool [2, 8, 8, 1]"),
        (np.zeros((2, 9, 8, 1), np.uint8), "uint8 [2, 9, 8, 1]"),
        (np.zeros((2, 8, 8, 3), np.uint8), "uint8 [2, 8, 8, 3]"),
        (np.zeros((2, 1, 8, 8), np.uint8), "uint8 [2, 1, 8, 8]"),
        (np.zeros((8, 8), np.uint8), "uint8 [8, 8]"),
        (np.zeros((2, 64), np.uint8), "uint8 [2, 64]"),
        ([np.zeros((8, 8, 1), np.uint8), np.zeros((5, 8, 1), np.uint8)], "uint8 [5, 8, 1]"),
        ([np.zeros((8, 8, 1))], "float64 [8, 8, 1]"),
        (np.zeros((8, 8, 1), np.uint8), "uint8 [8, 8, 1]"),
        ([np.zeros((2, 9, 8, 1), np.uint8)], "uint8 [2, 9, 8, 1]"),
    ],
)
def test_images_that_do_not_fit_are_refused_with_their_shape_and_the_models(
    given, said, classifier
):
    for method in (classifier.predict, classifier.examine):
        with pytest.raises(ModelError) as caught:
            method(given)
        assert said in str(caught.value)
        assert "takes uint8 [n 8 8 1], pixels from 0 to 255" in str(caught.value)


def test_one_image_alone_is_refused_with_its_own_shape_and_what_to_do(classifier, images):
    for image in (images[0], images[0, ..., 0]):
        with pytest.raises(ModelError, match=r"image\[np\.newaxis\]"):
            classifier.predict(image)
    assert classifier.predict(images[0][np.newaxis]).shape == (1, 3)


def test_large_batches_are_cut_and_small_ones_gathered(classifier):
    sizes = (3, 700, 1, BATCH_SIZE)
    stream = (np.zeros((size, 8, 8, 1), np.uint8) for size in sizes)
    batches = [len(batch) for batch in classifier._batches(stream)]
    assert sum(batches) == sum(sizes) and max(batches) <= BATCH_SIZE


@pytest.mark.parametrize(("image", "said"), [("a.png", "<U5 []"), (None, "object []")])
def test_what_is_no_image_is_refused(image, said, classifier):
    with pytest.raises(ModelError, match=re.escape(said)):
        classifier.predict(iter([image]))


# ---------------------------------------------------------------------------------- loading


def test_a_model_says_what_it_is(content):
    classifier = loads(content, "mine.onnx")
    assert classifier.class_names == NAMES and classifier.image_shape == (8, 8, 1)
    assert classifier.card == CARD and classifier.source == "mine.onnx"
    assert classifier.size_bytes == len(content) and classifier.version


def test_a_model_loads_from_its_file_and_from_its_folder(content, images, tmp_path):
    (tmp_path / "model.onnx").write_bytes(content)
    expected = loads(content).predict(images)
    for path in (tmp_path, tmp_path / "model.onnx", str(tmp_path)):
        assert np.array_equal(load(path).predict(images), expected)


def test_a_missing_model_is_refused_by_its_path(tmp_path):
    with pytest.raises(ModelError, match=r"absent\.onnx cannot be read: No such file"):
        load(tmp_path / "absent.onnx")
    with pytest.raises(ModelError, match=r"model\.onnx cannot be read"):
        load(tmp_path)


def test_a_file_that_is_cut_off_anywhere_is_refused(content):
    for length in range(0, len(content), len(content) // 97):
        with pytest.raises(ModelError):
            loads(content[:length])


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_are_refused(noise):
    with pytest.raises(ModelError, match=r"^mine\.onnx "):
        loads(noise, "mine.onnx")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_damaged_file_is_refused_or_runs_but_never_breaks(content, data):
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        classifier = loads(bytes(damaged))
    except ModelError:
        return
    assert classifier.predict(np.zeros((2, 8, 8, 1), np.uint8)).shape == (2, 3)


def test_damage_is_said_in_the_error_and_nowhere_else(content, capfd):
    # Bytes that are no UTF-8 in a name: the engine prints before it raises, unless told not to.
    with pytest.raises(ModelError):
        loads(content.replace(b"softmax", b"soft\xffax").replace(b"Softmax", b"Soft\xffax"))
    assert capfd.readouterr() == ("", "")


def model_with(content, *, card=None, **changes):
    """The model file with another card, or without one."""
    model = onnx.load_from_string(content)
    kept = {p.key: p.value for p in model.metadata_props}
    if card is None:
        card = {**asdict(CARD), **changes}
    kept[CARD_KEY] = json.dumps(card)
    del model.metadata_props[:]
    helper.set_model_props(model, kept)
    return model.SerializeToString()


def test_an_onnx_file_of_someone_else_is_refused():
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1]) for n in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    with pytest.raises(ModelError, match=r"without 'loupe\.card' in its metadata"):
        loads(model.SerializeToString())
    helper.set_model_props(model, {CARD_KEY: CARD.to_json()})
    with pytest.raises(ModelError, match="its graph is not what its card says"):
        loads(model.SerializeToString())


# Models of before know no certainty.
@pytest.mark.parametrize("field", [name for name in asdict(CARD) if name != "certainty"])
def test_a_card_that_lacks_a_field_is_refused_with_the_field(field, content):
    card = {key: value for key, value in asdict(CARD).items() if key != field}
    with pytest.raises(ModelError, match=rf"card is not readable at: {field}\. Expected a JSON"):
        loads(model_with(content, card=card))


@pytest.mark.parametrize("text", ["", "not json", "3", "null", "[]", "[1, 2]", '"text"', "\x00"])
def test_a_card_that_is_no_object_is_refused(text):
    with pytest.raises(ModelError, match=r"mine\.onnx: its card is not readable at"):
        read_card(text, "mine.onnx")


@pytest.mark.parametrize(
    "changes",
    [{"class_names": ("a", "b")}, {"image_shape": (8, 8, 3)}, {"image_shape": (64, 1, 1)}],
)
def test_a_card_that_speaks_of_another_graph_is_refused(changes, content):
    with pytest.raises(ModelError, match="its graph is not what its card says"):
        loads(model_with(content, **changes))


@pytest.mark.parametrize(
    "changes",
    [{"class_names": "abc"}, {"image_shape": (8, 8)}, {"image_shape": (8, 8, "x")},
     {"outlier_threshold": "high"}, {"framing": 3}],
)  # fmt: skip
def test_a_card_with_a_wrong_value_is_refused_with_the_field(changes, content):
    (field,) = changes
    with pytest.raises(ModelError, match=f"not readable at: {field}"):
        loads(model_with(content, **changes))


def test_a_card_of_a_later_version_may_say_more(content):
    more = model_with(content, card={**asdict(CARD), "new": 3})
    assert loads(more).card == CARD


texts = st.text(max_size=8)
cards = st.fixed_dictionaries(
    {
        "class_names": st.lists(texts, max_size=4).map(tuple),
        "outlier_threshold": st.none() | st.floats(0, 1e6),
        "recipe": st.dictionaries(texts, st.integers() | texts, max_size=3),
        "created": texts,
    }
)


@settings(max_examples=40, deadline=None)
@given(cards)
def test_a_card_reads_back_from_its_json(changes):
    card = Card(**{**asdict(CARD), **changes})
    assert read_card(card.to_json(), "memory") == card


def test_batches_are_of_the_size_that_was_measured(classifier, images):
    sizes = [len(batch) for batch in classifier._batches(images)]
    assert sizes == [engine.BATCH_SIZE] * 5 + [7]
