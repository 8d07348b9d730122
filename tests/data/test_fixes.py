import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import loupe
from loupe.data.dataset import TEST, Dataset, Rows
from loupe.data.fixes import Fix, apply_fixes, portable_source, read_fixes, write_fixes
from loupe.data.read import read
from loupe.data.split import seal_test
from loupe.errors import DataError
from loupe.files import sha256


@pytest.fixture
def pets() -> Dataset:
    """Twelve images, the last four of them test images."""
    images = np.random.default_rng(0).integers(0, 256, (12, 4, 4, 1), np.uint8)
    split = np.repeat([0, 0, TEST], 4).astype(np.uint8)
    names = ("cat", "dog")
    return Dataset("pets", images, np.arange(12) % 2, split, names, Rows("pets", 12))


def written(folder, *rows, header="source,old_label,proposed_label,reason"):
    path = folder / "fixes.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_labels_are_changed_and_images_dropped_in_memory_only(pets, tmp_path):
    path = written(tmp_path, "pets:0,cat,dog,looks like one", "pets:3,dog,drop,blank")
    mended = apply_fixes(pets, path)
    assert mended.labels.tolist() == [1, 1, 0, *pets.labels[4:].tolist()]
    assert list(mended.sources) == [s for s in pets.sources if s != "pets:3"]
    assert pets.labels[0] == 0 and len(pets) == 12
    assert mended.fingerprint != pets.fingerprint
    assert mended.fixes.fingerprint_before == pets.fingerprint
    assert mended.fixes.sha256 == sha256(path.read_bytes())
    assert (mended.fixes.changed, mended.fixes.dropped) == (1, 1)


def test_test_images_are_left_alone_and_counted(pets, tmp_path):
    mended = apply_fixes(pets, written(tmp_path, "pets:8,cat,drop,", "pets:9,dog,cat,"))
    assert mended.test.fingerprint == pets.test.fingerprint
    assert mended.fixes.left_alone == 2
    assert "2 rows about test images were left alone" in mended.notes[-1]


def test_the_old_label_again_says_that_somebody_looked(pets, tmp_path):
    mended = apply_fixes(pets, written(tmp_path, "pets:0,cat,cat,fine"))
    assert mended.fingerprint == pets.fingerprint
    assert mended.fixes.changed == 0


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("pets:99,cat,dog,", "line 2: 'pets:99' is no image of pets. Did you mean 'pets:9'?"),
        ("pets:0,dog,cat,", "line 2: 'pets:0' has the label 'cat' in the data, not 'dog'"),
        ("pets:0,cat,dgo,", "line 2: 'dgo' is none of the data's classes. Did you mean 'dog'?"),
        ("pets:0,cow,dog,", "line 2: 'cow' is none of the data's classes."),
        ("pets:0,cat,,", "line 2: there is no proposed_label"),
        ("pets:0", "line 2: there is no old_label"),
        ("pets:8,dog,cat,", "line 2: 'pets:8' has the label 'cat'"),
    ],
)
def test_a_row_that_does_not_fit_is_named(pets, tmp_path, row, said):
    with pytest.raises(DataError) as caught:
        apply_fixes(pets, written(tmp_path, row))
    assert said in str(caught.value)


def test_two_rows_for_one_image_are_refused(pets, tmp_path):
    path = written(tmp_path, "pets:0,cat,dog,", "pets:1,dog,cat,", "pets:0,cat,drop,")
    with pytest.raises(DataError, match=r"line 4: 'pets:0' has a row already, in line 2"):
        apply_fixes(pets, path)


def test_a_class_cannot_vanish(pets, tmp_path):
    rows = [f"pets:{i},cat,drop," for i in (0, 2, 4, 6)]
    with pytest.raises(DataError, match="nothing would be left of class 'cat'"):
        apply_fixes(pets, written(tmp_path, *rows))


def test_a_class_named_drop_is_refused(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (40, 4, 4), np.uint8)
    dataset = loupe.from_arrays(images, ["drop", "dog"] * 20)
    source = dataset.train.sources[0]
    with pytest.raises(DataError, match="a class named 'drop'"):
        apply_fixes(dataset, written(tmp_path, f"{source},dog,drop,"))


