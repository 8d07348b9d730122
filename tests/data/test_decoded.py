import os

import numpy as np
import pytest
from image_traps import GOOD_FILES, saved

from loupe.data.decode import Unreadable
from loupe.data.decoded import decode_all, digest_all, in_memory, read_file

CONTENTS = [saved(np.full((3, 3), value, np.uint8)) for value in range(200)]
NAMES = [f"{i}.png" for i in range(200)]


def test_images_come_in_order_however_many_threads_decode_them():
    decoded = decode_all(CONTENTS, NAMES, read=in_memory)
    assert decoded.images[:, 0, 0, 0].tolist() == list(range(200))
    assert decoded.kept.tolist() == list(range(200))


def test_bad_files_leave_a_gap_and_a_fault_each():
    contents = [*CONTENTS[:3], b"", *CONTENTS[4:6], b"text", CONTENTS[7]]
    decoded = decode_all(contents, NAMES[:8], read=in_memory)
    assert decoded.kept.tolist() == [0, 1, 2, 4, 5, 7]
    assert decoded.images[:, 0, 0, 0].tolist() == [0, 1, 2, 4, 5, 7]
    assert [fault.source for fault in decoded.faults] == ["3.png", "6.png"]


def test_only_bad_files_give_no_images():
    decoded = decode_all([b"", b"text"], NAMES[:2], read=in_memory)
    assert len(decoded.images) == 0
    assert len(decoded.faults) == 2


def test_the_hash_is_the_same_with_and_without_decoding_and_tells_order(tmp_path):
    contents = [*CONTENTS[:3], b""]
    decoded = decode_all(contents, NAMES[:4], read=in_memory)
    assert digest_all(contents, in_memory) == decoded.content
    assert digest_all(contents[::-1], in_memory) != decoded.content
    paths = [tmp_path / name for name in NAMES[:4]]
    for path, content in zip(paths[:3], contents, strict=False):
        path.write_bytes(content)
    assert digest_all(paths) == decode_all(paths, NAMES[:4]).content  # the fourth is not there


def test_notes_count_in_numbers_and_grammar():
    contents = [GOOD_FILES["CMYK"].content(), *[GOOD_FILES["1-bit"].content()] * 2]
    notes = decode_all(contents, NAMES[:3], read=in_memory, size=3).notes
    assert "2 images were 1-bit: black became 0 and white 255." in notes
    assert any(note.startswith("1 image was converted to RGB") for note in notes)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    for path, words in (
        (tmp_path / "none.png", "cannot be opened"),
        (tmp_path, "is a folder, .* Name the image"),
    ):
        with pytest.raises(Unreadable, match=words):
            read_file(path)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        os.truncate(file.fileno(), 300 << 20)  # a hole: it takes no room on the disk
    with pytest.raises(Unreadable, match="too large .300 MiB; at most 256"):
        read_file(path)
