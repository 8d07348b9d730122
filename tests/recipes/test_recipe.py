import tomllib
from dataclasses import FrozenInstanceError, fields

import drawn
import pytest
from hypothesis import given, settings

import loupe
from loupe.errors import NotationError, RecipeError
from loupe.recipes.augmentation import Augmentation
from loupe.recipes.named import NAMED, settled
from loupe.recipes.recipe import (
    Recipe,
    changed,
    from_dict,
    read_recipe,
    to_dict,
    to_toml,
)


@pytest.mark.parametrize("name", NAMED)
def test_every_named_recipe_reads_back_from_its_toml(name, tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(to_toml(NAMED[name]), encoding="utf-8")
    assert read_recipe(path) == NAMED[name]


@settings(max_examples=50, deadline=None)
@given(drawn.recipes)
def test_a_recipe_reads_back_from_its_toml(values):
    recipe = from_dict(values)
    assert from_dict(tomllib.loads(to_toml(recipe))) == recipe
    assert changed(recipe, {}) == recipe


def test_one_network_takes_the_place_of_a_list():
    several = from_dict({"name": "mine", "networks": ["8N", "9N"], "members": 4})
    one = changed(several, {"network": "10N"})
    assert {one.network_of(member) for member in range(one.members)} == {"10N"}
    kept = changed(several, {"network": "10N", "networks": ["8N", "11N"]})
    assert [kept.network_of(member) for member in range(3)] == ["8N", "11N", "8N"]


def test_one_member_of_several_networks_is_asked_which():
    several = from_dict({"name": "mine", "networks": ["8N", "9N"], "members": 4})
    with pytest.raises(RecipeError, match="members = 1.*2 networks.*8N or 9N"):
        changed(several, {"members": 1})
    assert changed(several, {"members": 1, "network": "9N"}).members == 1


def test_toml_spells_every_setting_out():
    written = tomllib.loads(to_toml(Recipe(name="mine", minutes=3, variants={"few": {"ema": 0.5}})))
    # A list of networks is written where there is one: committees of one network have none.
    assert written.keys() == {field.name for field in fields(Recipe)} - {"networks"}
    assert written["augmentation"].keys() == {field.name for field in fields(Augmentation)}


@pytest.mark.parametrize(
    "line",
    [
        'epochs = "2"',
        "epochs = 2.0",
        'learning_rate = "0.1"',
        'seed = "1"',
        "test_shifts = 1",
        'test_mirror = "yes"',
        "members = true",
        'minutes = "3"',
        'augmentation.rotation = "5"',
        "augmentation.erasing = 1.0",
        'variants.few.epochs = "2"',
    ],
)
def test_a_value_of_another_type_is_refused_and_not_converted(line, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(line + "\n")
    with pytest.raises(RecipeError, match=r"cannot be: input should be a valid"):
        read_recipe(path)


def test_a_whole_number_is_a_fine_fraction():
    recipe = from_dict({"name": "mine", "learning_rate": 1, "augmentation": {"scale": 0}})
    assert isinstance(recipe.learning_rate, float)
    assert isinstance(recipe.augmentation.scale, float)
    assert from_dict(to_dict(recipe)) == recipe


def test_a_recipe_file_names_its_recipe(tmp_path):
    path = tmp_path / "my recipe.toml"
    path.write_text("epochs = 3\n[augmentation]\nrotation = 5\n")
    recipe = read_recipe(path)
    assert (recipe.name, recipe.epochs, recipe.augmentation.rotation) == ("my recipe", 3, 5.0)


@pytest.mark.parametrize("content", [b"epochs = ", b"\xff\xfe", b"epochs = 3\nepochs = 4"])
def test_a_file_that_is_no_toml_is_refused_by_its_path(content, tmp_path):
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=r"broken\.toml is not a readable TOML file"):
        read_recipe(path)


def test_a_missing_recipe_file_and_a_folder_are_refused_by_their_path(tmp_path):
    with pytest.raises(RecipeError, match=r"absent\.toml does not exist"):
        read_recipe(tmp_path / "absent.toml")
    with pytest.raises(RecipeError, match="not a readable TOML file"):
        read_recipe(tmp_path)


def test_a_recipe_is_frozen():
    recipe = Recipe(name="mine")
    with pytest.raises(FrozenInstanceError):
        recipe.epochs = 3
    with pytest.raises(FrozenInstanceError):
        recipe.augmentation.rotation = 3


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"epoch": 3}, "'epoch' is no setting. Did you mean 'epochs'?"),
        ({"learning_rat": 3}, "'learning_rat' is no setting. Did you mean 'learning_rate'?"),
        ({"augmentation": {"rotatio": 3}}, "'augmentation.rotatio' is no setting. Did you mean"),
        ({"qqq": 3}, "'qqq' is no setting."),
        ({"variants": {"few": {"epoch": 3}}}, "'epoch' is no setting. Did you mean 'epochs'?"),
        ({"rotation": 3}, "'rotation' is no setting. Did you mean 'augmentation.rotation'?"),
        ({"variants": {"few": {"epoch": 3}}}, "That is in variants.few."),
        (
            {"variants": {"few": {"augmentation": {"rotatio": 3}}}},
            "'augmentation.rotatio' is no setting. Did you mean 'augmentation.rotation'?",
        ),
        ({"variants": {"fev": {}}}, "'variants.fev' is no kind of data"),
        ({"variants": {"fev": {}}}, "Did you mean 'few'?"),
        ({"variants": {"few": {"seed": 3}}}, "variants.few cannot change 'seed'"),
        ({"variants": {"few": {"variants.tiny": {}}}}, "cannot change 'variants.tiny'"),
    ],
)
def test_an_unknown_setting_is_refused_with_the_nearest_name(values, complaint):
    with pytest.raises(RecipeError) as caught:
        from_dict({"name": "mine", **values})
    assert str(caught.value).startswith("recipe 'mine': ") and complaint in str(caught.value)


