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
                                                   # committees: networks = [["8N"], ["8N", "9N"]]

    [parts]
    width = [16, 32]
    norm = ["", "b"]
    units = {low = 32, high = 256, log = true}     # whole numbers, because both ends are
"""

import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from loupe.errors import RecipeError, did_you_mean
from loupe.recipes import named
from loupe.recipes.recipe import KEYS, Recipe, changed, from_dict, nearest_setting, to_dict
from loupe.studies.domain import AND, Domain, Range, Value, domain_of, plain_domain, wrong
from loupe.studies.spaces import SPACES

OF_BASE = " of base"  # ends the name of what is drawn as a multiple of the base's value

# What a search may not choose, and why.
CLOSED = {
    "name": "it names the recipe",
    "variants": "a search is about one data set: name the settings themselves",
    "seed": "a lucky seed is no better recipe",
    "validation": "a search has validation images of its own",
    "minutes": "a time would be other epochs on another machine: vary epochs",
    "augmentation": 'it is a table: name what is in it, as "augmentation.rotation"',
    "device": "a recipe must not be tied to one machine",
}
TABLES = {"base", "name", "description", "fixed", "vary", "parts"}
DEEPEST = 5  # parts in parts: more is a circle
MOST_TRIED = 500  # networks of a space that are read before the search


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
    fixed: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, Domain] = field(default_factory=dict)
    description: str = ""

    def domains(self) -> dict[str, Domain]:
        """Give everything that a trial chooses: settings by their names, parts in braces."""
        vary = {
            f"{name}{OF_BASE}" if isinstance(domain, Range) and domain.of_base else name: domain
            for name, domain in self.vary.items()
        }
        return {**vary, **{f"{{{name}}}": domain for name, domain in self.parts.items()}}

    def templates(self) -> list[tuple[str, ...]]:
        """Give the networks that trials can have, with words in braces: of a committee each."""
        key = self.network_key
        domain = self.vary.get(key)
        given = list(domain.ends()) if domain else []
        if key in self.fixed:
            given.append(self.fixed[key])
        return [networks_of(value) for value in given]

    @property
    def network_key(self) -> str:
        """The setting that holds the networks: "networks" where they are committees'."""
        return "networks" if {"networks"} & {*self.vary, *self.fixed} else "network"

    def settings(self, chosen: Mapping[str, Value], base: Recipe | None = None) -> dict[str, Any]:
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
        parts = {k: v for k, v in chosen.items() if k.startswith("{")}
        if "network" in settings:
            settings["network"] = filled(str(settings["network"]), parts)
        if "networks" in settings:
            networks = networks_of(settings["networks"])
            settings["networks"] = [filled(each, parts) for each in networks]
        return settings

    def recipe(self, chosen: Mapping[str, Value], base: Recipe | None = None) -> Recipe:
        """Give the recipe of a trial; `base` is the settled one, where the data is known."""
        return changed(base or self.base, self.settings(chosen, base))


def value_of(recipe: Recipe, key: str) -> Any:
    """Give a recipe's value of a setting; dotted keys reach into its tables; None: no such."""
    table, _, inner = key.partition(".")
    value = getattr(recipe, table, None)
    return getattr(value, inner, None) if inner else value


def _times(base: Recipe, key: str, factor: Value) -> Value:
    """Multiply the base's value of a setting; whole numbers stay whole, and at least 1."""
    value = value_of(base, key)
    assert isinstance(factor, int | float)
    return max(1, round(value * factor)) if isinstance(value, int) else float(value * factor)


