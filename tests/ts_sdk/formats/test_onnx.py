"""ONNX models run on the tensors' own memory and are called like modules."""

import sys

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch.utils import _pytree as pytree

from ts_sdk.conversion.onnx import write_onnx
from ts_sdk.errors import (
    DeviceUnavailableError,
    LoadError,
    ModelFormatError,
    PrecisionError,
    RequestError,
)
from ts_sdk.formats import load_module
from ts_sdk.formats.onnx_graph import GIVES_KEY, TAKES_KEY
from ts_sdk.precision import Precision, set_precision

CPU = torch.device("cpu")


@pytest.fixture
def affine_onnx(tmp_path, onnx_bytes):
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_bytes)
    return load_module(path, device=CPU)


@pytest.fixture
def load_graph(tmp_path):
    """Load a graph of these nodes; inputs and outputs are pairs of name and type, one dimension."""

    def loading(nodes, inputs, outputs):
        def described(pairs):
            return [helper.make_tensor_value_info(name, kind, ["n"]) for name, kind in pairs]

        graph = helper.make_graph(nodes, "g", described(inputs), described(outputs))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        onnx.save(model, tmp_path / "graph.onnx")
        return load_module(tmp_path / "graph.onnx", device=CPU)

    return loading


def node(kind, inputs, outputs, **attributes):
    return helper.make_node(kind, inputs, outputs, **attributes)


@pytest.fixture
def sum_and_difference(load_graph):
    nodes = [node("Add", ["a", "b"], ["sum"]), node("Sub", ["a", "b"], ["difference"])]
    numbers = [("a", TensorProto.FLOAT), ("b", TensorProto.FLOAT)]
    answers = [("sum", TensorProto.FLOAT), ("difference", TensorProto.FLOAT)]
    return load_graph(nodes, numbers, answers)


@pytest.mark.parametrize(
    "call",
    [
        lambda model, a, b: model(a, b),
        lambda model, a, b: model(b=b, a=a),
        lambda model, a, b: model({"b": b, "a": a}),
        lambda model, a, b: model([a, b]),
        lambda model, a, b: model(a, b=b),
        lambda model, a, b: model(a.numpy(), b.numpy()),
    ],
)
def test_inputs_go_in_by_position_by_name_and_in_lists_and_dicts(sum_and_difference, call):
    total, difference = call(sum_and_difference, torch.tensor([5.0]), torch.tensor([3.0]))
    assert (total.tolist(), difference.tolist()) == ([8.0], [2.0])


def test_one_output_is_a_tensor(affine_onnx):
    assert affine_onnx(torch.ones(2, 2)).tolist() == [[6.0], [6.0]]


@pytest.mark.parametrize("batch", [1, 4])
def test_the_nesting_that_was_noted_in_the_file_comes_back(tmp_path, nested, batch):
    module, inputs, export = nested
    path = tmp_path / "m.onnx"
    write_onnx(export(module, *inputs(3)[0]), path)
    (args, kwargs), expected = inputs(batch)
    torch.testing.assert_close(load_module(path, device=CPU)(*args, **kwargs), expected)


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        (TensorProto.DOUBLE, torch.float64),
        (TensorProto.FLOAT16, torch.float16),
        (TensorProto.BFLOAT16, torch.bfloat16),
        (TensorProto.INT64, torch.int64),
        (TensorProto.INT32, torch.int32),
        (TensorProto.UINT8, torch.uint8),
        (TensorProto.INT8, torch.int8),
        (TensorProto.BOOL, torch.bool),
    ],
)
@pytest.mark.parametrize("count", [0, 3])
def test_every_type_of_number_goes_through_unchanged(load_graph, kind, dtype, count):
    model = load_graph([node("Identity", ["x"], ["y"])], [("x", kind)], [("y", kind)])
    given = torch.ones(count).to(dtype)
    answer = model(given)
    assert answer.dtype is dtype
    assert torch.equal(answer, given)


def test_a_half_precision_model_takes_and_gives_float32(load_graph):
    half = TensorProto.FLOAT16
    model = load_graph([node("Neg", ["x"], ["y"])], [("x", half)], [("y", half)])
    assert model(torch.ones(2)).dtype is torch.float32
    assert model(torch.ones(2, dtype=torch.float16)).dtype is torch.float16


def test_inputs_with_gaps_in_memory_are_read_right(affine_onnx):
    given = torch.tensor([[1.0, 0.0], [9.0, 9.0], [0.0, 1.0]]).t()[:, ::2].t()
    assert not given.is_contiguous()
    assert affine_onnx(given).tolist() == [[3.0], [4.0]]


def test_texts_go_in_and_come_out_as_onnxruntime_has_them(load_graph):
    text = TensorProto.STRING
    model = load_graph([node("Identity", ["x"], ["y"])], [("x", text)], [("y", text)])
    (answer,) = model(np.array(["a", "b"]))
    assert answer.tolist() == ["a", "b"]


def test_inputs_that_do_not_fit_are_refused_with_what_was_expected(affine_onnx):
    with pytest.raises(RequestError, match=r"float32 \(.+, 2\), got float32 \(1, 3\)") as caught:
        affine_onnx(torch.ones(1, 3))
    assert caught.value.status == 400
    with pytest.raises(RequestError, match="got int64"):
        affine_onnx(torch.ones(1, 2, dtype=torch.int64))
    with pytest.raises(TypeError, match=r"model\.onnx takes 1 input"):
        affine_onnx(torch.ones(1, 2), torch.ones(1, 2))


