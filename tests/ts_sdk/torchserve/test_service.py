"""`ModelLoaderFactory` and `Service`: models in a program, with TorchServe's calls."""

import gc
import logging
import sys
import weakref

import pytest

import ts_sdk
from ts_sdk.context import RequestProcessor
from ts_sdk.metrics import Metrics
from ts_sdk.torchserve.messages import predictions_in
from ts_sdk.torchserve.model_loader import ModelLoader, ModelLoaderFactory
from ts_sdk.torchserve.prediction_exception import PredictionException
from ts_sdk.torchserve.service import Service, emit_metrics

ECHO = """
    from model import GREETING
    def handle(data, context):
        return [GREETING + row["body"] for row in data] if data else None
"""


def request(request_id, body, **headers):
    """A request as the server's message holds it."""
    return {
        "requestId": request_id.encode(),
        "headers": [{"name": k.encode(), "value": v.encode()} for k, v in headers.items()],
        "parameters": [{"name": "body", "contentType": "text/plain", "value": body}],
    }


def bodies(frame):
    return [prediction.body for prediction in predictions_in(frame)]


def head(frame):
    """Code and message of a response."""
    size = int.from_bytes(frame[4:8], "big")
    return int.from_bytes(frame[:4], "big"), bytes(frame[8 : 8 + size]).decode()


@pytest.fixture
def load(write_folder):
    """Load a folder of the given files by TorchServe's loader; closed after the test."""
    loaded = []

    def loading(files, name="cat", handler="handler.py", **options):
        folder = write_folder(files, name)
        loader = ModelLoaderFactory.get_model_loader()
        loaded.append(loader.load(name, str(folder), handler, None, 1, **options))
        return loaded[-1]

    yield loading
    for service in loaded:
        service.close()


@pytest.fixture
def serve(tmp_path):
    """A service around a function of the program's; closed after the test."""
    served = []

    def serving(handle, **options):
        served.append(Service("cat", str(tmp_path), None, handle, None, 1, **options))
        return served[-1]

    yield serving
    for service in served:
        service.close()


