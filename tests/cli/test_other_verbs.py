import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from commands import QUICK

import loupe
from loupe.classifier.card import CARD_KEY
from loupe.recipes.named import NAMED
from loupe.recipes.recipe import from_dict


def test_the_version_is_the_packages(loupe_command):
    assert loupe_command("--version").out == f"loupe {loupe.__version__}\n"


@pytest.mark.parametrize("verb", [
    "predict", "train", "check", "evaluate", "report", "export", "recipes", "runs",
    "compare", "ladder", "learn-curve",
])  # fmt: skip
def test_every_verb_explains_itself(loupe_command, verb):
    result = loupe_command(verb, "--help")
    assert result.code == 0
    assert result.out.startswith(f"Usage: loupe {verb}")
    assert "--json" in result.out
    assert verb in loupe_command("--help").out


def test_the_list_of_verbs_cuts_no_sentence_off(loupe_command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    verbs = loupe_command("--help").out.partition("Commands:")[2].strip().splitlines()
    assert [line for line in verbs if line.endswith("...")] == []


def test_an_unknown_verb_is_a_users_error_with_the_nearest_name(loupe_command):
    result = loupe_command("trian")
    assert result.code == 2
    assert "train" in result.err


def test_evaluate_gives_the_figures_of_training_and_counts_the_look(loupe_command, digits_run):
    stored = json.loads((digits_run / "evaluation.json").read_text())
    for looks in (1, 2):
        result = loupe_command("evaluate", digits_run, "--json")
        assert result.code == 0, result.err
        assert result.json["metrics"] == stored["metrics"]
        assert result.json["looks_at_test"] == looks


def test_evaluate_measures_the_validation_images_that_training_held_out(loupe_command, digits_run):
    environment = json.loads((digits_run / "environment.json").read_text())
    result = loupe_command("evaluate", digits_run, "--split", "validation", "--json")
    assert result.json["n"] == sum(environment["data"]["counts"]["validation"])
    card = loupe.load(digits_run).card.evaluation
    assert result.json["metrics"]["accuracy"]["value"] == card["metrics"]["accuracy"]["value"]
    assert not Path("runs").exists()  # no look at test images


def test_evaluate_takes_a_model_file_with_data_and_writes_where_it_is_told(
    loupe_command, digits_run
):
    model = digits_run / "model.onnx"
    result = loupe_command("evaluate", model, "--data", "digits", "--out", "here")
    assert result.code == 0, result.err
    assert "top_3_accuracy" in result.out
    assert "359 test images" in result.out
    assert {path.name for path in Path("here").iterdir()} == {"evaluation.json", "predictions.csv"}
    again = loupe_command("evaluate", model, "--data", "digits", "--out", "here")
    assert again.code == 2
    assert "nothing is overwritten" in again.err
    alone = loupe_command("evaluate", model)
    assert alone.code == 2
    assert "--data" in alone.err


def test_evaluate_measures_every_image_of_other_data_fitted_to_the_model(loupe_command, digits_run):
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 6)
    images = generator.integers(0, 256, (60, 12, 6), np.uint8)  # not of the model's 8 x 8 pixels
    np.savez("other.npz", images=images, labels=labels)
    result = loupe_command("evaluate", digits_run, "--data", "other.npz")
    assert result.code == 0, result.err
    assert "of the 60 test images of other" in result.out
    assert "all its 60 images are measured" in result.out
    assert "fitted to 8x8" in result.out


def test_evaluate_measures_data_with_a_single_image_of_each_class(loupe_command, digits_run):
    images = np.random.default_rng(0).integers(0, 256, (10, 8, 8), np.uint8)
    np.savez("few.npz", images=images, labels=np.arange(10))
    result = loupe_command("evaluate", digits_run, "--data", "few.npz", "--json")
    assert result.code == 0, result.err
    assert result.json["n"] == 10


def test_evaluate_knows_a_runs_own_data_when_it_is_named(loupe_command, digits_run):
    named = loupe_command("evaluate", digits_run, "--data", "digits", "--json").json
    itself = loupe_command("evaluate", digits_run, "--json").json
    assert named["n"] == itself["n"] == 359
    assert named["metrics"] == itself["metrics"]


