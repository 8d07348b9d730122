"""The `Space` of a search: which settings of a recipe may vary, and how far.

A space is TOML, or a name in `SPACES`:

    base = "fast"                                  # the recipe that is changed

    [fixed]                                        # what is otherwise in all of its trials
    label_smoothing = 0.0

    [vary]                                         # choices, or a range
    batch_size = [128, 256]
    learning_rate = {low = 0.003, high = 0.03, log = true}
    "augmentation.rotation" = {low = 0, high = 15}
    epochs = {low = 0.5, high = 2, of_base = true} # times the base's, which depend on the data
    network = ["{width}C3{norm}-MP2-{units}N"]     # words in braces are parts

    [parts]
    width = [16, 32]
    norm = ["", "b"]
    units = {low = 32, high = 256, log = true}     # whole numbers, because both ends are
"""

import itertools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from loupe.errors import RecipeError, did_you_mean
from loupe.recipes import named
from loupe.recipes.recipe import KEYS, Recipe, changed, nearest_setting
from loupe.studies.spaces import SPACES

Value = str | int | float | bool
OF_BASE = " of base"  # ends the name of what is drawn as a multiple of the base's value

# What a search may not choose, and why.
CLOSED = {
    "name": "it names the recipe",
    "variants": "a search is about one data set: name the settings themselves",
    "seed": "a lucky seed is no better recipe",
    "validation": "a search has validation images of its own",
    "minutes": "a time would be other epochs on another machine: vary epochs",
    "device": "a recipe must not be tied to one machine",
}
TABLES = {"base", "name", "description", "fixed", "vary", "parts"}
DEEPEST = 5  # parts in parts: more is a circle
MOST_TRIED = 500  # networks of a space that are read before the search


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


@dataclass(frozen=True)
class Space:
    """What a search may choose.

    Attributes:
        name: names the study.
        base: the recipe that is changed, and that the best one has to beat.
        fixed: settings that all trials have, other than the base's.
        vary: for each setting its values; dotted keys reach into tables.
        parts: values of the words in braces in networks.
        description: a sentence for people.
    """

    name: str
    base: Recipe
    vary: Mapping[str, Domain]
    fixed: Mapping[str, Value] = field(default_factory=dict)
    parts: Mapping[str, Domain] = field(default_factory=dict)
    description: str = ""

    def domains(self) -> dict[str, Domain]:
        """Give everything that a trial chooses: settings by their names, parts in braces."""
        vary = {
            f"{name}{OF_BASE}" if isinstance(domain, Range) and domain.of_base else name: domain
            for name, domain in self.vary.items()
        }
        return {**vary, **{f"{{{name}}}": domain for name, domain in self.parts.items()}}

    def settings(self, chosen: Mapping[str, Value], base: Recipe | None = None) -> dict[str, Value]:
        """Give a trial's settings of a recipe from what it has chosen; `fixed` included.

        Args:
            chosen: a value for each of `domains`.
            base: the settled base, where the data is known: some values are multiples of its own.

        Example:
            >>> space = find_space("post-004")
            >>> space.settings({"epochs": 20, "network": "{n}N", "{n}": 64})["network"]
            '64N'
            >>> find_space("first").settings({"epochs of base": 1.5})
            {'epochs': 3}
        """
        settings = dict(self.fixed)
        for name, value in chosen.items():
            if name.endswith(OF_BASE):
                key = name.removesuffix(OF_BASE)
                settings[key] = _times(base or self.base, key, value)
            elif not name.startswith("{"):
                settings[name] = value
        if "network" in settings:
            parts = {k: v for k, v in chosen.items() if k.startswith("{")}
            settings["network"] = filled(str(settings["network"]), parts)
        return settings

    def recipe(self, chosen: Mapping[str, Value], base: Recipe | None = None) -> Recipe:
        """Give the recipe of a trial; `base` is the settled one, where the data is known."""
        return changed(base or self.base, self.settings(chosen, base))


