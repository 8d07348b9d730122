"""What one setting of a search may be: one of several values, or a number between two."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from loupe.errors import RecipeError, did_you_mean

Value = str | int | float | bool
AND = " + "  # between the networks of a committee, which a search holds as one text


@dataclass(frozen=True)
class Choice:
    """One of several values."""

    values: tuple[Value, ...]

    def ends(self) -> tuple[Value, ...]:
        """Values that stand for all: every one."""
        return self.values


@dataclass(frozen=True)
class Range:
    """A number between two, both included.

    Attributes:
        low: the least; whole numbers only, where both ends are whole.
        high: the greatest.
        log: drawn evenly by its logarithm: for what goes over powers of ten.
        of_base: what is drawn is multiplied with the base's value, which depends on the data.
    """

    low: int | float
    high: int | float
    log: bool = False
    of_base: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are in it."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def ends(self) -> tuple[Value, ...]:
        """Values that stand for all: the least and the greatest."""
        return (self.low, self.high)


Domain = Choice | Range


def domain_of(space: str, key: str, value: Any) -> Domain:
    """Read what a setting may be, as a TOML file holds it.

    Args:
        space: its name, for messages.
        key: the setting's.
        value: a list of choices, or a table of a range.

    Raises:
        RecipeError: it is neither, or empty.

    Example:
        >>> domain_of("mine", "batch_size", [64, 128])
        Choice(values=(64, 128))
        >>> domain_of("mine", "networks", [["300N"], ["300N", "8C3-MP2"]])
        Choice(values=('300N', '300N + 8C3-MP2'))
    """
    if isinstance(value, list):
        return Choice(_choices(space, key, value))
    if isinstance(value, Mapping):
        return _range(space, key, value)
    raise wrong(
        space,
        f"{key} = {value!r} does not vary. Give choices, as [0.01, 0.001], or a range, as "
        "{low = 0.001, high = 0.1, log = true}; what is to stay goes into [fixed].",
    )


def plain_domain(key: str, domain: Domain) -> Any:
    """Give a domain as a TOML file would hold it: `domain_of` makes the same of it."""
    if isinstance(domain, Range):
        return asdict(domain)
    if key == "networks":
        return [str(value).split(AND) for value in domain.values]
    return list(domain.values)


def wrong(space: str, what: str) -> RecipeError:
    """Say what is wrong with a space."""
    return RecipeError(f"space '{space}': {what}")


def _choices(space: str, key: str, values: Sequence[Any]) -> tuple[Value, ...]:
    if not values:
        raise wrong(space, f"{key} = [] holds no value to choose from.")
    if key == "networks":
        values = [_committee(space, value) for value in values]
    if any(isinstance(each, list) for each in values):
        raise wrong(
            space,
            f"{key} = {values}: expected one value in each choice; only networks takes lists.",
        )
    if not all(isinstance(each, str | int | float | bool) for each in values):
        raise wrong(space, f"{key} = {values}: expected texts, numbers, true or false.")
    twice = next((each for each in values if values.count(each) > 1), None)
    if twice is not None:
        raise wrong(space, f"{key} = {values} holds {twice!r} twice: give each choice once.")
    return tuple(values)


def _committee(space: str, networks: Any) -> str:
    """One choice of `networks`, as one text: what a search draws from are plain values."""
    if not isinstance(networks, list) or not all(isinstance(each, str) for each in networks):
        raise wrong(
            space,
            f"networks: {networks!r} is no list of networks. Each choice is a committee, as in "
            'networks = [["300N"], ["300N", "8C3-MP2"]]; choices of one network for all members '
            "go to network.",
        )
    if not networks:
        raise wrong(space, "networks: [] is a committee of nobody: give its networks.")
    return AND.join(networks)


def _range(space: str, key: str, value: Mapping[str, Any]) -> Range:
    known = [each.name for each in fields(Range)]
    unknown = next((each for each in value if each not in known), None)
    if unknown is not None:
        hint = did_you_mean(unknown, known)
        raise wrong(space, f"{key}: '{unknown}' is none of {', '.join(known)}.{hint}")
    low, high = value.get("low"), value.get("high")
    for end in (low, high):
        if not isinstance(end, int | float) or isinstance(end, bool):
            raise wrong(space, f"{key}: a range needs numbers as low and high; got {low}, {high}.")
    assert low is not None and high is not None
    if not (math.isfinite(low) and math.isfinite(high)):
        raise wrong(space, f"{key}: the range from {low} to {high} needs finite numbers.")
    if not low < high:
        raise wrong(space, f"{key}: the range from {low} to {high} is empty: low must be below.")
    for name in ("log", "of_base"):
        if not isinstance(value.get(name, False), bool):
            raise wrong(space, f"{key}: {name} = {value[name]!r}; expected true or false.")
    log, of_base = value.get("log", False), value.get("of_base", False)
    if log and low <= 0:
        raise wrong(space, f"{key}: a range with log = true begins above 0, not at {low}.")
    if of_base or not (isinstance(low, int) and isinstance(high, int)):
        low, high = float(low), float(high)
    return Range(low, high, log, of_base)
