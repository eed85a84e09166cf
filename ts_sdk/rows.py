"""From what a caller hands over to the row that a handler sees.

The value types are those of TorchServe's worker (release 0.12): a JSON body arrives decoded, text
as `str`, anything else as `bytearray`; the row is a dict from part name to value, and the headers
hold the content type of each part beside those of the request.
"""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from ts_sdk.errors import RequestError
from ts_sdk.working_directory import from_program

BODY = "body"
"""The part that a request without named parts consists of."""

JSON = "application/json"
"""The content type of values that are decoded."""

_TEXT = "text/plain"
_BINARY = "application/octet-stream"
_TEXT_TYPES = {
    ".txt": _TEXT,
    ".csv": "text/csv",
    ".html": "text/html",
    ".htm": "text/html",
    ".xml": "text/xml",
    ".md": "text/markdown",
}
_DECODING_SWITCH = "TS_DECODE_INPUT_REQUEST"
_HEADER = "content-type"
_PAIR = 2
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """One request with its parts and headers, for callers who need more than a body.

    `Request.sent` makes one of bytes and their content types, as they come over the wire.

    Attributes:
        parts: Part name → value, handed to the handler as its row.
        headers: Request headers that the handler reads with `Context.get_request_header`.
        content_types: Part name → the content type that it was sent with.
    """

    parts: Mapping[str, object]
    headers: Mapping[str, str] = field(default_factory=dict)
    content_types: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def sent(
        cls,
        body: object = None,
        *,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        parts: Mapping[str, object] | None = None,
    ) -> "Request":
        """The request that a client's bytes become in TorchServe's worker.

        Args:
            body: The request's body: bytes, text, a path or any JSON value; None when *parts* are
                given.
            content_type: What *body* is, such as ``application/json``, and the header
                ``Content-Type``. None takes that header's, else what its type or its file's suffix
                suggests.
            headers: The request's headers.
            parts: Part name → value, for a multipart request. A value is as *body* is, or a pair
                ``(value, content type)``.

        Raises:
            RequestError: A file cannot be read or is not the JSON or text that its suffix promises.
            TypeError: Neither a body nor parts are given, or a content type without a body, or
                headers that are no mapping.
        """
        if headers is not None and not isinstance(headers, Mapping):
            raise TypeError(f"headers must be a mapping of names to values, not {headers!r}")
        given = dict(headers or {})
        if parts is None:
            if body is None:
                raise TypeError("a request needs a body or parts")
            said = next((given[name] for name in given if name.lower() == _HEADER), None)
            if said is None and content_type is not None:
                given[_HEADER.title()] = content_type
            content_type = said if content_type is None else content_type
            parts = {BODY: body if content_type is None else (body, content_type)}
        elif body is not None or content_type is not None:
            raise TypeError(
                "give a body with its content_type, or parts that have their own: "
                "parts={'image': (content, 'image/png')}"
            )
        values: dict[str, object] = {}
        types: dict[str, str] = {}
        for name, part in parts.items():
            values[name], types[name] = _part(part)
        return cls(values, given, types)

    @property
    def all_headers(self) -> dict[str, Any]:
        """The headers as a handler reads them: one entry a part, then the request's own."""
        of_parts = {name: {"content-type": kind} for name, kind in self.content_types.items()}
        return {**of_parts, **self.headers}


def decode(given: object) -> Request:
    """The request that *given* stands for.

    Args:
        given: A `Request` as it is; bytes, bytearray or memoryview (a body such as a picture);
            `str` (a text body); a path (its suffix tells: ``.json`` is decoded, text files are
            `str`, all else bytes); any other object (a decoded JSON body, a tensor, an array).

    Raises:
        RequestError: A file cannot be read or is not the JSON or text that its suffix promises.
    """
    if isinstance(given, Request):
        return given
    value, content_type = _value(given)
    return Request({BODY: value}, content_types={BODY: content_type})


def decode_file(path: PurePath, content: bytes) -> Request:
    """The request that a file of this content stands for, as `decode` reads it.

    Raises:
        RequestError: It is not the JSON or text that the path's suffix promises.
    """
    value, content_type = _value_of_content(path, content)
    return Request({BODY: value}, content_types={BODY: content_type})


def decode_content(content: bytes | bytearray, content_type: str) -> object:
    """What TorchServe's worker makes of a part: decoded JSON, text, or the bytes.

    What is not the JSON or text that it is said to be stays bytes, for the handler to judge.
    ``TS_DECODE_INPUT_REQUEST=false`` in the environment leaves everything bytes.

    Args:
        content: The part's bytes.
        content_type: What it was sent as; parameters such as ``; charset=utf-8`` make
            ``application/json`` something else, as in TorchServe.
    """
    if os.environ.get(_DECODING_SWITCH) in (None, "true"):
        try:
            if content_type == JSON:
                return json.loads(content.decode())
            if content_type.startswith("text"):
                return content.decode()
        except (ValueError, RecursionError) as error:
            _logger.warning(
                "a part sent as %s is not: %s; the handler is given its bytes", content_type, error
            )
    return bytearray(content)


def note_path_sent_as_text(error: RequestError, request: Request) -> None:
    """Add a note to *error* when what *request* sent as text is the name of a file.

    It is a note, and no part of the message: a request's sender need not learn what files there
    are.
    """
    body = request.parts.get(BODY)
    if isinstance(body, str) and os.path.isfile(body):  # noqa: PTH113 - false where Path raises
        error.add_note(f"{body!r} was sent as text; to send that file, give pathlib.Path({body!r})")


def _part(given: object) -> tuple[object, str]:
    """A part's value and content type."""
    if not (isinstance(given, tuple) and len(given) == _PAIR and isinstance(given[1], str)):
        return _value(given)
    value, content_type = given
    if isinstance(value, os.PathLike):
        value = _content_of(Path(value))
    elif isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes | bytearray | memoryview):
        return decode_content(bytes(value), content_type), content_type
    return value, content_type


def _value(given: object) -> tuple[object, str]:
    """The value that the type of *given* suggests, and the content type that goes with it."""
    if isinstance(given, os.PathLike):
        return _value_of_file(Path(given))
    if isinstance(given, bytes | bytearray | memoryview):
        return given if isinstance(given, bytearray) else bytearray(given), _BINARY
    return given, _TEXT if isinstance(given, str) else JSON


def _value_of_file(path: Path) -> tuple[object, str]:
    return _value_of_content(path, _content_of(path))


def _value_of_content(path: PurePath, content: bytes) -> tuple[object, str]:
    """The value that a file's suffix and *content* suggest, and its content type."""
    suffix = path.suffix.lower()
    try:
        if suffix == ".json":
            return json.loads(content), JSON
        if suffix in _TEXT_TYPES:
            return content.decode(), _TEXT_TYPES[suffix]
    except (ValueError, RecursionError) as error:
        kind = "JSON" if suffix == ".json" else "UTF-8 text"
        raise RequestError(f"{path} is not valid {kind}: {error}") from error
    return bytearray(content), _BINARY


def _content_of(path: Path) -> bytes:
    try:
        return from_program(path).read_bytes()
    except (OSError, ValueError) as error:  # a path with a null character is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise RequestError(f"{path} cannot be read: {reason}") from error
