"""`loupe.predict` and `predict_each`: the same answer from whatever holds a picture."""

import io
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

import loupe
from loupe.classifier.classifier import BATCH_SIZE, Classifier
from loupe.data.dataset import Dataset
from loupe.errors import DataError, ModelError
from loupe.reading import predict as module
from loupe.reading.predict import predict_each
from loupe.recipes.recipe import changed


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return loupe.read("digits")


@pytest.fixture(scope="module")
def classifier(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """A small model of scikit-learn's digits."""
    recipe = changed(loupe.recipe("logistic"), {"epochs": 2})
    return loupe.train(digits, recipe, out=tmp_path_factory.mktemp("run")).classifier


def drawn(text: str = "1 7") -> np.ndarray:
    """Blue ink on paper that is darker to the right."""
    page = np.full((120, 300, 3), 235, np.float32) - np.linspace(0, 50, 300)[None, :, None]
    page = np.ascontiguousarray(page.astype(np.uint8))
    cv2.putText(page, text, (40, 90), cv2.FONT_HERSHEY_SIMPLEX, 2.5, (40, 50, 130), 6, cv2.LINE_AA)
    return page


def test_a_path_bytes_an_array_and_a_pillow_image_are_read_alike(classifier, tmp_path):
    page = drawn()
    file = io.BytesIO()
    Pillow.fromarray(page).save(file, "PNG")
    path = tmp_path / "page.png"
    path.write_bytes(file.getvalue())
    forms = (path, str(path), file.getvalue(), page, Pillow.fromarray(page))
    readings = [loupe.predict(form, classifier) for form in forms]
    assert all(isinstance(reading, loupe.Reading) for reading in readings)
    for reading in readings[1:]:
        assert reading.to_dict() == readings[0].to_dict()
    assert readings[0].size == (300, 120)
    assert len(readings[0].glyphs) >= 2


def test_a_model_is_a_classifier_a_file_a_folder_or_a_name(classifier, digits):
    frame = digits.images[0]
    file = Path(classifier.source)
    expected = loupe.predict(frame, classifier, layout="frame").to_dict()
    for model in (file, str(file), file.parent):
        assert loupe.predict(frame, model, layout="frame").to_dict() == expected
    with pytest.raises(ModelError, match=r"'mnits'. Did you mean 'mnist'\?.*fashion-mnist"):
        loupe.predict(frame, "mnits")


def test_a_frame_is_given_to_the_model_as_it_is(classifier, digits):
    expected = classifier.predict(digits.images[:20])
    for image, row in zip(digits.images[:20], expected, strict=True):
        reading = loupe.predict(image, classifier, layout="frame", top=10)
        (glyph,) = reading.glyphs
        np.testing.assert_array_equal(glyph.frame, image)
        assert [sure for _, sure in glyph.guesses] == pytest.approx(sorted(row, reverse=True))
        assert glyph.guesses[0][0] == classifier.class_names[row.argmax()]
        assert reading.text in (glyph.guesses[0][0], "?")


def test_frames_read_in_batches_are_read_as_one_by_one(classifier, digits):
    images = digits.images[: 2 * BATCH_SIZE + 3]
    pictures = [(str(i), image) for i, image in enumerate(images)]
    pictures.insert(5, ("broken", b"no picture"))
    answers = list(predict_each(pictures, classifier, layout="frame"))
    assert [answer.source for answer in answers] == [source for source, _ in pictures]
    assert answers[5].reading is None
    assert "broken cannot be read" in answers[5].error
    del answers[5]
    for answer, image in list(zip(answers, images, strict=True))[::40]:
        alone = loupe.predict(image, classifier, layout="frame")
        assert answer.reading is not None
        assert answer.reading.text == alone.text
        assert answer.reading.glyphs[0].outlier == pytest.approx(alone.glyphs[0].outlier, rel=1e-4)


@pytest.mark.parametrize(("layout", "most"), [("frame", BATCH_SIZE), ("auto", 1)])
def test_pictures_are_opened_when_their_turn_comes(classifier, digits, layout, most):
    opened = []

    def endless():
        for number in range(10**9):
            opened.append(number)
            yield str(number), digits.images[number % 100]

    answers = predict_each(endless(), classifier, layout=layout)
    next(answers)
    assert len(opened) == most


def test_large_pictures_do_not_wait_for_a_full_batch(classifier, monkeypatch):
    monkeypatch.setattr(module, "BATCH_BYTES", 3 * 40 * 40)
    opened = []

    def endless():
        for number in range(10**9):
            opened.append(number)
            yield str(number), np.full((40, 40), number % 256, np.uint8)

    answers = predict_each(endless(), classifier, layout="frame")
    assert [next(answers).source for _ in range(4)] == ["0", "1", "2", "3"]
    assert len(opened) == 6


def test_what_is_over_the_threshold_is_refused(classifier, digits):
    strict = replace(classifier, card=replace(classifier.card, outlier_threshold=-1e9))
    lax = replace(classifier, card=replace(classifier.card, outlier_threshold=None))
    assert loupe.predict(digits.images[0], strict, layout="frame").text == "?"
    assert loupe.predict(digits.images[0], lax, layout="frame").text != "?"


def test_mistakes_are_named(classifier):
    with pytest.raises(DataError, match="an address; Loupe downloads no pictures"):
        loupe.predict("https://example.org/7.png", classifier)
    with pytest.raises(DataError, match="nosuch.png cannot be read: No such file"):
        loupe.predict("nosuch.png", classifier)
    with pytest.raises(DataError, match="no layout 'lines'"):
        loupe.predict(drawn(), classifier, layout="lines")
    with pytest.raises(DataError, match="1 or more"):
        loupe.predict(drawn(), classifier, top=0)
    with pytest.raises(DataError, match="it is text, not an image"):
        loupe.predict(b"hello", classifier)


def test_a_reading_shows_itself_in_a_notebook_with_its_names_escaped(classifier, digits):
    card = replace(classifier.card, class_names=("<script>", *"123456789"))
    reading = loupe.predict(digits.images[0], replace(classifier, card=card), layout="frame")
    shown = reading._repr_html_()
    assert "&lt;script&gt;" in shown
    assert "<script" not in shown
    assert shown.count("<img") == 1
    assert "nothing was found" in loupe.Reading("", (), (1, 1), "auto")._repr_html_()


def test_a_reading_in_plain_values_has_no_number_that_json_lacks(classifier, digits):
    glyph = loupe.predict(digits.images[0], classifier, layout="frame").glyphs[0]
    assert replace(glyph, outlier=float("inf")).to_dict()["outlier"] is None
    assert glyph.to_dict()["outlier"] == pytest.approx(glyph.outlier, abs=1e-5)
