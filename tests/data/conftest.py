"""What the tests of the readers share."""

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def private_cache(tmp_path_factory, monkeypatch):
    """A cache folder of the test's own: nothing comes from, or goes to, the user's."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("LOUPE_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def letters():
    """Thirty random images of 6x6 with their labels: ten each of "a", "b", "10"."""
    images = np.random.default_rng(3).integers(0, 256, (30, 6, 6), np.uint8)
    return images, np.array(["a", "b", "10"] * 10)
