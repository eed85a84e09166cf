"""`serve_locally` of an archive with profiles."""

import logging

import pytest
from tuned_documents import profile_document

import ts_sdk

FAST = {"warm_up": False, "overlap": False}


@pytest.fixture
def two_cores(monkeypatch):
    """The pool divides two cores, however many there are."""
    monkeypatch.setattr("ts_sdk.runtime.pool.recruiting.available_cores", lambda: 2)


def test_workers_batches_delay_and_precision_are_those_that_were_tuned(pack, tuned_here):
    tuned = tuned_here(precision="bfloat16", workers=2, batch_size=3, max_batch_delay_ms=7)
    with ts_sdk.serve_locally(pack(tuned, config="minWorkers: 4\nbatchSize: 9"), **FAST) as pool:
        [served] = pool.models
        assert served.tuned is not None
        assert (served.workers, served.batch_size, served.max_batch_delay_ms) == (2, 3, 7)
        assert (served.precision, served.devices) == ("bfloat16", ("cpu", "cpu"))
        assert pool.predict(3)["value"] == 6.0


def test_what_the_caller_says_goes_before_it(pack, tuned_here):
    path = pack(tuned_here(workers=2, batch_size=3, max_batch_delay_ms=7))
    with ts_sdk.serve_locally(path, workers=1, max_batch_delay_ms=1, **FAST) as pool:
        [served] = pool.models
        assert (served.workers, served.batch_size, served.max_batch_delay_ms) == (1, 3, 1)


def test_it_can_be_left_out(pack, tuned_here):
    path = pack(tuned_here(workers=2, batch_size=3))
    with ts_sdk.serve_locally(path, tuned=False, device="cpu", **FAST) as pool:
        [served] = pool.models
        assert (served.tuned, served.workers, served.batch_size) == (None, 1, 1)


def test_on_another_machine_the_config_holds(pack, here):
    path = pack(profile_document({**here, "cpu": "An abacus"}), config="batchSize: 2")
    with ts_sdk.serve_locally(path, device="cpu", **FAST) as pool:
        [served] = pool.models
        assert (served.tuned, served.batch_size) == (None, 2)


def test_threads_are_those_that_were_tuned_with_as_many_workers(pack, tuned_here, two_cores):
    path = pack(tuned_here(workers=1, threads=1))
    with ts_sdk.serve_locally(path, **FAST) as pool:
        assert pool.predict(3)["threads"] == 1
    with ts_sdk.serve_locally(path, threads_per_worker=2, **FAST) as pool:
        assert pool.predict(3)["threads"] == 2


def test_with_other_workers_the_cores_are_divided_as_ever(pack, tuned_here, two_cores, caplog):
    path = pack(tuned_here(workers=1, threads=2))
    caplog.set_level(logging.WARNING, "ts_sdk.runtime.pool.recruiting")
    with ts_sdk.serve_locally(path, **FAST) as pool:
        assert pool.predict(3)["threads"] == 2
        pool.scale(2)
        assert pool.predict(3)["threads"] == 1
    assert caplog.records == []


def test_workers_that_are_processes_have_it_too(pack, tuned_here):
    path = pack(tuned_here(precision="bfloat16", threads=1))
    with ts_sdk.serve_locally(path, isolation="process", **FAST) as pool:
        answer = pool.predict(3)
        assert (answer["dtype"], answer["threads"]) == ("torch.bfloat16", 1)


def test_devices_of_another_kind_are_served_without_it(pack, tuned_here):
    path = pack(tuned_here(device="cuda:0", precision="float16", workers=3))
    with ts_sdk.serve_locally(path, device=["cpu"], **FAST) as pool:
        [served] = pool.models
        assert (served.tuned, served.precision, served.workers) == (None, "float32", 1)


def test_it_is_said_once_however_many_workers_there_are(pack, tuned_here, told):
    with ts_sdk.serve_locally(pack(tuned_here(workers=2)), **FAST):
        assert len(told()) == 1
