import contextlib
import csv
import html
import io
import json
import re
import shutil

import pytest
from commands import Loupe, Result

from loupe.cli import main

FOLDS = ("--folds", "2", "--recipe", "logistic")


@pytest.fixture(scope="module")
def examined(digits_run, tmp_path_factory):
    """A copy of a run whose labels were examined, and what was said."""
    run = tmp_path_factory.mktemp("examined") / "run"
    shutil.copytree(digits_run, run)
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        code = main(["examine", str(run), *FOLDS])
    return run, Result(code, out.getvalue(), err.getvalue())


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_examine_writes_a_page_a_fixes_file_and_the_ranking(examined):
    run, said = examined
    assert said.code == 0, said.err
    assert "training images of digits are suspect" in said.out
    assert {path.name for path in (run / "labels-train").iterdir()} == {
        "examination.html",
        "examination.json",
        "fixes.csv",
    }
    found = json.loads((run / "labels-train" / "examination.json").read_text())
    assert len(found["ranking"]) == found["n"] == 1438
    assert len(rows_of(run / "labels-train" / "fixes.csv")) == sum(
        one["proposed"] is not None for one in found["suspects"]
    )


def test_the_report_of_the_run_shows_the_suspects_and_what_to_collect_next(
    examined, loupe_command: Loupe, tmp_path
):
    run, said = examined
    assert f"Next: loupe report {run} shows these in the report of the run." in said.out
    for page in (run / "report.html", tmp_path / "elsewhere.html"):
        result = loupe_command("report", run, "--html", page)
        assert result.code == 0, result.err
        text = html.unescape(page.read_text())
        found = json.loads((run / "labels-train" / "examination.json").read_text())
        assert text.index('id="labels"') < text.index('id="data"')
        assert all(want["advice"] in text for want in found["next"]) and found["next"]
        first = found["suspects"][0]
        caption = f"{first['label']} → {first['proposed']}" if first["proposed"] else first["label"]
        assert f'{caption}, {first["source"]}: {first["reason"]}"' in text
        (link,) = re.findall(r'href="([^"#]*labels-train/examination.html)"', text)
        assert (page.parent / link).samefile(run / "labels-train" / "examination.html")


def test_an_edited_fixes_file_stays(examined, loupe_command: Loupe):
    run, _ = examined
    fixes = run / "labels-train" / "fixes.csv"
    before = fixes.read_bytes()
    fixes.write_bytes(before + b"digits:1,1,drop,mine\r\n")
    try:
        result = loupe_command("examine", run, *FOLDS, "--json")
        assert result.code == 0, result.err
        assert fixes.read_bytes().endswith(b"mine\r\n")
        second = fixes.with_name("fixes-2.csv")
        assert result.json["written"]["fixes"] == str(second)
        assert second.read_bytes() == before
        second.unlink()
    finally:
        fixes.write_bytes(before)


def test_test_labels_are_ranked_and_the_look_is_counted(examined, loupe_command: Loupe):
    run, _ = examined
    result = loupe_command("examine", run, *FOLDS, "--split", "test", "--json")
    assert result.code == 0, result.err
    assert result.json["looks_at_test"] == 1
    assert result.json["networks"] == 3  # two folds, and the run's own model
    assert sorted(row["index"] for row in result.json["ranking"]) == list(range(359))
    source = result.json["ranking"][0]["source"]
    label = result.json["ranking"][0]["label"]
    fixes = run.parent / "test-fixes.csv"
    fixes.write_text(f"source,old_label,proposed_label\n{source},{label},drop\n")
    both = loupe_command("evaluate", run, "--fixes", fixes, "--with-fixed-test", "--json").json
    assert both["n"] == 359 and both["with_fixed_test"]["n"] == 358
    assert both["with_fixed_test"]["dropped"] == 1
    assert len(both["with_fixed_test"]["sha256"]) == 64


@pytest.mark.slow
def test_a_run_records_its_fixes_and_keeps_its_test_images(examined, loupe_command: Loupe):
    run, _ = examined
    fixes = run.parent / "few.csv"
    fixes.write_text("source,old_label,proposed_label\ndigits:1,1,drop\n")
    quick = ("--recipe", "logistic", "--epochs", "1", "--json")
    result = loupe_command("train", "digits", *quick, "--fixes", fixes, "--out", "mended")
    assert result.code == 0, result.err
    plain = json.loads((run / "evaluation.json").read_text())
    assert result.json["data_fingerprint"] == plain["data_fingerprint"]
    with open("mended/environment.json", encoding="utf-8") as file:
        assert json.load(file)["data"]["fixes"]["dropped"] == 1
    assert loupe_command("evaluate", "mended").code == 0
    assert loupe_command("evaluate", "mended", "--data", "digits").code == 0
    refused = loupe_command("evaluate", "mended", "--data", "digits", "--split", "validation")
    assert refused.code == 2 and "with other fixes than these" in refused.err
    fixes.write_text("source,old_label,proposed_label\n")
    changed = loupe_command("evaluate", "mended")
    assert changed.code == 2 and "which has changed since" in changed.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--folds", "1"), "folds = 1 cannot be"),
        (("--folds", "500"), "leave 2 to a fold, which say nothing"),
        (("--out", "."), "holds other things"),
        (("--fixes", "no.csv"), "no.csv cannot be read"),
    ],
)
def test_what_makes_no_sense_is_refused(examined, loupe_command: Loupe, tmp_path, arguments, said):
    (tmp_path / "mine.txt").write_text("keep")
    result = loupe_command("examine", examined[0], *arguments)
    assert result.code == 2 and said in result.err
    assert "Traceback" not in result.err


def test_fixed_test_labels_need_a_file(digits_run, loupe_command: Loupe):
    result = loupe_command("evaluate", digits_run, "--with-fixed-test")
    assert result.code == 2 and "name the file with --fixes" in result.err


def test_fixes_do_not_go_with_resume(digits_run, loupe_command: Loupe):
    result = loupe_command("train", "--resume", digits_run, "--fixes", "x.csv")
    assert result.code == 2
