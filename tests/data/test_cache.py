import json
import os
import shutil
import time

import numpy as np
import pytest
from image_traps import saved, write_classes

import loupe.data.cache
import loupe.data.folder
from loupe.data.folder import read_folder
from loupe.data.options import ReadOptions
from loupe.errors import BadFilesError

STOP, SKIP = ReadOptions(), ReadOptions(bad_files="skip")


@pytest.fixture
def pets(tmp_path):
    root = tmp_path / "pets"
    write_classes(root, "cat", "dog", count=3)
    return root


@pytest.fixture
def settled(monkeypatch):
    """Files count as settled at once, as if they had been written long ago."""
    monkeypatch.setattr(loupe.data.cache, "FRESH_SECONDS", -60)


@pytest.fixture
def count_decoding(monkeypatch):
    """How many times files were decoded, and how many times their content was hashed."""
    calls = {"decode_all": 0, "digest_all": 0}

    def counting(name, function):
        def counted(*given, **more):
            calls[name] += 1
            return function(*given, **more)

        return counted

    for name in calls:
        function = getattr(loupe.data.folder, name)
        monkeypatch.setattr(loupe.data.folder, name, counting(name, function))
    return calls


def kept(private_cache, suffix=""):
    return [
        path for path in sorted((private_cache / "decoded").iterdir()) if path.name.endswith(suffix)
    ]


def overwrite_unseen(path, content):
    """Change a file but leave it the size and the time of change that programs can set."""
    before = path.stat()
    assert len(content) == before.st_size
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_settled_files_are_not_opened_the_second_time(pets, settled, count_decoding):
    first, second = read_folder(pets, STOP), read_folder(pets, STOP)
    assert count_decoding == {"decode_all": 1, "digest_all": 0}
    assert second.fingerprint == first.fingerprint
    assert isinstance(second.images, np.memmap)
    assert isinstance(first.images, np.memmap)
    assert list(second.sources) == list(first.sources)


def test_files_that_were_just_written_are_hashed_but_not_decoded_again(pets, count_decoding):
    first, second = read_folder(pets, STOP), read_folder(pets, STOP)
    assert count_decoding == {"decode_all": 1, "digest_all": 1}
    assert second.fingerprint == first.fingerprint


@pytest.mark.skipif(os.name != "posix", reason="Windows has no time of change")
def test_a_changed_file_is_noticed_though_its_size_and_date_are_the_same(pets, settled):
    first = read_folder(pets, STOP)
    time.sleep(0.02)  # longer than the clock that stamps files takes to move on
    overwrite_unseen(pets / "cat" / "1.png", saved(np.full((4, 4), 99, np.uint8)))
    second = read_folder(pets, STOP)
    assert first.images[1].max() == 1
    assert second.images[1].max() == 99


def test_a_file_that_changes_in_the_moment_after_it_was_read_is_noticed(pets):
    for value in range(50, 60):
        overwrite_unseen(pets / "cat" / "1.png", saved(np.full((4, 4), value, np.uint8)))
        assert read_folder(pets, STOP).images[1].max() == value


def test_touched_files_are_hashed_once_and_then_known_again(pets, settled, count_decoding):
    read_folder(pets, STOP)
    for path in pets.rglob("*.png"):
        path.touch()
    read_folder(pets, STOP)
    read_folder(pets, STOP)
    assert count_decoding == {"decode_all": 1, "digest_all": 1}


def test_added_removed_and_renamed_files_are_noticed(pets, settled):
    assert len(read_folder(pets, STOP)) == 6
    (pets / "cat" / "new.png").write_bytes(saved(np.zeros((4, 4), np.uint8)))
    assert len(read_folder(pets, STOP)) == 7
    (pets / "cat" / "new.png").unlink()
    (pets / "cat" / "0.png").rename(pets / "dog" / "9.png")
    assert read_folder(pets, STOP).counts().tolist() == [2, 4]


def test_another_size_is_another_entry(pets, settled):
    assert read_folder(pets, STOP).image_shape == (4, 4, 1)
    assert read_folder(pets, ReadOptions(size=2)).image_shape == (2, 2, 1)
    assert read_folder(pets, STOP).image_shape == (4, 4, 1)


