"""What the tests of the classifier share."""

import pytest
import threadpoolctl
import torch


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Compute with one thread: two that wait for each other on a busy machine are slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpoolctl.threadpool_limits(1):
        yield
    torch.set_num_threads(before)
