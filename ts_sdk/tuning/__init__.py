"""Tuning an archive to a latency target: which device, precision, form, workers and batches."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from archiver import DEFAULT_LIMITS, Limits
from ts_sdk.tuning import axes
from ts_sdk.tuning.errors import TuningError
from ts_sdk.tuning.measurement import Measurement
from ts_sdk.tuning.objective import Objective
from ts_sdk.tuning.report import Exclusion, TuningReport
from ts_sdk.tuning.space import Candidate, Form

if TYPE_CHECKING:
    from ts_sdk.starting import Isolation

__all__ = [
    "Candidate",
    "Exclusion",
    "Form",
    "Measurement",
    "Objective",
    "TuningError",
    "TuningReport",
    "tune",
]

TOLERANCE = 0.02
BUDGET_S = 600.0


def tune(  # noqa: PLR0913 - options given by name
    archive: str | os.PathLike[str],
    inputs: Iterable[object],
    *,
    p99_ms: float | None = None,
    objective: str = "throughput",
    prices: Mapping[str, float] | None = None,
    budget_s: float = BUDGET_S,
    output: str | os.PathLike[str] = "tuning",
    resume: bool = False,
    devices: Sequence[str] | None = None,
    precisions: Sequence[str] | None = None,
    forms: Sequence[str] | None = None,
    fast_decode: bool = True,
    threads: Sequence[int] | None = None,
    workers: Sequence[int] | None = None,
    batch_sizes: Sequence[int] | None = None,
    delays_ms: Sequence[int] | None = None,
    concurrencies: Sequence[int] | None = None,
    tolerance: float = TOLERANCE,
    keep_float32: Sequence[str] | None = None,
    trust_pickle: bool = False,
    isolation: "Isolation" = "archive",
    limits: Limits = DEFAULT_LIMITS,
    progress: Callable[[Candidate, Measurement], None] = lambda _candidate, _measured: None,
) -> TuningReport:
    """Find the setting in which an archive answers most under a latency target.

    Candidates are served by `ts_sdk.serve_locally` and measured under clients that wait for their
    answers: all of them for a short time, the better ones longer, then those around the best. Each
    must answer as float32 eager does, or it is excluded. The best is measured once more under
    requests that arrive at random times.

    Args:
        archive: A ``.mar``, a ``.tar.gz`` or a folder of sources.
        inputs: Requests, as `Model.predict` takes them, like those that will come.
        p99_ms: The latency that 99 of 100 requests have to stay below; None for any.
        objective: ``throughput`` (most answers), ``latency`` (least p99), ``memory`` or ``cost``.
        prices: For ``cost``: device, or kind of device, → price of an hour.
        budget_s: How long candidates may be converted, checked and measured; what has begun is
            not cut off.
        output: The folder for the journal, for converted archives and for the report.
        resume: Whether measurements that the folder's journal has of this archive, these inputs
            and this machine are taken over.
        devices: ``cpu``, ``cuda``, ... to try; None takes all kinds that there are.
        precisions: Words of `ts_sdk.Precision`; None takes what the devices are good at.
        forms: Words of `Form`; None takes those that can be made here.
        fast_decode: Whether decoding JPEGs at the scale that is needed is tried.
        threads: Of torch for each worker; None lets the pool divide the cores.
        workers: How many batches run at once; None takes 1, 2, 4, ... up to the cores.
        batch_sizes: Most requests in a batch.
        delays_ms: How long a request waits for others, in milliseconds.
        concurrencies: How many requests there are at a time; None takes what fills the workers
            once, and twice.
        tolerance: The largest difference of answers, as a share.
        keep_float32: As for `ts_sdk.load`.
        trust_pickle: As for `ts_sdk.load`.
        isolation: As for `ts_sdk.serve_locally`.
        limits: As for `ts_sdk.load`.
        progress: Is called with each candidate that has been measured.

    Returns:
        What was found; `TuningReport.write` makes files of it.

    Raises:
        TuningError: The inputs are not answered, or a wish makes no sense.
        LoadError: The archive cannot be loaded.
        archiver.ArchiveError: It is damaged or no archive.
    """
    from ts_sdk.tuning.run import Order, run

    wishes = axes.Wishes(
        devices,
        precisions,
        forms,
        fast_decode,
        threads,
        workers,
        batch_sizes,
        delays_ms,
        concurrencies,
    )
    if not 0 < budget_s < float("inf"):
        raise TuningError(f"budget_s must be above 0 s, not {budget_s!r}")
    order = Order(
        Path(archive),
        tuple(inputs),
        Objective(objective, p99_ms, dict(prices or {})),
        wishes,
        budget_s,
        Path(output),
        resume,
        tolerance,
        None if keep_float32 is None else tuple(keep_float32),
        trust_pickle,
        isolation,
        limits,
    )
    return run(order, progress)
