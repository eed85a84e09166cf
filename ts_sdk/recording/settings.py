"""`Recording`: which requests are kept, where, and how many of them."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from ts_sdk.rows import Request

Keep = Literal["failures", "all"]
"""Which requests are kept."""

Redact = Callable[[Request], Request | None]
"""Gives what may be kept of a request; None keeps nothing."""


@dataclass(frozen=True)
class Recording:
    """Where a model's requests are kept, and which; see `ts_sdk.load`.

    Attributes:
        folder: Where. It is made for this user alone; one that is there keeps its permissions.
        keep: ``failures``, or ``all`` for the answered ones too, with their answers.
        redact: Called with a copy of each request that is to be kept, before anything is written;
            what it returns is kept, and nothing when that is None. When it raises, nothing is kept.
        most: Most requests in the folder. Of more, the oldest are dropped.
        most_bytes: Most bytes of all of them. Of more, the oldest are dropped.
    """

    folder: str | os.PathLike[str]
    keep: Keep = "failures"
    redact: Redact | None = None
    most: int = 1000
    most_bytes: int = 1 << 30

    def __post_init__(self) -> None:
        if not isinstance(self.folder, str | os.PathLike) or not os.fspath(self.folder):
            raise TypeError(f"a recording needs the path of a folder, not {self.folder!r}")
        if self.keep not in get_args(Keep):
            raise ValueError(f"keep must be one of {', '.join(get_args(Keep))}, not {self.keep!r}")
        if self.redact is not None and not callable(self.redact):
            raise TypeError(f"redact must be a function of a request, not {self.redact!r}")
        for name in ("most", "most_bytes"):
            given = getattr(self, name)
            if not isinstance(given, int) or isinstance(given, bool) or given < 1:
                raise ValueError(f"{name} must be a whole number of 1 or more, not {given!r}")
