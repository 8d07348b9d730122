import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import loupe

HEAD = ("--recipe", "logistic", "--epochs", "2", "--head", "one-vs-rest")


@pytest.fixture
def more(loupe_command):
    """A folder of six altered ones of the digits, and one test image among them."""
    digits = loupe.read("digits")
    folder = Path("more")
    folder.mkdir()
    ones = digits.train.images[digits.train.labels == 1][:6] // 2
    test = digits.test.images[digits.test.labels == 1][:1]
    for number, image in enumerate(np.concatenate([ones, test])):
        Image.fromarray(image[:, :, 0]).save(folder / f"{number}.png")
    return folder


@pytest.mark.slow
def test_a_class_is_trained_anew_and_the_report_shows_it_before_and_after(loupe_command, more):
    assert loupe_command("train", "digits", *HEAD, "--balance", "under-sample").code == 0
    run = loupe.open_run("runs/digits-logistic-1")
    assert (run.recipe.head, run.recipe.balance) == ("one-vs-rest", "under-sample")
    result = loupe_command("train", "--continue", run.folder, "--only-class", "1", "--data", more)
    assert result.code == 0, result.err
    assert "6 images of more were added" in result.out
    assert "left out: more/6.png" in result.out
    assert "recall before" in result.out and "second look" in result.out
    assert "Of the validation images" in result.out and "Of the test images" in result.out
    after = loupe.open_run("runs/digits-logistic-2")
    assert after.environment["continued"]["before"]["test"] == run.evaluation["per_class"]
    page = (after.folder / "report.html").read_text()
    assert "Before and after" in page and "6 images more" in page
    assert page.index("validation images, before") < page.index("359 test images, before")
    assert "loupe train --continue" in page and "one of 10 networks" in page
    again = loupe_command("report", after.folder)
    assert again.code == 0, again.err
    assert json.loads((after.folder / "evaluation.json").read_text())["looks_at_test"] == 2
    of_train = loupe_command("evaluate", after.folder, "--split", "train")
    assert "The 6 images that the run was continued with are not among these" in of_train.out
    assert "To have all measured, put them into one folder" in of_train.out


@pytest.mark.slow
def test_a_run_that_left_the_test_images_alone_leaves_them_alone_as_it_goes_on(loupe_command, more):
    assert loupe_command("train", "digits", *HEAD, "--no-test").code == 0
    run = loupe.open_run("runs/digits-logistic-1")
    result = loupe_command("train", "--continue", run.folder, "--only-class", "1", "--data", more)
    assert result.code == 0, result.err
    assert "begun with --no-test: the test images are left alone" in result.out
    assert "Of the validation images, before and after" in result.out
    assert not Path("runs/ledger.jsonl").exists()
    after = loupe.open_run("runs/digits-logistic-2")
    assert after.environment["asked"]["no_test"]
    page = (after.folder / "report.html").read_text()
    assert "validation images, before and after" in page
    assert "nothing to compare with" not in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only-class", "1"], "--continue and --data are missing"),
        (["digits", "--data", "more"], "loupe train DATA"),
        (["--continue", "r", "--only-class", "1"], "--data is missing"),
        (
            ["digits", "--continue", "r", "--only-class", "1", "--data", "more"],
            "keeps the run's own",
        ),
        (
            ["--continue", "r", "--only-class", "1", "--data", "more", "--epochs", "3"],
            "keeps the run's own",
        ),
        (["--continue", "r", "--only-class", "1", "--data", "more"], "is no run"),
        (["--head", "ovr"], "one-vs-rest"),
        (["--balance", "under"], "under-sample"),
    ],
)
def test_what_makes_no_sense_is_refused(loupe_command, arguments, said):
    result = loupe_command("train", *arguments)
    assert result.code == 2 and said in result.err
    assert not Path("runs").exists()


def test_a_softmax_run_is_refused_before_anything_is_read(loupe_command, digits_run):
    result = loupe_command(
        "train", "--continue", digits_run, "--only-class", "1", "--data", "nowhere"
    )
    assert result.code == 2 and "one network tells all classes apart" in result.err
