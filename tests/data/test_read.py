import contextlib
import gzip
import os
import zipfile

import numpy as np
import pytest
from formats import write_idx_folder, write_pixel_csv
from PIL import Image

import loupe
from loupe.data import read as door
from loupe.data.dataset import Dataset
from loupe.data.read import READERS, from_arrays, read
from loupe.errors import DataError


def write_png_folder(folder, images, labels):
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        (folder / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / label / f"{i:02}.png")
    return folder


def write_zip(folder, images, labels):
    tree = write_png_folder(folder / "tree", images, labels)
    with zipfile.ZipFile(folder / "a.bin", "w") as archive:
        for path in sorted(tree.rglob("*.png")):
            archive.write(path, path.relative_to(tree))
    return folder / "a.bin"


def write_path_csv(folder, images, labels):
    tree = write_png_folder(folder / "tree", images, labels)
    rows = [f"{path.relative_to(folder)},{path.parent.name}" for path in tree.rglob("*.png")]
    (folder / "a.bin").write_text("\n".join(["path,label", *rows]))
    return folder / "a.bin"


def write_npz(folder, images, labels):
    with (folder / "a.bin").open("wb") as file:
        np.savez(file, images=images, labels=labels)
    return folder / "a.bin"


def write_parquet(folder, images, labels):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    tree = write_png_folder(folder / "tree", images, labels)
    files = sorted(tree.rglob("*.png"))
    content = [{"bytes": path.read_bytes(), "path": path.name} for path in files]
    table = arrow.table({"image": content, "label": [path.parent.name for path in files]})
    parquet.write_table(table, folder / "a.bin")
    return folder / "a.bin"


def write_idx(folder, images, labels):
    numbers = np.unique(labels, return_inverse=True)[1]
    return write_idx_folder(folder / "idx", images, numbers, test=9)


WRITERS = {
    "idx": write_idx,
    "npz": write_npz,
    "parquet": write_parquet,
    "pixel-csv": lambda folder, *arrays: write_pixel_csv(folder / "a.bin", *arrays),
    "path-csv": write_path_csv,
    "zip": write_zip,
    "folder": lambda folder, *arrays: write_png_folder(folder / "tree", *arrays),
}


def test_every_format_is_tested_here():
    assert {*WRITERS, "generated"} == READERS.keys()  # its folder: tests/data/test_generated.py


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_is_told_by_its_content_and_brings_the_same_images(name, tmp_path, letters):
    path = WRITERS[name](tmp_path, *letters)
    assert [other for other, known in READERS.items() if known.recognise(path)] == [name]
    dataset = read(path)
    assert {image.tobytes() for image in dataset.images} == {i.tobytes() for i in letters[0]}
    assert sorted(dataset.counts()) == [10, 10, 10]
    assert dataset.image_shape == (6, 6, 1)
    assert dataset.origin == str(path)
    assert len(dataset.test) in (6, 9)
    for split in (dataset.train, dataset.test):
        assert (split.counts() > 0).all()


@pytest.mark.parametrize("name", READERS)
def test_every_format_answers_to_every_file_and_folder(name, tmp_path, letters):
    (tmp_path / "empty").mkdir()
    (tmp_path / "nothing").write_bytes(b"")
    (tmp_path / "noise").write_bytes(np.random.default_rng(0).bytes(3000))
    (tmp_path / "packed").write_bytes(gzip.compress(b"hello"))
    (tmp_path / "zip").write_bytes(b"PK\x03\x04" + bytes(50))
    for path in tmp_path.iterdir():
        assert not READERS[name].recognise(path)


def test_the_package_offers_the_same_functions():
    assert loupe.read is read
    assert loupe.from_arrays is from_arrays


def test_the_same_data_is_the_same_whatever_it_came_in(tmp_path, letters):
    np.savez(tmp_path / "a.npz", images=letters[0], labels=letters[1])
    write_pixel_csv(tmp_path / "b.csv", *letters)
    fingerprints = {
        read(tmp_path / "a.npz").fingerprint,
        read(tmp_path / "b.csv").fingerprint,
        from_arrays(*letters).fingerprint,
        read(letters).fingerprint,
        read({"X": letters[0], "y": letters[1]}).fingerprint,
    }
    assert len(fingerprints) == 1


def test_keras_pair_of_pairs_brings_its_test_split(letters):
    images, labels = letters
    dataset = read(((images[:20], labels[:20]), (images[20:], labels[20:])))
    assert (len(dataset.train), len(dataset.test)) == (20, 10)


def test_a_list_of_images_and_of_labels_will_do(letters):
    assert len(read((list(letters[0]), letters[1].tolist()))) == 30


def test_a_name_is_the_public_set_and_a_path_is_the_path(tmp_path, monkeypatch, letters):
    write_png_folder(tmp_path / "digits", *letters)
    monkeypatch.chdir(tmp_path)
    public = read("digits")
    assert len(public) == 1797
    assert "give ./digits" in public.notes[0]
    assert len(read("./digits")) == 30


