"""`ts_sdk.load` of an archive with profiles: what is applied where, and what is said of it."""

import subprocess
import sys
import zipfile

import pytest
from tuned_documents import profile_document

import archiver
import ts_sdk
from ts_sdk.tuned.applying import tuned_for


@pytest.mark.parametrize("isolation", ["archive", "process"])
def test_what_was_tuned_on_this_machine_is_applied(pack, tuned_here, told, isolation):
    path = pack(tuned_here(precision="bfloat16"))
    with ts_sdk.load(path, isolation=isolation) as model:
        assert model.tuned is not None
        assert (str(model.device), model.precision, model.batch_size) == ("cpu", "bfloat16", 4)
        assert repr(model) == "<Model 'double' 1.0, cpu, bfloat16, tuned>"
        assert model.predict(3)["dtype"] == "torch.bfloat16"
        assert model.context.model_yaml_config["maxBatchDelay"] == 10
    [line] = told()
    assert line.startswith(f"{path}: the setting that was tuned for this machine is applied: ")
    assert line.endswith("cpu bfloat16 eager, 1 worker, batch 4")


def test_on_another_machine_nothing_is_applied_and_the_difference_is_told(pack, here, told):
    other = {**here, "cores": here["cores"] + 1, "cpu": "An abacus"}
    with ts_sdk.load(pack(profile_document(other)), device="cpu") as model:
        assert model.tuned is None
        assert model.batch_size == 1
        assert repr(model) == "<Model 'double' 1.0, cpu, float32>"
    [line] = told()
    assert f"one was made for An abacus, {here['cores'] + 1} cores" in line
    assert f"the processor is {here['cpu']}, not An abacus" in line
    assert f"the usable cores are {here['cores']}, not {here['cores'] + 1}" in line


def test_of_several_profiles_that_of_this_machine_is_taken(pack, here, tuned_here):
    other = profile_document({**here, "gpus": ["A GPU"]}, {"batch_size": 16})
    with ts_sdk.load(pack(other, tuned_here(batch_size=2)), device="cpu") as model:
        assert model.batch_size == 2
        assert "a-gpu" not in model.tuned


def test_a_profile_can_be_left_out(pack, tuned_here, told):
    with ts_sdk.load(pack(tuned_here(precision="bfloat16")), device="cpu", tuned=False) as model:
        assert model.tuned is None
        assert (model.precision, model.batch_size) == ("float32", 1)
    assert told() == []


def test_the_caller_goes_before_the_profile_and_that_before_the_config(pack, tuned_here):
    config = "batchSize: 2\nresponseTimeout: 9\nprecision: float16\nhandler:\n  topk: 7\n"
    path = pack(tuned_here(precision="bfloat16", config={"handler": {"topk": 1}}), config=config)
    with ts_sdk.load(path) as model:
        assert (model.precision, model.batch_size) == ("bfloat16", 4)
        values = model.context.model_yaml_config
        assert (values["responseTimeout"], values["handler"]) == (9, {"topk": 7})
    with ts_sdk.load(path, precision="float32") as model:
        assert (model.precision, model.batch_size) == ("float32", 4)


def test_layers_that_stay_in_float32_come_with_the_precision(pack, tuned_here):
    section = {"dtype": "bfloat16", "keep_float32": ["linear"]}
    with ts_sdk.load(pack(tuned_here(config={"precision": section}))) as model:
        assert model.precision == "bfloat16"
        assert model.predict(3)["dtype"] == "torch.float32"


def test_layout_and_fast_decoding_join_the_handlers_own_settings(pack, tuned_here):
    tuned = tuned_here(config={"handler": {"layout": "channels_last", "fast_decode": True}})
    with ts_sdk.load(pack(tuned, config="handler: {topk: 7}")) as model:
        section = model.context.model_yaml_config["handler"]
    assert section == {"topk": 7, "layout": "channels_last", "fast_decode": True}


