"""`--set key=value` and the everyday flags, as changes to a recipe."""

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from loupe.errors import RecipeError


def parse_settings(given: Sequence[str]) -> dict[str, Any]:
    """Read `key=value` settings: values are TOML, and bare words are text.

    Raises:
        RecipeError: one has no `=`.

    Example:
        >>> parse_settings(["epochs=3", "network=300N-100N", "augmentation.flip=none"])
        {'epochs': 3, 'network': '300N-100N', 'augmentation.flip': 'none'}
    """
    settings = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise RecipeError(f"--set {text}: expected KEY=VALUE, as in --set epochs=3.")
        settings[key.strip()] = _value(value.strip())
    return settings


def given_only(**settings: Any) -> dict[str, Any]:
    """Keep the settings that were given.

    Example:
        >>> given_only(epochs=3, seed=None)
        {'epochs': 3}
    """
    return {key: value for key, value in settings.items() if value is not None}


def network_settings(given: Sequence[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Say what `--network` changes: one network for all members, or one for each.

    Args:
        given: the notations, as often as the flag was repeated.
        settings: what else was set; a number of members that is among it holds.

    Example:
        >>> network_settings(["300N"], {})
        {'network': '300N', 'networks': []}
        >>> network_settings(["300N", "8C3-MP2"], {})
        {'networks': ['300N', '8C3-MP2'], 'members': 2}
    """
    if not given:
        return {}
    if len(given) == 1:
        return {"network": given[0], "networks": []}
    return {"networks": list(given), "members": settings.get("members", len(given))}


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = [{text}]")["value"][0]
    except (tomllib.TOMLDecodeError, IndexError):
        return text
