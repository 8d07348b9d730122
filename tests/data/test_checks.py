"""Every check is silent on clean data, and finds the fault that is planted for it below."""

from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from loupe.data.checks import CHECKS, check
from loupe.data.dataset import SPLITS, TEST, TRAIN, VALIDATION, Dataset, Rows
from loupe.data.download import data_folders
from loupe.data.read import read
from loupe.data.split import hold_out_validation
from loupe.errors import Fault

PER_CLASS = {TRAIN: 40, VALIDATION: 10, TEST: 10}


def clean(seed=0):
    """Three classes of 8x8 images, a bar on noise, in three splits of equal shares."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 60, (180, 8, 8, 1), np.uint8)
    labels = np.arange(180) % 3
    images[np.arange(180), labels * 2 + 1] += 150
    split = np.repeat(list(PER_CLASS), [3 * count for count in PER_CLASS.values()])
    return Dataset(
        "bars", images, labels, split.astype(np.uint8), ("top", "middle", "low"), Rows("bars", 180)
    )


def with_images(dataset, positions, images):
    changed = dataset.images.copy()
    changed[positions] = images
    return replace(dataset, images=changed)


def keep(dataset, chosen):
    return dataset.select(np.flatnonzero(chosen))


def plant_unreadable(dataset):
    fault = Fault("bars:999", "it ends after 120 bytes.", "Copy it again.")
    return replace(dataset, skipped=(fault,)), []


def plant_duplicates(dataset):
    return with_images(dataset, [7, 8], dataset.images[[4, 5]]), [4, 5, 7, 8]


def plant_leaks(dataset):
    return with_images(dataset, [150, 151], dataset.images[[0, 1]]), [0, 1, 150, 151]


def plant_conflicting_labels(dataset):
    return with_images(dataset, [121], dataset.images[[2]]), [2, 121]


def plant_blank_images(dataset):
    return with_images(dataset, [5, 130], np.uint8(77)), [5, 130]


def plant_pixel_range(dataset):
    return replace(dataset, images=dataset.images // 16), []


def plant_class_imbalance(dataset):
    training = dataset.split == TRAIN
    return keep(dataset, ~training | (dataset.labels != 1) | (np.arange(180) < 39)), []


def plant_tiny_classes(dataset):
    chosen = (dataset.labels != 2) | (np.arange(180) < 9)
    return keep(dataset, chosen), [2, 5, 8]


def plant_class_shares(dataset):
    generator = np.random.default_rng(1)
    images = generator.integers(0, 60, (300, 8, 8, 1), np.uint8)
    images[:, 1] += 150
    grown = replace(
        dataset,
        images=np.concatenate([dataset.images, images]),
        labels=np.concatenate([dataset.labels, np.zeros(300, np.int64)]),
        split=np.concatenate([dataset.split, np.full(300, TEST, np.uint8)]),
        sources=Rows("bars", 480),
    )
    return grown, []


def plant_appearance(dataset):
    return with_images(dataset, dataset.split == TEST, 255 - dataset.test.images), []


FAULTS = {
    name.removeprefix("plant_"): plant
    for name, plant in list(globals().items())
    if name.startswith("plant_")
}


def test_a_fault_is_planted_for_every_check():
    assert set(FAULTS) == set(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("seed", range(5))
def test_every_check_is_silent_on_clean_data(name, seed):
    assert CHECKS[name](clean(seed)) == []


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("seed", range(5))
def test_every_check_finds_the_fault_planted_for_it(name, seed):
    dataset, positions = FAULTS[name](clean(seed))
    findings = CHECKS[name](dataset)
    assert findings
    found = np.concatenate([finding.indices for finding in findings])
    assert sorted(found.tolist()) == positions
    for finding in findings:
        assert finding.check == name
        assert len(finding.scores) == len(finding.indices)
        assert np.all((finding.scores >= 0) & (finding.scores <= 1))
        assert any(letter.isdigit() for letter in finding.message), "a message says how many"
        assert finding.message.endswith(".") and finding.suggestion.endswith(".")
        if len(finding.indices):
            assert "bars:" in finding.message or name == "tiny_classes"


@pytest.mark.parametrize("name", FAULTS)
def test_check_reports_a_planted_fault_under_its_name(name):
    dataset, _ = FAULTS[name](clean())
    assert name in {finding.check for finding in check(dataset)}


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_is_silent_on_one_clean_split_alone(name):
    for split in SPLITS:
        assert CHECKS[name](getattr(clean(), split)) == []


@given(positions=st.sets(st.integers(0, 179), min_size=1, max_size=30), level=st.integers(0, 255))
@settings(max_examples=25, deadline=None)
def test_blank_images_are_found_exactly(positions, level):
    dataset = with_images(clean(), sorted(positions), np.uint8(level))
    [finding] = CHECKS["blank_images"](dataset)
    assert finding.indices.tolist() == sorted(positions)


@given(st.lists(st.integers(0, 119), min_size=2, max_size=40, unique=True), st.data())
@settings(max_examples=25, deadline=None)
def test_duplicates_are_found_exactly(positions, data):
    copies = data.draw(st.integers(1, len(positions) // 2))
    dataset = clean()
    originals, replaced = positions[:copies], positions[copies : 2 * copies]
    dataset = with_images(dataset, replaced, dataset.images[originals])
    [finding] = CHECKS["duplicates"](dataset)
    assert sorted(finding.indices.tolist()) == sorted(originals + replaced)
    assert f"{copies} image" in finding.message


def test_duplicates_weigh_more_when_there_are_many():
    dataset = clean()
    many = with_images(dataset, range(60), dataset.images[0])
    assert CHECKS["duplicates"](many)[0].severity == "warning"
    few = with_images(dataset, [1], dataset.images[0])
    assert CHECKS["duplicates"](few)[0].severity == "note"


def test_a_leak_names_both_places_of_an_image():
    dataset, _ = plant_leaks(clean())
    [finding] = CHECKS["leaks"](dataset)
    assert "2 of 30 test images are in training as well: bars:150 = bars:0;" in finding.message
    assert finding.indices.tolist() == [150, 0, 151, 1]


def test_a_leak_of_validation_into_test_is_found_too():
    dataset = clean()
    dataset = with_images(dataset, [150, 151], dataset.images[[120, 2]])
    messages = [finding.message for finding in CHECKS["leaks"](dataset)]
    assert len(messages) == 2
    assert "in training as well: bars:151 = bars:2" in messages[0]
    assert "in validation as well: bars:150 = bars:120" in messages[1]


def test_conflicting_labels_are_named():
    dataset, _ = plant_conflicting_labels(clean())
    [finding] = CHECKS["conflicting_labels"](dataset)
    assert "bars:2 (low) = bars:121 (middle)" in finding.message


def test_a_message_names_three_and_counts_the_others():
    dataset = with_images(clean(), range(10), np.uint8(0))
    [finding] = CHECKS["blank_images"](dataset)
    assert "10 images are blank" in finding.message
    assert finding.message.endswith("bars:0; bars:1; bars:2 and 7 more.")


@pytest.mark.parametrize("high", [1, 16, 100])
def test_pixels_that_were_never_scaled_are_found(high):
    images = np.random.default_rng(0).integers(0, high + 1, (180, 8, 8, 1), np.uint8)
    [finding] = CHECKS["pixel_range"](replace(clean(), images=images))
    assert f"only 0..{high} of 255" in finding.message
    assert f"255 / {high}" in finding.suggestion


def test_a_class_without_training_images_is_an_error():
    dataset = keep(clean(), (clean().labels != 0) | (clean().split != TRAIN))
    [finding] = CHECKS["tiny_classes"](dataset)
    assert finding.severity == "error" and "'top' has 0" in finding.message


def test_negatives_are_told_from_darker_images():
    dataset = clean()
    negative, _ = plant_appearance(dataset)
    assert "negatives" in CHECKS["appearance"](negative)[0].message
    darker = with_images(dataset, dataset.split == TEST, dataset.test.images // 3)
    [finding] = CHECKS["appearance"](darker)
    assert "images of test are darker" in finding.message


def test_another_mix_of_classes_is_no_other_brightness():
    # Class 0 is bright and class 1 dark; test holds mostly class 1.
    generator = np.random.default_rng(0)
    labels = np.concatenate([np.arange(400) % 2, np.arange(200) % 10 != 0]).astype(np.int64)
    images = generator.integers(0, 40, (600, 8, 8, 1), np.uint8)
    images[labels == 0, 2:6, 2:6] += 200
    split = np.repeat([TRAIN, TEST], [400, 200]).astype(np.uint8)
    dataset = Dataset("mix", images, labels, split, ("bright", "dark"), Rows("mix", 600))
    assert CHECKS["appearance"](dataset) == []
    assert "'bright' 10.0% against 50.0%" in CHECKS["class_shares"](dataset)[0].message


def test_the_digits_are_clean_and_stay_so_when_split():
    assert check(hold_out_validation(read("digits"), 0.1, seed=0)) == ()


@pytest.fixture(scope="module")
def fashion_mnist():
    if not any((folder / "fashion-mnist").is_dir() for folder in data_folders()):
        pytest.skip("Fashion-MNIST is not at hand: LOUPE_DATA_DIR names no folder that has it")
    return read("fashion-mnist")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_published_sets_are_clean(name, request):
    # Of Fashion-MNIST too: the duplicates of its first release are gone from today's files.
    dataset = request.getfixturevalue(name)
    assert check(dataset) == ()
    assert check(hold_out_validation(dataset, 1 / 12, seed=0)) == ()


@pytest.mark.slow
def test_ten_leaks_into_mnist_are_found(mnist):
    leaking = with_images(mnist, range(60000, 60010), mnist.images[1000:1010])
    findings = {finding.check: finding for finding in check(leaking)}
    assert findings.keys() == {"leaks", "conflicting_labels"}
    assert "10 of 10,000 test images are in training as well" in findings["leaks"].message


def test_a_problem_that_ends_with_a_full_stop_does_not_get_another(tiny_dataset):
    (finding,) = CHECKS["unreadable"](plant_unreadable(tiny_dataset)[0])
    assert finding.message.endswith("bars:999: it ends after 120 bytes.")
