"""A walk through two nested values, place by place."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ts_sdk.testing.array_comparison import array_difference, is_array, plain
from ts_sdk.testing.closeness import ABSENT
from ts_sdk.testing.number_comparison import number_difference
from ts_sdk.testing.picture_comparison import picture_difference

if TYPE_CHECKING:
    from ts_sdk.testing.closeness import Tolerance

Place = tuple["Place", str | int] | None
"""Where a value is: the place around it and a key or an index; None for the whole."""

Found = tuple[Place, Any, Any, str]
"""A place, what is there, what should be there, and in what they differ."""

_Pair = tuple[Place, Any, Any]
_BYTES = (bytes, bytearray, memoryview)


def rendered(place: Place) -> str:
    """*place* as a JSON path."""
    steps: list[str] = []
    while place is not None:
        place, step = place
        if isinstance(step, str) and step.isidentifier():
            steps.append(f".{step}")
        else:
            steps.append(f"[{step!r}]")
    return "$" + "".join(reversed(steps))


class Comparison:
    """Finds where values differ.

    Args:
        allowed: How far numbers and pictures may be apart.
        equal_nan: Whether NaN equals NaN.
    """

    def __init__(self, allowed: "Tolerance", *, equal_nan: bool) -> None:
        self._allowed = allowed
        self._equal_nan = equal_nan

    def of(self, actual: object, expected: object) -> Iterator[Found]:
        """The differences of two values, in the order of *expected*."""
        pending: list[_Pair] = [(None, actual, expected)]  # answers may be nested deeply
        while pending:
            place, got, wanted = pending.pop()
            got, wanted = plain(got), plain(wanted)
            if is_array(got) and isinstance(wanted, list | tuple):
                got = got.tolist()
            if is_array(wanted) and isinstance(got, list | tuple):
                wanted = wanted.tolist()
            if isinstance(got, Mapping) and isinstance(wanted, Mapping):
                yield from _other_keys(place, got, wanted)
                inside: Iterable[_Pair] = [
                    ((place, key), got[key], wanted[key]) for key in wanted if key in got
                ]
            elif isinstance(got, list | tuple) and isinstance(wanted, list | tuple):
                if len(got) != len(wanted):
                    yield place, got, wanted, f"{len(got)} items instead of {len(wanted)}"
                inside = [
                    ((place, index), *pair)
                    for index, pair in enumerate(zip(got, wanted, strict=False))
                ]
            else:
                yield from self._leaf(place, got, wanted)
                continue
            pending.extend(reversed([*inside]))

    def _leaf(self, place: Place, got: Any, wanted: Any) -> Iterator[Found]:  # noqa: ANN401 - any values
        if is_array(got) and is_array(wanted):
            found = array_difference(got, wanted, self._allowed, equal_nan=self._equal_nan)
            if found is not None:
                index, at_index, wanted_there, why = found
                for step in index:
                    place = (place, step)
                yield place, at_index, wanted_there, why
            return
        reason = self._reason(got, wanted)
        if reason is not None:
            yield place, got, wanted, reason

    def _reason(self, got: Any, wanted: Any) -> str | None:  # noqa: ANN401 - any values
        """In what two values differ that are no containers; None when in nothing."""
        if _is_number(got) and _is_number(wanted):
            if self._equal_nan and got != got and wanted != wanted:  # noqa: PLR0124 - NaN alone does so
                return None
            return number_difference(got, wanted, self._allowed)
        if type(got) is type(wanted) and isinstance(got, str | bytes | bool) and got == wanted:
            return None  # without looking for pictures in them
        are_pictures, reason = picture_difference(got, wanted, self._allowed)
        return reason if are_pictures else _reason_of_others(got, wanted)


def _other_keys(place: Place, got: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> Iterator[Found]:
    for key in wanted:
        if key not in got:
            yield (place, key), ABSENT, wanted[key], "the key is missing"
    for key in got:
        if key not in wanted:
            yield (place, key), got[key], ABSENT, "the key is not expected"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(value: object) -> str:
    names = {str: "text", bool: "true or false", int: "a number", float: "a number"}
    if value is None:
        return "null"
    if isinstance(value, _BYTES):
        return "bytes"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    return names.get(type(value), f"a {type(value).__name__}")


def _reason_of_others(got: Any, wanted: Any) -> str | None:  # noqa: ANN401 - any values
    if isinstance(got, _BYTES) and isinstance(wanted, _BYTES):
        return _reason_of_bytes(bytes(got), bytes(wanted))
    if _kind(got) != _kind(wanted):
        return f"{_kind(got)} instead of {_kind(wanted)}"
    return None if got == wanted else "they differ"


def _reason_of_bytes(got: bytes, wanted: bytes) -> str | None:
    if got == wanted:
        return None
    if len(got) != len(wanted):
        return f"{len(got)} bytes instead of {len(wanted)}"
    first = next(at for at, pair in enumerate(zip(got, wanted, strict=True)) if pair[0] != pair[1])
    return f"byte {first} is the first that differs"
