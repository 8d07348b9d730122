import os

import pytest

from loupe.files import remove_unfinished, write_json, write_text, written_atomically


def test_a_file_holds_its_old_content_until_all_of_the_new_is_there(tmp_path):
    path = tmp_path / "figures.json"
    write_text(path, "old")
    with written_atomically(path) as temporary:
        temporary.write_text("ne")
        assert path.read_text() == "old"
        temporary.write_text("new")
    assert path.read_text() == "new" and os.listdir(tmp_path) == ["figures.json"]


def test_a_write_that_fails_leaves_the_old_content_and_nothing_else(tmp_path):
    path = tmp_path / "figures.json"
    write_text(path, "old")
    with pytest.raises(TypeError):
        write_json(path, {"what": object()})
    with pytest.raises(KeyboardInterrupt), written_atomically(path) as temporary:
        temporary.write_text("ne")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["figures.json"]


def test_a_written_file_can_be_read_by_whoever_the_umask_allows(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "text", "content")
    finally:
        os.umask(before)
    assert (tmp_path / "text").stat().st_mode & 0o777 == 0o640


def test_only_what_a_killed_process_left_of_the_named_files_is_removed(tmp_path):
    kept = ["figures.json", ".figures.json", ".figures.json.backup-1", ".other.json.ab3d_f9h"]
    for name in [*kept, ".figures.json.ab3d_f9h"]:
        (tmp_path / name).write_text("content")
    remove_unfinished(tmp_path, ["figures.json", "[x].json"])
    assert sorted(os.listdir(tmp_path)) == sorted(kept)
