"""The frames between TorchServe's frontend and its worker, as the frontend reads and writes."""

import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_END = struct.pack("!i", -1)
Part = tuple[str, str, bytes]


@dataclass(frozen=True)
class Prediction:
    """What a frame says of one request."""

    request_id: str
    content_type: str
    status: int
    phrase: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Frame:
    """One frame of the worker's."""

    code: int
    message: str
    predictions: list[Prediction]


def load_frame(name: str, folder: str, batch_size: int, handler: str, envelope: str) -> bytes:
    """The command to load a model, on the CPU."""
    start = b"L" + _text(name) + _text(folder) + struct.pack("!i", batch_size) + _text(handler)
    return start + _END + _text(envelope) + struct.pack("!?", True)


def predict_frame(
    requests: Iterable[tuple[str, Mapping[str, str], Sequence[Part]]],
) -> bytes:
    """The command to predict, with the id, the headers and the parts of each request."""
    return b"I" + b"".join(_request(*request) for request in requests) + _END


def read_frame(connection: socket.socket) -> Frame:
    """The worker's next frame.

    Raises:
        EOFError: The worker closed the connection.
    """
    code, message = _int(connection), _field(connection)
    predictions = []
    while (length := _int(connection)) != -1:
        request_id = _bytes(connection, length).decode()
        content_type, status, phrase = (
            _field(connection),
            _int(connection),
            _field(connection),
        )
        headers = {_field(connection): _field(connection) for _ in range(_int(connection))}
        body = _bytes(connection, _int(connection))
        predictions.append(Prediction(request_id, content_type, status, phrase, headers, body))
    return Frame(code, message, predictions)


def _request(request_id: str, headers: Mapping[str, str], parts: Sequence[Part]) -> bytes:
    named = b"".join(_text(name) + _text(value) for name, value in headers.items())
    contents = b"".join(
        _text(name) + _text(content_type) + struct.pack("!i", len(content)) + content
        for name, content_type, content in parts
    )
    return _text(request_id) + named + _END + contents + _END


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("!i", len(data)) + data


def _field(connection: socket.socket) -> str:
    return _bytes(connection, _int(connection)).decode()


def _int(connection: socket.socket) -> int:
    number: int = struct.unpack("!i", _bytes(connection, 4))[0]
    return number


def _bytes(connection: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        received = connection.recv(length - len(data))
        if not received:
            raise EOFError("the worker closed the connection")
        data += received
    return bytes(data)
