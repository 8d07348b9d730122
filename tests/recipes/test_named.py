from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

import loupe
from loupe.data.dataset import Dataset, Rows
from loupe.errors import RecipeError
from loupe.recipes.named import DEFAULT, KINDS, NAMED, doubtful_mirrors, recipe, settled
from loupe.recipes.recipe import Kind, Recipe, changed, to_toml


def dataset_of(*, count=10_000, side=28, height=None, mirrors=False):
    """A data set of black images: only its shape and its size say what kind it is."""
    return Dataset(
        name="black",
        images=np.zeros((count, height or side, side, 1), np.uint8),
        labels=np.arange(count) % 2,
        split=np.zeros(count, np.uint8),
        class_names=("even", "odd"),
        sources=Rows("black", count),
        mirrors=mirrors,
    )


def test_a_recipe_goes_by_its_own_name():
    assert all(recipe(name).name == name for name in NAMED)
    assert {"fast", "balanced", "best", DEFAULT} <= NAMED.keys()


# name: network, optimizer, batch size, epochs, fraction for validation if the post says so
AS_PUBLISHED = {
    "logistic": ("", "adam", 100, 10, None),
    "mlp-256-128-64-32": ("256N-128N-64N-32N", "adam", 100, 10, None),
    "cnn-995": ("64C3-64C3-MP2-128C3-256C3v-MP2-512N-DO.5-256N-DO.5", "adam", 100, 10, None),
    "mlp-300-100": ("300N-100N", "adam", 100, 10, 0.2),
    "mlp-64-32": ("64N-32N", "adam", 128, 15, 0.3),
    "fashion-64-32": ("64N-32N", "adam", 128, 30, 0.3),
    "fashion-128-64-32": ("128N-64N-32N", "adam", 128, 30, 0.3),
    "mlp-512": ("512N", "rmsprop", 128, 5, None),
}


@pytest.mark.parametrize("name", AS_PUBLISHED)
def test_a_tutorial_is_trained_as_it_was_published(name):
    ours = recipe(name)
    network, optimizer, batch_size, epochs, validation = AS_PUBLISHED[name]
    assert (ours.network, ours.optimizer) == (network, optimizer)
    assert (ours.batch_size, ours.epochs, ours.learning_rate) == (batch_size, epochs, 1e-3)
    assert ours.validation == (validation or 1 / 12)
    assert (ours.members, ours.patience, ours.keep) == (1, 0, "last")


def test_the_tutorial_that_searched_its_settings_stops_early_and_varies_its_images():
    ours = recipe("cnn-bn")
    assert ours.network == "64C3v-64C3v-MP2-BN-128C3v-128C3v-MP2-BN-256C3v-MP2-BN-512N"
    assert ours.patience and ours.keep == "best" and ours.augmentation.rotation


def test_an_unknown_recipe_is_refused_with_the_nearest_name():
    with pytest.raises(RecipeError, match="no recipe 'balancd'. Did you mean 'balanced'"):
        recipe("balancd")


def test_settings_can_be_changed_as_a_recipe_is_taken():
    mine = recipe("mlp-300-100", epochs=3, augmentation={"rotation": 5})
    assert (mine.epochs, mine.augmentation.rotation) == (3, 5)
    assert mine.network == recipe("mlp-300-100").network
    with pytest.raises(RecipeError, match="'epoch' is no setting. Did you mean 'epochs'"):
        recipe("fast", epoch=3)


@pytest.mark.parametrize("name", ["fast", "balanced", "best"])
@pytest.mark.parametrize(
    "data", [{}, {"count": 50}, {"side": 8}, {"mirrors": True}, {"height": 1}], ids=str
)
def test_what_was_asked_for_holds_whatever_the_data(name, data):
    mine = settled(
        recipe(name, epochs=3, network="8C3-MP2", augmentation={"shift": 0.75}), dataset_of(**data)
    )
    assert (mine.epochs, mine.network, mine.augmentation.shift) == (3, "8C3-MP2", 0.75)
    theirs = settled(recipe(name), dataset_of(**data))
    assert mine.batch_size == theirs.batch_size  # the rest is as the data want it
    assert mine.augmentation.rotation == theirs.augmentation.rotation


