import csv
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loupe.errors import RunError
from loupe.runs.history import COLUMNS, Epoch, read_history, write_history

FIRST = Epoch(1, 2.5, 1e-3, 0.31, 0.9, 0.91, 0.89, 0.12, 0.96, 0.96, 0.95)
SECOND = Epoch(2, 2.4, 1e-4, 0.11, 0.97, 0.97, 0.97)


def test_the_columns_are_those_that_the_design_fixes(tmp_path):
    write_history(tmp_path / "history.csv", (FIRST,))
    head = (tmp_path / "history.csv").read_text().splitlines()[0]
    assert head == (
        "epoch,seconds,learning_rate,loss,accuracy,precision,recall,"
        "val_loss,val_accuracy,val_precision,val_recall"
    )


def test_figures_without_validation_are_empty_cells_and_come_back_as_nan(tmp_path):
    path = tmp_path / "history.csv"
    write_history(path, (FIRST, SECOND))
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["val_loss"], rows[1]["val_loss"]) == ("0.12", "")
    first, second = read_history(path)
    assert first == FIRST
    assert first.is_validated
    assert math.isnan(second.val_accuracy)
    assert not second.is_validated


figures = st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(figures, min_size=10, max_size=10), max_size=5))
def test_a_history_comes_back_with_every_digit(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("history") / "history.csv"
    history = tuple(Epoch(i, *row) for i, row in enumerate(rows, start=1))
    write_history(path, history)
    assert repr(read_history(path)) == repr(history)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "line 1"),
        ("epoch,loss\n1,0.5\n", "line 1: 'epoch,loss'"),
        (",".join(COLUMNS) + "\n1,2,3\n", "line 2: '1,2,3' is not an epoch"),
        (",".join(COLUMNS) + "\n" + ",".join("123456789") + ",1,2,3\n", "line 2"),
        (",".join(COLUMNS) + "\none,1,1,1,1,1,1,1,1,1,1\n", "line 2"),
        (",".join(COLUMNS) + "\n2" + ",1" * 10 + "\n2" + ",1" * 10 + "\n", "line 3: epoch 2"),
        (",".join(COLUMNS) + "\n\n", "line 2"),
    ],
)
def test_what_is_no_history_is_refused_with_its_line(tmp_path, text, fault):
    path = tmp_path / "history.csv"
    path.write_text(text)
    with pytest.raises(RunError, match=fault):
        read_history(path)


def test_a_missing_or_binary_history_is_refused(tmp_path):
    with pytest.raises(RunError, match="cannot be read"):
        read_history(tmp_path / "history.csv")
    (tmp_path / "history.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RunError, match="cannot be read"):
        read_history(tmp_path / "history.csv")
