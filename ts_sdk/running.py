"""Which archive's code is running: in this thread, in this frame."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType
from typing import Any, Protocol


class Code(Protocol):
    """What routing needs of an archive's code."""

    builtins: dict[str, Any]

    @property
    def outside_paths(self) -> list[str]:
        """Folders outside of the archive that its code has put on `sys.path`."""

    def owns(self, name: str) -> bool:
        """Whether absolute module name *name* is the archive's."""

    def module(self, name: str) -> ModuleType | None:
        """The archive's module *name* if it is loaded or about to be."""

    def find(self, name: str) -> ModuleSpec | None:
        """Where the archive's module *name* is."""

    def load(self, name: str, *, wait: bool = True) -> ModuleType:
        """The archive's module *name*, executed if need be; *wait* for a thread that does."""

    def names_to_route(self) -> list[str]:
        """Names that must lead to the archive's modules while its code runs."""

    def invalidate_caches(self) -> None:
        """Look at the folders anew."""


known_codes: dict[int, Code] = {}
"""Every archive's code that is not closed, by the id of the builtins that its modules have."""

_active: ContextVar[Code | None] = ContextVar("ts_sdk_archive_code", default=None)


def running_code() -> Code | None:
    """The archive code that is asking: the active one, else that of the nearest frame."""
    code = _active.get()
    if code is not None or not known_codes:
        return code
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - a thread that the handler started has no context
    while frame is not None:
        found = known_codes.get(id(frame.f_builtins))
        if found is not None:
            return found
        frame = frame.f_back
    return None


def is_active() -> bool:
    """Whether this thread or task is inside of `active`."""
    return _active.get() is not None


@contextmanager
def active(code: Code) -> Iterator[None]:
    """Make *code* the active one in this thread or task."""
    token = _active.set(code)
    try:
        yield
    finally:
        _active.reset(token)


def is_archive_module(module: object) -> bool:
    """Whether *module* was made by an archive's code."""
    if not isinstance(module, ModuleType):
        return False
    return id(vars(module).get("__builtins__")) in known_codes
