"""Running commands as whole processes, and writing down what they took, where and when."""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import mean, stdev
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Measurement:
    """One finished process.

    Attributes:
        seconds: from its start to its end, imports and all.
        peak_bytes: the most memory that it held at once.
        output: its standard output.
    """

    seconds: float
    peak_bytes: int
    output: str


def measure(command: Sequence[str], cwd: Path | None = None) -> Measurement:
    """Run a command to its end; raises RuntimeError with its error output if it fails."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=cwd, stdout=output, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)  # with its own peak memory, unlike wait()
        seconds = time.perf_counter() - began
        output.seek(0)
        errors.seek(0)
        if code := os.waitstatus_to_exitcode(status):
            raise RuntimeError(f"{' '.join(command)} ended with {code}:\n{errors.read()}")
        unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
        return Measurement(seconds, usage.ru_maxrss * unit, output.read())


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    names = ["loupe", "torch", "onnxruntime", "numpy", "scikit-learn"]
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in names},
    }


def append(name: str, row: dict[str, Any]) -> None:
    """Add one row to results/<name>.jsonl, with the date, the machine and the commit."""
    RESULTS.mkdir(exist_ok=True)
    row = {"date": datetime.now(UTC).date().isoformat(), "commit": commit(), **row}
    with open(RESULTS / f"{name}.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps({**row, "machine": machine()}) + "\n")


def rows(name: str) -> Iterator[dict[str, Any]]:
    """Give the rows of results/<name>.jsonl."""
    path = RESULTS / f"{name}.jsonl"
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Write mean ± standard deviation (n), as in "99.53 ± 0.03 (n=5)"."""
    deviation = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{mean(values):.{digits}f}{deviation} (n={len(values)})"


def commit() -> str:
    """The commit that was measured; "+" marks changes that are not committed."""
    describe = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    root = Path(__file__).parent
    found = subprocess.run(describe, capture_output=True, text=True, cwd=root, check=False)
    return found.stdout.strip()


def as_dict(measurement: Measurement) -> dict[str, Any]:
    """A measurement without its output."""
    return {key: value for key, value in asdict(measurement).items() if key != "output"}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
