"""From what a caller hands over to the row that a handler sees.

The value types are those of TorchServe's worker (release 0.12): a JSON body arrives decoded, text
as `str`, anything else as `bytearray`; the row is a dict from part name to value.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ts_sdk.errors import RequestError

_TEXT_SUFFIXES = frozenset({".txt", ".csv", ".html", ".htm", ".xml", ".md"})


@dataclass(frozen=True)
class Request:
    """One request with its parts and headers, for callers who need more than a body.

    Attributes:
        parts: Part name → value, handed to the handler as its row.
        headers: Request headers that the handler reads with `Context.get_request_header`.
    """

    parts: Mapping[str, object]
    headers: Mapping[str, str] = field(default_factory=dict)


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
    if isinstance(given, os.PathLike):
        return Request({"body": _body_of_file(Path(given))})
    if isinstance(given, bytes | memoryview):
        return Request({"body": bytearray(given)})
    return Request({"body": given})


def note_path_sent_as_text(error: RequestError, request: Request) -> None:
    """Add a note to *error* when what *request* sent as text is the name of a file.

    It is a note, and no part of the message: a request's sender need not learn what files there
    are.
    """
    body = request.parts.get("body")
    if isinstance(body, str) and os.path.isfile(body):  # noqa: PTH113 - false where Path raises
        error.add_note(f"{body!r} was sent as text; to send that file, give pathlib.Path({body!r})")


def _body_of_file(path: Path) -> object:
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # a path with a null character is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise RequestError(f"{path} cannot be read: {reason}") from error
    suffix = path.suffix.lower()
    try:
        if suffix == ".json":
            return json.loads(content)
        if suffix in _TEXT_SUFFIXES:
            return content.decode()
    except (ValueError, RecursionError) as error:
        kind = "JSON" if suffix == ".json" else "UTF-8 text"
        raise RequestError(f"{path} is not valid {kind}: {error}") from error
    return bytearray(content)
