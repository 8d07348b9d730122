"""Spaces: what may vary, and what is refused before anything is trained."""

import re
import tomllib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loupe.errors import RecipeError
from loupe.recipes.augmentation import Augmentation
from loupe.recipes.notation import parse
from loupe.recipes.recipe import KEYS, changed
from loupe.studies.beginning import chosen_of
from loupe.studies.domain import Choice, Range
from loupe.studies.fitting import fitting
from loupe.studies.journal import Journal
from loupe.studies.space import (
    CLOSED,
    as_values,
    filled,
    find_space,
    read_space,
    space_of,
)
from loupe.studies.spaces import SPACES


@pytest.mark.parametrize("name", SPACES)
def test_named_spaces_are_what_they_say(name):
    space = find_space(name)
    assert space_of(as_values(space)) == space
    chosen = {key: domain.ends()[0] for key, domain in space.domains().items()}
    assert space.recipe(chosen).epochs >= 1


def test_multiples_go_by_what_the_base_does_with_the_data():
    space = find_space("first")
    base = changed(space.base, {"variants": {}, "epochs": 30, "batch_size": 64})
    chosen = {"epochs of base": 0.5, "batch_size of base": 2.0, "learning_rate of base": 0.25}
    assert set(chosen) == set(space.domains())
    recipe = space.recipe(chosen, base)
    assert (recipe.epochs, recipe.batch_size) == (15, 128)
    assert recipe.learning_rate == base.learning_rate / 4


def test_the_posts_own_search_is_a_space():
    vary = find_space("post-004").vary
    assert vary["learning_rate"] == Choice((0.001, 0.025, 0.0001))
    assert vary["batch_size"] == Choice((128, 64, 32))
    assert vary["epochs"] == Choice((20, 30, 100))
    assert find_space("post-004").fixed["patience"]
    networks = {
        find_space("post-004").settings({"network": template, "{norm}": norm, "{drop}": drop})[
            "network"
        ]
        for template in vary["network"].values
        for norm in ("", "-BN")
        for drop in ("", "-DO.5")
    }
    assert "64C3v-64C3v-MP2-BN-128C3v-128C3v-MP2-BN-256C3v-MP2-BN-512N" in networks  # cnn-bn
    for network in networks:
        parse(network)


def test_networks_that_fit_no_image_are_left_out_with_their_parts():
    values = {"vary": {"network": ["{n}N", "8C3-MP2-{k}"]}, "parts": {"n": [8], "k": ["MP2-MP2"]}}
    space = space_of({"name": "mine", **values})
    assert fitting(space, (8, 8, 1), mirrored=False) == space
    left = fitting(space, (4, 4, 1), mirrored=True)
    assert left.vary["network"] == Choice(("{n}N",))
    assert set(left.parts) == {"n"}
    with pytest.raises(RecipeError, match="none of its networks fits images of 4 x 4"):
        fitting(
            space_of({"name": "x", "vary": {"network": ["8C3-MP2-MP2-MP2"]}}),
            (4, 4, 1),
            mirrored=False,
        )


def test_mirror_images_are_read_only_where_they_were_learnt_from():
    space = find_space("small")
    assert "test_mirror" in fitting(space, (28, 28, 1), mirrored=True).vary
    left = fitting(space, (28, 28, 1), mirrored=False)
    assert set(space.vary) - set(left.vary) == {"test_mirror"}
    alone = space_of({"name": "mine", "vary": {"test_mirror": [False, True]}})
    with pytest.raises(RecipeError, match=r"varies test_mirror alone.*augmentation\.flip"):
        fitting(alone, (28, 28, 1), mirrored=False)


@settings(max_examples=25)
@given(st.integers(1, 999), st.sampled_from(["", "b", "p2b"]), st.sampled_from(["", "-DO.2"]))
def test_parts_are_put_in_the_place_of_words(width, suffix, drop):
    network = filled("{w}C3{s}{d}-{more}-16N", {"{w}": width, "{s}": suffix, "{d}": drop,
                     "{more}": "{w}C3"})  # fmt: skip
    assert network == f"{width}C3{suffix}{drop}-{width}C3-16N"


# Of every setting of a recipe a value that `logistic` does not have.
OTHER: dict[str, Any] = {
    "name": "mine", "network": "8N", "activation": "tanh", "initialization": "kaiming",
    "head": "one-vs-rest", "balance": "weights", "members": 2, "networks": ["8N", "4C3"],
    "epochs": 3, "batch_size": 32, "optimizer": "sgd", "learning_rate": 0.1,
    "muon_learning_rate": 0.2, "momentum": 0.5, "beta_2": 0.9, "schedule": "cosine",
    "warmup": 0.1, "weight_decay": 0.1, "label_smoothing": 0.1, "ema": 0.9, "focus": 0.5,
    "focus_from": 3, "augmentation": {"rotation": 5.0}, "validation": 0.2, "patience": 3,
    "keep": "best", "test_shifts": True, "test_mirror": True, "seed": 7, "precision": "float32",
    "device": "cpu", "minutes": 1.0, "variants": {"few": {"epochs": 3}},
    "augmentation.rotation": 5.0, "augmentation.scale": 0.1, "augmentation.shear": 0.1,
    "augmentation.shift": 1.0, "augmentation.elastic": 1.0, "augmentation.thickness": 0.1,
    "augmentation.erasing": 2, "augmentation.erasing_probability": 0.1,
    "augmentation.noise": 0.1, "augmentation.flip": "horizontal",
}  # fmt: skip
SETTINGS = (*KEYS, *(f"augmentation.{each.name}" for each in fields(Augmentation)))


