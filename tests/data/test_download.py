import gzip
import hashlib
import logging
import os
from dataclasses import replace

import numpy as np
import pytest
from formats import idx_bytes
from mirrors import closed_mirror, mirror, silent_mirror

from loupe.data import download
from loupe.data.download import PublicFile, cache_folder, fetch, fetch_all
from loupe.errors import DataError

ARRAY = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
CONTENT = idx_bytes(ARRAY)
PACKED = gzip.compress(CONTENT, mtime=0)
NAME = "shapes-idx3-ubyte.gz"


@pytest.fixture(autouse=True)
def no_data_folder(monkeypatch):
    monkeypatch.delenv("LOUPE_DATA_DIR", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("urllib.request._opener", None)  # it remembers proxies of other tests
    monkeypatch.setattr(download, "TIMEOUT_SECONDS", 0.3)


def published(*mirrors: str, **known: str) -> PublicFile:
    known = known or {"sha256": hashlib.sha256(CONTENT).hexdigest()}
    return PublicFile(
        NAME, ("shapes", "old-shapes"), ARRAY.shape, tuple(m + NAME for m in mirrors), **known
    )


def everything_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_download_is_kept_and_not_repeated(private_cache):
    with mirror({NAME: PACKED}) as (address, asked):
        first = fetch(published(address))
        second = fetch(published(address))
    assert np.array_equal(first.values, ARRAY)
    assert np.array_equal(second.values, ARRAY)
    assert (first.downloaded, second.downloaded) == (True, False)
    assert len(asked) == 1
    assert everything_in(private_cache) == [f"shapes/{NAME}"]


def test_bad_mirrors_are_named_and_the_next_is_tried(private_cache, caplog):
    other = gzip.compress(idx_bytes(ARRAY[::-1]))
    page = b"<html>Gone fishing</html>"
    with (
        mirror({NAME: PACKED[: len(PACKED) // 2]}, announced=2) as (half, _),
        mirror({NAME: other}) as (wrong, _),
        mirror({NAME: page}) as (web_page, _),
        mirror({}) as (empty, _),
        silent_mirror() as silent,
        mirror({NAME: PACKED}) as (good, _),
        caplog.at_level(logging.WARNING, "loupe"),
    ):
        bad = {
            closed_mirror(): "refused",
            half: f"it sent {len(PACKED) // 2} of {len(PACKED) // 2 * 2} bytes",
            wrong: "SHA-256",
            web_page: "no IDX file",
            empty: "it answered 404 Not Found",
            silent: "timed out",
        }
        fetched = fetch(published(*bad, good))
    assert np.array_equal(fetched.values, ARRAY)
    assert len(fetched.notes) == len(bad)
    for note, logged, (address, words) in zip(
        fetched.notes, caplog.messages, bad.items(), strict=True
    ):
        assert note == logged
        assert note.startswith(f"{address}{NAME} failed: ")
        assert words in note
    assert everything_in(private_cache) == [f"shapes/{NAME}"]


def test_nothing_is_left_where_every_mirror_fails(private_cache):
    with (
        mirror({NAME: PACKED[:-20]}, announced=1.2) as (half, _),
        mirror({NAME: PACKED[:-20]}) as (cut, _),
        pytest.raises(DataError, match="failed"),
    ):
        fetch(published(half, cut))
    assert everything_in(private_cache) == []


def test_without_a_network_the_error_says_which_file_to_put_where(private_cache):
    files = {"images": published(closed_mirror()), "labels": published(closed_mirror())}
    with pytest.raises(DataError) as caught:
        fetch_all("shapes", files)
    message = str(caught.value)
    assert "refused" in message
    assert f"put {NAME} into {private_cache / 'shapes'}{os.sep}" in message
    assert "LOUPE_DATA_DIR" in message


@pytest.mark.parametrize("name", [NAME, NAME.removesuffix(".gz")])
@pytest.mark.parametrize("folder", ["shapes", "old-shapes"])
def test_the_users_own_folders_come_first(tmp_path, monkeypatch, name, folder):
    data = tmp_path / "two" / folder
    data.mkdir(parents=True)
    (data / name).write_bytes(gzip.compress(CONTENT, 1) if name == NAME else CONTENT)
    both = os.pathsep.join([str(tmp_path / "one"), str(tmp_path / "two")])
    monkeypatch.setenv("LOUPE_DATA_DIR", both)
    fetched = fetch(published(closed_mirror()))
    assert np.array_equal(fetched.values, ARRAY)
    assert (fetched.downloaded, fetched.notes) == (False, ())


def test_a_wrong_file_of_the_users_is_named_and_passed_over(tmp_path, monkeypatch):
    (tmp_path / "shapes").mkdir()
    (tmp_path / "shapes" / NAME).write_bytes(gzip.compress(idx_bytes(ARRAY[::-1])))
    monkeypatch.setenv("LOUPE_DATA_DIR", str(tmp_path))
    with mirror({NAME: PACKED}) as (address, _):
        fetched = fetch(published(address))
    assert fetched.downloaded
    assert "is not the published file" in fetched.notes[0]


def test_a_file_of_another_shape_is_refused(private_cache):
    wide = idx_bytes(ARRAY.reshape(3, 5, 4))
    file = published(md5=hashlib.md5(gzip.compress(wide, mtime=0)).hexdigest())
    with (
        mirror({NAME: gzip.compress(wide, mtime=0)}) as (address, _),
        pytest.raises(DataError, match=r"its shape is \[3, 5, 4\], not \[3, 4, 5\]"),
    ):
        fetch(replace(file, addresses=(address + NAME,)))


def test_md5_decides_where_only_that_is_known(private_cache):
    with (
        mirror({NAME: gzip.compress(CONTENT, 1)}) as (other, _),
        mirror({NAME: PACKED}) as (same, _),
    ):
        fetched = fetch(published(other, same, md5=hashlib.md5(PACKED).hexdigest()))
    assert fetched.downloaded
    assert "its MD5 is" in fetched.notes[0]


def test_a_recompressed_copy_that_cannot_be_verified_is_used_and_said_so(tmp_path, monkeypatch):
    (tmp_path / "shapes").mkdir()
    (tmp_path / "shapes" / NAME).write_bytes(gzip.compress(CONTENT, 1))
    monkeypatch.setenv("LOUPE_DATA_DIR", str(tmp_path))
    fetched = fetch(published(md5="0" * 32))
    assert np.array_equal(fetched.values, ARRAY)
    assert "could not be verified" in fetched.notes[0]


def test_an_endless_answer_is_cut_off(private_cache, monkeypatch):
    monkeypatch.setattr(download, "_LARGEST_DOWNLOAD", 100)
    with (
        mirror({NAME: PACKED + bytes(1000)}) as (address, _),
        pytest.raises(DataError, match="more than 100 bytes"),
    ):
        fetch(published(address))
    assert everything_in(private_cache) == []


def test_a_cache_that_cannot_be_made_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LOUPE_CACHE_DIR", str(tmp_path / "file"))
    with mirror({NAME: PACKED}) as (address, _), pytest.raises(DataError, match="LOUPE_CACHE_DIR"):
        fetch(published(address))


def test_the_cache_is_the_users_own_by_default(monkeypatch):
    monkeypatch.delenv("LOUPE_CACHE_DIR")
    assert cache_folder().name == "loupe"
