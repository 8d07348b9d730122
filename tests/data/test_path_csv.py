import numpy as np
import pytest
from PIL import Image

from loupe.data.path_csv import is_path_csv
from loupe.data.read import read
from loupe.errors import BadFilesError, DataError


@pytest.fixture
def pictures(tmp_path, letters):
    """The letters as PNGs in a folder, with the rows of a CSV that names them."""
    (tmp_path / "img").mkdir()
    rows = []
    for i, (image, label) in enumerate(zip(*letters, strict=True)):
        Image.fromarray(image).save(tmp_path / "img" / f"{i:02}.png")
        rows.append((f"img/{i:02}.png", str(label)))
    return tmp_path, rows


def write(folder, rows, header="path,label"):
    lines = [header] if header else []
    (folder / "a.csv").write_text("\n".join([*lines, *(",".join(row) for row in rows)]))
    return folder / "a.csv"


@pytest.mark.parametrize("header", ["path,label", "Filename,Class", "file_name,breed", ""])
def test_paths_and_labels_come_back(pictures, letters, header):
    folder, rows = pictures
    dataset = read(write(folder, rows, header))
    assert np.array_equal(dataset.images[..., 0], letters[0])
    assert [dataset.class_names[label] for label in dataset.labels] == letters[1].tolist()
    assert dataset.sources[3] == str(folder / "img/03.png")
    assert len(dataset.test) == 6


def test_columns_of_split_and_writer_are_used(pictures):
    folder, rows = pictures
    more = [
        ("val" if i % 5 == 3 else "test" if i % 5 == 4 else "TRAIN", f"writer {i % 5}", *row)
        for i, row in enumerate(rows)
    ]
    dataset = read(write(folder, more, "split,writer,path,label"))
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (18, 6, 6)
    assert dataset.groups is not None
    assert len(set(dataset.groups)) == 5


def test_absolute_paths_are_the_users_own(pictures, tmp_path_factory):
    folder, rows = pictures
    absolute = [(str(folder / path), label) for path, label in rows]
    assert len(read(write(tmp_path_factory.mktemp("elsewhere"), absolute))) == 30


def test_images_are_fitted_to_the_size_asked_for(pictures):
    folder, rows = pictures
    Image.fromarray(np.zeros((12, 6), np.uint8)).save(folder / "img" / "00.png")
    assert read(write(folder, rows), size=10).image_shape == (10, 10, 1)


def test_every_bad_row_is_named_with_its_line(pictures):
    folder, rows = pictures
    (folder / "img" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    (folder / "outside.png").write_bytes((folder / "img" / "00.png").read_bytes())
    inner = folder / "img"
    bad = {
        "../outside.png,a": "leads out of the folder",
        "x/../../outside.png,a": "leads out of the folder",
        "missing.png,a": "no file 'missing.png'",
        "00.png,": "no label",
        ",a": "no path",
        "00.png": "no label",
        "broken.png,a": "",
    }
    good = [f"{path.removeprefix('img/')},{label}" for path, label in rows]
    (inner / "a.csv").write_text("\n".join(["path,label", *good, "", *bad]))
    with pytest.raises(BadFilesError, match="7 of 37") as caught:
        read(inner / "a.csv")
    faults = sorted(caught.value.faults, key=lambda fault: int(fault.source.split(":")[1]))
    assert [fault.source.split(":")[1] for fault in faults] == [str(n) for n in range(33, 40)]
    for fault, words in zip(faults, bad.values(), strict=True):
        assert words in fault.problem
        assert fault.advice
    dataset = read(inner / "a.csv", bad_files="skip")
    assert len(dataset) == 30
    assert len(dataset.skipped) == 7


def test_a_split_that_is_none_is_a_fault(pictures):
    folder, rows = pictures
    rows = [(*row, "train") for row in rows]
    rows[4] = (*rows[4][:2], "tset")
    with pytest.raises(BadFilesError, match="Did you mean 'test'"):
        read(write(folder, rows, "path,label,split"))


def test_columns_without_a_label_are_refused(pictures):
    folder, rows = pictures
    with pytest.raises(DataError, match="expected one called 'path' and one called 'label'"):
        read(write(folder, [(*row, "x") for row in rows], "path,breed,note"))


def test_text_without_images_is_no_csv_of_paths(tmp_path):
    (tmp_path / "a.csv").write_text("name,label\nann,x\n")
    (tmp_path / "b.csv").write_text("1,2\n3,4\n")
    assert not any(map(is_path_csv, tmp_path.iterdir()))


@pytest.mark.parametrize("file", ["missing.png", "a.csv"])
def test_skipping_bad_files_never_takes_a_whole_class_away(pictures, file):
    folder, rows = pictures
    path = write(folder, [*rows, (file, "cat")])
    with pytest.raises(DataError, match="every image of 'cat' is bad .1 in all"):
        read(path, bad_files="skip")
