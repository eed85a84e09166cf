"""`load_module`: a model from any of its serialized forms, or the reason why not."""

import io
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from ts_sdk.errors import ModelFormatError, UnsafeWeightsError
from ts_sdk.formats import load_module, state_dict

CPU = torch.device("cpu")
INPUT = torch.tensor([[1.0, 1.0], [0.0, 2.0]])
ANSWER = [[6.0], [7.0]]
_MAPS = Path("/proc/self/maps")
# Text as pickles have it: its mark, its length, itself.
_TEXT_CPU, _TEXT_CUDA = (b"X" + len(t).to_bytes(4, "little") + t for t in (b"cpu", b"cuda:0"))


def test_every_form_gives_the_same_answers(serialized, model_file):
    module = load_module(serialized, device=CPU, model_file=model_file)
    assert module(INPUT).tolist() == ANSWER


@pytest.mark.parametrize("kept", [0, 1, 7, 20, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_file_is_an_error_and_no_crash(serialized, model_file, kept):
    data = serialized.read_bytes()
    serialized.write_bytes(data[: kept if isinstance(kept, int) else int(len(data) * kept)])
    with pytest.raises(ModelFormatError, match=r"model\.bin"):
        load_module(serialized, device=CPU, model_file=model_file)


@pytest.mark.parametrize("kept", [1, 20, 0.3, 0.9])
def test_a_truncated_file_is_an_error_also_when_it_is_trusted(serialized, model_file, kept):
    data = serialized.read_bytes()
    serialized.write_bytes(data[: kept if isinstance(kept, int) else int(len(data) * kept)])
    with pytest.raises(ModelFormatError, match=r"model\.bin") as caught:
        load_module(serialized, device=CPU, model_file=model_file, trust_pickle=True)
    assert not isinstance(caught.value, UnsafeWeightsError)


def test_a_model_file_alone_is_built_with_its_own_weights(write_folder):
    folder = write_folder(
        {
            "model.py": """
                import torch
                class Constant(torch.nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.weight = torch.nn.Parameter(torch.full((2,), 3.0))
                        self.drawn = torch.nn.Linear(50, 50)
                    def forward(self, x): return x * self.weight
            """
        }
    )
    module = load_module(None, device=CPU, model_file=folder / "model.py")
    assert module(torch.ones(2)).tolist() == [3.0, 3.0]
    assert 0.1 < module.drawn.weight.abs().max().item() * 50**0.5 <= 1


def test_nothing_at_all_is_an_error():
    with pytest.raises(ModelFormatError, match="neither a serialized model nor a model file"):
        load_module(None, device=CPU)


def test_weights_without_a_model_file_say_how_to_pack_one(tmp_path, weights):
    torch.save(weights, tmp_path / "w.pt")
    with pytest.raises(ModelFormatError, match="--model-file"):
        load_module(tmp_path / "w.pt", device=CPU)


def test_missing_files_are_named(tmp_path, model_file, weights):
    with pytest.raises(ModelFormatError, match=r"serialized model none\.pt is not in the archive"):
        load_module(tmp_path / "none.pt", device=CPU, model_file=model_file)
    torch.save(weights, tmp_path / "w.pt")
    with pytest.raises(ModelFormatError, match=r"model file none\.py is not in the archive"):
        load_module(tmp_path / "w.pt", device=CPU, model_file=tmp_path / "none.py")


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("model.onnx", b"\x08\x07\x12\x07pytorch", "cannot be loaded as ONNX"),
        ("model.so", b"\x7fELF\x02\x01\x01", "cut off"),
        ("page.pt", b"<!doctype html><html>", "no serialized model that is known"),
        ("pointer.pt", b"version https://git-lfs.github.com/spec/v1\n", "no serialized model"),
        ("empty.pt", b"", "no serialized model"),
    ],
)
def test_other_kinds_are_refused_by_name(tmp_path, name, content, kind):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelFormatError, match=kind) as caught:
        load_module(tmp_path / name, device=CPU)
    assert name in str(caught.value)


class TestWholeModules:
    """A module that was pickled with its class."""

    @pytest.fixture(params=["zip", "old"])
    def pickled(self, request, tmp_path, code_of):
        """A pickled module of the archive's own class, and the archive's code."""
        code = code_of(
            {
                "model.py": """
                    from torch import nn
                    class Doubling(nn.Module):
                        def forward(self, x): return x * 2
                """,
                "handler.py": """
                    import torch
                    from model import Doubling
                    def save(path, zipped):
                        torch.save(Doubling(), path, _use_new_zipfile_serialization=zipped)
                """,
            }
        )
        path = tmp_path / "whole.pt"
        with code.running():
            code.import_file("handler.py").save(path, request.param == "zip")
        return path, code

    def test_are_refused_with_the_names_that_they_import(self, pickled):
        path, code = pickled
        with code.running(), pytest.raises(UnsafeWeightsError, match="trust_pickle=True") as caught:
            load_module(path, device=CPU)
        assert "model.Doubling" in caught.value.globals
        assert not any(name.startswith("torch._utils") for name in caught.value.globals)

    def test_are_loaded_with_the_archives_own_classes_when_they_are_trusted(self, pickled):
        path, code = pickled
        with code.running():
            module = load_module(path, device=CPU, trust_pickle=True)
            assert type(module) is code.module("model").Doubling
        assert module(INPUT).tolist() == (INPUT * 2).tolist()

    def test_say_what_is_missing_when_their_class_is_not_in_the_archive(self, pickled, code_of):
        path, _ = pickled
        other = code_of({"handler.py": "", "model.py": ""}, "other")
        with other.running(), pytest.raises(ModelFormatError, match="Doubling") as caught:
            load_module(path, device=CPU, trust_pickle=True)
        assert "modules of the same names" in str(caught.value)

    def test_something_else_that_was_pickled_is_named(self, tmp_path):
        torch.save(torch.ones(2), tmp_path / "tensor.pt")
        with pytest.raises(ModelFormatError, match="holds a Tensor, neither a state dict"):
            load_module(tmp_path / "tensor.pt", device=CPU)


