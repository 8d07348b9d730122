"""Train in processes that are killed with SIGKILL, and go on from what they left.

    python crashing.py FOLDER DATA.npz RECIPE.toml KILLS SEED

Trains once undisturbed, then once more: killed at three awkward moments and at KILLS random ones.
Prints as JSON where the kills fell, what they left behind, and whether both runs ended with the
same weights, bit by bit, and the same figures.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import torch

import loupe.files
from loupe.data.read import read
from loupe.recipes.recipe import read_recipe
from loupe.runs.run import MODEL_FILE, RECIPE_FILE, WEIGHTS_FILE, Run
from loupe.training.checkpoint import load_checkpoint
from loupe.training.train import resume, train

# In which call of which function a process kills itself: while the recipe is written; when the
# first checkpoint is put in its place; in what goes on from there, while the second is written.
DEATHS = (("fsync", 2), ("replace", 3), ("fsync", 2))


def train_or_resume(folder, data, recipe, watch):
    """What a user types: `train`, or `train --resume` where there is a run already."""
    torch.set_num_threads(1)
    if (folder / RECIPE_FILE).exists():
        resume(folder, watch=watch, checkpoint_seconds=0.0)
    else:
        shutil.rmtree(folder, ignore_errors=True)  # killed before it was a run
        chosen = read_recipe(recipe)
        train(read(str(data)), chosen, out=folder, watch=watch, checkpoint_seconds=0.0)


def in_child(work, kill_at=None):
    """Run the work in a child process, killed a moment after a step of it if that is given.

    Returns:
        The steps that it took.
    """
    steps, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work(lambda progress: os.write(told, b"."))
            os._exit(0)
        finally:
            os._exit(1)
    os.close(told)
    taken = 0
    while taken != kill_at and os.read(steps, 1):
        taken += 1
    os.close(steps)
    if taken == kill_at:
        time.sleep(random.uniform(0, 0.01))
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status):
        sys.exit("a child failed")
    return taken


def dying_in(name, call, work):
    """The work, in a process that kills itself when it calls a function of `os` the nth time."""

    def dying(watch):
        calls = iter(range(1, 10**9))
        real = getattr(os, name)

        def fatal(*arguments):
            if next(calls) == call:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments)

        setattr(loupe.files.os, name, fatal)
        work(watch)

    return dying


def where(folder):
    """How far a killed run had come."""
    if not (folder / RECIPE_FILE).exists():
        return "before there was a run"
    if (folder / WEIGHTS_FILE).exists():
        return "while exporting"
    checkpoints = sorted((folder / "checkpoint").glob("member_*"))
    if not checkpoints:
        return "before the first checkpoint"
    step = load_checkpoint(checkpoints[-1]).values["step"]
    writing = list((folder / "checkpoint").glob(".*"))
    return f"network {len(checkpoints)}, step {step}" + (", writing" if writing else "")


def outcome(folder):
    """All that may not depend on having been killed."""
    run = Run(folder)
    figures = [(row.epoch, row.learning_rate, row.loss, row.val_loss) for row in run.history]
    return (folder / WEIGHTS_FILE).read_bytes(), figures, run.card.evaluation


def main(folder, data, recipe, kills, seed):
    """Kill, resume, compare."""
    random.seed(seed)
    whole, killed = folder / "whole", folder / "killed"
    steps = in_child(lambda watch: train_or_resume(whole, data, recipe, watch))

    def work(watch):
        train_or_resume(killed, data, recipe, watch)

    fell, taken = [], 0
    for name, call in DEATHS:
        taken += in_child(dying_in(name, call, work))
        fell.append(where(killed))
    for left in range(kills, 0, -1):
        at = random.randint(0, max(0, 2 * (steps - taken) // (left + 1)))
        taken += in_child(work, kill_at=at)
        fell.append(where(killed))
    assert not (killed / MODEL_FILE).exists()
    in_child(work)
    left = [str(path) for path in killed.rglob(".*")]
    print(json.dumps({"fell": fell, "left": left, "same": outcome(whole) == outcome(killed)}))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), *map(int, sys.argv[4:]))
