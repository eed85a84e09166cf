"""Whether weights are safe, and whether they can be loaded."""

import collections
import functools
import io
import os
import pickle
import struct

import pytest
import torch
from torch import nn

from ts_sdk.doctor import Severity
from ts_sdk.doctor.environment import has_module

HANDLER = """\
from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    pass
"""
MODEL = """\
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)
"""
OWN_LOADING = """
import torch

class Handler:
    def initialize(self, context):
        self.model = None

    def handle(self, data, context):
        return data
"""


class Runs:
    """Pickles as a call of a function."""

    def __init__(self, function, *given):
        self.function, self.given = function, given

    def __reduce__(self):
        return self.function, self.given


def old_format(value: object) -> bytes:
    """What `torch.save` wrote before PyTorch 1.6."""
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


def base(weights: bytes, **model: object) -> tuple[dict[str, object], dict[str, object]]:
    """Files and manifest of an archive whose weights BaseHandler loads."""
    files = {"handler.py": HANDLER, "model.py": MODEL, "model.pt": weights}
    return files, {"serializedFile": "model.pt", "modelFile": "model.py", **model}


@pytest.mark.parametrize("form", ["new", "old"])
def test_weights_alone_are_no_finding(examined, saved, form):
    state = nn.Linear(2, 2).state_dict() | {"half": torch.zeros(2, dtype=torch.float8_e4m3fn)}
    files, model = base(saved(state) if form == "new" else old_format(nn.Linear(2, 2).state_dict()))
    report = examined(files, **model)

    assert report.findings == ()
    assert report.verdict == "runs"


@pytest.mark.parametrize("form", ["new", "old"])
def test_a_whole_module_has_to_be_trusted_by_name(examined, saved, form):
    module = nn.Sequential(nn.Linear(2, 2))
    files, model = base(saved(module) if form == "new" else old_format(module))
    report = examined(files, **model)

    assert report.verdict == "needs change"
    assert "--trust-pickle" in report.decisive[0].fix
    assert "torch.nn.modules.container.Sequential" in report.decisive[0].message


def test_numbers_of_numpy_in_a_checkpoint_have_to_be_trusted_too(found, saved):
    import numpy as np

    files, model = base(saved({"w": torch.zeros(2), "loss": np.float64(1.0)}))

    assert len(found("full-pickle", files, **model)) == 1


def test_a_class_of_a_script_can_be_found_nowhere(examined, saved, pickled_class):
    files, model = base(saved(pickled_class("__main__.Net")()))
    report = examined(files, **model)

    assert report.verdict == "cannot"
    assert "defined in the script" in report.decisive[0].message


def test_code_that_fills_the_main_module_may_find_it(examined, saved, pickled_class):
    files, model = base(saved(pickled_class("__main__.Net")()))
    files["handler.py"] = "import sys\n" + HANDLER + "\nsys.modules['__main__'].Net = 1\n"

    assert examined(files, **model).verdict == "needs change"


def test_a_class_of_the_archives_own_file_is_found_there_or_lost(examined, saved, pickled_class):
    files, model = base(saved(pickled_class("model.Net")()))
    assert examined(files, **model).verdict == "needs change"

    files, model = base(saved(pickled_class("model.Other")()))
    assert examined(files, **model).verdict == "cannot"


def test_a_class_of_a_package_that_is_missing_is_told_with_what_to_install(
    found, saved, pickled_class
):
    files, model = base(saved(pickled_class("ultralytics.nn.tasks.DetectionModel")()))
    (finding,) = found("full-pickle", files, **model)

    assert finding.fix.startswith("pip install ultralytics, then load with --trust-pickle")


def test_a_class_of_a_module_that_is_nowhere_is_a_file_that_was_forgotten(
    found, saved, pickled_class
):
    files, model = base(saved(pickled_class("tinynet.Tiny")()))
    (finding,) = found("full-pickle", files, **model)

    assert finding.fix.startswith("add the file that defines tinynet.Tiny with --extra-files, then")
    assert "pip" not in finding.fix


