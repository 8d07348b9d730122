"""The pages say what is true: commands run, parts are up to date, links lead somewhere."""

import contextlib
import csv
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import loupe
from loupe.cli import main as loupe_command
from loupe.data.dataset import Dataset
from loupe.recipes.augmentation import Augmentation
from loupe.recipes.notation import parse
from loupe.recipes.recipe import Recipe
from loupe.runs.history import COLUMNS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), ROOT / "CONTRIBUTING.md"]
NAMES = [page.name for page in PAGES]


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    language: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    fences = re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)
    return (Block(language, text) for language, text in fences)


def generator():
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import generate_docs
    finally:
        sys.path.pop(0)
    return generate_docs


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_generated_parts_are_up_to_date(page, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = page.read_text(encoding="utf-8")
    assert generator().renewed(text) == text, "run: make docs"


def test_what_the_recipes_reached_is_what_the_benchmarks_measured():
    measured = ROOT / "src" / "loupe" / "recipes" / "measured.json"
    assert measured.read_text(encoding="utf-8") == generator().measured_json(), "run: make docs"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.M)
            assert anchor in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}


def test_every_page_is_linked_from_the_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for page in DOCS.iterdir():
        if page.suffix in {".md", ".ipynb"}:
            assert f"docs/{page.name}" in text


def test_the_readme_lists_every_verb():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `loupe ([\w-]+)", text, re.M)) == set(generator().VERBS)


def test_every_example_of_the_notation_is_one():
    text = (DOCS / "notation.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \|(.*)$", text, re.M)
    examples = [token for token, _ in rows]
    examples += [span for _, meaning in rows for span in re.findall(r"`([^`]+)`", meaning)]
    examples += [line.strip() for line in text.splitlines() if line.startswith("    64C3-64C3")]
    assert len(examples) > 13
    for example in examples:
        assert str(parse(example)) == example


def test_the_error_of_the_notation_page_is_the_one_that_is_raised():
    text = (DOCS / "notation.md").read_text(encoding="utf-8")
    with pytest.raises(loupe.LoupeError) as caught:
        parse("64C3-MP2-12O8N")
    shown = "\n".join(f"    {line}" for line in str(caught.value).splitlines())
    assert shown in text


@pytest.mark.parametrize(("kind", "prefix"), [(Recipe, ""), (Augmentation, "augmentation.")])
def test_every_setting_has_its_line(kind, prefix):
    text = (DOCS / "recipes.md").read_text(encoding="utf-8")
    for name in kind.__dataclass_fields__:
        assert re.search(rf"^\| `{prefix}{name}` \| .* \| .+ \|$", text, re.M), name


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory) -> loupe.Run:
    """A small run on the digits, as the command line leaves it."""
    folder = tmp_path_factory.mktemp("docs")
    command = ["train", "digits", "--recipe", "logistic", "--epochs", "1", "--out", "run"]
    subprocess.run([sys.executable, "-m", "loupe", *command, "--quiet"], cwd=folder, check=True)
    return loupe.open_run(folder / "run")


@pytest.mark.slow
def test_the_page_on_runs_names_every_file_column_and_key(digits_run):
    text = (DOCS / "run-folder.md").read_text(encoding="utf-8")
    for path in digits_run.folder.iterdir():
        assert f"| `{path.name}{'/' if path.is_dir() else ''}` |" in text
    for column in COLUMNS:
        assert f"`{column}`" in text
    example = json.loads(next(block.text for block in blocks(DOCS / "run-folder.md")))
    evaluation = digits_run.evaluation
    assert example.keys() <= evaluation.keys()
    assert example["metrics"]["accuracy"].keys() == evaluation["metrics"]["accuracy"].keys()
    assert example["per_class"][0].keys() <= evaluation["per_class"][0].keys()
    for metric in evaluation["metrics"]:
        assert f"`{metric}`" in text
    with open(digits_run.folder / "predictions.csv", newline="", encoding="utf-8") as file:
        assert all(f"`{name}`" in text for name in next(csv.reader(file)) if "_2" not in name)


# What is long on the real data is shown to be right on a small part of it: 600 and 200 images.
@pytest.fixture(scope="module")
def small_sets(tmp_path_factory, mnist: Dataset) -> Path:
    """A folder with a small mnist.npz and a small fashion-mnist.npz in it."""
    folder = tmp_path_factory.mktemp("small")
    for dataset in (mnist, loupe.read("fashion-mnist")):
        arrays = {
            "x_train": dataset.train.images[:600],
            "y_train": dataset.train.labels[:600],
            "x_test": dataset.test.images[:200],
            "y_test": dataset.test.labels[:200],
        }
        np.savez(folder / f"{dataset.name}.npz", **arrays)
    return folder


def run_page(page: Path, folder: Path) -> None:
    """Run the commands and programs of a page, in its order, in one folder."""
    namespace: dict[str, object] = {}
    (folder / "docs").symlink_to(DOCS)
    shutil.copy(DOCS / "photo.jpg", folder)
    before = Path.cwd()
    os.chdir(folder)
    try:
        for block in blocks(page):
            if block.language == "console":
                for line in block.text.splitlines():
                    if line.startswith("$ "):
                        run_command(line.removeprefix("$ "))
            elif block.language == "python":
                exec(compile(in_small(block.text), page.name, "exec"), namespace)
    finally:
        os.chdir(before)


def run_command(line: str) -> None:
    """Run one command; targets may be missed on so few images, everything else must work."""
    line, _, output = in_small(line).partition(" > ")
    arguments = shlex.split(line)
    assert arguments[0] == "loupe"
    if arguments[1] == "train" and "--continue" not in arguments:  # that keeps to its recipe
        arguments += ["--epochs", "1"]
    said, complaints = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complaints):
        code = loupe_command(arguments[1:])
    assert code in ((0, 1) if "--target" in line else (0,)), f"{line}\n{complaints.getvalue()}"
    if output:
        Path(output).write_text(said.getvalue(), encoding="utf-8")


