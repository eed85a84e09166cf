"""The messages between TorchServe's server and its worker."""

import socket
import struct

import pytest

from ts_sdk.context import Context
from ts_sdk.torchserve.frames import (
    FrameSocket,
    Prediction,
    create_load_model_response,
    create_predict_response,
    encode_response_headers,
    response_frame,
    send_intermediate_predict_response,
)
from ts_sdk.torchserve.messages import predictions_in, retrieve_msg

END = b"\xff\xff\xff\xff"


def number(value):
    return struct.pack("!i", value)


def sized(content):
    return number(len(content)) + content


def plain(request_id, body, status=200):
    """A request's part of a response where the handler has set nothing."""
    return sized(request_id) + number(0) + number(status) + number(0) + number(0) + sized(body)


@pytest.fixture
def context():
    archive = Context("cat", "/cat", {}, 2, None, "0.12.0")
    return archive.for_batch([{}, {}], ["a", "b"])


@pytest.fixture
def connection():
    """Two ends; what is sent into the first is read from the second."""
    ends = socket.socketpair()
    yield ends
    for end in ends:
        end.close()


class TestResponses:
    @pytest.mark.parametrize(
        ("answer", "body"),
        [
            (b"\x00\xff", b"\x00\xff"),
            (bytearray(b"x"), b"x"),
            ("één", "één".encode()),
            ({"a": [1, 2.5]}, b'{\n  "a": [\n    1,\n    2.5\n  ]\n}'),
            (None, b"null"),
        ],
    )
    def test_each_kind_of_answer(self, answer, body):
        frame = create_predict_response([answer], {0: "id"}, "ok", 200)
        assert frame == number(200) + sized(b"ok") + plain(b"id", body) + END

    def test_a_tensor_is_as_torch_saves_it(self):
        import io

        import torch

        frame = create_predict_response([torch.arange(3)], {0: "id"}, "ok", 200)
        (prediction,) = predictions_in(frame)
        assert torch.load(io.BytesIO(prediction.body)).tolist() == [0, 1, 2]

    def test_a_failed_batch(self):
        frame = create_predict_response(None, {0: "a", 1: "b"}, "Prediction failed", 503)
        told = number(503) + sized(b"Prediction failed")
        assert frame == told + plain(b"a", b"error", 503) + plain(b"b", b"error", 503) + END

    def test_an_answer_that_cannot_be_sent_fails_the_batch(self):
        frame = create_predict_response([1, {1, 2}], {0: "a", 1: "b"}, "ok", 200)
        told = number(503) + sized(b"Unsupported model output data type.")
        assert frame == told + plain(b"a", b"error", 503) + plain(b"b", b"error", 503) + END

    def test_what_the_handler_set_stands_with_each_request(self, context):
        context.set_response_content_type(0, "image/png")
        context.set_response_status(404, "no such cat", 1)
        frame = create_predict_response([b"x", b"y"], {0: "a", 1: "b"}, "ok", 200, context)
        headers = number(1) + sized(b"content-type") + sized(b"image/png")
        first = sized(b"a") + sized(b"image/png") + number(200) + number(0) + headers + sized(b"x")
        second = sized(b"b") + number(0) + number(404) + sized(b"no such cat") + number(0)
        assert frame == number(200) + sized(b"ok") + first + second + sized(b"y") + END

    def test_a_phrase_of_more_bytes_than_characters_keeps_the_frame_whole(self, context):
        context.set_all_response_status(400, "größer")
        frame = create_predict_response(["x", "y"], {0: "a", 1: "b"}, "ok", 200, context)
        assert [prediction.phrase for prediction in predictions_in(frame)] == ["größer"] * 2

    def test_headers(self):
        expected = number(2) + sized(b"a") + sized(b"1") + sized(b"b") + sized(b"")
        assert encode_response_headers({"a": "1", "b": ""}) == expected

    def test_a_loaded_model(self):
        assert create_load_model_response(200, "loaded") == number(200) + sized(b"loaded") + END

    def test_what_was_written_is_read(self):
        predictions = [
            Prediction("a", b"x", 201, "made", "image/png", {"k": "v"}),
            Prediction("b", b""),
        ]
        assert predictions_in(response_frame(200, "ok", predictions)) == predictions


