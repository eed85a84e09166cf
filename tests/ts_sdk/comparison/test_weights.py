"""Weights are compared tensor by tensor, whatever form they are in, and nothing of them is run."""

import io
import math
import pickle
import sys
import zipfile

import pytest
import torch
from safetensors.torch import save
from torch import nn

from ts_sdk.comparison import compare
from ts_sdk.comparison.weights import distances

TENSORS = {"a": torch.tensor([[3.0, 4.0], [0.0, 0.0]]), "b": torch.tensor([1, 2])}


class Net(nn.Module):
    def __init__(self, first=1.0):
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.norms = nn.ModuleList([nn.BatchNorm1d(2)])
        self.register_buffer("scale", torch.tensor([2.0], dtype=torch.float64))
        with torch.no_grad():
            self.linear.weight.copy_(torch.tensor([[first, 2.0], [3.0, 4.0]]))
            self.linear.bias.zero_()

    def forward(self, x):
        for norm in self.norms:
            x = norm(self.linear(x))
        return x * self.scale.float() + torch.tensor([0.5, 0.25])


class Stranger:
    """A class that only a full pickle could bring."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('it was run')",))


@pytest.mark.parametrize("form", ["safetensors", "pt"])
def test_a_change_is_measured_and_the_others_are_counted(weights_of, form, saved):
    write = {"safetensors": save, "pt": saved}[form]
    changed = {**TENSORS, "a": torch.tensor([[3.0, 4.0], [0.0, 0.5]])}
    found = weights_of(write(TENSORS), write(changed))
    (change,) = found.tensors
    assert (change.name, change.largest, change.relative) == ("a", 0.5, 0.1)
    assert (change.old.shape, change.old.dtype) == ((2, 2), "float32")
    assert found.unchanged == 1


def test_tensors_are_added_removed_reshaped_and_converted(weights_of, saved):
    old = {"gone": torch.ones(2), "shape": torch.ones(4), "type": torch.tensor([1.0, 0.1])}
    new = {"come": torch.ones(2), "shape": torch.ones(2, 2), "type": old["type"].half()}
    found = {change.name: change for change in weights_of(saved(old), saved(new)).tensors}
    assert found["gone"].new is None
    assert found["come"].old is None
    assert (found["shape"].new.shape, found["shape"].largest) == ((2, 2), None)
    assert found["type"].new.dtype == "float16"
    assert 0 < found["type"].largest < 1e-4


def test_a_nan_that_comes_or_goes_is_an_infinite_change_and_one_that_stays_is_none(
    weights_of, saved
):
    old = {"same": torch.tensor([math.nan, 1.0]), "new": torch.tensor([0.0])}
    new = {"same": torch.tensor([math.nan, 1.0]), "new": torch.tensor([math.nan])}
    found = weights_of(saved(old), saved(new))
    assert [(each.name, each.largest) for each in found.tensors] == [("new", math.inf)]


def test_bits_count_and_zero_is_not_minus_zero(weights_of, saved):
    found = weights_of(saved({"a": torch.tensor([0.0])}), saved({"a": torch.tensor([-0.0])}))
    assert [(each.largest, each.relative) for each in found.tensors] == [(0.0, 0.0)]


@pytest.mark.parametrize(
    "dtype", [torch.bfloat16, torch.float8_e4m3fn, torch.int64, torch.bool, torch.complex64]
)
def test_numbers_of_every_kind_can_be_compared(weights_of, dtype, saved):
    old, new = torch.tensor([1, 0]).to(dtype), torch.tensor([1, 1]).to(dtype)
    (change,) = weights_of(saved({"a": old}), saved({"a": new})).tensors
    assert (change.largest, change.relative) == (1.0, 1.0)


def test_large_tensors_are_compared_piece_by_piece(weights_of, monkeypatch, saved):
    monkeypatch.setattr(distances, "_AT_ONCE", 3)
    old, new = torch.zeros(10), torch.zeros(10)
    old[0] = 3.0
    new[0], new[9] = 3.0, 4.0
    (change,) = weights_of(saved({"a": old}), saved({"a": new})).tensors
    assert (change.largest, change.relative) == (4.0, 4 / 3)


@pytest.mark.filterwarnings("ignore")  # torch warns of either kind when it is read
def test_quantized_and_sparse_tensors_are_compared_by_their_numbers(weights_of, saved):
    quantized = [
        torch.quantize_per_tensor(torch.tensor([value]), 0.5, 0, torch.qint8)
        for value in (1.0, 2.0)
    ]
    sparse = [torch.tensor([[0.0, value]]).to_sparse() for value in (1.0, 3.0)]
    old, new = ({"q": quantized[side], "s": sparse[side]} for side in (0, 1))
    found = {each.name: each for each in weights_of(saved(old), saved(new)).tensors}
    assert (found["q"].largest, found["s"].largest) == (1.0, 2.0)


def test_a_state_dict_is_the_same_as_safetensors_of_its_tensors(archive, saved):
    old = archive("old", {"w.pt": saved(TENSORS)}, serializedFile="w.pt")
    new = archive("new", {"w.safetensors": save(TENSORS)}, serializedFile="w.safetensors")
    (found,) = compare(old, new).weights
    assert (found.old_form, found.new_form) == ("torch zip", "safetensors")
    assert (found.tensors, found.unchanged) == ((), 2)


def test_weights_under_other_names_belong_together_where_there_is_one_of_each(compared, saved):
    found = compared({"w.pt": saved(TENSORS)}, {"x.safetensors": save(TENSORS)})
    assert [(each.old, each.new) for each in found.weights] == [("w.pt", "x.safetensors")]


def test_a_second_name_of_a_weight_is_told_as_such(weights_of, saved):
    tied = {"first": TENSORS["a"], "second": TENSORS["a"]}
    found = weights_of(saved(tied), save({"first": TENSORS["a"].clone()}))
    (change,) = found.tensors
    assert (change.name, change.new) == ("second", None)
    assert change.note == "the same memory as first"


@pytest.mark.parametrize("form", ["mar", "tgz", "folder"])
@pytest.mark.parametrize("make", ["safetensors", "pt"])
def test_weights_are_read_out_of_archives_of_any_kind(archive, form, make, saved):
    write = {"safetensors": save, "pt": saved}[make]
    changed = {**TENSORS, "b": torch.tensor([1, 5])}
    old = archive("old", {"w": write(TENSORS)}, form=form)
    new = archive("new", {"w": write(changed)}, form=form)
    (found,) = compare(old, new).weights
    assert [(each.name, each.largest) for each in found.tensors] == [("b", 3.0)]


def test_checkpoints_are_compared_by_the_paths_in_them(weights_of, saved):
    old = {"epoch": 3, "model": {"a": torch.ones(1)}, "steps": [torch.ones(1)]}
    new = {"epoch": 4, "model": {"a": torch.ones(1)}, "steps": [torch.zeros(1)]}
    found = weights_of(saved(old), saved(new))
    assert [each.name for each in found.tensors] == ["steps.0"]
    assert [(each.place, each.old, each.new) for each in found.values] == [("epoch", 3, 4)]
    assert found.unchanged == 1


@pytest.mark.parametrize(
    ("old", "new"), [("", "module."), ("module.", ""), ("state_dict.module.", "net.")]
)
def test_what_all_names_begin_with_is_left_out_where_only_that_differs(weights_of, saved, old, new):
    changed = {**TENSORS, "b": torch.tensor([1, 5])}
    found = weights_of(
        saved({f"{old}{name}": each for name, each in TENSORS.items()}),
        saved({f"{new}{name}": each for name, each in changed.items()}),
    )
    assert (found.old_prefix, found.new_prefix) == (old, new)
    assert ([each.name for each in found.tensors], found.unchanged) == (["b"], 1)


@pytest.mark.parametrize(("old", "new"), [("x.a", "y.b"), ("a", "b"), ("a", "x.b")])
def test_names_that_have_nothing_in_common_stay_as_they_are(weights_of, saved, old, new):
    found = weights_of(saved({old: torch.ones(1)}), saved({new: torch.ones(1)}))
    assert {each.name for each in found.tensors} == {old, new}


def test_a_pickle_of_more_than_weights_is_not_unpickled(weights_of, saved):
    found = weights_of(saved({"a": Stranger()}), saved(TENSORS))
    assert found.tensors == ()
    assert "a pickle of more than weights (builtins.exec)" in found.problem


def test_damaged_weights_are_compared_by_their_bytes(weights_of):
    found = weights_of(save(TENSORS)[:-1], save(TENSORS))
    assert "is not a whole safetensors file" in found.problem


def test_torchscript_has_the_names_of_its_state_dict(weights_of, saved, scripted):
    net = Net().eval()
    found = weights_of(saved(net.state_dict()), scripted(net))
    assert (found.tensors, found.unchanged) == ((), len(net.state_dict()))


def test_torchscript_that_differs_in_a_weight_shows_that_weight_alone(weights_of, scripted):
    found = weights_of(scripted(Net().eval()), scripted(Net(first=1.5).eval()))
    assert [(each.name, each.largest) for each in found.tensors] == [("linear.weight", 0.5)]
    assert found.parts == ()


def test_torchscript_that_differs_in_its_code_says_so(weights_of, scripted):
    class Other(Net):
        def forward(self, x):
            return self.linear(x)

    found = weights_of(scripted(Net().eval()), scripted(Other().eval()))
    assert found.tensors == ()
    assert any(part.startswith("code/") for part in found.parts)


def test_nothing_that_torchscript_asks_for_is_imported(weights_of, tmp_path, scripted):
    """Its pickle says what to call; here that would be `exec`."""
    honest = scripted(Net().eval())
    evil = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(honest)) as source,
        zipfile.ZipFile(evil, "w") as target,
    ):
        for name in source.namelist():
            is_pickle = name.endswith("/data.pkl")
            content = pickle.dumps(Stranger(), protocol=2) if is_pickle else source.read(name)
            target.writestr(name, content)
    found = weights_of(honest, evil.getvalue())
    assert found.problem is None
    assert all(each.new is None for each in found.tensors)


def test_an_exported_program_has_the_names_of_its_state_dict(weights_of, saved, exported):
    net = Net().eval()
    found = weights_of(saved(net.state_dict()), exported(net, torch.ones(2, 2)))
    assert found.unchanged == len(net.state_dict())
    assert {each.name for each in found.tensors} <= {"lifted_tensor_0"}


def test_exported_programs_that_differ_in_a_weight_show_it(weights_of, exported):
    old, new = (exported(Net(first), torch.ones(2, 2)) for first in (1.0, 1.5))
    found = weights_of(old, new)
    assert [(each.name, each.largest) for each in found.tensors] == [("linear.weight", 0.5)]


def test_onnx_models_are_compared_by_their_initializers(weights_of):
    onnx = pytest.importorskip("onnx")

    def model(number):
        array = onnx.numpy_helper.from_array
        tensors = [array(torch.tensor([number, 2.0]).numpy(), "w")]
        tensors.append(onnx.helper.make_tensor("h", onnx.TensorProto.BFLOAT16, [1], [1.5]))
        graph = onnx.helper.make_graph([], "g", [], [], initializer=tensors)
        return onnx.helper.make_model(graph).SerializeToString()

    found = weights_of(model(1.0), model(1.5))
    assert [(each.name, each.largest) for each in found.tensors] == [("w", 0.5)]
    assert found.unchanged == 1


def test_where_onnx_is_missing_the_bytes_are_compared(weights_of, monkeypatch):
    onnx = pytest.importorskip("onnx")
    models = []
    for name in ("one", "two"):
        graph = onnx.helper.make_graph([], name, [], [])
        models.append(onnx.helper.make_model(graph).SerializeToString())
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert "pip install onnx" in weights_of(*models).problem


def test_a_compiled_library_is_compared_by_its_bytes(weights_of):
    found = weights_of(b"\x7fELF" + bytes(9), b"\x7fELF" + bytes(10))
    assert "compiled" in found.problem


@pytest.mark.filterwarnings("ignore:Validating sparse")
def test_a_tensor_of_which_the_file_holds_little_is_not_written_out(weights_of, saved):
    def tensors(number):
        one = torch.full((1,), number)
        place = torch.zeros(1, 1, dtype=torch.int64)
        sparse = torch.sparse_coo_tensor(place, one, (1 << 40,), check_invariants=True)
        return {"a": one.expand(1 << 40), "b": one.expand(9), "c": sparse}

    found = {
        each.name: each for each in weights_of(saved(tensors(0.0)), saved(tensors(1.0))).tensors
    }
    assert all("more of them than it holds" in found[name].note for name in "ac")
    assert found["b"].largest == 1.0


def test_a_damaged_onnx_tensor_is_told(weights_of):
    onnx = pytest.importorskip("onnx")

    def model(raw):
        tensor = onnx.TensorProto(name="w", data_type=1, dims=[2], raw_data=raw)
        graph = onnx.helper.make_graph([], "g", [], [], initializer=[tensor])
        return onnx.helper.make_model(graph).SerializeToString()

    assert "w is damaged" in weights_of(model(bytes(8)), model(b"12345")).problem


def test_a_program_of_an_older_torch_is_read_from_its_pickle_of_weights(weights_of, saved):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as program:
        program.writestr("serialized_exported_program.json", "{}")
        program.writestr("serialized_state_dict.pt", saved(TENSORS))
    found = weights_of(file.getvalue(), saved(TENSORS))
    assert (found.old_form, found.problem, found.unchanged) == ("exported program", None, 2)
