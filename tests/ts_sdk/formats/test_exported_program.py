"""Exported programs are called like the module that they were made of."""

import io
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from ts_sdk.errors import ModelFormatError, PrecisionError, RequestError, UnsafeWeightsError
from ts_sdk.formats import load_module
from ts_sdk.precision import Precision, set_precision

CPU, META = torch.device("cpu"), torch.device("meta")


@pytest.fixture
def program(tmp_path, program_bytes) -> Path:
    path = tmp_path / "model.pt2"
    path.write_bytes(program_bytes)
    return path


@pytest.fixture
def save(tmp_path):
    """Export a module that is called with these inputs, and write it."""

    def saving(module, *args, **kwargs) -> Path:
        path = tmp_path / "model.pt2"
        torch.export.save(torch.export.export(module.eval(), args, kwargs), path)
        return path

    return saving


def load(path, device=CPU, **options):
    return load_module(path, device=device, **options)


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_dicts_tuples_and_names_go_in_and_come_out(tmp_path, batch, nested):
    module, inputs, export = nested
    (args, kwargs), expected = inputs(batch)
    torch.export.save(export(module, *inputs(3)[0]), tmp_path / "model.pt2")
    loaded = load(tmp_path / "model.pt2")
    torch.testing.assert_close(loaded(*args, **kwargs), expected)
    left, right = args[0]["left"], args[0]["right"]
    torch.testing.assert_close(loaded({"right": right, "left": left}, args[1], **kwargs), expected)


def test_it_is_a_module_in_evaluation_mode(program):
    module = load(program)
    assert module.eval() is module
    assert not module.training
    with pytest.raises(ModelFormatError, match="can be trained"):
        module.train()


def test_it_gives_gradients(program):
    given = torch.ones(1, 2, requires_grad=True)
    load(program)(given).sum().backward()
    assert given.grad.tolist() == [[2.0, 3.0]]


def test_it_moves_to_another_device_with_the_tensors_that_its_code_makes(save):
    class Counting(nn.Module):
        def forward(self, x):
            return x + torch.arange(3, device=x.device)

    moved = load(save(Counting(), torch.ones(3)), META)
    assert moved(torch.ones(3, device="meta")).device.type == "meta"
    assert moved(torch.ones(3)).device.type == "meta"
    back = load(save(Counting(), torch.ones(3))).to("cpu")
    assert back(torch.ones(3)).tolist() == [1.0, 2.0, 3.0]


def test_inputs_of_another_shape_or_type_are_refused_with_what_was_expected(program):
    module = load(program)
    with pytest.raises(
        RequestError, match=r"input x must be float32 \(n, 2\), got float32 \(1, 3\)"
    ):
        module(torch.ones(1, 3))
    with pytest.raises(RequestError, match="got int64"):
        module(torch.ones(1, 2, dtype=torch.int64))
    with pytest.raises(TypeError, match="takes 1 input"):
        module(torch.ones(1, 2), torch.ones(1))


def test_what_only_the_program_knows_of_its_sizes_is_refused_too(tmp_path):
    class Pairs(nn.Module):
        def forward(self, x):
            return x.reshape(-1, 2).sum(1)

    half = torch.export.Dim("half", min=1, max=100)
    exported = torch.export.export(Pairs(), (torch.ones(6),), dynamic_shapes=({0: 2 * half},))
    torch.export.save(exported, tmp_path / "m.pt2")
    module = load(tmp_path / "m.pt2")
    assert module(torch.ones(4)).tolist() == [2.0, 2.0]
    with pytest.raises(RequestError, match="was not exported for inputs of these sizes"):
        module(torch.ones(5))


def test_it_computes_in_half_precision(program):
    module = load(program)
    set_precision(module, Precision.BFLOAT16, CPU)
    answer = module(torch.ones(3, 2))
    assert (answer.dtype, answer.tolist()) == (torch.float32, [[6.0]] * 3)


