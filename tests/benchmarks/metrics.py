"""Metrics: what a call costs, and what all those of a request cost with each sink."""

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry

from tests.benchmarks.measuring import Timing, interleaved, markdown_table
from ts_sdk.batch import Batch, handling
from ts_sdk.context import Context
from ts_sdk.metrics import Metrics, OpenTelemetry, Sample
from ts_sdk.metrics.served import Served
from ts_sdk.outcomes import Reply
from ts_sdk.timing import PhaseTimes

_CALLS = 20
_REQUEST_US = 1000


def main() -> None:
    """Print the tables."""
    _print_calls()
    with tempfile.TemporaryDirectory(dir="build") as folder:
        _print_requests(Path(folder) / "metrics.log")


def _print_calls() -> None:
    quiet, heard = _exposed(), _exposed()
    heard.add_sink(_take)
    with _running(quiet):
        calls = {name: _repeated(call) for name, call in _calls(quiet, heard).items()}
        timings = interleaved(calls, repeats=1000, warm_up=5)
    print("One call in a running batch; what is recorded is kept and exposed to Prometheus.\n")
    rows = [[name, _microseconds(timing)] for name, timing in timings.items()]
    print(markdown_table(["", "time"], rows))


def _calls(quiet: Metrics, heard: Metrics) -> dict[str, Callable[[], object]]:
    kept, listened = quiet.counter("Cats"), heard.counter("Cats")
    boxes, kind = quiet.histogram("Boxes"), {"kind": "tabby"}

    def measured() -> None:
        with quiet.time("Decode"):
            pass

    return {
        "`cats.inc()`": kept.inc,
        "`boxes.observe(3)`": lambda: boxes.observe(3),
        '`metrics.counter("Cats").inc()`': lambda: quiet.counter("Cats").inc(),
        '`metrics.counter("Kinds", dimensions={…}).inc()`': lambda: quiet.counter(
            "Kinds", dimensions=kind
        ).inc(),
        '`with metrics.time("Decode")`': measured,
        '`metrics.add_counter("Dogs", 1)`': lambda: quiet.add_counter("Dogs", 1),
        "`cats.inc()` with a function for a sink": listened.inc,
    }


def _print_requests(log: Path) -> None:
    provider = MeterProvider(metric_readers=[InMemoryMetricReader()], shutdown_on_exit=False)
    with _logged(log) as logging_to_file:
        requests = {
            "in memory, Prometheus": _request(_exposed()),
            "and OpenTelemetry": _request(_exposed(), provider),
            "and a function": _request(_exposed(), provider, _take),
            "and log lines, written to a file": logging_to_file(
                _request(_exposed(), provider, _take)
            ),
        }
        timings = interleaved(requests, repeats=1000, warm_up=5)
    print(
        "\nAll of one request: HandlerTime, PredictionTime, a counter of the handler's, and what "
        "the model\ncounts by itself; as a share of a request that takes 1 ms.\n"
    )
    rows = [
        [name, _microseconds(timing), f"{timing.median * 1e6 / _CALLS / _REQUEST_US:.1%}"]
        for name, timing in timings.items()
    ]
    print(markdown_table(["sinks", "time", "share"], rows))


def _request(
    metrics: Metrics,
    provider: MeterProvider | None = None,
    function: Callable[[Sample], object] | None = None,
) -> Callable[[], None]:
    """What a request records, `_CALLS` times over."""
    served = Served("cat", "1", PhaseTimes())
    metrics.add_source(served)
    if function is not None:
        metrics.add_sink(function)
    if provider is not None:
        metrics.add_sink(OpenTelemetry(metrics, provider.get_meter(str(id(metrics)))))
    cats, replies = metrics.counter("Cats"), [Reply(1)]

    def record() -> None:
        cats.inc()
        metrics.add_time("HandlerTime", 0.97)
        metrics.add_time("PredictionTime", 0.99)
        served.count(replies, 0.001)

    def run() -> None:
        with _running(metrics):
            repeated()

    repeated = _repeated(record)
    return run


@contextmanager
def _logged(path: Path) -> Iterator[Callable[[Callable[[], None]], Callable[[], None]]]:
    """Gives what turns a function into one whose log lines are written to *path*."""
    logger, handler = logging.getLogger("ts_sdk.metrics"), logging.FileHandler(path)
    logger.propagate = False
    logger.addHandler(handler)

    def logging_to_file(function: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            logger.setLevel(logging.INFO)
            function()
            logger.setLevel(logging.WARNING)

        return run

    yield logging_to_file
    logger.removeHandler(handler)
    handler.close()


@contextmanager
def _running(metrics: Metrics) -> Iterator[None]:
    """A running batch of one request."""
    context = Context("cat", "", {}, 1, None, "0.12.0", metrics=metrics)
    with handling(Batch(1, context.for_batch([{}], ["00000000-0000-0000-0000-000000000000"]))):
        yield


def _exposed() -> Metrics:
    metrics = Metrics("cat")
    metrics.expose(CollectorRegistry())
    return metrics


def _take(sample: Sample) -> None:
    """A sink of the user's."""


def _repeated(call: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        for _ in range(_CALLS):
            call()

    return run


def _microseconds(timing: Timing) -> str:
    return f"{timing.median * 1e6 / _CALLS:.1f} µs ± {timing.spread:.0%}"


if __name__ == "__main__":
    main()
