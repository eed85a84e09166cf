"""AOTInductor packages: compiled code that is looked at before it is loaded."""

import json
import shutil
import sys
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
from numpy._core import _multiarray_umath
from torch import nn

import archiver
import ts_sdk
from ts_sdk.errors import DeviceUnavailableError, ModelFormatError, PrecisionError, RequestError
from ts_sdk.formats import load_module
from ts_sdk.formats.aotinductor_package import INPUTS_KEY, PROCESSOR_KEY, TORCH_KEY
from ts_sdk.formats.aotinductor_source import signature_in

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
_ROW = [1.0, 2.0]

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("g++") is None, reason="needs a C++ compiler"
)


@pytest.fixture(scope="module")
def conversion(tmp_path_factory):
    """The model converted from its state dict, compiled once for all tests."""
    folder = tmp_path_factory.mktemp("compiled")
    (folder / "model.py").write_text(
        "from torch import nn\n\n\nclass Affine(nn.Linear):\n"
        "    def __init__(self):\n        super().__init__(2, 1)\n"
    )
    weights = {"weight": torch.tensor([[2.0, 3.0]]), "bias": torch.tensor([1.0])}
    torch.save(weights, folder / "weights.pt")
    packed = archiver.pack(
        model_name="affine",
        version="1",
        handler="base_handler",
        model_file=folder / "model.py",
        serialized_file=folder / "weights.pt",
        export_path=folder,
    )
    return ts_sdk.convert(packed.path, to="aoti", samples=[_ROW], target=folder)


@pytest.fixture(scope="module")
def package_bytes(conversion) -> bytes:
    with archiver.Archive.open(conversion.path) as archive:
        return archive.read("weights.pt2")


@pytest.fixture
def package(tmp_path, package_bytes) -> Path:
    path = tmp_path / "model.pt2"
    path.write_bytes(package_bytes)
    return path


def load(path, device=CPU):
    return load_module(path, device=device)


def rewrite(path, change):
    """Write the package again, its members (by name) changed by a function."""
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def noting(**notes):
    """Change what the package says of itself."""

    def change(members):
        for name in members:
            if name.endswith("_metadata.json"):
                members[name] = json.dumps(json.loads(members[name]) | notes).encode()

    return change


def test_a_converted_archive_answers_as_before(conversion):
    assert conversion.form == "aoti"
    assert conversion.difference < 1e-6
    assert conversion.batch_sizes == (1, 3)
    with ts_sdk.load(conversion.path, device="cpu") as model:
        assert model.predict_batch([_ROW, [0.0, 0.0]]) == [[9.0], [1.0]]


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_it_takes_batches_of_any_size(package, batch):
    assert load(package)(torch.ones(batch, 2)).tolist() == [[6.0]] * batch


def test_inputs_that_it_would_read_wrongly_are_refused_with_what_was_expected(package):
    model = load(package)
    for given in (torch.ones(2, 3), torch.ones(2), torch.ones(1, 2, dtype=torch.int64)):
        with pytest.raises(RequestError, match=r"must be float32 \(\w+, 2\)") as caught:
            model(given)
        assert caught.value.status == 400
    with pytest.raises(TypeError, match=r"model\.pt2 takes 1 input"):
        model(torch.ones(2, 2), torch.ones(1))


def test_inputs_with_gaps_in_memory_are_read_right(package):
    given = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    spread = torch.zeros(2, 4)[:, ::2].copy_(given)
    assert load(package)(spread).tolist() == [[3.0], [4.0]]


def test_what_it_takes_is_read_from_its_source_where_it_was_made_elsewhere(package):
    def forget(members):
        for name in members:
            if name.endswith("_metadata.json"):
                notes = json.loads(members[name])
                kept = {key: notes[key] for key in notes if not key.startswith("ts_sdk.")}
                members[name] = json.dumps(kept).encode()

    model = load(rewrite(package, forget))
    assert model(torch.ones(1, 2)).tolist() == [[6.0]]
    with pytest.raises(RequestError, match=r"must be float32 \(\w+, 2\), got float32 \(2, 3\)"):
        model(torch.ones(2, 3))


@pytest.mark.parametrize("source", ["", "int main() {}", "static void check_input_1(\nx\n}\n"])
def test_a_source_that_is_not_known_tells_nothing(source):
    assert signature_in(source) is None


class TestWhatItCannotDo:
    """Each error names forms that can."""

    def test_move_to_another_device(self, package):
        model = load(package)
        assert model.to("cpu").eval() is model
        with pytest.raises(ModelFormatError, match=r"cannot be moved to meta: .* TorchScript"):
            model.to("meta")

    def test_change_its_precision(self, package):
        with pytest.raises(PrecisionError, match="an AOTInductor package"):
            load(package).half()

    def test_give_gradients(self, package):
        with pytest.raises(ModelFormatError, match="no gradients"):
            load(package)(torch.ones(1, 2, requires_grad=True))


