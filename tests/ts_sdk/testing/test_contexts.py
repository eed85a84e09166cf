"""A handler's methods called by hand, with the context that it would be given."""

import gc
from pathlib import Path

import pytest
import torch
from torch import nn

import ts_sdk
from ts_sdk import BaseHandler, ConfigError, Context, DeviceUnavailableError, Metrics, Precision
from ts_sdk.context import RequestProcessor
from ts_sdk.testing.contexts import make_context
from ts_sdk.testing.requests import explain_request, json_request, text_request
from ts_sdk.torchserve.frames import send_intermediate_predict_response


class Lengths(BaseHandler):
    """Answers how long a text is; refuses what is no text."""

    def preprocess(self, data):
        kept = []
        for index, row in enumerate(data):
            if isinstance(row["body"], str):
                kept.append(float(len(row["body"])))
            else:
                self.reject(index, "expected text")
        self.context.metrics.add_counter("Texts", len(kept))
        return torch.tensor(kept)[:, None]

    def postprocess(self, data):
        for index in range(len(data)):
            self.context.set_response_header(index, "X-Unit", "characters")
        return data[:, 0].tolist()


@pytest.fixture
def started():
    """The handler, initialised, and the exchange that it was initialised with."""
    with make_context(model=nn.Identity(), requests=["a cat", [1], "a"]) as exchange:
        handler = Lengths()
        handler.initialize(exchange.context)
        yield handler, exchange


def test_handle_is_called_by_hand_and_what_it_set_is_read_from_the_context(started):
    handler, exchange = started
    refused, (five, bad, one) = exchange.rejected, handler.handle(exchange.rows, exchange.context)
    assert (refused, five, one) == ({}, 5.0, 1.0)
    assert bad["message"] == "expected text"
    context = exchange.context
    assert [context.get_response_status(index)[0] for index in range(3)] == [200, 400, 200]
    assert context.get_response_headers(0) == {"X-Unit": "characters"}
    assert context.metrics["Texts"].value == 2
    assert exchange.rejected == {1: bad}


def test_the_steps_of_handle_are_called_one_by_one(started):
    handler, exchange = started
    batch = handler.preprocess(exchange.rows)
    assert batch.tolist() == [[5.0], [1.0]]
    assert [*exchange.rejected] == [1]
    assert exchange.context.get_response_status(1) == (400, "expected text")
    assert handler.postprocess(handler.inference(batch)) == [5.0, 1.0]


def test_outside_of_the_with_statement_no_batch_is_being_handled():
    with make_context(requests=[[1]], files={"a.txt": "a"}) as exchange:
        pass
    with pytest.raises(RuntimeError, match=r"reject\(\) knows no batch here"):
        Lengths().preprocess(exchange.rows)


def test_the_context_is_the_one_that_a_loaded_model_has(tmp_path):
    (tmp_path / "handler.py").write_text("def handle(data, context):\n    return data\n")
    (tmp_path / "model-config.yaml").write_text("batchSize: 4\nhandler: {topk: 2}\n")
    with ts_sdk.load(tmp_path, device="cpu") as model, make_context(tmp_path) as exchange:
        context, loaded = exchange.context, model.context
        assert type(context) is type(loaded) is Context
        assert type(context.metrics) is Metrics
        assert context.metrics is not loaded.metrics
        assert vars(context).keys() == vars(loaded).keys()
        assert context._shared.keys() == loaded._shared.keys()
        for name in ("model_name", "manifest", "system_properties", "model_yaml_config"):
            assert getattr(context, name) == getattr(loaded, name)
        assert all(type(each) is RequestProcessor for each in context.request_processor)


def test_the_context_has_the_requests_headers_and_an_id_for_each():
    requests = [
        explain_request(text_request("a", headers={"X-Tenant": "acme"}), target=2),
        json_request({"a": 1}),
        "plain",
    ]
    with make_context(files={"a.txt": "a"}, requests=requests) as exchange:
        context = exchange.context
        assert exchange.rows == [
            {"body": "a", "target": bytearray(b"2")},
            {"body": {"a": 1}},
            {"body": "plain"},
        ]
        assert context.get_request_header(0, "X-Tenant") == "acme"
        assert context.get_request_header(0, "explain") == "True"
        assert context.get_request_header(0, "body") == {"content-type": "text/plain"}
        assert context.get_request_header(1, "explain") is None
        assert len({context.get_request_id(index) for index in range(3)}) == 3


def test_files_config_name_and_precision_are_those_that_were_given():
    with make_context(
        model=nn.Linear(2, 2),
        files={"index_to_name.json": {"0": "cat"}, "deep/words.txt": "a b"},
        config={"handler": {"topk": 3}},
        name="pets",
        precision="bfloat16",
    ) as exchange:
        handler = BaseHandler()
        handler.initialize(exchange.context)
        assert handler.mapping == {"0": "cat"}
        assert handler.settings == {"topk": 3}
        assert handler.model.weight.dtype is torch.bfloat16
        assert exchange.context.system_properties["precision"] == Precision.BFLOAT16
        assert (exchange.folder / "deep/words.txt").read_text() == "a b"
        assert exchange.context.model_name == "pets"
        assert repr(exchange) == "<Exchange of 'pets', 0 requests>"


