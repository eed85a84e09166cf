"""ONNX models that OpenVINO runs, where it is installed."""

import sys
import threading

import onnx
import pytest
import torch
from onnx import TensorProto, helper

from ts_sdk.conversion.onnx import write_onnx
from ts_sdk.cores import available_cores
from ts_sdk.errors import (
    ConfigError,
    DeviceUnavailableError,
    LoadError,
    ModelFormatError,
    PrecisionError,
    RequestError,
)
from ts_sdk.formats import load_module

CPU = torch.device("cpu")


@pytest.fixture
def load(tmp_path):
    """Load the bytes of an ONNX file in OpenVINO."""
    pytest.importorskip("openvino")

    def loading(content, device=CPU):
        path = tmp_path / "m.onnx"
        path.write_bytes(content)
        return load_module(path, device=device, onnx_runtime="openvino")

    return loading


@pytest.fixture
def load_identity(load):
    """Load a model that gives back numbers of this type."""

    def loading(kind):
        described = [helper.make_tensor_value_info(name, kind, ["n"]) for name in ("x", "y")]
        graph = helper.make_graph(
            [helper.make_node("Identity", ["x"], ["y"])], "g", described[:1], described[1:]
        )
        imports = [helper.make_opsetid("", 21)]
        made = helper.make_model(graph, opset_imports=imports, ir_version=10)
        return load(made.SerializeToString())

    return loading


@pytest.mark.parametrize("count", [1, 3, 8])
def test_batches_of_any_size_are_answered(load, onnx_bytes, count):
    assert load(onnx_bytes)(torch.ones(count, 2)).tolist() == [[6.0]] * count


@pytest.mark.parametrize("batch", [1, 4])
def test_the_nesting_that_was_noted_in_the_file_comes_back(load, tmp_path, nested, batch):
    module, inputs, export = nested
    write_onnx(export(module, *inputs(3)[0]), tmp_path / "written.onnx")
    (args, kwargs), expected = inputs(batch)
    model = load((tmp_path / "written.onnx").read_bytes())
    torch.testing.assert_close(model(*args, **kwargs), expected)


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        (TensorProto.DOUBLE, torch.float64),
        (TensorProto.FLOAT16, torch.float16),
        (TensorProto.INT64, torch.int64),
        (TensorProto.INT32, torch.int32),
        (TensorProto.UINT8, torch.uint8),
        (TensorProto.BOOL, torch.bool),
    ],
)
def test_numbers_go_through_unchanged(load_identity, kind, dtype):
    given = torch.ones(3).to(dtype)
    answer = load_identity(kind)(given)
    assert answer.dtype is dtype
    assert torch.equal(answer, given)


def test_what_numpy_has_no_numbers_for_is_refused_with_the_runtime_that_can(load_identity):
    with pytest.raises(ModelFormatError, match=r"takes or gives bf16.* have onnxruntime run it"):
        load_identity(TensorProto.BFLOAT16)


def test_an_answer_stays_as_it_was_given_when_the_next_one_is_computed(load, onnx_bytes):
    model = load(onnx_bytes)
    first = model(torch.ones(1, 2))
    assert model(torch.zeros(1, 2)).tolist() == [[1.0]]
    assert first.tolist() == [[6.0]]


def test_threads_get_the_answers_to_their_own_inputs(load, onnx_bytes):
    model, wrong = load(onnx_bytes), []

    def ask(number):
        for _ in range(50):
            (answer,) = model(torch.full((1, 2), float(number))).tolist()
            if answer != [5.0 * number + 1]:
                wrong.append((number, answer))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_inputs_that_do_not_fit_are_refused_with_what_was_expected(load, onnx_bytes):
    model = load(onnx_bytes)
    with pytest.raises(RequestError, match=r"float32 \(.+, 2\), got float32 \(1, 3\)") as caught:
        model(torch.ones(1, 3))
    assert caught.value.status == 400
    with pytest.raises(TypeError, match=r"m\.onnx takes 1 input"):
        model(torch.ones(1, 2), torch.ones(1, 2))


def test_it_computes_in_float32_with_as_many_threads_as_torch(load, onnx_bytes):
    compiled = load(onnx_bytes)._compiled
    threads = torch.get_num_threads()
    assert compiled.get_property("EXECUTION_MODE_HINT").name == "ACCURACY"
    assert compiled.get_property("INFERENCE_NUM_THREADS") // threads == max(
        1, available_cores() // threads
    )
    assert compiled.get_property("NUM_STREAMS") == max(1, available_cores() // threads)


def test_what_it_cannot_do_is_an_error_that_names_what_can(load, onnx_bytes):
    model = load(onnx_bytes)
    with pytest.raises(ModelFormatError, match="have onnxruntime run it"):
        model.to("meta")
    with pytest.raises(PrecisionError, match=r"mar convert --precision"):
        model.half()
    with pytest.raises(ModelFormatError, match="no gradients"):
        model(torch.ones(1, 2, requires_grad=True))
    with pytest.raises(DeviceUnavailableError, match="on the CPU and not on cuda"):
        load(onnx_bytes, torch.device("cuda"))


def test_a_damaged_file_is_a_load_error(load, onnx_bytes):
    with pytest.raises(ModelFormatError, match="cannot be loaded as ONNX by OpenVINO"):
        load(onnx_bytes[: len(onnx_bytes) // 2])


def test_an_operator_that_is_not_known_is_a_load_error(load, onnx_bytes):
    model = onnx.load_from_string(onnx_bytes)
    model.graph.node[0].op_type = "Nonsense"
    with pytest.raises(ModelFormatError, match="Nonsense"):
        load(model.SerializeToString())


def test_the_config_chooses_it(load_folder, onnx_bytes):
    pytest.importorskip("openvino")
    model = load_folder(
        {"m.onnx": onnx_bytes},
        handler="base_handler",
        serialized_file="m.onnx",
        config="handler: {onnx_runtime: openvino}\n",
    )
    assert type(model.handler.model).__name__ == "OpenvinoModel"
    first, bad = model.predict_batch([[1.0, 1.0], [1.0, 2.0, 3.0]])
    assert first == [6.0]
    assert bad.status == 400


def test_a_runtime_that_there_is_not_is_a_load_error(tmp_path, onnx_bytes):
    (tmp_path / "m.onnx").write_bytes(onnx_bytes)
    with pytest.raises(ConfigError, match="onnxruntime or openvino, not 'tensorrt'"):
        load_module(tmp_path / "m.onnx", device=CPU, onnx_runtime="tensorrt")


def test_without_openvino_the_error_names_the_extra(tmp_path, onnx_bytes, monkeypatch):
    (tmp_path / "m.onnx").write_bytes(onnx_bytes)
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(LoadError, match=r"pip install 'ts-sdk\[openvino\]'"):
        load_module(tmp_path / "m.onnx", device=CPU, onnx_runtime="openvino")
