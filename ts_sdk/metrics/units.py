"""Units: how they are spelled out, and how values pass from one to another."""

from collections.abc import Mapping

SPELLINGS: Mapping[str | None, str] = {
    "ms": "Milliseconds",
    "s": "Seconds",
    "percent": "Percent",
    "count": "Count",
    "MB": "Megabytes",
    "GB": "Gigabytes",
    "kB": "Kilobytes",
    "B": "Bytes",
    "": "unit",
    None: "unit",
}
"""What handlers write → what is shown, as in TorchServe; any other unit is shown as it is."""

TIME_UNITS: Mapping[str, float] = {"Seconds": 1, "Milliseconds": 1e3, "Microseconds": 1e6}
"""Unit of time, spelled out → how many are a second."""

# TorchServe's own megabytes are 1024 x 1024 bytes.
_FACTORS: Mapping[str, Mapping[str, float]] = {
    "time": {"Microseconds": 1e-3, "Milliseconds": 1, "Seconds": 1000},
    "size": {"Bytes": 1, "Kilobytes": 1 << 10, "Megabytes": 1 << 20, "Gigabytes": 1 << 30},
}


class Units:
    """The spellings as TorchServe's class of this name holds them.

    Attributes:
        units: What handlers write → what is shown.
    """

    def __init__(self) -> None:
        self.units = dict(SPELLINGS)


def spelled(unit: str | None) -> str:
    """*unit* spelled out: ``"ms"`` → ``"Milliseconds"``; a unit of the handler's own stays."""
    return SPELLINGS.get(unit) or str(unit)


def known_unit(unit: str) -> str | None:
    """*unit*, short or in full, spelled out; None when the SDK does not know it."""
    if unit == "us":  # TorchServe has no short form of it
        return "Microseconds"
    full = spelled(unit)
    return full if full in SPELLINGS.values() or full in TIME_UNITS else None


def converted(value: float, unit: str, wanted: str) -> float:
    """*value*, given in *unit*, in the unit *wanted*; unchanged where there is no factor.

    Args:
        value: The value.
        unit: Its unit, spelled out.
        wanted: The other unit, spelled out.
    """
    for factors in _FACTORS.values():
        if unit in factors and wanted in factors and unit != wanted:
            return value * factors[unit] / factors[wanted]
    return value