class TestLoading:
    def test_by_position_and_by_name(self, write_folder):
        folder = write_folder({"handler.py": ECHO, "model.py": "GREETING = 'hello '"})
        loader = ModelLoaderFactory.get_model_loader()
        by_position = loader.load("cat", str(folder), "handler.py", None, 4, None, False)
        by_name = loader.load(
            model_name="cat", model_dir=str(folder), handler="handler", gpu_id=None, batch_size=4,
            envelope=None, limit_max_image_pixels=False, metrics_cache=None,
        )  # fmt: skip
        for service in (by_position, by_name):
            assert bodies(service.predict([request("1", "cat")])) == [b"hello cat"]
            properties = service.context.system_properties
            assert properties["batch_size"] == 4
            assert properties["limit_max_image_pixels"] is False
            assert properties["model_dir"] == str(folder)
            service.close()

    def test_a_class_is_initialised_with_the_context(self, load):
        service = load(
            {
                "handler.py": """
                    import pathlib
                    from ts.torch_handler.base_handler import BaseHandler
                    class Handler(BaseHandler):
                        def initialize(self, context):
                            self.words = pathlib.Path("words.txt").read_text()
                            self.name = context.manifest["model"]["modelName"]
                        def handle(self, data, context):
                            return [self.words + self.name + str(context.model_yaml_config["x"])]
                """,
                "words.txt": "big ",
                "config.yaml": "x: 3",
                "MAR-INF/MANIFEST.json": (
                    '{"model": {"modelName": "cat", "configFile": "config.yaml"}}'
                ),
            }
        )
        assert bodies(service.predict([request("1", "")])) == [b"big cat3"]

    def test_a_coroutine_is_waited_for(self, load):
        source = """
            class Handler:
                async def initialize(self, context): self.word = "yes"
                async def handle(self, data, context): return [self.word]
        """
        assert bodies(load({"handler.py": source}).predict([request("1", "")])) == [b"yes"]

    def test_models_of_equal_file_names_stay_apart(self, load):
        cat = load({"handler.py": ECHO, "model.py": "GREETING = 'meow '"}, "cat")
        dog = load({"handler.py": ECHO, "model.py": "GREETING = 'woof '"}, "dog")
        assert bodies(cat.predict([request("1", "you")])) == [b"meow you"]
        assert bodies(dog.predict([request("1", "you")])) == [b"woof you"]
        assert "model" not in sys.modules

    def test_only_the_files_name_counts_where_there_is_no_such_path(self, load):
        files = {"handler.py": ECHO, "model.py": "GREETING = ''"}
        service = load(files, handler="/somewhere/else/handler.py:handle")
        assert bodies(service.predict([request("1", "cat")])) == [b"cat"]

    def test_an_envelope_stands_around_the_handler(self, load):
        source = "def handle(data, context): return [x * 2 for x in data] if data else None"
        service = load({"handler.py": source}, envelope="json")
        asked = request("1", {"instances": [1, 2]})
        assert b'"predictions"' in bodies(service.predict([asked]))[0]

    def test_an_error_of_initialize_is_raised_as_it_is_and_leaves_nothing(self, load):
        before = list(sys.meta_path)
        source = """
            class Handler:
                def initialize(self, context): raise KeyError("weights")
                def handle(self, data, context): return data
        """
        with pytest.raises(KeyError, match="weights"):
            load({"handler.py": source})
        gc.collect()
        assert sys.meta_path == before

    def test_a_handler_that_is_not_there_is_named(self, load):
        with pytest.raises(ts_sdk.HandlerLoadError, match=r"no handler 'none\.py'"):
            load({"handler.py": ECHO}, handler="none.py")

    def test_the_base_class_says_what_to_override(self):
        with pytest.raises(NotImplementedError, match="ModelLoader must override load"):
            ModelLoader().load("cat", "/cat")

    def test_a_service_that_nobody_has_lets_its_modules_go(self, write_folder):
        folder = write_folder({"handler.py": "def handle(data, context): return data"})
        service = ModelLoaderFactory.get_model_loader().load("cat", str(folder), "handler.py")
        code = weakref.ref(service._runner._code)
        del service
        gc.collect()
        assert code() is None