def test_a_program_that_names_a_format_cannot_be_converted_by_hand(save):
    class Upcasting(nn.Linear):
        def forward(self, x):
            return super().forward(x).to(torch.float32)

    module = load(save(Upcasting(2, 1), torch.ones(1, 2)))
    with pytest.raises(PrecisionError, match=r"asks for float32.*autocast-float16"):
        module.half()


class TestPickles:
    """`torch.export.load` would read them with an unpickler that runs anything."""

    @pytest.fixture
    def witness(self, tmp_path) -> Path:
        return tmp_path / "witness"

    @pytest.fixture
    def malice(self, witness):
        class Malice:
            def __reduce__(self):
                return open, (str(witness), "w")

        return Malice()

    def put(self, path, changes):
        """Rewrite the file with some of its members replaced, given by the ends of their names."""
        with zipfile.ZipFile(path) as file:
            contents = {name: file.read(name) for name in file.namelist()}
        with zipfile.ZipFile(path, "w") as file:
            for name, content in contents.items():
                new = next((new for end, new in changes.items() if name.endswith(end)), content)
                file.writestr(name, new)
            for end, new in changes.items():
                if not any(name.endswith(end) for name in contents):
                    file.writestr(f"{next(iter(contents)).partition('/')[0]}/{end}", new)
        return path

    def refused(self, path, witness):
        with pytest.raises(UnsafeWeightsError, match="trust_pickle=True") as caught:
            load(path)
        assert not witness.exists()
        return caught.value

    def saved(self, value):
        file = io.BytesIO()
        torch.save(value, file)
        return file.getvalue()

    def test_in_the_example_inputs(self, program, malice, witness):
        self.put(program, {"data/sample_inputs/model.pt": self.saved(((malice,), {}))})
        assert self.refused(program, witness).globals == ("io.open",)

    def test_in_a_weight(self, program, malice, witness):
        with zipfile.ZipFile(program) as file:
            name = next(n for n in file.namelist() if n.endswith("model_weights_config.json"))
            config = file.read(name).replace(b'"use_pickle": false', b'"use_pickle": true', 1)
        self.put(
            program,
            {
                "model_weights_config.json": config,
                "data/weights/weight_0": self.saved(malice),
                "data/weights/weight_1": self.saved(malice),
            },
        )
        self.refused(program, witness)

    def test_in_an_opaque_object(self, program, malice, witness):
        constants = b'{"config": {"c": {"path_name": "opaque_obj_0", "is_param": false, '
        constants += b'"use_pickle": true, "tensor_meta": null}}}'
        self.put(
            program,
            {
                "model_constants_config.json": constants,
                "data/constants/opaque_obj_0": pickle.dumps(malice),
            },
        )
        self.refused(program, witness)

    def test_in_a_program_of_torch_before_2_8(self, tmp_path, malice, witness):
        path = tmp_path / "old.pt2"
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("version", "5.1")
            file.writestr("serialized_exported_program.json", "{}")
            file.writestr("serialized_state_dict.pt", self.saved({"w": malice}))
            file.writestr("serialized_constants.pt", self.saved({}))
            file.writestr("serialized_example_inputs.pt", self.saved(()))
        self.refused(path, witness)

    def test_that_are_trusted_are_read(self, program):
        self.put(program, {"data/sample_inputs/model.pt": self.saved(((torch.ones(2, 2),), {}))})
        assert load(program, trust_pickle=True)(torch.ones(1, 2)).tolist() == [[6.0]]


def test_weights_that_were_saved_on_cuda_say_where_to_export(program):
    if torch.cuda.is_available():
        pytest.skip("there is CUDA here")
    with zipfile.ZipFile(program) as file:
        contents = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(program, "w") as file:
        for name, content in contents.items():
            file.writestr(name, content.replace(b'"type": "cpu"', b'"type": "cuda"'))
    with pytest.raises(ModelFormatError, match=r"exported on CUDA.*export it on the CPU"):
        load(program)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_it_runs_on_cuda(program):
    cuda = torch.device("cuda", 0)
    answer = load(program, cuda)(torch.ones(3, 2, device=cuda))
    assert (answer.device, answer.tolist()) == (cuda, [[6.0]] * 3)
