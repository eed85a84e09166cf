"""Where samples go: the protocol, and TorchServe's log lines."""

import logging
import socket
from collections.abc import Callable
from typing import Protocol, cast

from ts_sdk.metrics.errors import MetricTypeError
from ts_sdk.metrics.sample import Sample

_logger = logging.getLogger("ts_sdk.metrics")


class Sink(Protocol):
    """Takes samples one by one, from any thread."""

    def emit(self, sample: Sample) -> None:
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
        self._function = function

    def emit(self, sample: Sample) -> None:
        """Call the function."""
        self._function(sample)

    def __repr__(self) -> str:
        return repr(self._function)


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
    dimensions = ",".join(f"{name}:{value}" for name, value in sample.dimensions)
    line = (
        f"[METRICS]{sample.name}.{sample.unit}:{sample.value}|#{dimensions}"
        f"|#type:{sample.type.name}|#hostname:{socket.gethostname()},{int(sample.timestamp)}"
    )
    return f"{line},{sample.request_id}" if sample.request_id else line
