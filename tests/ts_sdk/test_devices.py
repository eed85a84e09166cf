"""Device words, checked to be there; nothing falls back to the CPU silently."""

import pytest
import torch

from ts_sdk.devices import device_wished, resolve_device
from ts_sdk.errors import DeviceUnavailableError

HAS_CUDA = torch.cuda.is_available()
HAS_MPS = torch.backends.mps.is_available()
needs_cuda = pytest.mark.skipif(not HAS_CUDA, reason="needs a CUDA device")
needs_cpu_only = pytest.mark.skipif(HAS_CUDA or HAS_MPS, reason="there is a GPU here")


@pytest.mark.parametrize("word", ["cpu", "CPU", " cpu ", "cpu:0", torch.device("cpu")])
def test_the_cpu(word):
    assert resolve_device(word) == torch.device("cpu")


@needs_cpu_only
def test_auto_is_the_cpu_where_there_is_nothing_else():
    assert resolve_device("auto") == torch.device("cpu")


@pytest.mark.parametrize(
    "word", ["gpu", "cuda0", "cuda:", "cuda:x", "cuda:-1", "cpu:1", "", "xpu", "cuda:0,1", 0]
)
def test_a_word_that_means_nothing_lists_those_that_do(word):
    with pytest.raises(
        DeviceUnavailableError, match="use auto, cpu, cuda, cuda:N or mps"
    ) as caught:
        resolve_device(word)
    assert caught.value.device == str(word)


@pytest.mark.skipif(HAS_CUDA, reason="there is a CUDA device here")
@pytest.mark.parametrize("word", ["cuda", "cuda:1", torch.device("cuda", 0)])
def test_cuda_that_is_not_there_says_what_to_do(word):
    with pytest.raises(
        DeviceUnavailableError, match=r"sees no CUDA device; .* or use device='cpu'"
    ):
        resolve_device(word)


@pytest.mark.skipif(HAS_MPS, reason="there is an Apple GPU here")
@pytest.mark.parametrize("word", ["mps", "mps:0"])
def test_mps_that_is_not_there_says_what_to_do(word):
    with pytest.raises(DeviceUnavailableError, match=r"needs an Apple GPU .* use device='cpu'"):
        resolve_device(word)


@needs_cuda
def test_cuda_words():
    assert resolve_device("cuda") == torch.device("cuda", 0)
    assert resolve_device("auto") == torch.device("cuda", 0)
    last = torch.cuda.device_count() - 1
    assert resolve_device(f"cuda:{last}") == torch.device("cuda", last)
    with pytest.raises(DeviceUnavailableError, match="torch sees are cuda:0"):
        resolve_device(f"cuda:{last + 1}")


def test_a_cuda_device_beyond_the_last_one_lists_those_there_are(monkeypatch):
    """Stood in for by what torch says on a machine with two."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(DeviceUnavailableError, match="torch sees are cuda:0, cuda:1") as caught:
        resolve_device("cuda:2")
    assert caught.value.device == "cuda:2"


class TestWhatAConfigAsksFor:
    def test_nothing_is_auto(self, caplog):
        assert device_wished(None, None) == resolve_device("auto")
        assert caplog.messages == []

    def test_the_cpu_is_the_cpu(self, caplog):
        assert device_wished("cpu", None) == torch.device("cpu")
        assert device_wished("CPU", [1]) == torch.device("cpu")
        assert caplog.messages == []

    @needs_cpu_only
    @pytest.mark.parametrize("kind", ["gpu", "neuron", "mps"])
    def test_a_device_that_is_not_there_is_replaced_with_a_warning(self, kind, caplog):
        """An archive made for a GPU machine still loads on another."""
        assert device_wished(kind, [2]) == torch.device("cpu")
        assert len(caplog.messages) == 1
        assert "running on cpu" in caplog.messages[0]

    @needs_cpu_only
    def test_device_ids_alone_ask_for_nothing_here(self, caplog):
        assert device_wished(None, [1]) == torch.device("cpu")
        assert caplog.messages == []

    @needs_cuda
    def test_a_gpu_is_cuda_with_the_first_id(self):
        last = torch.cuda.device_count() - 1
        assert device_wished("gpu", None) == torch.device("cuda", 0)
        assert device_wished("gpu", [last]) == torch.device("cuda", last)
        assert device_wished(None, [last]) == torch.device("cuda", last)
