import numpy as np
import pytest
from formats import write_pixel_csv
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from loupe.data.options import ReadOptions
from loupe.data.pixel_csv import is_pixel_csv, read_pixel_csv
from loupe.data.read import read
from loupe.errors import BadFilesError, DataError

PLAIN = ReadOptions()


@settings(max_examples=25)
@given(
    st.integers(2, 6),
    st.sampled_from([1, 3]),
    st.lists(st.integers(0, 12), min_size=1, max_size=9),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_what_kaggle_would_write_comes_back(tmp_path_factory, side, channels, labels, header, seed):
    assume(header or len(set(labels)) > 1)  # without a header, a constant is taken for a corner
    shape = (len(labels), side, side, channels)
    images = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    path = tmp_path_factory.mktemp("csv") / "pixels.txt"
    write_pixel_csv(path, images, np.array(labels), header)
    dataset = read_pixel_csv(path, PLAIN)
    assert np.array_equal(dataset.images, images)
    assert [dataset.class_names[label] for label in dataset.labels] == list(map(str, labels))
    assert dataset.class_names == tuple(map(str, sorted(set(labels))))


def rows(letters, label_at: int) -> list[list[str]]:
    cells = [list(map(str, image.ravel())) for image in letters[0]]
    for row, label in zip(cells, letters[1], strict=True):
        row.insert(label_at, str(label))
    return cells


@pytest.mark.parametrize("separator", [",", ";", "\t", ", "])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_separators_and_line_ends_do_not_matter(tmp_path, letters, separator, newline):
    path = tmp_path / "a.csv"
    lines = [separator.join(row) for row in rows(letters, 0)]
    path.write_bytes(newline.join(["", *lines, "", ""]).encode())
    dataset = read_pixel_csv(path, PLAIN)
    assert np.array_equal(dataset.images[..., 0], letters[0])
    assert dataset.sources[0] == "a.csv:2"


def test_a_label_of_text_is_found_in_the_last_column(tmp_path, letters):
    path = tmp_path / "a.csv"
    path.write_text("\n".join(",".join(row) for row in rows(letters, 36)))
    dataset = read_pixel_csv(path, PLAIN)
    assert dataset.class_names == ("10", "a", "b")
    assert np.array_equal(dataset.images[..., 0], letters[0])


def test_numbers_last_are_the_label_where_the_first_pixel_never_changes(tmp_path, letters):
    images = letters[0].copy()
    images[:, 0, 0] = 0
    lines = [",".join(map(str, [*image.ravel(), i % 3])) for i, image in enumerate(images)]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    dataset = read_pixel_csv(tmp_path / "a.csv", PLAIN)
    assert dataset.class_names == ("0", "1", "2")
    assert dataset.notes == ("No header: the last column was taken as the label.",)
    assert np.array_equal(dataset.images[..., 0], images)


@pytest.mark.parametrize("place", [0, 17, 36])
def test_a_named_label_is_found_anywhere(tmp_path, letters, place):
    header = [f"p{i}" for i in range(36)]
    header.insert(place, "Class")
    lines = [",".join(row) for row in [header, *rows(letters, place)]]
    (tmp_path / "a.csv").write_text("\ufeff" + "\n".join(lines))
    dataset = read_pixel_csv(tmp_path / "a.csv", PLAIN)
    assert np.array_equal(dataset.images[..., 0], letters[0])
    assert [dataset.class_names[label] for label in dataset.labels] == letters[1].tolist()


def test_quoted_cells_and_labels_with_a_comma_are_read(tmp_path):
    lines = ['"label","a","b","c","d"', '"red, small","1","2","3","4"', '"green",5,6,7,8']
    (tmp_path / "a.csv").write_text("\n".join(lines))
    dataset = read_pixel_csv(tmp_path / "a.csv", PLAIN)
    assert dataset.class_names == ("green", "red, small")
    assert dataset.images.ravel().tolist() == [1, 2, 3, 4, 5, 6, 7, 8]


def test_fractions_are_scaled_even_where_some_rows_have_none(tmp_path):
    (tmp_path / "a.csv").write_text("x,0,1,0,1\ny,0.5,0.25,1,0\n")
    dataset = read_pixel_csv(tmp_path / "a.csv", PLAIN)
    assert dataset.images.ravel().tolist() == [0, 255, 0, 255, 128, 64, 255, 0]
    assert "fractions" in dataset.notes[0]


def test_columns_that_pandas_numbered_are_a_header(tmp_path):
    (tmp_path / "a.csv").write_text("0,1,2,3,4\n7,9,9,9,9\n8,1,1,1,1\n")
    assert read_pixel_csv(tmp_path / "a.csv", PLAIN).class_names == ("7", "8")


def test_files_that_are_larger_than_a_block_are_whole(tmp_path, monkeypatch, letters):
    monkeypatch.setattr("loupe.data.pixel_csv._BLOCK_BYTES", 100)
    path = write_pixel_csv(tmp_path / "a.csv", letters[0], np.arange(30) % 3)
    dataset = read_pixel_csv(path, PLAIN)
    assert np.array_equal(dataset.images[..., 0], letters[0])
    assert dataset.sources[29] == "a.csv:31"


def test_a_folder_of_files_named_by_split_brings_the_splits(tmp_path, letters):
    images, labels = letters
    write_pixel_csv(tmp_path / "mnist_train.csv", images[:24], labels[:24])
    write_pixel_csv(tmp_path / "mnist_test.csv", images[24:], labels[24:])
    dataset = read(tmp_path)
    assert (len(dataset.train), len(dataset.test)) == (24, 6)
    assert dataset.test.sources[0] == "mnist_test.csv:2"


def test_other_text_is_no_csv_of_pixels(tmp_path):
    (tmp_path / "a.csv").write_text("path,label\na.png,x\n")
    (tmp_path / "b.csv").write_text("name,one,two,three,four,five\nx,a,b,c,d,e\n")
    (tmp_path / "c.csv").write_text("just a line of text")
    assert not any(map(is_pixel_csv, tmp_path.iterdir()))


def test_a_packed_copy_beside_its_file_is_no_second_file(tmp_path, letters):
    write_pixel_csv(tmp_path / "train.csv", *letters)
    (tmp_path / "train.csv.gz").write_bytes(b"\x1f\x8b packed")
    assert len(read(tmp_path)) == 30


def test_every_damaged_file_of_a_folder_is_named_also_where_bad_files_are_skipped(
    tmp_path, letters
):
    write_pixel_csv(tmp_path / "train.csv", *letters)
    (tmp_path / "val.csv").write_bytes(b"")
    (tmp_path / "test.csv").write_bytes(b"<html>")
    with pytest.raises(BadFilesError, match="2 files cannot be read") as caught:
        read(tmp_path, bad_files="skip")
    assert [fault.source for fault in caught.value.faults] == [
        str(tmp_path / "test.csv"),
        str(tmp_path / "val.csv"),
    ]


@pytest.mark.parametrize("bad", ["3,7", "3" + ",9" * 15 + ",999", "3" + ",9" * 40])
def test_skipping_bad_rows_never_takes_a_whole_class_away(tmp_path, bad):
    rows = [f"{i % 2}" + f",{i}" * 16 for i in range(20)]
    path = tmp_path / "lost.csv"
    path.write_text("\n".join([*rows, bad, bad]) + "\n")
    with pytest.raises(DataError, match="lost: every image of '3' is bad .2 in all."):
        read(path, bad_files="skip")


def test_a_header_that_comes_again_is_skipped_and_no_class(tmp_path, letters):
    path = write_pixel_csv(tmp_path / "joined.csv", *letters)
    path.write_text(path.read_text() + path.read_text())
    dataset = read(path, bad_files="skip")
    assert len(dataset) == 60
    assert len(dataset.skipped) == 1


def test_folders_of_images_beside_a_table_are_not_passed_over_in_silence(tmp_path, letters):
    write_pixel_csv(tmp_path / "train.csv", *letters)
    (tmp_path / "cat").mkdir()
    (tmp_path / "notes").mkdir()
    assert "Only tables" not in " ".join(read(tmp_path).notes)
    (tmp_path / "cat" / "1.png").write_bytes(b"")
    said = "Only tables were read, and not the folders beside them: 'cat'."
    assert said in " ".join(read(tmp_path).notes)
