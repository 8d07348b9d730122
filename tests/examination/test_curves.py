import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loupe.examination.curves import verdict
from loupe.runs.history import Epoch


def _history(loss, val_loss, accuracy=None, val_accuracy=None, rates=None):
    """A history of these curves; accuracies follow the losses where they are not given."""
    epochs = len(loss)
    accuracy = 1 - np.asarray(loss) / 4 if accuracy is None else accuracy
    val_accuracy = 1 - np.asarray(val_loss) / 4 if val_accuracy is None else val_accuracy
    rates = np.full(epochs, 1e-3) if rates is None else rates
    columns = zip(rates, loss, accuracy, val_loss, val_accuracy, strict=True)
    return tuple(
        Epoch(i, 1.0, *(float(x) for x in (rate, a, b, b, b, c, d, d, d)))
        for i, (rate, a, b, c, d) in enumerate(columns, start=1)
    )


def _decay(epochs, start, end, time):
    return end + (start - end) * np.exp(-np.arange(epochs) / time)


def _words(found):
    return " ".join(found.sentences)


def test_curves_like_post_004s_are_read_as_the_post_reads_them():
    """Lowest at epoch 20, rising a little after it, 100 epochs too many, 30 enough."""
    val_loss = _decay(100, 0.25, 0.0312, 2.8) + 0.0001 * np.maximum(0, np.arange(100) - 19)
    history = _history(
        _decay(100, 0.3, 0.0005, 8), val_loss, val_accuracy=_decay(100, 0.95, 0.9946, 3)
    )
    found = verdict(history)
    assert found.best_epoch == 20
    assert found.converged_at is not None
    assert 15 <= found.converged_at <= 20
    assert found.overfits_since is not None
    assert 20 < found.overfits_since <= 40
    assert found.enough_epochs is not None
    assert 27 <= found.enough_epochs <= 33
    assert found.sentences[0].startswith(
        "Validation loss was lowest at epoch 20 (0.0314) and rose to 0.0392 by epoch 100"
    )
    assert f"{found.enough_epochs} of the 100 epochs would have done." in found.sentences
    assert "Validation accuracy did not suffer" in _words(found)


# The curves of post 001's `64N-32N` as scikit-learn's MLPClassifier trained it with the post's
# settings (Adam 1e-3, batch 128, 42,000 images, 18,000 for validation): MNIST for 15 epochs,
# Fashion-MNIST for 30.
MNIST_LOSS = """.2390 .1605 .1274 .1071 .0914 .0782 .0684 .0601 .0526 .0455 .0399 .0333 .0296 .0264
    .0246"""
MNIST_VAL_LOSS = """.2386 .1775 .1542 .1418 .1338 .1271 .1239 .1213 .1192 .1175 .1167 .1145 .1168
    .1184 .1221"""
MNIST_ACCURACY = """.9319 .9535 .9624 .9677 .9722 .9762 .9793 .9820 .9840 .9865 .9882 .9907 .9916
    .9926 .9928"""
MNIST_VAL_ACCURACY = """.9331 .9482 .9540 .9583 .9604 .9623 .9636 .9646 .9651 .9656 .9657 .9664
    .9671 .9676 .9667"""
FASHION_LOSS = """.4824 .3990 .3662 .3478 .3336 .3209 .3119 .3027 .2956 .2866 .2788 .2724 .2665
    .2613 .2595 .2557 .2510 .2467 .2377 .2377 .2357 .2323 .2328 .2227 .2171 .2170 .2117 .2097 .2044
    .2055"""
FASHION_VAL_LOSS = """.4882 .4080 .3816 .3691 .3606 .3537 .3498 .3461 .3442 .3410 .3384 .3373 .3361
    .3375 .3403 .3412 .3412 .3429 .3399 .3458 .3490 .3534 .3592 .3538 .3541 .3597 .3602 .3638 .3643
    .3685"""
FASHION_ACCURACY = """.8290 .8612 .8706 .8766 .8809 .8847 .8879 .8899 .8921 .8953 .8974 .8995 .9013
    .9040 .9036 .9048 .9064 .9077 .9118 .9116 .9120 .9134 .9126 .9170 .9190 .9191 .9219 .9218 .9247
    .9244"""
FASHION_VAL_ACCURACY = """.8238 .8565 .8652 .8703 .8707 .8744 .8767 .8783 .8785 .8798 .8810 .8821
    .8826 .8825 .8832 .8814 .8826 .8829 .8840 .8830 .8819 .8815 .8818 .8831 .8843 .8822 .8829 .8825
    .8833 .8821"""


def _recorded(*columns):
    return _history(*(np.array(column.split(), float) for column in columns))


def test_post_001s_training_on_mnist_had_converged_before_its_end():
    """The post: validation accuracy does not rise with more epochs."""
    found = verdict(_recorded(MNIST_LOSS, MNIST_VAL_LOSS, MNIST_ACCURACY, MNIST_VAL_ACCURACY))
    assert (found.best_epoch, found.converged_at) == (12, 10)
    assert found.overfits_since is None
    assert not found.still_improving
    assert "It ended higher, at 0.1221" in _words(found)
    assert "a gap of 2.6 points" in _words(found)


