import shutil
from dataclasses import replace

import numpy as np
import pytest
import tiny
from PIL import Image
from safetensors.numpy import load_file

import loupe
from loupe.data.dataset import TEST, TRAIN
from loupe.errors import DataError, RecipeError, RunError
from loupe.recipes.heads import concerned, problems_of
from loupe.runs.run import WEIGHTS_FILE, open_run
from loupe.training.additions import read_panels
from loupe.training.continuing import continue_training
from loupe.training.train import resume, train


@pytest.fixture(scope="module", params=["one-vs-rest", "one-vs-one"])
def run(request, tiny_dataset, tmp_path_factory):
    """A run of two members, for tests that only look at it."""
    recipe = tiny.recipe_of(head=request.param, network="4C3b-9N", members=2, epochs=2)
    return train(tiny_dataset, recipe, out=tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def more(tiny_dataset):
    """New images of the first class."""
    columns = tiny_dataset.select(np.flatnonzero(tiny_dataset.labels == 0)[:30])
    noise = np.random.default_rng(5).integers(0, 9, columns.images.shape, np.uint8)
    images = columns.images // 2 + noise
    return replace(columns, images=images, split=np.full(30, TEST, np.uint8), name="more")


@pytest.fixture
def continued(run, more, tiny_dataset, tmp_path):
    return continue_training(run, more, "column", dataset=tiny_dataset, out=tmp_path / "new")


def rows_of(run, count):
    """The weights and the calibration of each network, by name and network."""
    for name, tensor in load_file(run.folder / WEIGHTS_FILE).items():
        if tensor.ndim:  # not the counts of batches
            yield from ((name, i, row) for i, row in enumerate(tensor.reshape(count, -1)))


def test_only_the_networks_of_the_class_change_and_the_others_not_by_a_bit(run, continued):
    problems = problems_of(run.recipe.head, 3)
    trained = concerned(problems, 0)
    changed = set()
    pairs = zip(rows_of(run, len(problems)), rows_of(continued, len(problems)), strict=True)
    for (name, network, before), (_, _, after) in pairs:
        if before.tobytes() != after.tobytes():
            changed.add(network)
        elif "weight" in name and "0.1" not in name:
            assert network not in trained
    assert changed == set(trained)
    for before, after in zip(
        run.environment["temperatures"], continued.environment["temperatures"], strict=True
    ):
        kept = [i for i in range(len(problems)) if i not in trained]
        assert [before[i] for i in kept] == [after[i] for i in kept]


def test_framing_splits_and_recipe_stay_the_runs(run, continued, tiny_dataset):
    assert continued.card.framing == run.card.framing
    assert continued.recipe == run.recipe
    assert continued.environment["data"]["fingerprint"] == tiny_dataset.fingerprint
    before, after = (each.environment["data"]["counts"] for each in (run, continued))
    assert (after["validation"], after["test"]) == (before["validation"], before["test"])
    assert (
        after["train"][0] == before["train"][0] + 30 and after["train"][1:] == before["train"][1:]
    )
    assert continued.card.evaluation["n"] == run.card.evaluation["n"]


def test_the_new_run_says_what_it_was_continued_from_and_how_it_was_before(run, continued):
    said = continued.environment["continued"]
    assert said["run"] == str(run.folder.resolve()) and said["classes"] == ["column"]
    assert (said["more"]["images"], said["more"]["left_out"]) == (30, [])
    assert [row["name"] for row in said["before"]["validation"]] == ["column", "row", "blob"]
    assert "test" not in said["before"]  # nobody has looked
    assert [row["name"] for row in said["after"]["validation"]] == ["column", "row", "blob"]
    assert "column or" in (continued.folder / "log.txt").read_text()


def test_a_panel_is_read_back_as_it_was(run, tiny_dataset):
    panels = read_panels(run, (8, 8, 1), 3)
    assert [panel.temperatures.tolist() for panel in panels] == run.environment["temperatures"]


def test_images_that_are_held_out_are_left_out_by_name(run, more, tiny_dataset, tmp_path):
    images = more.images.copy()
    images[3] = tiny_dataset.test.images[7]
    leaking = replace(more, images=images)
    new = continue_training(run, leaking, "column", dataset=tiny_dataset, out=tmp_path / "new")
    said = new.environment["continued"]["more"]
    assert (said["images"], said["left_out"]) == (29, [more.sources[3]])
    assert more.sources[3] in (new.folder / "log.txt").read_text()
    assert any(more.sources[3] in note for note in new.environment["data"]["notes"])
    with pytest.raises(DataError, match="All 60 images of tiny are validation or test images"):
        continue_training(run, tiny_dataset.test, "column", dataset=tiny_dataset)


def test_a_run_with_one_network_is_refused_with_the_reason(tiny_dataset, more, tmp_path):
    softmax = train(tiny_dataset, tiny.recipe_of(network="9N", epochs=1), out=tmp_path / "run")
    with pytest.raises(RecipeError, match="'softmax': one network tells all classes apart.*-rest"):
        continue_training(softmax, more, "column", dataset=tiny_dataset)


def test_what_does_not_fit_is_refused(run, more, tiny_dataset, tmp_path):
    with pytest.raises(RecipeError, match="no class 'colum'. Did you mean 'column'"):
        continue_training(run, more, "colum", dataset=tiny_dataset)
    other = replace(more, class_names=("pillar", "row", "blob"))
    with pytest.raises(DataError, match="'pillar', which is none of the run's classes"):
        continue_training(run, other, "column", dataset=tiny_dataset)
    with pytest.raises(DataError, match="8 x 9 x 1.*those of the run are 8 x 8 x 1"):
        wide = np.pad(more.images, ((0, 0), (0, 0), (0, 1), (0, 0)))
        continue_training(run, replace(more, images=wide), "column", dataset=tiny_dataset)
    with pytest.raises(RunError, match="images or labels have changed"):
        changed = replace(tiny_dataset, labels=tiny_dataset.labels[::-1].copy())
        continue_training(run, more, "column", dataset=changed)


def test_a_continued_run_that_was_killed_is_begun_again(run, more, tiny_dataset, tmp_path):
    with pytest.raises(tiny.Killed):
        continue_training(
            run, more, "column", dataset=tiny_dataset, out=tmp_path / "new", watch=tiny.kill_at(3)
        )
    assert not open_run(tmp_path / "new").is_finished
    with pytest.raises(RunError, match=r"Remove it and begin it again.*--continue .* column"):
        resume(tmp_path / "new", tiny_dataset)
    with pytest.raises(RunError, match="has not finished"):
        continue_training(tmp_path / "new", more, "column", dataset=tiny_dataset)


@pytest.fixture
def folders(more, tmp_path):
    """Two folders of images of the first class."""
    for name, images in (("first", more.images[:10]), ("second", more.images[10:25])):
        (tmp_path / name).mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image[:, :, 0]).save(tmp_path / name / f"{number:02}.png")
    return tmp_path / "first", tmp_path / "second"


