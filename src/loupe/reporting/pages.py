"""`write_page`: the page of a comparison, a ladder or a learning curve."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loupe.errors import LoupeError
from loupe.examination.comparison import Comparison
from loupe.examination.labels import LabelExamination
from loupe.examination.ladder import Ladder
from loupe.examination.learning_curve import LearningCurve
from loupe.examination.stress import StressTest
from loupe.reporting.compare_page import write_compare_page
from loupe.reporting.examine_page import write_examine_page
from loupe.reporting.ladder_page import write_ladder_page
from loupe.reporting.learning_page import write_learning_page
from loupe.reporting.stress_page import write_stress_page
from loupe.reporting.tune_page import write_tune_page
from loupe.studies.search import Search

# What has a page of its own. Reports of runs are `loupe.reporting.report.write_report`'s.
PAGES: dict[type, Callable[[Any, Path], Path]] = {
    Comparison: write_compare_page,
    LabelExamination: write_examine_page,
    Ladder: write_ladder_page,
    LearningCurve: write_learning_page,
    Search: write_tune_page,
    StressTest: write_stress_page,
}


def write_page(found: object, path: str | os.PathLike[str]) -> Path:
    """Write what `loupe.compare`, `loupe.ladder` or `loupe.learning_curve` found as an HTML page.

    Args:
        found: a `Comparison`, `Ladder` or `LearningCurve`.
        path: where to write it; a file that is there is replaced.

    Returns:
        Where it was written.

    Raises:
        LoupeError: it is something else.
    """
    for kind, write in PAGES.items():
        if isinstance(found, kind):
            return write(found, Path(path))
    raise LoupeError(
        f"A {type(found).__name__} has no page. Expected one of: "
        f"{', '.join(kind.__name__ for kind in PAGES)}. The report of a run: loupe.write_report."
    )