def test_the_home_folder_may_be_written_short(tmp_path, monkeypatch, letters):
    np.savez(tmp_path / "a.npz", images=letters[0], labels=letters[1])
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(read(f"~{os.sep}a.npz")) == 30


def test_arrays_are_fitted_to_another_size_when_asked(letters):
    dataset = read(letters, size=4)
    assert dataset.image_shape == (4, 4, 1)
    assert "fitted to 4x4" in dataset.notes[0]
    assert read(letters, size=6).notes == read(letters).notes
    larger = read(letters, size=28)
    assert larger.image_shape == (28, 28, 1)
    assert "6x6 pixels were fitted to 28x28" in larger.notes[0]


def test_splits_may_be_given_by_name_or_code(letters):
    images, labels = letters
    names = ["train"] * 21 + ["val"] * 3 + ["test"] * 6
    codes = np.array([0] * 21 + [1] * 3 + [2] * 6, np.uint8)
    for split in (names, codes):
        assert np.array_equal(from_arrays(images, labels, split=split).split, codes)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("fashion_mnist", "Did you mean 'fashion-mnist'"),
        ("MNIST", "Did you mean 'mnist'"),
        ("lettres.npz", "Did you mean 'letters.npz'"),
        ("nowhere/letters.npz", "there is no nowhere"),
        ("https://example.com/a.zip", "Download it and give the file"),
        ("", "is"),
    ],
)
def test_a_path_that_does_not_exist_gets_the_nearest_name(tmp_path, monkeypatch, given, words):
    (tmp_path / "letters.npz").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=words):
        read(given)


@pytest.mark.parametrize(
    ("what", "options", "words"),
    [
        ((1, 2, 3), {}, "tuple was given"),
        (([np.zeros((2, 2)), np.zeros((3, 3))], [0, 1]), {}, "not all of one size"),
        ((np.zeros((3, 4, 4)), [0, 1]), {}, "3 images and 2 labels"),
        ({"images": []}, {}, "'images' but not 'labels'"),
        ({"X": [], "x": []}, {}, "differ in capitals only"),
        ("digits", {"size": 0}, "size is 0"),
    ],
)
def test_what_cannot_be_read_is_explained(what, options, words):
    with pytest.raises(DataError, match=words):
        read(what, **options)


@pytest.mark.parametrize("given", ["groups", "split"])
def test_groups_and_splits_that_do_not_fit_are_refused(letters, given):
    with pytest.raises(DataError, match="30 images and 2 .* each image needs one of each"):
        from_arrays(*letters, **{given: ["train", "test"]})


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch, letters):
    path = write_npz(tmp_path, *letters)

    def refuse(path, options) -> Dataset:
        raise PermissionError(13, "Permission denied", str(path))

    refusing = door.Format("any", lambda path: True, refuse)
    monkeypatch.setattr(door, "READERS", {"any": refusing})
    with pytest.raises(DataError, match="Permission denied"):
        read(path)


def test_data_can_be_read_without_sealing_a_test_split():
    images = np.random.default_rng(0).integers(0, 256, (6, 4, 4), np.uint8)
    labels = [0, 0, 0, 0, 0, 1]  # a class of one image has nothing to seal
    with pytest.raises(DataError):
        read((images, labels))
    unsealed = read((images, labels), seal=False)
    assert len(unsealed.train) == 6 and not len(unsealed.test)
    assert not len(read("digits", seal=False).test)
    assert read("digits", seal=False).read_options == {"seal": False}


@pytest.mark.slow
def test_mnist_is_the_same_from_keras_archive_and_from_a_csv(tmp_path, mnist):
    arrays = {
        f"{kind}_{split}": getattr(part, attribute)
        for split, part in (("train", mnist.train), ("test", mnist.test))
        for kind, attribute in (("x", "images"), ("y", "labels"))
    }
    np.savez(tmp_path / "mnist.npz", **arrays)
    assert read(tmp_path / "mnist.npz").fingerprint == mnist.fingerprint
    path = write_pixel_csv(tmp_path / "mnist.csv", mnist.test.images, mnist.test.labels)
    dataset = read(path)
    assert np.array_equal(dataset.images, mnist.test.images)
    assert np.array_equal(dataset.labels, mnist.test.labels)


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "folder"])
def test_damage_anywhere_is_an_error_or_harmless_but_never_a_surprise(name, tmp_path, letters):
    path = WRITERS[name](tmp_path, *letters)
    generator = np.random.default_rng(7)
    file = next(path.iterdir()) if path.is_dir() else path
    whole = file.read_bytes()
    for _ in range(12):
        damaged = np.frombuffer(whole, np.uint8).copy()
        places = generator.integers(0, min(len(damaged), generator.choice([50, 10**6])), 5)
        damaged[places] = generator.integers(0, 256, 5)
        file.write_bytes(damaged.tobytes()[: generator.choice([len(damaged), len(damaged) // 2])])
        with contextlib.suppress(DataError):
            read(path, bad_files="skip")