def test_post_001s_training_on_fashion_mnist_over_fits():
    """The post: it over-fits; reduce the epochs."""
    found = verdict(
        _recorded(FASHION_LOSS, FASHION_VAL_LOSS, FASHION_ACCURACY, FASHION_VAL_ACCURACY)
    )
    assert (found.best_epoch, found.overfits_since, found.enough_epochs) == (13, 20, 18)
    assert found.sentences[0].startswith(
        "Validation loss was lowest at epoch 13 (0.3361) and rose to 0.3685 by epoch 30, while "
        "training loss went from 0.2665 to 0.2055: since epoch 20 the network over-fits"
    )
    assert "18 of the 30 epochs would have done." in found.sentences


def test_a_settled_training_that_needed_its_epochs_is_told_they_were_right():
    found = verdict(_history(_decay(10, 0.5, 0.05, 1.1), _decay(10, 0.5, 0.05, 1.1)))
    assert found.converged_at == 8
    assert found.overfits_since is None
    assert found.enough_epochs is None
    assert "10 epochs were about right." in found.sentences
    assert "run close together" in _words(found)


def test_accuracies_are_compared_only_over_enough_validation_images():
    history = _history(
        *[_decay(10, 0.5, 0.05, 1.1)] * 2, accuracy=np.full(10, 0.98), val_accuracy=np.full(10, 1.0)
    )
    assert "4 validation images are too few to compare the two." in _words(verdict(history, 4))
    assert "That is no fault" in _words(verdict(history, 5_000))


def test_a_gap_beyond_chance_is_told_however_few_the_images():
    loss = _decay(10, 0.5, 0.05, 1.1)
    history = _history(loss, loss, accuracy=np.full(10, 0.98), val_accuracy=np.full(10, 0.5))
    said = _words(verdict(history, 40))
    assert "too few to compare" not in said
    assert "a gap of 48.0 points" in said


def test_accuracies_that_answer_different_questions_are_not_compared():
    loss = _decay(10, 0.5, 0.05, 1.1)
    history = _history(loss, loss, accuracy=np.full(10, 0.6), val_accuracy=np.full(10, 0.6))
    assert verdict(history).underfits
    found = verdict(history, comparable=False)
    assert not found.underfits
    assert "training accuracy" not in _words(found).lower()
    assert found.converged_at == verdict(history).converged_at


def test_a_training_that_has_hardly_begun_has_not_converged():
    """Two classes read as by guessing, after three epochs: no loss is far from the lowest."""
    loss, val_loss = (0.859, 0.835, 0.81), (0.8726, 0.8656, 0.8586)
    history = _history(loss, val_loss, accuracy=(0.45, 0.47, 0.477), val_accuracy=(0.5,) * 3)
    found = verdict(history, 12)
    assert found.converged_at is None
    assert found.still_improving
    assert not found.underfits
    assert "More epochs would probably help: try 5." in found.sentences


def test_accuracies_far_apart_are_never_called_close():
    history = _history(
        *[_decay(10, 0.5, 0.05, 1.1)] * 2,
        accuracy=np.full(10, 0.43),
        val_accuracy=np.full(10, 0.25),
    )
    for num_validation in (None, 4, 5_000):
        assert "close" not in _words(verdict(history, num_validation))


def test_validation_loss_that_still_falls_calls_for_more_epochs():
    found = verdict(_history(_decay(10, 0.5, 0.0, 6), _decay(10, 0.5, 0.01, 6)))
    assert found.still_improving
    assert found.converged_at is None
    assert "More epochs would probably help: try 15." in found.sentences


def test_after_an_annealed_schedule_a_longer_one_is_advised_and_not_going_on():
    rates = np.linspace(0.01, 0, 11)
    found = verdict(_history(_decay(11, 0.5, 0, 4), _decay(11, 0.5, 0.01, 4), rates=rates))
    assert found.still_improving
    assert "a longer schedule, say 17 epochs" in _words(found)
    assert "More epochs" not in _words(found)


def test_accuracy_that_goes_on_rising_forbids_fewer_epochs():
    """Loss is lowest early and accuracy late: epochs are not called too many."""
    epochs = np.arange(30)
    found = verdict(
        _history(
            _decay(30, 0.5, 0.01, 5),
            _decay(30, 0.5, 0.1, 2) + 0.004 * np.maximum(0, epochs - 10),
            val_accuracy=0.90 + 0.003 * epochs,
        )
    )
    assert found.overfits_since is not None
    assert found.enough_epochs is None
    assert "Validation accuracy took longer" in _words(found)


def test_a_network_that_is_too_small_is_said_to_under_fit():
    """Logistic regression on MNIST: 93 % of its own training images."""
    found = verdict(
        _history(
            _decay(30, 0.6, 0.26, 2),
            _decay(30, 0.6, 0.27, 2),
            _decay(30, 0.85, 0.932, 2),
            _decay(30, 0.85, 0.926, 2),
        )
    )
    assert found.underfits
    assert "under-fits" in _words(found)


