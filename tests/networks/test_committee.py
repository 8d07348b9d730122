import engine
import numpy as np
import pytest
import torch

from loupe.networks.committee import SHIFTS, Committee
from loupe.networks.graph import OPSET

SHAPE = (1, 8, 10)


def committee_of(members, *, shifts=False, mirror=False):
    nets = [engine.make_net("4C3b-5N", SHAPE, seed=seed) for seed in range(members)]
    return Committee(nets, shifts, mirror).eval()


@pytest.mark.parametrize("members", [1, 2, 3])
@pytest.mark.parametrize("shifts", [False, True])
@pytest.mark.parametrize("mirror", [False, True])
def test_a_committee_means_the_same_in_onnx(members, shifts, mirror):
    committee = committee_of(members, shifts=shifts, mirror=mirror)
    engine.assert_parity(committee, engine.random_images(6, SHAPE))


def test_a_committee_of_one_is_its_member():
    committee = committee_of(1)
    images = engine.random_images(4, SHAPE)
    assert torch.equal(committee(images), committee.members[0](images))


def test_a_committee_votes_by_the_mean_of_probabilities():
    committee = committee_of(3)
    images = engine.random_images(4, SHAPE)
    votes = torch.stack([net(images).softmax(1) for net in committee.members])
    torch.testing.assert_close(committee(images).softmax(1), votes.mean(0))


def test_features_lie_side_by_side_and_are_of_the_image_as_it_is():
    committee = committee_of(2, shifts=True, mirror=True)
    images = engine.random_images(4, SHAPE)
    expected = torch.cat([net.features(images) for net in committee.members], 1)
    assert torch.equal(committee.features(images), expected)


def test_shifts_move_the_image_along_its_diagonal_and_repeat_its_edge():
    committee = committee_of(1, shifts=True)
    images = engine.random_images(3, SHAPE)
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    views = [
        torch.from_numpy(np.roll(padded, shift, (2, 3))[:, :, 1:-1, 1:-1])
        for shift in ((0, 0), *SHIFTS)
    ]
    assert set(SHIFTS) == {(1, 1), (-1, -1)}
    votes = torch.stack([committee.members[0](view).softmax(1) for view in views])
    torch.testing.assert_close(committee(images).softmax(1), votes.mean(0))


def test_a_mirrored_committee_says_the_same_of_the_mirrored_image():
    images = engine.random_images(3, SHAPE)
    committee = committee_of(2, mirror=True)
    torch.testing.assert_close(committee(images), committee(images.flip(3)))


def test_a_vote_that_is_sure_stays_finite_or_certain():
    committee = committee_of(2)
    with torch.no_grad():
        for net in committee.members:
            net.head.bias.copy_(torch.tensor([1e4, -1e4, 0.0]))
    images = engine.random_images(2, SHAPE)
    assert torch.equal(committee(images).softmax(1), torch.tensor([[1.0, 0.0, 0.0]] * 2))
    logits, _ = engine.run_graph(committee, images)
    assert not np.isnan(logits).any()


def test_the_opset_is_one_that_runtimes_know():
    assert OPSET >= 18
