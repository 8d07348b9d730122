"""One system of the tutorials as its post has it, in Keras: prints its figures as JSON.

    python keras_tutorial.py NAME IDX_FOLDER [--bf16] [--epochs N]

Run by tutorials.py in an environment of its own (requirements-keras.txt). Where a post validates on
test images, so does this: it is the post's program. Loupe's side takes validation out of training.
"""

import argparse
import gzip
import json
import time
from pathlib import Path

import keras
import numpy as np
from keras import layers


def dense(*units: int) -> list[keras.Layer]:
    """Flatten, then dense layers with ReLU."""
    return [layers.Flatten(), *(layers.Dense(n, activation="relu") for n in units)]


def conv(filters: int, padding: str = "same") -> keras.Layer:
    """A 3x3 convolution with ReLU."""
    return layers.Conv2D(filters, 3, padding=padding, activation="relu")


def cnn_995() -> list[keras.Layer]:
    """The network of post 002 that reached 99.5 %."""
    return [
        conv(64), conv(64), layers.MaxPool2D(), conv(128), conv(256, "valid"), layers.MaxPool2D(),
        layers.Flatten(), layers.Dense(512, activation="relu"), layers.Dropout(0.5),
        layers.Dense(256, activation="relu"), layers.Dropout(0.5),
    ]  # fmt: skip


# name: layers, data, optimizer, batch size, epochs, fraction of training images for validation
SYSTEMS = {
    "logistic": (lambda: dense(), "mnist", "adam", 100, 10, 0.0),
    "mlp-256-128-64-32": (lambda: dense(256, 128, 64, 32), "mnist", "adam", 100, 10, 0.0),
    "cnn-995": (cnn_995, "mnist", "adam", 100, 10, 0.0),
    "mlp-300-100": (lambda: dense(300, 100), "mnist", "adam", 100, 10, 0.2),
    "mlp-64-32": (lambda: dense(64, 32), "mnist", "adam", 128, 15, 0.3),
    "fashion-64-32": (lambda: dense(64, 32), "fashion-mnist", "adam", 128, 30, 0.3),
    "fashion-128-64-32": (lambda: dense(128, 64, 32), "fashion-mnist", "adam", 128, 30, 0.3),
    "mlp-512": (lambda: dense(512), "mnist", "rmsprop", 128, 5, 0.0),
}
NOT_VALIDATED = ("mlp-512",)  # post 003 validates on nothing while it trains


def main() -> None:
    """Train, score on test, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=SYSTEMS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--epochs", type=int, help="instead of the post's")
    arguments = parser.parse_args()
    keras.utils.set_random_seed(arguments.seed)
    if arguments.bf16:
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    make, data, optimizer, batch_size, epochs, held_out = SYSTEMS[arguments.name]
    epochs = arguments.epochs or epochs
    x, y = read(arguments.folder / data, "train")
    x_test, y_test = read(arguments.folder / data, "t10k")
    order = np.random.default_rng(arguments.seed).permutation(len(x))
    cut = len(x) - int(held_out * len(x))
    validation = (x[order[cut:]], y[order[cut:]]) if held_out else (x_test, y_test)
    x, y = x[order[:cut]], y[order[:cut]]
    metrics = ["accuracy"]
    if arguments.name == "mlp-300-100":  # as its post has it
        metrics += [keras.metrics.Precision(), keras.metrics.Recall()]
    model = keras.Sequential(
        [keras.Input(x.shape[1:]), *make(), layers.Dense(10, activation="softmax", dtype="float32")]
    )
    model.compile(optimizer, "categorical_crossentropy", metrics=metrics)
    validation_data = None if arguments.name in NOT_VALIDATED else validation
    began = time.perf_counter()
    model.fit(
        x, y, batch_size=batch_size, epochs=epochs, validation_data=validation_data, verbose=0
    )
    seconds = time.perf_counter() - began
    accuracy = model.evaluate(x_test, y_test, verbose=0, return_dict=True)["accuracy"]
    figures = {
        "accuracy": 100 * accuracy,
        "fit_seconds": seconds,
        "parameters": model.count_params(),
    }
    print(json.dumps({**figures, "keras": keras.__version__, "backend": keras.backend.backend()}))


def read(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images 0..1 `[n 28 28 1]` and one-hot labels `[n 10]`, as the posts make them."""
    with gzip.open(folder / f"{part}-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28, 1)
    with gzip.open(folder / f"{part}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return (images / 255.0).astype("float32"), keras.utils.to_categorical(labels, 10)


if __name__ == "__main__":
    main()
