"""What besides the recipe decides a run, and where it took place."""

import os
import platform
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from loupe import __version__
from loupe.data.dataset import Dataset
from loupe.training.job import Job


def describe_environment(dataset: Dataset, job: Job, fingerprint: str) -> dict[str, Any]:
    """What besides the recipe decides a run, and where it took place."""
    splits = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    return {
        "loupe": __version__,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "data": {
            "name": dataset.name,
            "origin": dataset.origin,
            "read_options": dict(dataset.read_options),
            "fingerprint": fingerprint,
            "image_shape": list(dataset.image_shape),
            "counts": {name: view.counts().tolist() for name, view in splits.items()},
            "class_names": list(dataset.class_names),
            "grouped": dataset.groups is not None,
            "notes": list(dataset.notes),
            "skipped": len(dataset.skipped),
            "fixes": None if dataset.fixes is None else asdict(dataset.fixes),
        },
        "device": str(job.compute.device),
        "precision": job.compute.precision,
        "threads": torch.get_num_threads(),
        "machine": {
            "system": platform.system(),
            "architecture": platform.machine(),
            "processor": _processor(),
            "cores": os.cpu_count(),
        },
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "onnxruntime": onnxruntime.__version__,
            "numpy": np.__version__,
        },
    }


def _processor() -> str:
    """The processor's model; empty where the system does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
