"""How fast a model file classifies: one image at a time, and batches, on one and on two threads.

    python benchmarks/inference.py MODEL.onnx [--images N] [--repeats 7]

Prints the best and the median of the repeats: the best is what the processor can do, the median
what it did on a machine that others share. Rows are appended to results/inference.jsonl.
"""

import argparse
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnxruntime

from loupe.classifier.classifier import load
from measuring import append

BATCHES = (1, 64, 128, 256, 512, 1024)


def main() -> None:
    """Time every batch size and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    card = load(arguments.model).card
    shape = (arguments.images, *card.image_shape)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    for threads in (1, 2):
        for batch in BATCHES:
            used = images[: min(len(images), 500 * batch)]
            seconds = time_batches(arguments.model, used, batch, threads, arguments.repeats)
            row: dict[str, Any] = {
                "recipe": card.recipe["name"],
                "network": card.recipe["network"],
                "threads": threads,
                "batch": batch,
                "repeats": arguments.repeats,
                "images_per_second_best": len(used) / min(seconds),
                "images_per_second_median": len(used) / median(seconds),
                "milliseconds_per_call_median": 1e3 * median(seconds) * batch / len(used),
            }
            append("inference", row)
            print(
                f"{threads} threads, batches of {batch:4}: "
                f"{row['images_per_second_median']:9,.0f} images/s "
                f"(best {row['images_per_second_best']:,.0f}), "
                f"{row['milliseconds_per_call_median']:.3f} ms a call"
            )


def time_batches(
    model: Path, images: np.ndarray, batch: int, threads: int, repeats: int
) -> list[float]:
    """Seconds that each of several passes over the images takes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    fetched = onnxruntime.RunOptions()
    fetched.only_execute_path_to_fetches = True

    def run_all() -> float:
        began = time.perf_counter()
        for start in range(0, len(images), batch):
            part = images[start : start + batch]
            session.run(["probabilities"], {"images": part}, fetched)
        return time.perf_counter() - began

    run_all()  # the first pass makes buffers
    return [run_all() for _ in range(repeats)]


if __name__ == "__main__":
    main()
