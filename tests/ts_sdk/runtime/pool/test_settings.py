"""How a model is served: what the caller says, else the archive's config, else a default."""

import pytest
import torch

from ts_sdk.config import ModelConfig
from ts_sdk.runtime.pool.settings import Serving, devices_of

CONFIG = ModelConfig(
    {
        "minWorkers": 2,
        "maxWorkers": 5,
        "batchSize": 4,
        "maxBatchDelay": 50,
        "jobQueueSize": 7,
        "deviceType": "gpu",
        "deviceIds": [1, 0, 9],
    }
)


def test_without_anything_there_are_defaults():
    serving = Serving.of({}, ModelConfig())
    assert (serving.workers, serving.batch_size, serving.queue_size) == (1, 1, 100)
    assert serving.max_batch_delay_s == 0.005
    assert (serving.isolation, serving.warm_up, serving.retry_crashed) == ("archive", True, False)


def test_the_config_goes_before_the_defaults():
    serving = Serving.of({"workers": None, "batch_size": None}, CONFIG)
    assert (serving.workers, serving.batch_size, serving.queue_size) == (2, 4, 7)
    assert serving.max_batch_delay_s == 0.05


def test_the_caller_goes_before_the_config():
    given = {"workers": 3, "batch_size": 9, "max_batch_delay_ms": 0, "queue_size": 1}
    serving = Serving.of(given, CONFIG)
    assert (serving.workers, serving.batch_size, serving.queue_size) == (3, 9, 1)
    assert serving.max_batch_delay_s == 0


def test_without_a_least_number_of_workers_there_are_the_most():
    assert Serving.of({}, ModelConfig({"minWorkers": 0, "maxWorkers": 3})).workers == 3


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("workers", 0, "workers must be a whole number of 1 or more, not 0"),
        ("batch_size", 0, "batch_size must be a whole number of 1 or more, not 0"),
        ("batch_size", 2.5, "batch_size must be a whole number of 1 or more, not 2.5"),
        ("queue_size", -1, "queue_size must be a whole number of 1 or more, not -1"),
        ("threads_per_worker", -2, "threads_per_worker must be a whole number"),
        ("threads_per_worker", 0, "threads_per_worker must be a whole number of 1 or more, not 0"),
        (
            "response_timeout_s",
            float("nan"),
            r"a timeout must be 0 s \(for none\) or longer, not nan",
        ),
        ("group_by", "length", "group_by must be a function of a request, not 'length'"),
        ("max_batch_delay_ms", -1, "max_batch_delay_ms must be 0 or more, not -1"),
        ("max_batch_delay_ms", float("nan"), "max_batch_delay_ms must be 0 or more, not nan"),
        ("max_batch_delay_ms", "5", "max_batch_delay_ms must be 0 or more, not '5'"),
        ("isolation", "none", "isolation must be one of archive, process, venv, not 'none'"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(name, value, told):
    with pytest.raises(ValueError, match=told):
        Serving.of({name: value}, ModelConfig())


def test_an_unknown_setting_is_refused():
    with pytest.raises(TypeError, match="there is no setting 'worker'; there are batch_size, "):
        Serving.of({"worker": 2}, ModelConfig())


class TestDevices:
    @pytest.fixture
    def two_gpus(self, monkeypatch):
        """As on a machine that has them: torch is asked only how many there are."""
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)

    def test_are_those_that_the_caller_names(self):
        assert devices_of({"device": "cpu"}, CONFIG) == ("cpu",)
        assert devices_of({"device": ["cuda:1", "cpu"]}, CONFIG) == ("cuda:1", "cpu")
        assert devices_of({"device": torch.device("cpu")}, CONFIG) == ("cpu",)
        with pytest.raises(ValueError, match="device must name one device or more"):
            devices_of({"device": []}, CONFIG)

    def test_are_those_of_the_config_that_are_there(self, two_gpus):
        assert devices_of({}, CONFIG) == ("cuda:1", "cuda:0")

    def test_are_all_where_the_config_names_none(self, two_gpus):
        assert devices_of({}, ModelConfig()) == ("cuda:0", "cuda:1")
        assert devices_of({}, ModelConfig({"deviceType": "gpu"})) == ("cuda:0", "cuda:1")

    def test_are_left_to_the_archive_where_there_is_no_gpu(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        assert devices_of({}, CONFIG) == (None,)
        assert devices_of({}, ModelConfig({"deviceType": "cpu"})) == (None,)

    def test_go_round_among_the_workers(self, serve):
        pool = serve(workers=3, device=["cpu", "cpu:0"])
        assert pool.models[0].devices == ("cpu", "cpu", "cpu")
        loader = pool._directory.all()[0].loader
        assert [loader.device_of(number) for number in range(3)] == ["cpu", "cpu:0", "cpu"]


@pytest.mark.parametrize("isolation", ["archive", "process"])
def test_the_handler_is_told_the_size_of_its_batches(serve, isolation):
    pool = serve(
        """
        def handle(data, context):
            return data and [context.system_properties["batch_size"] for _ in data]
        """,
        config="batchSize: 2",
        batch_size=6,
        isolation=isolation,
    )
    assert pool.predict("x") == 6


def test_the_archives_config_is_read(serve):
    config = "minWorkers: 2\nbatchSize: 4\nmaxBatchDelay: 50\njobQueueSize: 7"
    (model,) = serve(config=config).models
    assert (model.workers, model.batch_size, model.max_batch_delay_ms) == (2, 4, 50)
    assert (model.name, model.version, model.precision) == ("sources", "1.0", "float32")
