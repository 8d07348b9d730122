import tracemalloc

import pytest
from traps import TRAPS

from loupe.data.read import read
from loupe.errors import BadFilesError, DataError


@pytest.mark.parametrize("name", TRAPS)
def test_bad_input_is_named_before_memory_is_taken_for_it(name, tmp_path):
    trap = TRAPS[name]
    path = trap.write(tmp_path)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=trap.words) as caught:
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    named = [fault.source for fault in getattr(caught.value, "faults", ())] or [str(caught.value)]
    assert any(path.stem in text for text in named)


@pytest.mark.parametrize("name", [name for name in TRAPS if name.startswith("a row")])
def test_a_bad_row_can_be_skipped_and_is_recorded(name, tmp_path):
    path = TRAPS[name].write(tmp_path)
    more = "".join(f"{i % 3}" + f",{i + 10}" * 16 + "\n" for i in range(18))
    path.write_text(path.read_text().rstrip("\n") + "\n" + more)
    with pytest.raises(BadFilesError, match="1 of 20"):
        read(path)
    dataset = read(path, bad_files="skip")
    assert len(dataset) == 19
    assert [fault.source for fault in dataset.skipped] == ["bad.csv:3"]
    assert dataset.sources[1] == "bad.csv:4"
    assert dataset.notes[0].startswith("1 bad file was left out: bad.csv:3: ")
