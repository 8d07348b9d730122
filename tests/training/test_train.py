import csv
import itertools
import math
from dataclasses import replace

import numpy as np
import onnx
import pytest
import tiny
import torch

from loupe.data.dataset import TEST, TRAIN, VALIDATION, Dataset, Rows
from loupe.errors import DataError, DivergenceError, ModelError, RecipeError, RunError
from loupe.networks.activations import ACTIVATIONS
from loupe.recipes.named import NAMED
from loupe.recipes.recipe import changed
from loupe.runs.history import COLUMNS, Epoch
from loupe.runs.run import open_run
from loupe.training import finish as finishing
from loupe.training.checkpoint import load_checkpoint
from loupe.training.optimizers import OPTIMIZERS
from loupe.training.schedule import SCHEDULES, rate_factor
from loupe.training.train import mean_history, resume, train


@pytest.fixture(scope="module")
def run(tiny_dataset, tmp_path_factory):
    """A run of the small recipe, for tests that only look at it."""
    return train(tiny_dataset, tiny.recipe_of(), out=tmp_path_factory.mktemp("run"))


@pytest.fixture
def trained(tiny_dataset, tmp_path):
    """Train the small recipe with some settings changed, each time in a folder of its own."""
    count = iter(range(100))

    def train_with(dataset=tiny_dataset, **settings):
        return train(dataset, tiny.recipe_of(**settings), out=tmp_path / f"run {next(count)}")

    return train_with


# --------------------------------------------------------------------------- what comes out


def test_a_run_learns_what_it_is_shown(run, tiny_dataset):
    assert run.history[-1].val_accuracy == 1.0
    test = tiny_dataset.test
    right = run.classifier.predict(test.images).argmax(1) == test.labels
    assert right.mean() > 0.9


def test_a_run_folder_holds_plain_files_and_nothing_else(run):
    names = {path.relative_to(run.folder).as_posix() for path in run.folder.rglob("*")}
    assert names == {
        "recipe.toml",
        "history.csv",
        "model.onnx",
        "weights.safetensors",
        "checkpoint",
        "checkpoint/member_0.safetensors",
        "environment.json",
        "log.txt",
    }


