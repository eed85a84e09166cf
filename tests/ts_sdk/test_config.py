"""`model-config.yaml`: known keys are checked, all at once; others belong to the handler."""

import pytest

from ts_sdk.config import ModelConfig
from ts_sdk.errors import ConfigError


@pytest.fixture
def read(tmp_path):
    def reading(text):
        path = tmp_path / "model-config.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return ModelConfig.read(path)

    return reading


EVERY_KEY_OF_TORCHSERVE = """
minWorkers: 1
maxWorkers: 4
batchSize: 8
maxBatchDelay: 100
responseTimeout: 120
startupTimeout: 120
deviceType: gpu
deviceIds: [1, 0]
parallelType: pp
parallelLevel: 1
jobQueueSize: 100
useJobTicket: true
useVenv: false
asyncCommunication: true
sequenceBatching: {enable: true}
continuousBatching: false
sequenceMaxIdleMSec: 10000
maxNumSequence: 4
maxSequenceJobQueueSize: 10
sequenceTimeoutMSec: 10
maxRetryTimeoutInSec: 300
clientTimeoutInMills: 0
torchrun: {nproc-per-node: 1}
pt2: {compile: {enable: true, backend: inductor}}
micro_batching: {micro_batch_size: 4}
precision: bfloat16
handler: {topk: 3, model_path: x, mode: y, "1": one}
ipex_enable: true
my_own_key: [1, 2]
"""


def test_everything_that_the_old_server_reads_is_read_without_a_word(read, caplog):
    config = read(EVERY_KEY_OF_TORCHSERVE)
    assert caplog.messages == []
    assert config.batch_size == 8
    assert config.device_type == "gpu"
    assert config.device_ids == [1, 0]
    assert config.precision == "bfloat16"
    assert config.stateful
    assert config.values["handler"]["topk"] == 3
    assert config.values["my_own_key"] == [1, 2]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "batchSize:\ndeviceType:\nhandler:\n"])
def test_an_empty_file_and_empty_values_mean_nothing(read, text):
    config = read(text)
    assert config.batch_size == 1
    assert (config.device_type, config.device_ids, config.precision) == (None, None, None)
    assert not config.stateful


def test_no_file_means_nothing():
    assert ModelConfig().values == {}
    assert ModelConfig().batch_size == 1


def test_all_wrong_values_are_named_at_once(read):
    with pytest.raises(ConfigError) as caught:
        read("batchSize: many\nmaxWorkers: -1\ndeviceIds: 0\nhandler: [1]\nuseVenv: 1\nname: x\n")
    assert caught.value.problems == (
        "model-config.yaml: batchSize must be a whole number of 0 or more, not 'many'",
        "model-config.yaml: maxWorkers must be a whole number of 0 or more, not -1",
        "model-config.yaml: deviceIds must be a list of whole numbers, not 0",
        "model-config.yaml: handler must be a section of names and values, not [1]",
        "model-config.yaml: useVenv must be true or false, not 1",
    )
    assert all(problem in str(caught.value) for problem in caught.value.problems)


@pytest.mark.parametrize("text", ["batchSize: true", "batchSize: 1.5", "deviceIds: [one]"])
def test_numbers_are_whole_numbers(read, text):
    with pytest.raises(ConfigError, match="whole number"):
        read(text)


@pytest.mark.parametrize("word", ["cpu", "GPU", "mps", "neuron", "auto", "cuda", "cuda:1"])
def test_a_device_need_not_be_there(read, word):
    assert read(f"deviceType: {word}").device_type == word


@pytest.mark.parametrize("word", ["tpu", "gpus", "cuda:x", "0", "[gpu]"])
def test_a_device_that_nobody_knows_is_an_error_that_names_those_there_are(read, word):
    with pytest.raises(ConfigError, match="deviceType must be cpu, gpu, mps or neuron, not"):
        read(f"deviceType: {word}")


@pytest.mark.parametrize("text", ["a: [1", "a: b: c", "\t- x", b"\xff\xfe\x00a", "!!python/x y"])
def test_what_is_no_yaml_is_an_error_that_names_the_file(read, text):
    with pytest.raises(ConfigError, match=r"model-config\.yaml is not valid YAML"):
        read(text)


@pytest.mark.parametrize(
    ("text", "kind"), [("- a\n- b", "list"), ("just words", "str"), ("7", "int")]
)
def test_what_is_no_mapping_says_what_to_write(read, text, kind):
    with pytest.raises(ConfigError, match=f"holds a {kind}; .*'batchSize: 8'"):
        read(text)


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml, which the manifest names, cannot be read"):
        ModelConfig.read(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("batch_size", "batchSize"),
        ("BatchSize", "batchSize"),
        ("batchSzie", "batchSize"),
        ("device-type", "deviceType"),
        ("presicion", "precision"),
        ("handlers", "handler"),
        ("microBatching", "micro_batching"),
    ],
)
def test_a_misspelt_key_is_logged_with_what_was_meant(read, caplog, key, meant):
    read(f"{key}: 1")
    assert caplog.messages == [f"model-config.yaml: {key} is not a setting; did you mean {meant}?"]


@pytest.mark.parametrize("key", ["model_path", "topk", "device_map", "max_length", "1", "batch"])
def test_the_handlers_own_keys_are_left_alone(read, caplog, key):
    assert read(f"{key}: 1").values
    assert caplog.messages == []


def test_a_precision_that_there_is_not_is_told_with_the_file_and_the_words(read):
    with pytest.raises(ConfigError, match=r"model-config\.yaml: precision must be one of float32"):
        read("precision: fp16")
