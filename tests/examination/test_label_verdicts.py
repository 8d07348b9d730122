import json
from dataclasses import replace

import numpy as np
import pytest

from loupe.data.dataset import Dataset, Rows
from loupe.errors import MissingExtraError
from loupe.examination import labels_confident
from loupe.examination.labels_confident import ConfidentLearning, confident_learning
from loupe.examination.labels_evidence import (
    Evidence,
    blank_images,
    disagreeing_twins,
    margins,
)
from loupe.examination.labels_neighbours import nearest, votes
from loupe.examination.labels_ranking import doubted, exchange_weights, label_scores
from loupe.examination.labels_verdicts import suspects, suspicious, verdict_on
from loupe.examination.labels_views import views
from loupe.examination.labels_wants import wants

NAMES = ("cat", "dog", "hen")


def evidence_of(labels, probabilities, votes_=None, **others) -> Evidence:
    n, shares = len(labels), np.array(probabilities, np.float32)
    known = {
        "agreement": np.ones(n, np.float32),
        "looked": np.full(n, votes_ is not None),
        "nearest": np.zeros((n, 10), np.int64),
        "votes": np.zeros_like(shares) if votes_ is None else np.array(votes_, np.float32),
        "outlier": np.zeros(n, np.float32),
        "blank": np.zeros(n, bool),
        "twins": {},
    }
    return Evidence(labels=np.array(labels), probabilities=shares, **{**known, **others})


def data_of(n) -> Dataset:
    images = np.random.default_rng(0).integers(0, 256, (n, 4, 4, 1), np.uint8)
    return Dataset("pets", images, np.zeros(n, np.int64), np.zeros(n, np.uint8), NAMES,
                   Rows("pets", n))  # fmt: skip


def score_of(evidence, index=0) -> float:
    return float(label_scores(evidence)[index])


def verdict(said, heard, label=0, **others):
    evidence = evidence_of([label], [said], [heard], **others)
    return verdict_on(evidence, 0, score_of(evidence))


def test_a_label_that_networks_and_neighbours_contradict_is_suspect():
    assert verdict([0.01, 0.98, 0.01], [0, 1, 0]) == "label suspect"


def test_a_label_that_neighbours_share_is_right_and_the_model_weak():
    assert verdict([0.2, 0.7, 0.1], [0.9, 0.1, 0]) == "model weak here"


def test_two_likely_classes_are_ambiguous():
    assert verdict([0.4, 0.6, 0], [0.4, 0.6, 0]) == "ambiguous"


def test_what_is_like_nothing_or_blank_is_no_valid_image():
    unlike = np.array([1.7], np.float32)
    assert verdict([0.3, 0.4, 0.3], [0.4, 0.3, 0.3], outlier=unlike) == "not a valid image"
    assert verdict([0, 1, 0], [0, 1, 0], blank=np.array([True])) == "not a valid image"


def test_an_unusual_image_that_is_read_surely_is_valid():
    unlike = np.array([1.7], np.float32)
    assert verdict([0.01, 0.98, 0.01], [0, 1, 0], outlier=unlike) == "label suspect"


def test_an_equal_image_with_another_label_makes_a_right_reading_ambiguous():
    assert verdict([0.95, 0.05, 0], [1, 0, 0], twins={0: (4,)}) == "ambiguous"


def test_scores_are_between_0_and_1_and_rise_with_the_label():
    shares = np.array([[p, 1 - p, 0] for p in np.linspace(0, 1, 11)], np.float32)
    scores = label_scores(evidence_of([0] * 11, shares))
    assert (np.diff(scores) > 0).all()
    assert scores.min() >= 0 and scores.max() <= 1


def test_of_two_readings_the_common_exchange_is_more_suspicious():
    labels = np.repeat([0, 1, 2, 3], 50)
    shares = np.eye(4, dtype=np.float32)[labels] * 0.9 + 0.025
    shares[50:80] = shares[0]  # thirty that are read as 0 have the label 1
    weights = exchange_weights(labels, shares)
    assert weights[0, 1] > 1 > weights[0, 2]
    doubtful = np.array([[0.8, 0.1, 0.05, 0.05], [0.8, 0.05, 0.1, 0.05]], np.float32)
    evidence = evidence_of(np.append(labels, [1, 2]), np.concatenate([shares, doubtful]))
    scores = label_scores(evidence)
    assert scores[-2] < scores[-1]