def test_evaluate_keeps_to_the_test_split_that_other_data_brings(loupe_command, digits_run):
    generator = np.random.default_rng(0)
    parts = {
        "x_train": generator.integers(0, 256, (60, 8, 8), np.uint8),
        "y_train": np.repeat(np.arange(10), 6),
        "x_test": generator.integers(0, 256, (20, 8, 8), np.uint8),
        "y_test": np.repeat(np.arange(10), 2),
    }
    np.savez("other.npz", **parts)
    result = loupe_command("evaluate", digits_run, "--data", "other.npz", "--json")
    assert result.json["n"] == 20


def test_evaluate_goes_on_without_bad_files_where_it_is_told(loupe_command, tmp_path):
    path = tmp_path / "squares.csv"
    generator = np.random.default_rng(0)
    rows = [[row % 3, *generator.integers(0, 256, 16)] for row in range(90)]
    header = ["label", *(f"pixel{i}" for i in range(16))]
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    assert loupe_command("train", path, *QUICK, "--out", "mine").code == 0
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, ["", *rows[0][1:]], *rows[1:]])
    stopped = loupe_command("evaluate", "mine", "--data", path)
    assert stopped.code == 2
    assert "--bad-files skip" in stopped.err
    result = loupe_command("evaluate", "mine", "--data", path, "--bad-files", "skip", "--json")
    assert result.code == 0, result.err
    assert (result.json["n"], result.json["skipped"]) == (89, 1)
    said = loupe_command("evaluate", "mine", "--data", path, "--bad-files", "skip").out
    assert said.count("1 bad file was left out: squares.csv:2") == 1


def test_evaluate_counts_no_look_where_its_result_cannot_be_written(loupe_command, digits_run):
    Path("file").write_text("no folder")
    result = loupe_command("evaluate", digits_run, "--out", "file/here")
    assert result.code == 2
    assert "file/here cannot be written to" in result.err
    assert not Path("runs").exists()


def test_without_a_ledger_nothing_begins_that_would_look_at_test_images(loupe_command, digits_run):
    Path("runs").write_text("no folder")
    for arguments in (["evaluate", digits_run], ["train", "digits", *QUICK, "--out", "mine"]):
        result = loupe_command(*arguments)
        assert result.code == 2
        assert "runs/ledger.jsonl, which cannot be written" in result.err
        assert result.out == ""  # refused before the data is read
    assert loupe_command("evaluate", digits_run, "--split", "validation").code == 0
    assert loupe_command("train", *QUICK, "--out", "mine", "--no-test").code == 0


@pytest.mark.parametrize(
    ("target", "code"), [("accuracy=0.02", 0), ("recall=0.9999", 1), ("log_loss=0.0001", 1)]
)
def test_a_target_that_is_not_met_ends_with_1(loupe_command, digits_run, target, code):
    result = loupe_command("evaluate", digits_run, "--target", target)
    assert result.code == code
    said = result.err if code else result.out
    assert ("Target not met" if code else "Target met") in said


def test_evaluate_suggests_the_nearest_run(loupe_command, digits_run):
    result = loupe_command("evaluate", str(digits_run).replace("logistic", "logstic"))
    assert result.code == 2
    assert "digits-logistic-1" in result.err


def test_report_writes_the_page_again_without_a_look(loupe_command, digits_run):
    result = loupe_command("report", digits_run, "--html", "page.html")
    assert result.code == 0, result.err
    assert not Path("runs").exists()
    page = Path("page.html").read_text()
    assert page.lstrip().lower().startswith("<!doctype html")
    accuracy = json.loads((digits_run / "evaluation.json").read_text())["metrics"]["accuracy"]
    assert f"{100 * accuracy['value']:.1f}" in page


def test_report_refuses_data_that_is_not_what_was_evaluated(loupe_command, digits_run):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (200, 8, 8), np.uint8)
    np.savez("other.npz", images=images, labels=np.arange(200) % 10)
    result = loupe_command("report", digits_run, "--data", "other.npz")
    assert result.code == 2
    assert "other test images" in result.err


