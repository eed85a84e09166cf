"""Answers as bytes, status and headers, as TorchServe 0.12 sent them."""

import io
import json

import pytest
import torch

from ts_sdk.errors import HandlerContractError, RequestError
from ts_sdk.outcomes import Reply
from ts_sdk.responses import encode, respond


class TestAnAnswer:
    @pytest.mark.parametrize(
        ("answer", "body"),
        [
            (b"\x00\xff", b"\x00\xff"),
            (bytearray(b"ab"), b"ab"),
            ("Käse", "Käse".encode()),
            ({"a": [1, 2.5]}, b'{\n  "a": [\n    1,\n    2.5\n  ]\n}'),
            (["ä"], b'[\n  "\\u00e4"\n]'),
            (None, b"null"),
            (True, b"true"),
            (float("nan"), b"NaN"),
        ],
    )
    def test_is_encoded_by_its_type(self, answer, body):
        assert encode(answer) == body

    def test_that_is_a_tensor_is_what_torch_save_writes(self):
        saved = encode(torch.tensor([1.0, 2.0]))
        assert torch.load(io.BytesIO(saved), weights_only=True).tolist() == [1.0, 2.0]

    @pytest.mark.parametrize("answer", [{1, 2}, object(), [b"ab"], torch.float32])
    def test_of_no_kind_that_can_be_sent_is_an_error(self, answer):
        with pytest.raises(HandlerContractError, match="cannot be sent") as caught:
            encode(answer)
        assert caught.value.client_message == "Unsupported model output data type."

    def test_that_refers_to_itself_is_an_error(self):
        answer = []
        answer.append(answer)
        with pytest.raises(HandlerContractError, match="Circular reference"):
            encode(answer)


class TestTheResponse:
    def test_to_an_answered_request_has_what_the_handler_set(self):
        response = respond(Reply("yes", 201, "Made", {"content-type": "text/plain", "X-A": "b"}))
        assert (response.status, response.phrase, response.body) == (201, "Made", b"yes")
        assert response.content_type == "text/plain"
        assert response.headers["X-A"] == "b"
        assert response.error is None

    def test_to_a_request_that_raised_tells_its_sender_nothing_of_the_handler(self):
        error = RequestError("secret.py:3 broke", status=503, client_message="Prediction failed")
        response = respond(Reply.of_error(error))
        assert response.status == 503
        assert json.loads(response.body) == {
            "code": 503,
            "type": "InternalServerException",
            "message": "Prediction failed",
        }
        assert response.error is error

    def test_to_a_request_that_the_handler_refused_is_its_own_answer(self):
        refusal = RequestError("no picture", status=400, answer={"why": "no picture"})
        response = respond(Reply(refusal, 400, "no picture"))
        assert (response.status, response.phrase) == (400, "no picture")
        assert json.loads(response.body) == {"why": "no picture"}
        assert response.error is refusal

    def test_that_cannot_be_encoded_is_an_error_of_status_503(self):
        response = respond(Reply({1}))
        assert response.status == 503
        assert json.loads(response.body)["message"] == "Unsupported model output data type."
        assert isinstance(response.error, HandlerContractError)

    def test_of_a_streamed_answer_holds_all_its_pieces(self):
        pieces = [Reply("one "), Reply("two ")]
        assert respond(Reply("three"), pieces).body == b"one two three"