def test_two_networks_that_were_asked_for_are_the_members_of_any_variant():
    mine = recipe("balanced", networks=["8C3-MP2", "16C3-MP2"])
    objects = settled(mine, dataset_of(mirrors=True))
    assert objects.networks == ("8C3-MP2", "16C3-MP2") and objects.members == 2


def test_a_name_that_ends_in_toml_is_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('network = "300N"\n')
    assert recipe(path).network == recipe(str(path)).network == "300N"


def test_a_kind_of_data_is_told_by_the_data():
    kinds = {
        "objects": (dataset_of(mirrors=True), ["objects"]),
        "tiny": (dataset_of(side=15), ["tiny"]),
        "few": (dataset_of(count=9_999), ["few"]),
        "table": (dataset_of(height=1), ["tiny", "table"]),  # which overrules it
    }
    assert kinds.keys() == KINDS.keys() == set(get_args(Kind))
    for dataset, expected in kinds.values():
        assert [kind for kind, applies in KINDS.items() if applies(dataset)] == expected
    assert not any(applies(dataset_of()) for applies in KINDS.values())


def test_variants_apply_in_turn_and_the_later_overrules():
    base = changed(
        recipe("logistic"),
        {
            "variants": {
                "few": {"epochs": 30},
                "objects": {"epochs": 20, "learning_rate": 0.5},
                "tiny": {"augmentation": {"shift": 1}},
            }
        },
    )
    both = settled(base, dataset_of(count=100, mirrors=True))
    assert (both.epochs, both.learning_rate, both.augmentation.shift) == (30, 0.5, 0.0)
    assert settled(base, dataset_of(side=8)).augmentation.shift == 1.0


@pytest.mark.parametrize("name", NAMED)
def test_a_settled_recipe_has_nothing_left_to_settle(name):
    for dataset in (dataset_of(), dataset_of(count=50, side=8, mirrors=True)):
        once = settled(recipe(name), dataset)
        assert not once.variants and once.augmentation.flip != "auto"
        assert settled(once, dataset) == once


@pytest.mark.parametrize("name", NAMED)
def test_digits_are_never_mirrored_by_a_named_recipe(name):
    digits = dataset_of()
    ours = settled(recipe(name), digits)
    assert ours.augmentation.flip == "none" and not ours.test_mirror


def test_auto_mirrors_what_may_be_mirrored():
    auto = changed(recipe("fast"), {"augmentation.flip": "auto"})
    assert settled(auto, dataset_of(mirrors=True)).augmentation.flip == "horizontal"
    assert settled(auto, dataset_of(mirrors=False)).augmentation.flip == "none"


def test_of_their_own_images_users_know_best():
    for flip in ("horizontal", "none"):
        chosen = changed(recipe("fast"), {"augmentation.flip": flip})
        for mirrors in (True, None):
            dataset = replace(dataset_of(), mirrors=mirrors)
            assert settled(chosen, dataset).augmentation.flip == flip


@pytest.mark.parametrize("mirrored", [{"augmentation.flip": "horizontal"}, {"test_mirror": True}])
def test_digits_are_not_mirrored_even_if_asked(mirrored):
    chosen = changed(recipe("fast"), mirrored)
    with pytest.raises(RecipeError, match=r"cannot be on digits: a mirrored .* a mirrored 2 is no"):
        settled(chosen, loupe.read("digits"))


def test_classes_named_like_digits_are_a_doubt_about_mirroring_them():
    mirrored = changed(recipe("fast"), {"augmentation.flip": "horizontal"})
    even, own = dataset_of(mirrors=None), replace(dataset_of(mirrors=None), class_names=("0", "1"))
    assert "if these are digits or letters, leave it out" in doubtful_mirrors(mirrored, own)
    assert doubtful_mirrors(mirrored, even) == ""
    assert doubtful_mirrors(mirrored, replace(own, mirrors=True)) == ""
    assert doubtful_mirrors(settled(recipe("fast"), own), own) == ""


def test_a_run_folder_gives_the_recipe_of_its_run(tmp_path):
    (tmp_path / "recipe.toml").write_text(to_toml(Recipe(name="mine", epochs=3)))
    assert recipe(tmp_path) == recipe(tmp_path / "recipe.toml")
    assert recipe(str(tmp_path)).epochs == 3
