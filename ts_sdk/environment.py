"""Environment variables that one archive's code sets, kept apart from those of everybody else.

``os.environ`` belongs to the process. While archives are open it answers each asker: an archive's
code reads what it has set itself, and the program never sees it. What code sets while the archive
starts also reaches the C libraries that it loads then (``OMP_NUM_THREADS``), and is taken back from
them when it has started.

What a library sets, though an archive has called it, stays the process's: it may be meant for the
library's own C code, as TorchInductor's is. And a process that `handle` starts inherits the
program's environment, unless it is given ``env=os.environ``.
"""

import os
import sys
import threading
from collections.abc import Iterator, MutableMapping
from typing import Protocol

from ts_sdk.running import known_codes, running_code

_MAPPING_FILES = frozenset(
    method.__code__.co_filename
    for method in (MutableMapping.update, MutableMapping.pop, type(os.environ).setdefault)
)
"""Where methods are defined that set and delete for whoever calls them."""

_lock = threading.RLock()
_users = 0
_original: type = type(os.environ)


class Owner(Protocol):
    """The code that has an environment of its own."""

    environment: "OwnEnvironment"


class OwnEnvironment:
    """What one archive's code has set, or deleted, in ``os.environ``.

    Attributes:
        changes: Variable → its value, None when it was deleted.
        reaches_libraries: Whether changes are made to the process too, for C libraries to see.
    """

    def __init__(self) -> None:
        self.changes: dict[str, str | None] = {}
        self.reaches_libraries = False

    def take_back_from_libraries(self) -> None:
        """Give the process the values again that it had."""
        for name in self.changes:
            value = _program_value(name)
            if value is None:
                os.unsetenv(name)
            else:
                os.putenv(name, value)


def _program_value(name: str) -> str | None:
    data = os.environ._data  # type: ignore[attr-defined] # noqa: SLF001 - without asking who asks
    found = data.get(os.environ.encodekey(name))
    return None if found is None else os.environ.decodevalue(found)


def _own() -> OwnEnvironment | None:
    """The environment of the archive whose code is asking, None for the program."""
    return getattr(running_code(), "environment", None)


def _own_of_writer() -> OwnEnvironment | None:
    """The environment of the archive whose own line sets or deletes a variable."""
    frame = sys._getframe(2)  # noqa: SLF001 - who writes is in no argument
    while frame.f_back is not None and frame.f_code.co_filename in _MAPPING_FILES:
        frame = frame.f_back
    return getattr(known_codes.get(id(frame.f_builtins)), "environment", None)


class _SharedEnviron(type(os.environ)):  # type: ignore[misc] # os names the class with an underscore
    """``os.environ`` while archives are open."""

    def __getitem__(self, key: str) -> str:
        own = _own()
        if own is not None and key in own.changes:
            value = own.changes[key]
            if value is None:
                raise KeyError(key)
            return value
        found: str = super().__getitem__(key)
        return found

    def __setitem__(self, key: str, value: str) -> None:
        own = _own_of_writer()
        if own is None:
            super().__setitem__(key, value)
            return
        self.encodekey(key), self.encodevalue(value)  # which refuse what is no text
        own.changes[key] = value
        if own.reaches_libraries:
            os.putenv(key, value)

    def __delitem__(self, key: str) -> None:
        own = _own_of_writer()
        if own is None:
            super().__delitem__(key)
            return
        self[key]  # which raises where there is none
        own.changes[key] = None
        if own.reaches_libraries:
            os.unsetenv(key)

    def __iter__(self) -> Iterator[str]:
        own = _own()
        names = super().__iter__()
        if own is None or not own.changes:
            yield from names
            return
        changes = dict(own.changes)
        yield from (name for name in names if name not in changes)
        yield from (name for name, value in changes.items() if value is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self) if _own() is not None else super().__len__()

    def __contains__(self, key: object) -> bool:
        try:
            self[key]  # type: ignore[index] # KeyError or TypeError says no
        except KeyError:
            return False
        return True

    def copy(self) -> dict[str, str]:
        return dict(self)


def share() -> None:
    """Let ``os.environ`` answer each archive by itself, until `unshare` was called as often."""
    global _users  # noqa: PLW0603 - there is one os.environ
    with _lock:
        _users += 1
        if type(os.environ) is _original:
            os.environ.__class__ = _SharedEnviron


def unshare() -> None:
    """Undo one `share`."""
    global _users  # noqa: PLW0603 - as above
    with _lock:
        _users -= 1
        if not _users and type(os.environ) is _SharedEnviron:
            os.environ.__class__ = _original