def test_bad_files_are_remembered_and_named_where_the_folder_is_now(pets, settled, count_decoding):
    (pets / "dog" / "1.png").write_bytes(b"")
    assert len(read_folder(pets, SKIP)) == 5
    moved = pets.rename(pets.parent / "moved")
    with pytest.raises(BadFilesError, match="it is empty") as caught:
        read_folder(moved, STOP)
    assert caught.value.faults[0].source == f"{moved}/dog/1.png"
    dataset = read_folder(moved, SKIP)
    assert dataset.sources[4] == f"{moved}/dog/2.png"
    assert dataset.images[4].max() == 12
    assert count_decoding["decode_all"] == 1


def test_a_copy_of_a_folder_is_recognised_by_its_content(pets, settled, count_decoding):
    first = read_folder(pets, STOP)
    shutil.copytree(pets, pets.parent / "copy")
    assert read_folder(pets.parent / "copy", STOP).fingerprint == first.fingerprint
    assert count_decoding == {"decode_all": 1, "digest_all": 1}


DAMAGE = {
    "cut images": (".npy", lambda content: content[:-3]),
    "a flipped bit": (".npy", lambda content: content[:-3] + b"\xff" + content[-2:]),
    "no images": (".npy", lambda content: b""),
    "a cut record": (".json", lambda content: content[:-9]),
    "an empty record": (".json", lambda content: b"{}"),
    "a record of something else": (".json", lambda content: b"[1, 2]"),
    "a fault that is out of range": (
        ".json", lambda content: content.replace(b'"faults": []', b'"faults": [[99, "", ""]]')
    ),
    "a fault that is too many": (
        ".json", lambda content: content.replace(b'"faults": []', b'"faults": [[1, "", ""]]')
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_entry_is_rebuilt(name, pets, settled, private_cache, count_decoding):
    suffix, damage = DAMAGE[name]
    first = read_folder(pets, STOP)
    whole = np.array(first.images)
    (path,) = kept(private_cache, suffix)
    content = path.read_bytes()
    path.unlink()  # not written over: the images are mapped into memory
    path.write_bytes(damage(content))
    np.testing.assert_array_equal(read_folder(pets, STOP).images, whole)
    assert count_decoding["decode_all"] == 2
    np.testing.assert_array_equal(read_folder(pets, STOP).images, whole)
    assert count_decoding["decode_all"] == 2


def test_what_was_not_used_for_long_is_removed_first(pets, settled, private_cache, monkeypatch):
    def read(size):
        read_folder(pets, ReadOptions(size=size))

    read(2)
    read(3)
    for path in kept(private_cache):
        os.utime(path, (1000, 1000))
    read(3)  # used again
    abandoned = private_cache / "decoded" / ".x.npy.1"
    abandoned.touch()
    os.utime(abandoned, (1000, 1000))
    monkeypatch.setattr(
        loupe.data.cache, "LARGEST_BYTES", sum(p.stat().st_size for p in kept(private_cache))
    )
    read(1)
    shapes = {np.load(path).shape[1] for path in kept(private_cache, ".npy")}
    assert shapes == {3, 1}
    assert len(kept(private_cache, ".json")) == 2
    assert not abandoned.exists()
    monkeypatch.setattr(loupe.data.cache, "LARGEST_BYTES", 0)
    read(4)
    assert len(kept(private_cache)) == 2  # the newest stays, whatever its size


def test_a_cache_that_cannot_be_written_is_said_and_no_obstacle(pets, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("LOUPE_CACHE_DIR", str(tmp_path / "file"))
    dataset = read_folder(pets, STOP)
    assert len(dataset) == 6
    assert "could not be kept for the next time" in dataset.notes[-1]


@pytest.mark.skipif(os.name != "posix", reason="modes are Unix's")
def test_the_cache_is_closed_to_other_users(pets, private_cache):
    read_folder(pets, STOP)
    assert (private_cache / "decoded").stat().st_mode & 0o077 == 0


def test_an_entry_holds_plain_json(pets, private_cache):
    read_folder(pets, STOP)
    (path,) = kept(private_cache, ".json")
    assert set(json.loads(path.read_text())) == {
        "content", "stamps", "images_sha256", "faults", "notes"
    }  # fmt: skip
