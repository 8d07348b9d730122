from pathlib import Path

import pytest


@pytest.fixture
def folders(digits_runs):
    return [run.folder for run in digits_runs]


def test_compare_says_which_model_to_take_and_looks_at_no_test_image(loupe_command, folders):
    result = loupe_command("compare", *folders, "--out", "page.html")
    assert result.code == 0, result.err
    assert "Take " in result.out
    assert "only one right" in result.out
    assert "Images that they read differently" in result.out
    assert "Take <em" in Path("page.html").read_text()
    assert not Path("runs").exists()


def test_compare_in_json_is_one_object(loupe_command, folders):
    result = loupe_command("compare", *folders[:2], "--json")
    assert result.code == 0, result.err
    assert len(result.out.splitlines()) == 1
    assert result.json["recommended"] == "late"
    assert result.json["pairs"][0]["p_corrected"] == result.json["pairs"][0]["p"]
    assert result.json["page"] is None


def test_compare_refuses_one_run_and_a_file_that_is_not_ours(loupe_command, folders):
    alone = loupe_command("compare", folders[0])
    assert alone.code == 2
    assert "at least two are needed" in alone.err
    Path("mine.html").write_text("<p>mine</p>")
    result = loupe_command("compare", *folders, "--out", "mine.html")
    assert result.code == 2
    assert "nothing is overwritten" in result.err


def test_compare_takes_the_data_from_where_it_is_told(loupe_command, folders):
    models = [folder / "model.onnx" for folder in folders]
    assert loupe_command("compare", *models[:2], "--data", "digits", "--json").json["n"] == 360
