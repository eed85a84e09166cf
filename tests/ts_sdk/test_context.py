"""`Context` has TorchServe's names and calls, and every batch its own view of it."""

import copy
import inspect

import pytest

from ts_sdk import Context, RequestProcessor
from ts_sdk.errors import HandlerContractError


@pytest.fixture
def context():
    return Context("cat", "/models/cat", {"model": {}}, 8, 1, "0.12.0", True, "metrics", {"a": 1})


def test_the_signature_is_torchserves():
    """In-process users pass its arguments by position."""
    assert list(inspect.signature(Context).parameters) == [
        "model_name",
        "model_dir",
        "manifest",
        "batch_size",
        "gpu",
        "mms_version",
        "limit_max_image_pixels",
        "metrics",
        "model_yaml_config",
    ]


def test_the_archives_facts(context):
    assert context.model_name == "cat"
    assert context.manifest == {"model": {}}
    assert context.metrics == "metrics"
    assert context.model_yaml_config == {"a": 1}
    assert context.system_properties == {
        "model_dir": "/models/cat",
        "gpu_id": 1,
        "batch_size": 8,
        "server_name": "MMS",
        "server_version": "0.12.0",
        "limit_max_image_pixels": True,
    }
    assert context.system_properties.get("model_dir") == "/models/cat"


def test_absent_config_is_an_empty_dict():
    context = Context("cat", "/models/cat", {}, 1, None, "0.12.0")
    assert context.model_yaml_config == {}
    assert context.metrics is None
    assert context.system_properties["limit_max_image_pixels"] is True


class TestOneBatch:
    @pytest.fixture
    def batch(self, context):
        return context.for_batch(
            [{"Accept": "json", "ts_request_sequence_id": "s1"}, {}], ["id-a", "id-b"]
        )

    def test_ids_and_headers(self, batch):
        assert batch.request_ids == {0: "id-a", 1: "id-b"}
        assert batch.get_request_id() == "id-a"
        assert batch.get_request_id(1) == "id-b"
        assert batch.get_request_id(2) is None
        assert batch.get_request_header(0, "Accept") == "json"
        assert batch.get_request_header(0, "accept") is None  # case-sensitive, as in TorchServe
        assert batch.get_all_request_header(1) == {}
        assert batch.get_sequence_id(0) == "s1"
        assert batch.get_sequence_id(1) is None

    def test_response_status(self, batch):
        assert batch.get_response_status(0) == (200, None)
        batch.set_response_status(404, "no cat", 1)
        assert batch.get_response_status(0) == (200, None)
        assert batch.get_response_status(1) == (404, "no cat")
        batch.set_response_status(code=500, phrase="broken")
        assert batch.get_response_status(0) == (500, "broken")
        batch.set_all_response_status(503, "away")
        assert [batch.get_response_status(index) for index in (0, 1)] == [(503, "away")] * 2

    def test_response_headers(self, batch):
        batch.set_response_header(1, "x-cat", "yes")
        batch.set_response_content_type(1, "image/png")
        assert batch.get_response_headers(1) == {"x-cat": "yes", "content-type": "image/png"}
        assert batch.get_response_content_type(1) == "image/png"
        assert batch.get_response_content_type(0) is None

    @pytest.mark.parametrize(
        "call",
        [
            lambda batch: batch.get_request_header(2, "Accept"),
            lambda batch: batch.set_response_status(400, "", 2),
            lambda batch: batch.get_response_status(2),
        ],
    )
    def test_a_request_that_is_not_there_is_an_error_that_says_how_many_are(self, batch, call):
        with pytest.raises(HandlerContractError, match="request 2, but the batch has 2"):
            call(batch)


class TestViews:
    def test_what_belongs_to_a_batch_is_its_own(self, context):
        first, second = (context.for_batch([{"who": who}], [who]) for who in "ab")
        first.set_response_status(400, "bad")
        first.stopping_criteria = ["stop"]
        assert second.get_response_status(0) == (200, None)
        assert second.stopping_criteria is None
        assert second.get_request_header(0, "who") == "b"
        assert context.request_ids == {}

    def test_what_handlers_keep_is_seen_in_every_batch(self, context):
        """They keep caches there, `sequenceBatching` examples for instance."""
        context.for_batch([{}], ["a"]).cache = {"s1": 3}
        later = context.for_batch([{}], ["b"])
        assert later.cache == {"s1": 3}
        later.system_properties["gpu_id"] = 0
        assert context.system_properties["gpu_id"] == 0
        del later.cache
        assert not hasattr(context, "cache")

    def test_the_system_properties_may_be_replaced(self, context):
        context.for_batch([{}], ["a"]).system_properties = {"model_dir": "/elsewhere"}
        assert context.system_properties == {"model_dir": "/elsewhere"}

    def test_an_attribute_that_nobody_set_is_an_attribute_error(self, context):
        with pytest.raises(AttributeError, match="no attribute 'cache'"):
            _ = context.cache
        with pytest.raises(AttributeError, match="no attribute 'cache'"):
            del context.cache

    def test_a_subclass_gives_views_of_its_own_kind(self):
        class Mine(Context):
            def shout(self):
                return self.model_name.upper()

        view = Mine("cat", "/m", {}, 1, None, "0.12.0").for_batch([{}], ["a"])
        assert view.shout() == "CAT"

    def test_it_can_be_copied(self, context):
        batch = context.for_batch([{"who": "a"}], ["a"])
        assert copy.copy(batch).get_request_header(0, "who") == "a"
        assert copy.deepcopy(batch).model_yaml_config == {"a": 1}

    def test_it_says_what_it_is(self, context):
        assert repr(context.for_batch([{}, {}], ["a", "b"])) == "<Context of 'cat', 2 requests>"


def test_a_request_processor_by_itself():
    """Tests of handlers make them by hand."""
    processor = RequestProcessor({"Accept": "json"})
    assert processor.get_request_property("Accept") == "json"
    assert processor.get_request_properties() == {"Accept": "json"}
    processor.report_status(400, reason_phrase="bad")
    assert processor.get_response_status_code() == 400
    assert processor.get_response_status_phrase() == "bad"
    processor.add_response_property("x", "1")
    assert processor.get_response_headers() == {"x": "1"}
    assert processor.get_response_header("x") == "1"
    assert processor.get_response_header("y") is None