def test_training_accuracy_below_validations_is_explained():
    found = verdict(
        _history(
            _decay(12, 0.5, 0.12, 2),
            _decay(12, 0.3, 0.04, 2),
            _decay(12, 0.85, 0.96, 2),
            _decay(12, 0.9, 0.99, 2),
        )
    )
    assert not found.underfits
    assert "Training accuracy (95.96 %) is below validation accuracy (98.96 %)" in _words(found)
    assert "no fault" in _words(found)


def test_losses_that_rise_together_are_instability_and_not_over_fitting():
    losses = np.array([0.5, 0.3, 0.2, 0.3, 0.5, 0.9, 1.5])
    found = verdict(_history(losses, losses))
    assert found.overfits_since is None
    assert found.enough_epochs is None
    assert "unstable" in _words(found)


def test_a_network_that_learns_nothing_is_told_so():
    losses = np.array([2.31, 2.303, 2.302, 2.303, 2.302])
    found = verdict(_history(losses, losses, np.full(5, 0.11), np.full(5, 0.1)))
    assert "Nothing was learned: training loss went from 2.3100 to 2.3020." in _words(found)
    assert found.enough_epochs is None


@pytest.mark.parametrize("epochs", [1, 2])
def test_one_or_two_epochs_are_too_few_to_judge(epochs):
    found = verdict(_history([0.2, 0.1][:epochs], [0.06, 0.03][:epochs]))
    assert "too few" in found.sentences[0]
    assert "0.0600" in found.sentences[0]
    assert "accuracy" not in _words(found)
    assert found.best_epoch == epochs
    assert (found.converged_at, found.overfits_since, found.enough_epochs) == (None, None, None)


def test_without_validation_only_training_is_spoken_of():
    found = verdict(_history([0.5, 0.3, 0.2], np.full(3, math.nan)))
    assert "Training loss went from 0.5000 to 0.2000 in 3 epochs." in _words(found)
    assert found.best_epoch is None


def test_a_training_that_broke_down_recommends_no_number_of_epochs():
    found = verdict(_history([0.5, 0.3, 0.2, 0.2, math.nan], [0.5, 0.3, 0.2, 0.2, math.nan]))
    assert "not a number from epoch 5 on" in _words(found)
    assert found.enough_epochs is None


def test_no_epochs_have_no_verdict():
    assert verdict(()).sentences == ("No epoch was finished, so there is no curve to judge.",)


def test_epochs_without_validation_in_between_keep_their_numbers():
    losses = _decay(40, 0.5, 0.05, 4)
    every_second = np.where(np.arange(40) % 2, losses, math.nan)
    whole = verdict(_history(losses, losses))
    found = verdict(_history(losses, every_second))
    assert found.best_epoch == 40
    assert found.converged_at == pytest.approx(whole.converged_at, abs=1)


@pytest.mark.parametrize("epochs", [15, 30, 100])
def test_noise_on_a_settled_curve_is_hardly_ever_taken_for_over_fitting(epochs):
    alarms = 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        val_loss = _decay(epochs, 0.4, 0.1, 1.5) + generator.normal(0, 0.005, epochs)
        found = verdict(_history(_decay(epochs, 0.4, 0.01, 2), val_loss))
        alarms += found.overfits_since is not None
    assert alarms <= 5


figures = st.floats(0, 5)
histories = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        *(st.lists(figures, min_size=n, max_size=n) for _ in range(2)),
        *(st.lists(st.floats(0, 1), min_size=n, max_size=n) for _ in range(2)),
    )
)


@settings(max_examples=100, deadline=None)
@given(histories)
def test_a_verdict_never_contradicts_itself(curves):
    found = verdict(_history(*curves))
    last = len(curves[0])
    words = _words(found)
    assert found.best_epoch == 1 + int(np.argmin(curves[1]))
    assert found.sentences
    if found.still_improving:
        assert (found.converged_at, found.overfits_since, found.enough_epochs) == (None, None, None)
        fell = re.search(r"from about (\S+) around epoch .* to about (\S+) at epoch", words)
        assert fell is not None
        assert float(fell[1]) >= float(fell[2])
    if found.overfits_since is not None:
        assert found.converged_at is not None
        assert found.converged_at < found.overfits_since <= last
        assert found.best_epoch < found.overfits_since
        assert not found.underfits
        rose = re.search(r"\((\S+)\) and rose to (\S+) by", words)
        assert rose is not None
        assert float(rose[1]) <= float(rose[2])
    if found.enough_epochs is not None:
        assert found.converged_at is not None
        assert found.converged_at <= found.enough_epochs < last
    assert ("over-fits" in words) == (found.overfits_since is not None)
    assert ("would have done" in words) == (found.enough_epochs is not None)
    assert not ("would have done" in words and "would probably help" in words)
    if "It ended higher" in words:
        assert found.best_epoch < last
        assert found.overfits_since is None
    assert "nan" not in words
