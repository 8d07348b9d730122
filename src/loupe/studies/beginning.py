"""Where a search begins: at its base, with one choice changed at a time, then what helped together.

So a person would begin, too. What is better or worse than the base near it is known after a few
trials; random ones are spent mostly on what is far worse, or takes far longer.
"""

import itertools
from collections.abc import Iterator, Sequence

from loupe.errors import NotationError
from loupe.recipes.notation import parse
from loupe.recipes.recipe import Recipe
from loupe.studies.domain import Choice, Domain, Value
from loupe.studies.space import MOST_TRIED, OF_BASE, Space, filled, networks_of, value_of
from loupe.studies.trials import Trial

Chosen = dict[str, Value]


def one_at_a_time(space: Space, base: Recipe) -> list[Chosen]:
    """Give the base with each of its choices changed alone; nothing where it is not in the space.

    Args:
        space: what a search may choose.
        base: settled for the data.

    Example:
        >>> from loupe.studies.space import space_of
        >>> values = {"base": "logistic", "vary": {"batch_size": [50, 100], "epochs": [10, 20]}}
        >>> space = space_of({"name": "mine", **values})
        >>> one_at_a_time(space, space.base)
        [{'batch_size': 50, 'epochs': 10}, {'batch_size': 100, 'epochs': 20}]
    """
    here = chosen_of(space, base)
    if here is None:
        return []
    return [
        {**here, name: value}
        for name, domain in space.domains().items()
        if isinstance(domain, Choice) and not _is_of_network(name)
        for value in domain.values
        if value != here[name]
    ]


def together(here: Chosen, ended: Sequence[Trial], accuracy: float) -> Chosen | None:
    """Give the base with all choices that helped alone; None where fewer than two did.

    Args:
        here: the base.
        ended: the trials of `one_at_a_time`.
        accuracy: the base's, on the images that the trials were measured on.
    """
    helped = [trial for trial in ended if trial.is_finished and trial.accuracy > accuracy]
    changes = {
        name: value
        for trial in sorted(helped, key=lambda trial: trial.accuracy)  # of one setting the best
        for name, value in trial.chosen.items()
        if value != here[name]
    }
    return {**here, **changes} if len(changes) > 1 else None


def chosen_of(space: Space, base: Recipe) -> Chosen | None:
    """Say what a trial would have chosen to be the base; None where the space does not hold it."""
    chosen: Chosen = {}
    for name, domain in space.domains().items():
        if _is_of_network(name):
            continue
        value = 1.0 if name.endswith(OF_BASE) else value_of(base, name)
        if not _holds(domain, value):
            return None
        chosen[name] = value
    if not any(map(_is_of_network, space.domains())):
        return chosen
    network = _network_of(space, base)
    return None if network is None else {**chosen, **network}


def _is_of_network(name: str) -> bool:
    return name in ("network", "networks") or name.startswith("{")


def _holds(domain: Domain, value: Value) -> bool:
    if isinstance(domain, Choice):
        return value in domain.values
    return isinstance(value, int | float) and domain.low <= value <= domain.high


def _network_of(space: Space, base: Recipe) -> Chosen | None:
    """The template and the parts that give the base's, if one of the first that are tried does."""
    key = space.network_key
    if key == "network" and base.networks:
        return None  # one for all members is never a committee of several
    here = [_spelt(each) for each in base.networks or (base.network,)]
    values = space.vary[key].ends() if key in space.vary else (space.fixed.get(key, ""),)
    words = [f"{{{part}}}" for part in space.parts]
    for parts in itertools.islice(_all_parts(space), MOST_TRIED):
        named = dict(zip(words, parts, strict=True))
        for value in values:
            if [_spelt(filled(each, named)) for each in networks_of(value)] == here:
                return {key: value, **named} if key in space.vary else named
    return None


def _all_parts(space: Space) -> Iterator[tuple[Value, ...]]:
    return itertools.product(
        *(
            domain.values
            if isinstance(domain, Choice)
            else range(int(domain.low), int(domain.high) + 1)
            for domain in space.parts.values()
        )
    )


def _spelt(network: str) -> str:
    """A network as it is always spelt; as it is, where it cannot be read."""
    try:
        return str(parse(network))
    except NotationError:
        return network
