"""Inspecting tells what is inside an archive; nothing of it is run, unpickled or written."""

import io
import json
import os
import pickle
import re
import warnings
import zipfile

import pytest
from archives import (
    HANDLER,
    MANIFEST,
    good_files,
    make_folder,
    make_mar,
    make_tar_gz,
    manifest_of,
    with_record,
)

from archiver import Archive, CorruptArchiveError, inspect

MODEL = b"from torch import nn\n\n\nclass Net(nn.Module):\n    pass\n"


def inspected(path):
    with Archive.open(path) as archive:
        return inspect(archive)


def inspected_mar(tmp_path, files, method=zipfile.ZIP_STORED):
    return inspected(make_mar(tmp_path / "cat.mar", files, method))


def zip_of(*names):
    """A zip as PyTorch writes it: in one folder, its directory far from its beginning."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(f"net/{name}", bytes(70_000))
    return packed.getvalue()


def safetensors_of(**tensors):
    """A safetensors file of tensors given as (dtype, shape)."""
    header = {"__metadata__": {"format": "pt"}}
    for name, (dtype, shape) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [0, 0]}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text


FILES = with_record(
    {
        MANIFEST: manifest_of(
            serializedFile="net.safetensors",
            modelFile="model.py",
            configFile="model-config.yaml",
            requirementsFile="requirements.txt",
        ),
        "net.safetensors": safetensors_of(w=("F32", [10, 3]), b=("F32", [10]), h=("BF16", [2])),
        "handler.py": b"from ts_sdk import BaseHandler\n\n\nclass Cat(BaseHandler):\n    pass\n",
        "model.py": MODEL,
        "model-config.yaml": b"# settings\nminWorkers: 1\n'batchSize': 4\nhandler:\n  topk: 3\n",
        "requirements.txt": b"# needed\nnumpy>=1.26  # arrays\n\n--no-index\n",
        "index_to_name.json": b'{"0": "cat", "1": ["n01", "dog"]}',
        "shapes.py": b"",
        "notes.txt": b"hello",
        "MAR-INF/samples/cat.jpg": b"\xff\xd8\xff",
    }
)


@pytest.mark.parametrize("make", [make_mar, make_tar_gz, make_folder])
def test_everything_is_found_in_every_form(tmp_path, make):
    facts = inspected(make(tmp_path / "cat", FILES))
    assert facts.manifest.model.model_name == "cat"
    assert facts.has_manifest
    assert facts.record == "agrees"
    assert {each.member.name: each.kind for each in facts.members} == {
        MANIFEST: "manifest",
        "MAR-INF/RECORD": "record",
        "MAR-INF/samples/cat.jpg": "sample",
        "net.safetensors": "weights",
        "handler.py": "handler",
        "model.py": "model file",
        "model-config.yaml": "config",
        "requirements.txt": "requirements",
        "index_to_name.json": "labels",
        "shapes.py": "source",
        "notes.txt": "extra",
    }
    assert (facts.handler.member, facts.handler.entry_points) == ("handler.py", ("Cat",))
    assert facts.model_classes == ("Net",)
    assert facts.labels == 2
    assert facts.config_keys == ("minWorkers", "batchSize", "handler")
    assert facts.requirements == ("numpy>=1.26", "--no-index")
    [weights] = facts.serialized
    assert (weights.form, weights.tensors, weights.parameters) == ("safetensors", 3, 42)
    assert weights.dtypes == {"F32": 2, "BF16": 1}
    assert facts.warnings == ()
    assert facts.size_bytes > 0


@pytest.mark.parametrize("make", [make_mar, make_tar_gz, make_folder])
def test_it_can_be_written_as_json(tmp_path, make):
    facts = inspected(make(tmp_path / "cat", FILES)).to_dict()
    read = json.loads(json.dumps(facts))
    assert read["manifest"]["model"]["modelName"] == "cat"
    assert read["handler"]["entry_points"] == ["Cat"]
    assert {member["kind"] for member in read["members"]} >= {"weights", "handler"}
    assert read["serialized"][0]["dtypes"] == {"F32": 2, "BF16": 1}
    assert set(read["members"][0]) == {
        *("name", "size", "compressed_size", "method", "crc", "offset", "sha256"),
        *("aligned", "kind"),
    }


def test_nothing_of_an_archive_is_run_or_unpickled_or_written(tmp_path):
    marker = tmp_path / "was run"

    class Runs:
        def __reduce__(self):
            return (os.mkdir, (str(marker),))

    line = f"import os\nos.mkdir({str(marker)!r})\n".encode()
    files = {
        MANIFEST: manifest_of(serializedFile="model.pt", modelFile="model.py"),
        "handler.py": line + HANDLER,
        "model.py": line + MODEL,
        "model.pt": pickle.dumps(Runs(), protocol=2),
        "vocab.pkl": pickle.dumps(Runs()),
    }
    path = make_mar(tmp_path / "cat.mar", files)
    facts = inspected(path)
    assert [each.form for each in facts.serialized] == ["pickle", "pickle"]
    assert facts.model_classes == ("Net",)
    assert list(tmp_path.iterdir()) == [path]


# Handlers


@pytest.mark.parametrize(
    ("declared", "source", "member", "found"),
    [
        ("handler.py", HANDLER, "handler.py", ("handle",)),
        ("handler", HANDLER, "handler.py", ("handle",)),
        ("handler.py:start", b"def start(d, c): ...\n", "handler.py", ("start",)),
        ("handler:start", b"start = print\n", "handler.py", ("start",)),
        ("image_classifier", HANDLER, None, ()),
        ("vllm_handler", HANDLER, None, ()),
    ],
)
def test_the_entry_point_is_found(tmp_path, declared, source, member, found):
    files = {MANIFEST: manifest_of(handler=declared), "handler.py": source}
    handler = inspected_mar(tmp_path, files).handler
    assert handler.declared == declared
    assert (handler.member, handler.entry_points) == (member, found)
    assert handler.is_built_in == (member is None)


@pytest.mark.parametrize(
    ("handler", "source", "warning"),
    [
        ("handler.py", b"def handle(:\n", r"handler\.py:1 does not parse"),
        ("handler.py", b"x = '\xff'\n", r"handler\.py.* does not parse"),
        ("handler.py", b"x = 1\n", "defines nothing that could be its entry point"),
        ("handler.py:start", HANDLER, "defines nothing that could be its entry point"),
        ("image_clasifier", b"", "'image_clasifier' is neither in the archive nor built in"),
        (None, b"", "no handler is named"),
        (
            "handler.py",
            b"class A:\n def initialize(s, c): ...\n def handle(s, d, c): ...\nclass B(A): ...\n",
            r"handler\.py may be started by any of A, B",
        ),
        ("handler.py", b"x = " + b"-" * 100_000 + b"1\n", r"handler\.py.* does not parse"),
    ],
    ids=range(8),
)
def test_a_handler_that_could_not_be_started_is_warned_of(tmp_path, handler, source, warning):
    files = with_record({MANIFEST: manifest_of(handler=handler), "handler.py": source})
    [told] = inspected_mar(tmp_path, files).warnings
    assert re.search(warning, told)


@pytest.mark.parametrize(
    ("source", "classes", "warning"),
    [
        (
            MODEL + b"class Other(Net): ...\n",
            ("Net", "Other"),
            "defines several models: Net, Other",
        ),
        (b"x = 1\n", (), "defines no nn.Module class"),
        (b"from torchvision.models.resnet import ResNet\nclass A(ResNet): ...\n", ("A",), None),
    ],
)
def test_the_model_file_is_judged_by_its_classes(tmp_path, source, classes, warning):
    files = {**good_files(modelFile="model.py"), "model.py": source}
    facts = inspected_mar(tmp_path, with_record(files))
    assert facts.model_classes == classes
    assert [told for told in facts.warnings if "model.py" in told] == (
        [f"model.py {warning}"] if warning else []
    )


# Serialized files


@pytest.fixture(scope="module")
def by_torch(tmp_path_factory):
    """One model in each form that PyTorch itself writes."""
    import torch

    folder = tmp_path_factory.mktemp("torch")
    model = torch.nn.Linear(3, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        torch.save(model.state_dict(), folder / "new.pt")
        torch.save(model.state_dict(), folder / "old.pt", _use_new_zipfile_serialization=False)
        torch.jit.script(model).save(folder / "scripted.pt")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("make", [make_mar, make_tar_gz, make_folder])
def test_what_torch_writes_is_told_apart(tmp_path, make, by_torch):
    facts = inspected(make(tmp_path / "cat", {**good_files(), **by_torch}))
    found = {each.name: each for each in facts.serialized}
    assert {name: each.form for name, each in found.items()} == {
        "new.pt": "torch zip",
        "old.pt": "pickle",
        "scripted.pt": "torchscript",
    }
    assert found["new.pt"].pickles == ("new/data.pkl",)
    assert found["old.pt"].pickles == ("",)
    assert found["scripted.pt"].pickles == ()
    assert found["new.pt"].tensors == 2


@pytest.mark.parametrize(
    ("content", "form", "pickles"),
    [
        (zip_of("data.pkl", "data/0", "version"), "torch zip", ("net/data.pkl",)),
        (zip_of("data.pkl", "data/0", "code/net.py", "constants.pkl"), "torchscript", ()),
        (
            zip_of("archive_format", "models/model.json", "data/sample_inputs/model.pt"),
            "exported program",
            ("net/data/sample_inputs/model.pt",),
        ),
        (
            zip_of("archive_format", "data/aotinductor/model/net.so"),
            "aotinductor package",
            (),
        ),
        (zip_of("weights.npy"), "zip", ()),
        (pickle.dumps({}, protocol=4), "pickle", ("",)),
        (b"\x08\x08\x12\x07pytorch", "onnx", ()),
        (b"\x7fELF\x02\x01\x01", "shared library", ()),
        (safetensors_of(), "safetensors", ()),
    ],
    ids=["torch zip", "torchscript", "pt2", "aoti", "zip", "pickle", "onnx", "so", "safetensors"],
)
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_serialized_file_is_told_by_its_bytes(tmp_path, content, form, pickles, method):
    facts = inspected_mar(tmp_path, {**good_files(), "model.pt": content}, method)
    [found] = facts.serialized
    assert (found.form, found.pickles, found.problem) == (form, pickles, None)


def torch_zip_of(value, *, padding=0):
    """A zip as `torch.save` writes it, its numbers *padding* bytes long."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("net/data.pkl", pickle.dumps(value, protocol=2))
        archive.writestr("net/data/0", bytes(padding))
        archive.writestr("net/version", b"3\n")
    return packed.getvalue()