def in_small(text: str) -> str:
    """Put the small files in the place of the data sets that a page names."""
    text = re.sub(r"(?<=^loupe )(examine \S+)", r"\1 --folds 2 --recipe logistic", text)
    text = re.sub(r'(loupe\.examine\("first")', r'\1, folds=2, recipe="logistic"', text)
    text = re.sub(r"(?<=^loupe )(generate .*)--minutes \d+", r"\1--steps 3", text)
    text = re.sub(r"(loupe\.generate\(.*)minutes=\d+", r"\1steps=3", text)
    text = re.sub(r"(?<=^loupe )(tune .*post-004 ).*", r"\1--trials 1 --minutes 2", text)
    text = re.sub(r"(?<=--recipe best)$", " --network 8C3v/2b", text)  # its networks take minutes
    verbs = "train|check|tune|ladder|learn-curve"
    text = re.sub(rf"(?<=^loupe )({verbs}) ((?:fashion-)?mnist)\b", r"\1 small/\2.npz", text)
    return re.sub(r'(?<=read\(")((?:fashion-)?mnist)(?="\))', r"small/\1.npz", text)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "recipes.md",
        "data.md",
        "reading.md",
        "generate.md",
        "examine.md",
        "how-sure.md",
        "stress.md",
        "committees.md",
        "heads.md",
        "tuning.md",
        "scikit-learn.md",
        "compare.md",
    ],
)
def test_what_a_page_tells_to_type_works(name, tmp_path):
    page = next(page for page in PAGES if page.name == name)
    run_page(page, tmp_path)


@pytest.mark.slow
def test_the_readme_shows_what_is_read_on_its_photo():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = text.partition("$ loupe predict docs/photo.jpg\n")[2].partition("\n```")[0]
    assert loupe.predict(DOCS / "photo.jpg").text == shown


# What the five posts do, and what of a page's commands and programs does it.
TUTORIAL_STEPS = {
    "load from OpenML": r"openml:mnist_784",
    "load keras' file": r'read\("mnist\.npz"\)',
    "load Fashion-MNIST": r'read\("fashion-mnist"\)',
    "draw an image": r"Image\.fromarray",
    "draw nine with their names": r"contact_sheet\(",
    "look at all": r"loupe check",
    "one-vs-rest": r"--head one-vs-rest",
    "one-vs-one": r"--head one-vs-one",
    "under-sampling": r"--balance under-sample",
    "train one network on": r"--continue \S+ --only-class 1",
    **{name: rf"--recipe {name}\b" for name in (
        "logistic", "mlp-256-128-64-32", "cnn-995", "mlp-300-100", "mlp-64-32", "fashion-64-32",
        "fashion-128-64-32", "mlp-512", "cnn-bn", "best",
    )},
    **{name: rf"--activation {name}\b" for name in (
        "sigmoid", "tanh", "leaky_relu", "prelu", "elu", "maxout",
    )},
    "vary and keep the best": r"loupe tune",
    "augmentation": r"--set augmentation\.",
    "class folders": r"loupe train my-images",
    "two models' curves": r"loupe compare",
    "curves in words": r"verdict\(run\.history\)",
    "targets": r"--target accuracy=0\.8 --target recall=0\.99",
    "prediction and argmax": r"predict\(.*\)\n.*argmax",
    "confusion matrix": r"confusion_matrix",
    "classification report": r"per_class",
    "three guesses": r"mistake\.guesses",
    "model or label": r"loupe examine",
    "more data": r"loupe learn-curve",
    "a generator": r"loupe generate",
    "ensembles": r"--set members=",
}  # fmt: skip


@pytest.mark.parametrize("step", TUTORIAL_STEPS)
def test_every_step_of_the_tutorials_has_its_command(step):
    page = DOCS / "from-the-tutorials.md"
    run = [each.text for each in blocks(page) if each.language in ("console", "python")]
    text = page.read_text() if step == "load from OpenML" else "\n".join(run)  # it needs the net
    assert re.search(TUTORIAL_STEPS[step], text)


@pytest.mark.slow
def test_every_step_of_the_tutorials_works(tmp_path, small_sets):
    (tmp_path / "small").symlink_to(small_sets)
    run_page(DOCS / "from-the-tutorials.md", tmp_path)
    assert len(loupe.list_runs(tmp_path / "runs")) > 15


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(tmp_path, mnist: Dataset):
    nbformat = pytest.importorskip("nbformat", reason="notebooks need the extra 'dev'")
    nbclient = pytest.importorskip("nbclient", reason="notebooks need the extra 'dev'")
    notebook = nbformat.read(DOCS / "tutorial.ipynb", as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    client = nbclient.NotebookClient(notebook, timeout=600, resources=resources)
    client.execute()  # raises where a cell does


def test_the_install_lines_name_extras_that_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for page in PAGES:
        for extra in re.findall(r"loupe\[(\w+)\]|'\.\[(\w+)\]'", page.read_text(encoding="utf-8")):
            assert "".join(extra) in project["optional-dependencies"]
