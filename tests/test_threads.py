"""How threads wait is read as PyTorch is loaded, so it has to be said before."""

import os
import subprocess
import sys

import pytest

AS_TORCH_IS_ASKED_FOR = """
import importlib.abc, os, sys
class Ask(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "torch":
            print(os.environ.get("GOMP_SPINCOUNT"), flush=True)
            os._exit(0)
sys.meta_path.insert(0, Ask())
import loupe
loupe.train
"""


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, "2000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")],
)
def test_threads_wait_briefly_unless_told_otherwise(settings, expected):
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("GOMP_", "OMP_"))}
    output = subprocess.check_output(
        [sys.executable, "-c", AS_TORCH_IS_ASKED_FOR], env=inherited | settings, text=True
    )
    assert output.strip() == expected
