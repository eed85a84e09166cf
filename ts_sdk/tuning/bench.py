"""The bench: makes a candidate's archive, checks its answers, serves it, and measures."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING

from archiver import ArchiveError
from ts_sdk.errors import SdkError
from ts_sdk.loader import load
from ts_sdk.starting import Isolation
from ts_sdk.tuning.accuracy import Reference, Verdict
from ts_sdk.tuning.clock import Clock, WallClock
from ts_sdk.tuning.errors import TuningError
from ts_sdk.tuning.forms import Forms
from ts_sdk.tuning.journal import Journal
from ts_sdk.tuning.measurement import Measurement
from ts_sdk.tuning.measuring import Effort, Measuring, ServedModel
from ts_sdk.tuning.space import Candidate, Variant

if TYPE_CHECKING:
    from ts_sdk.model import Model

_QUEUE = 10_000
"""So many requests may wait: an open loop queues what is not yet answered, and none is refused."""
_CLOSING_S = 30.0
_REHEARSALS = 2
"""TorchScript looks at what it is given once or twice before it optimises for that."""
_HOPELESS = 10.0
_TRIES = 2
_NOTICED_S = 0.05


Serve = Callable[..., ServedModel]
"""Serves an archive with settings, as `ts_sdk.serve_locally` does."""


@dataclass
class Bench:
    """What candidates are measured with.

    Attributes:
        forms: Makes the archives.
        reference: The right answers.
        inputs: The requests.
        journal: What is known already, and what becomes known.
        serve: Serves an archive.
        isolation: As for `ts_sdk.serve_locally`.
        patience_s: How long the first batches of a pool may take.
        clock: Tells the time.
        on_measured: Is called with each new measurement, and those that the journal had.
        keeps_slow: Whether a variant stays whose requests take ten times as long as another's on
            that device: some processors have no instructions for a precision, and measuring it
            would use up the budget.
    """

    forms: Forms
    reference: Reference
    inputs: Sequence[object]
    journal: Journal
    serve: Serve
    isolation: Isolation = "archive"
    patience_s: float = 60.0
    clock: Clock = field(default_factory=WallClock)
    on_measured: Callable[[Candidate, Measurement], None] = lambda _candidate, _measured: None
    keeps_slow: bool = False
    _request_s: dict[str, float] = field(default_factory=dict)
    _pool: ServedModel | None = None
    _served: Candidate | None = None

    def measure(self, candidate: Candidate, effort: Effort) -> Measurement | None:
        """What *candidate* does; None when it is out, which the journal tells the reason of."""
        if self._is_out(candidate):
            return None
        known = self.journal.measured(candidate, effort)
        if known is None:
            known = self._measured(
                candidate, lambda measuring, pool: measuring.closed(pool, candidate, effort)
            )
        if known is not None:
            self.on_measured(candidate, known)
        return known

    def measure_arrivals(
        self, candidate: Candidate, effort: Effort, rate_rps: float
    ) -> Measurement | None:
        """What *candidate* does while *rate_rps* requests arrive a second."""
        return self._measured(
            candidate, lambda measuring, pool: measuring.open(pool, candidate, effort, rate_rps)
        )

    def close(self) -> None:
        """Close the pool that is open."""
        pool, self._pool, self._served = self._pool, None, None
        if pool is not None:
            pool.close(drain=False, timeout_s=_CLOSING_S)

    def _measured(
        self, candidate: Candidate, run: Callable[[Measuring, ServedModel], Measurement]
    ) -> Measurement | None:
        measuring = Measuring(self.inputs, self.clock)
        try:
            measured = run(measuring, self._pool_for(candidate))
        except (SdkError, ArchiveError, OSError, RuntimeError, MemoryError) as error:
            self._drop()
            self.journal.exclude(candidate, f"it cannot be served: {_line_of(error)}")
            return None
        verdict = self.reference.judge(measuring.answers)
        if verdict.problem is not None:
            self.journal.exclude(candidate, f"under load, {verdict.problem}")
            return None
        if measured.unanswered:
            self._drop()  # it may hang
        self.journal.note(candidate, measured)
        return measured

    def _is_out(self, candidate: Candidate) -> bool:
        variant = candidate.variant
        if candidate in self.journal.excluded or variant in self.journal.excluded:
            return True
        if variant in self.journal.verdicts:
            return False
        self.close()  # conversions and checks need the memory
        try:
            verdict = self._check(variant)
        except (SdkError, ArchiveError, OSError, RuntimeError, MemoryError) as error:
            verdict = Verdict(None, _line_of(error))
        if verdict.problem is not None:
            self.journal.exclude(variant, verdict.problem)
            return True
        self.journal.accept(variant, verdict.difference or 0.0)
        return False

    def _check(self, variant: Variant) -> Verdict:
        archive = self.forms.archive_of(variant)
        options = self.forms.options(variant)
        with load(archive, **options, limits=self.forms.limits, tuned=False) as model:
            verdict = self.reference.verdict_on(model, self.inputs)
            if verdict.problem is None and not self.keeps_slow:
                problem = self._slowness(model, variant.device)
                verdict = replace(verdict, problem=problem)
            return verdict

    def _slowness(self, model: "Model", device: str) -> str | None:
        """Why *model*, which is warm, is too slow to be measured; None where it is not."""
        fastest_s = self._request_s.get(device, inf)
        seconds = inf
        for _ in range(_TRIES):
            started = time.perf_counter()
            model.predict_batch([self.inputs[0]])
            seconds = min(seconds, time.perf_counter() - started)
            if seconds <= max(_HOPELESS * fastest_s, _NOTICED_S):
                self._request_s[device] = min(fastest_s, seconds)
                return None
        return (
            f"a request takes {seconds * 1e3:.0f} ms, {seconds / fastest_s:.0f} times as long as "
            "in the fastest form before it"
        )

    def _pool_for(self, candidate: Candidate) -> ServedModel:
        """The pool for *candidate*: the one that is open, where only the load differs."""
        serving = candidate.serving
        if self._pool is None or self._served != serving:
            self.close()
            self._pool = self.serve(
                self.forms.archive_of(candidate.variant),
                **self.forms.options(candidate.variant),
                workers=candidate.workers,
                batch_size=candidate.batch_size,
                max_batch_delay_ms=candidate.max_batch_delay_ms,
                threads_per_worker=candidate.threads,
                queue_size=max(_QUEUE, 100 * candidate.workers * candidate.batch_size),
                isolation=self.isolation,
                warm_up=True,
                tuned=False,
            )
            self._served = serving
            self._rehearse(self._pool, candidate)
        return self._pool

    def _rehearse(self, pool: ServedModel, candidate: Candidate) -> None:
        """Have batches of several sizes answered: compilers work when the first of each comes.

        Raises:
            TuningError: That takes too long.
        """
        ends = time.monotonic() + self.patience_s
        sizes = sorted({1, min(2, candidate.batch_size), candidate.batch_size})
        for size in sizes * _REHEARSALS:
            count = size * candidate.workers
            answers = [pool.submit(self.inputs[place % len(self.inputs)]) for place in range(count)]
            if wait(answers, timeout=max(0.0, ends - time.monotonic())).not_done:
                raise TuningError(f"its first batches take longer than {self.patience_s:.0f} s")

    def _drop(self) -> None:
        with suppress(SdkError, OSError, RuntimeError):
            self.close()


def _line_of(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else repr(error)