def test_data_that_has_moved_is_named_with_what_to_do(loupe_command):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (90, 8, 8), np.uint8)
    np.savez("squares.npz", images=images, labels=np.arange(90) % 3)
    assert loupe_command("train", "squares.npz", *QUICK, "--out", "mine").code == 0
    Path("squares.npz").rename("moved.npz")
    for verb in ("report", "evaluate"):
        result = loupe_command(verb, "mine")
        assert result.code == 2
        assert "squares.npz, which is not there any more" in result.err
        assert "with --data" in result.err
    assert loupe_command("report", "mine", "--data", "moved.npz").code == 0
    Path("mine/report.html").unlink()
    result = loupe_command("train", "--resume", "mine")
    assert result.code == 2
    assert "loupe train DATA --resume mine" in result.err
    assert "--data" not in result.err
    assert loupe_command("train", "moved.npz", "--resume", "mine").code == 0


def test_runs_lists_what_is_here(loupe_command, digits_run):
    shutil.copytree(digits_run, "runs/digits-logistic-1")
    shutil.copytree(digits_run, "runs/stopped-1")
    Path("runs/stopped-1/model.onnx").unlink()
    Path("runs/stopped-1/evaluation.json").unlink()
    shutil.copytree(digits_run, "runs/torn-1")
    Path("runs/torn-1/environment.json").write_text("{")
    found = {Path(run["run"]).name: run for run in loupe_command("runs", "--json").json}
    assert found["digits-logistic-1"]["finished"]
    assert found["digits-logistic-1"]["data"] == "digits"
    assert found["digits-logistic-1"]["accuracy"]["interval"] == "wilson"
    assert not found["stopped-1"]["finished"]
    assert "environment.json" in found["torn-1"]["problem"]
    text = loupe_command("runs").out
    assert "not finished" in text
    assert "359 test images" in text


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal as POSIX has them")
def test_a_narrow_table_of_runs_keeps_what_was_reached(digits_run, tmp_path):
    shutil.copytree(digits_run, tmp_path / "runs" / "digits-logistic-1")
    shutil.copytree(digits_run, tmp_path / "runs" / "torn-1")
    (tmp_path / "runs" / "torn-1" / "environment.json").write_text("{")
    terminal, inside = os.openpty()
    command, narrow = [sys.executable, "-m", "loupe", "runs"], {**os.environ, "COLUMNS": "40"}
    subprocess.run(command, cwd=tmp_path, stdout=inside, env=narrow, check=True)
    os.close(inside)
    table, left_out = os.read(terminal, 10_000).decode().split("No room for: ")
    os.close(terminal)
    assert "digits-logistic-1" in table and "accuracy" in table and "%" in table
    assert "torn-1" in table and "unreadable" in table
    assert max(map(len, table.splitlines())) <= 40
    assert left_out.startswith("95 % interval, of, recipe")
    assert "torn-1: " in left_out and "cannot be read" in left_out


def test_a_folder_that_holds_no_runs_is_refused_with_the_reason(loupe_command, digits_run):
    Path("file").write_text("")
    for folder, reason in (
        ("nowhere", "is not there"),
        ("file", "is a file"),
        (str(digits_run), "is a run itself. List those beside it: loupe runs"),
    ):
        result = loupe_command("runs", folder)
        assert result.code == 2 and reason in result.err


def test_runs_says_how_to_make_the_first_one(loupe_command):
    result = loupe_command("runs")
    assert result.code == 0
    assert "loupe train" in result.out


def test_recipes_lists_every_recipe(loupe_command):
    lines = loupe_command("recipes").out.splitlines()
    assert {line.split()[0] for line in lines[1 : 1 + len(NAMED)]} == set(NAMED)
    assert loupe_command("recipes", "--json").json["recipes"].keys() == NAMED.keys()


def test_a_printed_recipe_can_be_trained_with(loupe_command):
    Path("mine.toml").write_text(loupe_command("recipes", "mlp-300-100").out)
    assert loupe.recipe("mine.toml") == NAMED["mlp-300-100"]
    assert from_dict(loupe_command("recipes", "fast", "--json").json) == NAMED["fast"]


def test_check_is_silent_about_clean_data(loupe_command):
    result = loupe_command("check", "digits")
    assert result.code == 0, result.err
    assert "No findings" in result.out
    assert "1,438" in result.out


