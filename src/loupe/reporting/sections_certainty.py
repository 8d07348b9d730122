"""The sections on how sure the model is: its calibration, what it leaves to a person, its sets."""

from markupsafe import Markup

from loupe.examination.abstention import Abstention, Rule
from loupe.examination.calibration import ReliabilityBin, reliability, without_temperature
from loupe.examination.certainty import Certainty
from loupe.examination.conformal import PredictionSets
from loupe.examination.evaluation import Evaluation
from loupe.reporting.figures import nice_step, reliability_diagram, whisker
from loupe.reporting.html import Section, render
from loupe.reporting.words import NARROW, count, listed, of, percent, points
from loupe.runs.run import Run

TELLING = 0.1  # an interval that is wider holds claims of all kinds
SPLITS = {"train": "training", "validation": "validation", "test": "test"}


def calibration(run: Run, evaluation: Evaluation) -> Section:
    """Draw how often the model is right when it is so and so sure, before and after temperature."""
    bins = reliability(evaluation.labels, evaluation.probabilities)
    error = evaluation.metrics["calibration_error"]
    found = evaluation.certainty.calibration if evaluation.certainty else None
    diagrams = [("", reliability_diagram(bins))]
    if found is not None and found.temperature != 1.0:
        raw = without_temperature(evaluation.probabilities, found.temperature)
        before = reliability_diagram(reliability(evaluation.labels, raw))
        diagrams = [
            ("Before: as the network was trained", before),
            (f"After: logits divided by {found.temperature:.3g}", diagrams[0][1]),
        ]
    html = render(
        "section_calibration.html.j2",
        diagrams=diagrams,
        sentence=_calibration_sentence(bins),
        error=error,
        found=found,
        split=SPLITS[evaluation.split],
        fitted_here=evaluation.split == "validation",
        bins=bins,
    )
    headline = f"Its probabilities are off by {points(error.value)} on average"
    return Section("calibration", "Calibration", headline, html)


def certainty(run: Run, evaluation: Evaluation) -> Section:
    """Say what is left to a person if the rest is to be right so often; show prediction sets."""
    found = evaluation.certainty
    if found is None:
        note = (
            "The model's card holds no thresholds: it was trained without validation images, or "
            "before thresholds were kept. Train it again with validation images."
        )
        html = render("notes.html.j2", notes=[note])
        return Section("certainty", "Left to a person", "Nothing is known of its certainty", html)
    floor = _floor(found)
    html = render(
        "section_certainty.html.j2",
        rules=[
            (row, wanted(row.rule.wanted), _share_whisker(row, floor), _kind(row.rule))
            for row in found.abstention
        ],
        floor=floor,
        notes=_notes(found, evaluation),
        sets=found.sets,
        sets_sentence=_sets_sentence(found),
        split=SPLITS[evaluation.split],
        confidence=found.abstention[0].rule.confidence if found.abstention else 0.95,
    )
    return Section("certainty", "Left to a person", headline(found), html)


def headline(found: Certainty) -> str:
    """Say of the strictest share that is promised how many images are left to a person."""
    promised = [row for row in found.abstention if row.rule.promised]
    if not promised:
        return f"Nothing can be promised on {of(found.calibrated_on, 'validation image')}"
    row = max(promised, key=lambda row: row.rule.wanted)
    left = percent(row.left / row.n, 1000)
    if not row.left:
        return f"With nothing left to a person, {wanted(row.rule.wanted)} right is promised"
    return f"With {left} left to a person, {wanted(row.rule.wanted)} right is promised of the rest"


def wanted(share: float) -> str:
    """Write a wanted share with the digits that it was given with.

    Example:
        >>> wanted(0.999).replace(NARROW, " "), wanted(0.95).replace(NARROW, " ")
        ('99.9 %', '95 %')
    """
    return f"{100 * share:.6g}{NARROW}%"


def _kind(rule: Rule) -> str:
    if rule.threshold is None:
        return "none is sure enough"
    return "promised" if rule.promised else "observed"


def _floor(found: Certainty) -> float:
    """Start the scale of the intervals a round step below the lowest."""
    lowest = min((row.low for row in found.abstention if row.answered), default=0.0)
    step = nice_step(1 - lowest or 0.01, 2)
    return max(0.0, round(step * int(lowest / step + 1e-9), 6))


