"""`add_metric` has two meanings: a value, and the declaration of releases 0.6.1 to 0.8.1."""

import pytest

from ts_sdk.metrics import Dimension, Metrics, MetricTypeError, MetricTypes

GAUGE = MetricTypes.GAUGE


@pytest.fixture
def metrics():
    made = Metrics("cat")
    made.set_request_ids({0: "one"})
    return made


VALUES = {
    "positions": (("Length", 30, "ms"), {}),
    "all positions": (("Length", 30, "ms", None, [Dimension("Part", "ear")], GAUGE), {}),
    "names": ((), {"name": "Length", "value": 30, "unit": "ms"}),
    "a value as text": (("Length", "30", "ms"), {}),
    "the unit by name": (("Length", 30), {"unit": "ms"}),
    "a value as text and the unit by name": (("Length", "30"), {"unit": "ms"}),
    "the value by name": (("Length",), {"unit": "ms", "value": 30}),
    "a type by name": (("Length", 30, "ms"), {"metric_type": GAUGE}),
}

DECLARATIONS = {
    "positions": (("Length", "ms", ["Part"], GAUGE), {}),
    "no type": (("Length", "ms", ["Part"]), {}),
    "no dimensions": (("Length", "ms"), {}),
    "dimensions of None": (("Length", "ms", None, GAUGE), {}),
    "a type by name": (("Length", "ms"), {"metric_type": GAUGE}),
    "names": ((), {"metric_name": "Length", "unit": "ms", "dimension_names": ["Part"]}),
    "the unit by name": (("Length",), {"unit": "ms"}),
    "dimensions by name": (("Length", "ms"), {"dimension_names": ["Part"]}),
}


@pytest.mark.parametrize(("given", "named"), VALUES.values(), ids=VALUES)
def test_with_a_value_it_records(metrics, given, named):
    assert metrics.add_metric(*given, **named) is None
    view = metrics["Length"]
    assert (view.value, view.unit, view.count) == (30, "Milliseconds", 1)


@pytest.mark.parametrize(("given", "named"), DECLARATIONS.values(), ids=DECLARATIONS)
def test_without_a_value_it_declares(metrics, given, named):
    metric = metrics.add_metric(*given, **named)
    kind = GAUGE if GAUGE in (*given, *named.values()) else MetricTypes.COUNTER
    assert metrics.get_metric("Length", kind) is metric
    assert metric.unit == "Milliseconds"
    assert metric.dimension_names == (["Part"] if ["Part"] in (*given, *named.values()) else [])
    assert metrics["Length"].count == 0


def test_a_metric_declared_so_records_what_its_handler_updates(metrics):
    metric = metrics.add_metric("Length", "cm", ["Part"], GAUGE)
    metric.add_or_update(30, ["tail"])
    metric.update(2, "one", [Dimension("Part", "ear")])
    view = metrics["Length"]
    assert view.value == 2
    assert list(view.series) == [(("Part", "tail"),), (("Part", "ear"),)]
    assert [each.request_id for each in view.samples] == ["", "one"]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (("Length",), {}),
        ((), {}),
        (("Length", 30), {}),
        ((), {"name": "Length", "unit": "ms"}),
        (("Length", "ms"), {"dimensions": []}),
        (("Length", "ms"), {"metric_name": "Length"}),
        (("Length", 30, "ms"), {"colour": "grey"}),
    ],
)
def test_arguments_that_fit_neither_meaning_are_a_type_error(metrics, given, named):
    with pytest.raises(TypeError):
        metrics.add_metric(*given, **named)


def test_dimension_names_that_are_no_list_are_told(metrics):
    with pytest.raises(MetricTypeError, match="metric Length: its dimension names must be a list"):
        metrics.add_metric("Length", "cm", dimension_names="Part")
