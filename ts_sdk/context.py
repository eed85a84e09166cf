"""`Context`: what a handler knows about its archive, its device and the batch before it.

The names and calls are TorchServe's (release 0.12), so that handlers written for it find what they
look for. What belongs to the archive is shared by all views of a context; what belongs to one batch
(request ids, headers, response status) is the view's own, so two batches never mix.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ts_sdk.batch import current_batch
from ts_sdk.errors import HandlerContractError

SERVER_VERSION = "0.12.0"
"""Release of TorchServe whose contract is kept; handlers read it as ``server_version``."""

_OWN_TO_A_BATCH = frozenset(
    {
        "cl_socket",
        "input_names",  # these three are TorchServe's envelope kservev2's
        "input_parameters",
        "input_request_id",
        "request_ids",
        "request_processor",
        "send_intermediate",
        "stopping_criteria",
    }
)
_PRIVATE = {"_metrics": "metrics", "_request_processor": "request_processor"}
"""Names inside of TorchServe's class that handlers read all the same, and ours."""

_SLOTS = frozenset({"_shared", "_own", "_is_running"})
"""What a view consists of, and `copy` looks for before it is there."""

_SEQUENCE_HEADERS = {
    "header_key_sequence_id": ("TS_REQUEST_SEQUENCE_ID", "ts_request_sequence_id"),
    "header_key_sequence_start": ("TS_REQUEST_SEQUENCE_START", "ts_request_sequence_start"),
    "header_key_sequence_end": ("TS_REQUEST_SEQUENCE_END", "ts_request_sequence_end"),
}
"""Attribute → the environment variable that names a header, and the header's usual name."""

_OK = 200


class RequestProcessor:
    """The headers that came with one request, and the status and headers of its response.

    Args:
        request_header: Header name → value; names are case-sensitive, as in TorchServe.
    """

    def __init__(self, request_header: Mapping[str, Any]) -> None:
        self._request_header = dict(request_header)
        self._response_header: dict[str, str] = {}
        self._status_code = _OK
        self._reason_phrase: str | None = None

    def get_request_property(self, key: str) -> Any:  # noqa: ANN401 - a header holds what was sent
        """The value of request header *key*, None when it was not sent."""
        return self._request_header.get(key)

    def get_request_properties(self) -> dict[str, Any]:
        """All request headers."""
        return self._request_header

    def report_status(self, code: int, reason_phrase: str | None = None) -> None:
        """Set the HTTP status of the response."""
        self._status_code = code
        self._reason_phrase = reason_phrase

    def get_response_status_code(self) -> int:
        """The HTTP status of the response, 200 unless it was set."""
        return self._status_code

    def get_response_status_phrase(self) -> str | None:
        """The reason phrase that was set with the status."""
        return self._reason_phrase

    def add_response_property(self, key: str, value: str) -> None:
        """Set a header of the response."""
        self._response_header[key] = value

    def get_response_headers(self) -> dict[str, str]:
        """The headers of the response."""
        return self._response_header

    def get_response_header(self, key: str) -> str | None:
        """The value of response header *key*, None when it was not set."""
        return self._response_header.get(key)


