"""What an object holds on to: everything that can be reached from it."""

import array
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ts_sdk.context import Context

_MOST_OBJECTS = 50_000
_CONTAINERS = (list, tuple, set, frozenset, deque)
_SMALL = (int, float, complex, bool, type(None), type, range)
_WORTH_BYTES = 16
"""A text or some bytes shorter than this may be a setting's word as well as a request's."""


@dataclass(frozen=True)
class Holding:
    """What was found at one place below an object.

    Attributes:
        path: Where, such as ``self.cache['a'][0]``.
        value: The object, kept alive so that no other can take its place in memory.
        size: Its length or number of elements; 0 for what has none.
        kind: The name of its class.
    """

    path: str
    value: object
    size: int
    kind: str


def held_by(handler: Any) -> dict[str, Holding]:  # noqa: ANN401 - the user's own class
    """What can be reached from *handler*: place → what is there.

    Modules of the model are not entered, nor are functions, classes and Python's own modules.
    """
    found: dict[str, Holding] = {}
    seen = {id(handler)}
    waiting = deque(
        (f"self.{_public(handler, name)}", value) for name, value in _attributes(handler)
    )
    while waiting and len(found) < _MOST_OBJECTS:
        path, value = waiting.popleft()
        if isinstance(value, _SMALL):
            continue
        found[path] = Holding(path, value, _size_of(value), type(value).__name__)
        if id(value) not in seen:
            seen.add(id(value))
            waiting.extend((path + step, inner) for step, inner in _inside(value))
    return found


def news(before: Mapping[str, Holding], after: Mapping[str, Holding]) -> list[Holding]:
    """What is held now and was not before, and what has grown; the highest places only."""
    changed = [
        holding
        for path, holding in after.items()
        if _is_data(holding) and (path not in before or _differs(before[path], holding))
    ]
    return [each for each in changed if not any(_is_below(each, other) for other in changed)]


def _differs(old: Holding, new: Holding) -> bool:
    if _is_container(new):
        return new.size > old.size
    return new.value is not old.value


def _is_below(inner: Holding, outer: Holding) -> bool:
    return inner is not outer and inner.path.startswith((f"{outer.path}.", f"{outer.path}["))


def _is_container(holding: Holding) -> bool:
    return holding.kind in {"list", "dict", "set", "deque", "defaultdict", "OrderedDict"}


def _is_data(holding: Holding) -> bool:
    """Whether it may be a request's: something with content, no bare object."""
    if holding.kind in {"str", "bytes", "bytearray"}:
        return holding.size >= _WORTH_BYTES
    return holding.size > 0


def _attributes(value: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - any object
    try:
        return list(vars(value).items())
    except TypeError:
        return [
            (name, getattr(value, name))
            for cls in type(value).__mro__
            for name in _slots_of(cls)
            if hasattr(value, name)  # a slot may be empty
        ]


def _public(handler: Any, name: str) -> str:  # noqa: ANN401 - the user's own class
    """*name* as the handler's code says it: ``context`` for the property's ``_context``."""
    said = name.lstrip("_")
    return said if isinstance(getattr(type(handler), said, None), property) else name


def _slots_of(cls: type) -> tuple[str, ...]:
    slots = vars(cls).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _inside(value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any object
    if isinstance(value, Mapping):
        yield from ((f"[{key!r}]", inner) for key, inner in list(value.items()))
    elif isinstance(value, _CONTAINERS):
        yield from ((f"[{index}]", inner) for index, inner in enumerate(list(value)))
    elif _is_entered(value):
        yield from ((f".{name}", inner) for name, inner in _attributes(value))


def _is_entered(value: Any) -> bool:  # noqa: ANN401 - any object
    """Whether an object's attributes are looked at: those of the handler's own making."""
    module = type(value).__module__ or ""
    top = module.partition(".")[0]
    return not callable(value) and top not in {"builtins", "torch", "numpy", "PIL", "ts_sdk"}


def _size_of(value: Any) -> int:  # noqa: ANN401 - any object
    if isinstance(value, Context):
        return len(value.request_processor)
    if hasattr(value, "numel"):
        return int(value.numel()) if not callable(getattr(value, "forward", None)) else 0
    if isinstance(value, array.array) or hasattr(value, "__len__"):
        try:
            return len(value)
        except TypeError:  # of an array without dimensions
            return 1
        except Exception:  # noqa: BLE001 - a scripted module's, and whatever the user's own raises
            return 0
    return 0 if not hasattr(value, "tobytes") else 1
