"""Loupe: from a pile of small labelled images to a classifier that a person can trust.

import loupe

digits = loupe.read("digits")
run = loupe.train(digits, "fast")
evaluation = loupe.evaluate(run.classifier, digits)
loupe.write_report(run, evaluation)
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Where each public name lives: it is imported when it is first asked for, so that `import loupe`
# stays quick and everything but training works without torch.
_HOMES = {
    "Classifier": "loupe.classifier.classifier",
    "Comparison": "loupe.examination.comparison",
    "Dataset": "loupe.data.dataset",
    "Evaluation": "loupe.examination.evaluation",
    "Glyph": "loupe.reading.reading",
    "LabelExamination": "loupe.examination.labels",
    "Ladder": "loupe.examination.ladder",
    "LearningCurve": "loupe.examination.learning_curve",
    "LoupeClassifier": "loupe.estimator",
    "LoupeError": "loupe.errors",
    "Reading": "loupe.reading.reading",
    "Recipe": "loupe.recipes.recipe",
    "Run": "loupe.runs.run",
    "Search": "loupe.studies.search",
    "check": "loupe.data.checks",
    "compare": "loupe.examination.comparison",
    "continue_training": "loupe.training.continuing",
    "evaluate": "loupe.examination.evaluation",
    "examine": "loupe.studies.examine",
    "from_arrays": "loupe.data.read",
    "generate": "loupe.generation.generate",
    "ladder": "loupe.studies.ladder",
    "learning_curve": "loupe.studies.learning_curve",
    "list_runs": "loupe.runs.run",
    "load": "loupe.classifier.classifier",
    "open_run": "loupe.runs.run",
    "predict": "loupe.reading.predict",
    "read": "loupe.data.read",
    "recipe": "loupe.recipes.named",
    "resume": "loupe.training.train",
    "stress": "loupe.examination.stress",
    "train": "loupe.training.train",
    "tune": "loupe.studies.tuning",
    "write_page": "loupe.reporting.pages",
    "write_report": "loupe.reporting.report",
}
_NEED_TORCH = (
    "continue_training", "examine", "generate", "ladder", "learning_curve", "resume", "train",
    "tune",
)  # fmt: skip
__all__ = ["__version__", *sorted(_HOMES)]

if TYPE_CHECKING:
    from loupe.classifier.classifier import Classifier as Classifier
    from loupe.classifier.classifier import load as load
    from loupe.data.checks import check as check
    from loupe.data.dataset import Dataset as Dataset
    from loupe.data.read import from_arrays as from_arrays
    from loupe.data.read import read as read
    from loupe.errors import LoupeError as LoupeError
    from loupe.estimator import LoupeClassifier as LoupeClassifier
    from loupe.examination.comparison import Comparison as Comparison
    from loupe.examination.comparison import compare as compare
    from loupe.examination.evaluation import Evaluation as Evaluation
    from loupe.examination.evaluation import evaluate as evaluate
    from loupe.examination.labels import LabelExamination as LabelExamination
    from loupe.examination.ladder import Ladder as Ladder
    from loupe.examination.learning_curve import LearningCurve as LearningCurve
    from loupe.examination.stress import stress as stress
    from loupe.generation.generate import generate as generate
    from loupe.reading.predict import predict as predict
    from loupe.reading.reading import Glyph as Glyph
    from loupe.reading.reading import Reading as Reading
    from loupe.recipes.named import recipe as recipe
    from loupe.recipes.recipe import Recipe as Recipe
    from loupe.reporting.pages import write_page as write_page
    from loupe.reporting.report import write_report as write_report
    from loupe.runs.run import Run as Run
    from loupe.runs.run import list_runs as list_runs
    from loupe.runs.run import open_run as open_run
    from loupe.studies.examine import examine as examine
    from loupe.studies.ladder import ladder as ladder
    from loupe.studies.learning_curve import learning_curve as learning_curve
    from loupe.studies.search import Search as Search
    from loupe.studies.tuning import tune as tune
    from loupe.training.continuing import continue_training as continue_training
    from loupe.training.train import resume as resume
    from loupe.training.train import train as train


def __getattr__(name: str) -> Any:
    """Import a public name from its home."""
    if name not in _HOMES:
        raise AttributeError(f"module 'loupe' has no attribute '{name}'")
    if name in _NEED_TORCH:
        from loupe.errors import require
        from loupe.threads import wait_briefly

        wait_briefly()
        for module in ("torch", "onnx", "safetensors"):
            require(module, "Training")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
