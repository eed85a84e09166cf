"""Values in messages: one line, and a short one."""

import reprlib
from typing import Any

_LONGEST = 60

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _LONGEST
_short.maxlong = 25
_short.maxlist = _short.maxtuple = _short.maxdict = 4
_short.maxlevel = 3


def shortened(value: Any) -> str:  # noqa: ANN401 - messages are about anything
    """*value* in at most about sixty characters."""
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value)} bytes"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        kind = str(value.dtype).removeprefix("torch.")
        return f"{type(value).__name__} of {kind} {tuple(value.shape)}"
    if isinstance(value, float):
        return f"{value:.9g}"
    text = " ".join(_short.repr(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
