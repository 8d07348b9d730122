import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loupe.data.labels import encode_labels, natural_order
from loupe.errors import DataError

texts = st.text(alphabet="ab0123 -", min_size=1, max_size=6)


def test_two_sorts_before_ten_and_digits_before_letters():
    assert natural_order(["b10", "10", "b9", "2", "a", "02"]) == ["02", "2", "10", "a", "b9", "b10"]


@settings(max_examples=25)
@given(st.lists(st.integers(0, 10**30), unique=True))
def test_natural_order_of_whole_numbers_is_their_order(numbers):
    assert natural_order(map(str, numbers)) == [str(number) for number in sorted(numbers)]


@settings(max_examples=25)
@given(st.lists(texts, unique=True), st.randoms(use_true_random=False))
def test_natural_order_does_not_depend_on_the_order_given(names, shuffler: random.Random):
    shuffled = list(names)
    shuffler.shuffle(shuffled)
    assert natural_order(shuffled) == natural_order(names)


@settings(max_examples=25)
@given(st.lists(texts, min_size=1) | st.lists(st.integers(-(2**40), 2**40), min_size=1))
def test_every_label_comes_back_as_its_class_name(values):
    labels, names = encode_labels(values, "any")
    assert [names[label] for label in labels] == [str(value) for value in values]
    assert len(set(names)) == len(names) == len(set(values))


def test_numbers_are_sorted_by_value_and_floats_may_be_whole():
    labels, names = encode_labels(np.array([10.0, -1.0, 2.0]), "floats")
    assert names == ("-1", "2", "10")
    assert labels.tolist() == [2, 0, 1]


def test_a_column_of_labels_is_taken_as_a_list():
    assert encode_labels(np.array([[3], [5]]), "cifar")[1] == ("3", "5")


def test_bytes_and_booleans_become_text():
    assert encode_labels(np.array([b"x", b"y"]), "bytes")[1] == ("x", "y")
    assert encode_labels(np.array([True, False]), "flags")[1] == ("False", "True")


def test_numbers_are_positions_where_class_names_are_given():
    labels, names = encode_labels([1, 0, 1], "pets", ["cat", "dog"])
    assert (labels.tolist(), names) == ([1, 0, 1], ("cat", "dog"))


def test_text_is_looked_up_where_class_names_are_given():
    assert encode_labels(["dog", "cat"], "pets", ["dog", "cat"])[0].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("values", "class_names", "words"),
    [
        (np.eye(3), None, "one-hot"),
        (np.zeros((2, 2, 2)), None, "one label for each image"),
        ([0.5, 1.0], None, "label 0 is 0.5"),
        ([np.nan, 1.0], None, "label 0 is nan"),
        (["a", None], None, "label 1 is None"),
        (np.array([1, "a"], dtype=object), None, "label 0 is 1"),
        ([1j], None, "complex"),
        ([1, 2], ["a", "b"], "counted from 1"),
        ([0, 5], ["a", "b"], "label 1 is 5"),
        ([-1, 0], ["a", "b"], "label 0 is -1"),
        (["dgo"], ["dog", "cat"], "Did you mean 'dog'"),
        ([0, 1], ["a", "a"], "more than once"),
    ],
)
def test_labels_that_make_no_sense_are_refused(values, class_names, words):
    with pytest.raises(DataError, match=words):
        encode_labels(values, "bad", class_names)


def test_whole_numbers_too_large_for_any_type_are_names():
    labels, names = encode_labels([10**30, 7, 10**30], "giants")
    assert names == ("7", str(10**30))
    assert labels.tolist() == [1, 0, 1]


def test_whole_numbers_written_as_fractions_are_the_same_class():
    labels, names = encode_labels(["1", "1.0", "10", "2.0"], "pandas")
    assert names == ("1", "2", "10")
    assert labels.tolist() == [0, 0, 2, 1]
    assert encode_labels(["1.0", "1.5", "1"], "versions")[1] == ("1", "1.0", "1.5")
