"""What `LoupeClassifier` takes, gives, keeps and refuses."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import loupe
from loupe.classifier.classifier import loads
from loupe.data.dataset import Dataset
from loupe.estimator import LoupeClassifier

QUICK = {"recipe": "logistic", "epochs": 6, "batch_size": 32, "learning_rate": 0.05}


def quick(**parameters: object) -> LoupeClassifier:
    return LoupeClassifier(**{**QUICK, "random_state": 0, **parameters})


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """500 of scikit-learn's digits as rows of 64 numbers from 0 to 16."""
    images, labels = load_digits(return_X_y=True)
    return images[:500], labels[:500]


@pytest.fixture(scope="module")
def fitted(digits) -> LoupeClassifier:
    images, labels = digits
    return quick().fit(images[:400], labels[:400])


def test_digits_are_read(fitted, digits):
    images, labels = digits
    assert fitted.score(images[400:], labels[400:]) > 0.8
    assert fitted.image_shape_ == (8, 8, 1)
    assert fitted.classifier_.class_names == tuple("0123456789")


def test_rows_maps_and_channels_are_the_same_images(fitted, digits):
    rows, labels = digits
    expected = fitted.predict_proba(rows)
    for shape in ((-1, 8, 8), (-1, 8, 8, 1)):
        images = rows.reshape(shape)
        np.testing.assert_array_equal(fitted.predict_proba(images), expected)
        again = quick().fit(images[:400], labels[:400])
        np.testing.assert_array_equal(again.predict_proba(images), expected)


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32, np.float64])
def test_the_scale_of_the_numbers_does_not_matter(kind, fitted, digits):
    rows, labels = digits
    given = (rows * 15).astype(kind)  # 0..240: no pixel changes its rank, or its share of the range
    again = quick().fit(given[:400], labels[:400])
    np.testing.assert_array_equal(again.predict_proba(given), fitted.predict_proba(rows))


def test_photos_in_colour_are_taken(tiny_dataset: Dataset):
    colour = np.repeat(tiny_dataset.images[:120], 3, axis=3) / 255.0
    labels = tiny_dataset.labels[:120]
    classifier = quick().fit(colour, labels)
    assert classifier.image_shape_ == (8, 8, 3)
    assert classifier.predict(colour.reshape(120, -1)).shape == (120,)


def test_a_table_is_an_image_one_pixel_high():
    flowers, kinds = load_iris(return_X_y=True)
    classifier = quick(epochs=40).fit(flowers, kinds)
    assert classifier.image_shape_ == (1, 4, 1)
    assert classifier.levels_.low.ravel().tolist() == flowers.min(axis=0).tolist()
    assert classifier.score(flowers, kinds) > 0.9


def test_a_square_number_of_columns_can_be_a_table(digits):
    rows, labels = digits
    assert quick(image_shape="table", epochs=1).fit(rows, labels).image_shape_ == (1, 64, 1)
    assert quick(image_shape=(4, 16), epochs=1).fit(rows, labels).image_shape_ == (4, 16, 1)


def test_what_lies_outside_of_the_training_range_is_cut_off(fitted, digits):
    rows = digits[0][:3]
    far = np.where(rows == 16, 1e9, np.where(rows == 0, -1e9, rows))
    np.testing.assert_array_equal(fitted.predict_proba(far), fitted.predict_proba(rows))


def test_labels_come_back_as_they_were_given(digits):
    rows, labels = digits
    names = np.array(["zero", "one", "two", "three"])[labels % 4]
    classifier = quick().fit(rows, names)
    assert classifier.classes_.tolist() == ["one", "three", "two", "zero"]
    assert set(classifier.predict(rows)) == set(names)
    assert quick(epochs=1).fit(rows, labels % 2 == 0).predict(rows).dtype == bool


