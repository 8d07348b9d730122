"""The section on training: its curves beside validation's, and the verdict on them in words."""

from markupsafe import Markup

from loupe.examination.committees import CommitteeGain
from loupe.examination.curves import Verdict, verdict
from loupe.examination.evaluation import Evaluation
from loupe.reporting.figures import Line, line_chart
from loupe.reporting.html import Section, render
from loupe.reporting.words import duration, listed, loss, of, percent, points
from loupe.runs.history import History
from loupe.runs.run import Run


def training(run: Run, evaluation: Evaluation) -> Section:
    """Show how loss and accuracy went, epoch by epoch."""
    history = run.history
    if not history:
        nothing = "This run has no history: its model was not trained epoch by epoch."
        return Section(
            "training",
            "Training",
            "No curves were recorded",
            render("notes.html.j2", notes=[nothing]),
        )
    found = verdict(
        history,
        sum(run.environment["data"]["counts"]["validation"]),
        comparable=not run.environment.get("continued"),
    )
    columns, rows = _table(history)
    html = render(
        "section_training.html.j2",
        sentences=(*found.sentences, *_on_measures(run, found), *_on_stopping(run)),
        charts=Markup("").join(
            _chart(key.capitalize(), key, history, found) for key in ("loss", "accuracy")
        ),
        held_out=_is_validated(history),
        columns=columns,
        rows=rows,
        committee=_committee(run),
    )
    return Section("training", "Training", _headline(found, len(history)), html)


def _on_measures(run: Run, found: Verdict) -> tuple[str, ...]:
    """Say where the two curves of a chart do not measure the same."""
    said = []
    if found.overfits_since is not None and run.recipe.balance != "none":
        said.append(
            f"Training made up for rare classes ({run.recipe.balance}), validation images are as "
            "they are: this too can make validation loss rise."
        )
    continued = run.environment.get("continued")
    if continued:
        said.append(
            f"Training accuracy is that of the networks of {listed(continued['classes'])} on their "
            "own question, validation accuracy that of the whole vote."
        )
    return tuple(said)


def _on_stopping(run: Run) -> tuple[str, ...]:
    """Say that patience ended the training, and which weights the model has."""
    best, last = run.environment.get("best_epochs", []), len(run.history)
    patience, most = run.recipe.patience, run.recipe.epochs
    if run.recipe.minutes is not None:  # these decide how many epochs there are at most
        return ()
    # Of a committee, each network stops by itself: there is no one epoch to name.
    if len(best) != 1 or not patience or last - best[0] < patience or last >= most:
        return ()
    return (
        f"It was stopped after {last} of {most} epochs: the last {patience} brought no better "
        f"validation accuracy (patience). The model has the weights of epoch {best[0]}.",
    )


def _committee(run: Run) -> Markup:
    """What the committee gains over one member, on validation images; empty for one network."""
    stored = run.card.evaluation.get("committee") if run.is_finished else None
    if not stored:
        return Markup("")
    gain = CommitteeGain.from_dict(stored)
    return render(
        "section_committee.html.j2",
        gain=gain,
        sentence=_gain_sentence(gain),
        members=[
            (f"network {i + 1}", run.recipe.network_of(i) or "logistic regression", accuracy)
            for i, accuracy in enumerate(gain.members)
        ],
    )


def _gain_sentence(gain: CommitteeGain) -> str:
    """Say whether the committee pays."""
    said = f"Together the {of(len(gain.members), 'network')} are right in {percent(gain.accuracy)}"
    if gain.low > 0:
        return f"{said}, {points(gain.value)} more than one of them on average."
    if gain.value > 0:
        return (
            f"{said}, {points(gain.value)} more than one of them on average; that may be chance: "
            "the interval reaches zero."
        )
    return f"{said}: no more than one of them on average. A single one would do."


def _headline(found: Verdict, num_epochs: int) -> str:
    if found.overfits_since is not None:
        return f"It over-fits from epoch {found.overfits_since} on"
    if found.still_improving:
        return f"It was still improving after {of(num_epochs, 'epoch')}"
    if found.converged_at is not None:
        return f"It converged at epoch {found.converged_at} of {num_epochs}"
    return f"{of(num_epochs, 'epoch')} of training"


def _chart(title: str, key: str, history: History, found: Verdict) -> Markup:
    lines = [Line("train", "training", tuple(getattr(epoch, key) for epoch in history))]
    if _is_validated(history):
        held_out = tuple(getattr(epoch, f"val_{key}") for epoch in history)
        lines.append(Line("validation", "validation", held_out))
    return line_chart(
        title,
        lines,
        is_share=key != "loss",
        marked=found.best_epoch if len(history) > 2 else None,  # of two epochs, all can see it
        shaded=found.overfits_since,
    )


def _is_validated(history: History) -> bool:
    return any(epoch.is_validated for epoch in history)


def _table(history: History) -> tuple[list[str], list[list[str]]]:
    columns = ["Epoch", "Seconds", "Learning rate", "Loss", "Accuracy", "Precision", "Recall"]
    if _is_validated(history):
        columns += [f"Validation {name}" for name in ("loss", "accuracy", "precision", "recall")]
    rows = []
    for epoch in history:
        shares = (epoch.accuracy, epoch.precision, epoch.recall)
        row = [str(epoch.epoch), duration(epoch.seconds), f"{epoch.learning_rate:.3g}"]
        row += [loss(epoch.loss), *map(percent, shares)]
        if _is_validated(history):
            held_out = (epoch.val_accuracy, epoch.val_precision, epoch.val_recall)
            row += [loss(epoch.val_loss), *map(percent, held_out)]
        rows.append(row)
    return columns, rows
