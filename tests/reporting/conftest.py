"""Fixtures: run folders, and a browser."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from simulated import MakeRun, run_in

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """A function that writes the run folder of an evaluation."""
    return functools.partial(run_in, tmp_path)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The system's Chromium, driven by playwright."""
    if not CHROMIUM.exists():
        pytest.skip(f"there is no browser at {CHROMIUM}: install the package chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    options = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync",
               "--disable-background-networking", "--disable-component-update"]  # fmt: skip
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=str(CHROMIUM), args=options)
        yield chromium
        chromium.close()