class TestWhatPicklesImport:
    @pytest.mark.parametrize("make", [make_mar, make_tar_gz, make_folder])
    def test_of_weights_alone_nothing_is_warned(self, tmp_path, make, by_torch):
        facts = inspected(make(tmp_path / "cat", {**good_files(), **by_torch}))
        found = {each.name: each for each in facts.serialized}
        for name in ("new.pt", "old.pt"):
            assert "torch._utils._rebuild_tensor_v2" in found[name].imports
            assert found[name].more_than_weights == ()
        assert not any("pickle" in told for told in facts.warnings)

    @pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    @pytest.mark.parametrize("protocol", [2, 3, 4, 5])
    def test_of_more_than_weights_is_warned_of_by_name(self, tmp_path, protocol, method):
        content = pickle.dumps({"run": os.mkdir, "again": os.mkdir}, protocol=protocol)
        facts = inspected_mar(tmp_path, {**good_files(), "model.pt": content}, method)
        [found] = facts.serialized
        assert found.more_than_weights == (f"{os.mkdir.__module__}.mkdir",)
        [told] = [each for each in facts.warnings if "pickle" in each]
        assert told.startswith("model.pt holds a pickle of more than weights (it imports ")

    @pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    def test_in_a_file_of_many_numbers_are_found_too(self, tmp_path, method):
        content = torch_zip_of({"run": os.mkdir}, padding=40 << 20)
        facts = inspected_mar(tmp_path, {**good_files(), "model.pt": content}, method)
        [found] = facts.serialized
        assert found.more_than_weights == (f"{os.mkdir.__module__}.mkdir",)

    def test_has_the_names_of_python_3(self, tmp_path):
        content = torch_zip_of({1, 2})  # which names __builtin__.set in this protocol
        [found] = inspected_mar(tmp_path, {**good_files(), "model.pt": content}).serialized
        assert (found.imports, found.more_than_weights) == (("builtins.set",), ())

    def test_in_pickles_within_a_program_are_found_too(self, tmp_path):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("m/archive_format", b"pt2")
            archive.writestr("m/data/sample_inputs/model.pt", torch_zip_of(os.mkdir))
        [found] = inspected_mar(tmp_path, {**good_files(), "m.pt2": packed.getvalue()}).serialized
        assert found.more_than_weights == (f"{os.mkdir.__module__}.mkdir",)

    @pytest.mark.parametrize(
        "content",
        [
            pickle.dumps({"a": 1}, protocol=4)[:-3],  # it has no end
            b"\x80\x04\x82\x01.",  # a name by its number in a table of the program's
            b"\x80\x04\x8c\x02os\x8c\x05mkdir\x8c\x01x0\x93.",  # the last string is taken away
            b"\x80\x04\x93.",
            zip_of("data.pkl", "data/0", "version"),
            torch_zip_of({number: str(number) for number in range(150_000)}),
        ],
        ids=["cut", "by number", "popped", "empty stack", "no pickle", "long"],
    )
    def test_that_cannot_be_told_are_said_to_be_unknown(self, tmp_path, content):
        facts = inspected_mar(tmp_path, {**good_files(), "model.pt": content})
        [found] = facts.serialized
        assert (found.imports, found.more_than_weights) == (None, ())
        [told] = [each for each in facts.warnings if "pickle" in each]
        assert told.startswith("model.pt holds pickles that could not be looked through here")

    def test_is_in_the_json_beside_their_names(self, tmp_path):
        files = {**good_files(), "model.pt": torch_zip_of([1, 2])}
        [found] = inspected_mar(tmp_path, files).to_dict()["serialized"]
        assert (found["pickles"], found["imports"]) == (("net/data.pkl",), ())


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (zip_of("data.pkl")[:-10], "cannot be read as a zip"),
        (b"PK\3\4", "cannot be read as a zip"),
        ((100).to_bytes(8, "little") + b"{", "its header is damaged"),
        ((2).to_bytes(8, "little") + b"{]", "its header is damaged"),
        ((9).to_bytes(8, "little") + b'{"a": []}', "its header is damaged"),
        ((19).to_bytes(8, "little") + b'{"a": {"dtype": 1}}', "its header is damaged"),
        ((1 << 30).to_bytes(8, "little") + b"{", "more than any model needs"),
    ],
    ids=range(7),
)
def test_a_damaged_serialized_file_is_warned_of(tmp_path, content, problem):
    facts = inspected_mar(tmp_path, {**good_files(), "model.pt": content})
    [found] = facts.serialized
    assert problem in found.problem
    assert any(told.startswith("model.pt: ") and problem in told for told in facts.warnings)


