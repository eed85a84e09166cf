"""`Service`: a handler that takes TorchServe's messages and answers with its frames."""

import logging
import uuid
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

from ts_sdk.config import ModelConfig
from ts_sdk.context import SERVER_VERSION, Context, RequestProcessor
from ts_sdk.entry_points import EntryPoint
from ts_sdk.errors import RequestError
from ts_sdk.handler import BaseHandler
from ts_sdk.imports import ArchiveCode
from ts_sdk.metrics import Metrics
from ts_sdk.outcomes import Reply
from ts_sdk.responses import respond
from ts_sdk.rows import Request
from ts_sdk.runtime.awaiting import Loop
from ts_sdk.runtime.in_process import Behaviour, InProcessRunner
from ts_sdk.timing import PhaseTimes
from ts_sdk.torchserve.frames import (
    Prediction,
    ResponseFrame,
    create_predict_response,
    response_frame,
)

PREDICTION_METRIC = "PredictionTime"
_OK = 200
_logger = logging.getLogger(__name__)


class Sender(Protocol):
    """The socket that responses go to."""

    def sendall(self, frame: bytes | bytearray, /) -> object:
        """Send *frame*."""


class Service:
    """Answers batches as TorchServe's worker handed them on.

    A handler that raises for a whole batch is run again with halves of it, as by `Model`, so that
    the other requests are answered.

    Args:
        model_name: The model's name.
        model_dir: The folder that its files are in.
        manifest: Its manifest; None without one. The config that it names is read.
        entry_point: The handler: called with rows and context.
        gpu: The CUDA device; None for the CPU.
        batch_size: Most requests in a batch.
        limit_max_image_pixels: Whether Pillow's limit on an image's pixels holds.
        metrics_cache: Where metrics go; None for metrics of its own.
        code: The modules that the handler is from; None for a handler of the program's.
        loop: Waits for what the handler does asynchronously; None for one of its own.

    Attributes:
        cl_socket: Where responses go that a handler sends before its last one; None for nowhere.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - TorchServe's signature, used by position
        self,
        model_name: str,
        model_dir: str,
        manifest: dict[str, Any] | None,
        entry_point: Callable[[list[dict[str, Any]], Any], Any],
        gpu: int | None,
        batch_size: int | None,
        limit_max_image_pixels: bool = True,  # noqa: FBT001, FBT002 - as above
        metrics_cache: Any = None,  # noqa: ANN401 - ours, or a test's
        *,
        code: ArchiveCode | None = None,
        loop: Loop | None = None,
    ) -> None:
        config = _config_in(model_dir, manifest)
        metrics = Metrics() if metrics_cache is None else metrics_cache
        if getattr(metrics, "model_name", "") is None:
            metrics.model_name = model_name
        self._context = Context(
            model_name,
            model_dir,
            manifest if manifest is not None else {"model": {}},
            batch_size,
            gpu,
            SERVER_VERSION,
            limit_max_image_pixels,
            metrics,
            config.values,
        )
        self.cl_socket: Sender | None = None
        self._loop = loop = loop or Loop()
        code = code or ArchiveCode(Path(model_dir))
        resources = ExitStack()
        resources.callback(code.close)
        resources.callback(loop.close)
        self._runner = InProcessRunner(
            Behaviour(model_name, config.stateful, concurrent=False),
            EntryPoint(_nothing, entry_point),
            self._context,
            code,
            PhaseTimes(),
            loop,
            resources,
        )
        self.close: Callable[[], object] = weakref.finalize(self, self._runner.close)
        """Let go of the handler and its modules; it is called when nobody has the service."""

    @property
    def context(self) -> Context:
        """The context that all batches share."""
        return self._context

    def start(self, entry: EntryPoint) -> None:
        """Initialise the handler behind the entry point."""
        if isinstance(entry.handler, BaseHandler):
            entry.handler.context = self._context
        if hasattr(self._context.metrics, "set_request_ids"):
            # What initialize() measures is no request's; TorchServe gave it an id like this.
            self._context.metrics.set_request_ids(str(uuid.uuid4()))
        self._loop.result_of(entry.initialize(self._context))

    def set_cl_socket(self, cl_socket: Sender | None) -> None:
        """Set `cl_socket`."""
        self.cl_socket = cl_socket

    @staticmethod
    def retrieve_data_for_inference(
        batch: Sequence[Mapping[str, Any]] | None,
    ) -> tuple[list[RequestProcessor], list[dict[str, Any]], dict[int, str]]:
        """What a handler is given for *batch*: request headers, rows, and index → request id.

        Args:
            batch: The requests, as `retrieve_msg` returns them.

        Raises:
            ValueError: There is no batch.
        """
        asked = _asked(batch)
        return (
            [RequestProcessor(request.all_headers) for _, request in asked],
            [dict(request.parts) for _, request in asked],
            dict(enumerate(request_id for request_id, _ in asked)),
        )

    def predict(self, batch: Sequence[Mapping[str, Any]] | None) -> ResponseFrame:
        """The response to *batch*.

        Args:
            batch: The requests, as `retrieve_msg` returns them.

        Raises:
            ValueError: There is no batch.
        """
        asked = _asked(batch)
        ids = [request_id for request_id, _ in asked]

        def emit(index: int, piece: Reply) -> None:
            if self.cl_socket is not None:
                self.cl_socket.sendall(_frame_of([ids[index]], [piece]))

        return _frame_of(ids, self._runner.run(asked, emit))


def emit_metrics(metrics: Iterable[object] | None) -> None:
    """Log each of *metrics* as TorchServe's worker did."""
    for metric in metrics or ():
        _logger.info("[METRICS]%s", metric)


