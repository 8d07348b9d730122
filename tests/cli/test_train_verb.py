import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import QUICK

import loupe
from loupe.recipes.recipe import read_recipe

FILES = {
    "recipe.toml", "history.csv", "model.onnx", "weights.safetensors", "evaluation.json",
    "predictions.csv", "environment.json", "report.html", "log.txt", "checkpoint",
}  # fmt: skip


def test_training_says_how_good_it_is_and_where_everything_is(trained):
    result, folder = trained
    assert result.code == 0, result.err
    assert "training on digits" in result.out
    assert "of the 359 test images of digits are read rightly" in result.out
    assert "95 % interval" in result.out
    assert "first look" in result.out
    assert str(Path("runs", "digits-logistic-1", "report.html")) in result.out
    assert len((folder / "runs" / "ledger.jsonl").read_text().splitlines()) == 1


def test_a_run_has_every_file_of_a_run(digits_run):
    assert {path.name for path in digits_run.iterdir()} >= FILES


def test_away_from_a_terminal_each_epoch_is_one_line(trained):
    lines = [line for line in trained[0].out.splitlines() if line.startswith("epoch ")]
    assert [line.partition(":")[0] for line in lines] == ["epoch 1 of 2", "epoch 2 of 2"]


def test_json_is_a_line_an_epoch_and_a_last_one_with_run_metrics_and_targets(loupe_command):
    result = loupe_command(
        "train", "digits", *QUICK, "--epochs", "2", "--json", "--out", "mine",
        "--target", "accuracy=0.02", "--target", "recall=0.9999",
    )  # fmt: skip
    assert result.code == 1  # one target of the two
    assert "Target not met: recall" in result.err
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert [line["event"] for line in lines] == ["epoch", "epoch", "finished"]
    assert [line["epoch"] for line in lines[:2]] == [1, 2]
    last = lines[-1]
    assert last["run"] == "mine"
    assert last["metrics"] == json.loads(Path("mine/evaluation.json").read_text())["metrics"]
    assert last["looks_at_test"] == 1
    assert [target["met"] for target in last["targets"]] == [True, False]
    assert Path(last["report"]).exists()


def test_flags_and_settings_change_the_recipe_and_hold_against_its_variants(loupe_command):
    result = loupe_command(
        "train", "--recipe", "fast", "--epochs", "1", "--seed", "5", "--learning-rate", "0.01",
        "--optimizer", "sgd", "--network", "16N", "--activation", "tanh", "--validation", "0.2",
        "--device", "cpu", "--set", "schedule=cosine", "--set", "augmentation.shift=0.5",
        "--quiet",
    )  # fmt: skip
    assert (result.code, result.out, result.err) == (0, "", "")  # quiet means quiet
    recipe = read_recipe(Path("runs/digits-fast-1/recipe.toml"))
    assert (recipe.epochs, recipe.seed, recipe.network) == (1, 5, "16N")
    assert (recipe.learning_rate, recipe.optimizer) == (0.01, "sgd")
    assert (recipe.activation, recipe.validation, recipe.device) == ("tanh", 0.2, "cpu")
    assert (recipe.schedule, recipe.augmentation.shift) == ("cosine", 0.5)
    assert recipe.batch_size == 64  # of the variant for few images


@pytest.mark.slow
def test_minutes_become_epochs(loupe_command):
    result = loupe_command("train", "--recipe", "logistic", "--minutes", "0.001", "--quiet")
    assert result.code == 0, result.err
    recipe = read_recipe(Path("runs/digits-logistic-1/recipe.toml"))
    assert recipe.minutes is None
    assert recipe.epochs >= 1


def test_epochs_that_are_asked_for_replace_the_minutes_of_a_recipe_file(loupe_command):
    Path("hour.toml").write_text('network = "8N"\nminutes = 60\n', encoding="utf-8")
    result = loupe_command("train", "--recipe", "hour.toml", "--epochs", "1", "--no-test")
    assert result.code == 0, result.err
    recipe = read_recipe(Path("runs/digits-hour-1/recipe.toml"))
    assert (recipe.epochs, recipe.minutes) == (1, None)


