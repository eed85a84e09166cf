"""Requests as they come over the wire: what TorchServe's worker makes of a client's HTTP request.

Bytes go through the decoding of the worker, so that a handler sees what it would see there: JSON
decoded, text as `str`, anything else as `bytearray`. A form's fields have no content type, and are
`bytearray` too. Parameters of a body's content type, such as a charset, stay in the header; the
server leaves them out of what the worker is told. What a connection adds to the headers (``Host``,
``Content-Length``, ...) is not there.
"""

import base64
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ts_sdk.rows import BODY, JSON, Request, decode, decode_content
from ts_sdk.testing.contents import (
    UNTYPED,
    content_of_file,
    content_of_json,
    content_of_part,
)
from ts_sdk.testing.inference_messages import Values, inference_message
from ts_sdk.testing.picture_files import encoded_picture
from ts_sdk.testing.sent_files import BINARY

if TYPE_CHECKING:
    from ts_sdk.testing.picture_files import Picture

Headers = Mapping[str, str]

_CONTENT_TYPE = "Content-Type"
_FORM = "multipart/form-data; boundary=ts-sdk-testing"
_JSON_LENGTH = "Inference-Header-Content-Length"


def image_request(
    image: "Picture",
    *,
    format: str | None = None,  # noqa: A002 - the word of Pillow's own save()
    quality: int = 95,
    part: str | None = None,
    headers: Headers | None = None,
) -> Request:
    """A picture as the body of a request, or as a file in a form.

    Args:
        image: A path or bytes, which are sent as they are; or pixels: a Pillow image, an array
            ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` uint8, or a tensor ``(1, H, W)``,
            ``(3, H, W)`` or ``(4, H, W)``, uint8 or floating from 0 to 1.
        format: Pillow's name of the format to encode it in, such as ``"png"``; None is JPEG for
            pixels, and leaves files and bytes alone.
        quality: That of JPEG and WebP, 1 to 100.
        part: The name of the form's part; None sends the picture as the body.
        headers: Further headers of the request; a ``Content-Type`` among them replaces its own.

    Raises:
        RequestError: The file cannot be read.
        ValueError: *image* has no such shape or levels, or cannot be encoded.
    """
    content, media_type = encoded_picture(image, format, quality)
    if part is not None:
        return multipart_request({part: (content, media_type)}, headers=headers)
    return _request(content, media_type, headers)


def text_request(
    text: str, *, charset: str = "utf-8", subtype: str = "plain", headers: Headers | None = None
) -> Request:
    """Text as the body of a request.

    The worker reads text as UTF-8, whatever the header says: text in another charset arrives as a
    `bytearray` where it is no UTF-8.

    Args:
        text: The text.
        charset: Python's name of the charset to send it in.
        subtype: What follows ``text/``: ``html``, ``csv``, ...
        headers: As for `image_request`.

    Raises:
        TypeError: It is no text.
        LookupError: There is no such charset.
    """
    if not isinstance(text, str):
        raise TypeError(
            f"text_request takes a str, not {type(text).__name__}; "
            "file_request(path) and Request.sent(bytes) take what is encoded already"
        )
    return _request(text.encode(charset), f"text/{subtype}; charset={charset}", headers)


def json_request(value: object, *, headers: Headers | None = None) -> Request:
    """A JSON value as the body of a request.

    Args:
        value: What `json.dumps` takes; it arrives as JSON has it, so that a tuple is a list.
        headers: As for `image_request`.

    Raises:
        TypeError: It is no JSON.
    """
    return _request(content_of_json(value, "json_request"), JSON, headers)


def tensor_request(values: Values, *, headers: Headers | None = None) -> Request:
    """Numbers as nested lists in JSON: a model's input, without a dimension for the batch.

    Args:
        values: An array, a tensor or nested lists; or a mapping of names to them, for a model with
            several inputs.
        headers: As for `image_request`.
    """
    return json_request(_lists(values), headers=headers)


def file_request(
    path: str | os.PathLike[str],
    *,
    content_type: str | None = None,
    part: str | None = None,
    headers: Headers | None = None,
) -> Request:
    """A file as the body of a request, or in a form.

    Args:
        path: The file.
        content_type: What it is; None for what its suffix says, else ``application/octet-stream``.
        part: As for `image_request`; so is *headers*.
        headers: Further headers.

    Raises:
        RequestError: The file cannot be read.
    """
    content, kind = content_of_file(Path(path))
    kind = kind if content_type is None else content_type
    if part is not None:
        return multipart_request({part: (content, kind)}, headers=headers)
    return _request(content, kind, headers)


