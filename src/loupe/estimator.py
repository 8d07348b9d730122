"""`LoupeClassifier`: Loupe's training as a scikit-learn estimator.

It keeps scikit-learn's contract (clone, pipelines, searches, calibration, joblib) and trains as
`loupe.train` does. What it has learned is a model file, kept as bytes: predicting needs no torch.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_is_fitted,
    validate_data,
)

import loupe
from loupe.classifier.classifier import Classifier, loads
from loupe.data.dataset import Dataset
from loupe.data.levels import measure_levels, to_levels
from loupe.data.memory import dataset_from_arrays
from loupe.data.pixels import square_shape
from loupe.errors import DataError
from loupe.recipes.named import settled
from loupe.recipes.recipe import Recipe, changed
from loupe.runs.history import History
from loupe.runs.run import MODEL_FILE

KERAS_NAMES = ("loss", "accuracy", "val_loss", "val_accuracy")
OLD_KERAS_NAMES = {"acc": "accuracy", "val_acc": "val_accuracy"}

# Settings of a recipe that are parameters of their own; the others go into `settings`.
EVERYDAY = (
    "network", "epochs", "batch_size", "learning_rate", "optimizer", "activation", "validation",
    "minutes", "device",
)  # fmt: skip
FITTED = "the fitted LoupeClassifier"  # where its model comes from, for messages
IMAGE_VALUES = 64  # a row of at least so many values, if they make a square, is an image


class KerasHistory(dict[str, list[float]]):
    """Figures of each epoch as a tutorial's plotting code expects them of Keras.

    It holds what Keras holds and in that order: "loss", "accuracy", and their "val_" where there
    was validation. Asked by name it gives the others too ("precision", "val_recall",
    "learning_rate", "seconds"), and "acc" and "val_acc" as Keras called them before 2019.

    Example:
        >>> history = KerasHistory({"seconds": [0.1], "accuracy": [0.9], "loss": [0.3]})
        >>> list(history), history["acc"], history["seconds"]
        (['loss', 'accuracy'], [0.9], [0.1])
    """

    def __init__(self, figures: Mapping[str, list[float]]) -> None:
        super().__init__({name: figures[name] for name in KERAS_NAMES if name in figures})
        self.figures = figures

    def __missing__(self, name: str) -> list[float]:
        """Give a figure that Keras' history has not, or has by another name."""
        known = OLD_KERAS_NAMES.get(name, name)
        if known not in self.figures:
            raise KeyError(f"no figure {name!r}; there are {', '.join(self.figures)}")
        return self.figures[known]


class LoupeClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A classifier of small images, and of tables, that scikit-learn can use as one of its own.

    Images are `[n h w]`, `[n h w c]` with one or three channels, or rows `[n h*w]` of square ones.
    Rows that are no square image of at least 8 x 8 values are a table: images one pixel high.
    The model takes 8 bits a value. The range of the training images is spread over 0..255, that of
    a table column by column, and later values are cut off at its ends.

    Args:
        recipe: the name of a recipe, a recipe file, or a `Recipe`.
        network: as in the recipe, like all that follow up to `device`; None leaves it as it is.
        epochs: passes over the training images.
        batch_size: images in one optimizer step.
        learning_rate: the highest that the schedule reaches.
        optimizer: "adamw" and others.
        activation: what follows each layer.
        validation: fraction of the training images kept for `val_` figures and calibration.
        minutes: time budget in place of epochs.
        device: "auto", "cpu" or "cuda".
        settings: any other settings of the recipe: `{"augmentation.rotation": 5}`.
        image_shape: `(h, w)` or `(h, w, c)` of images given as rows, or "table"; "auto": square
            images where rows have at least 64 values.
        random_state: of everything random; the same whole number gives the same model.
        out: folder to keep the run in; None: nothing is left on disk.

    Attributes:
        classes_: the labels, in the order of the columns of `predict_proba`.
        history_: figures of each epoch in Keras' form: `history_["loss"]`, `["val_accuracy"]`, and
            by name only, `["precision"]`, `["learning_rate"]`, `["seconds"]` and the rest.
        image_shape_: height, width and channels that the model takes.
        levels_: what 0 and 255 stand for.
        model_: the bytes of `model.onnx`.
        n_features_in_: values of an image, as `h * w`.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> flowers, kinds = load_iris(return_X_y=True)
        >>> classifier = LoupeClassifier(epochs=5, random_state=0).fit(flowers, kinds)
        >>> classifier.predict_proba(flowers[:2]).shape
        (2, 3)
    """

    # Any: what does not fit is refused by `fit`, as scikit-learn wants it.
    def __init__(
        self,
        recipe: Any = "fast",
        *,
        network: Any = None,
        epochs: Any = None,
        batch_size: Any = None,
        learning_rate: Any = None,
        optimizer: Any = None,
        activation: Any = None,
        validation: Any = None,
        minutes: Any = None,
        device: Any = None,
        settings: Any = None,
        image_shape: Any = "auto",
        random_state: Any = None,
        out: Any = None,
    ) -> None:
        self.recipe = recipe
        self.network = network
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.activation = activation
        self.validation = validation
        self.minutes = minutes
        self.device = device
        self.settings = settings
        self.image_shape = image_shape
        self.random_state = random_state
        self.out = out

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "LoupeClassifier":
        """Train on images or a table `X` with labels `y`.

        Args:
            X: the images, or a table.
            y: a label for each.
            sample_weight: how often training draws each, relative to the others; those of 0 are
                left out altogether. Validation images all count alike.

        Raises:
            DataError: one class only, or rows that are not of `image_shape`.
            RecipeError: a setting or the network does not fit the data.
        """
        values, labels = validate_data(self, X, y, allow_nd=True)
        check_classification_targets(labels)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, values, ensure_non_negative=True)
            counts = sample_weight > 0
            values, labels, sample_weight = values[counts], labels[counts], sample_weight[counts]
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            known = self.classes_.tolist()
            raise DataError(f"y holds one class only, {known}: a classifier needs at least two.")
        shaped = _shaped(values, self.image_shape)
        self.image_shape_: tuple[int, int, int] = shaped.shape[1:]
        self.n_features_in_ = shaped[0].size  # as rows or as maps: they are the same images
        self.levels_ = measure_levels(shaped, each_column=self.image_shape_[0] == 1)
        dataset = dataset_from_arrays(
            to_levels(shaped, self.levels_), codes, name="arrays", class_names=_names(self.classes_)
        )
        self._train(dataset, sample_weight)
        return self

    def predict_proba(self, X: Any) -> Float64[np.ndarray, "n k"]:
        """Give the probability of each class, in the order of `classes_`."""
        check_is_fitted(self, "model_")
        if _is_stack(X):
            values = check_array(X, allow_nd=True)
        else:
            values = validate_data(self, X, reset=False)
        shaped = _shaped(values, self.image_shape_)
        given = self.classifier_.predict(to_levels(shaped, self.levels_)).astype(np.float64)
        rows: np.ndarray = given / given.sum(axis=1, keepdims=True)  # float32: 1 within 1e-7 only
        return rows

    def predict(self, X: Any) -> np.ndarray:
        """Give the most probable label of each image."""
        guesses = self.predict_proba(X).argmax(axis=1)
        labels: np.ndarray = self.classes_[guesses]
        return labels

    @property
    def classifier_(self) -> Classifier:
        """The trained model, as `loupe.load` gives it; it takes the images' 8-bit levels."""
        check_is_fitted(self, "model_")
        return self._classifier

    @property
    def history_(self) -> KerasHistory:
        """Figures of each epoch in Keras' form."""
        check_is_fitted(self, "model_")
        return KerasHistory(self._figures)

    @property
    def history(self) -> KerasHistory:
        """The same as `history_`: what `fit` returns can be plotted like what Keras' returns."""
        return self.history_

    def _train(self, dataset: Dataset, weights: np.ndarray | None) -> None:
        """Train, and keep the model file and the history."""
        recipe = self._chosen(dataset)
        with tempfile.TemporaryDirectory(prefix="loupe-") as folder:
            out = Path(self.out or Path(folder) / "run")
            run = loupe.train(dataset, recipe, out=out, image_weights=weights)
            if run.environment["interrupted"]:  # a search has to end, too
                raise KeyboardInterrupt
            self._figures = _by_name(run.history)
            self.model_ = (run.folder / MODEL_FILE).read_bytes()
        self._classifier = loads(self.model_, FITTED)

    def _chosen(self, dataset: Dataset) -> Recipe:
        """Settle the recipe, as `loupe train` does: what was asked for overrules its variants."""
        recipe = self.recipe if isinstance(self.recipe, Recipe) else loupe.recipe(self.recipe)
        asked = {key: getattr(self, key) for key in EVERYDAY if getattr(self, key) is not None}
        generator = check_random_state(self.random_state)
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = generator.randint(2**31 - 1)
        overrides = {"seed": int(seed), **(self.settings or {}), **asked}
        return changed(settled(recipe, dataset), overrides)

    def __getstate__(self) -> dict[str, Any]:
        """Give what is kept when it is pickled: plain values and the bytes of the model file."""
        state: dict[str, Any] = dict(super().__getstate__())
        state.pop("_classifier", None)
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Bring it back; the model file is checked as any other."""
        super().__setstate__(dict(state))
        if "model_" in state:
            self._classifier = loads(self.model_, FITTED)

    def __sklearn_tags__(self) -> Any:
        """Say what it takes."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _is_stack(given: Any) -> bool:
    """Whether these are images that are no rows."""
    if isinstance(given, list):
        return np.ndim(given) > 2
    return len(getattr(given, "shape", ())) > 2


