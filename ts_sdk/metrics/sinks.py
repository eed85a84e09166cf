"""Where samples go: the protocol, and TorchServe's log lines."""

import logging
import socket
from typing import Protocol

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
        if _logger.isEnabledFor(logging.INFO):
            _logger.info("%s", log_line(sample))


def log_line(sample: Sample) -> str:
    """*sample* as the line that TorchServe 0.12's worker writes and its server reads."""
    dimensions = ",".join(f"{name}:{value}" for name, value in sample.dimensions)
    line = (
        f"[METRICS]{sample.name}.{sample.unit}:{sample.value}|#{dimensions}"
        f"|#type:{sample.type.name}|#hostname:{socket.gethostname()},{int(sample.timestamp)}"
    )
    return f"{line},{sample.request_id}" if sample.request_id else line
