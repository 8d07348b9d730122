"""`predict`: from a picture to what it says; and many pictures, one after the other."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from loupe.arrays import Image
from loupe.classifier.classifier import BATCH_SIZE, Classifier
from loupe.classifier.pretrained import find_model
from loupe.errors import DataError, LoupeError
from loupe.reading.picture import Given, open_picture
from loupe.reading.reader import glyphs_of, read_picture
from loupe.reading.reading import Reading, text_of
from loupe.reading.setting import fit_frame

BATCH_BYTES = 100_000_000  # of pixels that wait for a batch to be full: two large photos
_ADDRESSES = ("http://", "https://", "ftp://", "data:")


@dataclass(frozen=True, eq=False)
class Answer:
    """What became of one of many pictures.

    Attributes:
        source: what it was named.
        reading: what it says; None where it could not be read.
        picture: its pixels; None where it could not be opened.
        error: what is wrong with it, and what to do.
    """

    source: str
    reading: Reading | None = None
    picture: Image | None = None
    error: str = ""


def predict(
    picture: Given,
    model: Classifier | str | os.PathLike[str] | None = None,
    *,
    layout: str = "auto",
    top: int = 3,
) -> Reading:
    """Read a photo, scan or drawing.

    Args:
        picture: a path, the bytes of an image file, a Pillow image, or an array `[h w]` or
            `[h w c]`. Addresses are not followed.
        model: a `Classifier`, the path of a model.onnx or run folder, or the name of a model that
            ships with Loupe ("mnist", "fashion-mnist"); by default its digit reader.
        layout: what is on it: "single" (all ink is one glyph), "line", "page", "auto" (find out),
            or "frame" (the picture is already as the training images are).
        top: how many guesses each glyph keeps.

    Returns:
        Its `text`, with `?` for glyphs that are none of the model's classes, and each glyph.

    Raises:
        DataError: it is no picture, damaged or too large, or there is no such layout.
        ModelError: there is no such model.
    """
    _require_top(top)
    return read_picture(_opened(picture, ""), find_model(model), layout, top)


def predict_each(
    pictures: Iterable[tuple[str, Given]],
    classifier: Classifier,
    *,
    layout: str = "auto",
    top: int = 3,
) -> Iterator[Answer]:
    """Read many pictures in their order; only a few of them are in memory at a time.

    Pictures of the layout "frame" are classified in batches: ten times as quick as one by one.

    Args:
        pictures: what each is named, and what holds it.
        classifier: the model.
        layout: as of `predict`.
        top: as of `predict`.

    Returns:
        An answer for each; those that cannot be read carry an error, and the rest goes on.

    Raises:
        DataError: there is no such layout (at the first picture).
    """
    _require_top(top)
    answers = (_open_one(source, given) for source, given in pictures)
    if layout == "frame":
        return _in_batches(answers, classifier, top)
    return (_read_one(answer, classifier, layout, top) for answer in answers)


def _open_one(source: str, given: Given) -> Answer:
    try:
        return Answer(source, picture=_opened(given, source))
    except LoupeError as error:
        return Answer(source, error=str(error))


def _read_one(answer: Answer, classifier: Classifier, layout: str, top: int) -> Answer:
    if answer.picture is None:
        return answer
    reading = read_picture(answer.picture, classifier, layout, top)
    return Answer(answer.source, reading, answer.picture)


def _in_batches(answers: Iterator[Answer], classifier: Classifier, top: int) -> Iterator[Answer]:
    batch: list[Answer] = []
    num_bytes = 0
    for answer in answers:
        batch.append(answer)
        num_bytes += 0 if answer.picture is None else answer.picture.nbytes
        if len(batch) == BATCH_SIZE or num_bytes >= BATCH_BYTES:
            yield from _read_batch(batch, classifier, top)
            batch, num_bytes = [], 0
    yield from _read_batch(batch, classifier, top)


def _read_batch(batch: Sequence[Answer], classifier: Classifier, top: int) -> Iterator[Answer]:
    pictures = [answer.picture for answer in batch if answer.picture is not None]
    readings = iter(_read_frames(pictures, classifier, top))
    for answer in batch:
        if answer.picture is None:
            yield answer
        else:
            yield Answer(answer.source, next(readings), answer.picture)


def _read_frames(pictures: Sequence[Image], classifier: Classifier, top: int) -> Iterator[Reading]:
    """Read pictures that are as the training images are: what `read_picture` does, all at once."""
    shape = classifier.image_shape
    frames = np.empty((len(pictures), *shape), np.uint8)
    for place, picture in enumerate(pictures):
        frames[place] = fit_frame(picture, shape)
    sizes = [(picture.shape[1], picture.shape[0]) for picture in pictures]
    boxes = [(0, 0, *size) for size in sizes]
    glyphs = glyphs_of(boxes, [0] * len(boxes), frames, classifier, top)
    for size, glyph in zip(sizes, glyphs, strict=True):
        yield Reading(text_of((glyph,)), (glyph,), size, "frame")


def _opened(given: Given, source: str) -> Image:
    if isinstance(given, str) and given.lower().startswith(_ADDRESSES):
        raise DataError(
            f"{given[:60]} is an address; Loupe downloads no pictures. Save it to a file first."
        )
    return open_picture(given, source)


def _require_top(top: int) -> None:
    if not isinstance(top, (int, np.integer)) or top < 1:
        raise DataError(f"top is {top!r}; expected how many guesses to keep, 1 or more.")