def networks_of(value: Any) -> tuple[str, ...]:
    """Give the networks of a setting: one for all members, or those of a committee.

    Example:
        >>> networks_of("300N + 8C3-MP2"), networks_of(["300N"])
        (('300N', '8C3-MP2'), ('300N',))
    """
    return tuple(value.split(AND)) if isinstance(value, str) else tuple(map(str, value))


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
    hint = did_you_mean(name, SPACES)
    if Path(f"{name}.toml").is_file():
        hint = f" Did you mean '{name}.toml'?"
    elif name in named.NAMED:
        hint = f' That is a recipe; a space around it is a file with base = "{name}" and [vary].'
    raise RecipeError(
        f"There is no space '{name}'.{hint} Known: {', '.join(SPACES)}; or give a file that ends "
        "in .toml."
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
            is_setting = key in KEYS
            hint = f" Put it into [vary] or [fixed]: {key} = …" if is_setting else ""
            hint = hint or did_you_mean(key, TABLES)
            raise wrong(name, f"'{key}' is no part of a space.{hint}")
    for table in ("vary", "fixed", "parts"):
        if not isinstance(values.get(table, {}), Mapping):
            raise wrong(name, f"'{table}' must be a table: [{table}] and lines of key = value.")
    if not values.get("vary"):
        raise wrong(name, "[vary] is missing or empty: there is nothing to search.")
    for part, value in values.get("parts", {}).items():
        if isinstance(value, Mapping) and value.get("of_base"):
            raise wrong(name, f"{part}: a part of a network has no value in the base: of_base.")
    vary, fixed = _dotted(values["vary"]), _dotted(values.get("fixed", {}))
    _refuse_names(name, vary, fixed)
    space = Space(
        name,
        _base(values.get("base", named.DEFAULT)),
        {key: domain_of(name, key, value) for key, value in vary.items()},
        fixed,
        {key: domain_of(name, key, value) for key, value in values.get("parts", {}).items()},
        str(values.get("description", "")),
    )
    _refuse_what_cannot_be(space)
    return space


def as_values(space: Space) -> dict[str, Any]:
    """Give a space as plain values: `space_of` makes the same of them."""
    known = named.NAMED.get(space.base.name)
    return {
        "name": space.name,
        "base": space.base.name if known == space.base else to_dict(space.base),
        "description": space.description,
        "fixed": dict(space.fixed),
        "vary": {key: plain_domain(key, domain) for key, domain in space.vary.items()},
        "parts": {key: plain_domain(key, domain) for key, domain in space.parts.items()},
    }


def _base(given: Any) -> Recipe:
    """The base by its name, or whole, as a study keeps one that has no name of its own."""
    return from_dict(given) if isinstance(given, Mapping) else named.recipe(str(given))


def _dotted(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Name what is in the table of augmentations by dotted keys: TOML has either, quoted or not."""
    inner = settings.get("augmentation")
    if not isinstance(inner, Mapping) or "low" in inner:
        return dict(settings)
    rest = {key: value for key, value in settings.items() if key != "augmentation"}
    return rest | {f"augmentation.{key}": value for key, value in inner.items()}


def _refuse_what_cannot_be(space: Space) -> None:
    """Try every end of every domain on the base recipe, and the networks, before any training."""
    if space.base.minutes is not None:
        raise wrong(
            space.name,
            f"its base '{space.base.name}' has minutes = {space.base.minutes:g}, and what that is "
            "in epochs depends on the machine and on the trial. Give the base epochs instead.",
        )
    committees = list(_networks(space))
    beside = {k: v for k, v in space.fixed.items() if k not in ("network", "networks")}
    if committees and space.network_key == "networks":
        beside |= committees[0]  # how many members there can be depends on it
    for key, domain in space.vary.items():
        _refuse_decimals(space, key, domain)
        for value in domain.ends():
            if isinstance(domain, Range) and domain.of_base:
                value = _of_base(space, key, value)
            if key not in ("network", "networks"):
                _tried(space, {**beside, key: value})
    for networks in committees:
        _tried(space, {**beside, **networks})
    _tried(space, beside)


def _refuse_names(space: str, vary: Mapping[str, Any], fixed: Mapping[str, Any]) -> None:
    """Refuse what is no setting, what no search may choose, and what is said twice."""
    for key in (*vary, *fixed):
        table = key.partition(".")[0]
        if table in CLOSED and (table == key or table != "augmentation"):
            raise wrong(space, f"'{key}' cannot stand in a space: {CLOSED[table]}.")
        if "." not in key and key not in KEYS:
            hint = nearest_setting(key) or " `loupe recipes fast` shows every setting."
            raise wrong(space, f"'{key}' is no setting.{hint}")
    both = next((key for key in vary if key in fixed), None)
    if both is not None:
        raise wrong(space, f"'{both}' stands in [vary] and in [fixed]: keep one of them.")
    if {"network", "networks"} <= {*vary, *fixed}:
        raise wrong(
            space,
            "it holds network and networks: those of a committee stand in place of the one. Give "
            'each choice of networks whole, as in networks = [["300N"], ["300N", "8C3-MP2"]].',
        )


def _refuse_decimals(space: Space, key: str, domain: Domain) -> None:
    """Refuse a range of decimals for what is counted: any number between is drawn from it."""
    value = value_of(space.base, key)
    if not isinstance(value, int) or isinstance(value, bool) or not isinstance(domain, Range):
        return
    if not domain.is_whole and not domain.of_base:
        raise wrong(
            space.name,
            f"'{key}' takes whole numbers, and the range from {domain.low} to {domain.high} holds "
            "others. Write its ends without decimals, or add of_base = true for multiples of the "
            "base's value.",
        )


def _of_base(space: Space, key: str, factor: Value) -> Value:
    value = value_of(space.base, key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(space.name, f"'{key}' is no number of the base: of_base is not for it.")
    if not value:
        raise wrong(
            space.name,
            f"'{key}' is 0 in the base '{space.base.name}', and so is every multiple of it. Give "
            "a range without of_base.",
        )
    return _times(space.base, key, factor)


def _tried(space: Space, settings: Mapping[str, Any]) -> None:
    try:
        changed(replace(space.base, variants={}), settings)
    except RecipeError as error:
        raise wrong(space.name, str(error)) from error


def _networks(space: Space) -> Iterator[dict[str, Any]]:
    """Networks that stand for all of a space: every template with the ends of its parts."""
    key = space.network_key
    if isinstance(space.vary.get(key), Range):
        raise wrong(space.name, f"{key}: a range of networks there is none. Give choices.")
    templates = space.templates()
    text = network_text(space)
    for word in re.findall(r"\{([^}]*)\}", text):
        if word not in space.parts:
            raise wrong(
                space.name,
                f"the network holds {{{word}}}, but [parts] has no '{word}'."
                f"{did_you_mean(word, space.parts)}",
            )
    for part in space.parts:
        if f"{{{part}}}" not in text:
            raise wrong(space.name, f"no network holds {{{part}}}, which [parts] names.")
    for parts in itertools.islice(ends_of_parts(space), MOST_TRIED):
        for template in templates:
            networks = [filled(each, parts) for each in template]
            yield {key: networks if key == "networks" else networks[0]}


def ends_of_parts(space: Space) -> Iterator[dict[str, Value]]:
    """Give every combination of the ends of the parts, by words in braces."""
    words = [f"{{{part}}}" for part in space.parts]
    for values in itertools.product(*(part.ends() for part in space.parts.values())):
        yield dict(zip(words, values, strict=True))


def network_text(space: Space) -> str:
    """All networks and parts, as one text in which words in braces are looked for."""
    parts = [str(value) for part in space.parts.values() for value in part.ends()]
    return " ".join([*(each for template in space.templates() for each in template), *parts])
