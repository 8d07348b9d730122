"""Members of a committee one after the other, or together: the time of a step of all of them.

    python benchmarks/together.py

Together means stacked parameters: dense layers as batched products, convolutions as one grouped
convolution, one forward and backward pass and one AdamW step for all. One after the other is what
Loupe does: `run_step` of each member, whose gradients are by hand where the network is plain dense.
Both learn from batches of their own. The least of many steps is taken, on one thread and on two.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from loupe.data.dataset import Dataset, Rows
from loupe.networks.build import Net
from loupe.recipes.named import recipe as named
from loupe.recipes.recipe import Recipe, changed
from loupe.training.loop import run_step
from loupe.training.member import new_member
from loupe.training.prepare import prepare, with_validation
from measuring import append

MEMBERS = 5
CASES = {
    "64N-32N": ("mlp-64-32", {}),
    "300N-100N": ("mlp-300-100", {}),
    "8C3-MP2-16C3-MP2-32N": ("mlp-64-32", {"network": "8C3-MP2-16C3-MP2-32N"}),
    "fast": ("fast", {"augmentation": {"rotation": 0, "scale": 0, "shear": 0, "shift": 0}}),
}


def main() -> None:
    """Measure each case on one thread and on two."""
    for case, (name, settings) in CASES.items():
        recipe = changed(replace(named(name), variants={}), {**settings, "precision": "float32"})
        for threads in (1, 2):
            torch.set_num_threads(threads)
            apart, stacked = _apart(recipe), _together(recipe)
            row = {"case": case, "members": MEMBERS, "threads": threads,
                   "batch_size": recipe.batch_size, "apart_ms": 1e3 * apart,
                   "together_ms": 1e3 * stacked}  # fmt: skip
            append("together", row)
            said = f"apart {1e3 * apart:.2f} ms, together {1e3 * stacked:.2f} ms"
            print(f"{case}, {threads} threads: {said}: {apart / stacked:.2f} times as fast")


def _least(step: Callable[[], None], seconds: float = 4.0) -> float:
    """The least time of a step, of as many as fit into the seconds, after a few to warm up."""
    for _ in range(5):
        step()
    end, times = time.perf_counter() + seconds, []
    while time.perf_counter() < end or len(times) < 10:
        began = time.perf_counter()
        step()
        times.append(time.perf_counter() - began)
    return min(times)


def _noise(count: int = 4000) -> Dataset:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (count, 28, 28, 1)).astype(np.uint8)
    images *= generator.random(images.shape) < 0.2  # mostly background, as digits are
    labels = np.arange(count) % 10
    names = tuple("0123456789")
    return Dataset("noise", images, labels, np.zeros(count, np.uint8), names, Rows("noise", count))


def _apart(recipe: Recipe) -> float:
    recipe = replace(recipe, members=MEMBERS, epochs=10_000, focus=1.0)
    job = prepare(with_validation(_noise(), recipe), recipe)
    members = [new_member(job, index) for index in range(MEMBERS)]

    def step() -> None:
        for member in members:
            run_step(member, job)

    return _least(step)


def _together(recipe: Recipe) -> float:
    nets = [_net_of(recipe, seed) for seed in range(MEMBERS)]
    images = torch.rand(MEMBERS, recipe.batch_size, 1, 28, 28)
    labels = torch.randint(0, 10, (MEMBERS * recipe.batch_size,))
    parameters, forward = _stacked(nets)
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, fused=True)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        logits = forward(images)
        loss = functional.cross_entropy(logits.flatten(0, 1), labels) * MEMBERS
        loss.backward()
        optimizer.step()

    return _least(step)


def _net_of(recipe: Recipe, seed: int) -> Net:
    """One member's network."""
    from loupe.networks.build import build

    return build(recipe, (1, 28, 28), 10, seed)


def _stacked(nets: Sequence[Net]) -> tuple[list[Tensor], Callable[[Tensor], Tensor]]:
    """The networks' parameters stacked, and their forward pass, `[m n c h w]` to `[m n k]`."""
    parameters: list[Tensor] = []
    steps: list[Callable[[Tensor], Tensor]] = []
    layers = [list(net.modules()) for net in nets]
    m = len(nets)

    def parameter(tensors: Sequence[Tensor]) -> Tensor:
        stacked = torch.stack([tensor.detach() for tensor in tensors]).requires_grad_()
        parameters.append(stacked)
        return stacked

    for same in zip(*layers, strict=True):
        first = same[0]
        if isinstance(first, torch.nn.Conv2d):
            weight = parameter([one.weight for one in same])
            bias = None if first.bias is None else parameter([one.bias for one in same])

            def convolve(x: Tensor, w: Tensor = weight, b: Tensor | None = bias,
                         one: torch.nn.Conv2d = first) -> Tensor:  # fmt: skip
                return functional.conv2d(x, w.flatten(0, 1), None if b is None else b.flatten(),
                                         one.stride, one.padding, groups=m)  # fmt: skip

            steps.append(convolve)
        elif isinstance(first, torch.nn.BatchNorm2d):
            weight = parameter([one.weight for one in same])
            bias = parameter([one.bias for one in same])

            def normalise(x: Tensor, w: Tensor = weight, b: Tensor = bias) -> Tensor:
                return functional.batch_norm(x, None, None, w.flatten(), b.flatten(), True)

            steps.append(normalise)
        elif isinstance(first, torch.nn.Linear):
            weight = parameter([one.weight for one in same])
            bias = parameter([one.bias for one in same])

            def multiply(x: Tensor, w: Tensor = weight, b: Tensor = bias) -> Tensor:
                if x.ndim == 4:  # [n m*c h w] to [m n d]
                    n, channels, height, width = x.shape
                    x = x.view(n, m, channels // m, height, width).transpose(0, 1).flatten(2)
                return torch.baddbmm(b.unsqueeze(1), x, w.transpose(1, 2))

            steps.append(multiply)
        elif isinstance(first, torch.nn.MaxPool2d):
            steps.append(lambda x, one=first: one(x))
        elif isinstance(first, torch.nn.ReLU):
            steps.append(lambda x: torch.relu(x))

    has_maps = any(isinstance(one, torch.nn.Conv2d) for one in layers[0])

    def forward(images: Tensor) -> Tensor:
        x = images.transpose(0, 1).flatten(1, 2) if has_maps else images.flatten(2)
        x = x.contiguous(memory_format=torch.channels_last) if has_maps else x
        for step in steps:
            x = step(x)
        return x

    return parameters, forward


if __name__ == "__main__":
    main()
