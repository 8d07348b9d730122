import itertools
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from torch.nn import functional

from loupe.data.dataset import TEST, TRAIN, VALIDATION, Dataset, Rows
from loupe.data.read import read
from loupe.errors import DataError, RecipeError
from loupe.networks.panel import Panel, build_stack
from loupe.recipes.heads import problems_of
from loupe.recipes.recipe import Recipe
from loupe.runs.run import open_run
from loupe.training import dense_stack
from loupe.training.calibrate import calibrate
from loupe.training.dense_stack import lay_out_blocks, stack_gradients
from loupe.training.loop import finish_epoch, run_step
from loupe.training.member import new_member
from loupe.training.prepare import prepare, with_validation
from loupe.training.train import resume, train

MANY = ("one-vs-rest", "one-vs-one")
BALANCES = ("none", "weights", "under-sample", "over-sample")


@pytest.fixture
def trained(tiny_dataset, tmp_path):
    """Train the small recipe with some settings changed."""
    count = iter(range(100))

    def train_with(dataset=tiny_dataset, **settings):
        return train(dataset, tiny.recipe_of(**settings), out=tmp_path / f"run {next(count)}")

    return train_with


def scarce(dataset, kept):
    """The data set with only so many training images of its first class."""
    ours = np.flatnonzero((dataset.labels == 0) & (dataset.split == TRAIN))[kept:]
    return dataset.select(np.setdiff1d(np.arange(len(dataset)), ours))


# ------------------------------------------------------------------------------ what comes out


@pytest.mark.parametrize("head", MANY)
@pytest.mark.parametrize("network", ["24N", "8C3b-6C3p2b"])
def test_binary_networks_learn_what_they_are_shown(head, network, trained, tiny_dataset):
    run = trained(head=head, network=network, epochs=15 if head == "one-vs-one" else 5)
    right = run.classifier.predict(tiny_dataset.test.images).argmax(1) == tiny_dataset.test.labels
    assert right.mean() > 0.85 and run.history[-1].val_accuracy > 0.85
    assert run.history[-1].loss < run.history[0].loss
    assert run.history[-1].accuracy > 0.85
    assert run.environment["parity"]["largest_difference"] < 1e-4
    (temperatures,) = run.environment["temperatures"]
    assert len(temperatures) == 3 and len(set(temperatures)) == 3  # each its own
    count = {"24N": 3 * (65 * 24 + 25)}.get(network)
    assert count is None or run.environment["parameters"] == count


EVERYTHING = {
    "members": 2, "test_shifts": True, "test_mirror": True, "ema": 0.9, "focus": 0.6,
    "label_smoothing": 0.1, "keep": "best", "patience": 9,
}  # fmt: skip