IMPOSSIBLE = {
    "name": ["", ".", "a/b", "a\\b", "a:b", 3],
    "activation": ["r", "lu", "swish", 3],
    "initialization": ["zeros"],
    "head": ["ovr", 1],
    "balance": ["under", True],
    "members": [0, 101, 1.5],
    "epochs": [0, -1, 2.5, "many"],
    "batch_size": [0],
    "optimizer": ["ada", "lion"],
    "learning_rate": [0, -1, float("nan"), float("inf"), "fast"],
    "muon_learning_rate": [0, float("inf")],
    "momentum": [1, -0.1, float("nan")],
    "beta_2": [1, -0.1],
    "schedule": ["step"],
    "warmup": [1, -0.1],
    "weight_decay": [-1, float("inf")],
    "label_smoothing": [1, -0.1],
    "ema": [1, -0.1],
    "focus": [0, 1.1],
    "focus_from": [0],
    "augmentation": [3],
    "validation": [1, -0.1],
    "patience": [-1],
    "keep": ["first"],
    "seed": [-1, 2**32],
    "precision": ["float16"],
    "device": ["tpu"],
    "minutes": [0, float("inf")],
    "variants": [3],
    "augmentation.rotation": [-1, 181, float("nan")],
    "augmentation.scale": [1, -0.1],
    "augmentation.shift": [-1, float("inf")],
    "augmentation.erasing": [-1, 2.5],
    "augmentation.flip": ["vertical"],
}


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, vs in IMPOSSIBLE.items() for v in vs])
def test_an_impossible_value_is_refused_with_the_name_of_its_setting(key, value):
    with pytest.raises(RecipeError) as caught:
        changed(Recipe(name="mine"), {key: value})
    assert f"{key} = {value!r} cannot be: " in str(caught.value)


def test_every_impossible_setting_is_named_at_once():
    with pytest.raises(RecipeError, match=r"(?s)epochs = 0.*momentum = 2.*'epoch' is no setting"):
        from_dict({"name": "mine", "epochs": 0, "momentum": 2, "epoch": 1})


def test_a_network_that_cannot_be_read_is_shown_with_the_place():
    with pytest.raises(RecipeError, match=r"64C3-64X3\n +\^\^\^\^\n'64X3' is no layer") as caught:
        from_dict({"name": "mine", "network": "64C3-64X3"})
    assert not isinstance(caught.value, NotationError)


def test_a_changed_recipe_differs_in_what_was_changed_only():
    before = from_dict({"name": "mine", "augmentation": {"shift": 2, "noise": 0.5}})
    after = changed(before, {"epochs": 3, "augmentation.rotation": 5})
    assert (after.epochs, after.augmentation) == (3, Augmentation(rotation=5, shift=2, noise=0.5))
    differing = {key for key, value in to_dict(after).items() if to_dict(before)[key] != value}
    assert differing == {"epochs", "augmentation"}
    assert before.epochs == 10 and before.augmentation.rotation == 0


def test_a_table_that_is_changed_keeps_its_other_settings():
    before = from_dict({"name": "mine", "augmentation": {"shift": 2}})
    assert changed(before, {"augmentation": {"noise": 0.5}}).augmentation == Augmentation(
        shift=2, noise=0.5
    )


def test_a_budget_can_be_taken_back():
    assert changed(Recipe(name="mine", minutes=3), {"minutes": None}).minutes is None


@pytest.mark.parametrize("key", ["epochs.x", "augmentation.rotation.x", "nothing.x", "", "."])
def test_a_dotted_key_that_leads_nowhere_is_refused(key):
    with pytest.raises(RecipeError, match="is no setting"):
        changed(Recipe(name="mine"), {key: 3})


def test_dotted_keys_reach_into_the_settings_of_a_kind_of_data():
    kinds = {"tiny": {"epochs": 2, "augmentation": {"shift": 0.5}}}
    mine = from_dict({"name": "mine", "variants": kinds})
    reached = changed(mine, {"variants.tiny.epochs": 3, "variants.tiny.augmentation.shift": 1.0})
    assert settled(reached, loupe.read("digits")).epochs == 3
    assert settled(reached, loupe.read("digits")).augmentation.shift == 1.0
