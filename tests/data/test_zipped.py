import os
import re
import zipfile

import numpy as np
import pytest
from image_traps import GOOD_FILES, ZIPS, archived, inside, write_classes

from loupe.data.folder import read_folder
from loupe.data.options import ReadOptions
from loupe.data.read import read
from loupe.data.zipped import holds_zipped_images, read_zip
from loupe.errors import DataError

STOP = ReadOptions()


@pytest.mark.parametrize("name", ZIPS)
def test_an_archive_comes_out_as_expected(name, tmp_path):
    trap, path = ZIPS[name], tmp_path / "pets.zip"
    path.write_bytes(trap.content())
    if trap.error:
        with pytest.raises(DataError, match=trap.error) as caught:
            read_zip(path, STOP)
        assert len(getattr(caught.value, "faults", ())) == trap.faults
    else:
        dataset = read_zip(path, STOP)
        assert dataset.class_names == ("cat", "dog")
        assert len(dataset) == trap.count
        assert re.search(trap.notes, " ".join(dataset.notes))
        assert bool(dataset.notes) == bool(trap.notes)
    assert os.listdir(tmp_path) == ["pets.zip"]


@pytest.mark.parametrize(
    "name", [name for name, trap in ZIPS.items() if trap.faults and name != "everything encrypted"]
)
def test_what_cannot_be_used_in_an_archive_can_be_skipped(name, tmp_path):
    path = tmp_path / "pets.zip"
    path.write_bytes(ZIPS[name].content())
    dataset = read_zip(path, ReadOptions(bad_files="skip"))
    assert len(dataset.skipped) == 1
    assert dataset.skipped[0].source.startswith(f"{path}/")
    assert set(dataset.class_names) == {"cat", "dog"}


def test_a_folder_and_its_archive_are_the_same_data(tmp_path):
    root = tmp_path / "pets"
    for split in ("train", "test"):
        write_classes(root / split, "cat", "dog", count=5)
    (root / "train" / "cat" / "x.png").write_bytes(GOOD_FILES["EXIF orientation 3"].content())
    with zipfile.ZipFile(tmp_path / "pets.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(root.rglob("*")):
            archive.write(file, file.relative_to(tmp_path))
    folder, zipped = read_folder(root, STOP), read_zip(tmp_path / "pets.zip", STOP)
    assert zipped.fingerprint == folder.fingerprint
    assert zipped.notes == folder.notes
    assert zipped.name == "pets"
    assert zipped.sources[0] == f"{tmp_path}/pets.zip/pets/train/cat/0.png"


def test_names_in_utf_8_are_read_where_the_archive_does_not_say_so(tmp_path):
    content = archived(*inside("pets/"))
    name = "개".encode()
    path = tmp_path / "pets.zip"
    path.write_bytes(content.replace(b"cat", name))
    assert read_zip(path, STOP).class_names == ("dog", "개")


def test_an_archive_is_read_from_the_cache_until_it_changes(tmp_path, private_cache):
    path = tmp_path / "pets.zip"
    path.write_bytes(ZIPS["splits"].content())
    first = read_zip(path, STOP)
    kept = sorted((private_cache / "decoded").iterdir())
    assert read_zip(path, STOP).fingerprint == first.fingerprint
    assert sorted((private_cache / "decoded").iterdir()) == kept
    path.write_bytes(ZIPS["a plain archive"].content())
    assert len(read_zip(path, STOP)) == 4


def test_archives_are_recognised_by_images_in_them(tmp_path):
    (tmp_path / "pets.zip").write_bytes(archived(*inside("")))
    (tmp_path / "text").write_bytes(b"PK\x03\x04")
    np.savez(tmp_path / "arrays.npz", images=np.zeros(3))
    assert holds_zipped_images(tmp_path / "pets.zip")
    assert not any(holds_zipped_images(tmp_path / name) for name in ("text", "arrays.npz", "none"))


def test_images_in_an_archive_are_known_by_content_where_their_names_do_not_tell(tmp_path):
    write_classes(tmp_path / "pets", "cat", "dog", count=5)
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for file in sorted((tmp_path / "pets").rglob("*.png")):
            archive.write(file, f"{file.parent.name}/{file.stem}")
    assert len(read(tmp_path / "pets.zip")) == 10
