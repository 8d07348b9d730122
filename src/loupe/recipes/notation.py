"""The notation of networks: one string for a whole network, both ways.

The field's own shorthand (Ciresan et al. 2011, arXiv:1102.0183): `64C3-64C3-MP2-512N-DO.5` is two
convolutions of 64 filters of 3x3, max-pooling by 2, a dense layer of 512 units, half of them
dropped in training. The output layer is implied, and so is the recipe's activation after each
convolution and dense layer. The empty string is logistic regression.

    64C3      convolution: filters C kernel; same padding
    64C3v/2   `v` valid padding, `/2` stride
    64C3p2b   suffixes run in order, before the activation: `p2` max-pooling by 2, `b` batch norm
    300N      dense layer of 300 units; also takes `b`
    MP2 AP2   max- and average-pooling by 2; `MP3/2` with a stride of its own
    GAP       global average pooling
    BN DO.5   batch normalisation; dropout of a half
    R(…-…)    residual block: the layers' output is added to their input, and the last activation
              comes after the sum
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from loupe.errors import NotationError


@dataclass(frozen=True)
class Conv:
    """Convolution, then its suffixes, then the activation."""

    filters: int
    kernel: int
    valid: bool = False
    stride: int = 1
    suffixes: tuple[str, ...] = ()  # "p2", "b": in the order in which they run

    def __str__(self) -> str:
        """Print the token, as in 64C3v/2p2b."""
        valid = "v" if self.valid else ""
        stride = f"/{self.stride}" if self.stride > 1 else ""
        return f"{self.filters}C{self.kernel}{valid}{stride}{''.join(self.suffixes)}"


@dataclass(frozen=True)
class Dense:
    """Dense layer, then its suffixes, then the activation."""

    units: int
    suffixes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Print the token, as in 300N."""
        return f"{self.units}N{''.join(self.suffixes)}"


@dataclass(frozen=True)
class Pool:
    """Max- or average-pooling."""

    kind: Literal["max", "average"]
    size: int
    stride: int

    def __str__(self) -> str:
        """Print the token, as in MP2 or MP3/2."""
        stride = f"/{self.stride}" if self.stride != self.size else ""
        return f"{'MP' if self.kind == 'max' else 'AP'}{self.size}{stride}"


@dataclass(frozen=True)
class GlobalPool:
    """Mean over the whole map: one feature a channel."""

    def __str__(self) -> str:
        """Print the token."""
        return "GAP"


@dataclass(frozen=True)
class Norm:
    """Batch normalisation as a layer of its own."""

    def __str__(self) -> str:
        """Print the token."""
        return "BN"


@dataclass(frozen=True)
class Dropout:
    """Dropout of a fraction of the units, in training only."""

    rate: float

    def __str__(self) -> str:
        """Print the token, as in DO.5."""
        return f"DO{Decimal(repr(self.rate)):f}".replace("DO0.", "DO.")


@dataclass(frozen=True)
class Residual:
    """Layers whose output is added to their input."""

    layers: "tuple[Layer, ...]"

    def __str__(self) -> str:
        """Print the block, as in R(64C3b-64C3b)."""
        return f"R({'-'.join(map(str, self.layers))})"


Layer = Conv | Dense | Pool | GlobalPool | Norm | Dropout | Residual


@dataclass(frozen=True)
class Network:
    """The layers between the pixels and the implied output layer."""

    layers: tuple[Layer, ...]

    def __str__(self) -> str:
        """Print the notation; `parse(str(network)) == network`."""
        return "-".join(map(str, self.layers))


def parse(text: str) -> Network:
    """Read a network from its notation.

    Raises:
        NotationError: a token is no layer, or has a number that makes no sense; the message points
            at the token.

    Example:
        >>> parse("32C5v/2b-MP2-300N-DO.5").layers[0]
        Conv(filters=32, kernel=5, valid=True, stride=2, suffixes=('b',))
        >>> str(parse("300N-100N"))
        '300N-100N'
        >>> parse("")
        Network(layers=())
    """
    if not text.strip():
        return Network(())
    layers, end = _parse_layers(text, 0)
    if end < len(text):
        raise _unexpected(text, end)
    return Network(layers)


_CONV = re.compile(r"(\d+)C(\d+)(v?)(?:/(\d+))?((?:p\d+|b)*)")
_DENSE = re.compile(r"(\d+)N(b?)")
_POOL = re.compile(r"(MP|AP)(\d+)(?:/(\d+))?")
_DROPOUT = re.compile(r"DO(0?\.\d+)")
_TOKEN = re.compile(r"[^-()]*")
LARGEST_NUMBER = 65_536  # filters, units: more is a slip of the finger
DEEPEST = 20  # blocks in blocks: likewise


