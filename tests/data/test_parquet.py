import io
import json

import numpy as np
import pytest
from PIL import Image

from loupe.data.read import read
from loupe.errors import BadFilesError, DataError, MissingExtraError

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def png(image: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return content.getvalue()


def hugging_face(names):
    """The schema's metadata as Hugging Face's `datasets` writes it."""
    features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
    return {b"huggingface": json.dumps({"info": {"features": features}}).encode()}


def write(path, images, labels, *, names=None, column="image"):
    table = arrow.table({column: images, "label": labels})
    if names:
        table = table.replace_schema_metadata(hugging_face(names))
    parquet.write_table(table, path)
    return path


@pytest.fixture
def rows(letters):
    images = [{"bytes": png(image), "path": f"{i}.png"} for i, image in enumerate(letters[0])]
    return images, [i % 3 for i in range(30)]


def test_what_hugging_face_writes_comes_back_with_its_class_names(tmp_path, rows, letters):
    path = write(tmp_path / "zoo.bin", *rows, names=["zebra", "ant", "cat"])
    dataset = read(path)
    assert dataset.class_names == ("zebra", "ant", "cat")
    assert np.array_equal(dataset.images[..., 0], letters[0])
    assert dataset.labels.tolist() == rows[1]
    assert dataset.sources[7] == "zoo.bin:7: 7.png"
    assert np.array_equal(read(path).images, dataset.images)  # now from the cache


@pytest.mark.parametrize("inside", ["", "data", "mnist"])
def test_a_folder_of_shards_brings_the_splits(tmp_path, rows, inside):
    images, labels = rows
    folder = tmp_path / inside
    (tmp_path / ".git").mkdir()
    folder.mkdir(exist_ok=True)
    write(folder / "train-00000-of-00002.parquet", images[:12], labels[:12], names=["a", "b", "c"])
    write(folder / "train-00001-of-00002.parquet", images[12:24], labels[12:24])
    write(folder / "test-00000-of-00001.parquet", images[24:], labels[24:])
    dataset = read(tmp_path)
    assert (len(dataset.train), len(dataset.test)) == (24, 6)
    assert dataset.class_names == ("a", "b", "c")


def test_plain_bytes_and_labels_of_text_are_read(tmp_path, rows, letters):
    images = [image["bytes"] for image in rows[0]]
    dataset = read(write(tmp_path / "a.parquet", images, letters[1].tolist(), column="picture"))
    assert dataset.class_names == ("10", "a", "b")


@pytest.mark.parametrize("as_struct", [True, False])
def test_paths_are_read_beside_the_file(tmp_path, rows, letters, as_struct):
    (tmp_path / "img").mkdir()
    for image in rows[0]:
        (tmp_path / "img" / image["path"]).write_bytes(image["bytes"])
    names = [f"img/{image['path']}" for image in rows[0]]
    images = [{"bytes": None, "path": name} for name in names] if as_struct else names
    dataset = read(write(tmp_path / "a.parquet", images, rows[1]))
    assert np.array_equal(dataset.images[..., 0], letters[0])


def test_every_bad_row_is_named(tmp_path, rows):
    images, labels = rows
    images[1] = {"bytes": b"no image", "path": None}
    images[2] = {"bytes": None, "path": "../../etc/passwd"}
    images[3] = {"bytes": None, "path": None}
    images[4] = None
    labels[5] = None
    path = write(tmp_path / "a.parquet", images, labels)
    with pytest.raises(BadFilesError, match="5 of 30") as caught:
        read(path)
    assert {fault.source for fault in caught.value.faults} == {
        f"a.parquet:{i}" for i in range(1, 6)
    }
    dataset = read(path, bad_files="skip")
    assert (len(dataset), len(dataset.skipped)) == (25, 5)
    assert dataset.sources[1] == "a.parquet:6: 6.png"


def test_labels_that_mean_unknown_are_refused(tmp_path, rows):
    path = write(tmp_path / "a.parquet", rows[0], [-1] * 30, names=["a", "b"])
    with pytest.raises(DataError, match="label 0 is -1"):
        read(path)


def test_columns_that_are_not_known_are_listed(tmp_path, rows):
    parquet.write_table(arrow.table({"pixels": rows[1], "kind": rows[1]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="has the columns pixels, kind; expected one of images"):
        read(tmp_path / "a.parquet")


def test_a_damaged_file_is_named_where_sound_ones_lie_one_folder_deeper(tmp_path, rows):
    (tmp_path / "data").mkdir()
    for split in ("train", "test"):
        write(tmp_path / "data" / f"{split}-00000.parquet", *rows)
    assert len(read(tmp_path)) == 60
    (tmp_path / "train-00001.parquet").write_bytes(b"PAR0" + bytes(40))
    with pytest.raises(BadFilesError, match=r"train-00001\.parquet: it is no Parquet"):
        read(tmp_path)


@pytest.mark.parametrize("start", [4, 60, 200, -60])
def test_damage_anywhere_ends_in_an_error(tmp_path, rows, start):
    path = write(tmp_path / "a.parquet", *rows)
    content = bytearray(path.read_bytes())
    content[start : start + 30] = b"\xff" * 30
    path.write_bytes(content)
    with pytest.raises(DataError):
        read(path)


def test_a_missing_extra_is_named(tmp_path, rows, monkeypatch):
    path = write(tmp_path / "a.parquet", *rows)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'loupe\[parquet\]'"):
        read(path)


@pytest.mark.parametrize("image", [None, b"no image"])
def test_skipping_bad_rows_never_takes_a_whole_class_away(tmp_path, rows, image):
    images, labels = rows
    bad = {"bytes": image, "path": None}
    path = write(tmp_path / "lost.parquet", [*images, bad, bad], [*labels, 7, 7])
    with pytest.raises(DataError, match="every image of '7' is bad .2 in all"):
        read(path, bad_files="skip")


def write_with_splits(path, rows, splits):
    images, labels = rows
    parquet.write_table(arrow.table({"image": images, "label": labels, "split": splits}), path)
    return path


def test_a_column_of_splits_is_used(tmp_path, rows, letters):
    splits = ["train"] * 18 + ["val"] * 6 + ["TEST"] * 6
    dataset = read(write_with_splits(tmp_path / "a.parquet", rows, splits))
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (18, 6, 6)
    assert np.array_equal(dataset.test.images[..., 0], letters[0][24:])


def test_a_split_that_is_none_is_a_bad_row(tmp_path, rows):
    path = write_with_splits(tmp_path / "a.parquet", rows, [*["train"] * 29, "tset"])
    with pytest.raises(
        BadFilesError, match="a.parquet:29: 'tset' is no split. Did you mean 'test'"
    ):
        read(path)


def test_a_file_and_a_column_that_name_two_splits_are_refused(tmp_path, rows):
    write_with_splits(tmp_path / "train.parquet", rows, ["train"] * 30)
    write_with_splits(tmp_path / "test.parquet", rows, ["train"] * 30)
    with pytest.raises(BadFilesError, match="its split is 'train', but its file is named as one"):
        read(tmp_path)
