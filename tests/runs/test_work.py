import errno

import pytest

from loupe.errors import RunError, TrainingError
from loupe.runs.work import Work, require_empty, writing


@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.ENOSPC, "Make room on the disk"), (errno.EACCES, "Put that right")],
)
def test_what_the_disk_refuses_is_named_with_what_to_do_first(number, advice, tmp_path):
    wanted = rf"cannot be written: .*{advice}, then remove .* and begin again: nothing was trained"
    with pytest.raises(TrainingError, match=wanted), writing(Work(tmp_path)):
        raise OSError(number, "refused")


def test_an_empty_folder_is_taken_and_one_with_something_in_it_is_not(tmp_path):
    require_empty(tmp_path / "new", "")
    (tmp_path / "new" / "mine.txt").write_text("precious")
    with pytest.raises(RunError, match=r"nothing is overwritten: name another one with --out\.$"):
        require_empty(tmp_path / "new", "")
    with pytest.raises(RunError, match="with --out, or go on with: it$"):
        require_empty(tmp_path / "new", "go on with: it")


def test_lines_of_the_log_have_their_time(tmp_path):
    Work(tmp_path).log("begun")
    assert (tmp_path / "log.txt").read_text().endswith("+00:00 begun\n")