@pytest.fixture
def faulty_csv(tmp_path) -> Path:
    """Three classes of 4x4 pixels; 21 of 150 rows have no label, and some rows are equal."""
    path = tmp_path / "faulty.csv"
    generator = np.random.default_rng(0)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["label", *(f"pixel{i}" for i in range(16))])
        for row in range(150):
            label = "" if row % 7 == 3 else row % 3
            writer.writerow([label, *generator.integers(0, 256, 16)])
    return path


def test_check_names_bad_files_and_ends_with_1(loupe_command, faulty_csv):
    result = loupe_command("check", faulty_csv, "--html", "page.html")
    assert result.code == 1, result.err
    assert "bad_files.csv" in result.out
    assert Path("page.html").exists()
    found = loupe_command("check", faulty_csv, "--json").json
    assert len(found["skipped"]) == 21
    assert "unreadable" in {finding["check"] for finding in found["findings"]}


@pytest.mark.parametrize("content", ["years", "<!doctype html><title>My thesis</title>"])
def test_a_page_is_never_written_over_something_else(loupe_command, digits_run, content):
    Path("thesis.html").write_text(content)
    for arguments in (["check", "digits"], ["report", digits_run]):
        result = loupe_command(*arguments, "--html", "thesis.html")
        assert result.code == 2
        assert "no page that Loupe wrote" in result.err
        assert result.out == ""  # refused before the data is read
        assert Path("thesis.html").read_text() == content


def test_report_does_not_write_its_page_over_the_model(loupe_command, digits_run):
    model = digits_run / "model.onnx"
    before = model.read_bytes()
    assert loupe_command("report", digits_run, "--html", model).code == 2
    assert model.read_bytes() == before


def test_a_page_of_ours_is_written_again(loupe_command, digits_run):
    for arguments in (["check", "digits"], ["report", digits_run], ["check", "digits"]):
        result = loupe_command(*arguments, "--html", "page.html")
        assert result.code == 0, result.err


def test_a_page_in_a_folder_that_is_not_there_is_refused_before_the_data_is_read(loupe_command):
    result = loupe_command("check", "digits", "--html", "no/page.html")
    assert result.code == 2
    assert result.err == (
        "error: --html no/page.html: there is no folder no. Make it first, or name another file.\n"
    )
    assert result.out == ""


def test_bad_files_stop_a_training_with_20_on_screen_and_all_in_a_csv(loupe_command, faulty_csv):
    result = loupe_command("train", faulty_csv, *QUICK)
    assert result.code == 2
    assert "bad_files.csv" in result.err
    with open("bad_files.csv", newline="") as file:
        listed = list(csv.DictReader(file))
    assert len(listed) == 21
    assert listed[0].keys() == {"source", "problem", "advice"}
    assert listed[19]["source"] in result.err
    assert listed[20]["source"] not in result.err
    assert not Path("runs").exists()


def test_bad_files_are_shown_also_where_their_list_cannot_be_written(loupe_command, faulty_csv):
    Path("bad_files.csv").mkdir()  # as good as a folder that nobody may write to, also for root
    for arguments, code in ((["train", faulty_csv, *QUICK], 2), (["check", faulty_csv], 1)):
        result = loupe_command(*arguments)
        assert result.code == code
        said = result.err or result.out
        assert "could not be written" in said
        assert "faulty.csv:5 " in said
    error = json.loads(loupe_command("train", faulty_csv, "--json").err)
    assert error["bad_files"] is None
    assert len(error["faults"]) == 21


def test_another_list_of_bad_files_does_not_replace_the_first(loupe_command, faulty_csv):
    Path("bad_files.csv").write_text("mine")
    loupe_command("train", faulty_csv, *QUICK)
    loupe_command("train", faulty_csv, *QUICK)
    assert Path("bad_files.csv").read_text() == "mine"
    assert len(list(Path().glob("bad_files*.csv"))) == 2


