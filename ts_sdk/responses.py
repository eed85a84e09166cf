"""Answers as they go over the wire: the bytes, status and headers that TorchServe 0.12 sent."""

import io
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ts_sdk.errors import HandlerContractError, RequestError
from ts_sdk.outcomes import Reply

CANNOT_SERIALISE = "Unsupported model output data type."
_CONTENT_TYPE = "content-type"
_JSON = "application/json"


@dataclass(frozen=True)
class Response:
    """What one request is answered, as a server sends it.

    Attributes:
        status: HTTP status.
        phrase: Reason phrase, empty unless the handler set one.
        headers: Response headers that the handler set.
        body: The encoded answer. Of a streamed answer, all its pieces.
        error: Why the request failed, None when it was answered.
    """

    status: int
    phrase: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: RequestError | None = None

    @property
    def content_type(self) -> str | None:
        """The content type that the handler set, None when it set none."""
        return self.headers.get(_CONTENT_TYPE)


def respond(reply: Reply, before: Sequence[Reply] = ()) -> Response:
    """The response to a request.

    Args:
        reply: What became of it.
        before: The pieces of a streamed answer that came before.
    """
    outcome = reply.outcome
    if isinstance(outcome, RequestError) and not reply.is_answered:
        return _error_response(outcome)
    error = outcome if isinstance(outcome, RequestError) else None
    try:
        body = b"".join(encode(_answer_in(each)) for each in (*before, reply))
    except HandlerContractError as failure:
        return _error_response(failure)
    return Response(reply.status, reply.phrase, reply.headers, body, error)


def encode(answer: object) -> bytes:
    """The bytes that TorchServe's worker made of an answer.

    Args:
        answer: Bytes as they are; text as UTF-8; a tensor as `torch.save` writes it; all else as
            JSON, indented by two.

    Raises:
        HandlerContractError: It is none of these.
    """
    if isinstance(answer, bytes | bytearray):
        return bytes(answer)
    torch = sys.modules.get("torch")  # without it there is no tensor
    if torch is not None and isinstance(answer, torch.Tensor):
        file = io.BytesIO()
        torch.save(answer, file)
        return file.getvalue()
    try:
        return (answer if isinstance(answer, str) else json.dumps(answer, indent=2)).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise HandlerContractError(
            f"the answer cannot be sent: {error}; return bytes, text, a tensor or what JSON knows "
            "(numbers, text, lists, dicts) from postprocess()",
            client_message=CANNOT_SERIALISE,
        ) from error


def _answer_in(reply: Reply) -> object:
    outcome = reply.outcome
    return outcome.answer if isinstance(outcome, RequestError) else outcome


def _error_response(error: RequestError) -> Response:
    """The response of TorchServe's frontend to an error of its worker's."""
    told = {
        "code": error.status,
        "type": "InternalServerException",
        "message": error.client_message,
    }
    body = f"{json.dumps(told, indent=2, ensure_ascii=False)}\n".encode()
    return Response(error.status, headers={_CONTENT_TYPE: _JSON}, body=body, error=error)
