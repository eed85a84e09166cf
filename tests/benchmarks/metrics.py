"""Metrics: what a call costs, and what all those of a request cost with each sink."""

import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry

from tests.benchmarks.measuring import Timing, interleaved, markdown_table
from ts_sdk.batch import Batch, handling
from ts_sdk.context import Context
from ts_sdk.metrics import Background, LogLines, Metrics, OpenTelemetry, Sample
from ts_sdk.metrics.served import Served
from ts_sdk.metrics.sinks import Sink
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
    with _logged(log), Background(LogLines()) as lines:
        requests = {
            "in memory, Prometheus": _Request(_exposed()),
            "and OpenTelemetry": _Request(_exposed(), provider),
            "and a function": _Request(_exposed(), provider, _take),
            "and log lines to a file, in the background": _Request(
                _exposed(), provider, _take, lines
            ),
            "and log lines to a file, at once": _Request(_exposed(), provider, _take, LogLines()),
        }
        timings = interleaved(requests, repeats=1000, warm_up=5, before_each=lines.flush)
        work = interleaved(
            {name: _flushed(run, lines) for name, run in requests.items()},
            repeats=300,
            clock=time.process_time,
        )
    print(
        "\nAll of one request: HandlerTime, PredictionTime, a counter of the handler's, and what "
        "the model\ncounts by itself. *Time* is what the request waits for, as a share of one that "
        "takes 1 ms; *work* is\nthe CPU's in all threads, until the last line is in the file.\n"
    )
    rows = [
        [name, _microseconds(timing), _share(timing), _microseconds(work[name]), _share(work[name])]
        for name, timing in timings.items()
    ]
    print(markdown_table(["sinks", "time", "share", "work", "share"], rows))


class _Request:
    """What a request records, `_CALLS` times over."""

    def __init__(
        self,
        metrics: Metrics,
        provider: MeterProvider | None = None,
        *sinks: Callable[[Sample], object] | Sink,
    ) -> None:
        metrics.sinks = sinks
        if provider is not None:
            metrics.add_sink(OpenTelemetry(metrics, provider.get_meter(str(id(metrics)))))
        self._metrics = metrics
        self._served = Served("cat", "1", PhaseTimes())
        metrics.add_source(self._served)
        self._cats, self._replies = metrics.counter("Cats"), [Reply(1)]

    def __call__(self) -> None:
        metrics, inc, count = self._metrics, self._cats.inc, self._served.count
        with _running(metrics):
            for _ in range(_CALLS):
                inc()
                metrics.add_time("HandlerTime", 0.97)
                metrics.add_time("PredictionTime", 0.99)
                count(self._replies, 0.001)


def _flushed(run: Callable[[], None], lines: Background) -> Callable[[], None]:
    def flushed() -> None:
        run()
        lines.flush()

    return flushed


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Write the log lines to *path* in the ``with`` block."""
    logger, handler = logging.getLogger("ts_sdk.metrics"), logging.FileHandler(path)
    logger.propagate = False
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield
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


def _share(timing: Timing) -> str:
    return f"{timing.median * 1e6 / _CALLS / _REQUEST_US:.1%}"


if __name__ == "__main__":
    main()