class TestAnswers:
    def test_each_request_has_its_answer(self, serve):
        service = serve(lambda data, context: [row["body"].upper() for row in data])
        frame = service.predict([request("1", "a"), request("2", "b")])
        assert head(frame) == (200, "Prediction success")
        assert [each.request_id for each in predictions_in(frame)] == ["1", "2"]
        assert bodies(frame) == [b"A", b"B"]

    def test_the_handler_finds_ids_and_headers_in_the_context(self, serve):
        def handle(data, context):
            type_sent = context.get_request_header(1, "body")
            return [context.get_request_id(0), [context.get_request_header(1, "who"), type_sent]]

        frame = serve(handle).predict([request("1", "a"), request("2", "b", who="me")])
        assert bodies(frame)[0] == b"1"
        assert bodies(frame)[1].split() == (b'[ "me", { "content-type": "text/plain" } ]'.split())

    def test_what_the_handler_says_of_a_response_stands_in_it(self, serve):
        def handle(data, context):
            context.set_response_content_type(0, "image/png")
            context.set_response_status(404, "no such cat", 1)
            return [b"x", b"y"]

        first, second = predictions_in(serve(handle).predict([request("1", ""), request("2", "")]))
        assert (first.status, first.content_type) == (200, "image/png")
        assert (second.status, second.phrase, second.body) == (404, "no such cat", b"y")

    def test_one_bad_request_does_not_spoil_the_others(self, serve):
        def handle(data, context):
            return [str(100 // int(row["body"])) for row in data]

        frame = serve(handle).predict([request("1", "5"), request("2", "0"), request("3", "2")])
        assert head(frame) == (200, "Prediction success")
        assert [each.status for each in predictions_in(frame)] == [200, 503, 200]

    @pytest.mark.parametrize(
        ("error", "told"),
        [
            (ValueError("no"), (503, "Prediction failed")),
            (MemoryError(), (507, "Out of resources")),
            (RuntimeError("CUDA error: out of memory"), (507, "Out of resources")),
            (PredictionException("no cat in it", 422), (422, "no cat in it")),
        ],
    )
    def test_an_error_of_the_whole_batch(self, serve, error, told):
        def handle(data, context):
            raise error

        frame = serve(handle).predict([request("1", "a"), request("2", "b")])
        assert head(frame) == told
        assert bodies(frame) == [b"error", b"error"]
        assert {each.status for each in predictions_in(frame)} == {told[0]}

    @pytest.mark.parametrize(
        ("answers", "told"),
        [
            ({"a": 1}, (503, "Invalid model predict output")),
            ([1], (503, "number of batch response mismatched")),
        ],
    )
    def test_answers_that_do_not_fit(self, serve, answers, told):
        frame = serve(lambda data, context: answers).predict([request("1", ""), request("2", "")])
        assert head(frame) == told

    def test_pieces_go_to_the_socket_and_the_last_is_returned(self, serve):
        class Socket:
            def __init__(self):
                self.frames = []

            def sendall(self, frame):
                self.frames.append(frame)

        def handle(data, context):
            context.send_intermediate(["c"])
            context.send_intermediate(["a"])
            return ["t"]

        service, taken = serve(handle), Socket()
        service.set_cl_socket(taken)
        assert service.cl_socket is taken
        last = service.predict([request("1", "")])
        assert [bodies(frame) for frame in (*taken.frames, last)] == [[b"c"], [b"a"], [b"t"]]
        more = [predictions_in(f)[0].headers.get("ts_stream_next") for f in (*taken.frames, last)]
        assert more == ["true", "true", "false"]

    def test_a_batch_of_none_is_refused(self, serve):
        with pytest.raises(ValueError, match="a list of requests"):
            serve(lambda data, context: data).predict(None)

    def test_a_folder_that_is_not_there_is_no_matter(self, serve, tmp_path):
        service = Service("cat", str(tmp_path / "none"), {}, lambda data, _: ["x"], None, 1)
        assert bodies(service.predict([request("1", "")])) == [b"x"]
        service.close()


class TestMetrics:
    def test_the_time_of_a_batch_is_recorded(self, serve):
        service = serve(lambda data, context: ["x"])
        service.predict([request("1", "")])
        assert service.context.metrics["PredictionTime"].count == 1

    def test_they_go_where_the_caller_wants_them(self, serve):
        metrics = Metrics()
        service = serve(lambda data, context: ["x"], metrics_cache=metrics)
        service.predict([request("1", "")])
        assert service.context.metrics is metrics
        assert metrics.model_name == "cat"
        assert metrics["PredictionTime"].count == 1

    def test_emitting_logs_each(self, caplog):
        caplog.set_level(logging.INFO)
        emit_metrics(["a.Count:1", "b.Count:2"])
        emit_metrics(None)
        assert caplog.messages == ["[METRICS]a.Count:1", "[METRICS]b.Count:2"]


def test_what_a_handler_is_given_can_be_asked_for_alone():
    headers, rows, ids = Service.retrieve_data_for_inference([request("1", "a", explain="True")])
    assert rows == [{"body": "a"}]
    assert ids == {0: "1"}
    assert isinstance(headers[0], RequestProcessor)
    assert headers[0].get_request_properties() == {
        "body": {"content-type": "text/plain"},
        "explain": "True",
    }


def test_a_request_without_headers():
    sent = {"requestId": b"1", "parameters": []}
    assert Service.retrieve_data_for_inference([sent])[1:] == ([{}], {0: "1"})
