"""Which machine is the one that a profile was made for."""

import json
import platform
import subprocess
import sys
from dataclasses import replace

import pytest
from tuned_documents import HARDWARE, profile_document

from archiver.tuned_profiles import parse_profile
from ts_sdk.hardware import Hardware
from ts_sdk.tuned.matching import differences, remarks

SAME = Hardware(
    system="Linux x86_64",
    cpu="A Processor(R) 9000 @ 2.10GHz",
    cores=4,
    memory_mb=8192,
    gpus=(),
    gpu_driver=None,
    python="3.11.0",
    packages={"torch": "2.14.0"},
)


def profile(**hardware):
    return parse_profile(json.dumps(profile_document({**HARDWARE, **hardware})).encode())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"system": "Darwin arm64", "python": "3.13.1"},
        {"packages": {"torch": "2.14.2+cu130", "onnxruntime": "1.30"}},
        {"memory_mb": 4096, "gpu_driver": "555.1"},
    ],
)
def test_what_speed_hardly_depends_on_may_differ(changes):
    assert differences(profile(), replace(SAME, **changes)) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"cpu": "An abacus"}, "the processor is An abacus, not A Processor(R) 9000 @ 2.10GHz"),
        ({"cores": 2}, "the usable cores are 2, not 4"),
        ({"gpus": ("B", "A")}, "the GPUs are A, B, not none"),
        ({"packages": {"torch": "2.15.0"}}, "torch is 2.15, not 2.14"),
        ({"packages": {}}, "torch is None, not 2.14"),
    ],
)
def test_what_speed_depends_on_must_not(changes, sentence):
    assert differences(profile(), replace(SAME, **changes)) == [sentence]


def test_gpus_are_the_same_in_any_order_and_in_the_same_number():
    made_for = profile(gpus=["B", "A"])
    assert differences(made_for, replace(SAME, gpus=("A", "B"))) == []
    assert differences(made_for, replace(SAME, gpus=("A", "B", "B"))) == [
        "the GPUs are A, B, B, not A, B"
    ]


def test_memory_and_driver_are_remarked_upon_where_both_are_known():
    made_for = profile(gpu_driver="555.1")
    assert remarks(made_for, SAME) == []
    assert remarks(made_for, replace(SAME, memory_mb=4096, gpu_driver="560.2")) == [
        "memory is 4096 MiB, not 8192 MiB",
        "the GPUs' driver is 560.2, not 555.1",
    ]


@pytest.mark.skipif(platform.system() != "Linux", reason="elsewhere torch is always asked")
def test_torch_is_not_imported_to_find_no_gpus():
    program = (
        "import sys, ts_sdk.hardware as hardware\n"
        "hardware._GPU_DRIVERS = ()\n"
        "assert hardware.Hardware.here().gpus == ()\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
