"""Responses as TorchServe's worker wrote them to its server (release 0.12).

Whole numbers are four bytes, the highest first; text and content have their length before them;
-1 ends a list. A response is: code, message, and for each request its id, content type, status,
phrase, number of headers, their names and values, content.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ts_sdk.errors import HandlerContractError
from ts_sdk.responses import encode

RESPONSE = 3
END_OF_LIST = -1

_MORE_FOLLOWS = "ts_stream_next"
_OK = 200


@dataclass(frozen=True)
class Prediction:
    """What a response says of one request.

    Attributes:
        request_id: The request.
        body: Its encoded answer.
        status: HTTP status.
        phrase: Reason phrase.
        content_type: Content type, empty when the handler set none.
        headers: Response headers.
    """

    request_id: str
    body: bytes
    status: int = _OK
    phrase: str = ""
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class ResponseFrame(bytearray):
    """A response as bytes.

    Attributes:
        answers: What was encoded, one a request; None where an error was.
    """

    answers: Sequence[object] | None = None


class FrameSocket:
    """Takes the responses that a handler writes to ``context.cl_socket`` by itself.

    Args:
        send: Takes the answers in a response, one a request.
    """

    def __init__(self, send: Callable[[Sequence[object]], None]) -> None:
        self._send = send

    def sendall(self, frame: bytes | bytearray) -> None:
        """Hand on the answers in *frame*: as the handler gave them, else as bytes."""
        from ts_sdk.torchserve.messages import predictions_in

        answers = getattr(frame, "answers", None)
        if answers is None:
            answers = [prediction.body for prediction in predictions_in(frame)]
        self._send(answers)


def create_predict_response(
    ret: Any,  # noqa: ANN401 - a list of answers, or what has the requests' indexes as keys
    req_id_map: Mapping[int, str],
    message: str,
    code: int,
    context: Any = None,  # noqa: ANN401 - ours, or a test's
    ts_stream_next: bool = False,  # noqa: FBT001, FBT002 - as above
) -> ResponseFrame:
    """The response to a batch.

    Args:
        ret: The answers; None when the batch failed.
        req_id_map: Index → request id.
        message: What happened, for the server's log and for clients when *code* is an error.
        code: HTTP status of the whole, and of each request when there is no *context*.
        context: The batch's context, with the status and the headers of each request.
        ts_stream_next: Whether more answers follow.
    """
    try:
        bodies = {index: b"error" if ret is None else encode(ret[index]) for index in req_id_map}
    except HandlerContractError as error:
        return create_predict_response(None, req_id_map, error.client_message, error.status)
    predictions = []
    for index, request_id in req_id_map.items():
        if context is None:
            predictions.append(Prediction(request_id, bodies[index], code))
            continue
        _announce_more(context, index, ret, more=ts_stream_next)
        status, phrase = context.get_response_status(index)
        predictions.append(
            Prediction(
                request_id,
                bodies[index],
                _OK if status is None else status,
                phrase or "",
                context.get_response_content_type(index) or "",
                context.get_response_headers(index),
            )
        )
    frame = response_frame(code, message, predictions)
    frame.answers = None if ret is None else [ret[index] for index in req_id_map]
    return frame


def create_load_model_response(code: int, message: str) -> bytearray:
    """The response to a request to load a model."""
    return response_frame(code, message, [])


def response_frame(code: int, message: str, predictions: Sequence[Prediction]) -> ResponseFrame:
    """A response of these *predictions*."""
    frame = ResponseFrame(_int(code) + _sized(message.encode()))
    for prediction in predictions:
        frame += _sized(prediction.request_id.encode())
        frame += _sized(prediction.content_type.encode())
        frame += _int(prediction.status)
        frame += _sized(prediction.phrase.encode())
        frame += encode_response_headers(prediction.headers)
        frame += _sized(prediction.body)
    frame += _int(END_OF_LIST)
    return frame


def encode_response_headers(resp_hdr_map: Mapping[str, str]) -> bytearray:
    """Headers as they stand in a response."""
    encoded = bytearray(_int(len(resp_hdr_map)))
    for name, value in resp_hdr_map.items():
        encoded += _sized(name.encode()) + _sized(value.encode())
    return encoded


def send_intermediate_predict_response(
    ret: Any,  # noqa: ANN401 - as in create_predict_response
    req_id_map: Mapping[int, str],
    message: str,  # noqa: ARG001 - TorchServe's signature
    code: int,  # noqa: ARG001 - as above
    context: Any,  # noqa: ANN401 - ours, or a test's
) -> None:
    """Send a piece of each request's answer; what `handle` returns is the last one.

    Args:
        ret: The pieces, one a request.
        req_id_map: Index → request id; ``context.request_ids``.
        message: What happened; nobody reads it.
        code: HTTP status; the context has that of each request.
        context: The batch's context.
    """
    context.send_intermediate([ret[index] for index in req_id_map])


def _announce_more(context: Any, index: int, ret: Any, *, more: bool) -> None:  # noqa: ANN401 - as above
    """Say in a header of request *index* whether more answers follow, where that is known."""
    if more:
        context.set_response_header(index, _MORE_FOLLOWS, "true")
    elif context.stopping_criteria and ret is not None:
        stops = context.stopping_criteria[index](ret[index])
        if stops is not None:
            context.set_response_header(index, _MORE_FOLLOWS, "false" if stops else "true")
    elif context.get_response_headers(index).get(_MORE_FOLLOWS) == "true":
        context.set_response_header(index, _MORE_FOLLOWS, "false")


def _int(number: int) -> bytes:
    return struct.pack("!i", number)


def _sized(content: bytes) -> bytes:
    return _int(len(content)) + content
