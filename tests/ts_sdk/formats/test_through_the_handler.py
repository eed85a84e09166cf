"""Every form through `BaseHandler`: the same answers, and a bad request spoils only itself."""

import pytest

from ts_sdk import PrecisionError, RequestError

MODEL = """
    from torch import nn

    class Affine(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 1)

        def forward(self, x):
            return self.linear(x)
"""
ROWS = [[1.0, 1.0], [0.0, 2.0], [1.0, 2.0, 3.0], [0.0, 0.0]]


@pytest.fixture
def served(serialized, load_folder):
    """The model in each of its forms, in a folder with `base_handler`."""

    def serving(**options):
        return load_folder(
            {"model.py": MODEL, serialized.name: serialized.read_bytes()},
            handler="base_handler",
            model_file="model.py",
            serialized_file=serialized.name,
            **options,
        )

    return serving


def test_a_batch_is_answered_and_the_bad_request_in_it_refused(served):
    first, second, bad, last = served().predict_batch(ROWS)
    assert (first, second, last) == ([6.0], [7.0], [1.0])
    assert isinstance(bad, RequestError)
    assert (bad.status, bad.index) == (400, 2)


def test_half_precision_is_computed_in_or_refused_with_the_forms_that_can(served, request):
    if request.node.callspec.params["serialized"] == "onnx":
        with pytest.raises(
            PrecisionError, match="TorchScript or an exported program, which take any"
        ):
            served(precision="bfloat16")
    else:
        assert served(precision="bfloat16").predict(ROWS[0]) == [6.0]


def test_an_override_for_libraries_may_give_any_function(load_folder):
    handler = """
        from ts_sdk import BaseHandler

        class Own(BaseHandler):
            def _load_torch_export_aot_compile(self, model_so_path):
                assert model_so_path.endswith("model.so")
                return lambda x: x * 2
    """
    model = load_folder({"handler.py": handler, "model.so": b"\x7fELF"}, serialized_file="model.so")
    assert model.predict([1.0, 2.0]) == [2.0, 4.0]


def test_a_handler_of_torchserve_runs_the_session_itself(load_folder, onnx_bytes):
    handler = """
        import torch
        from ts_sdk import BaseHandler

        class Own(BaseHandler):
            def inference(self, data):
                name = self.model.get_inputs()[0].name
                return torch.from_numpy(self.model.run(None, {name: data.numpy()})[0])
    """
    files = {"handler.py": handler, "model.onnx": onnx_bytes}
    model = load_folder(files, serialized_file="model.onnx")
    assert model.predict([1.0, 1.0]) == [6.0]
