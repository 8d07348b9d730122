"""One small generation that tests only read."""

import pytest

import loupe
from loupe.data.dataset import Dataset
from loupe.generation.folder import Generation
from loupe.generation.generate import generate


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return loupe.read("digits")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, digits: Dataset) -> Generation:
    """What a generator drew after six steps: not much, but all that belongs to it."""
    folder = tmp_path_factory.mktemp("generation") / "made"
    return generate(digits, count=47, steps=6, out=folder, seed=3)
