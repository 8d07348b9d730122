"""Options that several verbs share, and the everyday settings of a recipe as flags."""

from pathlib import Path
from typing import Annotated, Literal

import typer

DEFAULT_DATA = "digits"  # comes with scikit-learn: at hand everywhere, trained in seconds
_DATA = (
    "A public set (digits, mnist, fashion-mnist, ...), openml:NAME, a folder of classes, a ZIP, "
    "IDX, NPZ, CSV or Parquet file."
)
DataOrDigits = Annotated[
    str | None, typer.Argument(metavar="DATA", help=f"{_DATA} [default: digits]")
]
OtherData = Annotated[
    str | None,
    typer.Option(metavar="DATA", help="Other data. [default: what the run was trained on]"),
]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")]
Size = Annotated[
    int | None,
    typer.Option(
        min=2,
        max=1024,
        help="Fit images to this height and width. [default: files to their median, at most 64]",
    ),
]
BadFiles = Annotated[
    Literal["stop", "skip"],
    typer.Option(help="Name every unreadable file and stop, or go on without them."),
]
Fixes = Annotated[
    Path | None,
    typer.Option(
        metavar="CSV",
        help="Mend labels as this file says: of training and validation images, in memory only.",
    ),
]
Generated = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Train on the images that `loupe generate` wrote there as well."
    ),
]
GeneratedOnly = Annotated[
    bool,
    typer.Option("--generated-only", help="Train on these alone, and measure on real images."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
Target = Annotated[
    list[str] | None,
    typer.Option(
        metavar="METRIC=VALUE",
        help="Say at the end whether it was met, as accuracy=0.995 or recall=0.99; exit code 1 if "
        "not. Repeat it for more.",
    ),
]
Abstain = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Say how many images are left to a person if so many of the answers are to be right, "
        "as 0.999.",
    ),
]
Html = Annotated[Path | None, typer.Option(metavar="PATH", help="Write the page to this file.")]

RecipeName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE.toml",
        help="See `loupe recipes`. [default: balanced]",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change any setting of the recipe, as augmentation.rotation=5. Repeat it for more.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="The run's folder. [default: runs/<data>-<recipe>-<n>]"),
]
NoTest = Annotated[
    bool,
    typer.Option("--no-test", help="Leave the test images alone: measure on validation images."),
]
Resume = Annotated[
    Path | None,
    typer.Option(metavar="RUN", help="Go on with a run that was killed or interrupted."),
]

# The everyday settings. Their values are checked by the recipe, which says what it expects.
Seed = Annotated[int | None, typer.Option(help="Of everything random in training.")]
Epochs = Annotated[int | None, typer.Option(help="Passes over the training images.")]
BatchSize = Annotated[int | None, typer.Option(help="Images in one optimizer step.")]
LearningRate = Annotated[float | None, typer.Option(help="The highest of the schedule.")]
Optimizer = Annotated[str | None, typer.Option(help="sgd, nesterov, adam, adamw, rmsprop or muon.")]
Networks = Annotated[
    list[str] | None,
    typer.Option(
        "--network",
        metavar="NOTATION",
        help="The layers, as 64C3-MP2-128N. Repeated: a committee of different networks.",
    ),
]
Head = Annotated[
    str | None,
    typer.Option(help="softmax, or many binary networks: one-vs-rest, one-vs-one."),
]
Balance = Annotated[
    str | None,
    typer.Option(help="Making up for rare classes: none, weights, under-sample, over-sample."),
]
Continue = Annotated[
    Path | None,
    typer.Option(
        "--continue",
        metavar="RUN",
        help="Train some binary networks of a finished run anew, on its data and --data.",
    ),
]
OnlyClass = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CLASS", help="With --continue: whose networks. Repeat it for more classes."
    ),
]
More = Annotated[
    str | None,
    typer.Option("--data", metavar="DATA", help="With --continue: more images to train on."),
]
Distil = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN|MODEL",
        help="Learn the probabilities of this trained model, a committee say, beside the labels.",
    ),
]
Activation = Annotated[str | None, typer.Option(help="relu, gelu, tanh, maxout, ...")]
Validation = Annotated[
    float | None, typer.Option(help="Fraction of the training images kept for validation.")
]
Minutes = Annotated[
    float | None, typer.Option(help="Time budget, turned into epochs after a timed warm-up.")
]
Device = Annotated[str | None, typer.Option(help="auto, cpu or cuda.")]
