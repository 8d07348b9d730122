"""`loupe tune` as it is typed."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import loupe
from loupe.cli.tune import line_of
from loupe.data.fixes import portable_source
from loupe.studies import confirming
from loupe.studies.spaces import SPACES
from loupe.studies.trials import Trial

SPACE = """
base = "logistic"
[fixed]
batch_size = 64
[vary]
epochs = [1, 2]
learning_rate = {low = 0.001, high = 0.1, log = true}
"""


@pytest.fixture
def space(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(SPACE)
    return path


def test_its_help_names_every_space(loupe_command):
    said = loupe_command("tune", "--help").out
    assert all(name in said for name in SPACES)


@pytest.mark.slow
def test_a_search_ends_with_a_recipe_and_a_page(loupe_command, space, monkeypatch):
    monkeypatch.setattr(confirming, "MOST_PAIRS", 1)
    monkeypatch.setattr("loupe.studies.tuning.FINALISTS", 1)
    said = loupe_command("tune", "digits", "--space", "mine.toml", "--trials", 2, "--json")
    assert said.code == 0, said.err
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [line["event"] for line in lines] == ["trial", "trial", "finished"]
    assert said.json["best"] in (0, 1)
    assert Path(said.json["page"]) == Path("studies/digits-mine/tune.html")
    assert Path(said.json["page"]).exists()
    assert not Path("runs").exists()
    again = loupe_command("tune", "digits", "--space", "mine.toml", "--trials", 1)
    assert "trial-0002" in again.out
    to_use = json.loads(Path("studies/digits-mine/result.json").read_text())["recipe"]
    assert to_use in ("studies/digits-mine/best.toml", "studies/digits-mine/base.toml")
    assert f"loupe train digits --recipe {to_use}" in again.out
    assert Path(to_use).exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--space", "smal"), "Did you mean 'small'"),
        (("--space", "none.toml"), "cannot be read"),
        (("--minutes", "0"), "above 0"),
        (("--minutes", "-1"), "above 0"),
        (("--minutes", "nan"), "above 0"),
        (("--fixes", "none.csv"), "none.csv"),
        (("--generated", "none"), "no generated images at none"),
        (("--generated-only",), "without generated"),
        (("--bad-files", "skp"), "Did you mean 'skip'"),
        (("--out", "mine.toml"), "mine.toml"),
    ],
)
def test_bad_input_is_refused_with_the_reason(options, said, loupe_command, space):
    result = loupe_command("tune", "digits", *options)
    assert result.code == 2
    assert said in result.err


@pytest.mark.slow
def test_data_are_read_as_for_training_and_the_command_says_how(
    loupe_command, space, tmp_path, monkeypatch
):
    monkeypatch.setattr(confirming, "MOST_PAIRS", 1)
    digits = loupe.read("digits")
    for place, (image, label) in enumerate(zip(digits.images, digits.labels, strict=True)):
        file = tmp_path / "pile" / digits.class_names[label] / f"{place:04}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(file)
    (tmp_path / "pile" / "0" / "torn.png").write_bytes(b"\x89PNG")
    refused = loupe_command("tune", "pile", "--space", "mine.toml", "--trials", 1)
    assert refused.code == 2 and "torn.png" in refused.err
    pile = loupe.read("pile", bad_files="skip")
    source = portable_source(pile.train.sources[0], pile.origin)
    old = pile.class_names[pile.train.labels[0]]
    rows = f"source,old_label,proposed_label,reason\n{source},{old},drop,\n"
    (tmp_path / "fixes.csv").write_text(rows)
    drawn = tmp_path / "drawn"
    drawn.mkdir()
    facts = {"data": "pile", "fingerprint": pile.fingerprint, "steps": 7}
    np.savez(
        drawn / "images.npz",
        images=pile.train.images[:50],
        labels=pile.train.labels[:50],
        class_names=np.array(pile.class_names),
        generated=np.ones(50, bool),
        generator=json.dumps(facts),
    )
    (drawn / "generator.json").write_text("{}")
    options = ("--bad-files", "skip", "--fixes", "fixes.csv", "--generated", "drawn")
    command = ("tune", "pile", "--space", "mine.toml", "--trials", 1)
    said = loupe_command(*command, *options)
    assert said.code == 0, said.err
    assert "1 bad file was left out; it is listed in studies/pile-mine/bad_files.csv" in said.out
    line = next(line for line in said.out.splitlines() if "loupe train" in line)
    repeated = shlex.split(line.partition("loupe ")[2])
    assert repeated[:2] == ["train", str(tmp_path / "pile")]
    assert repeated[4:] == [
        "--bad-files", "skip", "--fixes", str(tmp_path / "fixes.csv"), "--generated", str(drawn),
    ]  # fmt: skip
    trained = loupe_command(*repeated, "--epochs", 1)
    assert trained.code == 0, trained.err
    other = loupe_command(*command, *options[:4])
    assert other.code == 2
    assert "was begun with --bad-files skip --fixes" in other.err and "--out" in other.err


def test_a_trials_line_shows_its_network_with_the_parts_in_place():
    chosen = {"network": "{n}C3-{m}N", "{n}": 8, "{m}": 16, "learning_rate": 0.0123}
    said = line_of(Trial(3, chosen, "finished", 0.5, seconds=2.0)).replace(
        "\N{NARROW NO-BREAK SPACE}", " "
    )
    assert said == "trial-0003: 50.00 % in 2.0 s; network 8C3-16N, learning_rate 0.0123"
    alone = line_of(Trial(4, {"{n}": 8}, "halted"))
    assert alone == "trial-0004: halted; {n} 8"


def test_what_makes_no_sense_with_the_images_is_said_to_be_left_out(loupe_command, space):
    space.write_text('base = "logistic"\n[vary]\ntest_mirror = [true, false]\nepochs = [1, 2]\n')
    said = loupe_command("tune", "digits", "--space", "mine.toml", "--minutes", "0.0001")
    assert "Searching mine: epochs\n" in said.out
    assert "Left out: test_mirror, as training sees no mirror images." in said.out
    assert "The time was over before logistic itself" in said.out
    assert said.code == 1
