"""Numbers as a reader meets them: percentages with as many digits as their n can carry."""

import math
from dataclasses import dataclass

NARROW = "\N{NARROW NO-BREAK SPACE}"
NBSP = "\N{NO-BREAK SPACE}"
DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Figure:
    """One of the large figures at the head of a page: its name, its value, what it is of."""

    name: str
    value: str
    detail: str


def decimals(n: int) -> int:
    """Say how many decimals a percentage over `n` images can carry: one image is 100 / n percent.

    About a thousand images carry one decimal, about ten thousand two.

    Example:
        >>> decimals(10_000), decimals(360), decimals(40)
        (2, 1, 0)
    """
    return min(2, max(0, round(math.log10(max(n, 1))) - 2))


def percent(fraction: float, n: int = 10_000) -> str:
    """Write a fraction of `n` images as a percentage; it says 100 % only where all of them count.

    Example:
        >>> percent(0.99519, 10_000).replace(NARROW, " ")
        '99.52 %'
        >>> percent(0.99999, 40).replace(NARROW, " ")
        '99 %'
    """
    if math.isnan(fraction):
        return DASH
    if fraction == 1:
        return f"100{NARROW}%"
    digits = decimals(n)
    text = f"{100 * fraction:.{digits}f}"
    if float(text) == 100 and fraction < 1:
        text = f"{100 - 10**-digits:.{digits}f}"
    return f"{text}{NARROW}%"


def points(fraction: float) -> str:
    """Write a difference between two percentages.

    Example:
        >>> points(0.0029)
        '0.29 percentage points'
    """
    return f"{100 * fraction:.2f} percentage points"


def signed_points(fraction: float) -> str:
    """Write a difference between two percentages with its sign, for tables.

    Example:
        >>> signed_points(0.0029), signed_points(-0.0029) == f"{MINUS}0.29"
        ('+0.29', True)
    """
    return f"{100 * fraction:+.2f}".replace("-", MINUS)


def loss(value: float) -> str:
    """Write a loss: three digits are what a curve can show.

    Example:
        >>> loss(0.031249), loss(2.3)
        ('0.0312', '2.30')
    """
    if not math.isfinite(value):
        return DASH
    if value == 0:
        return "0"
    return f"{value:#.3g}".rstrip(".") if abs(value) < 1000 else count(round(value))


def interval(low: float, high: float, n: int = 10_000) -> str:
    """Write the two ends of an interval as percentages.

    Example:
        >>> interval(0.99364, 0.99637).replace(NARROW, " ")
        '99.36 to 99.64 %'
    """
    return f"{percent(low, n).removesuffix(NARROW + '%')} to {percent(high, n)}"


def share(fraction: float) -> str:
    """Write a fraction of very many things as a percentage.

    Example:
        >>> share(0.8089).replace(NARROW, " ")
        '80.9 %'
    """
    return percent(fraction, 1000)


def count(number: int) -> str:
    """Write a whole number with its thousands apart.

    Example:
        >>> count(10000)
        '10,000'
    """
    return f"{number:,}"


def short_count(number: int) -> str:
    """Write a whole number in at most four characters, for crowded cells.

    Example:
        >>> [short_count(number) for number in (987, 5778, 38_304)]
        ['987', '5.8k', '38k']
    """
    if number < 1000:
        return str(number)
    return f"{number / 1000:.1f}k" if number < 9950 else f"{number / 1000:.0f}k"


def of(number: int, noun: str, plural: str = "") -> str:
    """Write a count with its noun.

    Example:
        >>> of(1, "image"), of(2_000, "image"), of(3, "class", "classes")
        ('1 image', '2,000 images', '3 classes')
    """
    return f"{count(number)} {noun if number == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """Write a duration in the unit in which people would say it.

    Example:
        >>> [duration(s).replace(NARROW, " ") for s in (0.42, 5.38, 101.0, 8130.0)]
        ['0.42 s', '5.4 s', '1 min 41 s', '2 h 16 min']
    """
    if seconds < 1:
        return f"{seconds:.2g}{NARROW}s"
    if seconds < 60:
        return f"{seconds:.1f}{NARROW}s"
    if seconds < 3600:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes}{NARROW}min {rest}{NARROW}s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours}{NARROW}h {minutes}{NARROW}min"


def size(num_bytes: int) -> str:
    """Write a file size.

    Example:
        >>> [size(b).replace(NARROW, " ") for b in (812, 273_400, 5_100_000)]
        ['812 bytes', '273 kB', '5.1 MB']
    """
    if num_bytes < 1000:
        return f"{num_bytes}{NARROW}bytes"
    if num_bytes < 999_500:
        return f"{num_bytes / 1000:.0f}{NARROW}kB"
    return f"{num_bytes / 1e6:.1f}{NARROW}MB"


def ordinal(number: int) -> str:
    """Write which one of several.

    Example:
        >>> [ordinal(n) for n in (1, 2, 3, 4, 11, 22)]
        ['first', 'second', 'third', '4th', '11th', '22nd']
    """
    if number <= 3:
        return ("first", "second", "third")[number - 1]
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}th" if number % 100 in (11, 12, 13) else f"{number}{ending}"


def listed(names: list[str]) -> str:
    """Write names as a sentence lists them.

    Example:
        >>> listed(["a", "b", "c"])
        'a, b and c'
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1] if names else ""]))
