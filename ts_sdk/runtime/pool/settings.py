"""How a model is served: what the caller says, else its `model-config.yaml`, else a default."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TypedDict, get_args

from ts_sdk.cache import ExtractionCache
from ts_sdk.config import ModelConfig
from ts_sdk.loader import check_timeouts
from ts_sdk.rows import Request
from ts_sdk.starting import Isolation

_DELAY_MS = 5
_QUEUE_SIZE = 100


class ServingSettings(TypedDict, total=False):
    """What `serve_locally` and `Pool.add` take beside the archive; what is None is left to others.

    Attributes:
        workers: How many batches are computed at once; None takes `minWorkers` of the archive's
            `model-config.yaml` (or `maxWorkers` where that is absent or 0), else 1.
        batch_size: Most requests in a batch; None takes `batchSize`, else 1.
        max_batch_delay_ms: How long a request waits at most for others while a worker is free;
            None takes `maxBatchDelay`, else 5.
        queue_size: How many requests may wait; None takes `jobQueueSize`, else 100.
        response_timeout_s: How long a batch may take, in seconds; None takes the config's
            `responseTimeout`, else 120, and 0 stands for no limit. A process that takes longer is
            ended. A thread cannot be: its requests have an error, and another worker is started in
            its place.
        startup_timeout_s: As for `ts_sdk.load`.
        device: As for `ts_sdk.load`, or several, to which workers go in turn. None takes what the
            config asks for; of CUDA, its `deviceIds`, else all devices.
        precision: As for `ts_sdk.load`.
        keep_float32: As for `ts_sdk.load`.
        trust_pickle: As for `ts_sdk.load`.
        isolation: ``archive`` makes workers threads, which share the model's weights; with
            ``process`` and ``venv`` each is a process.
        envelope: As for `ts_sdk.load`.
        cache: As for `ts_sdk.load`.
        threads_per_worker: How many threads torch computes with in a worker; None divides the
            cores that are there among the workers.
        warm_up: Whether a worker first answers the archive's samples, in batches of each size.
        retry_crashed: Whether the requests of a process that died are tried once more, each alone.
        overlap: Whether a worker has a second thread for the next whole batch: on a CPU each then
            computes with half of the worker's threads, elsewhere one prepares while the model runs
            for the other. It has one where that is known to be right (the handler is a
            `BaseHandler` with its own phases but no `handle` of its own, and requests belong to no
            sequences) and where a core is left for it.
        group_by: Gives a request's length, or another number that is about the same of requests
            which go well together. Where more wait than fit, a batch is the oldest and those that
            are most like it.
        tuned: Whether what was tuned on a machine like this one goes before the config: workers,
            batches, delay, device, threads and precision, where the archive has a profile.
    """

    workers: int | None
    batch_size: int | None
    max_batch_delay_ms: float | None
    queue_size: int | None
    response_timeout_s: float | None
    startup_timeout_s: float | None
    device: "str | Sequence[str] | None"
    precision: str | None
    keep_float32: Sequence[str] | None
    trust_pickle: bool
    isolation: Isolation
    envelope: str | None
    cache: ExtractionCache | None
    threads_per_worker: int | None
    warm_up: bool
    retry_crashed: bool
    overlap: bool
    group_by: Callable[[Request], float] | None
    tuned: bool


@dataclass(frozen=True)
class Serving:
    """Settings that hold; see `ServingSettings`."""

    workers: int
    batch_size: int
    max_batch_delay_s: float
    queue_size: int
    isolation: Isolation
    threads_per_worker: int | None
    warm_up: bool
    retry_crashed: bool
    overlap: bool
    group_by: Callable[[Request], float] | None
    stateful: bool

    @property
    def in_threads(self) -> bool:
        """Whether the workers are threads of this process."""
        return self.isolation == "archive"

    @classmethod
    def of(cls, settings: ServingSettings, config: ModelConfig) -> "Serving":
        """What *settings* say, and *config* where they do not.

        Raises:
            TypeError: There is no such setting.
            ValueError: One has a value that makes no sense.
        """
        _check_names(settings)
        isolation = settings.get("isolation", "archive")
        if isolation not in get_args(Isolation):
            words = ", ".join(get_args(Isolation))
            raise ValueError(f"isolation must be one of {words}, not {isolation!r}")
        check_timeouts(isolation, settings.get("startup_timeout_s"))
        check_timeouts("process", settings.get("response_timeout_s"))  # a thread is given up
        delay_ms = _first(settings.get("max_batch_delay_ms"), config.max_batch_delay_ms, _DELAY_MS)
        if not isinstance(delay_ms, int | float) or not isfinite(delay_ms) or delay_ms < 0:
            raise ValueError(f"max_batch_delay_ms must be 0 or more, not {delay_ms!r}")
        threads = settings.get("threads_per_worker")
        group_by = settings.get("group_by")
        if group_by is not None and not callable(group_by):
            raise ValueError(f"group_by must be a function of a request, not {group_by!r}")
        return cls(
            workers=_workers(settings.get("workers"), config),
            batch_size=_whole("batch_size", _first(settings.get("batch_size"), config.batch_size)),
            max_batch_delay_s=delay_ms / 1e3,
            queue_size=_whole(
                "queue_size", _first(settings.get("queue_size"), config.queue_size, _QUEUE_SIZE)
            ),
            isolation=isolation,
            threads_per_worker=None if threads is None else _whole("threads_per_worker", threads),
            warm_up=settings.get("warm_up", True),
            retry_crashed=settings.get("retry_crashed", False),
            overlap=settings.get("overlap", True),
            group_by=group_by,
            stateful=config.stateful,
        )


def checked_workers(workers: object, *, stateful: bool) -> int:
    """*workers*, where there can be so many.

    Raises:
        ValueError: There cannot.
    """
    number = _whole("workers", workers)
    if stateful and number > 1:
        raise ValueError(
            f"workers={number}: the requests of this archive belong to sequences "
            "(sequenceBatching or continuousBatching), which one handler must see; use workers=1"
        )
    return number


def devices_of(settings: ServingSettings, config: ModelConfig) -> tuple[str | None, ...]:
    """The devices that workers go to in turn; None leaves it to the archive.

    Raises:
        ValueError: There are none.
    """
    given = settings.get("device")
    if given is not None:
        named = [given] if isinstance(given, str) or not isinstance(given, Sequence) else given
        if not named:
            raise ValueError("device must name one device or more, not none")
        return tuple(map(str, named))
    kind = (config.device_type or "auto").lower()
    if kind not in ("auto", "gpu", "cuda"):
        return (None,)
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    wanted = config.device_ids or range(count)
    return tuple(f"cuda:{index}" for index in wanted if index < count) or (None,)


def _workers(given: int | None, config: ModelConfig) -> int:
    if given is not None:
        return checked_workers(given, stateful=config.stateful)
    return 1 if config.stateful else config.workers or 1


def _check_names(settings: Mapping[str, object]) -> None:
    others = sorted(settings.keys() - ServingSettings.__annotations__.keys())
    if others:
        known = ", ".join(sorted(ServingSettings.__annotations__))
        raise TypeError(f"there is no setting {others[0]!r}; there are {known}")


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)


def _whole(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a whole number of 1 or more, not {value!r}")
    return value


ArchivePath = str | os.PathLike[str]
"""What `ts_sdk.load` takes for an archive."""