@pytest.mark.parametrize("key", SETTINGS)
def test_any_setting_of_a_recipe_varies_or_is_refused_with_the_reason(key, tmp_path):
    values = {"name": "mine", "base": "logistic", "vary": {key: [OTHER[key]]}}
    if key in CLOSED:
        with pytest.raises(RecipeError, match=re.escape(CLOSED[key])):
            space_of(values)
        return
    space = space_of(values)
    journal = Journal(tmp_path, space)
    opened = journal.begin()
    recipe = space.recipe(opened.trial.chosen)
    opened.end(replace(opened.trial, outcome="finished", accuracy=0.5))
    assert recipe == changed(space.base, {key: OTHER[key]})
    (trial,) = Journal(tmp_path, space_of(as_values(space))).trials()
    assert space.recipe(trial.chosen) == recipe
    assert (
        chosen_of(space_of({**values, "vary": {key: [recipe_value(space.base, key)]}}), recipe)
        is None
    )


def recipe_value(recipe, key: str):
    """A setting's value as a space would list it."""
    table, _, inner = key.partition(".")
    value = getattr(recipe, table)
    if key == "networks":
        return [recipe.network]
    return getattr(value, inner) if inner else value


def test_committees_vary_with_their_parts(tmp_path):
    networks = [["{n}N"], ["{n}N", "4C3-{n}N"]]
    values = {"base": "logistic", "vary": {"networks": networks}, "parts": {"n": [8, 16]}}
    space = space_of({"name": "mine", **values})
    assert space.vary["networks"].ends() == ("{n}N", "{n}N + 4C3-{n}N")
    assert space_of(as_values(space)) == space
    recipe = space.recipe({"networks": "{n}N + 4C3-{n}N", "{n}": 16})
    assert (recipe.networks, recipe.members) == (("16N", "4C3-16N"), 2)
    assert chosen_of(space, recipe) == {"networks": "{n}N + 4C3-{n}N", "{n}": 16}
    alone = space.recipe({"networks": "{n}N", "{n}": 8})
    assert (alone.networks, alone.members) == (("8N",), 1)
    assert chosen_of(space, changed(space.base, {"network": "8N"})) == {
        "networks": "{n}N",
        "{n}": 8,
    }
    fixed = {
        "base": "logistic",
        "vary": {"epochs": [1, 2]},
        "fixed": {"networks": ["{n}N", "4C3"]},
        "parts": {"n": [8]},
    }
    assert space_of({"name": "mine", **fixed}).recipe({"epochs": 1, "{n}": 8}).members == 2


def test_committees_of_which_one_fits_no_image_are_left_out():
    vary = {"networks": [["8N", "8C3-MP2-MP2-MP2"], ["8N", "16N"]]}
    left = fitting(space_of({"name": "mine", "vary": vary}), (4, 4, 1), mirrored=False)
    assert left.vary["networks"] == Choice(("8N + 16N",))


