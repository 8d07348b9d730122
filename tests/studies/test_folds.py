import contextlib
import signal
from dataclasses import replace

import numpy as np
import pytest

import loupe
from loupe.data.dataset import Dataset, Rows
from loupe.errors import DataError
from loupe.recipes.named import recipe
from loupe.studies.folds import deal, learning_images, train_folds


def pool_of(labels, groups=None, images=None) -> Dataset:
    n = len(labels)
    pixels = np.random.default_rng(0).integers(0, 256, (n, 4, 4, 1), np.uint8)
    names = tuple("abc"[: max(labels) + 1])
    return Dataset(
        "pool", pixels if images is None else images, np.array(labels), np.zeros(n, np.uint8),
        names, Rows("pool", n), groups,
    )  # fmt: skip


def test_each_class_is_dealt_evenly():
    pool = pool_of([0] * 60 + [1] * 25 + [2] * 15)
    fold_of = deal(pool, 5, seed=0)
    for label, number in enumerate((12, 5, 3)):
        counts = np.bincount(fold_of[pool.labels == label], minlength=5)
        assert counts.tolist() == [number] * 5


def test_equal_images_and_groups_lie_in_one_fold():
    generator = np.random.default_rng(1)
    groups = generator.integers(0, 40, 200)
    images = generator.integers(0, 256, (200, 4, 4, 1), np.uint8)
    images[10] = images[150]
    fold_of = deal(pool_of(generator.integers(0, 3, 200).tolist(), groups, images), 4, seed=0)
    for group in range(40):
        assert len(set(fold_of[groups == group])) <= 1
    assert fold_of[10] == fold_of[150]
    assert np.bincount(fold_of).min() > 30


def test_the_same_seed_deals_the_same_folds():
    pool = pool_of([0, 1] * 50)
    assert np.array_equal(deal(pool, 3, seed=4), deal(pool, 3, seed=4))
    assert not np.array_equal(deal(pool, 3, seed=4), deal(pool, 3, seed=5))


@pytest.mark.parametrize(
    ("labels", "count", "said"),
    [
        ([0, 1] * 20, 1, "folds = 1 cannot be"),
        ([0, 1] * 5, 5, "leave 2 to a fold, which say nothing; expected 10 or more. Collect more"),
        ([0, 1] * 20, 20, "leave 2 to a fold, which say nothing; expected 10 or more. Ask for 4"),
        ([0] * 96 + [1] * 4, 5, "class 'b' has 4 different training images"),
        ([0] * 28 + [1] * 2, 2, "class 'b' has 2 different training images"),
    ],
)
def test_folds_that_say_nothing_are_refused(labels, count, said):
    with pytest.raises(DataError) as caught:
        deal(pool_of(labels), count, seed=0)
    assert said in str(caught.value)


def test_equal_images_count_once_against_the_folds():
    images = np.random.default_rng(0).integers(0, 256, (60, 4, 4, 1), np.uint8)
    images[50:] = images[50]
    with pytest.raises(DataError, match="class 'b' has 1 different training images"):
        deal(pool_of([0] * 50 + [1] * 10, images=images), 3, seed=0)


def test_test_images_take_no_part(tiny_dataset):
    pool = learning_images(tiny_dataset)
    assert len(pool) == len(tiny_dataset.train)
    assert not len(pool.test) and not len(pool.validation)


def test_generated_images_are_dealt_into_no_fold(tiny_dataset):
    generated = (np.arange(300) < 40) & (tiny_dataset.split == 0)
    marked = replace(tiny_dataset, generated=generated)
    pool = learning_images(marked)
    assert len(pool) == len(tiny_dataset.train) - 40
    assert not pool.has_generated


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_dataset):
    folder = tmp_path_factory.mktemp("folds")
    quick = recipe("logistic", epochs=3)
    return folder, quick, train_folds(tiny_dataset, quick, 2, folder)


def test_each_network_learnt_without_its_fold(trained, tiny_dataset):
    folder, _, folds = trained
    assert len(folds) == 2 and len(folds.dataset) == len(tiny_dataset.train)
    for fold, run in enumerate(sorted(folder.glob("*/fold_*"))):
        counts = loupe.open_run(run).environment["data"]["counts"]
        assert sum(counts["train"]) + sum(counts["validation"]) == len(folds.outside(fold))
        assert sum(counts["test"]) == len(folds.inside(fold))


def test_folds_that_are_there_are_taken_and_missing_ones_trained(trained, tiny_dataset):
    folder, quick, folds = trained
    first, second = sorted(folder.glob("*/fold_*"))
    before = (first / "model.onnx").stat().st_mtime_ns
    (second / "model.onnx").unlink()  # as if it had been killed before its end
    again = train_folds(tiny_dataset, quick, 2, folder)
    assert (first / "model.onnx").stat().st_mtime_ns == before
    images = tiny_dataset.test.images
    for old, new in zip(folds.classifiers, again.classifiers, strict=True):
        assert np.array_equal(old.predict(images), new.predict(images))


def test_ctrl_c_ends_all_folds_and_the_next_call_goes_on(tiny_dataset, tmp_path):
    quick = recipe("logistic", epochs=3)

    @contextlib.contextmanager
    def interrupting(fold):
        yield lambda progress: progress.step == 2 and signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train_folds(tiny_dataset, quick, 2, tmp_path, watch_fold=interrupting)
    assert len(list(tmp_path.glob("*/fold_*"))) == 1
    folds = train_folds(tiny_dataset, quick, 2, tmp_path)
    undisturbed = train_folds(tiny_dataset, quick, 2, tmp_path / "again")
    images = tiny_dataset.test.images
    for one, other in zip(folds.classifiers, undisturbed.classifiers, strict=True):
        assert np.array_equal(one.predict(images), other.predict(images))


def test_other_labels_are_other_folds(trained, tiny_dataset):
    folder, quick, _ = trained
    labels = tiny_dataset.labels.copy()
    labels[0] = (labels[0] + 1) % 3
    train_folds(replace(tiny_dataset, labels=labels), quick, 2, folder)
    assert len(list(folder.iterdir())) == 2


def test_the_hardest_images_are_not_learnt_twice(trained):
    folder, _, _ = trained
    assert loupe.open_run(next(folder.glob("*/fold_1"))).recipe.focus == 1
