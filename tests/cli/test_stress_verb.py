"""`loupe stress`."""

import json
from pathlib import Path


def test_stress_writes_a_page_and_figures_into_the_runs_folder(loupe_command, digits_run):
    result = loupe_command("stress", digits_run, "--only", "blur", "--only", "shift")
    assert result.code == 0, result.err
    assert "a point is lost at" in result.out
    assert "rotation" not in result.out
    page = (digits_run / "stress.html").read_text()
    assert "How much harm" in page
    content = json.loads((digits_run / "stress.json").read_text())
    assert [each["name"] for each in content["stresses"]] == ["shift", "blur"]
    assert content["split"] == "validation"
    assert not Path("runs").exists()  # no look at test images
    assert loupe_command("stress", digits_run, "--only", "noise", "--quiet").code == 0  # again


def test_a_model_file_needs_data_and_writes_only_where_it_is_told(loupe_command, digits_run):
    model = digits_run / "model.onnx"
    refused = loupe_command("stress", model)
    assert refused.code == 2
    assert "--data" in refused.err
    given = ("stress", model, "--data", "digits", "--only", "contrast", "--json")
    result = loupe_command(*given)
    assert result.code == 0, result.err
    assert result.json["stresses"][0]["name"] == "contrast"
    assert list(Path().iterdir()) == []
    assert loupe_command(*given, "--out", "here").code == 0
    assert {path.name for path in Path("here").iterdir()} == {"stress.html", "stress.json"}


def test_test_images_are_looked_at_only_when_asked_and_then_counted(loupe_command, digits_run):
    result = loupe_command(
        "stress", digits_run, "--split", "test", "--only", "noise", "--out", "x", "--json"
    )
    assert result.code == 0, result.err
    assert len(Path("runs/ledger.jsonl").read_text().splitlines()) == 1


def test_a_strangers_file_is_not_replaced(loupe_command, digits_run):
    Path("mine").mkdir()
    Path("mine/stress.json").write_text("{}")
    result = loupe_command("stress", digits_run, "--only", "noise", "--out", "mine")
    assert result.code == 2
    assert "stress.json" in result.err
    assert loupe_command("stress", digits_run, "--only", "nois").code == 2