def test_a_table_of_augmentations_needs_no_quotes(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[vary]\naugmentation.rotation = [0, 5]\n[fixed]\naugmentation.shift = 1\n")
    space = read_space(path)
    assert space.vary == {"augmentation.rotation": Choice((0, 5))}
    assert space.fixed == {"augmentation.shift": 1}


def test_a_base_from_a_file_is_kept_whole(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("epochs = 7\n")
    space = space_of({"name": "s", "base": str(path), "vary": {"batch_size": [32, 64]}})
    path.write_text("epochs = 8\n")
    kept = space_of(as_values(space))
    assert kept == space
    assert kept != space_of({"name": "s", "base": str(path), "vary": {"batch_size": [32, 64]}})


PAGE = Path(__file__).parents[2] / "docs" / "tuning.md"


def test_the_page_shows_a_space_that_is_one_and_names_all_others():
    text = PAGE.read_text(encoding="utf-8")
    shown = re.search(r"```toml\n(.*?)```", text, re.S)[1]
    space = space_of({"name": "page", **tomllib.loads(shown)})
    assert set(space.parts) == {"width", "norm", "deeper", "units", "drop"}
    assert all(f"| `{name}` |" in text for name in SPACES)


def test_a_space_is_read_from_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'base = "mlp-64-32"\n[fixed]\nepochs = 3\n[vary]\n'
        'learning_rate = {low = 0.001, high = 0.1, log = true}\nnetwork = ["{n}N"]\n'
        "[parts]\nn = {low = 8, high = 64}\n"
    )
    space = find_space(str(path))
    assert space.name == "mine"
    assert space.vary["learning_rate"] == Range(0.001, 0.1, log=True)
    assert space.parts["n"].is_whole
    assert space.recipe({"learning_rate": 0.01, "network": "{n}N", "{n}": 9}).network == "9N"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"vary": {"learning_rat": [1.0]}}, "Did you mean 'learning_rate'"),
        ({"vary": {"augmentation.rotaton": [1.0]}}, "Did you mean 'augmentation.rotation'"),
        ({"vary": {"epochs": {"low": 3, "high": 3}}}, "range from 3 to 3 is empty"),
        ({"vary": {"epochs": {"low": 9, "high": 3}}}, "low must be below"),
        ({"vary": {"epochs": []}}, "holds no value"),
        ({"vary": {"epochs": 3}}, "does not vary"),
        ({"vary": {"epochs": {"low": 1}}}, "needs numbers as low and high"),
        ({"vary": {"epochs": {"low": 1, "hihg": 3}}}, "none of low, high, log"),
        ({"vary": {"weight_decay": {"low": 0, "high": 1, "log": True}}}, "begins above 0"),
        ({"vary": {"learning_rate": {"low": -1.0, "high": 1.0}}}, "greater than 0"),
        ({"vary": {"optimizer": {"low": 1, "high": 2, "of_base": True}}}, "is no number of"),
        ({"vary": {"minutes": {"low": 1, "high": 2, "of_base": True}}}, "vary epochs"),
        ({"vary": {"optimizer": ["adam", "adamm"]}}, "optimizer = 'adamm' cannot be"),
        ({"vary": {"seed": [1, 2]}}, "a lucky seed is no better recipe"),
        ({"vary": {"validation": [0.1, 0.2]}}, "validation images of its own"),
        ({"vary": {"network": ["{a}C3-{b}N"]}, "parts": {"a": [8]}}, "no 'b'"),
        ({"vary": {"network": ["8C3"]}, "parts": {"a": [8]}}, r"no network holds \{a\}"),
        ({"vary": {"network": ["{a}C3"]}, "parts": {"a": [8, "x"]}}, "is no layer"),
        ({"vary": {"network": {"low": 1, "high": 2}}}, "Give choices"),
        ({"vary": {}}, "nothing to search"),
        ({"vary": {"epochs": [1]}, "fixd": {}}, "Did you mean 'fixed'"),
        ({"vary": {"epochs": [1]}, "base": "fsat"}, "Did you mean 'fast'"),
        ({"vary": [1]}, "must be a table"),
        ({"vary": {"epochs": {"low": 1.0, "high": 3.0}}}, "Write its ends without decimals"),
        ({"learning_rate": [0.1], "vary": {"epochs": [1]}}, r"into \[vary\] or \[fixed\]"),
        ({"vary": {"lr": [0.1]}}, "loupe recipes fast"),
        ({"vary": {"networks": ["300N", "8C3"]}}, "is no list of networks"),
        ({"vary": {"networks": [[]]}}, "committee of nobody"),
        ({"vary": {"networks": [["8N", "{a}N"]]}}, "no 'a'"),
        ({"vary": {"networks": [["8N", "8X"]]}}, "is no layer"),
        ({"vary": {"networks": [["8N"]], "network": ["8N"]}}, "in place of the one"),
        ({"vary": {"networks": [["8N"], ["8N"]]}}, "twice"),
        ({"vary": {"networks": [["8N", "9N", "7N"]]}, "fixed": {"members": 2}}, "for 2 members"),
        ({"vary": {"network": [["8N"]]}}, "only networks takes lists"),
        ({"vary": {"epochs": [1, 2, 1]}}, "holds 1 twice"),
        ({"vary": {"epochs": [1]}, "fixed": {"epochs": 1}}, "keep one of them"),
        ({"vary": {"epochs": {"low": 1, "high": float("inf")}}}, "finite numbers"),
        ({"vary": {"epochs": {"low": 1, "high": 2, "log": "false"}}}, "expected true or false"),
        (
            {"vary": {"weight_decay": {"low": 1, "high": 2, "of_base": True}}, "base": "logistic"},
            "is 0 in the base",
        ),
        ({"vary": {"variants.few": [1]}}, "name the settings themselves"),
        ({"vary": {"augmentation": [{"rotation": 3}]}}, "name what is in it"),
        (
            {"vary": {"network": ["{n}N"]}, "parts": {"n": {"low": 1, "high": 2, "of_base": True}}},
            "no value in the base",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(values, said):
    with pytest.raises(RecipeError, match=said):
        space_of({"name": "mine", **values})


def test_spaces_that_are_not_there_are_named(tmp_path):
    with pytest.raises(RecipeError, match="Did you mean 'small'"):
        find_space("smal")
    with pytest.raises(RecipeError, match="That is a recipe; a space around it"):
        find_space("fast")
    (tmp_path / "mine.toml").touch()
    with pytest.raises(RecipeError, match=r"Did you mean '.*mine\.toml'"):
        find_space(str(tmp_path / "mine"))
    with pytest.raises(RecipeError, match="cannot be read"):
        find_space(str(tmp_path / "none.toml"))
    (tmp_path / "bad.toml").write_text("[vary\n")
    with pytest.raises(RecipeError, match="cannot be read"):
        read_space(tmp_path / "bad.toml")