def test_a_malicious_pickle_runs_nothing(tmp_path, model_file):
    """The proof is a file that the pickle would have written."""
    witness = tmp_path / "witness"

    class Malice:
        def __reduce__(self):
            return open, (str(witness), "w")

    torch.save({"linear.weight": Malice()}, tmp_path / "w.pt")
    with pytest.raises(UnsafeWeightsError):
        load_module(tmp_path / "w.pt", device=CPU, model_file=model_file)
    assert not witness.exists()


def test_weights_saved_in_another_number_format_are_converted(tmp_path, model_file, weights):
    torch.save({name: tensor.double() for name, tensor in weights.items()}, tmp_path / "w.pt")
    module = load_module(tmp_path / "w.pt", device=CPU, model_file=model_file)
    assert module.linear.weight.dtype is torch.float32
    assert module(INPUT).tolist() == ANSWER


class TestTorchScript:
    def test_needs_no_model_file_and_warns_of_nothing(
        self, tmp_path, affine, script, save_scripted
    ):
        path = save_scripted(script(affine), tmp_path / "m.pt")
        module = load_module(path, device=CPU).to(CPU).eval()
        assert module(INPUT).tolist() == ANSWER

    def test_frozen_modules_load_too(self, tmp_path, affine, script, save_scripted):
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frozen = torch.jit.freeze(script(affine))
        path = save_scripted(frozen, tmp_path / "m.pt")
        assert load_module(path, device=CPU).to(CPU).eval()(INPUT).tolist() == ANSWER

    def test_operators_of_torchvision_are_there(self, tmp_path, script, save_scripted):
        """A scripted detector needs them, and does not import torchvision itself."""
        import subprocess
        import sys

        import torchvision

        class Suppressing(nn.Module):
            def forward(self, boxes: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
                return torchvision.ops.nms(boxes, scores, 0.5)

        path = save_scripted(script(Suppressing()), tmp_path / "m.pt")
        program = f"""
import pathlib, torch
from ts_sdk.formats import load_module
module = load_module(pathlib.Path({str(path)!r}), device=torch.device("cpu"))
print(module(torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 1]]), torch.tensor([0.9, 0.8])).tolist())
"""
        ran = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ran.stdout.strip(), ran.stderr) == ("[0]", "")


def test_weights_that_say_they_are_on_cuda_load_on_the_cpu(tmp_path, model_file, weights):
    """What `torch.save` writes of CUDA tensors differs in the name of the device alone."""
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    with zipfile.ZipFile(buffer) as saved, zipfile.ZipFile(tmp_path / "w.pt", "w") as on_cuda:
        for name in saved.namelist():
            content = saved.read(name)
            if name.endswith("/data.pkl"):
                assert content.count(_TEXT_CPU) == 1  # the second tensor refers to the first's
                content = content.replace(_TEXT_CPU, _TEXT_CUDA)
            on_cuda.writestr(name, content)
    module = load_module(tmp_path / "w.pt", device=CPU, model_file=model_file)
    assert module(INPUT).tolist() == ANSWER


@pytest.mark.skipif(not _MAPS.exists(), reason="the system does not tell what is mapped")
def test_weights_are_mapped_from_their_file_and_not_copied(tmp_path, weights):
    torch.save(weights, tmp_path / "w.pt")
    loaded = state_dict.load(tmp_path / "w.pt", CPU, trust_pickle=False)
    assert str(tmp_path / "w.pt") in _MAPS.read_text()
    assert loaded["linear.bias"].tolist() == [1.0]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_weights_saved_on_cuda_load_on_the_cpu_and_back(tmp_path, model_file, weights):
    torch.save({name: tensor.cuda() for name, tensor in weights.items()}, tmp_path / "w.pt")
    module = load_module(tmp_path / "w.pt", device=CPU, model_file=model_file)
    assert module(INPUT).tolist() == ANSWER
    cuda = torch.device("cuda", 0)
    module = load_module(tmp_path / "w.pt", device=cuda, model_file=model_file).to(cuda)
    assert module(INPUT.to(cuda)).tolist() == ANSWER
