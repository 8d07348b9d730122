"""Recipes by name: three of ours, and every system of the five tutorials as it was published."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from loupe.data.dataset import Dataset
from loupe.errors import RecipeError, did_you_mean
from loupe.recipes.augmentation import Augmentation
from loupe.recipes.recipe import Kind, Recipe, Variants, changed, read_recipe

DEFAULT = "balanced"

# What a variant of a recipe is for: the first word of the condition is the key in the recipe.
KINDS: dict[Kind, Callable[[Dataset], bool]] = {
    "objects": lambda data: data.mirrors is True,
    "tiny": lambda data: min(data.image_shape[:2]) < 16,
    "few": lambda data: len(data.train) < 10_000,
    "table": lambda data: data.image_shape[0] == 1,
}

# What was tried on the way to these three, also what failed: benchmarks/NOTES.md. All of it was
# chosen on validation images: by writer for MNIST, stratified for Fashion-MNIST, folds for digits.

# On a map of 8x8 the networks for 28x28 shrink to nothing.
_TINY: dict[str, Any] = {
    "network": "32C3b-64C3p2b-64C3b-128C3p2b",
    "augmentation": {"shift": 0.5},
}
# Things keep still where handwriting sways.
_STILL: dict[str, Any] = {"rotation": 3, "scale": 0.05, "shear": 0.03, "shift": 1}
_FEW: dict[str, Any] = {"batch_size": 64, "learning_rate": 0.01, "focus": 1.0}
# Columns of a table have no neighbours, and cannot be turned.
_TABLE: dict[str, Any] = {
    "network": "128N-64N",
    "initialization": "kaiming",
    "epochs": 60,
    "batch_size": 32,
    "augmentation": {"rotation": 0, "scale": 0, "shear": 0, "shift": 0, "flip": "none"},
}

_FAST = Recipe(
    name="fast",
    network="16C5v/2b-32C3p2b-64C3b-64C3p2b",
    initialization="identity",
    epochs=2,
    batch_size=256,
    optimizer="adamw",
    learning_rate=0.02,
    beta_2=0.99,
    schedule="linear",
    warmup=0.2,
    weight_decay=0.01,
    label_smoothing=0.1,
    ema=0.98,
    focus=0.5,
    focus_from=2,
    augmentation=Augmentation(rotation=10, scale=0.10, shear=0.15, shift=1.5, flip="auto"),
    variants={
        "objects": {"epochs": 8, "focus_from": 3, "augmentation": _STILL},
        "tiny": _TINY,
        "few": {**_FEW, "epochs": 30},
        "table": _TABLE,
    },
)

_BALANCED = changed(
    _FAST,
    {
        "name": "balanced",
        "network": "32C5v/2b-64C3b-64C3p2b-128C3b-128C3p2b",
        "members": 2,
        "epochs": 5,
        "learning_rate": 0.015,
        "focus": 0.4,
        "test_shifts": True,
        "augmentation": {"rotation": 14, "scale": 0.14, "shear": 0.20, "shift": 2.0},
        "variants": {
            "objects": {  # what tells clothes apart is fine: two convolutions at full resolution
                "network": "32C3b-64C3p2b-128C3b-128C3p2b-256C3p2b",
                "members": 1,
                "epochs": 8,
                "learning_rate": 0.01,
                "focus": 0.5,
                "focus_from": 4,
                "test_mirror": True,
                "augmentation": _STILL,
            },
            "tiny": {**_TINY, "test_shifts": False},
            "few": {**_FEW, "members": 1, "epochs": 60},
            "table": {**_TABLE, "test_shifts": False},
        },
    },
)

# What tells clothes apart is fine: two more convolutions at each resolution are worth more than
# epochs.
_FINE_AND_DEEP = "32C3b-R(32C3b-32C3b)-64C3p2b-R(64C3b-64C3b)-128C3p2b-R(128C3b-128C3b)-256C3p2b"

# More members of one kind soon gain nothing; those of another kind are wrong about other images.
_BEST = changed(
    _BALANCED,
    {
        "name": "best",
        "networks": [_BALANCED.variants["objects"]["network"], _BALANCED.network],
        "members": 8,
        "epochs": 6,
        "learning_rate": 0.012,
        "test_shifts": False,  # of several networks they gain nothing
        "variants": {
            **_BALANCED.variants,
            "objects": {
                **_BALANCED.variants["objects"],
                "network": _FINE_AND_DEEP,
                "members": 4,
            },
            "few": {**_BALANCED.variants["few"], "members": 5},
        },
    },
)


def _tutorial(name: str, network: str, **settings: Any) -> Recipe:
    """A system of the tutorials: Keras' defaults, which they all use, and what the post says."""
    keras = {"initialization": "glorot", "optimizer": "adam", "learning_rate": 1e-3}
    return Recipe(
        name=name, network=network, **{**keras, "batch_size": 100, "epochs": 10, **settings}
    )


_CNN_995 = "64C3-64C3-MP2-128C3-256C3v-MP2-512N-DO.5-256N-DO.5"
_CNN_BN = "64C3v-64C3v-MP2-BN-128C3v-128C3v-MP2-BN-256C3v-MP2-BN-512N"
_POST_001: dict[str, Any] = {"batch_size": 128, "validation": 0.3, "seed": 777}

