"""The page of `loupe learn-curve`: the curve, where it leads, and what it rests on."""

from pathlib import Path

from loupe import __version__
from loupe.examination.learning_curve import LearningCurve
from loupe.files import write_text
from loupe.reporting.fit_chart import AHEAD, fit_chart
from loupe.reporting.html import Section, page, render
from loupe.reporting.words import Figure, count, duration, interval, of, percent

HEADLINES = {
    "yes": "More data would help",
    "hardly": "More data would hardly help",
    "unclear": "Whether more data would help is not clear",
}


def write_learning_page(curve: LearningCurve, path: Path) -> Path:
    """Write a learning curve as one HTML file, and give where it is."""
    answer, forecasts, *rest = curve.sentences
    content = page(
        "learning.html.j2",
        [_curve(curve, rest), _figures_section(curve)],
        version=__version__,
        name=curve.data,
        recipe=curve.recipe,
        headline=HEADLINES[curve.answer],
        answer=answer,
        forecasts=forecasts,
        figures=_figures(curve),
    )
    write_text(path, content)
    return path


def _figures(curve: LearningCurve) -> list[Figure]:
    n = curve.num_validation
    now, twice, four = curve.expected(*(times * curve.num_images for times in (1, 2, AHEAD)))
    saving = curve.saving(2)
    return [
        Figure("Error today", percent(now.error, n), interval(now.low, now.high, n)),
        Figure("Twice the data", percent(twice.error, n), interval(twice.low, twice.high, n)),
        Figure("Four times", percent(four.error, n), interval(four.low, four.high, n)),
        Figure(
            "Mistakes saved",
            percent(saving.value, 100),
            f"by twice the data ({interval(saving.low, saving.high, 100)})",
        ),
    ]


def _curve(curve: LearningCurve, sentences: list[str]) -> Section:
    html = render("section_learning.html.j2", chart=fit_chart(curve), sentences=sentences)
    sizes = curve.sizes
    headline = (
        f"From {percent(curve.points[0].error, curve.num_validation)} with {count(sizes[0])} to "
        f"{percent(curve.points[-1].error, curve.num_validation)} with {of(sizes[-1], 'image')}"
    )
    return Section("curve", "Curve", headline, html)


def _figures_section(curve: LearningCurve) -> Section:
    n = curve.num_validation
    fitted = curve.expected(*curve.sizes)
    rows = []
    for point, law in zip(curve.points, fitted, strict=True):
        same = [run for run in curve.trained if run.num_images == point.num_images]
        rows.append(
            {
                "size": count(point.num_images),
                "error": percent(point.error, n),
                "span": interval(point.low, point.high, n),
                "each": ", ".join(percent(float(run.wrong.mean()), n) for run in same),
                "law": percent(law.error, n),
                "training": duration(sum(run.seconds for run in same) / len(same)),
            }
        )
    ahead = [
        {
            "size": count(each.num_images),
            "error": percent(each.error, n),
            "span": interval(each.low, each.high, n),
        }
        for each in curve.expected(2 * curve.num_images, AHEAD * curve.num_images)
    ]
    html = render("section_learning_figures.html.j2", rows=rows, ahead=ahead, n=n)
    headline = f"{of(len(curve.trained), 'training')}, {of(len(curve.sizes), 'size')}"
    return Section("figures", "Figures", headline, html)
