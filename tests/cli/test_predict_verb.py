import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from drawings import draw_page, require_packaged
from PIL import Image as Pillow

import loupe
from loupe.data.dataset import Dataset


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return loupe.read("digits")


@pytest.fixture
def frames(digits, tmp_path) -> Path:
    """A folder of twelve images as the model was trained on; their names count to 12."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(1, 13):
        Pillow.fromarray(digits.images[number, ..., 0]).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def read_frames(loupe_command, digits_run):
    """`loupe predict` with the small model of the digits, on images that are frames."""

    def read(*arguments):
        return loupe_command("predict", *arguments, "--model", digits_run, "--layout", "frame")

    return read


@pytest.fixture
def packaged(loupe_command):
    require_packaged()
    return loupe_command


# ------------------------------------------------------------------- with the shipped reader


def test_a_photo_is_read_by_the_reader_that_ships(packaged, tmp_path):
    result = packaged("predict", draw_page(tmp_path / "line.jpg", "2047"))
    assert (result.code, result.out, result.err) == (0, "2047\n", "")


def test_the_lines_of_a_page_are_printed_as_they_stand(packaged, tmp_path):
    page = draw_page(tmp_path / "page.png", "314", "1592", "65")
    assert packaged("predict", page).out == "314\n1592\n65\n"
    both = packaged("predict", page, draw_page(tmp_path / "line.png", "27"))
    assert both.out == f"{page}: 314 | 1592 | 65\n{tmp_path / 'line.png'}: 27\n"


def test_json_tells_where_each_glyph_is_and_what_else_it_may_be(packaged, tmp_path):
    page = draw_page(tmp_path / "page.png", "31", "5")
    content = packaged("predict", page, "--json", "--top", "2").json
    assert content.keys() == {"source", "text", "layout", "size", "notes", "glyphs"}
    assert (content["source"], content["text"]) == (str(page), "31\n5")
    assert (content["layout"], content["size"]) == ("page", [200, 260])
    assert [glyph["line"] for glyph in content["glyphs"]] == [0, 0, 1]
    first, second, third = content["glyphs"]
    assert first.keys() == {"box", "label", "guesses", "outlier", "line"}
    assert first["box"][0] < second["box"][0] and third["box"][1] > 130
    assert [len(glyph["guesses"]) for glyph in content["glyphs"]] == [2, 2, 2]
    assert first["guesses"][0]["label"] == "3"


def test_an_empty_picture_gives_an_empty_text_and_says_so(packaged, tmp_path):
    blank = tmp_path / "blank.png"
    Pillow.new("L", (300, 200), 230).save(blank)
    result = packaged("predict", blank)
    assert (result.code, result.out) == (0, "\n")
    assert result.err == f"{blank}: nothing was found on it.\n"
    assert packaged("predict", blank, "--quiet").err == ""
    assert packaged("predict", blank, "--json").json["glyphs"] == []
    rows = packaged("predict", blank, "--format", "csv").out.splitlines()
    assert rows[1].rstrip(",") == str(blank)


def test_an_explanation_is_written_beside_the_answers(packaged, tmp_path):
    page = draw_page(tmp_path / "line.jpg", "2047")
    result = packaged("predict", page, "--explain", "out.html")
    assert (result.code, result.out) == (0, "2047\n")
    assert "2047" in Path("out.html").read_text(encoding="utf-8")
    assert packaged("predict", page, "--explain", "out.html").code == 0  # a page of ours


# ------------------------------------------------------------------------- files and folders


def test_a_folder_is_read_in_natural_order_and_what_is_left_out_is_said(read_frames, frames):
    (frames / "deeper").mkdir()
    (frames / "3.png").rename(frames / "deeper" / "3.png")
    (frames / ".hidden.png").write_bytes(b"")
    (frames / "notes.txt").write_text("not an image")
    (frames / "Thumbs.db").write_bytes(b"")
    result = read_frames(frames)
    assert result.code == 0
    names = [line.partition(": ")[0] for line in result.out.splitlines()]
    order = [1, 2, *range(4, 13), "deeper/3"]
    assert names == [str(frames / f"{number}.png") for number in order]
    for left_out in ("hidden: .hidden.png", "named as an image: notes.txt", "system: Thumbs.db"):
        assert left_out in result.err
    assert "left out" not in read_frames(frames, "--quiet").err


def test_a_bad_file_is_named_and_the_rest_goes_on(read_frames, frames):
    (frames / "5.png").write_bytes((frames / "5.png").read_bytes()[:60])
    result = read_frames(frames)
    assert result.code == 2
    assert len(result.out.splitlines()) == 11
    assert f"error: {frames / '5.png'} cannot be read: it ends after 60 bytes" in result.err
    assert result.err.endswith("1 of 12 pictures could not be read.\n")


def test_a_bad_file_has_its_line_of_json(read_frames, frames):
    (frames / "2.png").write_text("text")
    result = read_frames(frames / "1.png", frames / "2.png", frames / "3.png", "--json")
    first, second, third = map(json.loads, result.out.splitlines())
    assert result.code == 2
    assert "text" in first and "text" in third
    assert second.keys() == {"source", "error"}
    assert json.loads(result.err) == second


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nosuch.png", "The picture nosuch.png cannot be read: No such file"),
        ("https://example.org/7.png", "is an address; Loupe downloads no pictures"),
        ("empty", "has no files in it that are named as images"),
    ],
)
def test_what_is_no_picture_is_a_users_error(read_frames, name, said):
    Path("empty").mkdir()
    result = read_frames(name)
    assert result.code == 2
    assert said in result.err
    assert result.out == ""


def test_a_picture_comes_through_standard_input(read_frames, frames, monkeypatch):
    content = (frames / "3.png").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    result = read_frames("-", "--json")
    assert result.code == 0, result.err
    assert result.json["source"] == "-"
    assert result.json["glyphs"] == read_frames(frames / "3.png", "--json").json["glyphs"]


def test_without_a_picture_the_usage_is_shown(loupe_command):
    result = loupe_command("predict")
    assert result.code == 2
    assert "FILES|FOLDER|-" in result.err


def test_an_unknown_model_is_named_with_those_that_there_are(loupe_command, frames):
    result = loupe_command("predict", frames, "--model", "fashion")
    assert result.code == 2
    assert "no model 'fashion'" in result.err
    assert "mnist, fashion-mnist" in result.err


# --------------------------------------------------------------------------- what is printed


def test_frames_are_read_as_the_model_reads_them(read_frames, frames, digits, digits_run):
    expected = loupe.load(digits_run).predict(digits.images[1:13])
    lines = read_frames(frames, "--json").out.splitlines()
    for line, row in zip(lines, expected, strict=True):
        (glyph,) = json.loads(line)["glyphs"]
        assert glyph["guesses"][0]["label"] == str(row.argmax())
        assert glyph["guesses"][0]["probability"] == pytest.approx(float(row.max()), abs=1e-5)


def test_guesses_are_listed_where_they_are_asked_for(read_frames, frames):
    plain = read_frames(frames / "1.png").out
    listed = read_frames(frames / "1.png", "--top", "4").out
    assert listed.startswith(plain)
    assert len(plain.splitlines()) == 1
    assert listed.splitlines()[1].count("%") == 4
    assert read_frames(frames / "1.png", "--top", "99").out.count("%") == 10
    assert read_frames(frames / "1.png", "--top", "0").code == 2


def test_csv_has_one_row_a_glyph_with_the_columns_of_predictions_csv(read_frames, frames):
    result = read_frames(frames, "--format", "csv", "--top", "2")
    rows = list(csv.DictReader(io.StringIO(result.out)))
    assert len(rows) == 12
    assert list(rows[0]) == [
        *("source", "text", "line", "left", "top", "width", "height", "label", "outlier"),
        *("guess_1", "probability_1", "guess_2", "probability_2"),
    ]
    assert rows[0]["source"] == str(frames / "1.png")
    assert (rows[0]["width"], rows[0]["height"]) == ("8", "8")
    assert float(rows[0]["probability_1"]) > float(rows[0]["probability_2"])


def test_no_file_name_steers_a_terminal_or_a_spreadsheet(read_frames, frames):
    name = "=cmd|'\x1b[2J'.png"
    (frames / "1.png").rename(name)
    assert "\x1b" not in read_frames(name, "--quiet", frames / "2.png").out
    row = read_frames(name, "--format", "csv").out.splitlines()[1]
    assert row.startswith("'=")
    assert read_frames(name, "--json").json["source"] == name


def test_two_formats_at_once_are_refused(read_frames, frames):
    result = read_frames(frames, "--json", "--format", "csv")
    assert result.code == 2
    assert "--format csv were both given" in result.err


def test_explanations_go_where_nothing_else_is(read_frames, frames):
    Path("mine.html").write_text("<p>my own page")
    result = read_frames(frames, "--explain", "mine.html")
    assert result.code == 2
    assert "--explain" in result.err and "nothing is overwritten" in result.err
    assert result.out == ""


def test_a_page_explains_every_picture_also_those_that_cannot_be_read(read_frames, frames):
    (frames / "5.png").write_bytes(b"")
    assert read_frames(frames, "--explain", "out.html").code == 2
    content = Path("out.html").read_text(encoding="utf-8")
    assert "it is empty (0 bytes)" in content
    assert content.count('class="card"') == 11


def test_every_way_of_reading_can_be_asked_for(loupe_command, digits_run, tmp_path):
    page = draw_page(tmp_path / "page.png", "11", "7")
    layouts = {}
    for layout in ("auto", "single", "line", "page"):
        result = loupe_command("predict", page, "--model", digits_run, "--layout", layout, "--json")
        assert result.code == 0, result.err
        layouts[layout] = result.json
    assert len(layouts["single"]["glyphs"]) == 1
    assert {glyph["line"] for glyph in layouts["line"]["glyphs"]} == {0}
    assert {glyph["line"] for glyph in layouts["page"]["glyphs"]} == {0, 1}
    assert layouts["auto"]["text"] == layouts["page"]["text"]


@pytest.mark.parametrize(
    ("option", "given", "near"), [("--layout", "lines", "line"), ("--format", "jsn", "json")]
)
def test_a_choice_that_does_not_exist_is_answered_with_the_nearest(
    loupe_command, option, given, near
):
    result = loupe_command("predict", "photo.png", option, given)
    assert result.code == 2 and result.out == ""
    assert f"'{given}'" in result.err and f"Did you mean '{near}'?" in result.err


def test_errors_are_json_where_json_is_the_format(loupe_command):
    for wrong in (("--layout", "lines"), ("--top", "0"), ("--modl", "x")):
        for asked in (("--format", "json"), ("--format=json",), ("--json",)):
            result = loupe_command("predict", "photo.png", *asked, *wrong)
            assert result.code == 2 and result.out == ""
            assert json.loads(result.err)["error"]


def test_each_answer_is_out_before_the_next_picture_is_opened(digits_run, frames):
    command = [sys.executable, "-m", "loupe", "predict", frames / "1.png", "-"]
    command += ["--model", digits_run, "--quiet"]
    with subprocess.Popen(
        list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as running:
        assert running.stdin is not None and running.stdout is not None
        assert running.stdout.readline().startswith(bytes(frames / "1.png"))
        running.stdin.write((frames / "2.png").read_bytes())
        running.stdin.close()
        assert running.stdout.readline().startswith(b"-: ")
        assert running.wait(30) == 0