def test_where_flips_go_everywhere_no_pair_weighs_more():
    generator = np.random.default_rng(0)
    truth = np.repeat(np.arange(8), 200)
    flips = generator.random(1600) < 0.2
    labels = np.where(flips, (truth + generator.integers(1, 8, 1600)) % 8, truth)
    shares = (np.eye(8)[truth] * 0.9 + 0.0125).astype(np.float32)
    weights = exchange_weights(labels, shares)
    assert np.array_equal(weights, 1 - np.eye(8))


def test_blank_images_come_first():
    scores = label_scores(
        evidence_of([0, 0], [[1, 0, 0], [0, 1, 0]], blank=np.array([True, False]))
    )
    assert scores[0] == 0 < scores[1]


def test_an_equal_image_with_another_label_lowers_the_score():
    alone = score_of(evidence_of([0], [[0.9, 0.1, 0]]))
    assert score_of(evidence_of([0], [[0.9, 0.1, 0]], twins={0: (3,)})) < alone


def test_planted_flips_are_ranked_before_hard_images():
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 3, 400)
    labels = truth.copy()
    labels[:20] = (truth[:20] + 1) % 3
    shares = np.full((400, 3), 0.02, np.float32)
    shares[np.arange(400), truth] = 0.96
    shares[20:60] = 0.3  # hard ones
    shares[np.arange(20, 60), truth[20:60]] = 0.4
    order = np.argsort(label_scores(evidence_of(labels, shares)), kind="stable")
    assert set(order[:20].tolist()) == set(range(20))


def test_a_quarter_and_at_least_a_thousand_are_looked_at():
    assert doubted(np.zeros(8_000, np.float32)).sum() == 2_000
    assert doubted(np.zeros(600, np.float32)).sum() == 600
    chosen = doubted(np.linspace(1, -1, 8_000, dtype=np.float32))
    assert chosen[-2_000:].all()


def test_margins_are_between_the_label_and_its_rival():
    shares = np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]], np.float32)
    assert margins(np.array([0, 2]), shares) == pytest.approx([0.2, -0.3])


def test_nearest_are_found_as_by_sorting_all_angles():
    generator = np.random.default_rng(0)
    references, queries = (generator.normal(size=(n, 5)).astype(np.float32) for n in (40, 6))
    found = nearest(references, queries, count=4)
    unit = [a / np.linalg.norm(a, axis=1, keepdims=True) for a in (references, queries)]
    assert np.array_equal(found, np.argsort(-(unit[1] @ unit[0].T), axis=1)[:, :4])
    assert nearest(references[:2], queries, count=4).shape == (6, 2)


def test_votes_are_shares():
    shares = votes(np.array([[0, 1], [2, 2]]), np.array([0, 1, 2]), 3)
    assert shares.tolist() == [[0.5, 0.5, 0], [0, 0, 1]]


def test_twins_are_found_only_where_labels_differ():
    images = np.random.default_rng(0).integers(0, 256, (6, 3, 3, 1), np.uint8)
    images[3], images[5] = images[0], images[1]
    labels = np.array([0, 1, 2, 1, 0, 1])
    assert disagreeing_twins(images, labels, images, labels) == {0: (3,), 3: (0,)}


def test_blank_images_are_of_one_value():
    images = np.zeros((3, 2, 2, 1), np.uint8)
    images[1] = 200
    images[2, 0, 0] = 1
    assert blank_images(images).tolist() == [True, True, False]


