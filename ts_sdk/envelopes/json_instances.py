"""The envelope ``json``: ``{"instances": [...]}`` in, the text of ``{"predictions": [...]}`` out.

The format is that of TensorFlow Serving's REST API in its row form:
https://www.tensorflow.org/tfx/serving/api_rest
"""

import json
from base64 import b64decode
from typing import Any

from ts_sdk.envelopes.joining import JoiningEnvelope, Share
from ts_sdk.envelopes.request_body import instances_in, kind_of, value_of
from ts_sdk.errors import RequestError

_BASE64 = "b64"
_HANDLER_FAILED = 503


class JSONEnvelope(JoiningEnvelope):
    """Each request holds instances; bytes come as ``{"b64": ...}``, also as an instance's value."""

    def open(self, row: Any, position: int) -> Share:  # noqa: ANN401 - a row holds what was sent
        """The instances of a request, with bytes in place of base64."""
        body = value_of(row)
        instances = instances_in(row if body is None else body)
        return Share(
            position, [_decoded(each, f"instance {at}") for at, each in enumerate(instances)]
        )

    def seal(self, share: Share) -> str:
        """The predictions as JSON text."""
        try:
            return json.dumps({"predictions": share.answers})
        except (TypeError, ValueError, RecursionError) as error:
            raise RequestError(
                f"the predictions are no JSON: {error}; return numbers, text, lists and dicts "
                "from the handler (call tolist() on an array or tensor)",
                status=_HANDLER_FAILED,
            ) from error


def _decoded(instance: object, name: str) -> object:
    """*instance* with the bytes that it, or a value of it, stands for."""
    if not isinstance(instance, dict):
        return instance
    if list(instance) == [_BASE64]:
        return _bytes_of(instance[_BASE64], name)
    return {
        key: (
            _bytes_of(value[_BASE64], f"{name}, {key!r}")
            if isinstance(value, dict) and list(value) == [_BASE64]
            else value
        )
        for key, value in instance.items()
    }


def _bytes_of(text: object, name: str) -> bytes:
    if not isinstance(text, str):
        raise RequestError(f'{name}: "b64" must be base64 text, not {kind_of(text)}')
    try:
        return b64decode(text)
    except ValueError as error:
        raise RequestError(f'{name}: "b64" is not base64: {error}') from error
