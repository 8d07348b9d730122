"""Memory: a trial that takes too much of it fails, before the system kills the process."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import loupe
from loupe.recipes.recipe import changed
from loupe.studies import memory
from loupe.studies.attempt import Watcher, attempt
from loupe.studies.division import divide
from loupe.studies.memory import Guard, free_bytes, needed_bytes
from loupe.studies.trials import Trial

MIB = 2**20


def machine(root: Path, files: dict[str, str]) -> Path:
    """A machine's files: 8 GiB, 4 of them free."""
    about = {"proc/meminfo": "MemTotal: 8388608 kB\nMemFree: 9 kB\nMemAvailable: 4194304 kB\n"}
    for name, content in {**about, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


def test_what_is_free_is_what_the_machine_has_less_a_reserve(tmp_path):
    assert free_bytes(machine(tmp_path, {})) == 4096 * MIB - 256 * MIB


def test_a_container_has_what_its_limit_leaves(tmp_path):
    group = "sys/fs/cgroup"
    files = {
        "proc/self/cgroup": "0::/inner\n",
        f"{group}/inner/memory.max": "max\n",
        f"{group}/inner/memory.current": f"{300 * MIB}\n",
        f"{group}/memory.max": f"{1024 * MIB}\n",
        f"{group}/memory.current": f"{600 * MIB}\n",
        f"{group}/memory.stat": f"anon 5\ninactive_file {100 * MIB}\n",
    }
    assert free_bytes(machine(tmp_path, files)) == (1024 - 600 + 100 - 32) * MIB


def test_an_older_kernels_groups_are_read_too(tmp_path):
    group = "sys/fs/cgroup/memory/jobs/7"
    files = {
        "proc/self/cgroup": "5:cpu:/jobs/7\n4:memory:/jobs/7\n",
        f"{group}/memory.limit_in_bytes": f"{2048 * MIB}\n",
        f"{group}/memory.usage_in_bytes": f"{1000 * MIB}\n",
        f"{group}/memory.stat": f"total_inactive_file {20 * MIB}\n",
    }
    assert free_bytes(machine(tmp_path, files)) == (2048 - 1000 + 20 - 64) * MIB


def test_where_the_system_does_not_say_nothing_is_known(tmp_path):
    assert free_bytes(tmp_path) is None


@pytest.mark.slow
def test_a_training_that_may_not_fit_is_refused_with_both_figures(tiny_dataset):
    recipe = loupe.recipe("logistic", network="512C3-512C3", device="cpu")
    needed = needed_bytes(recipe, tiny_dataset)
    Guard(lambda: needed).require(recipe, tiny_dataset)
    Guard(lambda: None).require(recipe, tiny_dataset)  # not known: not refused
    with pytest.raises(MemoryError, match=r"may take .* GiB of memory, and 0\.098 GiB are"):
        Guard(lambda: 100 * MIB).require(recipe, tiny_dataset)


def test_more_of_anything_needs_more_memory(tiny_dataset):
    base = loupe.recipe("logistic", network="64C3-64C3", batch_size=220)
    for more in (
        {"batch_size": 240}, {"network": "64C3-64C3-64C3"}, {"activation": "maxout"},
        {"head": "one-vs-rest"}, {"members": 20}, {"networks": ["64C3-64C3", "256C3"]},
    ):  # fmt: skip
        assert needed_bytes(changed(base, more), tiny_dataset) > needed_bytes(base, tiny_dataset)


def test_a_trial_ends_when_the_memory_comes_to_its_end_on_the_way(
    tiny_dataset, tmp_path, monkeypatch
):
    monkeypatch.setattr(memory, "FRESH", 0.0)
    recipe = loupe.recipe("logistic", epochs=50, batch_size=32)
    free = itertools.chain([1024 * MIB] * 40, itertools.repeat(0))
    trial = attempt(
        Trial(0), recipe, divide(tiny_dataset), tmp_path / "trial", Watcher(1), lambda: next(free)
    )
    assert trial.outcome == "out of memory"
    assert "came to its end" in trial.reason
    assert 0 < trial.share < 0.5
    assert not (tmp_path / "trial" / "model.onnx").exists()


# Layer by layer a little more: none of its tensors is above 8 MiB, all together take 500 MiB.
PROGRAM = """
import json
import loupe
from loupe.studies import tuning
from loupe.studies.attempt import attempt
from loupe.studies.space import space_of

def little(*arguments):
    return attempt(*arguments, free=lambda: 300 * 2**20)

tuning.attempt = little
deep = "-".join(["128C3"] * 40)
space = space_of({"name": "deep", "base": "logistic", "fixed": {"epochs": 2, "batch_size": 256},
                  "vary": {"network": ["16N", deep]}})
search = loupe.tune(loupe.read("digits"), space, trials=8, out="study")
print(json.dumps([[trial.chosen["network"] == deep, trial.outcome] for trial in search.trials]))
"""


@pytest.mark.slow
def test_a_trial_that_takes_memory_little_by_little_is_recorded_and_the_search_goes_on(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    trials = json.loads(done.stdout)
    assert [True, "out of memory"] in trials
    assert [False, "finished"] in trials
    assert all(outcome == "out of memory" for is_deep, outcome in trials if is_deep)
    assert trials.index([True, "out of memory"]) < len(trials) - 1, "none came after it"


PEAK = """
import sys, tempfile
import loupe
from loupe.studies.division import divide
from loupe.studies.memory import needed_bytes

def kibibytes(name):
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])

dataset = divide(loupe.read("digits"))
loupe.train(dataset, loupe.recipe("logistic", network="8C3b-8N", epochs=1),
            out=tempfile.mkdtemp() + "/warm")
recipe = loupe.recipe("logistic", network=sys.argv[1], batch_size=256, epochs=1)
before = kibibytes("VmRSS")
open("/proc/self/clear_refs", "w").write("5")  # the peak begins anew
loupe.train(dataset, recipe, out=tempfile.mkdtemp() + "/run")
print((kibibytes("VmHWM") - before) * 1024, needed_bytes(recipe, dataset))
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="Linux tells the peak")
@pytest.mark.parametrize("network", ["64C3b-64C3p2b-32N", "2048N-2048N", "R(96C3b-96C3)"])
def test_no_training_takes_more_than_was_foreseen(network):
    done = subprocess.run(
        [sys.executable, "-c", PEAK, network], capture_output=True, text=True, check=True
    )
    peak, foreseen = map(int, done.stdout.split())
    assert 20 * MIB < peak < foreseen < 6 * peak
