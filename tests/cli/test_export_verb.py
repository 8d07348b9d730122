from pathlib import Path

import pytest

import loupe


def test_a_run_is_exported_with_its_card_and_its_model(loupe_command, digits_run):
    result = loupe_command("export", digits_run, "--to", "card")
    assert result.code == 0, result.err
    folder = Path("digits-logistic-1-card")
    assert {path.name for path in folder.iterdir()} == {"README.md", "model.onnx"}
    assert (folder / "model.onnx").read_bytes() == (digits_run / "model.onnx").read_bytes()
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert 'split: "test"' in card and "n = 359" in card
    assert loupe.load(folder).class_names == tuple("0123456789")


def test_a_model_file_is_exported_with_what_it_knows_itself(loupe_command, digits_run):
    result = loupe_command("export", digits_run / "model.onnx", "--out", "here", "--json")
    assert result.code == 0, result.err
    assert result.json == {"card": "here/README.md", "model": "here/model.onnx"}
    assert 'split: "validation"' in Path("here/README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["README.md", "model.onnx"])
def test_nothing_is_overwritten(loupe_command, digits_run, name):
    Path("here").mkdir()
    Path("here", name).write_text("mine")
    result = loupe_command("export", digits_run, "--out", "here")
    assert result.code == 2
    assert "nothing is overwritten" in result.err
    assert [path.name for path in Path("here").iterdir()] == [name]
    assert Path("here", name).read_text() == "mine"


def test_what_is_no_model_leaves_nothing_behind(loupe_command):
    Path("model.onnx").write_text("no model")
    for given in ("model.onnx", "nosuch", "mnits"):
        assert loupe_command("export", given).code == 2
    assert [path.name for path in Path().iterdir()] == ["model.onnx"]