def _config_in(model_dir: str, manifest: Mapping[str, Any] | None) -> ModelConfig:
    named = (manifest or {}).get("model", {}).get("configFile")
    return ModelConfig.read(Path(model_dir, named)) if named else ModelConfig()


def _asked(batch: Sequence[Mapping[str, Any]] | None) -> list[tuple[str, Request]]:
    if batch is None:
        raise ValueError("predict() takes a list of requests, as retrieve_msg() returns them")
    return [(_text(request["requestId"]), _request(request)) for request in batch]


def _request(sent: Mapping[str, Any]) -> Request:
    parameters = sent["parameters"]
    headers = sent.get("headers") or ()
    return Request(
        {parameter["name"]: parameter["value"] for parameter in parameters},
        {_text(header["name"]): _text(header["value"]) for header in headers},
        {parameter["name"]: parameter["contentType"] for parameter in parameters},
    )


def _text(sent: str | bytes | bytearray) -> str:
    return sent if isinstance(sent, str) else sent.decode()


def _frame_of(ids: Sequence[str], replies: Sequence[Reply]) -> ResponseFrame:
    failure = _failure_of_all(replies)
    if failure is not None:
        failed = dict(enumerate(ids))
        return create_predict_response(None, failed, failure.client_message, failure.status)
    predictions = [_prediction(*each) for each in zip(ids, replies, strict=True)]
    return response_frame(_OK, "Prediction success", predictions)


def _failure_of_all(replies: Sequence[Reply]) -> RequestError | None:
    """The error that became of every request, None when there is no such one."""
    failures = [
        reply.outcome
        for reply in replies
        if isinstance(reply.outcome, RequestError) and reply.outcome.answer is None
    ]
    told = {(failure.status, failure.client_message) for failure in failures}
    return failures[0] if len(told) == 1 and len(failures) == len(replies) else None


def _prediction(request_id: str, reply: Reply) -> Prediction:
    response = respond(reply)
    return Prediction(
        request_id,
        response.body,
        response.status,
        response.phrase,
        response.content_type or "",
        response.headers,
    )


def _nothing(_: object) -> None:
    """Who made the service has initialised its handler."""
