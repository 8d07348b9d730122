"""Where training computes, how precisely, and with what memory."""

import contextlib
import ctypes
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from loupe.errors import RecipeError
from loupe.recipes.notation import Dense, parse
from loupe.recipes.recipe import Recipe

# Largest relative difference of a tensor in bf16. It keeps 8 bits of mantissa: gradients of filters
# come out 8 to 15 % off for the presets' networks, up to 29 % for cnn-bn (measured over seeds),
# those of a wrong kernel 100 %.
AGREEMENT = 0.5


@dataclass(frozen=True)
class Compute:
    """Where and how the network is computed.

    Attributes:
        device: "cpu" or "cuda".
        bf16: whether convolutions and products are computed in bf16.
    """

    device: torch.device
    bf16: bool

    def autocast(self) -> torch.autocast:
        """The context in which the network runs forward."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)

    def wait(self) -> None:
        """Wait until the device has done what it was given: a GPU works on while Python goes on."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    @property
    def precision(self) -> str:
        """The precision by its name in the recipe."""
        return "bf16" if self.bf16 else "float32"


def choose_compute(recipe: Recipe) -> Compute:
    """Decide device and precision as the recipe and the machine have it.

    Raises:
        RecipeError: a GPU is asked for and there is none.
    """
    if recipe.device == "cuda" and not torch.cuda.is_available():
        raise RecipeError("device = 'cuda', but PyTorch sees no GPU here: use 'auto' or 'cpu'.")
    name = "cuda" if recipe.device != "cpu" and torch.cuda.is_available() else "cpu"
    wanted = recipe.precision == "bf16" or (
        recipe.precision == "auto" and has_native_bf16(name) and _gains_from_bf16(recipe)
    )
    return Compute(torch.device(name), wanted)


def _gains_from_bf16(recipe: Recipe) -> bool:
    """Convolutions gain, and dense layers of 64 units; in narrower ones conversions cost more."""
    networks = {recipe.network_of(member) for member in range(recipe.members)}
    layers = [layer for network in networks for layer in parse(network).layers]
    return any(not isinstance(layer, Dense) or layer.units >= 64 for layer in layers)


def has_native_bf16(device: str) -> bool:
    """Whether the processor multiplies bf16 itself; elsewhere it is slower than float32."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported", "_is_arm_bf16_supported")
    return any(getattr(torch.cpu, check, lambda: False)() for check in checks)


def bf16_agrees(net: nn.Module, inputs: Tensor, labels: Tensor, seed: int) -> bool:
    """Compare one step in bf16 with float32: logits, and the gradients of weights and filters.

    Some releases compute some shapes of bf16 convolutions wrongly (pytorch#163347, #183815);
    this finds out before training relies on them. The network is left without gradients.
    """
    results = []
    for bf16 in (False, True):
        net.zero_grad()
        with torch.random.fork_rng(), torch.autocast(inputs.device.type, torch.bfloat16, bf16):
            torch.manual_seed(seed)  # the same units dropped in both
            logits = net(inputs)
        functional.cross_entropy(logits.float(), labels).backward()  # type: ignore[no-untyped-call]
        gradients = [p.grad.float() for p in net.parameters() if p.grad is not None and p.ndim > 1]
        results.append([logits.detach().float(), *gradients])
    net.zero_grad()
    return all(_close(exact, rounded) for exact, rounded in zip(*results, strict=True))


def _close(exact: Tensor, rounded: Tensor) -> bool:
    return bool((exact - rounded).norm() <= AGREEMENT * exact.norm() + 1e-4)


@contextlib.contextmanager
def without_denormals() -> Iterator[None]:
    """Let denormal numbers be zero: they can slow a step tenfold (pytorch#19651).

    It is a state of the thread, and what comes after training may need them: it ends with the
    block.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def keep_heap() -> None:
    """Let the C library keep freed memory.

    glibc gives blocks above its mmap threshold back to the kernel at every free, so that each step
    would page-fault its activations in again: keeping them took a step of the `fast` recipe from
    16.9 to 11.6 ms (two Zen 5 cores).
    """
    try:
        libc = ctypes.CDLL(None)
        libc.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD, bytes
        libc.mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD, bytes
    except (OSError, AttributeError, TypeError):
        return  # not glibc: nothing to tune, nothing lost