@pytest.mark.slow
def test_a_recipe_file_repeats_a_run(loupe_command, digits_run):
    result = loupe_command("train", "--recipe", digits_run / "recipe.toml", "--out", "again")
    assert result.code == 0, result.err
    name = "weights.safetensors"
    assert Path("again", name).read_bytes() == (digits_run / name).read_bytes()


def test_no_test_leaves_the_test_images_and_the_ledger_alone(loupe_command):
    result = loupe_command("train", *QUICK, "--no-test", "--out", "mine")
    assert result.code == 0, result.err
    assert "validation images" in result.out
    assert not Path("runs").exists()
    assert json.loads(Path("mine/evaluation.json").read_text())["split"] == "validation"


@pytest.mark.slow
def test_without_validation_no_test_measures_on_training_images_and_says_so(loupe_command):
    arguments = ("--no-test", "--validation", "0", "--out", "mine", "--json")
    result = loupe_command("train", *QUICK, *arguments)
    assert result.code == 0, result.err
    assert json.loads(result.out.splitlines()[0])["val_loss"] is None
    assert result.json["split"] == "train"
    assert not Path("runs").exists()


def test_a_folder_that_holds_something_is_never_written_to(loupe_command):
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("years")
    result = loupe_command("train", *QUICK, "--out", "mine")
    assert result.code == 2
    assert "not empty" in result.err
    assert "--resume" not in result.err  # it is no run
    assert [path.name for path in Path("mine").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["minst"], "Did you mean 'mnist'?"),
        (["--recipe", "fats"], "Did you mean 'fast'?"),
        (["--set", "epoch=3"], "Did you mean 'epochs'?"),
        (["--set", "epochs"], "--set epochs=3"),
        (["--set", "augmentation.rotaton=3"], "Did you mean 'augmentation.rotation'?"),
        (["--set", "variants.tiny.augmentation.shfit=1"], "Did you mean 'augmentation.shift'?"),
        (["--set", "variants.tinny.epochs=1"], "Did you mean 'tiny'?"),
        (["--optimizer", "adma"], "'adam'"),
        (["--epochs", "0"], "epochs = 0"),
        (["--network", "64C3-MPX"], "^^^"),
        (["--epochs", "3", "--minutes", "1"], "both given"),
        (["--epochs", "3", "--set", "minutes=1"], "both given"),
        (["--target", "acuracy=0.9"], "Did you mean 'accuracy'?"),
        (["--target", "accuracy=99.5"], "accuracy=0.995"),
        (["--resume", "runs/none"], "is no run"),
        (["--bad-files", "burn"], "stop"),
        (["--epoch", "3"], "--epochs"),
    ],
)
def test_a_slip_ends_with_2_and_says_what_to_do(loupe_command, arguments, said):
    result = loupe_command("train", *arguments)
    assert result.code == 2
    assert said in result.err
    assert "Traceback" not in result.err
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "minst"], "Did you mean 'mnist'"),
        (["train", "--epochs", "zero"], "'--epochs'"),
        (["train", "--epoch", "3"], "--epochs"),
        (["trian"], "trian"),
        (["evaluate"], "RUN|MODEL"),
    ],
)
def test_errors_are_json_where_json_was_asked_for(loupe_command, arguments, said):
    result = loupe_command(*arguments, "--json")
    assert result.code == 2
    assert result.out == ""
    assert said in json.loads(result.err)["error"]


def test_help_is_help_also_where_json_was_asked_for(loupe_command):
    result = loupe_command("train", "--json", "--help")
    assert result.code == 0
    assert result.out.startswith("Usage: loupe train")


