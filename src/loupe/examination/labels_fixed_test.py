"""Test figures with the test labels mended, beside those with the labels as they are.

Test labels are never changed: whoever mends them by what a model says makes the model look better.
What mending them would make of the figures may be known, next to the figures that count.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from loupe.data.dataset import TEST, Dataset
from loupe.data.fixes import Fix, corrections, places, read_fixes
from loupe.errors import DataError
from loupe.examination.evaluation import Evaluation
from loupe.examination.metrics import Metric, measure
from loupe.files import sha256


@dataclass(frozen=True)
class FixedTest:
    """The figures of an evaluation with test labels mended.

    Attributes:
        path: of the fixes file.
        sha256: of its content.
        changed: test labels that it changes.
        dropped: test images that it leaves out.
        n: images that are left.
        metrics: every metric of them.
    """

    path: str
    sha256: str
    changed: int
    dropped: int
    n: int
    metrics: dict[str, Metric]

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain values."""
        return asdict(self)


def with_fixed_test(evaluation: Evaluation, dataset: Dataset, path: Path) -> FixedTest:
    """Measure what was read once more, with test labels as a fixes file has them.

    Rows about other images than test images change nothing here.

    Args:
        evaluation: of the test images, as their labels are.
        dataset: the whole data set that it is of.
        path: of the fixes file.

    Raises:
        DataError: the evaluation is of other images, or a row does not fit the data.
    """
    if evaluation.split != "test":
        raise DataError(
            f"These are figures of {evaluation.split} images: fixed test labels go with test "
            "images. Evaluate with split='test'."
        )
    fixes = read_fixes(path)
    if dataset.fixes is None:  # else rows of images that were mended before do not fit any more
        corrections(dataset, fixes, path, touched=dataset.split == TEST)
    test = evaluation.dataset
    found = corrections(test, _of(test, fixes), path, touched=np.ones(len(test), bool))
    kept = ~found.dropped
    if not kept.any():
        raise DataError(f"{path} leaves out every test image. Take rows out of it.")
    return FixedTest(
        path=str(path),
        sha256=sha256(path.read_bytes()),
        changed=int(found.changed.sum()),
        dropped=int(found.dropped.sum()),
        n=int(kept.sum()),
        metrics=measure(found.labels[kept], evaluation.probabilities[kept]),
    )


def _of(test: Dataset, fixes: Sequence[Fix]) -> list[Fix]:
    there, _ = places(test, fixes)
    return [fix for fix in fixes if fix.source in there]
