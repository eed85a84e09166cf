"""Every call of the metrics interface, and the line that it logs."""

from torchserve_corpus.case import Case, Differs, Reply, text

CALLS = """
from ts.metrics.dimension import Dimension
from ts.metrics.metric_type_enum import MetricTypes

KINDS = MetricTypes.COUNTER, MetricTypes.GAUGE, MetricTypes.HISTOGRAM
COLOUR = Dimension("Colour", "red")


def record(metrics, dims):
    {calls}


def handle(data, context):
    if data is None:
        {start}
        return None
    try:
        record(context.metrics, lambda: [Dimension("Colour", "red"), Dimension("Size", 3)])
    except Exception as error:
        kinds = (kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins")
        return [next(kinds)] * len(data)
    return [row["body"] for row in data]
"""

RECORDED = {
    "add_counter": 'metrics.add_counter("Cats", 2)',
    "add_counter of one request": 'metrics.add_counter("Cats", 2, 1)',
    "add_counter of a request that is not there": 'metrics.add_counter("Cats", 2, 9)',
    "add_counter with dimensions": 'metrics.add_counter("Cats", 2, None, dims())',
    "add_counter twice": 'metrics.add_counter("Cats", 2); metrics.add_counter("Cats", 3)',
    "add_counter of a fraction": 'metrics.add_counter("Cats", 0.5)',
    "add_counter of less than nothing": 'metrics.add_counter("Cats", -1)',
    "add_time": 'metrics.add_time("Wait", 1.5)',
    "add_time in seconds": 'metrics.add_time("Wait", 2, 0, "s")',
    "add_time by name": (
        'metrics.add_time(name="Wait", value=3, idx=1, unit="ms", dimensions=dims(),'
        " metric_type=MetricTypes.HISTOGRAM)"
    ),
    "add_time in hours": 'metrics.add_time("Wait", 1, None, "h")',
    "add_size": 'metrics.add_size("Picture", 12)',
    "add_size in each unit": (
        '[metrics.add_size("Picture" + unit, 1, None, unit) for unit in ("B", "kB", "MB", "GB")]'
    ),
    "add_size in stones": 'metrics.add_size("Picture", 1, None, "st")',
    "add_percent": 'metrics.add_percent("Full", 99.5)',
    "add_percent as a counter": (
        'metrics.add_percent("Full", 10, None, dims(), MetricTypes.COUNTER)'
    ),
    "add_error": 'metrics.add_error("Failures", 1)',
    "add_error with dimensions": 'metrics.add_error("Failures", 1, dims())',
    "add_metric": 'metrics.add_metric("Steps", 7, "steps")',
    "add_metric of each type": (
        '[metrics.add_metric("Steps" + kind.name, 1, "ms", None, dims(), kind) for kind in KINDS]'
    ),
    "add_metric by name": (
        'metrics.add_metric(name="Steps", value=7, unit="count", idx=1, dimensions=dims(),'
        " metric_type=MetricTypes.GAUGE)"
    ),
    "add_metric with own ModelName and Level": (
        'metrics.add_metric("Steps", 7, "", None,'
        ' [Dimension("Level", "Mine"), Dimension("ModelName", "other")])'
    ),
    "a metric of one's own": (
        'mine = metrics.add_metric_to_cache("Mine", "ms", ["Colour"], MetricTypes.HISTOGRAM);'
        ' mine.add_or_update(1.25, ["blue"]); mine.add_or_update(2, ["red"], "some-request")'
    ),
    "a metric of one's own without dimensions": (
        'metrics.add_metric_to_cache(metric_name="Mine", unit="count").add_or_update(3)'
    ),
    "a metric of one's own, by get_metric": (
        'metrics.add_metric_to_cache("Mine", "s", ["Colour"]);'
        ' metrics.get_metric("Mine").add_or_update(1, ["x"]);'
        ' metrics.get_metric(metric_name="Mine", metric_type=MetricTypes.COUNTER)'
        '.add_or_update(value=2, dimension_values=["y"], request_id="")'
    ),
    "a metric's update": (
        'metrics.add_metric_to_cache("Mine", "count", ["Colour"]).update(2, "", dims())'
    ),
    "too few dimensions": (
        'metrics.add_metric_to_cache("Mine", "count", ["Colour"]).add_or_update(2)'
    ),
    "too many dimensions": (
        'metrics.add_metric_to_cache("Mine", "count", ["Colour"]).add_or_update(2, ["a", "b"])'
    ),
    "a metric that is not there": 'metrics.get_metric("Nothing")',
    "a metric of another type": 'metrics.get_metric("HandlerTime", MetricTypes.COUNTER)',
    "a declared metric": (
        'metrics.get_metric("HandlerTime", MetricTypes.GAUGE).add_or_update(1.0, ["m", "l"])'
    ),
    "a name that is no text": "metrics.add_metric_to_cache(7, 'ms')",
    "a unit that is no text": "metrics.add_metric_to_cache('Mine', None)",
    "a type that is none": "metrics.add_metric_to_cache('Mine', 'ms', [], 'counter')",
    "dimensions that are no list": "metrics.add_metric_to_cache('Mine', 'ms', 'Colour')",
}

