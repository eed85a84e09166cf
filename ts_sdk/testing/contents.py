"""What is sent, as bytes and a content type."""

import json
import os
from mimetypes import MimeTypes
from pathlib import Path
from typing import Any

from ts_sdk.rows import JSON
from ts_sdk.testing.picture_files import encoded_picture, is_pixels, media_type_of
from ts_sdk.testing.sent_files import BINARY, bytes_of_file

UNTYPED = ""
"""The content type of a form's fields, and of the parameters of a URL."""

_BYTES = (bytes, bytearray, memoryview)
_PAIR = 2

Content = tuple[bytes, str]
"""Bytes and their content type."""


def content_of_part(name: str, given: object) -> Content:
    """The part *name* of a form; see `multipart_request`.

    Raises:
        RequestError: It is a file that cannot be read.
        TypeError: It is nothing that can be sent.
    """
    if isinstance(given, tuple) and len(given) == _PAIR and isinstance(given[1], str):
        value, content_type = given
        return _typed(name, value, content_type), content_type
    if isinstance(given, str | int | float):
        return str(given).encode(), UNTYPED
    if isinstance(given, os.PathLike):
        return content_of_file(Path(given))
    if isinstance(given, _BYTES):
        content = bytes(given)
        return content, media_type_of(content) or BINARY
    if is_pixels(given):
        return encoded_picture(given, None)
    raise TypeError(
        f"part {name!r}: expected text, a number, bytes, a path, a picture or a pair (value, "
        f"content type), not {type(given).__name__}"
    )


def content_of_file(path: Path) -> Content:
    """A file, as what its suffix says that it is.

    Raises:
        RequestError: It cannot be read.
    """
    kind, encoding = MimeTypes().guess_type(path.name)  # the same on every machine
    return bytes_of_file(path), kind if kind and encoding is None else BINARY


def content_of_json(value: object, what: str) -> bytes:
    """A JSON value as bytes.

    Args:
        value: The value.
        what: Who wants to send it, for the message.

    Raises:
        TypeError: It is no JSON.
    """
    try:
        return json.dumps(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(
            f"{what}: this value is no JSON: {error}; arrays and tensors go to tensor_request()"
        ) from error


def _typed(name: str, value: Any, content_type: str) -> bytes:  # noqa: ANN401 - what was given
    """*value* as bytes of *content_type*."""
    if isinstance(value, _BYTES):
        return bytes(value)
    if isinstance(value, os.PathLike):
        return bytes_of_file(value)
    if content_type == JSON:
        return content_of_json(value, f"part {name!r}")
    if isinstance(value, str):
        return value.encode()
    if is_pixels(value):
        return encoded_picture(value, content_type.removeprefix("image/"))[0]
    raise TypeError(f"part {name!r}: a {type(value).__name__} cannot be sent as {content_type}")
