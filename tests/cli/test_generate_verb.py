import io
import json
import signal
import subprocess
import sys
from contextlib import redirect_stdout

import numpy as np
import pytest

import loupe
from loupe.cli import main


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What the verb said, and the folder in which it ran."""
    folder = tmp_path_factory.mktemp("generate")
    command = ["generate", "digits", "--count", "30", "--steps", "3", "--out", "more"]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as said:
        patch.chdir(folder)
        assert main(command) == 0
    return said.getvalue(), folder / "more"


def test_it_says_what_it_drew_and_what_to_do_next(made):
    said, folder = made
    assert "step 3 of 3: discriminator" in said
    assert "Drew 30 images, after" in said
    assert "loupe train digits --generated more" in said
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "checkpoint.safetensors", "generator.json", "generator.safetensors", "history.csv",
        "images.html", "images.npz", "log.txt", "sheet.png",
    }  # fmt: skip


def test_its_images_are_trained_on_and_noted_in_the_run(made, loupe_command):
    _, folder = made
    train = ("train", "digits", "--recipe", "logistic", "--epochs", 1, "--generated", folder)
    said = loupe_command(*train, "--out", "run")
    assert said.code == 0, said.err
    data = loupe.open_run("run").environment["data"]
    assert sum(data["counts"]["test"]) == 359
    assert "30 generated images were added to the training images" in str(data["notes"])
    again = loupe.read(data["origin"], **data["read_options"])
    assert again.generated.sum() == 30


def test_they_are_no_data_to_measure_on(made, loupe_command, digits_run):
    said = loupe_command("evaluate", digits_run, "--data", made[1])
    assert said.code == 2
    assert "made by a generator" in said.err
    alone = loupe_command("train", made[1], "--recipe", "logistic")
    assert alone.code == 2
    assert "what is measured on must be real" in alone.err


def test_programs_get_json(loupe_command):
    said = loupe_command(
        "generate", "--count", 20, "--steps", 2, "--out", "a", "--json", "--seed", 1
    )
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [line["event"] for line in lines] == ["step", "step", "finished"]
    assert lines[-1]["steps_done"] == 2
    assert lines[-1]["folder"] == "a"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--count N is missing"),
        (("--count", 20), "--out DIR is missing"),
        (("--count", 5, "--out", "a"), "digits has 10 classes"),
        (("--count", 20, "--out", "a", "--steps", 2, "--minutes", 1), "Give one of them"),
        (("--resume", "a", "--count", 3), "no others go with it"),
        (("--resume", "a"), "no folder of a generator"),
    ],
)
def test_slips_are_refused_with_the_reason(loupe_command, arguments, message):
    said = loupe_command("generate", *arguments)
    assert said.code == 2
    assert message in said.err


def test_a_generator_of_twelve_images_or_one_class_is_refused(loupe_command, tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (12, 8, 8), np.uint8)
    np.savez("twelve.npz", images=images, labels=[0, 1] * 6)
    np.savez("one.npz", images=images, labels=[0] * 12)
    for name, message in (("twelve", "a generator needs 50 of each"), ("one", "of one class, '0'")):
        said = loupe_command("generate", f"{name}.npz", "--count", 20, "--out", "a")
        assert said.code == 2
        assert message in said.err
        assert "--set" not in said.err or "loupe train DATA --set augmentation" in said.err


@pytest.mark.slow
def test_it_is_killed_or_interrupted_and_goes_on_to_the_same_images(tmp_path):
    def command(*arguments):
        return [sys.executable, "-m", "loupe", "generate", *map(str, arguments)]

    settings = ("digits", "--count", 20, "--steps", 150)
    subprocess.run(command(*settings, "--out", "whole"), cwd=tmp_path, check=True)
    for name, sent, code in (("interrupted", signal.SIGINT, 130), ("killed", signal.SIGKILL, -9)):
        with subprocess.Popen(
            command(*settings, "--out", name), cwd=tmp_path, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("step 6 "):
                    break
            process.send_signal(sent)
            process.stdout.read()
        assert process.returncode == code
        subprocess.run(command("--resume", name), cwd=tmp_path, check=True)
        drawn = [loupe.read(tmp_path / folder).images for folder in (name, "whole")]
        np.testing.assert_array_equal(*drawn)