def test_the_history_has_a_row_for_each_epoch_and_the_columns_that_were_promised(run):
    with open(run.folder / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS == (
        "epoch", "seconds", "learning_rate", "loss", "accuracy", "precision", "recall",
        "val_loss", "val_accuracy", "val_precision", "val_recall",
    )  # fmt: skip
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert all(math.isfinite(float(cell)) for row in rows for cell in row.values())
    assert all(float(row["seconds"]) > 0 for row in rows)
    losses = [row.loss for row in run.history]
    assert losses == sorted(losses, reverse=True)


def test_the_history_says_the_learning_rate_of_each_epochs_last_step(trained):
    run = trained(schedule="linear", warmup=0.3)
    steps = 220 // 32
    expected = [0.01 * rate_factor(run.recipe, epoch * steps - 1, 3 * steps) for epoch in (1, 2, 3)]
    assert [row.learning_rate for row in run.history] == pytest.approx(expected)


def test_the_environment_says_what_besides_the_recipe_decides_a_run(run, tiny_dataset):
    environment = run.environment
    assert environment["data"]["fingerprint"] == tiny_dataset.fingerprint
    assert environment["data"]["counts"]["validation"] == [7, 7, 6]
    assert environment["versions"]["torch"] == torch.__version__
    assert environment["threads"] == 1 and environment["interrupted"] is False
    assert environment["parameters"] == sum(
        tensor.size for name, tensor in tiny.tensors(run).items() if "running" not in name
        and "num_batches" not in name
    )  # fmt: skip
    assert environment["model_bytes"] == (run.folder / "model.onnx").stat().st_size
    assert environment["parity"]["images"] == 240  # of training and validation: all there are
    assert environment["parity"]["largest_difference"] < 1e-4


def test_the_written_recipe_is_what_was_trained(tiny_dataset, tmp_path):
    variants = {"few": {"epochs": 2}, "tiny": {"augmentation": {"shift": 1}}}
    recipe = changed(tiny.recipe_of(variants=variants), {"augmentation.flip": "auto"})
    written = open_run(train(tiny_dataset, recipe, out=tmp_path / "run").folder).recipe
    assert (written.epochs, written.augmentation.shift) == (2, 1.0)
    assert written.augmentation.flip == "none" and not written.variants
    assert written.epochs == len(open_run(tmp_path / "run").history)


def test_test_images_are_not_looked_at(run, tiny_dataset, trained):
    blank = tiny_dataset.images.copy()
    blank[tiny_dataset.split == TEST] = 255
    other = trained(replace(tiny_dataset, images=blank))
    assert tiny.weights(other) == tiny.weights(run)
    assert other.card.evaluation == run.card.evaluation
    assert other.card.outlier_threshold == run.card.outlier_threshold


def test_whoever_watches_sees_every_step_and_every_epoch(tiny_dataset, tmp_path):
    seen = []
    run = train(
        tiny_dataset, tiny.recipe_of(members=2, epochs=2), out=tmp_path / "run", watch=seen.append
    )
    steps = [(member, step) for member in (0, 1) for step in range(1, 13)]
    assert [(progress.member, progress.step) for progress in seen] == steps
    assert {progress.num_steps for progress in seen} == {12}
    rows = [(p.step, p.epoch.epoch) for p in seen if p.epoch]
    assert rows == [(6, 1), (12, 2)] * 2
    assert len(run.history) == 2


# ------------------------------------------------------------------------------- the same again


def test_the_same_seed_gives_the_same_weights_bit_by_bit(run, trained):
    again = trained()
    assert tiny.weights(again) == tiny.weights(run)
    assert tiny.learnt(again) == tiny.learnt(run)


def test_another_seed_gives_other_weights(run, trained):
    assert tiny.weights(trained(seed=1)) != tiny.weights(run)


RANDOM = {
    "network": "8C3b-DO.3-6C3p2b",
    "ema": 0.9,
    "augmentation": {
        "rotation": 5, "scale": 0.1, "shear": 0.1, "shift": 1, "elastic": 1, "thickness": 0.5,
        "erasing": 2, "noise": 0.05, "flip": "horizontal",
    },
    "focus": 0.6,
}  # fmt: skip


def test_everything_random_comes_from_the_seed(trained):
    torch.manual_seed(1)
    first = trained(**RANDOM)
    torch.manual_seed(2)
    np.random.seed(3)
    assert tiny.weights(trained(**RANDOM)) == tiny.weights(first)
    assert tiny.weights(trained(**RANDOM, seed=1)) != tiny.weights(first)


@pytest.mark.parametrize("settings", [RANDOM, {**RANDOM, "minutes": 1e-4}])
def test_the_global_generator_is_left_as_it_was(trained, settings):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trained(**{**settings, "epochs": 1})
    assert torch.equal(torch.rand(3), expected)


# ------------------------------------------------------------------------------------ choices


# Every activation, optimizer, schedule and precision, in nine runs.
CHOICES = list(
    zip(
        ACTIVATIONS,
        itertools.cycle(OPTIMIZERS),
        itertools.cycle(SCHEDULES),
        itertools.cycle(["float32", "bf16"]),
        strict=False,
    )
)


@pytest.mark.parametrize(("activation", "optimizer", "schedule", "precision"), CHOICES)
def test_every_choice_of_a_recipe_trains(trained, activation, optimizer, schedule, precision):
    run = trained(
        activation=activation,
        optimizer=optimizer,
        schedule=schedule,
        precision=precision,
        learning_rate=0.1 if optimizer in ("sgd", "nesterov") else 0.02,
        weight_decay=0.001,
    )
    assert run.history[-1].loss < 0.9 * run.history[0].loss
    assert run.environment["precision"] == precision


def test_every_choice_was_made_once():
    made = [set(column) for column in zip(*CHOICES, strict=True)]
    assert made == [set(ACTIVATIONS), set(OPTIMIZERS), set(SCHEDULES), {"float32", "bf16"}]


def test_label_smoothing_and_warm_up_train(trained):
    run = trained(schedule="linear", warmup=0.2, label_smoothing=0.1, learning_rate=0.02)
    assert run.history[-1].val_accuracy > 0.9


def twenty_eight(dataset):
    """The tiny data set at MNIST's size: each pixel three by three, and a border of two."""
    large = dataset.images[:90].repeat(3, 1).repeat(3, 2)
    images = np.pad(large, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="edge")
    split = np.where(np.arange(90) < 72, TRAIN, TEST).astype(np.uint8)
    return Dataset(
        "tiny28", images, dataset.labels[:90], split, dataset.class_names, Rows("tiny28", 90)
    )


LONG = {"best", "cnn-995", "cnn-bn"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in LONG else []) for name in NAMED],
)
def test_every_named_recipe_trains_and_exports(name, tiny_dataset, tmp_path):
    few = {"epochs": 1, "batch_size": 33, "validation": 0.08, "variants": {}}
    recipe = changed(NAMED[name], {**few, "members": min(2, NAMED[name].members)})
    run = train(twenty_eight(tiny_dataset), recipe, out=tmp_path / "run")
    assert run.card.recipe["network"] == NAMED[name].network
    assert run.classifier.predict(twenty_eight(tiny_dataset).images).shape == (90, 3)


