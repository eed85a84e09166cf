"""Where samples go: the protocol, and TorchServe's log lines."""

import logging
import socket
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol, cast

from ts_sdk.metrics.errors import MetricTypeError
from ts_sdk.metrics.sample import Dimensions, MetricTypes, Sample

_logger = logging.getLogger("ts_sdk.metrics")


class Sink(Protocol):
    """Takes samples one by one, from any thread.

    It may have an attribute ``sample_types``, the set of `MetricTypes` that it wants samples of,
    and a method ``is_read()``, which says whether it wants any now. Where no sink wants them, none
    are made.
    """

    def emit(self, sample: Sample, /) -> object:
        """Take *sample*; what this raises is logged, and the sample's other sinks still get it."""


class LogLines:
    """Writes each sample as the old worker did, to the logger ``ts_sdk.metrics`` at INFO."""

    def emit(self, sample: Sample) -> None:
        """Log *sample*, unless nobody listens."""
        if self.is_read():
            _logger.info("%s", log_line(sample))

    @staticmethod
    def is_read() -> bool:
        """Whether the logger is enabled."""
        return _logger.isEnabledFor(logging.INFO)


class Calls:
    """Hands each sample to a function.

    Args:
        function: Takes a `Sample`.
    """

    def __init__(self, function: Callable[[Sample], object]) -> None:
        self.emit = function

    def __repr__(self) -> str:
        return repr(self.emit)


def as_sink(given: Sink | Callable[[Sample], object]) -> Sink:
    """*given*, as a sink if it is a function.

    Raises:
        MetricTypeError: It is neither.
    """
    if callable(getattr(given, "emit", None)):
        return cast("Sink", given)
    if callable(given):
        return Calls(given)
    raise MetricTypeError(
        f"a sink of metrics has a method emit(sample), or is a function; {given!r} is neither"
    )


def log_line(sample: Sample) -> str:
    """*sample* as the line that TorchServe 0.12's worker writes and its server reads."""
    head = _head(sample.name, sample.unit)
    tail = _tail(sample.dimensions, sample.type)
    line = f"{head}{sample.value}{tail}{int(sample.timestamp)}"
    return f"{line},{sample.request_id}" if sample.request_id else line


@lru_cache(maxsize=1024)
def _head(name: str, unit: str) -> str:
    return f"[METRICS]{name}.{unit}:"


@lru_cache(maxsize=1024)
def _tail(dimensions: Dimensions, metric_type: MetricTypes) -> str:
    """What stands between the value and the time."""
    shown = ",".join(f"{name}:{value}" for name, value in dimensions)
    return f"|#{shown}|#type:{metric_type.name}|#hostname:{socket.gethostname()},"
