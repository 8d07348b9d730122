"""The command line in this process, in an empty folder, and a run that tests only read."""

import contextlib
import io
from pathlib import Path

import pytest
from commands import QUICK, Loupe, Result

from loupe.cli import main


@pytest.fixture
def loupe_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loupe:
    """Run a command in an empty folder: `loupe_command("train", "digits")`."""
    monkeypatch.chdir(tmp_path)
    return run_here


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """What `loupe train` said, and the folder in which it ran."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return run_here("train", *QUICK, "--epochs", "2"), folder


@pytest.fixture(scope="session")
def digits_run(trained: tuple[Result, Path]) -> Path:
    """The folder of that run."""
    return trained[1] / "runs" / "digits-logistic-1"


def run_here(*arguments: object) -> Result:
    """Run a command in the current folder."""
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        code = main([str(argument) for argument in arguments])
    return Result(code, out.getvalue(), err.getvalue())
