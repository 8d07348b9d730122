"""Data that many tests share."""

import numpy as np
import pytest

from loupe.data.dataset import TEST, TRAIN, Dataset, Rows
from loupe.data.download import data_folders
from loupe.data.read import read
from loupe.recipes.named import recipe
from loupe.recipes.recipe import changed
from loupe.runs.run import Run

SIDE = 8


@pytest.fixture
def without_type_checks(request: pytest.FixtureRequest) -> None:
    """Skip where types are checked at each call: those refuse a wrong argument before Loupe can."""
    if request.config.getoption("jaxtyping_packages", default=None):
        pytest.skip("types are checked at each call; the quick tests run without that")


@pytest.fixture(scope="session")
def tiny_dataset() -> Dataset:
    """Three classes of 8x8 images that a small network tells apart in a second: bars and blobs."""
    generator = np.random.default_rng(0)
    labels = np.arange(300) % 3
    images = generator.integers(0, 60, (300, SIDE, SIDE, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        place = generator.integers(1, SIDE - 3)
        bar = (slice(None), slice(place, place + 2))
        blob = (slice(place, place + 3), slice(place, place + 3))
        image[(bar, bar[::-1], blob)[label]] += generator.integers(100, 190, dtype=np.uint8)
    split = np.where(np.arange(300) < 240, TRAIN, TEST).astype(np.uint8)
    names = ("column", "row", "blob")
    return Dataset("tiny", images, labels.astype(np.int64), split, names, Rows("tiny", 300))


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    """MNIST itself, where it is at hand; the tests that need it say that they were skipped."""
    if not any((folder / "mnist").is_dir() for folder in data_folders()):
        pytest.skip("MNIST is not at hand: LOUPE_DATA_DIR names no folder with mnist/ in it")
    return read("mnist")


@pytest.fixture(scope="session")
def digits_runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, ...]:
    """Three runs on the digits with the same validation images; the first has hardly learnt."""
    from loupe.training.train import train

    digits, folder = read("digits"), tmp_path_factory.mktemp("runs")
    recipes = {
        "early": recipe("logistic", epochs=1),
        "late": recipe("logistic", epochs=12),
        "wide": recipe("mlp-300-100", epochs=10),
    }
    return tuple(
        train(digits, changed(each, {"validation": 0.25}), out=folder / name)
        for name, each in recipes.items()
    )
