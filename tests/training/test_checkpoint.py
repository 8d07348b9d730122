import itertools

import pytest
import tiny
import torch

from loupe.errors import RunError
from loupe.training.checkpoint import load_checkpoint, save_checkpoint
from loupe.training.loop import finish_epoch, run_step
from loupe.training.member import new_member, restore_member, save_member
from loupe.training.optimizers import OPTIMIZERS
from loupe.training.prepare import prepare, with_validation


@pytest.fixture
def job_of(tiny_dataset):
    def make(**settings):
        recipe = tiny.recipe_of(**settings)
        return prepare(with_validation(tiny_dataset, recipe), recipe)

    return make


def state_of(member):
    return torch.cat([t.flatten().double() for t in member.net.state_dict().values()])


NETWORKS = ("16C3b-12C3b-8C1", "8C3-R(16C3/2b-16C3b)-GAP", "2C5v/2p2-7Nb", "")


# Each optimizer with two networks, each network with three optimizers.
@pytest.mark.parametrize(
    ("network", "optimizer"),
    list(zip(itertools.cycle(NETWORKS), [*OPTIMIZERS, *OPTIMIZERS], strict=False)),
)
def test_a_restored_network_takes_the_same_next_steps(optimizer, network, job_of, tmp_path):
    job = job_of(optimizer=optimizer, network=network, ema=0.5, weight_decay=0.1)
    member = new_member(job, 0)
    for _ in range(7):
        run_step(member, job)
    save_member(member, tmp_path / "member.safetensors", job)
    other = new_member(job, 0)
    restore_member(other, tmp_path / "member.safetensors", job)
    for _ in range(6):
        for either in (member, other):
            run_step(either, job)
    assert torch.equal(state_of(member), state_of(other))
    assert torch.equal(member.guesses, other.guesses) and torch.equal(member.losses, other.losses)
    row, again = finish_epoch(member, job), finish_epoch(other, job)
    assert (row.loss, row.val_loss) == (again.loss, again.val_loss)


def test_a_restored_network_shares_nothing_with_the_file_or_the_first(job_of, tmp_path):
    job = job_of()
    member = new_member(job, 0)
    run_step(member, job)
    save_member(member, tmp_path / "member.safetensors", job)
    before = state_of(member)
    other = new_member(job, 0)
    restore_member(other, tmp_path / "member.safetensors", job)
    run_step(other, job)
    assert torch.equal(state_of(member), before)
    restore_member(other, tmp_path / "member.safetensors", job)
    assert torch.equal(state_of(other), before) and other.step == 1


def test_a_checkpoint_keeps_tensors_and_values(tmp_path):
    tensors = {
        "grid": torch.arange(24.0).view(2, 3, 2, 2).contiguous(memory_format=torch.channels_last),
        "count": torch.tensor(7),
        "empty": torch.zeros(0, dtype=torch.int64),
    }
    values = {"step": 3, "history": [{"loss": float("nan")}], "name": "ä"}
    path = tmp_path / "checkpoint" / "member.safetensors"
    path.parent.mkdir()
    save_checkpoint(path, tensors, values)
    read = load_checkpoint(path)
    assert read.tensors.keys() == tensors.keys()
    assert all(torch.equal(read.tensors[name], tensor) for name, tensor in tensors.items())
    assert str(read.values) == str(values)  # nan is not equal to itself


@pytest.mark.parametrize("content", [b"", b"x", b"\xff" * 200, b"\x02" + b"\0" * 7 + b"{}"])
def test_a_file_that_is_no_checkpoint_is_refused(content, tmp_path):
    path = tmp_path / "member.safetensors"
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"member\.safetensors is damaged"):
        load_checkpoint(path)