def test_a_file_without_the_columns_is_refused(pets, tmp_path):
    path = written(tmp_path, "pets:0,cat,dog", header="file,label,new")
    with pytest.raises(DataError, match="there is no column 'source'"):
        apply_fixes(pets, path)


def test_a_missing_file_is_named(pets, tmp_path):
    with pytest.raises(DataError, match=r"no\.csv cannot be read"):
        apply_fixes(pets, tmp_path / "no.csv")


def test_what_a_spreadsheet_of_another_country_saves_is_read(pets, tmp_path):
    path = tmp_path / "fixes.csv"
    text = "source;old_label;proposed_label;reason\r\npets:0;cat;dog;eins, zwei\r\n;;;\r\n"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert apply_fixes(pets, path).fixes.changed == 1


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(*[st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)] * 4)
    )
)
def test_what_is_written_is_read_again(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("fixes") / "fixes.csv"
    fixes = [Fix(*cells) for cells in rows if all(cell.strip() for cell in cells)]
    write_fixes(path, fixes)
    again = read_fixes(path)
    assert len(again) == len(fixes)
    for fix, found in zip(fixes, again, strict=True):
        assert found.source in (fix.source, "'" + fix.source)


def test_the_sealed_test_split_is_the_same_with_and_without_fixes(tmp_path):
    plain = read("digits")
    chosen = [plain.train.sources[i] for i in range(50)]
    names = [plain.class_names[label] for label in plain.train.labels[:50]]
    rows = [f"{source},{name},drop," for source, name in zip(chosen, names, strict=True)]
    path = written(tmp_path, *rows)
    mended = read("digits", fixes=path)
    assert mended.test.fingerprint == plain.test.fingerprint
    assert len(mended.train) == len(plain.train) - 50
    assert mended.read_options == {"fixes": str(path)}
    assert read(mended.origin, **mended.read_options).fingerprint == mended.fingerprint


def test_nothing_is_mended_before_the_test_split_is_sealed(tmp_path, pets):
    path = written(tmp_path, "digits:0,0,1,")
    with pytest.raises(DataError, match="Leave seal=False out"):
        read("digits", seal=False, fixes=path)
    unsealed = pets.select(np.arange(8))
    mended = apply_fixes(unsealed, written(tmp_path, "pets:0,cat,dog,"))
    with pytest.raises(DataError, match="fixes were applied before"):
        seal_test(mended)


def test_fixes_are_not_applied_twice(pets, tmp_path):
    path = written(tmp_path, "pets:0,cat,dog,")
    with pytest.raises(DataError, match="with the fixes of"):
        apply_fixes(apply_fixes(pets, path), path)


def test_a_folder_is_named_alike_wherever_it_is_read_from(tmp_path, monkeypatch):
    folder = tmp_path / "pets"
    from PIL import Image

    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for i in range(8):
            pixels = np.random.default_rng(i).integers(0, 256, (6, 6), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    whole = read(folder)
    source = portable_source(whole.train.sources[0], whole.origin)
    assert source.startswith("cat/")
    path = written(tmp_path, f"{source},cat,drop,")
    monkeypatch.chdir(tmp_path)
    assert read("pets", fixes="fixes.csv").fixes.dropped == 1
    assert read(folder, fixes=path).fixes.dropped == 1
    monkeypatch.chdir(folder)
    assert read(".", fixes=path).fixes.dropped == 1
    assert read(os.curdir, fixes=written(tmp_path, f"{folder / source},cat,dog,")).fixes.changed


def test_arrays_in_memory_are_mended_too(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (40, 4, 4), np.uint8)
    labels = ["cat", "dog"] * 20
    plain = read((images, labels))
    source, name = plain.train.sources[0], plain.class_names[plain.train.labels[0]]
    assert read((images, labels), fixes=written(tmp_path, f"{source},{name},drop,")).fixes.dropped
