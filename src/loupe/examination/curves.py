"""The verdict on a training's curves, in words: what people read off the plots by eye.

When it converged, whether and since when it over-fits, whether fewer epochs would have done or more
would help. The rules:

- A curve is smoothed by a running median. Differences below its **tolerance** are none: five times
  the noise that is left, but at least 2 % of its lowest value (5 % for error rates). How noise is
  told from course: `loupe.examination.course`.
- **Converged** at the first epoch from which validation loss stays within the tolerance of its
  lowest until the lowest is reached, with at least a fifth of the epochs (and two) after it.
- **Over-fits** since the first epoch from which validation loss stays above its lowest by more than
  the tolerance to the end, for at least a fifth of the epochs (and two), while training loss did
  not rise. Where it rose as well, by more than 2 %, the training is unstable instead.
- **Enough epochs** are half as many again as loss and accuracy took to settle, or to reach the
  lowest loss before over-fitting, where that saves at least a fifth of them.
- **Under-fits** where validation loss has settled, without over-fitting, and at least 2 % of the
  training images are read wrongly, nearly as many (0.7 to 1.1 times) as of the validation images.

Validation figures only: no look at the test split goes into it.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from loupe.examination.course import Course, Curve, follow
from loupe.examination.intervals import wilson
from loupe.examination.wording import counted, loss, percent
from loupe.runs.history import Epoch, History

FEWEST = 3  # epochs that make a curve
CLOSE = 0.05  # accuracies that differ by more are not called close
LOSS_TOLERANCE, ERROR_TOLERANCE = 0.02, 0.05  # of the lowest value


@dataclass(frozen=True)
class Verdict:
    """What the curves of a training say; epochs are numbered as in its history.

    Attributes:
        best_epoch: where validation loss was lowest; None without validation.
        converged_at: from where on it stayed near its lowest; None where it did not settle.
        overfits_since: from where on it stayed above its lowest while training loss fell.
        enough_epochs: as many would have done; None where no epochs were to be saved.
        still_improving: whether validation loss was falling at the end.
        underfits: whether the training images themselves are not learned.
        sentences: all of it in words, with the figures.
    """

    best_epoch: int | None = None
    converged_at: int | None = None
    overfits_since: int | None = None
    enough_epochs: int | None = None
    still_improving: bool = False
    underfits: bool = False
    sentences: tuple[str, ...] = ()


def verdict(
    history: History, num_validation: int | None = None, *, comparable: bool = True
) -> Verdict:
    """Judge a training by its curves.

    Args:
        history: its epochs.
        num_validation: validation images, where known: with too few of them, training and
            validation accuracy are not compared.
        comparable: whether training and validation accuracy answer one question. Where only some
            binary networks were trained, the one is theirs and the other that of the whole vote.

    Example:
        >>> losses = [0.4, 0.2, 0.1, 0.06, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05]
        >>> found = verdict(tuple(
        ...     Epoch(i, 1.0, 1e-3, value, 1 - value / 4, 0.9, 0.9, value, 1 - value / 4)
        ...     for i, value in enumerate(losses, start=1)))
        >>> found.converged_at, found.overfits_since, found.enough_epochs
        (5, None, 8)
    """
    if not history:
        return Verdict(sentences=("No epoch was finished, so there is no curve to judge.",))
    sound = _until_broken(history)
    validated = tuple(epoch for epoch in sound if math.isfinite(epoch.val_loss))
    found = (
        _judge(_Curves(validated, num_validation), comparable=comparable)
        if len(validated) >= FEWEST
        else _too_few(sound, validated)
    )
    if len(sound) == len(history):
        return found
    broke = (
        f"Training loss was not a number from epoch {history[len(sound)].epoch} on: the training "
        "broke down. Train with a smaller learning rate."
    )
    # What went before a breakdown recommends nothing about the number of epochs.
    return Verdict(best_epoch=found.best_epoch, sentences=(broke,))


@dataclass(frozen=True, eq=False)
class _Curves:
    """A history of validated epochs as columns, and the course of its validation loss."""

    history: History
    num_validation: int | None

    def column(self, name: str) -> Curve:
        return np.array([getattr(epoch, name) for epoch in self.history], np.float64)

    @cached_property
    def loss(self) -> Course:
        return follow(self.column("val_loss"), LOSS_TOLERANCE)

    @cached_property
    def error(self) -> Course | None:
        """The course of 1 - validation accuracy; None where accuracy was not taken."""
        accuracies = self.column("val_accuracy")
        taken = np.isfinite([accuracies, self.column("accuracy")]).all()
        return follow(1 - accuracies, ERROR_TOLERANCE) if taken else None

    @property
    def settled(self) -> int | None:
        """Where validation loss settled; None where it only creeps down, all the way to the end.

        A training that has hardly begun creeps: no epoch is far from the lowest, and yet it falls
        from each to the next, and the training images themselves are not read yet.
        """
        falls = bool((np.diff(self.column("val_loss")) < 0).all())
        if falls and self.loss.settled == 0 and _underfits(self.last):
            return None
        return self.loss.settled

    @property
    def low(self) -> Epoch:
        """The epoch where validation loss was lowest."""
        return min(self.history, key=lambda epoch: epoch.val_loss)

    @property
    def last(self) -> Epoch:
        return self.history[-1]

    @property
    def training_rose(self) -> bool:
        """Whether training loss ended above where it was when validation loss was lowest."""
        return self.last.loss > (1 + LOSS_TOLERANCE) * self.low.loss

    @property
    def ended_higher(self) -> bool:
        """Whether validation loss ended above its lowest, if only just now."""
        rise = min(self.loss.smooth[-1] - self.loss.lowest, self.last.val_loss - self.low.val_loss)
        return bool(rise > self.loss.tolerance)

    @property
    def learned_nothing(self) -> bool:
        training = self.column("loss")
        return bool(training.min() > 0.98 * training[0]) and self.last.accuracy < 0.6

    def epoch(self, position: int) -> int:
        """The number of the epoch at a position."""
        return self.history[position].epoch


def _judge(curves: _Curves, *, comparable: bool) -> Verdict:
    course = curves.loss
    best = curves.low.epoch
    if curves.learned_nothing:
        return Verdict(best_epoch=best, underfits=True, sentences=_on_learning_nothing(curves))
    if course.risen is not None and curves.training_rose:
        return Verdict(best_epoch=best, sentences=_on_instability(curves))
    settled = curves.settled
    improving = settled is None and course.low == len(course.smooth) - 1
    overfits = course.risen is not None
    underfits = comparable and settled is not None and not overfits and _underfits(curves.last)
    enough = _enough(curves)
    gap = _on_gap(curves, overfits=overfits, underfits=underfits) if comparable else ()
    sentences = (
        *_on_loss(curves, improving),
        *_on_epochs(curves, improving, enough),
        *gap,
    )
    return Verdict(
        best_epoch=best,
        converged_at=None if settled is None else curves.epoch(settled),
        overfits_since=curves.epoch(course.risen) if course.risen is not None else None,
        enough_epochs=enough,
        still_improving=improving,
        underfits=underfits,
        sentences=sentences,
    )


def _enough(curves: _Curves) -> int | None:
    """Epochs that would have done, where they are fewer by a fifth at least."""
    settled = [curves.settled]
    if curves.error is not None:
        settled.append(curves.error.settled)
    if curves.loss.risen is not None:
        settled.append(curves.loss.low)  # the low point is no chance of the noise then
    took = [curves.epoch(position) for position in settled if position is not None]
    if len(took) < len(settled):
        return None
    enough = math.ceil(1.5 * max(took))
    return enough if enough <= 0.8 * curves.last.epoch else None


def _underfits(last: Epoch) -> bool:
    training, validation = 1 - last.accuracy, 1 - last.val_accuracy
    return training >= 0.02 and 0.7 * validation <= training <= 1.1 * validation


def _on_loss(curves: _Curves, improving: bool) -> tuple[str, ...]:
    course, low, last = curves.loss, curves.low, curves.last
    if course.risen is not None:
        return (
            f"Validation loss was lowest at epoch {low.epoch} ({loss(low.val_loss)}) and rose to "
            f"{loss(last.val_loss)} by epoch {last.epoch}, while training loss went from "
            f"{loss(low.loss)} to {loss(last.loss)}: since epoch {curves.epoch(course.risen)} the "
            "network over-fits, it learns its training images by heart.",
            *_on_rising_accuracy(curves),
        )
    if curves.settled is not None:
        return (
            f"Validation loss had converged by epoch {curves.epoch(curves.settled)}: noise apart, "
            f"later epochs brought it down by less than {loss(course.tolerance)} (lowest: "
            f"{loss(low.val_loss)} at epoch {low.epoch}).",
            *_on_short_rise(curves),
        )
    if improving:
        start = _end_of_fall(course)
        return (
            f"Validation loss was still falling at the end: from about "
            f"{loss(float(course.smooth[start]))} around epoch {curves.epoch(start)} to about "
            f"{loss(course.lowest)} at epoch {last.epoch}.",
        )
    return (
        f"Validation loss was lowest around epoch {curves.epoch(course.low)} of {last.epoch}, too "
        "near the end to tell whether it had converged.",
    )


def _on_short_rise(curves: _Curves) -> tuple[str, ...]:
    if not curves.ended_higher:
        return ()
    return (
        f"It ended higher, at {loss(curves.last.val_loss)}: too short a rise yet to call it "
        "over-fitting.",
    )


def _end_of_fall(course: Course) -> int:
    """Where the last stretch of a falling curve starts: the highest of its last fifth."""
    start = len(course.smooth) - 1 - max(2, math.ceil(len(course.smooth) / 5))
    return start + int(course.smooth[start:].argmax())


def _on_rising_accuracy(curves: _Curves) -> tuple[str, ...]:
    """Loss may rise while accuracy does not fall: surer of its mistakes, but making no more."""
    low, last = curves.low, curves.last
    if curves.error is None or last.val_accuracy < low.val_accuracy:
        return ()
    return (
        f"Validation accuracy did not suffer: {percent(low.val_accuracy)} at epoch {low.epoch}, "
        f"{percent(last.val_accuracy)} at the end. The network makes no more mistakes, it is surer "
        "of those it makes.",
    )


def _on_epochs(curves: _Curves, improving: bool, enough: int | None) -> tuple[str, ...]:
    last = curves.last.epoch
    if enough is not None:
        return (f"{enough} of the {last} epochs would have done.",)
    if improving:
        return _on_more_epochs(curves, longer=math.ceil(1.5 * last))
    if curves.settled is None:
        return ()
    if curves.error is not None and curves.error.settled is None:
        return (
            "Validation accuracy took longer: it was best, about "
            f"{percent(1 - curves.error.lowest)}, near the end. Fewer epochs would have cost some.",
        )
    return () if curves.ended_higher else (f"{last} epochs were about right.",)


def _on_more_epochs(curves: _Curves, longer: int) -> tuple[str, ...]:
    rates = curves.column("learning_rate")
    if rates[-1] < 0.1 * rates.max():
        return (
            "By then the schedule had brought the learning rate down, so going on from there "
            f"would change little: a longer schedule, say {longer} epochs, may gain more.",
        )
    return (f"More epochs would probably help: try {longer}.",)


def _on_gap(curves: _Curves, *, overfits: bool, underfits: bool) -> tuple[str, ...]:
    """What the distance between training and validation accuracy means."""
    last, n = curves.last, curves.num_validation
    gap = last.accuracy - last.val_accuracy
    if not math.isfinite(gap):
        return ()
    training, validation = percent(last.accuracy), percent(last.val_accuracy)
    both = f"training accuracy is {training} and validation accuracy {validation}"
    if underfits:
        return (
            f"At the end {both}: the network under-fits, it does not learn the training images "
            "themselves. A larger network or weaker regularisation would help more than more "
            "epochs, unless labels are wrong.",
        )
    if n is not None and _is_vague(last, n):
        return (
            f"At the end {both}: {counted(n, 'validation image')} are too few to compare the two.",
        )
    if gap < -0.002:
        return (
            f"Training accuracy ({training}) is below validation accuracy ({validation}). That is "
            "no fault: augmentation and dropout, where there are any, make training images harder "
            "than validation images, and it is taken during the epoch, validation after it.",
        )
    if overfits or gap > max(0.005, 0.5 * (1 - last.val_accuracy)):
        return (
            f"At the end {both}, a gap of {100 * gap:.1f} points: more training images, or "
            "augmentation, would narrow it.",
        )
    if gap > CLOSE:
        return (f"At the end {both}.",)
    return (f"Training and validation run close together: at the end {both}.",)


def _is_vague(last: Epoch, n: int) -> bool:
    """Whether n images leave open which of the two accuracies is higher, or by how much.

    By more than about `CLOSE` to either side, with training accuracy inside of it.
    """
    interval = wilson(round(last.val_accuracy * n), n)
    is_wide = interval.high - interval.low > 2 * CLOSE
    return is_wide and interval.low <= last.accuracy <= interval.high


def _on_instability(curves: _Curves) -> tuple[str, ...]:
    low, last = curves.low, curves.last
    return (
        f"Validation loss was lowest at epoch {low.epoch} ({loss(low.val_loss)}) and "
        f"rose to {loss(last.val_loss)} by epoch {last.epoch}, and training loss rose with it "
        f"({loss(low.loss)} to {loss(last.loss)}): the training is unstable. Train with a "
        "smaller learning rate.",
    )


def _on_learning_nothing(curves: _Curves) -> tuple[str, ...]:
    return (
        f"Nothing was learned: training loss went from {loss(curves.history[0].loss)} to "
        f"{loss(curves.last.loss)}. Try another learning rate, ten times smaller or larger, and "
        "look at the labels.",
    )


def _too_few(sound: History, validated: History) -> Verdict:
    """Say what can be said of a training without enough validated epochs for a curve."""
    if not sound:
        return Verdict()
    first, last = sound[0], sound[-1]
    if not validated:
        way = f"went from {loss(first.loss)} to {loss(last.loss)} in {counted(len(sound), 'epoch')}"
        if len(sound) == 1:
            way = f"was {loss(first.loss)} in the one epoch"
        return Verdict(
            sentences=(
                f"Training loss {way}. Without validation images there is no telling "
                "whether it over-fits, or when to stop: keep some (validation in the recipe).",
            )
        )
    figures = f"{loss(validated[0].val_loss)}"
    if len(validated) > 1:
        figures = f"{figures} and then {loss(validated[-1].val_loss)}"
    number = "One validated epoch is" if len(validated) == 1 else "Two validated epochs are"
    return Verdict(
        best_epoch=min(validated, key=lambda epoch: epoch.val_loss).epoch,
        sentences=(f"{number} too few to read a curve from. Validation loss was {figures}.",),
    )


def _until_broken(history: History) -> History:
    """The epochs before the first whose training loss is not a number."""
    broken = [i for i, epoch in enumerate(history) if not math.isfinite(epoch.loss)]
    return history[: broken[0]] if broken else history
