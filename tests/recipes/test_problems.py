from typing import get_args

import pytest

from loupe.errors import RecipeError
from loupe.recipes.heads import PROBLEMS, concerned, draws_for_itself, problems_of
from loupe.recipes.recipe import Balance, Head, Recipe


def test_every_head_and_every_pair_has_its_networks():
    assert PROBLEMS.keys() == set(get_args(Head))
    assert [len(problems_of(head, 10)) for head in PROBLEMS] == [0, 10, 45]
    pairs = {(problem.positive, problem.negative) for problem in problems_of("one-vs-one", 5)}
    assert len(pairs) == 10 and all(first < second for first, second in pairs)


def test_one_vs_one_of_too_many_classes_is_refused_with_the_count():
    assert len(problems_of("one-vs-one", 20)) == 190
    with pytest.raises(RecipeError, match=r"26 classes make 325 networks.*at most 20.*rest"):
        problems_of("one-vs-one", 26)
    assert len(problems_of("one-vs-rest", 26)) == 26


def test_the_networks_of_a_class_are_those_that_name_it():
    assert concerned(problems_of("one-vs-rest", 4), 2) == (2,)
    pairs = problems_of("one-vs-one", 4)
    assert all(2 in (pairs[i].positive, pairs[i].negative) for i in concerned(pairs, 2))
    assert len(concerned(pairs, 2)) == 3


def test_networks_draw_for_themselves_where_their_images_differ():
    apart = {
        (head, balance): draws_for_itself(Recipe(name="mine", head=head, balance=balance))
        for head in get_args(Head)
        for balance in get_args(Balance)
    }
    assert not any(apart["softmax", balance] for balance in get_args(Balance))
    assert all(apart["one-vs-one", balance] for balance in get_args(Balance))
    resampled = [balance for balance in get_args(Balance) if apart["one-vs-rest", balance]]
    assert resampled == ["under-sample", "over-sample"]