def test_handlers_of_torchserve_find_the_session_in_it(affine_onnx):
    name = affine_onnx.get_inputs()[0].name
    (answer,) = affine_onnx.run(None, {name: np.ones((1, 2), dtype=np.float32)})
    assert answer.tolist() == [[6.0]]
    assert affine_onnx.get_providers() == ["CPUExecutionProvider"]
    with pytest.raises(AttributeError, match="nothing_like_that"):
        _ = affine_onnx.nothing_like_that


class TestWhatItCannotDo:
    """Each error names forms that can."""

    def test_move_to_another_device(self, affine_onnx):
        assert affine_onnx.to("cpu").eval().float() is affine_onnx
        with pytest.raises(ModelFormatError, match=r"model\.onnx .* device='meta'"):
            affine_onnx.to("meta")

    @pytest.mark.parametrize("precision", [Precision.FLOAT16, Precision.AUTOCAST_BFLOAT16])
    def test_change_its_precision(self, affine_onnx, precision):
        with pytest.raises(
            PrecisionError, match="TorchScript or an exported program, which take any"
        ):
            set_precision(affine_onnx, precision, CPU)

    def test_be_converted_by_hand(self, affine_onnx):
        with pytest.raises(PrecisionError, match=r"mar convert --precision"):
            affine_onnx.half()

    def test_give_gradients(self, affine_onnx):
        given = torch.ones(1, 2, requires_grad=True)
        with pytest.raises(ModelFormatError, match=r"no gradients; .* exported program"):
            affine_onnx(given)
        with torch.no_grad():
            assert affine_onnx(given).tolist() == [[6.0]]

    def test_be_trained(self, affine_onnx):
        with pytest.raises(ModelFormatError, match="cannot be trained"):
            affine_onnx.train()


@pytest.fixture
def load_changed(tmp_path, onnx_bytes):
    """Load the model after a function has changed it."""

    def loading(change):
        path = tmp_path / "m.onnx"
        path.write_bytes(onnx_bytes)
        model = onnx.load(path)
        change(model)
        onnx.save(model, path)
        return load_module(path, device=CPU)

    return loading


class TestWhatItSaysOfItsNesting:
    @pytest.mark.parametrize("key", [TAKES_KEY, GIVES_KEY])
    @pytest.mark.parametrize("value", ["", "junk", "{}", "[1, 5]", '[1, {"type": "os.system"}]'])
    def test_is_a_load_error_where_it_is_damaged(self, load_changed, key, value):
        with pytest.raises(ModelFormatError, match=rf"metadata '{key}' is damaged"):
            load_changed(lambda model: model.metadata_props.add(key=key, value=value))

    def test_is_a_load_error_where_there_are_other_outputs(self, load_changed):
        pair = pytree.treespec_dumps(pytree.tree_structure((1, 2)))
        with pytest.raises(ModelFormatError, match="1 outputs do not fit into it"):
            load_changed(lambda model: model.metadata_props.add(key=GIVES_KEY, value=pair))


def test_a_model_without_an_output_is_a_load_error(load_changed):
    with pytest.raises(ModelFormatError, match="without an output"):
        load_changed(lambda model: model.graph.ClearField("output"))


def test_without_onnxruntime_the_error_names_the_extra(tmp_path, onnx_bytes, monkeypatch):
    (tmp_path / "m.onnx").write_bytes(onnx_bytes)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(LoadError, match=r"pip install 'ts-sdk\[onnx\]'"):
        load_module(tmp_path / "m.onnx", device=CPU)


def test_another_device_says_what_it_needs(tmp_path, onnx_bytes):
    (tmp_path / "m.onnx").write_bytes(onnx_bytes)
    with pytest.raises(DeviceUnavailableError, match="the CPU or CUDA"):
        load_module(tmp_path / "m.onnx", device=torch.device("mps"))
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(DeviceUnavailableError, match="pip install onnxruntime-gpu"):
            load_module(tmp_path / "m.onnx", device=torch.device("cuda", 0))


def test_it_takes_no_more_threads_than_torch(affine_onnx):
    options = affine_onnx.session.get_session_options()
    assert options.intra_op_num_threads == torch.get_num_threads()
    assert options.inter_op_num_threads == 1


def test_an_operator_that_is_not_known_is_a_load_error(tmp_path):
    graph = helper.make_graph(
        [helper.make_node("Nonsense", ["x"], ["y"], domain="nobody")],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    imports = [helper.make_opsetid("", 18), helper.make_opsetid("nobody", 1)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=10), tmp_path / "m.onnx")
    with pytest.raises(ModelFormatError, match="Nonsense"):
        load_module(tmp_path / "m.onnx", device=CPU)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_it_runs_on_cuda_without_leaving_it(tmp_path, onnx_bytes):
    (tmp_path / "m.onnx").write_bytes(onnx_bytes)
    cuda = torch.device("cuda", 0)
    answer = load_module(tmp_path / "m.onnx", device=cuda)(torch.ones(3, 2, device=cuda))
    assert (answer.device, answer.tolist()) == (cuda, [[6.0]] * 3)
