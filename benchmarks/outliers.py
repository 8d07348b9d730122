"""How much of what is none of a model's classes its `outlier` refuses, and how much of what is.

    python benchmarks/outliers.py [--recipe fast] [--seeds 3]

Models of MNIST are shown Fashion-MNIST's training images, those of Fashion-MNIST are shown MNIST's;
both are shown even images, noise of three grains, and their own test images. The threshold is the
card's, set on validation images. Rows are appended to results/outliers.jsonl.
"""

import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np

import loupe
from loupe.arrays import Images
from loupe.classifier.classifier import Classifier
from measuring import append

OTHER = {"mnist": "fashion-mnist", "fashion-mnist": "mnist"}


def main() -> None:
    """Train, ask, write down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default="fast")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    for data, other in OTHER.items():
        dataset = loupe.read(data)
        shown = {
            other: loupe.read(other).train.images[:10_000],
            "even": np.stack([np.full((28, 28, 1), level, np.uint8) for level in range(256)]),
            "noise": noise(999),
            "its own test images": dataset.test.images,
        }
        for seed in range(arguments.seeds):
            with tempfile.TemporaryDirectory() as folder:
                recipe = loupe.recipe(arguments.recipe, seed=seed)
                run = loupe.train(dataset, recipe, out=Path(folder) / "run")
                refused = {name: share(run.classifier, images) for name, images in shown.items()}
            counts = {name: len(images) for name, images in shown.items()}
            row = {"recipe": recipe.name, "data": data, "seed": seed, "refused": refused}
            append("outliers", row | {"n": counts})
            print(data, seed, {name: f"{value:.2%}" for name, value in refused.items()}, flush=True)


def noise(count: int) -> Images:
    """Noise of every pixel by itself, of patches of 4, and of patches of 9 pixels a side."""
    generator = np.random.default_rng(7)
    sides = (28, 7, 3) * (count // 3)
    made = [generator.integers(0, 256, (side, side), np.uint8) for side in sides]
    large = [cv2.resize(each, (28, 28), interpolation=cv2.INTER_CUBIC) for each in made]
    return np.stack(large)[..., np.newaxis]


def share(classifier: Classifier, images: Images) -> float:
    """Of the images, those beyond the card's threshold."""
    threshold = classifier.card.outlier_threshold
    assert threshold is not None  # there were validation images
    return float((classifier.examine(images).outlier > threshold).mean())


if __name__ == "__main__":
    main()