def _times(base: Recipe, key: str, factor: Value) -> Value:
    """Multiply the base's value of a setting; whole numbers stay whole, and at least 1."""
    table, dot, inner = key.partition(".")
    value = getattr(getattr(base, table), inner) if dot else getattr(base, key)
    assert isinstance(factor, int | float)
    return max(1, round(value * factor)) if isinstance(value, int) else float(value * factor)


def filled(network: str, parts: Mapping[str, Value]) -> str:
    """Put parts in the place of the words in braces; parts may hold such words themselves.

    Hyphens that are left over by empty parts are taken away.

    Example:
        >>> filled("{w}C3{n}-MP2{deep}", {"{w}": 32, "{n}": "b", "{deep}": "-{w}C3"})
        '32C3b-MP2-32C3'
    """
    for _ in range(DEEPEST):
        for word, value in parts.items():
            network = network.replace(word, str(value))
    return re.sub("-+", "-", network).strip("-")


def find_space(name: str) -> Space:
    """Give a space by its name, or read it from a TOML file.

    Raises:
        RecipeError: there is no such space, or it makes no sense; says which line.
    """
    if name in SPACES:
        return space_of({"name": name, **SPACES[name]})
    if name.endswith(".toml"):
        return read_space(Path(name))
    raise RecipeError(
        f"There is no space '{name}'.{did_you_mean(name, SPACES)} Known: {', '.join(SPACES)}; or "
        "give a file that ends in .toml."
    )