def test_bad_files_that_are_skipped_are_listed_in_the_run(loupe_command, faulty_csv):
    result = loupe_command("train", faulty_csv, *QUICK, "--bad-files", "skip", "--out", "mine")
    assert result.code == 0, result.err
    assert "21 bad files were left out" in result.out
    with open("mine/bad_files.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == 21


def test_a_run_that_is_resumed_keeps_the_list_of_bad_files(loupe_command, faulty_csv):
    assert loupe_command(
        "train", faulty_csv, *QUICK, "--bad-files", "skip", "--out", "mine"
    ).code == 0  # fmt: skip
    before = Path("mine/bad_files.csv").read_bytes()
    for name in ("bad_files.csv", "report.html"):
        Path("mine", name).unlink()
    result = loupe_command("train", "--resume", "mine", "--json")
    assert result.code == 0, result.err
    assert Path("mine/bad_files.csv").read_bytes() == before
    assert result.json["skipped"] == 21
    assert Path(result.json["bad_files"]) == Path("mine/bad_files.csv")


def test_names_cannot_steer_the_terminal(loupe_command):
    result = loupe_command("train", "no\x1b[2Jsuch")
    assert result.code == 2
    assert "\x1b" not in result.err


def test_abstain_says_how_much_is_left_to_a_person(loupe_command, digits_run):
    result = loupe_command("evaluate", digits_run, "--abstain", "0.1", "--out", "here")
    assert result.code == 0, result.err
    assert "are left to a person" in result.out
    assert "validation images" in result.out
    (row,) = json.loads(Path("here/evaluation.json").read_text())["abstention"]
    assert row["rule"]["wanted"] == 0.1
    assert f"{row['left']:,} (" in result.out


def test_a_report_keeps_the_shares_that_were_asked_for(loupe_command, digits_run):
    stored = json.loads((digits_run / "evaluation.json").read_text())
    assert [row["rule"]["wanted"] for row in stored["abstention"]] == [0.99, 0.995, 0.999]
    result = loupe_command("report", digits_run, "--html", "page.html", "--abstain", "0.8")
    assert result.code == 0, result.err
    page = Path("page.html").read_text()
    assert "80\N{NARROW NO-BREAK SPACE}%</th>" in page
    assert "99.5\N{NARROW NO-BREAK SPACE}%</th>" not in page


def test_a_share_that_nobody_can_have_is_refused(loupe_command, digits_run):
    result = loupe_command("evaluate", digits_run, "--abstain", "99.9")
    assert result.code == 2
    assert "0.999 for 99.9 %" in result.err


def test_a_model_of_before_knows_no_thresholds(loupe_command):
    model = onnx.load(Path(loupe.__file__).parent / "pretrained" / "mnist.onnx")
    card = next(prop for prop in model.metadata_props if prop.key == CARD_KEY)
    known = json.loads(card.value)
    assert known.pop("certainty")
    card.value = json.dumps(known)
    onnx.save(model, "of_before.onnx")
    result = loupe_command("evaluate", "of_before.onnx", "--data", "digits", "--abstain", "0.9")
    assert result.code == 2
    assert "no thresholds" in result.err


LITTLE_ROOM = """
import resource, signal, sys
from loupe.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))  # as on a disk with so much left
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files as POSIX has it")
def test_a_report_that_a_full_disk_refuses_says_what_to_do(digits_run, tmp_path):
    shutil.copytree(digits_run, tmp_path / "run")
    command = [sys.executable, "-c", LITTLE_ROOM, "report", "run"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 2
    assert "no room left on the disk" in ended.stderr
    assert "Make room, then type the same command again" in ended.stderr
    before, after = digits_run / "report.html", tmp_path / "run" / "report.html"
    assert after.read_bytes() == before.read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files as POSIX has it")
def test_a_training_whose_report_a_full_disk_refuses_goes_on_when_there_is_room(tmp_path):
    train = ["train", *QUICK, "--epochs", "1", "--out", "run"]
    command = [sys.executable, "-c", LITTLE_ROOM, *train]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 2
    assert "Make room on the disk, then go on with: loupe train --resume run" in ended.stderr
    resumed = [sys.executable, "-m", "loupe", "train", "--resume", "run", "--quiet"]
    subprocess.run(resumed, cwd=tmp_path, check=True)
    assert (tmp_path / "run" / "report.html").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="pipes as POSIX has them")
def test_a_reader_that_has_seen_enough_is_no_error():
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "loupe", "recipes"]
    ended = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (ended.returncode, ended.stderr) == (0, "")
