"""The house rules that no other tool checks: size, names, imports, what may not be there at all."""

import ast
import configparser
import functools
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import pytest

import loupe

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "loupe"
MODULES = sorted(SOURCE.rglob("*.py"))
TORCH_ROOMS = ("networks", "training", "studies", "generation")
LONGEST_MODULE, LONGEST_FUNCTION = 400, 40  # lines; past that there are two ideas in it

Node = TypeVar("Node", bound=ast.AST)


@functools.cache
def trees() -> dict[Path, ast.Module]:
    """Every module's syntax."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}


def nodes(kind: type[Node]) -> Iterator[tuple[Path, Node]]:
    """Every node of one kind, with the module that it is in."""
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, kind):
                yield path, node


def body_length(function: ast.FunctionDef) -> int:
    """Lines of a function without its signature and docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_modules_hold_one_idea():
    lengths = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert not {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE}


def test_functions_hold_one_idea_and_are_short_as_a_rule():
    found = [(body_length(f), path.name, f.name) for path, f in nodes(ast.FunctionDef)]
    assert not [each for each in found if each[0] > LONGEST_FUNCTION]
    lengths = sorted(length for length, _, _ in found)
    assert lengths[len(lengths) // 2] <= 10


def test_nothing_has_the_name_of_a_drawer():
    drawer = re.compile(r"_?(utils?|common|helpers?|managers?|base|misc)")
    parts = {part for path in MODULES for part in path.relative_to(SOURCE).with_suffix("").parts}
    assert not [part for part in parts if drawer.fullmatch(part)]
    classes = [node.name for _, node in nodes(ast.ClassDef)]
    assert not [name for name in classes if re.search("Manager|Helper|Handler|Util", name)]


def test_nothing_runs_code_out_of_data():
    calls = {node.func.id for _, node in nodes(ast.Call) if isinstance(node.func, ast.Name)}
    assert not calls & {"eval", "exec", "compile", "__import__"}
    imported = {
        alias.name.partition(".")[0] for _, node in nodes(ast.Import) for alias in node.names
    }
    imported |= {(node.module or "").partition(".")[0] for _, node in nodes(ast.ImportFrom)}
    assert not imported & {"pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}
    assert "__future__" not in imported  # its annotations are strings: shapes go unchecked


def test_pickles_are_never_opened():
    allowed = [node.value for _, node in nodes(ast.keyword) if node.arg == "allow_pickle"]
    assert allowed
    assert all(isinstance(value, ast.Constant) and value.value is False for value in allowed)
    attributes = {
        (node.value.id, node.attr)
        for _, node in nodes(ast.Attribute)
        if isinstance(node.value, ast.Name)
    }
    assert not attributes & {("torch", "load"), ("torch", "save")}


def test_every_room_has_its_place_in_the_order():
    linter = configparser.ConfigParser()
    linter.read(ROOT / ".importlinter")
    torchless = linter["importlinter:contract:torch"]["source_modules"].split()
    rooms = {path.relative_to(SOURCE).parts[0].removesuffix(".py") for path in MODULES}
    rooms -= {"__init__", "__main__"}
    assert {name.removeprefix("loupe.") for name in torchless} == rooms - set(TORCH_ROOMS)


def test_every_room_with_code_has_its_tests():
    rooms = {path.parent.name for path in MODULES if path.parent != SOURCE}
    assert rooms - {path.name for path in (ROOT / "tests").iterdir()} == set()


def test_public_names_are_those_that_are_listed():
    assert dir(loupe) == sorted(loupe.__all__)
    for name in loupe.__all__:
        assert getattr(loupe, name) is not None
    with pytest.raises(AttributeError, match="trian"):
        loupe.trian  # noqa: B018  # asking is the test


def run_python(program: str, *arguments: object, cwd: Path) -> str:
    """Run a program in an interpreter of its own; its last line of output."""
    command = [sys.executable, "-W", "error", "-c", program, *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().rpartition("\n")[2]


@pytest.mark.parametrize(
    "arguments", [[], ["--help"], ["train", "--help"], ["predict", "--help"], ["--version"]]
)
def test_importing_loupe_and_asking_for_help_import_nothing_heavy(arguments, tmp_path):
    program = (
        "import sys, json, loupe\n"
        "if sys.argv[1:]:\n"
        "    from loupe.cli import main\n"
        "    assert main(sys.argv[1:]) == 0\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    imported = set(json.loads(run_python(program, *arguments, cwd=tmp_path)))
    # Not pydantic: typer itself takes it to describe a verb's options.
    heavy = {"torch", "numpy", "sklearn", "scipy", "cv2", "onnx", "onnxruntime", "PIL"}
    assert not imported & (heavy | {"jinja2", "pooch", "pyarrow", "jaxtyping", "rich"})


REFUSE_TORCH = """
import importlib.abc, sys
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {"torch", "onnx", "safetensors", "pyarrow"}:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
sys.meta_path.insert(0, Refuse())
"""


def test_every_module_but_the_torch_rooms_is_imported_without_torch(tmp_path):
    names = [
        ".".join(("loupe", *path.relative_to(SOURCE).with_suffix("").parts))
        for path in MODULES
        if path.relative_to(SOURCE).parts[0] not in TORCH_ROOMS
    ]
    program = (
        REFUSE_TORCH + "import importlib\nfor name in sys.argv[1:]: importlib.import_module(name)"
    )
    run_python(program, *names, cwd=tmp_path)


@pytest.mark.slow
def test_everything_but_training_works_without_torch(tmp_path, finished_run):
    program = REFUSE_TORCH + (
        "from loupe.cli import main\n"
        "import loupe\n"
        "run = sys.argv[1]\n"
        "for command in (['check', 'digits'], ['evaluate', run], ['recipes'], ['runs'],\n"
        "                ['report', run, '--html', 'page.html']):\n"
        "    assert main([*command, '--quiet']) == 0, command\n"
        "digits = loupe.read('digits')\n"
        "assert loupe.load(run).predict(digits.images[:5]).shape == (5, 10)\n"
        "try:\n"
        "    loupe.train(digits, 'fast')\n"
        "except loupe.LoupeError as error:\n"
        "    print(error)"
    )
    said = run_python(program, finished_run, cwd=tmp_path)
    assert "loupe[train]" in said


def test_a_base_install_reads_a_photo_without_torch(tmp_path):
    if not (SOURCE / "pretrained" / "mnist.onnx").exists():
        pytest.skip("make the packaged models first: python tools/make_pretrained.py")
    page = np.full((150, 320, 3), 225, np.uint8)
    cv2.putText(page, "2047", (30, 110), cv2.FONT_HERSHEY_SIMPLEX, 3, (90, 40, 30), 7, cv2.LINE_AA)
    assert cv2.imwrite(str(tmp_path / "photo.jpg"), page)
    program = REFUSE_TORCH + (
        "from loupe.cli import main\n"
        "import loupe\n"
        "assert main(['predict', 'photo.jpg', '--quiet', '--explain', 'page.html']) == 0\n"
        "print(loupe.predict('photo.jpg').text)"
    )
    assert run_python(program, cwd=tmp_path) == "2047"


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory) -> Path:
    """A small run on the digits."""
    from loupe.recipes.recipe import changed

    out = tmp_path_factory.mktemp("house") / "run"
    loupe.train(loupe.read("digits"), changed(loupe.recipe("logistic"), {"epochs": 1}), out=out)
    return out


def tracked_files() -> list[Path]:
    """The files of the repository; what git ignores is nobody's business."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout")
    return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file()]


def test_no_file_names_somebodys_machine():
    machine = re.compile(r"(?<![\w.~:])/(home|root|Users|work|tmp)/[a-z]")
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in tracked_files()
        if path.suffix in {".py", ".md", ".toml", ".txt", ".ipynb", ".j2", ".json", ".jsonl", ""}
        and path != Path(__file__)
        and (match := machine.search(path.read_text(encoding="utf-8", errors="replace")))
    ]
    assert not found


def test_large_files_stay_out_of_the_repository():
    assert not [path.name for path in tracked_files() if path.stat().st_size > 1_000_000]


def test_the_changelog_has_an_entry_for_this_version():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {loupe.__version__}" in changelog


def test_every_extra_that_an_error_names_exists():
    from loupe.errors import EXTRA_OF_MODULE

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert set(EXTRA_OF_MODULE.values()) <= extras.keys()
    for module, extra in EXTRA_OF_MODULE.items():
        assert any(line.startswith(module) for line in extras[extra])


def test_every_requirement_has_an_exact_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *sum(project["optional-dependencies"].values(), [])]
    names = {re.split(r"[^\w-]", line)[0].lower().replace("_", "-") for line in wanted}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in lines if "==" in line}
    assert names <= pinned
    assert "torch==2.13.0" in lines
