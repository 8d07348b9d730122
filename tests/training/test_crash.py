import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny

from loupe.recipes.recipe import changed, to_toml

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@pytest.fixture
def crash(tiny_dataset, tmp_path):
    """Train in processes that are killed; give what `crashing.py` says."""

    def crash_with(recipe, *, kills, seed):
        train, test = tiny_dataset.train, tiny_dataset.test
        np.savez(
            tmp_path / "tiny.npz",
            x_train=train.images, y_train=train.labels, x_test=test.images, y_test=test.labels,
        )  # fmt: skip
        (tmp_path / "recipe.toml").write_text(to_toml(recipe))
        script = Path(__file__).with_name("crashing.py")
        files = [tmp_path, tmp_path / "tiny.npz", tmp_path / "recipe.toml"]
        finished = subprocess.run(
            [sys.executable, script, *files, str(kills), str(seed)],
            env={**os.environ, **ONE_THREAD},
            capture_output=True,
            text=True,
        )
        assert finished.returncode == 0, finished.stderr
        return json.loads(finished.stdout)

    return crash_with


@pytest.mark.slow
def test_a_killed_training_ends_with_the_weights_of_an_undisturbed_one(crash):
    said = crash(tiny.recipe_of(epochs=2), kills=2, seed=0)
    assert said["same"]
    assert not said["left"]
    assert said["fell"][:3] == [
        "before there was a run",
        "before the first checkpoint",
        "network 1, step 1, writing",
    ]
    assert len(said["fell"]) == 5


# Everything that a step may depend on, in a committee.
EVERYTHING = tiny.recipe_of(
    network="8C3b-DO.3-R(8C3b-8C3b)-6C3p2b-12N-DO.2",
    activation="prelu",
    members=2,
    epochs=6,
    schedule="cosine",
    warmup=0.2,
    weight_decay=0.01,
    ema=0.9,
    focus=0.6,
    keep="best",
    augmentation={
        "rotation": 5, "scale": 0.1, "shift": 1, "elastic": 1, "thickness": 0.5, "erasing": 2,
        "noise": 0.05, "flip": "horizontal",
    },
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("optimizer", "precision"), [("adamw", "float32"), ("muon", "bf16"), ("nesterov", "float32")]
)
def test_a_training_that_is_killed_ten_times_ends_with_the_same_weights(
    crash, optimizer, precision
):
    recipe = changed(EVERYTHING, {"optimizer": optimizer, "precision": precision})
    said = crash(recipe, kills=10, seed=1)
    assert said["same"] and not said["left"]
    # Three kills at chosen moments, one of them in mid-write; where the others fall is chance.
    assert len(said["fell"]) == 13
