"""`Model`: a loaded archive that answers requests in this process."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack

from ts_sdk.context import Context
from ts_sdk.metrics.served import Served
from ts_sdk.model_facts import ModelFacts
from ts_sdk.outcomes import Outcome, Reply, raise_first
from ts_sdk.precision import Precision
from ts_sdk.responses import Response, respond
from ts_sdk.runtime.stream_reading import read_while_running
from ts_sdk.sent_batch import SentBatch, request_of
from ts_sdk.timing import PhaseTimes

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from ts_sdk.errors import ExplanationError, RequestError
    from ts_sdk.explain import Explanation
    from ts_sdk.explain.asking import ExplainOptions
    from ts_sdk.explain.targets import Wanted
    from ts_sdk.metrics import Metrics
    from ts_sdk.recording.recorder import OpenRecording, Recorder
    from ts_sdk.runtime.runner import Emit, Runner


class Model:
    """A loaded archive; `ts_sdk.load` makes it.

    It is a context manager: leaving it calls `close`. Calls from several threads are safe; unless
    the handler's class says ``concurrent = True`` they take turns.
    """

    def __init__(self, facts: ModelFacts, runner: "Runner", times: PhaseTimes) -> None:
        self._facts = facts
        self._runner = runner
        self._times = times
        self._served = Served(facts.name, facts.version, times)
        self.metrics.add_source(self._served)
        self._closed = False
        self._recorder: Recorder | None = None

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
        import torch

        return torch.device(self._facts.device)

    @property
    def precision(self) -> Precision:
        """What the model computes in."""
        return self._facts.precision

    @property
    def batch_size(self) -> int:
        """Requests in one batch, as the archive's config asks."""
        return self._facts.batch_size

    @property
    def tuned(self) -> str | None:
        """The profile of the archive whose setting is applied, None where none is."""
        return self._facts.tuned

    @property
    def handler(self) -> Any:  # noqa: ANN401 - the user's own class
        """The handler's instance; None when it is a module's function or in another process."""
        return self._runner.handler

    @property
    def context(self) -> Context:
        """The archive's context, shared by all batches."""
        return self._runner.context

    @property
    def metrics(self) -> "Metrics":
        """What the handler and the SDK have measured, by the metrics' names."""
        metrics: Metrics = self.context.metrics
        return metrics

    @property
    def timings(self) -> PhaseTimes:
        """How long the phases of loading and of all predictions took, in milliseconds."""
        return self._times

    def predict(
        self,
        given: object = None,
        *,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        parts: Mapping[str, object] | None = None,
    ) -> Any:  # noqa: ANN401 - what the handler answers
        """The answer to one request.

        Args:
            given: Bytes (such as a picture), text, a path, a decoded JSON value, or a
                `ts_sdk.Request`.
            content_type: What bytes in *given* are, decoded as TorchServe's worker did.
            headers: Request headers, as `Context.get_request_header` gives them.
            parts: Part name → value for a multipart request, in place of *given*; a value may be a
                pair ``(value, content type)``.

        Returns:
            What the handler answers: usually something JSON-serialisable. Of a streamed answer,
            the last piece.

        Raises:
            RequestError: The request was not answered; the cause is chained.
            ModelClosedError: The model was closed.
        """
        request = request_of(given, content_type, headers, parts)
        return self.predict_batch([request], on_error="raise")[0]

    def predict_batch(
        self,
        given: Iterable[object],
        *,
        on_error: Literal["return", "raise"] = "return",
        on_piece: Callable[[int, Any], None] | None = None,
    ) -> list[Outcome]:
        """The answers to a batch of requests, handled together.

        One bad request never spoils the batch: it is answered by a `RequestError`. A handler that
        raises for the whole batch is run again with halves of it until the culprits stand alone,
        unless the archive is stateful.

        Args:
            given: The requests, each as for `predict`.
            on_error: Whether a `RequestError` takes its request's place, or the first is raised.
            on_piece: Called with a request's position and each piece of its answer before the last,
                as they come, where the handler streams.

        Returns:
            One answer or `RequestError` for each request, in order.

        Raises:
            RequestError: With ``on_error="raise"``, that of the first request that has one.
            ModelClosedError: The model was closed.
        """
        if on_error not in ("return", "raise"):
            raise ValueError(f"on_error must be 'return' or 'raise', not {on_error!r}")
        emit = on_piece and (lambda index, piece: on_piece(index, piece.outcome))
        outcomes = [reply.outcome for reply in self._run(given, "predict", emit)]
        if on_error == "raise":
            raise_first(outcomes)
        return outcomes

    def respond(
        self,
        given: object = None,
        *,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        parts: Mapping[str, object] | None = None,
    ) -> Response:
        """The response to one request, encoded as TorchServe's worker encoded it.

        Args:
            given: The request, as for `predict`; so are the others.
            content_type: What bytes in *given* are.
            headers: Request headers.
            parts: Part name → value, in place of *given*.

        Returns:
            Bytes, status and headers. A request that failed has a response too.

        Raises:
            ModelClosedError: The model was closed.
        """
        return self.respond_batch([request_of(given, content_type, headers, parts)])[0]

    def respond_batch(self, given: Iterable[object]) -> list[Response]:
        """The responses to a batch of requests, handled together.

        Args:
            given: The requests, each as for `predict`.

        Returns:
            One response a request, in order.

        Raises:
            ModelClosedError: The model was closed.
        """
        pieces: dict[int, list[Reply]] = {}
        replies = self._run(
            given, "respond", lambda index, piece: pieces.setdefault(index, []).append(piece)
        )
        return [respond(reply, pieces.get(index, ())) for index, reply in enumerate(replies)]

    def stream(
        self,
        given: object = None,
        *,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        parts: Mapping[str, object] | None = None,
    ) -> Iterator[Any]:
        """The pieces of the answer to one request, as the handler sends them.

        The handler goes on when its iterator is left early, and its further pieces are dropped.

        Args:
            given: The request, as for `predict`; so are the others.
            content_type: What bytes in *given* are.
            headers: Request headers.
            parts: Part name → value, in place of *given*.

        Yields:
            Each intermediate response, then the last one. A handler that does not stream gives one.

        Raises:
            RequestError: The request was not answered, or not to its end.
            ModelClosedError: The model was closed.
        """
        request = request_of(given, content_type, headers, parts)
        return read_while_running(lambda emit: self._run([request], "stream", emit)[0])

    def draw(self, answer: object, given: object) -> "Image.Image":
        """The answer to a request drawn on what was sent, by the handler's method `draw`.

        Args:
            answer: What `predict` returned, or what became of it as JSON.
            given: The request, as for `predict`.

        Raises:
            HandlerContractError: The handler has no such method, or is in another process.
            RequestError: The request holds nothing to draw on.
        """
        from ts_sdk.drawing import draw_answer

        return draw_answer(self._runner.handler, answer, given)

    def explain(
        self,
        given: object = None,
        *,
        target: "Wanted" = None,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        parts: Mapping[str, object] | None = None,
        **options: "Unpack[ExplainOptions]",
    ) -> "Explanation":
        """Why the answer to one request is what it is.

        Args:
            given: The request, as for `predict`; so are the others.
            target: The class to explain, by number or by name; of a detector, the place of an
                object in the model's output, or a name for the likeliest of that class. None
                explains what the request's part ``target`` says, else the prediction.
            content_type: What bytes in *given* are.
            headers: Request headers.
            parts: Part name → value, in place of *given*.
            **options: How: see `ts_sdk.explain.asking.ExplainOptions`.

        Raises:
            ExplanationError: The method is wrong for this model, or there is no such target.
            RequestError: The request was not answered.
            ModelClosedError: The model was closed.
        """
        request = request_of(given, content_type, headers, parts)
        return self.explain_batch([request], target=[target], on_error="raise", **options)[0]  # type: ignore[return-value] # errors are raised

    def explain_batch(
        self,
        given: Iterable[object],
        *,
        target: "Wanted | Sequence[Wanted]" = None,
        on_error: Literal["return", "raise"] = "return",
        **options: "Unpack[ExplainOptions]",
    ) -> "list[Explanation | RequestError | ExplanationError]":
        """Why the answers to some requests are what they are.

        Args:
            given: The requests, each as for `predict`.
            target: As for `explain`, of all requests, or a list with one for each.
            on_error: Whether an error takes its request's place, or the first is raised.
            **options: How: see `ts_sdk.explain.asking.ExplainOptions`.

        Returns:
            One explanation or error for each request, in order.

        Raises:
            ExplanationError: None can be explained in this way, or as *on_error* says.
            RequestError: As *on_error* says.
            ModelClosedError: The model was closed.
        """
        from ts_sdk.explain.asking import explain_given

        return explain_given(self._runner, given, target, on_error, self.precision, options)

    def record_in(self, recording: "OpenRecording") -> None:
        """Keep requests from now on; `ts_sdk.load` calls it where it is given ``record``."""
        from ts_sdk.recording.recorder import Recorder

        folder = Path(self.context.system_properties["model_dir"])
        self._recorder = Recorder(recording, self._facts, folder)

    def close(self) -> None:
        """Let go of the model and of its files; calling it twice does nothing."""
        self._closed = True
        self._runner.close()
        self.metrics.flush()

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
        tuned = ", tuned" if self.tuned else ""
        state = "closed" if self._closed else f"{self._facts.device}, {self.precision}{tuned}"
        return f"<Model {name}, {state}>"

    def _run(self, given: Iterable[object], call: str, emit: "Emit | None" = None) -> list[Reply]:
        """One reply for each of the requests; those that cannot be read never reach the handler."""
        started = time.perf_counter()
        batch = SentBatch.read(given, call)
        watched = None if self._recorder is None else self._recorder.watch(call, batch.requests)
        if watched is not None:
            emit = watched.noting(emit)
        replies = batch.answered_by(self._runner, emit)
        self._served.count(replies, time.perf_counter() - started)
        if watched is not None:
            watched.end(replies)
        return replies