class TestMadeForSomethingElse:
    """That is told by what the package says of itself; its code is not loaded."""

    def test_another_device(self, package):
        with pytest.raises(ModelFormatError, match=r"compiled for cpu .* --device cuda"):
            load(package, CUDA)

    @pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
    def test_cuda_where_there_is_none(self, package):
        rewrite(package, noting(AOTI_DEVICE_KEY="cuda"))
        with pytest.raises(DeviceUnavailableError, match="compiled for CUDA"):
            load(package)

    @pytest.mark.parametrize(
        ("notes", "message"),
        [
            ({"AOTI_PLATFORM": "win32"}, "on win32, and this is linux"),
            ({"AOTI_MACHINE": "s390x"}, "for s390x, and this is"),
            ({PROCESSOR_KEY: '["amx_of_tomorrow"]'}, "a processor with amx_of_tomorrow"),
            ({TORCH_KEY: "2.1.0"}, r"by torch 2\.1\.0, and this is torch"),
        ],
    )
    def test_another_machine_or_torch(self, package, notes, message):
        rewrite(package, noting(**notes))
        with pytest.raises(ModelFormatError, match=message) as caught:
            load(package)
        assert "mar convert --to aoti" in str(caught.value)

    def test_instructions_that_this_processor_has_not(self, package, monkeypatch):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
        rewrite(package, noting(AOTI_CPU_ISA="AVX512", **{PROCESSOR_KEY: "[]"}))
        with pytest.raises(ModelFormatError, match="a processor with avx512_f"):
            load(package)


class TestDamage:
    @pytest.mark.parametrize("kept", [4, 100, 0.3, 0.7, 0.99])
    def test_a_truncated_package_is_a_load_error(self, package, package_bytes, kept):
        size = int(len(package_bytes) * kept) if isinstance(kept, float) else kept
        package.write_bytes(package_bytes[:size])
        with pytest.raises(ModelFormatError, match=r"model\.pt2"):
            load(package)

    @pytest.mark.parametrize("part", [0.2, 0.4, 0.6, 0.8])
    def test_a_changed_byte_in_the_library_is_a_load_error(self, package, package_bytes, part):
        with zipfile.ZipFile(package) as file:
            (entry,) = [each for each in file.infolist() if each.filename.endswith(".so")]
        changed = bytearray(package_bytes)
        changed[entry.header_offset + 200 + int(entry.file_size * part)] ^= 0xFF
        package.write_bytes(changed)
        with pytest.raises(ModelFormatError, match="CRC"):
            load(package)

    def test_a_library_that_was_cut_off_before_it_was_packaged_is_a_load_error(self, package):
        def cut(members):
            for name in members:
                if name.endswith(".so"):
                    members[name] = members[name][:5000]

        with pytest.raises(ModelFormatError, match="cut off"):
            load(rewrite(package, cut))

    @pytest.mark.parametrize(
        "notes",
        [{PROCESSOR_KEY: "no json"}, {PROCESSOR_KEY: "3"}, {INPUTS_KEY: "{}"}, {"AOTI_CPU_ISA": 5}],
    )
    def test_notes_that_mean_nothing_are_a_load_error(self, package, notes):
        with pytest.raises(ModelFormatError, match=r"model\.pt2 is a damaged AOTInductor package"):
            load(rewrite(package, noting(**notes)))

    def test_several_models_with_none_of_the_usual_name_are_an_error(self, package):
        def rename(members):
            for name in list(members):
                if "/data/aotinductor/model/" in name:
                    members[name.replace("/model/", "/first/")] = members[name]
                    members[name.replace("/model/", "/second/")] = members.pop(name)

        with pytest.raises(ModelFormatError, match=r"several models \(first, second\)"):
            load(rewrite(package, rename))


class TestLibraries:
    """Bare `.so` files, as `torch._export.aot_compile` made them."""

    def test_a_library_that_holds_no_model_is_refused(self, tmp_path):
        shutil.copyfile(_multiarray_umath.__file__, tmp_path / "model.so")
        with pytest.raises(ModelFormatError, match="no model that AOTInductor compiled"):
            load(tmp_path / "model.so")

    @pytest.mark.slow
    def test_a_library_answers_through_the_handler_of_torchserve(self, tmp_path):
        class Affine(nn.Linear):
            def __init__(self):
                super().__init__(2, 1)
                self.load_state_dict({"weight": torch.tensor([[2.0, 3.0]]), "bias": torch.ones(1)})

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = torch._export.aot_compile(Affine().eval(), (torch.ones(1, 2),))
        (tmp_path / "config.yaml").write_text("pt2: {export: {aot_compile: true}}")
        shutil.copyfile(compiled, tmp_path / "model.so")
        packed = archiver.pack(
            model_name="old",
            version="1",
            handler="base_handler",
            serialized_file=tmp_path / "model.so",
            config_file=tmp_path / "config.yaml",
            export_path=tmp_path,
        )
        with ts_sdk.load(packed.path, device="cpu") as model:
            assert model.predict(_ROW) == [9.0]