def test_a_colour_data_set_trains(tiny_dataset, trained):
    tinted = tiny_dataset.images * np.array([0, 0, 1], np.uint8)
    run = trained(replace(tiny_dataset, images=tinted))
    assert run.history[-1].val_accuracy > 0.9 and run.classifier.image_shape == (8, 8, 3)


def test_light_backgrounds_train_like_dark_ones(tiny_dataset, trained):
    run = trained(replace(tiny_dataset, images=255 - tiny_dataset.images), **RANDOM, epochs=8)
    assert run.history[-1].val_accuracy > 0.8


def test_logistic_regression_is_the_empty_network(trained):
    run = trained(network="", epochs=20)
    assert tiny.tensors(run).keys() == {"head.weight", "head.bias"}
    assert run.history[-1].accuracy > 0.8


# ------------------------------------------------------------------------ stopping and keeping


def test_the_best_epoch_is_kept_where_the_recipe_says_so(trained):
    best = trained(keep="best", epochs=6)
    (number,) = best.environment["best_epochs"]
    assert number < 6  # the later ones are no better
    assert [row.val_accuracy for row in best.history].index(1.0) == number - 1
    assert tiny.weights(trained(keep="last", epochs=number)) == tiny.weights(best)
    assert tiny.weights(trained(keep="last", epochs=6)) != tiny.weights(best)


@pytest.mark.parametrize("keep", ["best", "last"])
def test_early_stopping_waits_as_long_as_the_recipe_says_and_keeps_the_best(keep, trained):
    run = trained(keep=keep, epochs=50, patience=2)
    (best,) = run.environment["best_epochs"]
    assert len(run.history) == best + 2
    assert tiny.weights(trained(epochs=best)) == tiny.weights(run)


@pytest.mark.parametrize("setting", [{"patience": 2}, {"keep": "best"}])
def test_stopping_early_without_validation_images_is_refused(trained, setting, tmp_path):
    with pytest.raises(RecipeError, match=r"need validation images.*validation = 0\.1"):
        trained(validation=0, **setting)
    assert not list(tmp_path.iterdir())


def test_without_validation_images_a_run_trains_on_all_and_promises_less(trained):
    run = trained(validation=0)
    assert run.environment["data"]["counts"]["train"] == [80, 80, 80]
    assert all(math.isnan(row.val_accuracy) and math.isnan(row.val_loss) for row in run.history)
    assert (run.card.outlier_threshold, run.card.evaluation) == (None, {})
    assert run.environment["temperature"] == 1.0
    assert run.environment["parity"]["images"] == 240


def test_validation_images_that_the_data_brings_are_used(tiny_dataset, trained):
    split = tiny_dataset.split.copy()
    split[:60] = VALIDATION
    run = trained(replace(tiny_dataset, split=split))
    assert run.card.evaluation["n"] == 60
    assert run.card.training_data["counts"] == {"train": 180, "validation": 60}


def test_the_fraction_for_validation_is_the_recipes(trained):
    run = trained(validation=0.25)
    assert run.environment["data"]["counts"]["validation"] == [20, 20, 20]


def test_a_committee_trains_each_member_as_if_it_were_alone(run, trained):
    both = trained(members=2)
    alone = tiny.tensors(run)
    for name, tensor in tiny.tensors(both).items():
        assert np.array_equal(tensor, alone[name])
    assert not np.array_equal(tiny.tensors(both, 1)["head.weight"], alone["head.weight"])
    assert both.environment["parameters"] == 2 * run.environment["parameters"]


def test_a_committees_history_is_the_mean_of_its_members_and_their_seconds_together():
    def row(epoch, seconds, accuracy):
        return Epoch(epoch, seconds, 0.1, 0.1, accuracy, 0.1, 0.1)

    first, second = mean_history([[row(1, 2.0, 0.5), row(2, 2.0, 0.7)], [row(1, 3.0, 0.9)]])
    assert (first.epoch, first.seconds, first.accuracy) == (1, 5.0, pytest.approx(0.7))
    assert (second.epoch, second.seconds, second.accuracy) == (2, 2.0, 0.7)
    assert math.isnan(first.val_accuracy)


def test_shifts_and_mirrors_at_test_are_in_the_model(trained):
    plain, viewed = trained(members=2), trained(members=2, test_shifts=True, test_mirror=True)
    assert tiny.weights(plain) == tiny.weights(viewed)
    nodes = [
        [node.op_type for node in onnx.load(run.folder / "model.onnx").graph.node]
        for run in (plain, viewed)
    ]
    assert nodes[1].count("Conv") == 6 * nodes[0].count("Conv")