AT_THE_START = """context.metrics.add_counter("Starts", 1)
        context.metrics.add_size("Weights", 4, None, "kB")
        context.metrics.add_metric_to_cache("Rows", "count", ["Kind"])"""

OLD_CLASSES = """
import json
import re

from ts.metrics.dimension import Dimension
from ts.metrics.metric import Metric
from ts.metrics.metric_encoder import MetricEncoder
from ts.metrics.metrics_store import MetricsStore
from ts.metrics.unit import Units


def shown(metric):
    return re.sub(r"#hostname:[^,]*,[0-9]+", "#hostname:H,T", str(metric))


def handle(data, context):
    if data is None:
        return None
    metric = Metric("Alone", 1, "ms", [Dimension("Level", "Model")], "some-request")
    told = metric.to_dict()
    return [{"metric": shown(metric), "store": len(MetricsStore({0: "first"}, "mine").store),
             "dict": [told["MetricName"], told["Value"], told["Unit"], told["RequestId"]],
             "names": [each["Name"] for each in json.loads(json.dumps(told["Dimensions"],
                                                                      cls=MetricEncoder))],
             "units": Units().units["percent"], "dimension": str(Dimension("a", 1)),
             "as dict": Dimension("a", 1).to_dict()} for _ in data]
"""

FROM_A_FILE = """
import os

from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl
from ts.metrics.metric_type_enum import MetricTypes


def handle(data, context):
    if data is None:
        return None
    path = os.path.join(context.system_properties["model_dir"], "metrics.yaml")
    cache = MetricsCacheYamlImpl(config_file_path=path)
    cache.initialize_cache()
    rows = cache.get_metric("Rows", MetricTypes.COUNTER)
    size = cache.get_metric(metric_name="Size", metric_type=MetricTypes.HISTOGRAM)
    rows.add_or_update(2, ["red"])
    size.add_or_update(3.5, [])
    return [[rows.metric_name, rows.unit, rows.dimension_names, size.unit,
             size.metric_type.value] for _ in data]
"""

DECLARED = """
dimensions:
  - &colour "Colour"
model_metrics:
  counter:
    - {name: Rows, unit: count, dimensions: [*colour]}
  histogram:
    - {name: Size, unit: MB, dimensions: []}
"""

PAIR = [[text("a"), text("b")]]


def cases() -> list[Case]:
    """One case for each call, in a batch of two."""
    recorded = [
        Case(
            f"metrics: {name}",
            {"handler.py": CALLS.format(calls=calls, start="pass")},
            PAIR,
        )
        for name, calls in RECORDED.items()
    ]
    return [
        *recorded,
        Case(
            "metrics: at the start",
            {"handler.py": CALLS.format(calls="pass", start=AT_THE_START)},
            [[text("a")]],
        ),
        Case("metrics: the old classes", {"handler.py": OLD_CLASSES}, [[text("a")]]),
        Case(
            "metrics: declared in a file",
            {"handler.py": FROM_A_FILE, "metrics.yaml": DECLARED},
            [[text("a")]],
        ),
        _differing("text for add_error", 'metrics.add_error("Failures", "no cat")'),
        _differing(
            "add_metric as it was before 0.9",
            'metrics.add_metric("Cats", "count", ["Colour"], MetricTypes.COUNTER)'
            '.add_or_update(1, ["red"])',
        ),
    ]


def _differing(name: str, calls: str) -> Case:
    return Case(
        f"metrics: {name}",
        {"handler.py": CALLS.format(calls=calls, start="pass")},
        PAIR,
        differs=Differs("it is taken", [[Reply(body=b"a"), Reply(body=b"b")]]),
    )
