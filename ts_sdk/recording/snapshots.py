"""A request as it came, also after its handler has changed it."""

import pickle
from collections.abc import Mapping
from dataclasses import replace

from ts_sdk.rows import Request

_CHANGEABLE = (dict, list, bytearray)


class Snapshot:
    """A request whose values a handler may change in place.

    Bytes are copied and JSON values are pickled at once, which costs little beside receiving them;
    the rest is done when somebody wants the request. Arrays and tensors are kept as they are.

    Args:
        request: The request, before the handler gets it.
    """

    __slots__ = ("_frozen", "_request")

    def __init__(self, request: Request) -> None:
        self._request = request
        self._frozen = {
            name: frozen
            for name, value in request.parts.items()
            if type(value) in _CHANGEABLE and (frozen := _frozen(value)) is not None
        }

    def request(self) -> Request:
        """The request as it came; each call makes a new one."""
        parts = {
            name: _thawed(self._frozen[name], value) if name in self._frozen else value
            for name, value in self._request.parts.items()
        }
        return replace(
            self._request,
            parts=parts,
            headers=dict(self._request.headers),
            content_types=dict(self._request.content_types),
        )


def same_parts(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Whether two requests hold the same; of what cannot be compared, whether it is one object."""
    return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)


def _frozen(value: object) -> bytes | None:
    if isinstance(value, bytearray):
        return bytes(value)
    try:
        return pickle.dumps(value)
    except Exception:  # noqa: BLE001 - a value of the caller's own kind: it is kept as it is
        return None


def _thawed(frozen: bytes, value: object) -> object:
    if isinstance(value, bytearray):
        return bytearray(frozen)
    return pickle.loads(frozen)  # noqa: S301 - this process has just made it


def _same(one: object, other: object) -> bool:
    if one is other:
        return True
    try:
        return type(one) is type(other) and bool(one == other)
    except Exception:  # noqa: BLE001 - arrays and tensors have no one answer
        return False