NAMED: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        _FAST,
        _BALANCED,
        _BEST,
        _tutorial("logistic", ""),
        _tutorial("mlp-256-128-64-32", "256N-128N-64N-32N"),
        _tutorial("cnn-995", _CNN_995),
        _tutorial("mlp-300-100", "300N-100N", validation=0.2),
        _tutorial("mlp-64-32", "64N-32N", epochs=15, **_POST_001),
        _tutorial("fashion-64-32", "64N-32N", epochs=30, **_POST_001),
        _tutorial("fashion-128-64-32", "128N-64N-32N", epochs=30, **_POST_001),
        _tutorial("mlp-512", "512N", optimizer="rmsprop", beta_2=0.9, batch_size=128, epochs=5),
        _tutorial(
            "cnn-bn",
            _CNN_BN,
            batch_size=64,
            epochs=30,
            patience=5,
            keep="best",
            augmentation=Augmentation(rotation=10, scale=0.1, shift=2.8),
        ),
    )
}


def recipe(name: str | os.PathLike[str], **settings: Any) -> Recipe:
    """Give a recipe by its name, or read it from a TOML file or a run's folder.

    Args:
        name: of a recipe, of a TOML file, or of a run's folder.
        settings: what is to be otherwise in it, whatever the data set: `recipe("fast", epochs=3)`
            has three epochs on small data sets too, where "fast" has a variant of thirty.

    Raises:
        RecipeError: there is neither a recipe nor a file of that name, or no such setting; the
            nearest is suggested.

    Example:
        >>> recipe("mlp-300-100").network
        '300N-100N'
        >>> recipe("mlp-300-100", epochs=3, augmentation={"rotation": 5}).epochs
        3
    """
    found = _found(name)
    return changed(found, {"variants": _without(found.variants, settings), **settings})


def _without(variants: Variants, settings: Mapping[str, Any]) -> Variants:
    """Leave out of the variants what was asked for: they shall not overrule it."""
    asked = set(settings)
    if asked & {"network", "networks"}:
        asked |= {"network", "networks"}
    if "networks" in settings:  # their number is that of the members, or divides it
        asked.add("members")
    inner = settings.get("augmentation")
    if isinstance(inner, Mapping):  # what it does not name may vary with the data
        asked = (asked - {"augmentation"}) | {f"augmentation.{key}" for key in inner}

    def kept(overrides: Mapping[str, Any], table: str = "") -> dict[str, Any]:
        return {
            key: kept(value, f"{key}.") if isinstance(value, Mapping) else value
            for key, value in overrides.items()
            if table + key not in asked
        }

    return {kind: kept(overrides) for kind, overrides in variants.items()}


def _found(name: str | os.PathLike[str]) -> Recipe:
    text = os.fspath(name)
    if text in NAMED:
        return NAMED[text]
    if text.endswith(".toml"):
        return read_recipe(Path(text))
    if (Path(text) / "recipe.toml").is_file():
        return read_recipe(Path(text) / "recipe.toml")
    raise RecipeError(
        f"There is no recipe '{text}'.{did_you_mean(text, NAMED)} Known: {', '.join(NAMED)}; "
        "or give a recipe file that ends in .toml, or a run's folder."
    )


def settled(recipe: Recipe, dataset: Dataset) -> Recipe:
    """Apply the variants that fit the data set, and leave none: what the run really does.

    Raises:
        RecipeError: images are to be mirrored that lose their label by it.

    Example:
        >>> import loupe
        >>> settled(recipe("fast"), loupe.read("digits")).batch_size
        64
    """
    variants = recipe.variants
    recipe = changed(recipe, {"variants": {}})
    for kind, applies in KINDS.items():
        if kind in variants and applies(dataset):
            recipe = changed(recipe, variants[kind])
    if recipe.augmentation.flip == "auto":
        flip = "horizontal" if dataset.mirrors else "none"
        recipe = changed(recipe, {"augmentation.flip": flip})
    _refuse_mirrored_signs(recipe, dataset)
    return recipe


def doubtful_mirrors(recipe: Recipe, dataset: Dataset) -> str:
    """Say what speaks against mirroring images of which nobody said that they may be.

    Args:
        recipe: settled.
        dataset: that it is for.

    Returns:
        A sentence where the classes are named like digits or letters; else nothing.
    """
    asked, names = _asked_to_mirror(recipe), dataset.class_names
    if dataset.mirrors is not None or not asked or not all(map(_is_sign, names)):
        return ""
    return (
        f"{asked} mirrors images, and the classes are named {', '.join(names[:3])}, …: if these "
        "are digits or letters, leave it out. A mirrored 2 is no 2."
    )


def _is_sign(name: str) -> bool:
    return len(name) == 1 and name.isalnum()


def _asked_to_mirror(recipe: Recipe) -> str:
    """The setting by which images are mirrored, if any."""
    if recipe.augmentation.flip == "horizontal":
        return "augmentation.flip = 'horizontal'"
    return "test_mirror = true" if recipe.test_mirror else ""


def _refuse_mirrored_signs(recipe: Recipe, dataset: Dataset) -> None:
    asked = _asked_to_mirror(recipe)
    if asked and dataset.mirrors is False:
        raise RecipeError(
            f"recipe '{recipe.name}': {asked} cannot be on {dataset.name}: a mirrored image of it "
            "does not keep its label, as a mirrored 2 is no 2. Leave flip at 'auto' or 'none', and "
            "test_mirror at false."
        )