def multipart_request(parts: Mapping[str, object], *, headers: Headers | None = None) -> Request:
    """A form: ``multipart/form-data``.

    Args:
        parts: Name → value. Text and numbers are fields, which arrive as a `bytearray` without a
            content type. Everything else is a file: a path, bytes or pixels as for
            `image_request`, or a pair ``(value, content type)`` of bytes, text or a JSON value.
        headers: As for `image_request`.

    Raises:
        RequestError: A file cannot be read.
        TypeError: A value is none of these.
    """
    values: dict[str, object] = {}
    types: dict[str, str] = {}
    for name, given in parts.items():
        content, types[name] = content_of_part(name, given)
        values[name] = decode_content(content, types[name])
    return Request(values, _headers(_FORM, headers), types)


def base64_request(
    image: "Picture",
    *,
    envelope: Literal["json", "kserve", "kservev2"] | None = None,
    format: str | None = None,  # noqa: A002 - as `image_request`
    quality: int = 95,
    headers: Headers | None = None,
) -> Request:
    """A picture, or any bytes, as base64, in the shape that TorchServe's clients give it.

    Args:
        image: As for `image_request`; so are *format*, *quality* and *headers*.
        envelope: None sends it as text. ``json`` is ``{"instances": [{"b64": ...}]}``, ``kserve``
            ``{"instances": [{"data": ...}]}``, ``kservev2`` a `BYTES` tensor: what a model with
            that envelope takes.
        format: As above.
        quality: As above.
        headers: As above.
    """
    content, _ = encoded_picture(image, format, quality)
    text = base64.b64encode(content).decode()
    if envelope is None:
        return text_request(text, headers=headers)
    if envelope == "kservev2":
        return open_inference_request({"data": text}, headers=headers)
    key = {"json": "b64", "kserve": "data"}.get(envelope)
    if key is None:
        raise ValueError(f"envelope must be json, kserve, kservev2 or None, not {envelope!r}")
    return json_request({"instances": [{key: text}]}, headers=headers)


def open_inference_request(
    inputs: Mapping[str, Values],
    *,
    id: str | None = None,  # noqa: A002 - the protocol's word
    parameters: Mapping[str, object] | None = None,
    binary: bool = False,
    headers: Headers | None = None,
) -> Request:
    """A request of the Open Inference Protocol, for the envelope ``kservev2``.

    Args:
        inputs: Name → an array, a tensor, nested lists, text, bytes or a list of texts or bytes;
            or a pair ``(values, datatype)``, such as ``(values, "FP16")``.
        id: The request's id.
        parameters: The request's parameters, such as ``{"binary_data_output": True}``.
        binary: Whether the tensors follow the JSON as bytes. Otherwise they are in the JSON, bytes
            as base64 with the parameter ``content_type``.
        headers: As for `image_request`.

    Raises:
        ValueError: The protocol has no datatype for a value, or not the one given.
    """
    message, behind = inference_message(inputs, binary=binary)
    if id is not None:
        message["id"] = id
    if parameters is not None:
        message["parameters"] = dict(parameters)
    content = content_of_json(message, "open_inference_request")
    if not binary:
        return _request(content, JSON, headers)
    length = {_JSON_LENGTH: str(len(content))}
    return _request(content + behind, BINARY, {**length, **(headers or {})})


def explain_request(
    request: object, *, target: int | str | None = None, headers: Headers | None = None
) -> Request:
    """The same request, sent to ``/explanations`` instead of ``/predictions``.

    Args:
        request: A request, or what `Model.predict` takes.
        target: The class to explain, as the URL's parameter ``target``; None leaves it open.
        headers: Further headers.
    """
    asked = decode(request)
    parts, types = dict(asked.parts), dict(asked.content_types)
    if target is not None:
        parts["target"] = bytearray(str(target).encode())
        types["target"] = UNTYPED
    told = {**asked.headers, **(headers or {}), "explain": "True"}
    return replace(asked, parts=parts, headers=told, content_types=types)


def _request(content: bytes, content_type: str, headers: Headers | None) -> Request:
    """The request whose body is *content*."""
    given = _headers(content_type, headers)
    said = next(value for name, value in given.items() if name.lower() == _CONTENT_TYPE.lower())
    kind = said.partition(";")[0].strip()
    return Request({BODY: decode_content(content, kind)}, given, {BODY: kind})


def _headers(content_type: str, headers: Headers | None) -> dict[str, str]:
    given = dict(headers or {})
    if _CONTENT_TYPE.lower() in map(str.lower, given):
        return given
    return {_CONTENT_TYPE: content_type, **given}


def _lists(values: Any) -> Any:  # noqa: ANN401 - numbers in any form
    if isinstance(values, Mapping):
        return {name: _lists(each) for name, each in values.items()}
    if hasattr(values, "tolist"):
        return values.tolist()
    return [_lists(each) for each in values] if isinstance(values, list | tuple) else values