@pytest.mark.parametrize("form", ["new", "old", "plain", "text"])
def test_a_pickle_that_runs_something_is_named_and_not_run(examined, saved, tmp_path, form):
    marker = tmp_path / "ran"
    evil = {"w": 1, "x": Runs(os.system, f"touch {marker}")}
    content = {
        "new": lambda: saved(evil),
        "old": lambda: old_format(evil),
        "plain": lambda: pickle.dumps(evil, protocol=4),
        "text": lambda: pickle.dumps(evil, protocol=0),
    }[form]()
    report = examined({"handler.py": OWN_LOADING, "extra.pkl": content})

    assert report.verdict == "cannot"
    assert report.decisive[0].check == "unsafe-pickle"
    assert "posix.system" in report.decisive[0].message or "nt.system" in report.decisive[0].message
    assert not marker.exists()


def test_pickles_in_zips_in_zips_are_found(examined, saved, zipped):
    evil = saved(Runs(eval, "1"))
    nested = zipped({"archive_format": b"pt2", "data/model.pt": zipped({"deep/x.bin": evil})})
    report = examined({"handler.py": OWN_LOADING, "model.pt2": nested})

    assert report.verdict == "cannot"
    assert "data/model.pt/deep/x.bin/archive/data.pkl" in report.decisive[0].message
    assert "builtins.eval" in report.decisive[0].message


def test_a_pickle_behind_the_mask_of_torchscript_is_found(examined, zipped):
    evil = pickle.dumps(Runs(eval, "1"), protocol=2)
    masked = zipped({"m/data.pkl": evil, "m/code/x.py": b""})
    report = examined({"handler.py": OWN_LOADING, "model.pt": masked})

    assert [each.check for each in report.decisive] == ["unsafe-pickle"]


def test_torchscript_safetensors_and_plain_files_are_no_finding(
    examined, script, save_scripted, tmp_path
):
    from safetensors.torch import save

    scripted = save_scripted(script(nn.Linear(2, 2)), tmp_path / "s.pt").read_bytes()
    files = {
        "handler.py": HANDLER,
        "model.pt": scripted,
        "extra.safetensors": save({"a": torch.zeros(2)}),
        "labels.bin": b"cat\ndog\n",
        "index_to_name.json": "{}",
    }

    assert examined(files, serializedFile="model.pt").findings == ()


def test_what_honest_pickles_import_too_is_no_more_than_a_note(examined):
    honest = pickle.dumps({"f": functools.partial(int, "1")})
    report = examined({"handler.py": OWN_LOADING, "scaler.pkl": honest})

    assert report.verdict == "runs"
    assert [(each.check, each.severity) for each in report.findings] == [
        ("unsafe-pickle", Severity.NOTE)
    ]


def test_a_damaged_pickle_is_a_note(found):
    cut_off = pickle.dumps(collections.OrderedDict(a=1))[:-2]
    (finding,) = found("unread-pickle", {"handler.py": OWN_LOADING, "cut.pkl": cut_off})

    assert finding.severity is Severity.NOTE
    assert finding.member == "cut.pkl"


def test_a_pickle_of_endless_operations_is_not_read_to_its_end(found):
    endless = b"\x80\x02" + b"N0" * 3_000_000 + b"N."
    (finding,) = found("unread-pickle", {"handler.py": OWN_LOADING, "long.pkl": endless})

    assert "more operations than are examined" in finding.message


def test_a_zip_that_unpacks_to_far_more_than_it_holds_is_not_unpacked(found, zipped):
    bomb = zipped({"data.pkl": b"\x80\x02" + bytes(80 << 20)})
    (finding,) = found("unread-pickle", {"handler.py": OWN_LOADING, "bomb.zip": bomb})

    assert "as no model does" in finding.message


