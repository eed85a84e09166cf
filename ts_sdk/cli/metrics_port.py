"""``--metrics-port``: a model's metrics for Prometheus to scrape while ``mar run`` answers."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ts_sdk.cli.usage import UsageError

if TYPE_CHECKING:
    from ts_sdk.model import Model

_ADDRESS = "127.0.0.1"
_LAST_PORT = 65535


def add_metrics_port(parser: argparse.ArgumentParser) -> None:
    """Add the option to *parser*."""
    parser.add_argument(
        "--metrics-port",
        metavar="PORT",
        type=_port,
        help=f"while inputs are answered, serve metrics of the model and of this machine at "
        f"http://{_ADDRESS}:PORT/metrics, 0 for a free port (needs the extra 'metrics')",
    )


@contextmanager
def metrics_served(model: "Model", port: int | None) -> Iterator[None]:
    """Serve *model*'s metrics in the ``with`` block, unless *port* is None.

    Raises:
        MetricDependencyError: prometheus-client or psutil is not installed.
        UsageError: The port is taken.
    """
    if port is None:
        yield
        return
    from ts_sdk.metrics import SystemMetrics
    from ts_sdk.metrics.prometheus import serve

    model.metrics.add_source(SystemMetrics())
    try:
        server = serve(model.metrics, _ADDRESS, port)
    except OSError as error:
        raise UsageError(f"--metrics-port {port}: {error.strerror or error}") from error
    with server as url:
        print(f"mar: metrics at {url}", file=sys.stderr)
        yield


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: it is 0 to {_LAST_PORT}")
    return int(text)