def read_space(path: Path) -> Space:
    """Read a space from a TOML file; its name is the file's where it states none.

    Raises:
        RecipeError: the file is missing, no TOML, or the space makes no sense.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"The space {path} cannot be read: {error}.") from error
    return space_of({"name": path.stem, **values})


def space_of(values: Mapping[str, Any]) -> Space:
    """Make a space of plain values, as a TOML file holds them, and try what is in it.

    Raises:
        RecipeError: an unknown setting (the nearest is suggested), an empty range, a value that
            the setting cannot have, a network that cannot be read.
    """
    name = str(values.get("name", "space"))
    for key in values:
        if key not in TABLES:
            raise _wrong(name, f"'{key}' is no part of a space.{did_you_mean(key, TABLES)}")
    for table in ("vary", "fixed", "parts"):
        if not isinstance(values.get(table, {}), Mapping):
            raise _wrong(name, f"'{table}' must be a table: [{table}] and lines of key = value.")
    if not values.get("vary"):
        raise _wrong(name, "[vary] is missing or empty: there is nothing to search.")
    space = Space(
        name,
        named.recipe(str(values.get("base", named.DEFAULT))),
        {key: _domain(name, key, value) for key, value in values["vary"].items()},
        dict(values.get("fixed", {})),
        {key: _domain(name, key, value) for key, value in values.get("parts", {}).items()},
        str(values.get("description", "")),
    )
    _refuse_what_cannot_be(space)
    return space


def as_values(space: Space) -> dict[str, Any]:
    """Give a space as plain values: `space_of` makes the same of them."""

    def plain(domain: Domain) -> Any:
        if isinstance(domain, Choice):
            return list(domain.values)
        return asdict(domain)

    return {
        "name": space.name,
        "base": space.base.name,
        "description": space.description,
        "fixed": dict(space.fixed),
        "vary": {key: plain(domain) for key, domain in space.vary.items()},
        "parts": {key: plain(domain) for key, domain in space.parts.items()},
    }


def _domain(space: str, key: str, value: Any) -> Domain:
    if isinstance(value, list):
        if not value:
            raise _wrong(space, f"{key} = [] holds no value to choose from.")
        if not all(isinstance(each, str | int | float | bool) for each in value):
            raise _wrong(space, f"{key} = {value}: expected texts, numbers, true or false.")
        return Choice(tuple(value))
    if isinstance(value, Mapping):
        return _range(space, key, value)
    raise _wrong(
        space,
        f"{key} = {value!r} does not vary. Give choices, as [0.01, 0.001], or a range, as "
        "{low = 0.001, high = 0.1, log = true}; what is to stay goes into [fixed].",
    )


def _range(space: str, key: str, value: Mapping[str, Any]) -> Range:
    known = [each.name for each in fields(Range)]
    unknown = next((each for each in value if each not in known), None)
    if unknown is not None:
        raise _wrong(
            space,
            f"{key}: '{unknown}' is none of {', '.join(known)}.{did_you_mean(unknown, known)}",
        )
    low, high = value.get("low"), value.get("high")
    for end in (low, high):
        if not isinstance(end, int | float) or isinstance(end, bool):
            raise _wrong(space, f"{key}: a range needs numbers as low and high; got {low}, {high}.")
    assert low is not None and high is not None
    if not low < high:
        raise _wrong(space, f"{key}: the range from {low} to {high} is empty: low must be below.")
    log = bool(value.get("log", False))
    if log and low <= 0:
        raise _wrong(space, f"{key}: a range with log = true begins above 0, not at {low}.")
    of_base = bool(value.get("of_base", False))
    if of_base or not (isinstance(low, int) and isinstance(high, int)):
        low, high = float(low), float(high)
    return Range(low, high, log, of_base)


def _refuse_what_cannot_be(space: Space) -> None:
    """Try every end of every domain on the base recipe, and the networks, before any training."""
    for key, domain in {**{k: Choice((v,)) for k, v in space.fixed.items()}, **space.vary}.items():
        if key in CLOSED:
            raise _wrong(space.name, f"'{key}' cannot be searched: {CLOSED[key]}.")
        if "." not in key and key not in KEYS:
            raise _wrong(space.name, f"'{key}' is no setting.{nearest_setting(key)}")
        for value in domain.ends():
            if isinstance(domain, Range) and domain.of_base:
                value = _of_base(space, key, value)
            if key != "network":
                _tried(space, {key: value})
    for network in _networks(space):
        _tried(space, {"network": network})


def _of_base(space: Space, key: str, factor: Value) -> Value:
    try:
        return _times(space.base, key, factor)
    except AttributeError as error:
        raise _wrong(space.name, f"'{key}' is no setting.{nearest_setting(key)}") from error
    except TypeError as error:
        raise _wrong(
            space.name, f"'{key}' is no number of the base: of_base is not for it."
        ) from error


def _tried(space: Space, settings: Mapping[str, Value]) -> None:
    try:
        changed(replace(space.base, variants={}), settings)
    except RecipeError as error:
        raise _wrong(space.name, str(error)) from error


def _networks(space: Space) -> list[str]:
    """Networks that stand for all of a space: every template with the ends of its parts."""
    domain = space.vary.get("network")
    if isinstance(domain, Range):
        raise _wrong(space.name, "network: a range of networks there is none. Give choices.")
    templates = [str(value) for value in domain.ends()] if domain else []
    if "network" in space.fixed:
        templates.append(str(space.fixed["network"]))
    text = network_text(space)
    for word in re.findall(r"\{([^}]*)\}", text):
        if word not in space.parts:
            raise _wrong(
                space.name,
                f"the network holds {{{word}}}, but [parts] has no '{word}'."
                f"{did_you_mean(word, space.parts)}",
            )
    for part in space.parts:
        if f"{{{part}}}" not in text:
            raise _wrong(space.name, f"no network holds {{{part}}}, which [parts] names.")
    words = [f"{{{part}}}" for part in space.parts]
    ends = itertools.product(*(part.ends() for part in space.parts.values()))
    return [
        filled(template, dict(zip(words, values, strict=True)))
        for values in itertools.islice(ends, MOST_TRIED)
        for template in templates
    ]


def network_text(space: Space) -> str:
    """All networks and parts, as one text in which words in braces are looked for."""
    domain = space.vary.get("network", Choice(()))
    values = [*domain.ends(), space.fixed.get("network", "")]
    values += [value for part in space.parts.values() for value in part.ends()]
    return " ".join(map(str, values))


def _wrong(space: str, what: str) -> RecipeError:
    return RecipeError(f"space '{space}': {what}")
