"""`Model`: a loaded archive that answers requests in this process."""

import gc
import threading
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from ts_sdk.batch import Batch, handling
from ts_sdk.blame import explain, phase_of
from ts_sdk.context import Context
from ts_sdk.entry_points import EntryPoint
from ts_sdk.errors import HandlerContractError, ModelClosedError, RequestError
from ts_sdk.imports import ArchiveCode
from ts_sdk.outcomes import Outcome, at, copy_of, outcomes_of, raise_first
from ts_sdk.precision import Precision
from ts_sdk.rows import Request, decode, note_path_sent_as_text
from ts_sdk.timing import PhaseTimes

if TYPE_CHECKING:
    import torch

_HANDLER_FAILED = 503
_OUT_OF_MEMORY = 507

_Asked = tuple[str, Request]
"""A request and its id, which stays the same however often its batch is run."""


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a loaded archive.

    Attributes:
        path: The archive or folder that was loaded.
        name: `modelName` of the manifest.
        version: `modelVersion` of the manifest, None when it has none.
        device: Where the model runs.
        precision: What it computes in.
        batch_size: `batchSize` of `model-config.yaml`, 1 when absent.
        stateful: Whether requests belong to sequences, so that no batch may be run twice.
    """

    path: Path
    name: str
    version: str | None
    device: "torch.device"
    precision: Precision
    batch_size: int
    stateful: bool


class Model:
    """A loaded archive; `ts_sdk.load` makes it.

    It is a context manager: leaving it calls `close`. Calls from several threads are safe; unless
    the handler's class says ``concurrent = True`` they take turns.
    """

    def __init__(
        self,
        facts: ModelFacts,
        entry: EntryPoint,
        context: Context,
        code: ArchiveCode,
        times: PhaseTimes,
        resources: ExitStack,
    ) -> None:
        self._facts = facts
        self._entry = entry
        self._context = context
        self._code = code
        self._times = times
        self._resources = resources
        self._closed = False
        self._turn: AbstractContextManager[Any] = (
            nullcontext()
            if vars(type(entry.handler)).get("concurrent") is True
            else threading.RLock()
        )

    @property
    def path(self) -> Path:
        """The archive or folder that was loaded."""
        return self._facts.path

    @property
    def name(self) -> str:
        """The model's name."""
        return self._facts.name

    @property
    def version(self) -> str | None:
        """The model's version, None when its archive names none."""
        return self._facts.version

    @property
    def device(self) -> "torch.device":
        """Where the model runs."""
        return self._facts.device

    @property
    def precision(self) -> Precision:
        """What the model computes in."""
        return self._facts.precision

    @property
    def batch_size(self) -> int:
        """Requests in one batch, as the archive's config asks."""
        return self._facts.batch_size

    @property
    def handler(self) -> Any:  # noqa: ANN401 - the user's own class
        """The handler's instance; None when the archive's handler is a module's function."""
        return self._entry.handler

    @property
    def context(self) -> Context:
        """The archive's context, shared by all batches."""
        return self._context

    @property
    def timings(self) -> PhaseTimes:
        """How long the phases of loading and of all predictions took, in milliseconds."""
        return self._times

    def predict(self, given: object) -> Any:  # noqa: ANN401 - what the handler answers
        """The answer to one request.

        Args:
            given: Bytes (such as a picture), text, a path, a decoded JSON value, or a
                `ts_sdk.Request` with parts and headers of its own.

        Returns:
            What the handler answers: usually something JSON-serialisable.

        Raises:
            RequestError: The request was not answered; the cause is chained.
            ModelClosedError: The model was closed.
        """
        return self.predict_batch([given], on_error="raise")[0]

    def predict_batch(
        self, given: Iterable[object], *, on_error: Literal["return", "raise"] = "return"
    ) -> list[Outcome]:
        """The answers to a batch of requests, handled together.

        One bad request never spoils the batch: it is answered by a `RequestError`. A handler that
        raises for the whole batch is run again with halves of it until the culprits stand alone,
        unless the archive is stateful.

        Args:
            given: The requests, each as for `predict`.
            on_error: Whether a `RequestError` takes its request's place, or the first is raised.

        Returns:
            One answer or `RequestError` for each request, in order.

        Raises:
            RequestError: With ``on_error="raise"``, that of the first request that has one.
            ModelClosedError: The model was closed.
        """
        if on_error not in ("return", "raise"):
            raise ValueError(f"on_error must be 'return' or 'raise', not {on_error!r}")
        if isinstance(given, str | bytes | bytearray | memoryview | Mapping) or not isinstance(
            given, Iterable
        ):
            raise TypeError(
                f"predict_batch() takes a list of requests, not one {type(given).__name__}; "
                "predict() takes one request"
            )
        outcomes: list[Outcome] = [_decoded(index, one) for index, one in enumerate(given)]
        good = [index for index, one in enumerate(outcomes) if isinstance(one, Request)]
        answered = self._answer([(str(uuid.uuid4()), outcomes[index]) for index in good])
        for index, outcome in zip(good, answered, strict=True):
            if isinstance(outcome, RequestError):
                note_path_sent_as_text(outcome, outcomes[index])
            outcomes[index] = at(outcome, index)
        if on_error == "raise":
            raise_first(outcomes)
        return outcomes

    def close(self) -> None:
        """Let go of the model and of its files; calling it twice does nothing."""
        with self._turn:
            if self._closed:
                return
            self._closed = True
            kept_by_module = self._entry.kept_by_module
            self._entry = EntryPoint(_closed, _closed)
            self._resources.close()
            if kept_by_module:
                # A module and its functions hold each other, and so would the model's memory be.
                gc.collect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        name = f"{self.name!r} {self.version}" if self.version else repr(self.name)
        state = "closed" if self._closed else f"{self.device}, {self.precision}"
        return f"<Model {name}, {state}>"

    def _answer(self, requests: Sequence[_Asked]) -> list[Outcome]:
        """One outcome a request; after an error of the whole batch, its halves are tried."""
        outcomes: dict[int, Outcome] = {}
        pending = [list(range(len(requests)))] if requests else []
        while pending:
            positions = pending.pop()
            known, parts = self._attempt([requests[position] for position in positions])
            outcomes |= {positions[row]: outcome for row, outcome in known.items()}
            pending += [[positions[row] for row in part] for part in reversed(parts)]
        return [outcomes[position] for position in range(len(requests))]

    def _attempt(self, requests: Sequence[_Asked]) -> tuple[dict[int, Outcome], list[list[int]]]:
        """The outcomes that are known by row, and the rows to try again, each list as a batch."""
        rows = list(range(len(requests)))
        try:
            return dict(enumerate(self._handle(requests))), []
        except HandlerContractError as error:
            return {row: copy_of(error) for row in rows}, []
        except (Exception, SystemExit) as error:
            if self._closed:
                raise
            if len(rows) == 1 or self._facts.stateful:
                return {row: self._failure(error) for row in rows}, []
            culprit = error.index if isinstance(error, RequestError) else None
            if culprit in rows:
                return {culprit: self._failure(error)}, [[row for row in rows if row != culprit]]
            middle = len(rows) // 2
            return {}, [rows[:middle], rows[middle:]]

    def _handle(self, requests: Sequence[_Asked]) -> list[Outcome]:
        context = self._context.for_batch(
            [request.headers for _, request in requests], [number for number, _ in requests]
        )
        rows = [dict(request.parts) for _, request in requests]
        batch = Batch(len(rows), context, self._times)
        with self._turn:
            if self._closed:
                raise ModelClosedError(f"{self.name} is closed: load it again to predict")
            with self._code.running(), handling(batch), self._times.measure("handle"):
                answers = self._entry.handle(rows, context)
        return outcomes_of(answers, batch, context)

    def _failure(self, error: BaseException) -> RequestError:
        """*error* as what became of one request, with the handler's line."""
        if isinstance(error, RequestError):
            return copy_of(error)
        phase = phase_of(error)
        failure = RequestError(
            f"the handler failed{f' in {phase}' if phase else ''}: "
            f"{explain(error, self._code.folder)}",
            status=_OUT_OF_MEMORY if _is_out_of_memory(error) else _HANDLER_FAILED,
        )
        failure.__cause__ = error
        return failure


def _decoded(index: int, given: object) -> Request | RequestError:
    try:
        return decode(given)
    except RequestError as error:
        error.index = index
        return error


def _is_out_of_memory(error: BaseException) -> bool:
    import torch

    return isinstance(error, MemoryError | torch.OutOfMemoryError)


def _closed(*_: object) -> object:
    raise ModelClosedError("the model is closed")