def _share_whisker(row: Abstention, floor: float) -> Markup:
    if not row.answered:
        return Markup("")
    return whisker(row.accuracy, row.low, row.high, floor)


def _notes(found: Certainty, evaluation: Evaluation) -> list[str]:
    """What has to be known to rely on the figures."""
    notes = []
    short = [row.rule for row in found.abstention if not row.rule.promised]
    for rule in short:
        because = (
            f"that takes at least {of(rule.needed, 'validation image')} without a mistake, and "
            f"there are {count(rule.n)}"
            if rule.needed > rule.n
            else "its mistakes among the surest validation images are too many for it"
        )
        seen = (
            f"The row shows what was observed on them ({count(rule.kept - rule.wrong)} right of "
            f"{count(rule.kept)}); with {percent(rule.confidence, 100)} confidence that promises "
            f"{percent(rule.bound, 1000)}."
            if rule.threshold is not None
            else "Its surest guess among them is wrong: all images are left to a person."
        )
        notes.append(f"{wanted(rule.wanted)} cannot be promised: {because}. {seen}")
    notes += _broken(found, evaluation)
    if found.grouped:
        notes.append(
            "The validation images come in groups, such as writers, and those of a group are "
            "alike: a promise that takes them for independent is somewhat too sure of itself."
        )
    if evaluation.split == "validation":
        notes.append(
            "The shares right are of the validation images that chose the thresholds: what is "
            "promised holds, what is observed flatters. Test images would say more."
        )
    if evaluation.split == "train":
        notes.append("These are training images, which the model knows: the shares right flatter.")
    return notes


def _broken(found: Certainty, evaluation: Evaluation) -> list[str]:
    """Say what the evaluated images do not keep, beyond chance: they are not like the others."""
    broken = [
        wanted(row.rule.wanted)
        for row in found.abstention
        if row.rule.promised and row.answered and row.high < row.rule.wanted
    ]
    uncovered = [wanted(row.level) for row in found.sets if row.high < row.level]
    notes = []
    because = (
        f"these {SPLITS[evaluation.split]} images are harder than the validation images that the "
        "thresholds come from, and new ones may be too"
    )
    if broken:
        notes.append(f"The promise of {listed(broken)} is not kept here: {because}.")
    if uncovered:
        notes.append(f"The sets at {listed(uncovered)} cover less than that here: {because}.")
    return notes


def _sets_sentence(found: Certainty) -> str:
    """Say what the sets are, and what the largest level costs."""
    level = max(found.sets, key=lambda row: row.level)
    several = 1 - level.empty - level.single
    said = (
        f"To have the label of {percent(level.level, 100)} of the images, it names "
        f"{level.mean_size:.2f} classes on average"
    )
    if several > 0:
        said += f", more than one for {percent(several, 1000)} of the images"
    empty = [percent(row.level, 100) for row in found.sets if row.empty > 0]
    if empty:
        said += (
            f". At {listed(empty)} some sets are empty: it is right more often than that, and "
            "what it is least sure of can be missed"
        )
    return f"{said}. {_how_measured(found, level)}"


def _how_measured(found: Certainty, row: PredictionSets) -> str:
    if found.by_halves:
        return (
            "These are the validation images themselves: each half was given sets by the "
            "threshold of the other half."
        )
    return (
        f"The thresholds come from {of(found.calibrated_on, 'validation image')}, the coverage "
        f"was measured on these {of(row.n, 'image')}."
    )


def _calibration_sentence(bins: tuple[ReliabilityBin, ...]) -> str:
    """Say what the fullest bin says, and whether that lies inside its interval."""
    fullest = max(bins, key=lambda bin_: bin_.n)
    images = of(fullest.n, "image")
    said = (
        f"Of the {images} that it was surest about "
        if fullest is bins[-1]
        else f"Of the {images} in its most frequent range of confidence "
    )
    claimed, found = (percent(share, fullest.n) for share in (fullest.confidence, fullest.accuracy))
    return f"{said}({claimed} on average), {found} are right: {_judged(fullest)}."


def _judged(found: ReliabilityBin) -> str:
    if found.confidence > found.accuracy_high:
        return "less than it claims"
    if found.confidence < found.accuracy_low:
        return "more than it claims"
    if found.accuracy_high - found.accuracy_low > TELLING:
        return "too few images to tell whether it claims too much or too little"
    return "as it claims"
