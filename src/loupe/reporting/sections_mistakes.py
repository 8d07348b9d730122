"""The sections on mistakes: the gallery of wrong samples, and what to do about the pairs."""

from collections import Counter

from loupe.examination.evaluation import Evaluation
from loupe.examination.mistakes import (
    CAUTION_ON_TEST,
    HANDFUL,
    confused_pairs,
    has_learnt,
    mistakes,
    weak_classes,
)
from loupe.examination.wording import quoted
from loupe.reporting.html import Section, render
from loupe.reporting.samples import MOST_MISTAKES, wrong_samples
from loupe.reporting.words import count, of, percent
from loupe.runs.run import Run

OPEN_MISTAKES = 24  # cards before the fold
FEW_MISTAKES = 60  # cards that need no fold
MOST_PAIRS = 8
MOST_THUMBS = 7  # of a pair


def gallery(run: Run, evaluation: Evaluation) -> Section:
    """Show the wrong samples with their first three guesses, the most confident first."""
    names = evaluation.dataset.class_names
    involved: Counter[int] = Counter()
    cards = []
    for position, mistake in enumerate(mistakes(evaluation, limit=MOST_MISTAKES)):
        label = int(evaluation.labels[mistake.index])
        guess = int(evaluation.guesses[mistake.index])
        involved.update((label, guess))
        cards.append({"position": position, "mistake": mistake, "classes": (label, guess)})
    total, images = len(evaluation.wrong), of(len(evaluation), "image")
    html = render(
        "section_mistakes.html.j2",
        cards=cards,
        total=total,
        first=OPEN_MISTAKES if len(cards) > FEW_MISTAKES else len(cards),
        classes=[(label, names[label], involved[label]) for label in sorted(involved)],
        images=images,
    )
    headline = f"{count(total)} of {images} were misread"
    if total <= 1:
        headline = f"{'One' if total else 'None'} of {images} was misread"
    sheet = wrong_samples(evaluation).sheet
    return Section("mistakes", "Mistakes", headline, html, (sheet,))


def pairs(run: Run, evaluation: Evaluation) -> Section:
    """List the most confused pairs with examples and what to do about each."""
    wrong = wrong_samples(evaluation)
    number = {name: i for i, name in enumerate(evaluation.dataset.class_names)}
    rows = [
        (pair, wrong.cells.get((number[pair.label], number[pair.guess]), [])[:MOST_THUMBS])
        for pair in confused_pairs(evaluation, limit=MOST_PAIRS)
    ]
    html = render(
        "section_pairs.html.j2",
        pairs=rows,
        weak=weak_classes(evaluation),
        guessing="" if has_learnt(evaluation) else _guessing(evaluation),
        caution=CAUTION_ON_TEST if evaluation.split == "test" else "",
    )
    headline = "What is mixed up most, and what to do about it"
    if not rows or rows[0][0].count < HANDFUL:
        headline = "No two classes are mixed up often enough to conclude much"
    if rows and not has_learnt(evaluation):
        headline = "First it has to learn more: what it mixes up says little yet"
    return Section("pairs", "What to do", headline, html, (wrong.sheet,))


def _guessing(evaluation: Evaluation) -> str:
    """Set what a model that has hardly learnt reaches beside what guessing would."""
    n, rows = len(evaluation), evaluation.confusion_matrix.sum(axis=1)
    commonest = evaluation.dataset.class_names[int(rows.argmax())]
    return (
        f"It reads {percent(1 - len(evaluation.wrong) / n, n)} of the images rightly; to name "
        f"{quoted(commonest)} every time would be right for {percent(int(rows.max()) / n, n)}. "
        "Train it for more epochs, or with another recipe, before anything is done about single "
        "classes."
    )
