"""Profiles: where an archive's time and memory go, by phase, operator and function."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from archiver import DEFAULT_LIMITS, Limits
from ts_sdk.profiles.errors import ProfilingError
from ts_sdk.profiles.report import Profile

if TYPE_CHECKING:
    from ts_sdk.runtime.pool.settings import ServingSettings

__all__ = ["Profile", "ProfilingError", "profile"]

SECONDS = 5.0


def profile(  # noqa: PLR0913 - options given by name
    archive: str | os.PathLike[str],
    inputs: Iterable[object],
    *,
    seconds: float = SECONDS,
    workers: int | None = None,
    batch_size: int | None = None,
    concurrency: int | None = None,
    device: str | None = None,
    precision: str | None = None,
    threads: int | None = None,
    trust_pickle: bool = False,
    tuned: bool = True,
    limits: Limits = DEFAULT_LIMITS,
) -> Profile:
    """Find out where an archive's time and memory go.

    It is loaded in this process and answers batches: for some seconds while a thread looks at the
    Python stack, then three under torch's profiler. Then it is served, for its phases.

    Args:
        archive: A ``.mar``, a ``.tar.gz`` or a folder of sources.
        inputs: Requests, as `Model.predict` takes them, sent in turn.
        seconds: How long its stacks are looked at, and how long it is served.
        workers: How many batches are computed at once while it is served; None takes the archive's.
        batch_size: Requests in a batch; None takes the archive's.
        concurrency: How many requests there are at a time while it is served; None a batch of them.
        device: As for `ts_sdk.load`.
        precision: As for `ts_sdk.load`.
        threads: How many threads torch computes with while it is served; None lets the pool choose.
        trust_pickle: As for `ts_sdk.load`.
        tuned: As for `ts_sdk.load`.
        limits: As for `ts_sdk.load`.

    Returns:
        What was found; `Profile.write` makes files of it.

    Raises:
        ProfilingError: An input is not answered, or there is none, or *seconds* makes no sense.
        LoadError: The archive cannot be loaded; so are the others of `ts_sdk.load`.
    """
    from ts_sdk.profiles.running import profiled
    from ts_sdk.starting import LoadOptions

    given = tuple(inputs)
    if not given:
        raise ProfilingError("there are no inputs: give requests like those that will come")
    if not 0 < seconds < float("inf"):
        raise ProfilingError(f"seconds must be above 0, not {seconds!r}")
    options = LoadOptions(
        device=device,
        precision=precision,
        keep_float32=None,
        trust_pickle=trust_pickle,
        isolation="archive",
        envelope=None,
        response_timeout_s=None,
        startup_timeout_s=None,
        cache=None,
        limits=limits,
    )
    serving: ServingSettings = {
        "workers": workers,
        "batch_size": batch_size,
        "device": device,
        "precision": precision,
        "threads_per_worker": threads,
        "trust_pickle": trust_pickle,
        "tuned": tuned,
    }
    return profiled(
        Path(archive),
        given,
        seconds=seconds,
        concurrency=concurrency,
        options=options,
        serving=serving,
    )