@pytest.mark.slow
def test_minutes_become_epochs(trained):
    short, long = trained(minutes=1e-4), trained(minutes=0.01)
    assert short.recipe.minutes is long.recipe.minutes is None
    assert short.recipe.epochs == len(short.history)
    assert 1 <= short.recipe.epochs < long.recipe.epochs == len(long.history)


# ----------------------------------------------------------------------------- what is refused


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tiny_dataset, tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(RunError, match="is not empty, and nothing is overwritten"):
        train(tiny_dataset, tiny.recipe_of(), out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_in_the_place_of_the_folder_is_refused(tiny_dataset, tmp_path):
    (tmp_path / "run").write_text("precious")
    with pytest.raises(RunError, match="cannot be made"):
        train(tiny_dataset, tiny.recipe_of(), out=tmp_path / "run")
    assert (tmp_path / "run").read_text() == "precious"


def test_an_empty_folder_is_taken(tiny_dataset, tmp_path):
    assert train(tiny_dataset, tiny.recipe_of(epochs=1), out=tmp_path).folder == tmp_path


def test_batches_of_one_image_are_refused_where_layers_compare_the_images(tiny_dataset, tmp_path):
    lonely = tiny.recipe_of(network="8C3-9Nb", batch_size=1)
    with pytest.raises(RecipeError, match="batch_size = 1 on .* training images.*needs two"):
        train(tiny_dataset, lonely, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_batches_of_one_image_train_where_no_layer_minds(trained):
    assert len(trained(network="2C3b", batch_size=1, epochs=1).history) == 1


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_network_that_does_not_fit_is_refused_before_there_is_a_folder(
    trained, precision, tmp_path
):
    with pytest.raises(RecipeError, match="The layer MP2 pools 2x2 pixels"):
        trained(network="8C3-MP2-MP2-MP2-MP2", precision=precision)
    assert not list(tmp_path.iterdir())


def test_a_missing_gpu_is_refused(trained):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(RecipeError, match="PyTorch sees no GPU"):
        trained(device="cuda")


def test_one_class_alone_cannot_be_trained_on(tiny_dataset, trained):
    columns = tiny_dataset.select(np.flatnonzero(tiny_dataset.labels == 0))
    with pytest.raises(DataError, match="has one class only, 'column'"):
        trained(replace(columns, class_names=("column",)))


def test_a_class_without_training_images_is_named(tiny_dataset, trained):
    with pytest.raises(DataError, match="class 'dot' has no training images"):
        trained(replace(tiny_dataset, class_names=(*tiny_dataset.class_names, "dot")))


def test_a_loss_that_is_no_number_stops_the_run_at_its_step_and_keeps_the_checkpoint_before(
    tiny_dataset, tmp_path
):
    recipe = tiny.recipe_of(
        network="8C3-16N", activation="elu", optimizer="sgd", learning_rate=1e6, precision="float32"
    )
    with pytest.raises(DivergenceError, match=r"no number any more at step (\d+)\b") as caught:
        train(tiny_dataset, recipe, out=tmp_path / "run", checkpoint_seconds=0.0)
    words = str(caught.value).split()
    step = int(words[words.index("step") + 1])
    checkpoint = load_checkpoint(tmp_path / "run" / "checkpoint" / "member_0.safetensors")
    assert checkpoint.values["step"] == step - 1
    assert torch.isfinite(checkpoint.tensors["losses"]).all()
    run = open_run(tmp_path / "run")
    assert not run.is_finished and str(caught.value) in (run.folder / "log.txt").read_text()
    # Whatever is asked of it then says so too, and does not advise to go on.
    for ask in (lambda: run.classifier, lambda: resume(run.folder, tiny_dataset)):
        with pytest.raises(RunError, match=r"diverged\. Train anew with a lower learning_rate"):
            ask()
    assert run.state == "diverged"


def test_a_model_that_disagrees_with_its_network_is_not_written(
    tiny_dataset, tmp_path, monkeypatch
):
    write_model = finishing.write_model

    def tampered(committee, *rest):
        with torch.no_grad():
            committee.members[0].head.weight[0, 0] += 0.5
        return write_model(committee, *rest)

    monkeypatch.setattr(finishing, "write_model", tampered)
    with pytest.raises(ModelError, match=r"differs from the trained network.*It was not written"):
        train(tiny_dataset, tiny.recipe_of(), out=tmp_path / "run")
    run = open_run(tmp_path / "run")
    assert not run.is_finished and tiny.weights(run)
    monkeypatch.undo()
    assert resume(run.folder, tiny_dataset).is_finished


def test_training_leaves_the_smallest_numbers_as_they_were(trained):
    trained(network="")
    smallest = torch.tensor(1e-310, dtype=torch.float64)
    assert smallest / 2 > 0  # it is denormal: flushed, it would be 0
