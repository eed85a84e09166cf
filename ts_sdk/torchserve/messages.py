"""What TorchServe's server wrote to its worker, and what came back, read (release 0.12).

The format of numbers, text and lists is that of `ts_sdk.torchserve.frames`.
"""

import io
import struct
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from ts_sdk.rows import decode_content
from ts_sdk.torchserve.frames import END_OF_LIST, Prediction

LOAD = b"L"
PREDICT = b"I"
INT_SIZE = 4
BOOL_SIZE = 1


class Receiver(Protocol):
    """The socket that messages come from."""

    def recv(self, size: int, /) -> bytes:
        """At most *size* bytes; none when the other side is gone."""


def retrieve_msg(conn: Receiver) -> tuple[bytearray, Any]:
    """The next message of the server.

    Args:
        conn: Its socket.

    Returns:
        The command, and what belongs to it: for `LOAD` a dict, for `PREDICT` a list of requests,
        each a dict with its id, headers and parameters (name, content type and decoded value).

    Raises:
        EOFError: The server closed the connection.
        ValueError: There is no such command.
    """
    reader = _Reader(conn.recv)
    command = reader.read(1)
    if command == LOAD:
        return command, _load_message(reader)
    if command == PREDICT:
        return command, [_request(reader, request_id) for request_id in reader.items()]
    raise ValueError(
        f"the server sent the command {bytes(command)!r}; there are {LOAD!r}, to load a model, "
        f"and {PREDICT!r}, to predict"
    )


def predictions_in(frame: bytes | bytearray) -> list[Prediction]:
    """What a response says of each request."""
    reader = _Reader(io.BytesIO(frame).read)
    reader.integer()
    reader.text()
    return [_prediction(reader, request_id) for request_id in reader.items()]


class _Reader:
    """Reads the pieces of a message.

    Args:
        receive: Gives at most so many bytes, none at the end.
    """

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        self._receive = receive

    def read(self, size: int) -> bytearray:
        content = bytearray()
        while len(content) < size:
            received = self._receive(size - len(content))
            if not received:
                raise EOFError(
                    f"the connection was closed where {size - len(content)} more bytes of a "
                    "message were to come"
                )
            content += received
        return content

    def integer(self) -> int:
        number: int = struct.unpack("!i", self.read(INT_SIZE))[0]
        return number

    def switch(self) -> bool:
        return self.read(BOOL_SIZE) != b"\0"

    def sized(self) -> bytearray:
        return self.read(self.integer())

    def text(self) -> str:
        return self.sized().decode()

    def items(self) -> Iterator[bytearray]:
        """What each item of a list begins with; the rest is read before the next is asked for."""
        while (size := self.integer()) != END_OF_LIST:
            yield self.read(size)


def _load_message(reader: _Reader) -> dict[str, Any]:
    message: dict[str, Any] = {
        "modelName": reader.sized(),
        "modelPath": reader.sized(),
        "batchSize": reader.integer(),
        "handler": reader.sized(),
    }
    gpu = reader.integer()
    if gpu >= 0:
        message["gpu"] = gpu
    message["envelope"] = reader.sized()
    message["limitMaxImagePixels"] = reader.switch()
    return message


def _request(reader: _Reader, request_id: bytearray) -> dict[str, Any]:
    headers = [{"name": name, "value": reader.sized()} for name in reader.items()]
    parameters = [_parameter(reader, name.decode()) for name in reader.items()]
    return {"requestId": request_id, "headers": headers, "parameters": parameters}


def _parameter(reader: _Reader, name: str) -> dict[str, Any]:
    content_type = reader.text()
    value = decode_content(reader.sized(), content_type)
    return {"name": name, "contentType": content_type, "value": value}


def _prediction(reader: _Reader, request_id: bytearray) -> Prediction:
    content_type = reader.text()
    status = reader.integer()
    phrase = reader.text()
    headers = {reader.text(): reader.text() for _ in range(reader.integer())}
    return Prediction(
        request_id.decode(), bytes(reader.sized()), status, phrase, content_type, headers
    )
