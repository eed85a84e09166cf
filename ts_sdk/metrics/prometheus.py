"""Metrics as Prometheus scrapes them, through prometheus-client.

Nothing is kept twice: a scrape reads what was recorded. Names and labels are those that TorchServe
0.12 exposed: the metric's name as it is, its dimensions, and ``Hostname``.
"""

import re
import socket
import threading
import weakref
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ts_sdk.metrics.errors import MetricDependencyError
from ts_sdk.metrics.sample import Dimensions, MetricTypes
from ts_sdk.metrics.views import MetricView, Totals, together

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

    from prometheus_client import CollectorRegistry, Metric

    from ts_sdk.metrics.recording import Recording

_TOTAL = "_total"
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_:]")
_NOT_IN_LABELS = re.compile(r"[^a-zA-Z0-9_]")

_lock = threading.Lock()
_collectors: "weakref.WeakKeyDictionary[CollectorRegistry, Collector]" = weakref.WeakKeyDictionary()
"""Registry → the collector in it: two that name one metric would be an error to Prometheus."""


def expose(metrics: "Recording", registry: "CollectorRegistry") -> None:
    """Show *metrics* in *registry* for as long as they live, together with those of other models.

    Raises:
        MetricDependencyError: prometheus-client is not installed.
    """
    _client()
    with _lock:
        collector = _collectors.get(registry)
        if collector is None:
            collector = _collectors[registry] = Collector()
            registry.register(collector)
        collector.add(metrics)


def text_of(metrics: "Recording") -> str:
    """*metrics* in Prometheus' text format.

    Raises:
        MetricDependencyError: prometheus-client is not installed.
    """
    client = _client()
    registry = client.CollectorRegistry(auto_describe=False)
    expose(metrics, registry)
    text: str = client.generate_latest(registry).decode()
    for name in _families([metrics]):
        # In this format, unlike in OpenMetrics, a counter may be called as it was in TorchServe.
        text = text.replace(f"# TYPE {name} untyped\n", f"# TYPE {name} counter\n")
    return text


def serve(metrics: "Recording", address: str, port: int) -> "AbstractContextManager[str]":
    """Serve *metrics* over HTTP.

    Args:
        metrics: What is served.
        address: The address of this machine that is listened at.
        port: The port; 0 stands for one that is free.

    Returns:
        A context manager that gives the URL and stops at its end.

    Raises:
        MetricDependencyError: prometheus-client is not installed.
        OSError: The port is taken.
    """
    client = _client()
    registry = client.CollectorRegistry(auto_describe=False)
    expose(metrics, registry)
    return _stopped_after(*client.start_http_server(port, address, registry))


@contextmanager
def _stopped_after(server: Any, thread: threading.Thread) -> "Iterator[str]":  # noqa: ANN401 - wsgiref's
    host, port = server.server_address[:2]
    try:
        yield f"http://{host}:{port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Collector:
    """Collects the metrics of models for a registry of prometheus-client."""

    def __init__(self) -> None:
        self._metrics: list[weakref.ref[Recording]] = []

    def add(self, metrics: "Recording") -> None:
        """Collect *metrics* too, for as long as they live."""
        if all(metrics is not known for known in self._living()):
            self._metrics.append(weakref.ref(metrics))

    def collect(self) -> "Iterator[Metric]":
        """Each metric as it stands now."""
        for name, family in _families(self._living()).items():
            yield _shown(name, family)

    def describe(self) -> "Iterable[Metric]":
        """Nothing: which metrics there will be is not known beforehand."""
        return ()

    def _living(self) -> "list[Recording]":
        found = [(reference, reference()) for reference in self._metrics]
        self._metrics = [reference for reference, living in found if living is not None]
        return [living for _, living in found if living is not None]


@dataclass
class _Family:
    """What is shown under one name.

    Attributes:
        metric: The metric's name, as it was recorded.
        type: Its type.
        unit: Its unit, spelled out.
        series: Labels → totals.
    """

    metric: str
    type: MetricTypes
    unit: str
    series: dict[Dimensions, Totals] = field(default_factory=dict)


def _families(several: "Iterable[Recording]") -> dict[str, _Family]:
    """Name → what all of *several* recorded under it."""
    families: dict[str, _Family] = {}
    for metrics in several:
        for view in metrics.views():
            if view.count or view.series:
                _add(view, families)
    return families


def _add(view: MetricView, families: dict[str, _Family]) -> None:
    name = _name(view.name)
    if name in families and families[name].metric != view.name:
        # Another name that is spelled the same in Prometheus' letters: "a.b" and "a b".
        name = f"{name}_{zlib.crc32(view.name.encode()):08x}"
    family = families.setdefault(name, _Family(view.name, view.type, view.unit))
    if (family.type, family.unit) != (view.type, view.unit):
        name = _name(f"{view.name}_{view.type.value}_{view.unit}")
        family = families.setdefault(name, _Family(view.name, view.type, view.unit))
    for dimensions, totals in view.series.items():
        labels = _labels(dimensions)
        known = family.series.get(labels)
        if known is not None and known.buckets.keys() == totals.buckets.keys():
            totals = together(view.type, (known, totals), totals.last)  # noqa: PLW2901 - both of them
        family.series[labels] = totals


def _shown(name: str, family: _Family) -> "Metric":
    """*family* as prometheus-client has it."""
    about = f"A {family.type.value}, in {family.unit}"
    metric: Metric = _client().Metric(name.removesuffix(_TOTAL), about, family.type.value)
    if family.type is MetricTypes.COUNTER and not name.endswith(_TOTAL):
        # OpenMetrics would have the name of a counter end so; it keeps the one that dashboards ask.
        metric.name, metric.type = name, "unknown"
    if family.type is not MetricTypes.COUNTER:
        metric.name = name
    for dimensions, totals in family.series.items():
        labels = dict(dimensions)
        if family.type is MetricTypes.HISTOGRAM:
            for bound, count in totals.buckets.items():
                shown = "+Inf" if bound == float("inf") else str(float(bound))
                metric.add_sample(f"{name}_bucket", {**labels, "le": shown}, count)
            metric.add_sample(f"{name}_sum", labels, totals.sum)
            metric.add_sample(f"{name}_count", labels, totals.count)
        elif totals.value is not None:
            metric.add_sample(name, labels, totals.value)
    return metric


def _labels(dimensions: Dimensions) -> Dimensions:
    labels: dict[str, str] = {}
    for name, value in dimensions:
        label = _label(name)
        while label in labels:  # another name that is spelled the same in Prometheus' letters
            label += "_"
        labels[label] = value
    if "hostname" not in map(str.lower, labels):
        labels["Hostname"] = socket.gethostname()
    return tuple(sorted(labels.items()))


def _label(name: str) -> str:
    label = _NOT_IN_LABELS.sub("_", name)
    taken = label == "le" or label.startswith("__")  # these are Prometheus' own
    return f"dimension_{label}" if taken or not label or label[0].isdigit() else label


def _name(name: str) -> str:
    legal = _NOT_IN_NAMES.sub("_", name)
    return f"_{legal}" if not legal or legal[0].isdigit() else legal


def _client() -> Any:  # noqa: ANN401 - the module
    try:
        import prometheus_client
    except ImportError as error:
        raise MetricDependencyError(
            "Prometheus' format needs prometheus-client: pip install 'ts-sdk[metrics]'"
        ) from error
    return prometheus_client