class TestWhetherMoreFollows:
    def header_after(self, context, **more):
        create_predict_response([1, 2], {0: "a", 1: "b"}, "ok", 200, context, **more)
        return [context.get_response_headers(index).get("ts_stream_next") for index in (0, 1)]

    def test_is_not_said_of_an_answer_that_is_alone(self, context):
        assert self.header_after(context) == [None, None]

    def test_is_said_of_a_piece(self, context):
        assert self.header_after(context, ts_stream_next=True) == ["true", "true"]

    def test_is_denied_of_the_answer_after_a_piece(self, context):
        context.set_response_header(0, "ts_stream_next", "true")
        assert self.header_after(context) == ["false", None]

    def test_is_what_the_stopping_criteria_say(self, context):
        context.stopping_criteria = [lambda answer: answer == 1, lambda answer: answer == 1]
        assert self.header_after(context) == ["false", "true"]

    def test_is_not_said_where_they_say_nothing(self, context):
        context.stopping_criteria = [lambda answer: None] * 2
        assert self.header_after(context) == [None, None]


class TestPiecesSentByAHandler:
    def test_go_through_the_context(self, context):
        sent = []
        context.send_intermediate = sent.append
        send_intermediate_predict_response(["x", "y"], context.request_ids, "ok", 200, context)
        assert sent == [["x", "y"]]

    def test_in_a_frame_of_its_own_are_given_on_as_they_were(self, context):
        sent = []
        frame = create_predict_response(
            [{"text": "x"}, "y"], context.request_ids, "ok", 200, context, ts_stream_next=True
        )
        FrameSocket(sent.append).sendall(frame)
        assert sent == [[{"text": "x"}, "y"]]

    def test_in_bytes_are_given_on_as_bytes(self, context):
        sent = []
        frame = create_predict_response(["x", "y"], context.request_ids, "ok", 200)
        FrameSocket(sent.append).sendall(bytes(frame))
        assert sent == [[b"x", b"y"]]


class TestMessagesOfTheServer:
    def test_a_model_to_load(self, connection):
        connection[0].sendall(
            b"L" + sized(b"cat") + sized(b"/store/cat") + number(4) + sized(b"handler.py")
            + number(1) + sized(b"json") + b"\x01"
        )  # fmt: skip
        command, message = retrieve_msg(connection[1])
        assert command == b"L"
        assert message == {
            "modelName": b"cat",
            "modelPath": b"/store/cat",
            "batchSize": 4,
            "handler": b"handler.py",
            "gpu": 1,
            "envelope": b"json",
            "limitMaxImagePixels": True,
        }

    def test_a_model_without_gpu(self, connection):
        connection[0].sendall(
            b"L" + sized(b"cat") + sized(b"/") + number(1) + sized(b"h") + END + sized(b"") + b"\0"
        )
        _, message = retrieve_msg(connection[1])
        assert "gpu" not in message
        assert message["limitMaxImagePixels"] is False

    def test_requests_with_their_headers_and_parts_decoded(self, connection):
        first = sized(b"a") + sized(b"explain") + sized(b"True") + END
        for name, kind, value in (
            (b"body", b"application/json", b'{"x": 1}'),
            (b"text", b"text/plain", b"cat"),
            (b"image", b"image/png", b"\xff"),
        ):
            first += sized(name) + sized(kind) + sized(value)
        connection[0].sendall(b"I" + first + END + sized(b"b") + END + END + END)
        command, requests = retrieve_msg(connection[1])
        assert command == b"I"
        assert [request["requestId"] for request in requests] == [b"a", b"b"]
        assert requests[0]["headers"] == [{"name": b"explain", "value": b"True"}]
        assert requests[0]["parameters"] == [
            {"name": "body", "contentType": "application/json", "value": {"x": 1}},
            {"name": "text", "contentType": "text/plain", "value": "cat"},
            {"name": "image", "contentType": "image/png", "value": bytearray(b"\xff")},
        ]
        assert requests[1] == {"requestId": b"b", "headers": [], "parameters": []}

    def test_an_unknown_command_is_named(self, connection):
        connection[0].sendall(b"X")
        with pytest.raises(ValueError, match="the command b'X'"):
            retrieve_msg(connection[1])

    def test_a_message_that_ends_early_says_how_much_is_missing(self, connection):
        connection[0].sendall(b"L" + number(10) + b"cat")
        connection[0].close()
        with pytest.raises(EOFError, match="7 more bytes"):
            retrieve_msg(connection[1])
