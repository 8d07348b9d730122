"""The `Classifier`: one model file, run by ONNX Runtime, as everyone after training sees it."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from loupe.arrays import Distances, Features, Images, Probabilities
from loupe.classifier.card import CARD_KEY, VERSION_KEY, Card, read_card
from loupe.errors import ModelError

# Images in one call of the engine: enough to keep two cores busy, small enough for their caches
# (measured for the `fast` network: benchmarks/inference.py).
BATCH_SIZE = 256


@dataclass(frozen=True, eq=False)
class Output:
    """All that a model file says of some images.

    Attributes:
        probabilities: float32 `[n k]`.
        features: penultimate activations, float32 `[n d]`.
        outlier: how strange each image is, float32 `[n]`: how surprising it would be as one of the
            classes, in nats. The card has the threshold.
    """

    probabilities: Probabilities
    features: Features
    outlier: Distances


@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained model: raw pixels in, probabilities out.

    Attributes:
        session: the engine with the model file in it.
        card: what the file says about itself.
        source: where the file came from.
        version: of Loupe that wrote it.
        size_bytes: length of the file.
    """

    session: onnxruntime.InferenceSession
    card: Card
    source: str
    version: str
    size_bytes: int

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the columns of the probabilities."""
        return self.card.class_names

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the images that it takes."""
        return self.card.image_shape

    def predict(self, images: Images | Iterable[np.ndarray]) -> Probabilities:
        """Give the probability of each class for each image.

        Args:
            images: uint8 `[n h w c]` (or `[n h w]` for grey), or any iterable of single images or
                of such batches, which is read batch by batch and never held whole.

        Returns:
            float32 `[n k]`; each row sums to 1.

        Raises:
            ModelError: the images have another shape or type than the model was trained on.
        """
        parts = [self._run(batch, ["probabilities"])[0] for batch in self._batches(images)]
        empty = np.empty((0, len(self.class_names)), np.float32)
        return np.concatenate([empty, *parts])

    def examine(self, images: Images | Iterable[np.ndarray]) -> Output:
        """Give probabilities, features and outlier distances, as `predict` takes the images."""
        names = ["probabilities", "features", "outlier"]
        parts = [self._run(batch, names) for batch in self._batches(images)]
        parts = parts or [self._run(np.empty((0, *self.image_shape), np.uint8), names)]
        return Output(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _run(self, images: Images, names: list[str]) -> list[np.ndarray]:
        options = onnxruntime.RunOptions()
        # Without it the engine also computes the outputs that were not asked for.
        options.only_execute_path_to_fetches = True
        outputs: list[np.ndarray] = self.session.run(names, {"images": images}, options)
        return outputs

    def _batches(self, images: Images | Iterable[np.ndarray]) -> Iterator[Images]:
        if isinstance(images, np.ndarray):
            yield from _cut(self._checked(images))
            return
        if isinstance(images, (str, os.PathLike)):
            raise ModelError(
                f"Images were expected, not the path {str(images)!r}. Read them first: "
                f"loupe.read({str(images)!r}).images."
            )
        waiting: list[Images] = []
        for item in images:
            waiting.append(self._checked(np.asarray(item), may_be_single=True))
            if sum(map(len, waiting)) >= BATCH_SIZE:
                yield from _cut(np.concatenate(waiting))
                waiting = []
        if waiting:
            yield from _cut(np.concatenate(waiting))

    def _checked(self, given: np.ndarray, *, may_be_single: bool = False) -> Images:
        """Images as `[n h w c]`; a single one becomes a batch of one, where that is allowed."""
        shape = tuple(self.image_shape)
        is_single = given.shape == shape or (shape[2] == 1 and given.shape == shape[:2])
        images = given[np.newaxis] if is_single and may_be_single else given
        if images.ndim == 3:
            images = images[..., np.newaxis]
        if images.dtype != np.uint8 or images.shape[1:] != shape:
            expected = " ".join(map(str, shape))
            what_to_do = (
                "Give one image as a batch of one: image[np.newaxis]."
                if is_single and not may_be_single
                else "Read them with the size of its card."
            )
            raise ModelError(
                f"The images are {given.dtype} {list(given.shape)}; this model takes uint8 "
                f"[n {expected}], pixels from 0 to 255. {what_to_do}"
            )
        return images


def _cut(images: Images) -> Iterator[Images]:
    for start in range(0, len(images), BATCH_SIZE):
        yield images[start : start + BATCH_SIZE]


def load(path: str | os.PathLike[str]) -> Classifier:
    """Load a model file, or the model of a run folder.

    Raises:
        ModelError: there is no such file, or it is not a model that Loupe wrote.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "model.onnx"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"The model {path} cannot be read: {error.strerror}. Expected a model.onnx, "
            "or the folder of a finished run."
        ) from error
    return loads(content, str(path))


def loads(content: bytes, source: str = "memory") -> Classifier:
    """Load a model from the bytes of its file.

    Raises:
        ModelError: they are not a model that Loupe wrote.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only: its warnings speak of its own optimizations
    try:
        session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"], enable_fallback=0
        )
        metadata = session.get_modelmeta().custom_metadata_map
        inputs, outputs = (
            {end.name: (end.type, end.shape[1:]) for end in ends}
            for ends in (session.get_inputs(), session.get_outputs())
        )
    except Exception as error:  # the engine raises a class of its own for each kind of damage
        reason = str(error).partition("\n")[0]
        raise ModelError(f"{source} is not a readable ONNX file: {reason}") from error
    if CARD_KEY not in metadata:
        raise ModelError(
            f"{source} is an ONNX file without '{CARD_KEY}' in its metadata: "
            "Loupe runs only models that it trained, because it needs their class names."
        )
    card = read_card(metadata[CARD_KEY], source)
    ends = {**inputs, **outputs}
    if (
        inputs != {"images": ("tensor(uint8)", list(card.image_shape))}
        or ends.get("probabilities") != ("tensor(float)", [len(card.class_names)])
        or not {"features", "outlier"} <= outputs.keys()
    ):
        raise ModelError(
            f"{source}: its graph is not what its card says: {ends}. Expected uint8 images "
            f"[n {' '.join(map(str, card.image_shape))}] to probabilities "
            f"[n {len(card.class_names)}], features and outlier. Export the model again."
        )
    return Classifier(session, card, source, metadata.get(VERSION_KEY, "?"), len(content))
