"""Whether one number is as expected."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ts_sdk.testing.closeness import Tolerance


def number_difference(got: float, wanted: float, allowed: "Tolerance") -> str | None:
    """In what *got* differs from *wanted*; None when it is as expected."""
    if got == wanted:
        return None
    try:
        return _difference(got, wanted, allowed)
    except OverflowError:
        return "one of them is beyond all floats"


def _difference(got: float, wanted: float, allowed: "Tolerance") -> str | None:
    if isinstance(got, int) and isinstance(wanted, int):
        distance: float = abs(got - wanted)
        limit = allowed.atol
        rule = f"{limit:g} allowed between whole numbers (atol)"
    elif not (math.isfinite(got) and math.isfinite(wanted)):
        is_nan = math.isnan(got) and math.isnan(wanted)
        return "NaN is equal to NaN with equal_nan=True only" if is_nan else "not both are finite"
    else:
        distance = abs(float(got) - float(wanted))
        limit = allowed.atol + allowed.rtol * abs(float(wanted))
        rule = f"{limit:.3g} allowed (rtol {allowed.rtol:g}, atol {allowed.atol:g})"
    return None if distance <= limit else f"{distance:.3g} apart, {rule}"
