"""Handlers that ask for CUDA without looking whether it is there."""

import pytest

from ts_sdk.doctor import Severity

HANDLER = """
import torch

class Handler:
    def initialize(self, context):
        gpu_id = context.system_properties.get("gpu_id")
        self.device = torch.device("cpu")
        self.model = torch.nn.Linear(2, 2)
        {body}

    def handle(self, data, context):
        return data
"""


@pytest.fixture(autouse=True)
def without_driver(monkeypatch):
    monkeypatch.setattr("ts_sdk.doctor.checks.devices.has_cuda_driver", lambda: False)


def cuda_only(found, body):
    return found("cuda-only", {"handler.py": HANDLER.format(body=body)})


@pytest.mark.parametrize(
    "body",
    [
        'self.device = torch.device("cuda:" + str(gpu_id))',
        'self.device = torch.device(f"cuda:{gpu_id}")',
        'self.device = torch.device("cuda:{}".format(gpu_id))',
        "self.model.cuda()",
        "self.model = self.model.to('cuda:0')",
        "self.model.to(device='cuda')",
        "x = torch.load('x.pt', map_location='cuda')",
        "torch.cuda.set_device('cuda')",
    ],
)
def test_cuda_without_a_look_is_a_change_where_there_is_none(found, body):
    (finding,) = cuda_only(found, body)

    assert finding.severity is Severity.CHANGE
    assert finding.place == "handler.py:9"


def test_on_a_machine_with_a_driver_it_is_a_note(found, monkeypatch):
    monkeypatch.setattr("ts_sdk.doctor.checks.devices.has_cuda_driver", lambda: True)
    (finding,) = cuda_only(found, "self.model.cuda()")

    assert finding.severity is Severity.NOTE


@pytest.mark.parametrize(
    "body",
    [
        'd = torch.device("cuda:" + str(gpu_id) if torch.cuda.is_available() else "cpu")',
        'd = "cuda:" + str(gpu_id) if gpu_id is not None else "cpu"',
        "if self.device.type == 'cuda':\n            self.model.cuda()",
        "if not torch.cuda.is_available():\n            return\n        self.model.cuda()",
        "try:\n            self.model.cuda()\n        except RuntimeError:\n            pass",
        "if self.device == 'cuda':\n            pass",
        "self.model.to(self.device)",
        "name = 'cuda'",
        "x = {'device': 'cuda'}",
    ],
)
def test_a_look_at_the_device_is_enough(found, body):
    assert cuda_only(found, body) == []


def test_under_a_condition_of_another_kind_it_is_a_note(found):
    (finding,) = cuda_only(found, "if context.parallel:\n            self.model.cuda()")

    assert finding.severity is Severity.NOTE


def test_code_that_the_handler_does_not_run_is_left_alone(found):
    source = HANDLER.format(body="pass") + "\ndef train(model):\n    model.cuda()\n"

    assert found("cuda-only", {"handler.py": source}) == []
