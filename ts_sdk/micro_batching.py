"""`MicroBatching`: a batch goes through a handler in small parts, several of them at once."""

import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import Context as Variables
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any

from archiver.nearest import nearest_name
from ts_sdk.batch import Batch, ErrorAnswer, current_batch, handling
from ts_sdk.errors import RequestError

PHASES = ("preprocess", "inference", "postprocess")
_SECTION = "micro_batching"

_running_part: ContextVar[int | None] = ContextVar("ts_sdk_micro_batch", default=None)


@dataclass
class _Part:
    """A micro-batch on its way through the phases.

    Attributes:
        index: Its position among the micro-batches of the batch.
        first: Position in the batch of its first request.
        batch: Its requests.
        value: What the next phase is given; its answers in the end.
        variables: The context variables of whoever called, which its phases run with.
        done: Gets its answers, or what a phase raised.
    """

    index: int
    first: int
    batch: Batch
    value: Any
    variables: Variables = field(default_factory=copy_context)
    done: Future[list[Any]] = field(default_factory=Future)


class MicroBatching:
    """Takes the place of a handler's `handle`: ``self.handle = MicroBatching(self)``.

    A batch is cut into micro-batches. Each goes through `preprocess`, `inference` and `postprocess`
    of the handler as a batch of its own, in threads that each phase has: while one micro-batch is
    in the model, the next is prepared. The phases must bear several threads where they have them.

    What is left at its default is read from the section `micro_batching` of `model-config.yaml`::

        micro_batching:
          micro_batch_size: 4
          parallelism: {preprocess: 2, inference: 1, postprocess: 1}

    Args:
        parent_handler: An object with the three methods.
        micro_batch_size: How many requests a micro-batch has at most.
        parallelism: Phase → number of threads, 1 for those that are left out.

    Attributes:
        handler: The object with the three methods.

    Raises:
        ValueError: *micro_batch_size* or *parallelism* is wrong; also when they are set later.
    """

    def __init__(
        self,
        parent_handler: Any,  # noqa: ANN401 - any class of the user's
        micro_batch_size: int = 1,
        parallelism: Mapping[str, int] | None = None,
    ) -> None:
        self.handler = parent_handler
        self._size = _checked("micro_batch_size", micro_batch_size)
        self._size_is_chosen = micro_batch_size > 1
        self._threads: dict[str, int] = {}
        self._pools: dict[str, tuple[int, ThreadPoolExecutor]] = {}
        self._lock = threading.Lock()
        self.parallelism = parallelism or {}

    @property
    def micro_batch_size(self) -> int:
        """How many requests a micro-batch has at most."""
        return self._size

    @micro_batch_size.setter
    def micro_batch_size(self, size: int) -> None:
        self._size = _checked("micro_batch_size", size)
        self._size_is_chosen = True

    @property
    def parallelism(self) -> dict[str, int]:
        """Phase → number of threads, of the phases that it was set for; setting it adds to it."""
        return dict(self._threads)

    @parallelism.setter
    def parallelism(self, parallelism: Mapping[str, int]) -> None:
        self._threads |= _checked_threads(parallelism)

    def __call__(self, data: list[Any], context: Any) -> list[Any]:  # noqa: ANN401 - ours, or that of the server it runs under
        """Answer a batch, as a handler's `handle` does.

        Args:
            data: One row a request.
            context: The view of the batch.

        Returns:
            One answer for each request, in order; a rejected request has an error answer.
        """
        self._read_config(context)
        batch = current_batch()
        if batch is None or batch.context is not context:
            batch = Batch(len(data), context)
        elif len(data) != batch.size:
            batch = Batch(len(data), context, batch.times, whole=False)
        with handling(batch):
            answers = self.handle([data[row] for row in batch.begin()])
            for index, answer in enumerate(answers):
                if isinstance(answer, ErrorAnswer):
                    batch.reject(index, answer.status, answer.message)
            return batch.merge(answers)

    def handle(self, data: list[Any]) -> list[Any]:
        """The answers to *data*, one a row, in order.

        Raises:
            Exception: What a phase raised for the first micro-batch that failed, after all are
                done.
        """
        parts = [
            _part(index, first, data[first : first + self._size])
            for index, first in enumerate(range(0, len(data), self._size))
        ]
        for part in parts:
            self._send(part, 0)
        wait([part.done for part in parts])
        answers: list[Any] = []
        for part in parts:
            answers += _answers_of(part)
        return answers

    def get_micro_batch_idx(self) -> int | None:
        """Position of the micro-batch that runs in this thread; None outside of the phases."""
        return _running_part.get()

    def shutdown(self) -> None:
        """End the threads when they have done their work; the next batch starts new ones."""
        for phase in PHASES:  # each gives its work to the next
            with self._lock:
                _, pool = self._pools.pop(phase, (0, None))
            if pool is not None:
                pool.shutdown()

    def _read_config(self, context: Any) -> None:  # noqa: ANN401 - as above
        section = (getattr(context, "model_yaml_config", None) or {}).get(_SECTION) or {}
        if not self._size_is_chosen and section.get("micro_batch_size"):
            self.micro_batch_size = section["micro_batch_size"]
        if section.get("parallelism"):
            self._threads = {**_checked_threads(section["parallelism"]), **self._threads}

    def _send(self, part: _Part, step: int) -> None:
        """Let a thread of phase number *step* take *part*."""
        phase = PHASES[step]
        threads = self._threads.get(phase, 1)
        with self._lock:
            had, pool = self._pools.get(phase, (0, None))
            if pool is None or had != threads:
                if pool is not None:
                    pool.shutdown(wait=False)  # it does what it was given
                pool = ThreadPoolExecutor(threads, thread_name_prefix=phase)
                self._pools[phase] = threads, pool
            pool.submit(self._take, part, step)

    def _take(self, part: _Part, step: int) -> None:
        """Run phase number *step* on *part*, and send it on."""
        try:
            over = part.variables.run(self._run, part, PHASES[step])
            if over or step == len(PHASES) - 1:
                part.done.set_result(part.value)
            else:
                self._send(part, step + 1)
        except BaseException as error:  # noqa: BLE001 - it is raised where the batch is handled
            part.done.set_exception(error)

    def _run(self, part: _Part, phase: str) -> bool:
        """Whether *part* has all its answers when *phase* has run on it."""
        _running_part.set(part.index)
        batch = part.batch
        with handling(batch), batch.times.measure(phase):
            part.value = getattr(self.handler, phase)(part.value)
        none_left = not batch.keep_rest() if phase == "preprocess" else False
        if none_left or phase == "postprocess":
            part.value = batch.merge([] if none_left else part.value)
        return none_left


def _part(index: int, first: int, rows: list[Any]) -> _Part:
    whole = current_batch() or Batch(len(rows), None)
    return _Part(index, first, Batch(len(rows), whole.context, whole.times, whole=False), rows)


def _answers_of(part: _Part) -> list[Any]:
    try:
        return part.done.result()
    except RequestError as error:
        if error.index is not None:  # it was counted within the micro-batch
            error.index += part.first
        raise


def _checked(what: str, number: Any) -> int:  # noqa: ANN401 - what was given may be anything
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise ValueError(f"{_SECTION}: {what} must be a whole number of 1 or more, not {number!r}")
    return number


def _checked_threads(parallelism: Mapping[str, int]) -> dict[str, int]:
    for phase in parallelism:
        if phase not in PHASES:
            nearest = nearest_name(str(phase), PHASES)
            hint = f"did you mean {nearest!r}?" if nearest else f"use {', '.join(PHASES)}"
            raise ValueError(f"{_SECTION}: parallelism has no phase {phase!r}; {hint}")
    return {phase: _checked(phase, threads) for phase, threads in parallelism.items()}
