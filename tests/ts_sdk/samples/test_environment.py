"""What golden answers say of where they were made."""

import torch

from ts_sdk.samples.environment import _named_in, changes_since, environment_of, processor_name


def test_versions_and_processor_are_told():
    told = environment_of(torch.device("cpu"))
    assert told["torch"] == torch.__version__
    assert told["processor"] == processor_name() != ""
    assert "gpu" not in told
    assert all(isinstance(value, str) and value for value in told.values())


def test_what_is_the_same_is_no_change():
    here = environment_of(torch.device("cpu"))
    assert changes_since(here, dict(here)) == []


def test_changes_name_both_sides():
    then = {"python": "3.11.0", "torch": "2.13.0", "gpu": "NVIDIA H100"}
    now = {"python": "3.11.0", "torch": "2.14.0", "torchvision": "0.29.0"}
    assert changes_since(then, now) == [
        "torch 2.13.0 -> 2.14.0",
        "gpu NVIDIA H100 -> none",
        "torchvision none -> 0.29.0",
    ]


def test_the_processors_name_is_found_where_linux_tells_it():
    text = "processor\t: 0\nvendor_id\t: X\nmodel name\t: AMD EPYC 7B13\n\nmodel name\t: other\n"
    assert _named_in(text) == "AMD EPYC 7B13"
    assert _named_in("processor\t: 0\nCPU part\t: 0xd0c\n") == ""