def test_probabilities_sum_to_one_and_decide(fitted, digits):
    given = fitted.predict_proba(digits[0])
    np.testing.assert_allclose(given.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_array_equal(fitted.classes_[given.argmax(axis=1)], fitted.predict(digits[0]))


def test_the_same_random_state_gives_the_same_model(fitted, digits):
    rows, labels = digits
    assert not np.array_equal(
        quick(random_state=1).fit(rows[:400], labels[:400]).predict_proba(rows),
        fitted.predict_proba(rows),
    )
    several = [
        quick(random_state=np.random.RandomState(3)).fit(rows, labels).predict_proba(rows)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*several)


def test_its_history_is_plotted_as_keras_is(fitted):
    history = fitted  # of Keras: history = model.fit(...)
    for name in ("loss", "val_loss", "accuracy", "val_accuracy"):
        assert len(history.history[name]) == 6
    assert fitted.history_["loss"][-1] < fitted.history_["loss"][0]
    assert all(type(value) is float for value in fitted.history_["accuracy"])


def test_plotting_code_that_loops_over_all_figures_finds_keras_four_in_keras_order(fitted):
    his_dict = fitted.history
    keys = list(his_dict.keys())
    drawn = []
    for i in range(len(his_dict)):  # each one of the panels of add_subplot(2, 2, i + 1)
        drawn.append((keys[i % 2], keys[(i + 2) % 2 + 2]))
        assert len(his_dict[drawn[-1][0]][1:]) == len(his_dict[drawn[-1][1]][1:]) == 5
    assert drawn == [("loss", "val_loss"), ("accuracy", "val_accuracy")] * 2


def test_the_figures_have_the_names_of_old_keras_and_all_others_of_loupe(fitted):
    his_dict = fitted.history_
    assert his_dict["acc"] == his_dict["accuracy"]
    assert his_dict["val_acc"] == his_dict["val_accuracy"]
    for name in ("precision", "val_recall", "learning_rate", "seconds"):
        assert len(his_dict[name]) == 6
    with pytest.raises(KeyError, match="no figure 'mae'; there are seconds, learning_rate, loss"):
        his_dict["mae"]


def test_weights_decide_between_contradictory_labels(digits):
    images = np.concatenate([digits[0][:200]] * 2)
    labels = np.repeat(["one", "other"], 200)
    for heavy in ("one", "other"):
        weights = np.where(labels == heavy, 9.0, 1.0)
        classifier = quick(validation=0).fit(images, labels, sample_weight=weights)
        share = classifier.predict_proba(images)[:, list(classifier.classes_).index(heavy)].mean()
        assert 0.8 < share < 0.98  # nine to one


def test_images_of_weight_zero_are_as_if_they_were_not_there(fitted, digits):
    rows, labels = digits
    weights = (np.arange(500) < 400).astype(float)
    weighted = quick().fit(rows, labels, sample_weight=weights)
    np.testing.assert_array_equal(weighted.predict_proba(rows), fitted.predict_proba(rows))


def test_without_validation_there_are_no_figures_of_it(digits):
    assert "val_loss" not in quick(validation=0, epochs=1).fit(*digits).history_


def test_it_is_pickled_as_plain_values_and_a_model_file(fitted, digits):
    state = fitted.__getstate__()
    assert loads(state["model_"]).class_names == tuple("0123456789")
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(digits[0]), fitted.predict_proba(digits[0]))
    assert not hasattr(clone(again), "model_")


WITHOUT_TORCH = """
import importlib.abc, pickle, sys
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {"torch", "onnx", "safetensors"}:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
sys.meta_path.insert(0, Refuse())
import numpy as np
classifier = pickle.load(open("classifier.pickle", "rb"))
print(classifier.predict(np.load("rows.npy")).tolist())
"""


@pytest.mark.slow
def test_what_was_learned_predicts_without_torch(fitted, digits, tmp_path):
    (tmp_path / "classifier.pickle").write_bytes(pickle.dumps(fitted))
    np.save(tmp_path / "rows.npy", digits[0][:5])
    command = [sys.executable, "-c", WITHOUT_TORCH]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == str(fitted.predict(digits[0][:5]).tolist())


def test_a_damaged_pickle_is_refused(fitted):
    state = {**fitted.__getstate__(), "model_": b"nothing"}
    with pytest.raises(loupe.LoupeError, match="not a readable ONNX file"):
        LoupeClassifier().__setstate__(state)


def test_nothing_is_left_on_disk_unless_asked(digits, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    quick(epochs=1).fit(*digits)
    assert not list(tmp_path.iterdir())
    quick(epochs=1, out="run").fit(*digits)
    assert loupe.open_run("run").is_finished
    with pytest.raises(loupe.LoupeError, match="not empty"):
        quick(epochs=1, out="run").fit(*digits)


def test_settings_reach_the_recipe(digits, tmp_path: Path):
    given = {"augmentation.rotation": 5, "epochs": 2}
    quick(settings=given, out=tmp_path / "run", epochs=None).fit(*digits)
    recipe = loupe.open_run(tmp_path / "run").recipe
    assert (recipe.augmentation.rotation, recipe.epochs, recipe.learning_rate) == (5, 2, 0.05)


def test_pipelines_searches_and_calibration_take_it(digits):
    rows, labels = digits
    steps = make_pipeline(StandardScaler(), quick(epochs=3, image_shape="table"))
    assert cross_val_score(steps, rows, labels, cv=2).mean() > 0.6
    search = GridSearchCV(quick(epochs=2), {"learning_rate": [1e-5, 0.05]}, cv=2)
    assert search.fit(rows, labels).best_params_ == {"learning_rate": 0.05}
    calibrated = CalibratedClassifierCV(quick(epochs=2), cv=2).fit(rows, labels)
    assert calibrated.predict_proba(rows[:2]).shape == (2, 10)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"recipe": "fsat"}, "Did you mean 'fast'"),
        ({"settings": {"epoch": 3}}, "Did you mean 'epochs'"),
        ({"epochs": 0}, "greater than or equal to 1"),
        ({"image_shape": (3, 3)}, "images of 3 x 3 values"),
        ({"image_shape": "square"}, "expected 'auto', 'table'"),
    ],
)
def test_what_does_not_fit_is_refused_by_fit(parameters, said, digits):
    with pytest.raises(loupe.LoupeError, match=said):
        quick(**parameters).fit(*digits)


def test_convolutions_on_a_table_are_refused():
    flowers, kinds = load_iris(return_X_y=True)
    with pytest.raises(loupe.LoupeError, match="only 1x4"):
        quick(network="8C3-MP2").fit(flowers, kinds)


def test_images_of_another_size_are_refused(fitted):
    with pytest.raises(loupe.LoupeError, match="images of 8 x 8 values"):
        fitted.predict(np.zeros((2, 9, 9)))
    with pytest.raises(ValueError, match="expecting 64 features"):
        fitted.predict(np.zeros((2, 63)))
    with pytest.raises(NotFittedError):
        quick().predict(np.zeros((2, 8, 8)))
