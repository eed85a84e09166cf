"""Few threads, for small networks on a busy machine."""

import pytest


@pytest.fixture(scope="package", autouse=True)
def _one_thread():
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