class Context:
    """What a handler is given: the archive's facts, and the batch's requests and responses.

    Handlers may set attributes of their own (``context.cache = {}``): they are kept with the
    archive and seen in every later batch.

    Args:
        model_name: Name of the model.
        model_dir: Folder with the archive's members.
        manifest: The manifest as a dict, with TorchServe's key names.
        batch_size: Most requests that come in one batch.
        gpu: Index of the CUDA device, None when the model runs elsewhere.
        mms_version: Release of the server, read by handlers as ``server_version``.
        limit_max_image_pixels: Whether Pillow's limit on an image's pixels holds.
        metrics: Where metrics go.
        model_yaml_config: `model-config.yaml` as a dict.
    """

    request_ids: dict[int, str]
    request_processor: list[RequestProcessor]
    stopping_criteria: Any
    cl_socket: Any
    send_intermediate: Callable[[Sequence[object]], None]
    model_name: str
    header_key_sequence_id: str
    header_key_sequence_start: str
    header_key_sequence_end: str
    manifest: dict[str, Any]
    model_yaml_config: dict[str, Any]
    metrics: Any

    def __init__(  # noqa: PLR0913, PLR0917 - TorchServe's signature, used by position
        self,
        model_name: str,
        model_dir: str,
        manifest: dict[str, Any],
        batch_size: int | None,
        gpu: int | None,
        mms_version: str,
        limit_max_image_pixels: bool = True,  # noqa: FBT001, FBT002 - in-process users pass it by position
        metrics: Any = None,  # noqa: ANN401 - whatever the caller's handlers expect
        model_yaml_config: dict[str, Any] | None = None,
    ) -> None:
        system_properties: dict[str, Any] = {
            "model_dir": model_dir,
            "gpu_id": gpu,
            "batch_size": batch_size,
            "server_name": "MMS",
            "server_version": mms_version,
            "limit_max_image_pixels": limit_max_image_pixels,
        }
        shared: dict[str, Any] = {
            "model_name": model_name,
            "manifest": manifest,
            "metrics": metrics,
            "model_yaml_config": model_yaml_config if model_yaml_config is not None else {},
            "_system_properties": system_properties,
            **{name: os.environ.get(*named) for name, named in _SEQUENCE_HEADERS.items()},
        }
        object.__setattr__(self, "_shared", shared)
        object.__setattr__(self, "_own", _batch_state({}, [RequestProcessor({})]))
        object.__setattr__(self, "_is_running", False)

    def for_batch(self, headers: Sequence[Mapping[str, Any]], ids: Sequence[str]) -> "Context":
        """A view for one batch: the same archive, requests of its own.

        Args:
            headers: The request headers, one mapping a request.
            ids: The request ids, one a request.
        """
        view: Context = object.__new__(type(self))
        processors = [RequestProcessor(header) for header in headers]
        object.__setattr__(view, "_shared", self._shared)
        object.__setattr__(view, "_own", _batch_state(dict(enumerate(ids)), processors))
        object.__setattr__(view, "_is_running", True)
        return view

    def finish(self) -> None:
        """The batch of this view is answered.

        A handler that has kept the view, or the archive's context, and asks it later is told of the
        batch that it handles then: TorchServe has one context for all batches.
        """
        object.__setattr__(self, "_is_running", False)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - handlers keep what they like here
        # Only reached for what the view itself does not have.
        if name in _SLOTS:
            raise AttributeError(name)
        name = _PRIVATE.get(name, name)
        try:
            return (self._of_batch() if name in _OWN_TO_A_BATCH else self._shared)[name]
        except KeyError:
            raise AttributeError(f"this context has no attribute {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401 - as above
        if isinstance(getattr(type(self), name, None), property):
            object.__setattr__(self, name, value)
        elif name in _OWN_TO_A_BATCH:
            self._of_batch()[name] = value
        else:
            self._shared[name] = value

    def __delattr__(self, name: str) -> None:
        kept = self._of_batch() if name in _OWN_TO_A_BATCH else self._shared
        if kept.pop(name, self) is self:
            raise AttributeError(f"this context has no attribute {name!r}")

    def _of_batch(self) -> dict[str, Any]:
        """What belongs to the batch: this view's, or, when that is answered, the running one's."""
        own: dict[str, Any] = self._own
        if self._is_running:
            return own
        batch = current_batch()
        running = batch.context if batch is not None else None
        if isinstance(running, Context) and running._shared is self._shared:  # noqa: SLF001 - of the same class
            own = running._own  # noqa: SLF001 - as above
        return own

    @property
    def system_properties(self) -> dict[str, Any]:
        """The folder, the device and the server's facts; a dict that handlers may change."""
        properties: dict[str, Any] = self._shared["_system_properties"]
        return properties

    @system_properties.setter
    def system_properties(self, properties: dict[str, Any]) -> None:
        self._shared["_system_properties"] = properties

    def get_request_id(self, idx: int = 0) -> str | None:
        """The id of request *idx*, None when it has none."""
        return self.request_ids.get(idx)

    def get_request_header(self, idx: int, key: str) -> Any:  # noqa: ANN401 - a header holds what was sent
        """Header *key* (case-sensitive) of request *idx*, None when it was not sent."""
        return self._of(idx).get_request_property(key)

    def get_all_request_header(self, idx: int) -> dict[str, Any]:
        """All headers of request *idx*."""
        return self._of(idx).get_request_properties()

    def get_sequence_id(self, idx: int) -> Any:  # noqa: ANN401 - as above
        """The id of the sequence that request *idx* belongs to, None when it belongs to none."""
        return self.get_request_header(idx, self.header_key_sequence_id)

    def set_response_content_type(self, idx: int, value: str) -> None:
        """Set the content type of the answer to request *idx*."""
        self.set_response_header(idx, "content-type", value)

    def get_response_content_type(self, idx: int) -> str | None:
        """The content type of the answer to request *idx*, None when it was not set."""
        return self.get_response_headers(idx).get("content-type")

    def set_response_status(self, code: int = _OK, phrase: str = "", idx: int = 0) -> None:
        """Set the HTTP status and reason phrase of the answer to request *idx*."""
        self._of(idx).report_status(code, phrase)

    def set_all_response_status(self, code: int = _OK, phrase: str = "") -> None:
        """Set the HTTP status and reason phrase of every answer of the batch."""
        for processor in self.request_processor:
            processor.report_status(code, phrase)

    def get_response_status(self, idx: int) -> tuple[int, str | None]:
        """The HTTP status and reason phrase of the answer to request *idx*."""
        processor = self._of(idx)
        return processor.get_response_status_code(), processor.get_response_status_phrase()

    def set_response_header(self, idx: int, key: str, value: str) -> None:
        """Set a header of the answer to request *idx*."""
        self._of(idx).add_response_property(key, value)

    def get_response_headers(self, idx: int) -> dict[str, str]:
        """The headers of the answer to request *idx*."""
        return self._of(idx).get_response_headers()

    def _of(self, idx: int) -> RequestProcessor:
        processors: list[RequestProcessor] = self._of_batch()["request_processor"]
        try:
            return processors[idx]
        except IndexError:
            raise HandlerContractError(
                f"the handler asked the context for request {idx}, but the batch has "
                f"{len(processors)}: count requests from 0",
                client_message="Prediction failed",
            ) from None

    def __repr__(self) -> str:
        return f"<Context of {self.model_name!r}, {len(self.request_processor)} requests>"


def _batch_state(ids: dict[int, str], processors: list[RequestProcessor]) -> dict[str, Any]:
    return {
        "request_ids": ids,
        "request_processor": processors,
        "stopping_criteria": None,
        "cl_socket": None,
        "send_intermediate": _drop,
    }


def _drop(answers: Sequence[object]) -> None:
    """Takes an intermediate response where no batch is running."""