def test_zips_that_are_nested_without_end_are_left_alone(found, saved, zipped):
    content = saved({"a": 1})
    for _ in range(8):
        content = zipped({"inner.zip": content})
    (finding,) = found("unread-pickle", {"handler.py": OWN_LOADING, "outer.zip": content})

    assert "one in the other" in finding.message


@pytest.mark.parametrize("content", [b"\x7fELF" + bytes(99), b"\1\2\3"])
def test_a_form_that_is_not_loaded_blocks_where_the_base_class_would_load_it(examined, content):
    model = {"serializedFile": "model.bin"}
    report = examined({"handler.py": HANDLER, "model.bin": content}, **model)

    assert [each.check for each in report.decisive] == ["weights-form"]
    assert examined({"handler.py": OWN_LOADING, "model.bin": content}, **model).verdict == "runs"


def test_an_onnx_model_needs_its_library_to_be_installed(examined):
    onnx = b"\x08\x07\x12\x07pytorch" + bytes(99)
    report = examined({"handler.py": HANDLER, "m.onnx": onnx}, serializedFile="m.onnx")

    if has_module("onnxruntime"):
        assert report.verdict == "runs"
    else:
        assert report.verdict == "needs change"
        assert "pip install" in report.decisive[0].fix


def test_an_exported_program_is_looked_into_as_it_is_when_it_is_loaded(examined, saved, zipped):
    def program(example):
        return zipped({"archive_format": b"pt2", "data/sample_inputs/model.pt": saved(example)})

    for example, verdict in (((torch.zeros(2),), "runs"), (nn.Linear(2, 2), "needs change")):
        files = {"handler.py": HANDLER, "model.pt2": program(example)}
        assert examined(files, serializedFile="model.pt2").verdict == verdict


def test_weights_that_are_cut_off_are_told(examined, saved):
    files, model = base(saved(nn.Linear(9, 9).state_dict())[:-99])
    report = examined(files, **model)

    assert report.verdict == "cannot"
    assert "damaged" in report.decisive[0].message


@pytest.mark.parametrize("form", ["zip", "safetensors"])
def test_weights_without_a_model_file_block(examined, saved, form):
    from safetensors.torch import save

    state = nn.Linear(2, 2).state_dict()
    content = saved(state) if form == "zip" else save(state)
    report = examined({"handler.py": HANDLER, "model.pt": content}, serializedFile="model.pt")

    assert [each.check for each in report.decisive] == ["no-model-file"]


def test_a_vocabulary_of_torchtext_is_told_how_to_convert(examined, saved, pickled_class):
    vocabulary = saved(pickled_class("torchtext.vocab.vocab.Vocab")())
    files, model = base(saved(nn.Linear(2, 2).state_dict()))
    files["source_vocab.pt"] = vocabulary
    del files["handler.py"]
    report = examined(files, **model | {"handler": "text_classifier"})

    assert report.verdict == "needs change"
    assert "get_stoi" in report.decisive[0].fix
    assert len(report.decisive) == 1


def test_names_that_python_2_wrote_are_read_as_python_3_reads_them(examined):
    evil = b"c__builtin__\neval\n(S'1'\ntR."
    report = examined({"handler.py": OWN_LOADING, "old.pkl": b"\x80\x02" + evil})

    assert "builtins.eval" in report.decisive[0].message


def test_raw_numbers_that_look_like_a_pickle_are_no_finding(found, saved):
    state = {"w": torch.frombuffer(bytearray(b"\x80\x02" * 400), dtype=torch.uint8)}
    files = {"handler.py": OWN_LOADING, "model.pt": saved(state)}

    assert found("unread-pickle", files) == []
    assert found("unsafe-pickle", files) == []


def test_a_state_dict_in_a_counter_is_read_as_weights(found, saved):
    files, model = base(saved(collections.Counter(a=struct.calcsize("i"))))

    assert found("full-pickle", files, **model) == []
