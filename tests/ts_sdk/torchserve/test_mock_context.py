"""`MockContext`: a handler in a unit test, without an archive."""

import pytest

from ts_sdk import BaseHandler, Context
from ts_sdk.torchserve.mock_context import MockContext

MODEL = """
    from torch import nn
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)
        def forward(self, x): return self.layer(x)
"""


@pytest.fixture
def model_folder(write_folder, saved):
    import torch

    weights = saved({"layer.weight": torch.eye(2), "layer.bias": torch.zeros(2)})
    return write_folder({"model.py": MODEL, "model.pt": weights, "config.yaml": "x: 1"})


def test_a_handler_loads_its_model_and_answers(model_folder):
    context = MockContext(model_dir=model_folder)
    handler = BaseHandler()
    handler.initialize(context)
    rows = [{"data": [1.0, 2.0]}, {"body": [3.0, 4.0]}]
    assert handler.handle(rows, context) == [[1.0, 2.0], [3.0, 4.0]]
    assert context.metrics["HandlerTime"].count == 1


def test_it_is_a_context_with_torchserves_facts(model_folder):
    by_position = MockContext(
        "weights.pt", model_folder.as_posix(), "net.py", None, "cat", "config.yaml"
    )
    assert isinstance(by_position, Context)
    assert by_position.model_name == "cat"
    assert by_position.manifest["model"]["serializedFile"] == "weights.pt"
    assert by_position.manifest["model"]["modelFile"] == "net.py"
    assert by_position.system_properties["model_dir"] == str(model_folder)
    assert by_position.system_properties["gpu_id"] is None
    assert by_position.model_yaml_config == {"x": 1}


def test_files_that_are_none_are_not_in_the_manifest():
    model = MockContext(model_pt_file=None, model_file=None).manifest["model"]
    assert model == {"modelName": "mnist"}


def test_the_gpu_is_there_where_cuda_is():
    import torch

    expected = 0 if torch.cuda.is_available() else None
    assert MockContext(gpu_id="0").system_properties["gpu_id"] == expected


def test_what_a_handler_records_is_listed():
    context = MockContext(model_name="cat")
    context.metrics.add_counter("Seen", 2)
    assert [metric.name for metric in context.metrics.store] == ["Seen"]
    assert context.metrics["Seen"].value == 2


def test_it_knows_as_many_requests_as_the_handler_asks_for():
    context = MockContext()
    context.set_response_status(404, "gone", 2)
    assert context.get_response_status(2) == (404, "gone")
    assert context.get_request_header(5, "anything") is None


class Explaining(BaseHandler):
    def preprocess(self, data):
        return [row["data"] for row in data]

    def inference(self, data):
        return data

    def postprocess(self, data):
        return data

    def get_insights(self, tensor_data, raw_data, target):
        return [f"{raw_data} for {target}"]


def test_it_asks_for_explanations_when_it_is_told_to():
    context, handler = MockContext(), Explaining()
    rows = [{"data": "a", "target": 3}, {"data": "b"}]
    assert handler.handle(rows, context) == ["a", "b"]
    context.explain = True
    assert handler.handle(rows, context) == ["a for 3", "b for 0"]
    context.explain = False
    assert handler.handle(rows, context) == ["a", "b"]
