"""What may be kept of a request, and of what was said about it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ts_sdk.recording.settings import Redact
from ts_sdk.recording.snapshots import Snapshot, same_parts
from ts_sdk.rows import Request

CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization"})
"""Headers that are never kept."""

_LEFT_OUT = "[left out]"
_SHORTEST = 4
"""Shorter values of headers, such as ``True``, are in every text."""


@dataclass(frozen=True)
class Redacted:
    """What may be kept.

    Attributes:
        request: The request.
        changed: Whether its parts are others than those that were answered, so that neither the
            answer nor a text about them may be kept.
        removed: Values of headers that were removed.
    """

    request: Request
    changed: bool
    removed: tuple[str, ...]

    def clean(self, text: str) -> str:
        """*text* without the values that were removed."""
        for value in self.removed:
            text = text.replace(value, _LEFT_OUT)
        return text


def redacted(snapshot: Snapshot, redact: Redact | None) -> Redacted | None:
    """What may be kept of a request, None for nothing.

    Raises:
        Exception: What *redact* raises.
        TypeError: It returns something else than a request or None.
    """
    came = snapshot.request()
    kept = _without_credentials(came)
    if redact is not None:
        returned: object = redact(_without_credentials(snapshot.request()))
        if returned is None:
            return None
        if not isinstance(returned, Request):
            raise TypeError(f"redact must return a Request, not a {type(returned).__name__}")
        kept = returned
    changed = not same_parts(came.parts, kept.parts)
    return Redacted(kept, changed, _removed(came.headers.values(), kept.headers.values()))


def _without_credentials(request: Request) -> Request:
    headers = {
        name: value for name, value in request.headers.items() if name.lower() not in CREDENTIALS
    }
    return replace(request, headers=headers)


def _removed(came: Iterable[str], kept: Iterable[str]) -> tuple[str, ...]:
    """The values that were removed, the longest first, since one may be a part of another."""
    values = {value for value in came if isinstance(value, str)} - set(kept)
    return tuple(sorted((v for v in values if len(v) >= _SHORTEST), key=len, reverse=True))