def _shaped(values: np.ndarray, image_shape: Sequence[int] | str) -> np.ndarray:
    """Bring what was given to `[n h w c]`."""
    if values.ndim == 3:
        values = values[..., np.newaxis]
    if image_shape == "table" and values.ndim == 2:
        return values[:, np.newaxis, :, np.newaxis]
    if isinstance(image_shape, str):
        return _guessed(values, image_shape)
    height, width, channels = (*image_shape, 1)[:3]
    fits = values[0].size == height * width * channels
    if not fits or (values.ndim == 4 and values.shape[1:] != (height, width, channels)):
        raise DataError(
            f"X has the shape {list(values.shape)}, but images of {height} x {width} values in "
            f"{channels} channel(s) are expected. Give them in that shape, or as rows of "
            f"{height * width * channels} values."
        )
    return values.reshape(-1, height, width, channels)


def _guessed(values: np.ndarray, image_shape: str) -> np.ndarray:
    if image_shape != "auto":
        raise DataError(
            f"image_shape = {image_shape!r}; expected 'auto', 'table', (h, w) or (h, w, c)."
        )
    if values.ndim == 4 and values.shape[3] in (1, 3):
        return values
    if values.ndim == 2:
        square = square_shape(values.shape[1]) if values.shape[1] >= IMAGE_VALUES else None
        return values.reshape(-1, *(square or (1, values.shape[1], 1)))
    raise DataError(
        f"X has the shape {list(values.shape)}; expected [n h w], or [n h w c] with 1 (grey) or 3 "
        "(colour) channels, or rows."
    )


def _names(classes: np.ndarray) -> tuple[str, ...]:
    return tuple(str(label) for label in classes.tolist())


def _by_name(history: History) -> dict[str, list[float]]:
    """Figures by name, one value an epoch; `val_` figures only where there was validation."""
    rows = [asdict(row) for row in history]
    names = [name for name in rows[0] if name != "epoch"]
    if not any(row.is_validated for row in history):
        names = [name for name in names if not name.startswith("val_")]
    return {name: [row[name] for row in rows] for name in names}
