"""What a block of code asks of the system, as Python's audit events tell it.

One hook serves the whole process, since a hook cannot be taken away again; it does nothing while
nobody watches. What native code does by itself raises no events and is not seen.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

Watcher = Callable[[str, tuple[Any, ...]], None]

_watchers: list[Watcher] = []
_lock = threading.Lock()
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {
    "os.mkdir": ((0, 2),),
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.truncate": ((0, None),),
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.utime": ((0, 3),),
    "os.setxattr": ((0, None),),
    "os.symlink": ((1, 2),),
    "os.link": ((1, 3),),
    "os.rename": ((0, 2), (1, 3)),
}
"""Event → where in its arguments the paths are that it changes, and the folders' descriptors."""

_OPEN_FILES = Path("/proc/self/fd")
_BYTECODE = "__pycache__"


class NetworkRefusedError(OSError):
    """A connection to another machine was asked for while none is allowed."""


@contextmanager
def refusing_network() -> Iterator[list[str]]:
    """Refuse connections to other machines, of all threads; gives the list of what was asked for.

    Sockets of the file system are let through.
    """
    asked: list[str] = []

    def refuse(event: str, args: tuple[Any, ...]) -> None:
        if event in {"socket.connect", "socket.sendto"} and isinstance(args[1], tuple):
            place = ":".join(map(str, args[1][:2]))
        elif event in {"socket.getaddrinfo", "socket.gethostbyname"} and args[0] is not None:
            place = str(args[0])
        else:
            return
        asked.append(place)
        raise NetworkRefusedError(f"the test allows no network, and {place} was asked for")

    with _watched_by(refuse):
        yield asked


@contextmanager
def watching_writes() -> Iterator[list[Path]]:
    """Watch what is written to, of all threads; gives the list of files and folders so far.

    Compiled modules, which Python writes by itself, are left out.
    """
    written: list[Path] = []

    def note(event: str, args: tuple[Any, ...]) -> None:
        written.extend(path for path in _written_by(event, args) if _BYTECODE not in path.parts)

    with _watched_by(note):
        yield written


def _written_by(event: str, args: tuple[Any, ...]) -> Iterator[Path]:
    """The files and folders that *event* writes to."""
    if event == "open":
        path, mode, flags = args
        if any(letter in mode for letter in "wax+") if mode else flags & _WRITING:
            yield from _place(path, None)
    for position, folder in _CHANGES.get(event, ()):
        yield from _place(args[position], None if folder is None else args[folder])


def _place(name: object, descriptor: int | None) -> Iterator[Path]:
    """The absolute path of *name*, which may be relative to an open folder."""
    if not isinstance(name, str | bytes | os.PathLike):
        return  # a file that is open already
    folder = Path.cwd()
    if descriptor is not None and descriptor >= 0:
        link = _OPEN_FILES / str(descriptor)
        if not link.exists():
            return  # the system does not tell
        folder = Path(os.path.realpath(link))
    yield Path(os.path.abspath(folder / os.fsdecode(name)))  # noqa: PTH100 - links are not followed


@contextmanager
def _watched_by(watcher: Watcher) -> Iterator[None]:
    _install()
    with _lock:
        _watchers.append(watcher)
    try:
        yield
    finally:
        with _lock:
            _watchers.remove(watcher)


@cache
def _install() -> None:
    sys.addaudithook(_heard)


def _heard(event: str, args: tuple[Any, ...]) -> None:
    for watcher in tuple(_watchers or ()):  # when Python ends, there is no list any more
        watcher(event, args)
