"""The memory that a trial takes: foreseen, and watched, so that the system need not kill it.

Linux gives out memory that it does not have, and kills a process once all of it is really used.
(A limit of the kernel's on this process is no way out: oneDNN makes no new kernel in a process in
which it was once refused memory for one, so that all later trials would fail.)
"""

import contextlib
import ctypes
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from loupe.data.dataset import Dataset
from loupe.networks.build import build
from loupe.recipes.heads import problems_of
from loupe.recipes.recipe import Recipe, changed
from loupe.training.device import choose_compute
from loupe.training.finish import FEATURE_SAMPLE
from loupe.training.scores import BATCH_SIZE

# Bytes left to the system and to other processes; of a small machine or container a part.
RESERVE, RESERVED_SHARE = 256 * 2**20, 1 / 32
FRESH = 0.2  # seconds for which a look at the memory holds; one takes under a millisecond
KIBI = 1024

# Numbers kept for each weight: it, its gradient, two moments, its average, its best, their copies.
# And for each member: its average and the model file, in several forms.
OF_WEIGHTS, OF_MEMBERS = 8, 6
NUMBER = 4  # bytes
# Kernels' workspaces, padded channels; libraries that are loaded. So the figure is 1.1 to 2.8 times
# what ten trainings of 90 to 2,250 MB took (dense, convolutions, blocks, maxout, 45 networks).
SLACK, BASE = 1.5, 128 * 2**20

Free = Callable[[], int | None]


def needed_bytes(recipe: Recipe, dataset: Dataset) -> int:
    """Give what training a recipe takes at most, beside what the process has already, in bytes.

    Args:
        recipe: settled for the data.
        dataset: with its validation images held out.

    Raises:
        RecipeError: a network does not fit the images.

    Example:
        >>> import loupe
        >>> digits = loupe.read("digits")
        >>> small, large = loupe.recipe("logistic"), loupe.recipe("logistic", network="512C3-512C3")
        >>> needed_bytes(small, digits) < 2**28 < 2**30 < needed_bytes(large, digits)
        True
    """
    classes, images = len(dataset.class_names), len(dataset)
    nets = max(1, len(problems_of(recipe.head, classes)))
    height, width, channels = dataset.image_shape
    batch = min(recipe.batch_size, len(dataset.train))
    most = 0.0
    for number in range(max(1, min(len(recipe.networks), recipe.members))):
        own = changed(recipe, {"network": recipe.network_of(number), "members": 1})
        size = _size_of(own, (channels, height, width), 1 if nets > 1 else classes)
        step = batch * nets * (size.all_outputs + 2 * size.largest)
        reading = min(BATCH_SIZE, images) * nets * 3 * size.largest
        finish = min(FEATURE_SAMPLE, images) * nets * 4 * size.features
        weights = nets * size.weights * (OF_WEIGHTS + OF_MEMBERS * recipe.members)
        most = max(most, weights + max(step, reading, finish))
    pixels = images * height * width * channels * (1 + NUMBER)  # as bytes, and as numbers
    return int(SLACK * (NUMBER * most + pixels)) + BASE


@dataclass(frozen=True)
class _Size:
    """Numbers in a network; of one image: all layers' outputs, the largest one, the features."""

    weights: int
    all_outputs: int
    largest: int
    features: int


def _size_of(recipe: Recipe, image_shape: tuple[int, int, int], classes: int) -> _Size:
    """Measure a network without making it: on torch's device that holds shapes alone."""
    outputs: list[int] = []

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        outputs.append(output.numel())

    with torch.device("meta"), torch.no_grad():
        net = build(recipe, image_shape, classes, seed=0).eval()
        for module in net.modules():
            if not any(True for _ in module.children()):
                module.register_forward_hook(count)
        net(torch.empty(1, *image_shape))
    weights = sum(each.numel() for each in net.parameters())
    own = math.prod(image_shape)
    return _Size(weights, own + sum(outputs), max([own, *outputs]), net.num_features)


class Guard:
    """Ends a training by a `MemoryError` before the system ends the process.

    Args:
        free: gives the bytes that can be taken.
    """

    def __init__(self, free: Free) -> None:
        self.free = free
        self.looked = float("-inf")

    def require(self, recipe: Recipe, dataset: Dataset) -> None:
        """Refuse a training that may take more memory than is free.

        A GPU has memory of its own, and its allocations fail by themselves.

        Raises:
            MemoryError: it may.
            RecipeError: a network does not fit the images.
        """
        if choose_compute(recipe).device.type != "cpu":
            return
        needed, free = needed_bytes(recipe, dataset), self.free()
        if free is not None and needed > free:
            raise MemoryError(f"It may take {_said(needed)} of memory, and {_said(free)} are free.")

    def look(self) -> None:
        """Look at the machine's memory, if it was not just looked at.

        Raises:
            MemoryError: only the reserve is left.
        """
        now = time.monotonic()
        if now - self.looked < FRESH:
            return
        self.looked = now
        free = self.free()
        if free is not None and free <= 0:
            raise MemoryError("While it was trained the machine's memory came to its end.")


def _said(count: int) -> str:
    return f"{max(0, count) / 2**30:.2g} GiB"


def free_bytes(root: Path = Path("/")) -> int | None:
    """Give how many bytes this process can take before the system kills one; None: not known.

    What the machine has available, or the control groups that hold this process, a container's say;
    less a reserve.

    Args:
        root: where `proc` and `sys` are.
    """
    machine = _fields(root / "proc/meminfo")
    if "MemAvailable" not in machine or "MemTotal" not in machine:
        return None
    rooms = [(machine["MemTotal"] * KIBI, machine["MemAvailable"] * KIBI), *_groups(root)]
    return min(free - int(min(RESERVE, RESERVED_SHARE * total)) for total, free in rooms)


def give_back() -> None:
    """Give memory that was freed back to the system: training keeps it for its next step."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


# Of control groups, version 2 and 1: limit, use, and the files' part of it, which gives way.
_FILES = {
    2: ("memory.max", "memory.current", "inactive_file"),
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


def _groups(root: Path) -> Iterator[tuple[int, int]]:
    """Give limit and free bytes of each control group that limits the memory of this process."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        if number != "0" and "memory" not in controllers.split(","):
            continue
        version, place = (2, "sys/fs/cgroup") if number == "0" else (1, "sys/fs/cgroup/memory")
        limit_file, use_file, files = _FILES[version]
        inner = Path(path.lstrip("/"))
        for group in (inner, *inner.parents):  # a group has at most what those above it have
            folder = root / place / group
            limit, use = (_text(folder / name).strip() for name in (limit_file, use_file))
            if limit.isdecimal() and use.isdecimal():
                idle = _fields(folder / "memory.stat").get(files, 0)
                yield int(limit), int(limit) - int(use) + idle


def _fields(path: Path) -> dict[str, int]:
    """Read lines of a name and a whole number, as the kernel writes them."""
    pairs = (line.replace(":", " ").split()[:2] for line in _text(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
