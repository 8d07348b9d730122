import os
import re
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from image_traps import BAD_FILES, FOLDERS, GOOD_FILES, saved, write_classes

from loupe.data.dataset import TEST, TRAIN, VALIDATION
from loupe.data.folder import holds_class_folders, read_folder
from loupe.data.options import ReadOptions
from loupe.data.read import read
from loupe.errors import BadFilesError, DataError

STOP, SKIP = ReadOptions(), ReadOptions(bad_files="skip")
needs_links = pytest.mark.skipif(os.name != "posix", reason="needs links, pipes and odd names")


@needs_links
@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_comes_out_as_expected(name, tmp_path):
    trap, root = FOLDERS[name], tmp_path / "pets"
    root.mkdir()
    trap.write(root)
    if trap.error:
        with pytest.raises(DataError, match=trap.error) as caught:
            read_folder(root, STOP)
        assert len(getattr(caught.value, "faults", ())) == trap.faults
        assert str(root) in str(caught.value)
    else:
        dataset = read_folder(root, STOP)
        assert dataset.class_names == trap.classes
        assert len(dataset) == trap.count
        assert re.search(trap.notes, " ".join(dataset.notes))
        assert bool(dataset.notes) == bool(trap.notes)


@needs_links
@pytest.mark.parametrize("name", [name for name, trap in FOLDERS.items() if trap.faults])
def test_what_cannot_be_used_in_a_folder_can_be_skipped(name, tmp_path):
    FOLDERS[name].write(tmp_path)
    dataset = read(tmp_path, bad_files="skip", seal=False)
    assert len(dataset) == 4
    assert len(dataset.skipped) == FOLDERS[name].faults
    assert "1 bad file was left out" in dataset.notes[0]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    pixels=arrays.arrays(
        np.uint8, st.tuples(st.integers(4, 12), st.integers(1, 9), st.integers(1, 9))
    ),
    data=st.data(),
)
def test_arrays_written_as_png_come_back(pixels, data, tmp_path_factory):
    root = tmp_path_factory.mktemp("round-trip") / "data"
    names = data.draw(st.lists(st.sampled_from("ab10é"), min_size=2, max_size=2, unique=True))
    chosen = [
        *names,
        *data.draw(
            st.lists(st.sampled_from(names), min_size=len(pixels) - 2, max_size=len(pixels) - 2)
        ),
    ]
    for position, (image, name) in enumerate(zip(pixels, chosen, strict=True)):
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name / f"{position}.png").write_bytes(saved(image))
    dataset = read_folder(root, STOP)
    assert len(dataset) == len(pixels)
    for image, label, source in zip(dataset.images, dataset.labels, dataset.sources, strict=True):
        position = int(os.path.basename(source).removesuffix(".png"))
        np.testing.assert_array_equal(image[:, :, 0], pixels[position])
        assert dataset.class_names[label] == chosen[position]


def test_images_come_by_split_then_class_then_name_in_natural_order(tmp_path):
    for split in ("val", "train", "test"):
        write_classes(tmp_path / split, "10", "9", count=11)
    dataset = read_folder(tmp_path, STOP)
    assert dataset.split.tolist() == [TRAIN] * 22 + [VALIDATION] * 22 + [TEST] * 22
    assert dataset.labels.tolist() == ([0] * 11 + [1] * 11) * 3
    assert dataset.class_names == ("9", "10")
    assert dataset.sources[10] == f"{tmp_path}/train/9/10.png"


def test_every_bad_file_is_named_before_anything_stops(tmp_path):
    write_classes(tmp_path, "cat", "dog")
    for position, (content, _) in enumerate(BAD_FILES.values()):
        (tmp_path / "cat" / f"bad{position}.png").write_bytes(content())
    with pytest.raises(BadFilesError) as caught:
        read_folder(tmp_path, STOP)
    assert len(caught.value.faults) == len(BAD_FILES)
    assert f"{len(BAD_FILES)} of {len(BAD_FILES) + 4}" in str(caught.value)
    assert "--bad-files skip" in str(caught.value)
    dataset = read_folder(tmp_path, SKIP)
    assert len(dataset) == 4
    assert dataset.skipped == caught.value.faults


def test_notes_count_what_was_done(tmp_path):
    write_classes(tmp_path, "cat", "dog")
    for position in range(3):
        content = GOOD_FILES["EXIF orientation 6"].content()
        (tmp_path / "cat" / f"turned{position}.png").write_bytes(content)
    (tmp_path / "dog" / "deep.png").write_bytes(GOOD_FILES["16-bit grey"].content())
    notes = read_folder(tmp_path, STOP).notes
    assert "3 images were turned as the EXIF data says." in notes
    assert "1 image was 16-bit: 0..65535 was scaled to 0..255." in notes


def test_nothing_left_after_skipping_is_an_error(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(b"")
    with pytest.raises(BadFilesError, match="2 of 2"):
        read_folder(tmp_path, SKIP)


def test_folders_are_recognised_by_folders_or_images_in_them(tmp_path):
    assert not holds_class_folders(tmp_path)
    (tmp_path / ".git").mkdir()
    (tmp_path / "a.npz").touch()
    assert not holds_class_folders(tmp_path)
    assert not holds_class_folders(tmp_path / "a.npz")
    (tmp_path / "a.png").touch()
    assert holds_class_folders(tmp_path)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(DataError, match="cannot be listed"):
        read_folder(tmp_path / "a", STOP)


def test_a_folder_and_an_archive_are_read_through_the_one_door(tmp_path):
    root = tmp_path / "pets"
    write_classes(root, "cat", "dog", count=10)
    (root / "cat" / "bad.png").write_bytes(b"")
    with pytest.raises(BadFilesError, match="cat/bad.png"):
        read(root)
    dataset = read(str(root), size=3, bad_files="skip")
    assert dataset.image_shape == (3, 3, 1)
    assert (len(dataset.train), len(dataset.test)) == (16, 4)
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for file in sorted(root.rglob("?.png")):
            archive.write(file, file.relative_to(tmp_path))
    assert len(read(tmp_path / "pets.zip")) == 20
