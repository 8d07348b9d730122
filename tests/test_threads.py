import os
import subprocess
import sys

import pytest

PROGRAM = "import loupe, os; loupe.train; print(os.environ.get('GOMP_SPINCOUNT'))"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, "2000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")],
)
def test_threads_wait_briefly_unless_told_otherwise(settings, expected):
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("GOMP_", "OMP_"))}
    output = subprocess.check_output(
        [sys.executable, "-c", PROGRAM], env=inherited | settings, text=True
    )
    assert output.strip() == expected