def test_views_keep_shape_and_are_as_many_as_the_augmentation_has_kinds():
    images = np.random.default_rng(0).integers(0, 256, (3, 12, 12, 3), np.uint8)
    strong = {"shift": 1.5, "rotation": 10, "scale": 0.1, "flip": "horizontal"}
    varied = list(views(images, strong))
    assert len(varied) == 9
    assert all(view.shape == images.shape and view.dtype == np.uint8 for view in varied)
    assert np.array_equal(varied[-1], images[:, :, ::-1])
    assert list(views(images, {"flip": "none"})) == []
    assert len(list(views(images[:0], strong))) == 9


def test_confident_learning_finds_planted_flips():
    truth = np.arange(300) % 3
    labels = truth.copy()
    labels[:15] = (truth[:15] + 1) % 3
    shares = np.full((300, 3), 0.05, np.float32)
    shares[np.arange(300), truth] = 0.9
    found = confident_learning(labels, shares)
    assert np.flatnonzero(found.flagged).tolist() == list(range(15))
    assert found.estimate == 15


def test_confident_learning_does_without_a_class_that_does_not_occur():
    shares = np.tile(np.array([0.9, 0.1, 0.0], np.float32), (40, 1))
    shares[20:] = [0.1, 0.9, 0.0]
    labels = np.repeat([0, 1], 20)
    assert not confident_learning(labels, shares).flagged.any()
    assert not confident_learning(np.zeros(40, np.int64), shares).flagged.any()


def test_without_cleanlab_it_is_said_how_to_install_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cleanlab", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'loupe\[labels\]'"):
        labels_confident.require_cleanlab()


@pytest.fixture
def some() -> tuple[Dataset, Evidence, ConfidentLearning]:
    """Twelve images: the first wrongly labelled, the second ambiguous, the rest fine."""
    shares = np.tile(np.array([0.96, 0.02, 0.02], np.float32), (12, 1))
    shares[0], shares[1] = [0.01, 0.98, 0.01], [0.45, 0.5, 0.05]
    evidence = evidence_of([0] * 12, shares, shares)
    return data_of(12), evidence, ConfidentLearning(np.arange(12) == 0, 1)


def test_only_what_is_in_doubt_gets_a_verdict(some):
    dataset, evidence, confident = some
    assert np.flatnonzero(suspicious(evidence, confident)).tolist() == [0, 1]
    scores = label_scores(evidence)
    found = suspects(dataset, dataset, evidence, confident, scores, np.argsort(scores))
    assert [(one.rank, one.index, one.verdict) for one in found] == [
        (1, 0, "label suspect"),
        (2, 1, "ambiguous"),
    ]
    first = found[0]
    assert (first.label, first.proposed, first.is_flagged) == ("cat", "dog", True)
    assert first.guesses[0] == ("dog", pytest.approx(0.98))
    assert first.votes == (("dog", 10),)  # a tenth of a neighbour is none
    assert "read as 'dog' (98 %)" in first.reason
    assert found[1].proposed is None


def test_pairs_in_doubt_and_lonely_images_are_wanted():
    n = 60
    shares = np.tile(np.array([0.96, 0.02, 0.02], np.float32), (n, 1))
    shares[:6] = [0.6, 0.39, 0.01]
    outlier = np.zeros(n, np.float32)
    outlier[10:14] = 2
    evidence = evidence_of([0] * n, shares, outlier=outlier)
    pair, thin = wants(data_of(n), evidence, ())
    assert pair.what == "cat / dog" and pair.number == 6
    assert "'cat' and 'dog'" in pair.advice
    assert thin.what == "cat" and thin.number == 4 and set(thin.shown) == {10, 11, 12, 13}


def test_nothing_is_wanted_where_nothing_is_in_doubt():
    evidence = evidence_of([0] * 9, [[0.96, 0.02, 0.02]] * 9)
    assert wants(data_of(9), evidence, ()) == ()


def test_wrong_labels_want_no_company(some):
    dataset, evidence, confident = some
    scores = label_scores(evidence)
    found = suspects(dataset, dataset, evidence, confident, scores, np.argsort(scores))
    lonely = replace(evidence, outlier=np.full(12, 2, np.float32))
    shown = {index for want in wants(dataset, lonely, found) for index in want.shown}
    assert 0 not in shown and json.dumps(sorted(shown))
