import gzip
import hashlib
import io
import re
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from formats import idx_bytes, write_idx
from mirrors import closed_mirror, mirror

from loupe.data import download
from loupe.data.download import PublicFile, data_folders
from loupe.data.public import PUBLIC
from loupe.data.public_set import PublicSet, read_public
from loupe.errors import DataError

WITH_FILES = [name for name, entry in PUBLIC.items() if entry.files]
ROLES = {"train_images", "train_labels", "test_images", "test_labels"}
CLASS_COUNTS = {
    "emnist-letters": 26,
    "emnist-balanced": 47,
    "emnist-bymerge": 47,
    "emnist-byclass": 62,
}


REAL_FOLDERS = data_folders()


@pytest.fixture
def real_data():
    """The folder that holds MNIST itself; the fixture `mnist` skips where there is none."""
    return next(folder for folder in REAL_FOLDERS if (folder / "mnist").is_dir())


@pytest.fixture(autouse=True)
def no_data_folder(monkeypatch):
    monkeypatch.delenv("LOUPE_DATA_DIR", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("urllib.request._opener", None)  # it remembers proxies of other tests
    monkeypatch.setattr(download, "TIMEOUT_SECONDS", 5.0)


def small_arrays(entry: PublicSet) -> dict[str, np.ndarray]:
    """Two images of each class for each split, in the shapes and types of the real files."""
    generator = np.random.default_rng(1)
    count = 2 * len(entry.class_names)
    labels = (np.arange(count) // 2 + entry.first_label).astype(np.uint8)
    arrays = {}
    for role, file in entry.files.items():
        arrays[role] = generator.integers(0, 256, (count, *file.shape[1:]), np.uint8)
        if role.endswith("labels"):
            table = np.zeros((count, 8), np.int32)
            table[:, 0] = labels
            table[:, 2] = np.arange(count) // 5 + (1000 if role.startswith("test") else 0)
            arrays[role] = table if len(file.shape) == 2 else labels
    return arrays


def archive_of(contents: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        for name, content in contents.items():
            opened.writestr(f"gzip/{name}", content)
    return archive.getvalue()


def small(entry: PublicSet, address: str) -> tuple[PublicSet, dict[str, bytes]]:
    """The entry with small files behind one mirror, and what that mirror has to serve."""
    packed = {
        entry.files[role].name: gzip.compress(idx_bytes(array), 1)
        for role, array in small_arrays(entry).items()
    }
    archives = {file.archive for file in entry.files.values() if file.archive}
    served = {name: archive_of(packed) for name in archives} or packed

    def smaller(file: PublicFile) -> PublicFile:
        content = gzip.decompress(packed[file.name])
        return replace(
            file,
            shape=(-1, *file.shape[1:]),
            addresses=(address + file.stored_name,),
            sha256=hashlib.sha256(content).hexdigest() if file.sha256 else "",
            md5=hashlib.md5(served[file.stored_name]).hexdigest(),
        )

    files = {role: smaller(file) for role, file in entry.files.items()}
    return replace(entry, files=files), served


@pytest.mark.parametrize("name", PUBLIC)
def test_every_entry_is_complete(name):
    entry = PUBLIC[name]
    assert entry.name == name
    assert entry.licence
    assert len(set(entry.class_names)) == len(entry.class_names) == CLASS_COUNTS.get(name, 10)
    assert bool(entry.embedded) != bool(entry.files)
    assert set(entry.files) in (ROLES, set())
    for file in (*entry.files.values(), *entry.writers.values()):
        assert re.fullmatch("[0-9a-f]{64}", file.sha256) or re.fullmatch("[0-9a-f]{32}", file.md5)
        assert file.addresses
        assert all(address.startswith(("http://", "https://")) for address in file.addresses)
        assert all(address.endswith(file.stored_name) for address in file.addresses)
    assert entry.mirrors == (name == "fashion-mnist")


@pytest.mark.parametrize("name", WITH_FILES)
def test_every_entry_reads_over_a_mirror_and_then_from_the_cache(name):
    served: dict[str, bytes] = {}
    with mirror(served) as (address, asked):
        entry, files = small(PUBLIC[name], address)
        served.update(files)
        dataset = read_public(replace(entry, writers={}))
        requests = len(asked)
        again = read_public(replace(entry, writers={}))
    assert requests == len(asked) == len(files)
    assert np.array_equal(dataset.images, again.images)
    arrays = small_arrays(entry)
    expected = np.concatenate([arrays["train_images"], arrays["test_images"]])
    if entry.transposed:
        expected = expected.transpose(0, 2, 1)
    assert np.array_equal(dataset.images[..., 0], expected)
    assert dataset.class_names == entry.class_names
    assert dataset.counts().tolist() == [4] * len(entry.class_names)
    assert dataset.mirrors == entry.mirrors
    assert len(dataset.train) == len(dataset.test) == 2 * len(entry.class_names)


@pytest.mark.parametrize("name", WITH_FILES)
def test_every_entry_reads_from_a_local_copy(name, tmp_path, monkeypatch):
    entry, _ = small(PUBLIC[name], closed_mirror())
    for role, array in small_arrays(entry).items():
        file = entry.files[role]
        (tmp_path / file.folders[-1]).mkdir(exist_ok=True)
        write_idx(tmp_path / file.folders[-1] / file.name.removesuffix(".gz"), array)
    monkeypatch.setenv("LOUPE_DATA_DIR", str(tmp_path))
    assert read_public(replace(entry, writers={})).class_names == entry.class_names


def test_emnist_names_its_classes_as_its_mapping_does():
    balanced = PUBLIC["emnist-balanced"].class_names
    assert [balanced[label] for label in (0, 10, 35, 36, 37, 38, 46)] == list("0AZabdt")
    byclass = PUBLIC["emnist-byclass"].class_names
    assert [byclass[label] for label in (9, 10, 36, 61)] == list("9Aaz")


def test_digits_need_no_file_and_span_all_greys():
    digits = read_public(PUBLIC["digits"])
    assert digits.images.shape == (1797, 8, 8, 1)
    assert (digits.images.min(), digits.images.max()) == (0, 255)
    assert digits.labels[:10].tolist() == list(range(10))


def with_writers(entry: PublicSet, folder, labels: dict[str, np.ndarray]) -> PublicSet:
    """Put label files with writers into a folder; the entry expects just these."""
    (folder / "qmnist").mkdir()
    writers = {}
    for split, file in PUBLIC["mnist"].writers.items():
        table = np.zeros((len(labels[split]) + 7, 8), np.int32)
        table[: len(labels[split]), 0] = labels[split]
        table[:, 2] = np.arange(len(table)) // 4 + (1000 if split == "test" else 0)
        content = idx_bytes(table)
        (folder / "qmnist" / file.name).write_bytes(gzip.compress(content))
        writers[split] = replace(
            file,
            shape=(-1, 8),
            sha256=hashlib.sha256(content).hexdigest(),
            addresses=(closed_mirror(),),
        )
    return replace(entry, writers=writers)


def test_writers_are_used_where_they_are_at_hand(tmp_path, monkeypatch):
    monkeypatch.setenv("LOUPE_DATA_DIR", str(tmp_path))
    with mirror({}) as (address, _):
        entry, files = small(PUBLIC["mnist"], address)
    (tmp_path / "mnist").mkdir()
    for name, content in files.items():
        (tmp_path / "mnist" / name).write_bytes(content)
    labels = np.arange(20) // 2
    dataset = read_public(with_writers(entry, tmp_path, {"train": labels, "test": labels}))
    assert dataset.groups is not None
    assert dataset.train.groups.tolist() == (np.arange(20) // 4).tolist()
    assert "5 in train, 5 in test, none in both" in dataset.notes[-1]


def test_writers_of_other_images_are_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("LOUPE_DATA_DIR", str(tmp_path))
    with mirror({}) as (address, _):
        entry, files = small(PUBLIC["mnist"], address)
    (tmp_path / "mnist").mkdir()
    for name, content in files.items():
        (tmp_path / "mnist" / name).write_bytes(content)
    labels = np.arange(20) // 2
    dataset = read_public(with_writers(entry, tmp_path, {"train": labels, "test": labels[::-1]}))
    assert dataset.groups is None
    assert "lists other images" in dataset.notes[-1]


def test_writers_are_asked_for_over_the_network_only_with_the_images(tmp_path, monkeypatch):
    served: dict[str, bytes] = {}
    with mirror(served) as (address, asked):
        entry, files = small(PUBLIC["mnist"], address)
        served.update(files)
        writers = {
            split: replace(file, addresses=(address + file.name,))
            for split, file in PUBLIC["mnist"].writers.items()
        }
        first = read_public(replace(entry, writers=writers))
        assert len(asked) == 5  # the four files, and one that is not there
        second = read_public(replace(entry, writers=writers))
        assert len(asked) == 5
    for dataset in (first, second):
        assert dataset.groups is None
        assert dataset.notes[-1].startswith("Writers are not known")


def test_a_set_that_is_nowhere_says_what_to_put_where(private_cache, monkeypatch):
    entry, _ = small(PUBLIC["emnist-letters"], closed_mirror())
    with pytest.raises(DataError, match=f"emnist-letters: .* put gzip.zip into {private_cache}"):
        read_public(entry)


@pytest.mark.parametrize("content", [b"no zip", archive_of({"other.gz": b""})])
def test_an_archive_that_is_none_is_passed_over(private_cache, content):
    with mirror({"gzip.zip": content}) as (address, _):
        entry, _ = small(PUBLIC["emnist-digits"], address)
        md5 = hashlib.md5(content).hexdigest()
        files = {role: replace(file, md5=md5) for role, file in entry.files.items()}
        with pytest.raises(DataError, match="cannot be read"):
            read_public(replace(entry, files=files))
    assert not list(private_cache.rglob("*.zip"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_the_real_files_pass_their_checksums_over_a_mirror(name, mnist, real_data):
    entry = PUBLIC[name]
    served = {
        file.name: (real_data / name / file.name).read_bytes() for file in entry.files.values()
    }
    with mirror(served) as (address, _):
        files = {
            role: replace(file, addresses=(closed_mirror() + file.name, address + file.name))
            for role, file in entry.files.items()
        }
        dataset = read_public(replace(entry, files=files, writers={}))
    assert dataset.images.shape == (70_000, 28, 28, 1)
    assert dataset.counts()[0] == {"mnist": 6903, "fashion-mnist": 7000}[name]
    assert len(dataset.notes) == 4  # one closed mirror for each file


def test_mnist_knows_its_writers_where_their_files_are(mnist, real_data):
    if not (real_data / "qmnist").is_dir():
        pytest.skip("QMNIST's label files are not at hand")
    assert len(set(mnist.train.groups)) == 539
    assert len(set(mnist.test.groups)) == 297
    assert not set(mnist.train.groups) & set(mnist.test.groups)
