"""`loupe tune` as it is typed."""

import json
from pathlib import Path

import pytest

from loupe.studies import confirming
from loupe.studies.spaces import SPACES

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
        (("--out", "mine.toml"), "mine.toml"),
    ],
)
def test_bad_input_is_refused_with_the_reason(options, said, loupe_command, space):
    result = loupe_command("tune", "digits", *options)
    assert result.code == 2
    assert said in result.err