@pytest.mark.parametrize("head", MANY)
@pytest.mark.parametrize(
    ("network", "settings"),
    [
        ("9N", {"balance": "under-sample"}),
        pytest.param("4C3b-DO.3-4C3p2b", {
            "optimizer": "muon", "augmentation": {"rotation": 5, "flip": "horizontal"},
        }, marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_a_killed_run_of_binary_networks_goes_on_to_the_same_weights(
    head, network, settings, tiny_dataset, tmp_path
):
    recipe = tiny.recipe_of(head=head, network=network, epochs=2, **EVERYTHING, **settings)
    expected = train(tiny_dataset, recipe, out=tmp_path / "whole")

    def kill(progress):
        if progress.member == 1 and progress.step >= 3:
            raise tiny.Killed

    with pytest.raises(tiny.Killed):
        train(tiny_dataset, recipe, out=tmp_path / "run", watch=kill, checkpoint_seconds=0.0)
    run = resume(tmp_path / "run", tiny_dataset)
    assert tiny.weights(run) == tiny.weights(expected)
    assert tiny.learnt(run) == tiny.learnt(expected)
    assert open_run(run.folder).classifier.predict(tiny_dataset.test.images).shape == (60, 3)


@pytest.mark.parametrize("head", MANY)
def test_minutes_become_epochs(head, trained):
    assert trained(head=head, network="9N", minutes=1e-6).recipe.epochs == 1


def test_two_classes_make_one_pair(tiny_dataset, trained):
    two = tiny_dataset.select(np.flatnonzero(tiny_dataset.labels < 2))
    two = replace(two, class_names=two.class_names[:2])
    run = trained(two, head="one-vs-one", network="9N", epochs=5)
    assert len(run.environment["temperatures"][0]) == 1
    assert run.classifier.predict(two.test.images).shape == (40, 2)


def test_features_of_many_networks_are_projected(trained, tiny_dataset):
    run = trained(head="one-vs-rest", network="120N", epochs=1)
    assert run.classifier.examine(tiny_dataset.test.images).features.shape == (
        60,
        219,
    )  # 220 images span no more


# --------------------------------------------------------------------- as scikit-learn has them


@pytest.mark.slow
@pytest.mark.parametrize(
    ("head", "reference", "images"),
    [("one-vs-rest", OneVsRestClassifier, 1.0), ("one-vs-one", OneVsOneClassifier, 0.2)],
)
def test_the_empty_notation_agrees_with_scikit_learn_on_digits(head, reference, images, tmp_path):
    digits = read("digits")
    # Adam's weight decay is the slope of a penalty on the mean loss; C is one on the sum.
    decay = 1e-3
    recipe = Recipe(
        name="logistic", head=head, optimizer="adam", learning_rate=0.05, weight_decay=decay,
        schedule="linear", epochs=200, batch_size=10_000, validation=0.1,
    )  # fmt: skip
    run = train(digits, recipe, out=tmp_path / "run", checkpoint_seconds=1e6)
    learnt = with_validation(digits, recipe).train
    model = LogisticRegression(C=1 / (decay * images * len(learnt)), max_iter=1000)
    model = reference(model).fit(learnt.images.reshape(len(learnt), -1) / 255, learnt.labels)
    test = digits.test
    theirs = model.predict(test.images.reshape(len(test), -1) / 255)
    ours = run.classifier.predict(test.images).argmax(1)
    assert (ours == theirs).mean() > 0.98
    assert (ours == test.labels).mean() > (theirs == test.labels).mean() - 0.01


# -------------------------------------------------------------------------- gradients and draws


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("network", ["", "9N", "12N-7N"])
@pytest.mark.parametrize("weighted", [False, True])
def test_gradients_by_hand_are_autograds_in_any_blocks(own, network, weighted, monkeypatch):
    monkeypatch.setattr(dense_stack, "BLOCK_PARAMETERS", 1)
    recipe = tiny.recipe_of(network=network)
    stack = build_stack(recipe, (1, 8, 8), range(3))
    generator = torch.Generator().manual_seed(2)
    inputs = torch.rand(3, 20, 64, generator=generator)
    if not own:
        inputs = inputs[:1].expand(3, -1, -1)
    targets = torch.rand(3, 20, generator=generator) < 0.3
    weights = torch.tensor([[0.5, 2.0], [1.0, 1.0], [3.0, 0.1]]) if weighted else None
    stacked = inputs.transpose(0, 1).flatten(1).view(20, 3, 8, 8)
    logits = stack(stacked if own else inputs[0].view(20, 1, 8, 8)).t()
    each = functional.binary_cross_entropy_with_logits(
        logits, targets.float() * 0.9 + 0.05, reduction="none"
    )
    if weights is not None:
        each = each * torch.where(targets, weights[:, 1:], weights[:, :1])
    each.mean(1).sum().backward()
    expected = {name: p.grad.clone() for name, p in stack.named_parameters()}
    blocks = lay_out_blocks(stack, 20, False, recipe)
    assert len(blocks) == 3
    for place, block in enumerate(blocks):
        given = stack_gradients(
            block.dense, inputs[block.networks] if own else inputs[0], targets[block.networks],
            0.1, None if weights is None else weights[block.networks],
        )  # fmt: skip
        torch.testing.assert_close(given, logits[block.networks].detach())
        names = [name.rpartition(".")[0] for name in expected if name.endswith("weight")]
        for name, layer in zip(names, block.dense.layers, strict=True):
            for kind, slope in (("weight", layer.weight_slope), ("bias", layer.bias_slope)):
                whole = expected[f"{name}.{kind}"]
                own_part = whole.view(3, -1)[place].view_as(slope)
                torch.testing.assert_close(slope, own_part, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("head", MANY)
def test_blocks_of_any_size_come_to_the_same(head, trained, monkeypatch):
    settings = {"head": head, "network": "9N", "ema": 0.9, "epochs": 2, "precision": "float32"}
    whole = trained(**settings)
    monkeypatch.setattr(dense_stack, "BLOCK_PARAMETERS", 1)
    apart = trained(**settings)
    for name, tensor in tiny.tensors(whole).items():
        np.testing.assert_allclose(tiny.tensors(apart)[name], tensor, rtol=1e-2, atol=1e-4)


def test_a_network_of_a_stack_learns_as_it_would_alone(tiny_dataset):
    recipe = tiny.recipe_of(head="one-vs-one", network="9N", precision="float32")
    dataset = with_validation(tiny_dataset, recipe)
    problems = problems_of("one-vs-one", 3)
    jobs = [prepare(dataset, recipe), prepare(dataset, recipe, problems=problems[1:2])]
    members = [new_member(job, 0) for job in jobs]
    for member, job in zip(members, jobs, strict=True):
        torch.testing.assert_close(member.net.state_dict(), member.net.state_dict())
        assert job.drawn_apart and job.batch_size == 32
    together, alone = (member.net.head.weight for member in members)
    assert torch.equal(together[1], alone[0])


def job_of(dataset, **settings):
    recipe = tiny.recipe_of(network="9N", precision="float32", **settings)
    return prepare(with_validation(dataset, recipe), recipe)


def round_of(job):
    member = new_member(job, 0)
    run_step(member, job)
    return member.order


@pytest.mark.parametrize("balance", BALANCES)
def test_each_pair_sees_its_two_classes_and_nothing_else(balance, tiny_dataset):
    job = job_of(scarce(tiny_dataset, 20), head="one-vs-one", balance=balance)
    order, labels = round_of(job), job.training.labels
    assert order.shape == (3, job.steps_per_epoch * job.batch_size)
    for row, problem in zip(order, job.problems, strict=True):
        assert set(labels[row].tolist()) == {problem.positive, problem.negative}
        seen = torch.bincount(labels[row], minlength=3)[[problem.positive, problem.negative]]
        if balance in ("under-sample", "over-sample"):
            assert abs(int(seen[0] - seen[1])) <= job.batch_size


@pytest.mark.parametrize("balance", ["under-sample", "over-sample"])
def test_balanced_rounds_have_as_many_images_of_each_class(balance, tiny_dataset):
    dataset = scarce(tiny_dataset, 20)
    job = job_of(dataset, balance=balance)
    counts = torch.bincount(job.training.labels)
    wanted = int(counts.min() if balance == "under-sample" else counts.max())
    assert job.round_size == 3 * wanted
    assert sorted(torch.bincount(job.training.labels[round_of(job)]).tolist())[0] >= wanted - 32
    rest = job_of(dataset, head="one-vs-rest", balance=balance)
    for row, problem in zip(round_of(rest), rest.problems, strict=True):
        share = (rest.training.labels[row] == problem.positive).float().mean()
        assert 0.3 < float(share) < 0.7


def test_a_weighed_class_counts_as_much_as_any_other(tiny_dataset):
    dataset = scarce(tiny_dataset, 20)
    job = job_of(dataset, balance="weights")
    counts = torch.bincount(job.training.labels)
    torch.testing.assert_close(job.loss_weights * counts, torch.full((3,), counts.sum() / 3))
    for head in MANY:
        job = job_of(dataset, head=head, balance="weights")
        for problem, (no, yes) in zip(job.problems, job.loss_weights, strict=True):
            mine = int(counts[problem.positive])
            others = int(counts.sum()) - mine
            if problem.negative is not None:
                others = int(counts[problem.negative])
            assert float(yes) * mine == pytest.approx(float(no) * others)


@pytest.mark.parametrize("head", ["softmax", *MANY])
@pytest.mark.parametrize("balance", BALANCES)
def test_validation_and_test_images_keep_their_frequencies(head, balance, tiny_dataset, trained):
    dataset = scarce(tiny_dataset, 20)
    run = trained(dataset, head=head, balance=balance, network="9N", epochs=2, validation=0.3)
    plain = with_validation(dataset, tiny.recipe_of(validation=0.3))
    counts = run.environment["data"]["counts"]
    assert counts["validation"] == plain.validation.counts().tolist() == [6, 24, 24]
    assert counts["test"] == dataset.test.counts().tolist() == [20, 20, 20]
    assert counts["train"] == [14, 56, 56]
    assert run.card.evaluation["n"] == 54


@pytest.mark.slow
def test_balance_finds_rare_images_that_plain_training_misses():
    generator = np.random.default_rng(0)
    labels = np.r_[np.zeros(12), np.ones(400)].astype(np.int64)
    images = generator.integers(0, 256, (412, 4, 4, 1), np.uint8)
    images[labels == 0, 0] = np.maximum(images[labels == 0, 0], 110)
    split = np.full(412, TRAIN, np.uint8)
    split[::4], split[1::4] = TEST, VALIDATION
    dataset = Dataset("rare", images, labels, split, ("rare", "usual"), Rows("rare", 412))
    found = {}
    for head, balance in itertools.product(("softmax", "one-vs-rest"), BALANCES):
        job = job_of(dataset, head=head, balance=balance, epochs=30, batch_size=12)
        member = new_member(job, 0)
        while member.step < job.num_steps:
            run_step(member, job)
        logits = member.net(job.validation.images.float() / 255).detach()
        found[head, balance] = int((logits.argmax(1)[job.validation.labels == 0] == 0).sum())
        assert finish_epoch(member, job).val_accuracy > 0.5
    for head in ("softmax", "one-vs-rest"):
        assert all(found[head, balance] >= found[head, "none"] for balance in BALANCES)


# ---------------------------------------------------------------------------------- calibration


def test_each_network_is_calibrated_on_the_images_of_its_own_question(tiny_dataset):
    panel = Panel(
        build_stack(tiny.recipe_of(network="9N"), (1, 8, 8), range(3)), "one-vs-one", 3
    ).eval()
    calibrate(panel, tiny_dataset.test)
    all_fitted = panel.temperatures.clone()
    others = np.flatnonzero(tiny_dataset.test.labels != 2)  # what the pair 0, 1 is asked about
    panel.temperatures.fill_(1)
    calibrate(panel, tiny_dataset.test.select(others))
    assert float(panel.temperatures[0]) == pytest.approx(float(all_fitted[0]))
    assert panel.temperatures[1:].tolist() == [1, 1]  # images of one answer only
    panel.temperatures.fill_(3)
    calibrate(panel, tiny_dataset.test, [2])
    assert panel.temperatures.tolist() == [3, 3, pytest.approx(float(all_fitted[2]))]


# ------------------------------------------------------------------------------ what is refused


def test_one_vs_one_of_too_many_classes_is_refused_before_there_is_a_folder(trained, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (84, 8, 8, 1), np.uint8)
    labels, split = np.arange(84) % 21, np.where(np.arange(84) < 63, TRAIN, TEST).astype(np.uint8)
    names = tuple(f"class {label}" for label in range(21))
    dataset = Dataset("many", images, labels, split, names, Rows("many", 84))
    with pytest.raises(RecipeError, match="21 classes make 210 networks"):
        trained(dataset, head="one-vs-one")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("head", MANY)
def test_one_class_is_refused(head, tiny_dataset, trained):
    columns = tiny_dataset.select(np.flatnonzero(tiny_dataset.labels == 0))
    with pytest.raises(DataError, match="has one class only"):
        trained(replace(columns, class_names=("column",)), head=head)