def test_what_a_run_was_continued_with_before_is_trained_on_again(
    run, folders, tiny_dataset, tmp_path
):
    known, last = {"dataset": tiny_dataset}, run
    for number, folder in enumerate((*folders, folders[0])):
        last = continue_training(last, folder, "column", **known, out=tmp_path / str(number))
    before, after = (each.environment["data"]["counts"]["train"] for each in (run, last))
    assert after == [before[0] + 10 + 15 + 10, *before[1:]]
    names = [each["more"]["name"] for each in last.environment["continued"]["earlier"]]
    assert names == ["first", "second"]


def test_what_was_added_before_and_has_changed_or_is_gone_is_refused(
    run, folders, more, tiny_dataset, tmp_path
):
    first, second = folders
    known = {"dataset": tiny_dataset}
    once = continue_training(run, first, "column", **known, out=tmp_path / "once")
    (first / "00.png").unlink()
    with pytest.raises(
        RunError, match=r"10 of the .* holds other images .* continue the run before"
    ):
        continue_training(once, second, "column", **known)
    shutil.rmtree(first)
    with pytest.raises(RunError, match="first, which is not there any more"):
        continue_training(once, second, "column", **known)
    of_arrays = continue_training(run, more, "column", **known, out=tmp_path / "arrays")
    with pytest.raises(RunError, match=r"arrays in memory \('more'\), which are gone"):
        continue_training(of_arrays, second, "column", **known)


@pytest.mark.usefixtures("without_type_checks")
@pytest.mark.parametrize("wrong", [0, [], [1], None])
def test_classes_that_are_no_names_are_refused_with_what_was_expected(run, more, wrong):
    with pytest.raises(RecipeError, match="expected the name of a class as text.*column, row"):
        continue_training(run, more, wrong)


@pytest.mark.slow
def test_more_images_of_a_weak_class_help_it(tiny_dataset, tmp_path):
    ours = np.flatnonzero((tiny_dataset.labels == 0) & (tiny_dataset.split == TRAIN))
    few = tiny_dataset.select(np.setdiff1d(np.arange(len(tiny_dataset)), ours[8:]))
    recipe = tiny.recipe_of(head="one-vs-rest", network="24N", epochs=8)
    run = train(few, recipe, out=tmp_path / "run")
    more = tiny_dataset.select(ours[8:])
    new = continue_training(run, more, "column", dataset=few, out=tmp_path / "new")
    recalls = [
        loupe.evaluate(each.classifier, few, split="test").per_class[0].recall
        for each in (run, new)
    ]
    assert recalls[1] > recalls[0] + 0.1