def test_each_handler_gets_a_model_of_its_own():
    network = nn.Linear(2, 2)
    with make_context(model=network) as exchange:
        one, other = BaseHandler(), BaseHandler()
        one.initialize(exchange.context)
        other.initialize(exchange.context)
    assert len({id(each.model) for each in (one, other)} | {id(network)}) == 3
    assert torch.equal(one.model.weight, network.weight)


def test_a_state_dict_with_its_model_file_is_loaded_as_from_an_archive(tmp_path):
    source = "from torch import nn\n\n\nclass Two(nn.Linear):\n    def __init__(self):\n"
    (tmp_path / "two.py").write_text(f"{source}        super().__init__(2, 2)\n")
    weights = nn.Linear(2, 2)
    torch.save(weights.state_dict(), tmp_path / "two.pt")
    with make_context(model=tmp_path / "two.pt", model_file=tmp_path / "two.py") as exchange:
        handler = BaseHandler()
        handler.initialize(exchange.context)
        assert torch.equal(handler.model.weight, weights.weight)


def test_a_config_of_ones_own_replaces_that_of_a_folder(tmp_path):
    (tmp_path / "model-config.yaml").write_text("batchSize: 4\n")
    with make_context(tmp_path, config={"batchSize": 2}) as exchange:
        assert exchange.context.model_yaml_config == {"batchSize": 2}
        assert exchange.context.system_properties["batch_size"] == 2
    with pytest.raises(ConfigError, match="batchSize must be a whole number"):
        make_context(tmp_path, config={"batchSize": "two"})
    assert [path.name for path in tmp_path.iterdir()] == ["model-config.yaml"]


def test_a_handler_is_given_batch_after_batch(started):
    handler, first = started
    for texts in (["four"], ["to", "three"]):
        with first.with_requests(*texts) as exchange:
            answers = handler.handle(exchange.rows, exchange.context)
            assert answers == [float(len(text)) for text in texts]
            assert handler.context is exchange.context
        assert exchange.context.get_response_headers(0) == {"X-Unit": "characters"}
    assert first.context.metrics["Texts"].value == 3
    assert first.context.get_response_headers(0) == {}


def test_a_context_that_a_handler_keeps_answers_for_the_batch_that_is_running(started):
    _, first = started
    kept = first.context
    with first.with_requests(text_request("b", headers={"X-Tenant": "b"})) as exchange:
        assert kept.get_request_header(0, "X-Tenant") == "b"
        kept.set_response_status(404, "none", 0)
    assert exchange.context.get_response_status(0) == (404, "none")
    assert kept.get_request_header(0, "X-Tenant") is None
    assert first.context.get_response_status(0)[0] == 200


def test_intermediate_responses_are_kept_for_each_request():
    with make_context(files={"a.txt": "a"}, requests=["a", "b"]) as exchange:
        context = exchange.context
        send_intermediate_predict_response(["a1", "b1"], context.request_ids, "ok", 200, context)
        context.send_intermediate([{"n": 2}, b"b2"])
        assert exchange.pieces == [["a1", {"n": 2}], ["b1", b"b2"]]
        assert context.get_response_headers(0)["ts_stream_next"] == "true"
        with pytest.raises(ts_sdk.HandlerContractError, match="1 answers for 2 requests"):
            context.send_intermediate(["a3"])


def test_what_a_handler_keeps_in_the_context_is_there_for_the_next_batch(started):
    _, first = started
    first.context.cache = {"a": 1}
    with first.with_requests("a") as exchange:
        assert exchange.context.cache == {"a": 1}


def test_metrics_of_a_step_have_the_ids_of_the_batch(started):
    handler, exchange = started
    handler.preprocess(exchange.rows)
    (sample,) = exchange.context.metrics["Texts"].samples
    assert sample.request_id == ",".join(exchange.context.request_ids.values())


def test_a_folder_that_was_made_goes_with_the_with_statement():
    with make_context(files={"a.txt": "a"}) as exchange:
        assert exchange.folder.is_dir()
        with exchange.with_requests("a"):
            pass
        assert exchange.folder.is_dir()
    assert not exchange.folder.exists()
    exchange.close()


def test_a_folder_that_was_made_stays_as_long_as_its_context_is_in_use():
    context = make_context(files={"a.txt": "a"}, requests=["a"]).context
    second = make_context(files={"b.txt": "b"}).with_requests("b")
    gc.collect()
    folders = [folder_of(each) for each in (context, second.context)]
    assert [folder.is_dir() for folder in folders] == [True, True]
    del context, second
    gc.collect()
    assert [folder.exists() for folder in folders] == [False, False]


def folder_of(context):
    return Path(context.system_properties["model_dir"])


def test_a_folder_that_was_given_stays(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    with make_context(tmp_path) as exchange:
        assert exchange.folder == tmp_path.resolve()
    assert (tmp_path / "a.txt").read_text() == "a"


def test_a_context_that_cannot_be_is_refused(tmp_path):
    with pytest.raises(ValueError, match="leave out model, model_file and files"):
        make_context(tmp_path, files={})
    with pytest.raises(DeviceUnavailableError):
        make_context(files={"a.txt": "a"}, device="cuda:99")
    with pytest.raises(ValueError, match=r"'\.\./a\.txt' lies outside"):
        make_context(files={"../a.txt": "a"})
    with pytest.raises(TypeError, match="model must be"):
        make_context(model=7)
    with pytest.raises(ConfigError):
        make_context(config={"batchSize": "two"})