# Warnings


def test_weights_that_load_slowly_are_warned_of(tmp_path):
    files = {**good_files(), "model.pt": b"\x80\x02" + bytes(1 << 20)}
    deflated = inspected_mar(tmp_path, files, zipfile.ZIP_DEFLATED).warnings
    assert "model.pt (1.0 MiB) is deflated, which makes its first load slow" in deflated
    stored = inspected_mar(tmp_path, files).warnings
    assert any("is not aligned" in told for told in stored)
    assert not any("deflated" in told for told in stored)


def test_what_an_archive_lacks_is_warned_of(tmp_path):
    told = inspected_mar(tmp_path, {"handler.py": HANDLER}).warnings
    assert len(told) == 2
    assert "no MAR-INF/MANIFEST.json" in told[0]
    assert "no MAR-INF/RECORD" in told[1]
    folder = make_folder(tmp_path / "cat", {"handler.py": HANDLER})
    assert len(inspected(folder).warnings) == 1


def test_a_packed_folder_that_was_worked_in_is_warned_of(tmp_path):
    folder = make_folder(tmp_path / "cat", with_record(good_files()))
    (folder / "more.txt").write_text("more")
    facts = inspected(folder)
    assert facts.record == "differs"
    assert facts.warnings == ("the member 'more.txt' is not in RECORD: it was added after packing",)


@pytest.mark.parametrize("content", [b"[", b"7", b'"cat"', b"[" * 100_000, b"\xff"])
def test_labels_that_cannot_be_read_are_warned_of(tmp_path, content):
    facts = inspected_mar(tmp_path, with_record({**good_files(), "index_to_name.json": content}))
    assert facts.labels is None
    [told] = facts.warnings
    assert told.startswith("index_to_name.json cannot be read")


def test_labels_of_a_detector_are_counted(tmp_path):
    labels = b'{"object_type_names": ["person", "cat", "dog"]}'
    facts = inspected_mar(tmp_path, {**good_files(), "index_to_name.json": labels})
    assert facts.labels == 3


def test_text_of_megabytes_is_not_read(tmp_path):
    files = with_record({**good_files(), "handler.py": b"#" * (5 << 20)})
    [told] = inspected_mar(tmp_path, files).warnings
    assert told == "handler.py has 5242880 bytes, and was not read"


def test_a_member_that_is_damaged_is_told_as_such(tmp_path):
    path = make_mar(tmp_path / "cat.mar", good_files())
    content = bytearray(path.read_bytes())
    content[content.index(HANDLER)] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptArchiveError, match=r"handler\.py"):
        inspected(path)
