import numpy as np
import pytest

from loupe.data.dataset import TEST, Dataset, Rows
from loupe.examination.evaluation import Evaluation, evaluate
from loupe.examination.metrics import confusion_matrix, measure, measure_classes
from loupe.examination.mistakes import confused_pairs, has_learnt, mistakes, weak_classes


def _evaluation(matrix, names=None, confidence=0.6) -> Evaluation:
    """An evaluation with this confusion matrix."""
    matrix = np.array(matrix)
    k = len(matrix)
    labels, guesses = (
        np.repeat(side, matrix.ravel()) for side in np.indices((k, k)).reshape(2, -1)
    )
    n = len(labels)
    probabilities = np.full((n, k), (1 - confidence) / (k - 1), np.float32)
    probabilities[np.arange(n), guesses] = confidence
    names = names or tuple(str(i) for i in range(k))
    images = np.zeros((n, 4, 4, 1), np.uint8)
    data = Dataset("m", images, labels, np.full(n, TEST, np.uint8), names, Rows("m", n))
    return Evaluation(
        dataset=data,
        probabilities=probabilities,
        features=None,
        outlier=np.zeros(n, np.float32),
        split="test",
        metrics=measure(labels, probabilities),
        per_class=measure_classes(matrix, names),
        confusion_matrix=confusion_matrix(labels, guesses, k),
        looks_at_test=1,
    )


def test_mistakes_are_listed_most_confident_first_with_three_guesses(tiny_dataset, nearest_mean):
    evaluation = evaluate(nearest_mean(tiny_dataset.train), tiny_dataset, ledger=None)
    found = mistakes(evaluation)
    assert sorted(one.index for one in found) == evaluation.wrong.tolist()
    confidences = [one.guesses[0][1] for one in found]
    assert confidences == sorted(confidences, reverse=True)
    for one in found:
        assert one.label == tiny_dataset.class_names[evaluation.labels[one.index]]
        assert one.source == evaluation.sources[one.index]
        names, chances = zip(*one.guesses, strict=True)
        assert set(names) == set(tiny_dataset.class_names)
        assert names[0] != one.label
        assert list(chances) == sorted(chances, reverse=True)
        assert sum(chances) == pytest.approx(1, abs=1e-5)
    assert mistakes(evaluation, limit=2) == found[:2]


def test_a_faultless_reading_has_no_mistakes_no_pairs_and_no_weak_class():
    evaluation = _evaluation(np.diag([10, 10, 10]))
    assert mistakes(evaluation) == confused_pairs(evaluation) == weak_classes(evaluation) == ()


def test_two_classes_have_two_guesses():
    assert [len(one.guesses) for one in mistakes(_evaluation([[9, 1], [0, 10]]))] == [2]


# Post 004's matrix for its 99.46 % network.
POST_004 = [
    [978, 0, 0, 0, 0, 0, 1, 1, 0, 0],
    [0, 1135, 0, 0, 0, 0, 0, 0, 0, 0],
    [1, 0, 1026, 0, 0, 0, 0, 5, 0, 0],
    [0, 1, 0, 1006, 0, 3, 0, 0, 0, 0],
    [0, 0, 1, 0, 976, 0, 1, 0, 0, 4],
    [0, 0, 0, 4, 0, 887, 1, 0, 0, 0],
    [6, 2, 0, 0, 1, 1, 947, 0, 1, 0],
    [0, 3, 2, 1, 0, 0, 0, 1021, 0, 1],
    [1, 0, 1, 0, 0, 1, 0, 1, 970, 0],
    [0, 1, 1, 0, 5, 1, 0, 1, 0, 1000],
]


def test_the_pairs_of_post_004_come_by_count_and_small_counts_prove_nothing():
    found = confused_pairs(_evaluation(POST_004))
    assert [(one.label, one.guess, one.count) for one in found[:3]] == [
        ("6", "0", 6),
        ("9", "4", 5),
        ("2", "7", 5),
    ]
    assert found[0].of == 958
    assert "6 is taken for 0 in 6 of 958 images (0.6 %" in found[0].advice
    assert "collect more varied images of 6" in found[0].advice
    five = next(one for one in found if one.label == "5")
    assert five.count == 4
    assert "too few to conclude" in five.advice
    assert "collect" not in five.advice


def test_the_weakest_class_of_post_004_is_six_and_only_what_is_beyond_chance_is_named():
    found = weak_classes(_evaluation(POST_004))
    assert [one.name for one in found] == ["6"]
    assert "most often it is taken for 0 (6)" in found[0].advice


def test_a_pair_that_is_mixed_up_both_ways_needs_more_of_both():
    found = confused_pairs(_evaluation([[880, 20], [15, 885]]))
    assert "and 1 for 0 in 15" in found[0].advice
    assert "images of both" in found[0].advice


def test_classes_that_overlap_are_called_so_and_their_names_are_quoted():
    evaluation = _evaluation([[800, 200], [20, 980]], names=("T-shirt/top", "Shirt"))
    advice = confused_pairs(evaluation)[0].advice
    assert advice.startswith("'T-shirt/top' is taken for Shirt in 200 of 1,000 images (20.0 %")
    assert "the two overlap" in advice


def test_classes_are_not_called_alike_by_a_model_that_has_learnt_nothing():
    for matrix in ([[2, 90, 8], [3, 90, 7], [4, 90, 6]], [[60, 40], [800, 100]]):
        evaluation = _evaluation(matrix)
        assert not has_learnt(evaluation)
        advice = confused_pairs(evaluation)[0].advice
        assert "it has learnt too little yet" in advice
        assert "overlap" not in advice
    assert has_learnt(_evaluation([[80, 20], [30, 70]]))


def test_labels_are_suspected_only_where_the_classifier_was_sure():
    matrix = [[900, 30, 0], [1, 900, 0], [0, 0, 900]]
    assert (
        "Look at the labels of the 30"
        in confused_pairs(_evaluation(matrix, confidence=0.97))[0].advice
    )
    assert "labels" not in confused_pairs(_evaluation(matrix, confidence=0.6))[0].advice


def test_one_mistake_is_spoken_of_in_the_singular():
    advice = confused_pairs(_evaluation([[9, 1], [0, 10]], confidence=0.97))[0].advice
    assert "Look at it. Look at the label of the one that it was sure of first." in advice


def test_the_share_of_a_pair_has_its_interval_and_the_list_its_limit():
    found = confused_pairs(_evaluation(POST_004), limit=4)
    assert len(found) == 4
    assert all(one.low < one.share == one.count / one.of < one.high for one in found)


def test_ties_in_count_are_broken_by_share():
    found = confused_pairs(_evaluation([[90, 10, 0], [0, 990, 10], [0, 0, 10]]))
    assert [one.label for one in found] == ["0", "1"]