def test_the_runtime_of_an_onnx_model_comes_with_the_model_that_it_was_measured_with(
    pack, tuned_here
):
    tuned = tuned_here(form="openvino", config={"handler": {"onnx_runtime": "openvino"}})
    with ts_sdk.load(pack(tuned)) as model:
        assert model.context.model_yaml_config["handler"] == {"onnx_runtime": "openvino"}
    with ts_sdk.load(pack(tuned, weight=3.0)) as model:
        assert "handler" not in model.context.model_yaml_config


def test_of_another_model_nothing_is_applied_that_could_change_answers(pack, tuned_here, told):
    config = {"handler": {"fast_decode": True}}
    path = pack(tuned_here(precision="bfloat16", config=config), weight=3.0)
    with ts_sdk.load(path) as model:
        assert (model.precision, model.batch_size) == ("float32", 4)
        assert "handler" not in model.context.model_yaml_config
        assert model.predict(3)["value"] == 9.0
    assert "it was measured with another model, or another form of it" in told()[0]


def test_a_converted_model_keeps_the_precision_that_it_was_converted_in(pack, tuned_here):
    path = pack(tuned_here(form="onnx", precision="float16"), config="precision: bfloat16")
    with ts_sdk.load(path) as model:
        assert (model.precision, model.batch_size) == ("bfloat16", 4)


def test_a_caller_who_asks_for_another_device_gets_nothing_that_is_for_it(pack, tuned_here, told):
    path = pack(tuned_here(device="cuda:0", precision="float16"))
    with ts_sdk.load(path, device="cpu") as model:
        assert (model.tuned, model.precision, model.batch_size) == (None, "float32", 1)
    assert told()[0].endswith("it is for cuda:0, and cpu was asked for")


@pytest.mark.parametrize("devices", [("cpu",), ("CPU:0", "cpu"), ()])
def test_a_caller_who_asks_for_its_device_gets_it(pack, tuned_here, devices):
    with archiver.Archive.open(pack(tuned_here())) as archive:
        assert tuned_for(archive, devices) is not None
        assert tuned_for(archive, (*devices, "cuda")) is None


def test_other_memory_is_told_and_is_no_obstacle(pack, here, told):
    memory_mb = here["memory_mb"] + 256
    path = pack(profile_document({**here, "memory_mb": memory_mb}))
    with ts_sdk.load(path) as model:
        assert model.tuned is not None
    assert f"; memory is {here['memory_mb']} MiB, not {memory_mb} MiB" in told()[0]


def test_a_damaged_profile_is_a_warning_and_the_model_runs_without(pack, told):
    path = pack(profile_document())
    with zipfile.ZipFile(path) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    del members["MAR-INF/RECORD"]
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in members.items():
            packed.writestr(name, b"{}" if name.startswith("MAR-INF/tuned/") else content)
    with ts_sdk.load(path, device="cpu") as model:
        assert model.tuned is None
    assert "is no profile of mar tune" in told()[0]
    assert told()[0].endswith(": it is passed over")


def test_settings_that_make_no_sense_are_a_warning_too(pack, tuned_here, told):
    with ts_sdk.load(pack(tuned_here(config={"batchSize": "many"})), device="cpu") as model:
        assert (model.tuned, model.batch_size) == (None, 1)
    assert "batchSize must be a whole number of 0 or more, not 'many'" in told()[0]


def test_a_folder_is_read_itself_whatever_its_record_says(pack, tuned_here):
    folder = pack(tuned_here(precision="bfloat16"), archive_format="no-archive")
    with ts_sdk.load(folder) as model:
        assert model.precision == "bfloat16"
    handler = folder / "handler.py"
    handler.write_text(handler.read_text() + "\n# edited\n")
    with ts_sdk.load(folder) as model:
        assert (model.precision, model.batch_size) == ("float32", 4)


def test_loading_imports_nothing_that_tunes(pack, tuned_here):
    program = (
        "import sys, ts_sdk\n"
        f"with ts_sdk.load({str(pack(tuned_here()))!r}) as model: assert model.tuned\n"
        "assert 'ts_sdk.tuning' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