def _parse_layers(text: str, start: int, depth: int = 0) -> tuple[tuple[Layer, ...], int]:
    """Read layers up to the end of the text or of the block; give them and where that is."""
    layers: list[Layer] = []
    while True:
        if text.startswith("R(", start):
            if depth == DEEPEST:
                raise _error(text, start, "R(", f"opens more than {DEEPEST} blocks in each other")
            inner, end = _parse_layers(text, start + 2, depth + 1)
            if end == len(text):
                raise _error(text, start, text[start:], "opens a block that is never closed")
            if text[end] != ")":
                raise _unexpected(text, end)
            layers.append(_residual(text, start, inner))
            end += 1
        else:
            match = _TOKEN.match(text, start)
            assert match is not None  # the pattern also matches nothing
            if not match.group():
                raise _missing(text, start)
            layers.append(_parse_token(text, start, match.group()))
            end = match.end()
        if not text.startswith("-", end):
            return tuple(layers), end
        start = end + 1


def _residual(text: str, start: int, layers: tuple[Layer, ...]) -> Residual:
    if not isinstance(layers[-1], Conv | Dense):
        raise _error(
            text, start, text[start:], "must end with a convolution or a dense layer, as R(…-64C3b)"
        )
    return Residual(layers)


def _parse_token(text: str, position: int, token: str) -> Layer:
    """Read one token that is no block."""
    if token == "GAP":
        return GlobalPool()
    if token == "BN":
        return Norm()
    if match := _CONV.fullmatch(token):
        filters, kernel, valid, stride, suffixes = match.groups()
        layer = Conv(
            _number(text, position, token, filters),
            _number(text, position, token, kernel),
            valid == "v",
            _number(text, position, token, stride or "1"),
            tuple(re.findall(r"p\d+|b", suffixes)),
        )
        for suffix in layer.suffixes:
            if suffix != "b":
                _number(text, position, token, suffix[1:])
        if not layer.valid and layer.kernel % 2 == 0:
            why = "has an even kernel and same padding: make it odd, or valid as in 64C4v"
            raise _error(text, position, token, why)
        return layer
    if match := _DENSE.fullmatch(token):
        return Dense(_number(text, position, token, match[1]), tuple(match[2]))
    if match := _POOL.fullmatch(token):
        size = _number(text, position, token, match[2])
        stride = _number(text, position, token, match[3]) if match[3] else size
        return Pool("max" if match[1] == "MP" else "average", size, stride)
    if (match := _DROPOUT.fullmatch(token)) and float(match[1]) < 1:
        return Dropout(float(match[1]))
    known = "64C3, 64C3v/2p2b, 300N, MP2, AP2, GAP, BN, DO.5, R(64C3b-64C3b)"
    raise _error(text, position, token, f"is no layer. Layers look like {known}")


def _number(text: str, position: int, token: str, digits: str) -> int:
    number = int(digits[:9])
    if not 1 <= number <= LARGEST_NUMBER:
        raise _error(text, position, token, f"holds {digits}: expected 1 to {LARGEST_NUMBER}")
    return number


_UNEXPECTED = {
    ")": "closes a block that was never opened",
    "(": "opens a block, but only R( does",
}


def _unexpected(text: str, position: int) -> NotationError:
    """Point at what follows a layer where '-' should, or the end."""
    why = _UNEXPECTED.get(text[position], "follows without a '-' between the two layers")
    return _error(text, position, text[position:], why)


def _missing(text: str, position: int) -> NotationError:
    """Point at the dashes or brackets around a place where a layer should be."""
    before, after = text[max(0, position - 1) : position], text[position : position + 1]
    if after == "(":
        return _unexpected(text, position)
    if before == "-" == after:
        return _error(text, position - 1, "--", "has no layer in between: expected one '-'")
    if before == "-":
        return _error(text, position - 1, "-", "has nothing after it: expected a layer, as in 64C3")
    if after == "-":
        return _error(text, position, "-", "has nothing before it: expected a layer, as in 64C3")
    if before == "(":
        return _error(text, position - 2, "R(", "opens a block without layers, as R(64C3b) has one")
    return _unexpected(text, position)


def _error(text: str, position: int, token: str, why: str) -> NotationError:
    """Point at the token: the notation, and a line of carets under it."""
    carets = " " * position + "^" * max(1, len(token))
    return NotationError(f"In the network\n    {text}\n    {carets}\n'{token}' {why}.", position)