def test_a_finished_run_is_not_resumed(loupe_command, digits_run):
    result = loupe_command("train", "--resume", digits_run)
    assert result.code == 2
    assert "nothing to resume" in result.err


def test_a_run_that_was_killed_before_its_report_is_measured_by_resume(loupe_command, digits_run):
    shutil.copytree(digits_run, "mine")
    for name in ("evaluation.json", "predictions.csv", "report.html"):
        Path("mine", name).unlink()
    result = loupe_command("train", "--resume", "mine")
    assert result.code == 0, result.err
    assert {path.name for path in Path("mine").iterdir()} >= FILES
    name = "weights.safetensors"
    assert Path("mine", name).read_bytes() == (digits_run / name).read_bytes()


@pytest.mark.slow
def test_resume_keeps_to_what_the_run_was_begun_with(loupe_command):
    arguments = ("--no-test", "--target", "accuracy=0.9999", "--out", "mine")
    assert loupe_command("train", *QUICK, *arguments).code == 1
    for name in ("evaluation.json", "predictions.csv", "report.html", "model.onnx"):
        Path("mine", name).unlink()
    result = loupe_command("train", "--resume", "mine")
    assert result.code == 1
    assert "Target not met: accuracy" in result.err
    assert "begun with --no-test" in result.out
    assert json.loads(Path("mine/evaluation.json").read_text())["split"] == "validation"
    assert not Path("runs").exists()  # no look at test images


def test_no_setting_goes_with_resume(loupe_command, digits_run):
    result = loupe_command("train", "--resume", digits_run, "--epochs", "3")
    assert result.code == 2
    assert "own recipe" in result.err


def test_training_without_torch_says_which_extra_brings_it(loupe_command, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # what a failed import leaves
    result = loupe_command("train", *QUICK)
    assert result.code == 2
    assert "loupe[train]" in result.err


def _start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a training that would take minutes, and wait until it trains."""
    command = [sys.executable, "-m", "loupe", "train", "digits", "--out", "run", *arguments]
    process = subprocess.Popen(
        command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    log = folder / "run" / "log.txt"
    until = time.monotonic() + 120
    while not (log.exists() and "epoch 3" in log.read_text()):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until
        time.sleep(0.02)
    return process


LONG = ("--recipe", "mlp-512", "--epochs", "20000")


@pytest.mark.slow
def test_ctrl_c_ends_with_a_model_measured_on_validation_images_and_130(tmp_path):
    process = _start(tmp_path, *LONG)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Ended by Ctrl-C" in out
    run = loupe.open_run(tmp_path / "run")
    assert run.is_finished
    assert run.evaluation["split"] == "validation"
    assert (run.folder / "report.html").exists()
    assert not (tmp_path / "runs").exists()
    assert "loupe train --resume run" in out


@pytest.mark.slow
def test_a_second_ctrl_c_ends_at_once_and_says_how_to_go_on(tmp_path):
    process = _start(tmp_path, *LONG)
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)  # two signals at once count as one; export and report take longer than this
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "loupe train --resume run" in err


@pytest.mark.slow
def test_a_killed_training_is_resumed_to_its_end(tmp_path):
    arguments = ("--recipe", "mlp-512", "--epochs", "60")
    process = _start(tmp_path, *arguments)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    command = [sys.executable, "-m", "loupe", "train", "--resume", "run"]
    done = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "test images of digits are read rightly" in done.stdout


@pytest.mark.slow
def test_on_a_terminal_a_bar_moves_and_goes(tmp_path):
    pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.execv(sys.executable, [sys.executable, "-m", "loupe", "train", *QUICK, "--epochs", "40"])
    shown = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the child closed its end
            break
        if not part:
            break
        shown += part
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, shown.decode()
    assert b"training" in shown
    assert b"\x1b[" in shown  # the bar was drawn over and over
    assert b"epoch 40 of 40: loss" not in shown  # that is the line for logs
