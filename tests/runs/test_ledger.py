import json
import subprocess
import sys
from datetime import datetime

import pytest

from loupe.errors import RunError
from loupe.runs.ledger import enter_look, looks


@pytest.fixture
def ledger(tmp_path):
    return tmp_path / "runs" / "ledger.jsonl"


def _enter(ledger, fingerprint="f1"):
    return enter_look(ledger, test_fingerprint=fingerprint, model="m.onnx", data="mnist")


def test_looks_are_counted_for_each_test_split_apart(ledger):
    assert looks(ledger, "f1") == 0
    assert [_enter(ledger), _enter(ledger), _enter(ledger, "f2"), _enter(ledger)] == [1, 2, 1, 3]
    assert (looks(ledger, "f1"), looks(ledger, "f2"), looks(ledger, "f3")) == (3, 1, 0)


def test_counting_enters_nothing(ledger):
    looks(ledger, "f1")
    assert not ledger.exists()
    _enter(ledger)
    before = ledger.read_bytes()
    looks(ledger, "f1")
    assert ledger.read_bytes() == before


def test_an_entry_says_when_what_and_on_which_data(ledger):
    _enter(ledger)
    entry = json.loads(ledger.read_text())
    assert datetime.fromisoformat(entry.pop("when")).tzinfo is not None
    assert entry == {"test_fingerprint": "f1", "data": "mnist", "model": "m.onnx"}


def test_names_with_line_ends_stay_on_one_line(ledger):
    enter_look(ledger, test_fingerprint="f1", model="a\nb\u2028.onnx", data="\udcff")
    assert len(ledger.read_bytes().splitlines()) == 1
    assert json.loads(ledger.read_text())["model"] == "a\nb\u2028.onnx"
    assert looks(ledger, "f1") == 1


ENTER_TWENTY = """
import sys
from pathlib import Path
from loupe.runs.ledger import enter_look
for _ in range(20):
    print(enter_look(Path(sys.argv[1]), test_fingerprint="f1", model=sys.argv[2], data="mnist"))
"""


def test_processes_that_look_at_the_same_time_each_have_their_own_number(ledger):
    started = [
        subprocess.Popen(
            [sys.executable, "-c", ENTER_TWENTY, str(ledger), f"model-{i}" * 50],
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(4)
    ]
    numbers = [int(line) for process in started for line in process.communicate()[0].split()]
    assert sorted(numbers) == list(range(1, 81))
    assert looks(ledger, "f1") == 80


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", "7", '{"when": "now"}', "[" * 100_000, "\udcff", '{"test_fingerprint": 7}'],
)
def test_a_corrupt_line_is_named_with_its_number_and_nothing_is_entered(ledger, line):
    _enter(ledger)
    with open(ledger, "a", encoding="utf-8", errors="surrogateescape") as file:
        file.write(line + "\n")
    before = ledger.read_bytes()
    with pytest.raises(RunError, match="line 2"):
        looks(ledger, "f1")
    with pytest.raises(RunError, match="line 2"):
        _enter(ledger)
    assert ledger.read_bytes() == before


def test_half_a_line_at_the_end_is_named_and_not_written_to(ledger):
    _enter(ledger)
    _enter(ledger)
    whole = ledger.read_bytes()
    ledger.write_bytes(whole[:-20])
    with pytest.raises(RunError, match="line 2"):
        _enter(ledger)
    assert ledger.read_bytes() == whole[:-20]


def test_a_ledger_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "runs").write_text("a file where the folder should be")
    with pytest.raises(RunError, match="cannot be"):
        _enter(tmp_path / "runs" / "ledger.jsonl")
    with pytest.raises(RunError, match="cannot be read"):
        looks(tmp_path, "f1")


FILL_UP = """
import resource, signal, sys
from pathlib import Path
from loupe.errors import RunError
from loupe.runs.ledger import enter_look
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))  # as on a disk with so much left
try:
    for count in range(100):
        enter_look(Path(sys.argv[1]), test_fingerprint="f1", model="m", data="mnist")
except RunError as error:
    print(count, error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files as POSIX has it")
def test_a_full_disk_is_an_error_and_the_half_line_is_named_afterwards(tmp_path):
    ledger = tmp_path / "ledger.jsonl"
    command = [sys.executable, "-c", FILL_UP, str(ledger)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    count = int(said.split()[0])
    assert count == ledger.read_bytes().count(b"\n") > 3
    assert "cannot be entered" in said
    with pytest.raises(RunError, match=f"line {count + 1}"):
        _enter(ledger)
