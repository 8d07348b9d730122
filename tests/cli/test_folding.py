import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loupe.cli.folding import folded
from loupe.cli.screen import table_text

COLUMNS = ("run", "data", " accuracy", "of", "")
ROWS = [
    ("runs/fashion-mnist-balanced-1", "fashion-mnist", "95.1 %", "10,000 test images", ""),
    ("runs/digits-fast-1", "digits", "98.3 %", "359 test images", "not finished"),
]


@pytest.mark.parametrize("width", ["120", "80", "60", "50"])
def test_the_first_column_is_whole_and_no_line_is_wider_than_the_terminal(monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    text = table_text(COLUMNS, ROWS, fitted=True)
    assert max(map(len, text.splitlines())) <= int(width)
    for row in ROWS:
        assert row[0] in text
    assert "not finished" in text  # remarks are never left out
    assert ("No room for: " in text) == ("10,000 test images" not in text)


def test_bad_files_lose_no_column(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    row = ("a/very/long/path/" * 5 + "image.png", "it is cut short.", "Get it again.")
    text = table_text(("file", "problem", "advice"), [row], fitted=True, drops=False)
    assert max(map(len, text.splitlines())) <= 40
    letters = "".join(sorted("".join(row).replace(" ", "")))
    body = text.partition("advice")[2]
    assert "".join(sorted(body.replace(" ", "").replace("\n", ""))) == letters


def test_columns_that_start_with_a_space_are_set_to_the_right(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    text = table_text(("class", " images"), [("cat", "7")], fitted=True)
    assert text == "class  images\ncat         7"


@settings(max_examples=50)
@given(st.text("ab -\u732b", max_size=40), st.integers(2, 12))
def test_folding_keeps_every_letter_and_the_width(text, width):
    from rich.cells import cell_len

    lines = folded(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
