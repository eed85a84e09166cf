"""Units: how they are spelled out, and how values pass from one to another."""

import pytest

from ts_sdk.metrics.units import SPELLINGS, Units, converted, spelled


@pytest.mark.parametrize(
    ("unit", "shown"),
    [
        ("ms", "Milliseconds"),
        ("s", "Seconds"),
        ("percent", "Percent"),
        ("count", "Count"),
        ("B", "Bytes"),
        ("kB", "Kilobytes"),
        ("MB", "Megabytes"),
        ("GB", "Gigabytes"),
        ("", "unit"),
        (None, "unit"),
        ("Milliseconds", "Milliseconds"),
        ("cats", "cats"),
    ],
)
def test_a_unit_is_spelled_out_as_torchserve_does(unit, shown):
    assert spelled(unit) == shown


def test_the_table_of_a_units_object_is_its_own():
    units = Units()
    units.units["cats"] = "Cats"
    assert Units().units == SPELLINGS


@pytest.mark.parametrize(
    ("value", "unit", "wanted", "kept"),
    [
        (2, "Seconds", "Milliseconds", 2000),
        (500, "Milliseconds", "Seconds", 0.5),
        (3, "Gigabytes", "Megabytes", 3072),
        (512, "Bytes", "Kilobytes", 0.5),
        (2, "Seconds", "Megabytes", 2),
        (2, "Count", "cats", 2),
    ],
)
def test_a_value_is_converted_where_there_is_a_factor(value, unit, wanted, kept):
    assert converted(value, unit, wanted) == kept
