"""From labels as people write them (numbers or names) to positions in `class_names`."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from loupe.arrays import Labels
from loupe.errors import DataError, did_you_mean

_LARGEST = 2.0**53  # up to here every whole number has a floating-point number of its own
_WHOLE_NUMBER = re.compile(r"-?[0-9]+(\.0*)?")
_DIGITS = re.compile(r"([0-9]+)")


def natural_order(names: Iterable[str]) -> list[str]:
    """Sort names as people count: "2" before "10", "page 9" before "page 10".

    Example:
        >>> natural_order(["10", "2", "b", "a"])
        ['2', '10', 'a', 'b']
    """
    return sorted(names, key=_natural_key)


def _natural_key(name: str) -> tuple[list[tuple[str, int, str]], str]:
    """Digits compare by their length without zeros, then as text: that is their value."""
    texts, numbers = _DIGITS.split(name)[::2], _DIGITS.split(name)[1::2]
    values = [number.lstrip("0") for number in numbers] + [""]
    parts = [(text, len(value), value) for text, value in zip(texts, values, strict=True)]
    return parts, name


def encode_labels(
    values: Any, name: str, class_names: Sequence[str] | None = None
) -> tuple[Labels, tuple[str, ...]]:
    """Turn labels of any kind into positions in `class_names`.

    Without `class_names` the classes are the labels that occur, in natural order. With them, whole
    numbers are positions (counted from 0) and text is looked up.

    Args:
        values: one label an image: whole numbers or text.
        name: the data set's name, for messages.
        class_names: the classes in order, where they are known.

    Raises:
        DataError: labels are missing, one-hot, fractions, or outside `class_names`.

    Example:
        >>> labels, names = encode_labels(["cat", "ant", "cat"], "zoo")
        >>> labels.tolist(), names
        ([1, 0, 1], ('ant', 'cat'))
    """
    array = _plain(one_each(np.asarray(values), name), name)
    if class_names is None:
        return _numbered(array)
    names = _distinct(class_names, name)
    if array.dtype.kind in "iu":
        _require_positions(array, names, name)
        return array.astype(np.int64), names
    return _looked_up(array, names, name), names


def one_each(array: np.ndarray, name: str) -> np.ndarray:
    """Give the labels as a list, one an image, also where axes of length 1 are left over.

    Raises:
        DataError: there are more to an image than one, as in one-hot rows, or it is no list.

    Example:
        >>> one_each(np.array([[3], [4]]), "as keras' CIFAR-10 has them").tolist()
        [3, 4]
    """
    if array.ndim > 1 and set(array.shape[1:]) == {1}:
        return array.reshape(-1)
    if array.ndim == 2 and array.shape[1] > 1:
        raise DataError(
            f"{name}: the labels have the shape {list(array.shape)}, but each image needs one "
            "label. If they are one-hot rows, give labels.argmax(axis=1)."
        )
    if array.ndim != 1:
        raise DataError(
            f"{name}: the labels have the shape {list(array.shape)}; expected a list with one "
            "label for each image."
        )
    return array


def _plain(array: np.ndarray, name: str) -> np.ndarray:
    """Bring the labels to whole numbers or text, or say why that is not possible."""
    match array.dtype.kind:
        case "i" | "u" | "U":
            return array
        case "b":
            return array.astype(str)
        case "S":
            return _decoded(array, name)
        case "f":
            return _whole(array, name)
        case "O" | "T":
            return _from_objects(array, name)
    raise DataError(
        f"{name}: labels of the type {array.dtype} were given; expected whole numbers or text."
    )


def _decoded(array: np.ndarray, name: str) -> np.ndarray:
    """Read labels that were stored as bytes."""
    try:
        return np.char.decode(array, "utf-8")
    except UnicodeDecodeError:
        bad = next(i for i, label in enumerate(array.tolist()) if not _is_utf8(label))
    raise DataError(
        f"{name}: label {bad} is {bytes(array[bad])!r}, bytes that are no UTF-8; expected text or "
        "whole numbers. Save the labels as UTF-8 text or as numbers."
    )


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _whole(array: np.ndarray, name: str) -> np.ndarray:
    bad = np.flatnonzero(~(np.abs(array) <= _LARGEST) | (array != np.floor(array)))
    if len(bad):
        raise DataError(
            f"{name}: label {bad[0]} is {array[bad[0]]} ({len(bad)} like it); expected whole "
            "numbers or text. Give every image a class."
        )
    return array.astype(np.int64)


def _from_objects(array: np.ndarray, name: str) -> np.ndarray:
    values = array.tolist()
    if all(isinstance(value, str) for value in values):
        return np.array(values, dtype=str)
    if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return np.array(values, dtype=np.int64 if max(map(abs, values)) < 2**63 else str)
    odd = next(i for i, value in enumerate(values) if not isinstance(value, str))
    raise DataError(
        f"{name}: label {odd} is {values[odd]!r}; expected text, or whole numbers, for all images. "
        "Give every image a class, all of one kind."
    )


def _numbered(array: np.ndarray) -> tuple[Labels, tuple[str, ...]]:
    """Number the labels that occur: whole numbers by value, text in natural order."""
    found, positions = np.unique(array, return_inverse=True)
    if array.dtype.kind in "iu":
        return positions.astype(np.int64), tuple(map(str, found))
    names = as_whole_numbers(found.tolist())
    ordered = natural_order(set(names))
    place = {label: position for position, label in enumerate(ordered)}
    order = np.array([place[label] for label in names], np.int64)
    return order[positions], tuple(ordered)


def as_whole_numbers(labels: Sequence[str]) -> list[str]:
    """Write labels without `.0` where all are whole numbers: 1 and 1.0 are one class, not two.

    Example:
        >>> as_whole_numbers(["1", "1.0", "2.00"]), as_whole_numbers(["1.0", "1.5"])
        (['1', '1', '2'], ['1.0', '1.5'])
    """
    if not all(map(_WHOLE_NUMBER.fullmatch, labels)):
        return list(labels)
    return [label.partition(".")[0] for label in labels]


def as_text(array: np.ndarray, name: str) -> list[str]:
    """Give the names that an array holds, as text or as bytes of UTF-8.

    Raises:
        DataError: bytes are no UTF-8.

    Example:
        >>> as_text(np.array([b"cat", b"dog"]), "pets")
        ['cat', 'dog']
    """
    plain = array.ravel()
    return [str(each) for each in (_decoded(plain, name) if array.dtype.kind == "S" else plain)]


def _distinct(class_names: Sequence[str], name: str) -> tuple[str, ...]:
    names = tuple(map(str, class_names))
    twice = next((known for known in names if names.count(known) > 1), None)
    if twice is not None:
        raise DataError(
            f"{name}: the class name '{twice}' was given more than once; each class needs its own."
        )
    return names


def _require_positions(array: np.ndarray, names: tuple[str, ...], name: str) -> None:
    bad = np.flatnonzero((array < 0) | (array >= len(names)))
    if len(bad):
        advice = (
            " They seem to be counted from 1: subtract 1."
            if array.min() == 1 and array.max() == len(names)
            else ""
        )
        raise DataError(
            f"{name}: label {bad[0]} is {array[bad[0]]} ({len(bad)} like it), but with "
            f"{len(names)} class names labels go from 0 to {len(names) - 1}.{advice}"
        )


def _looked_up(array: np.ndarray, names: tuple[str, ...], name: str) -> Labels:
    place = {known: position for position, known in enumerate(names)}
    found, positions = np.unique(array, return_inverse=True)
    for label in found.tolist():
        if label not in place:
            raise DataError(
                f"{name}: the label '{label}' is none of the {len(names)} class names."
                f"{did_you_mean(label, names)} Name every class that occurs."
            )
    return np.array([place[label] for label in found.tolist()], np.int64)[positions]
