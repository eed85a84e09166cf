"""What pickles would import, told by their operations: none of them is unpickled.

Operations: `pickletools` of the standard library.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
import zlib
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from typing import TYPE_CHECKING

from archiver.first_bytes import is_pickle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

MOST_BYTES = 8 << 20
"""How much of a pickle is looked at; what is longer, `mar doctor` has the time for."""
_MOST_OPERATIONS = 200_000
_MOST_IN_ZIP = 16
# Before PyTorch 1.6, `torch.save` wrote a magic number, a version, facts, the object, and keys.
_OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_PICKLES_OF_OLD_TORCH = 5
_STRINGS = frozenset({"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"})
_KEPT = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_TAKEN = frozenset({"GET", "BINGET", "LONG_BINGET"})
_UNTOLD = frozenset({"EXT1", "EXT2", "EXT4"})
"""Operations that import what a table of the running program says."""
_ASIDE = frozenset({"PROTO", "FRAME"})
"""Operations that leave the stack alone."""


def imports_of(content: bytes) -> frozenset[str] | None:
    """Return what the pickle *content* imports, as ``module.name``, or None when nothing tells.

    Args:
        content: A pickle, its first `MOST_BYTES` or a zip of PyTorch's with one in it; numbers may
            come after a pickle.
    """
    if content.startswith(b"PK\3\4"):
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                inside = [name for name in archive.namelist() if name.endswith("data.pkl")]
                return imports_in_zip(archive, inside) if inside else None
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError):
            return None
    if not is_pickle(content[:2]):
        return None
    found: set[str] = set()
    file = io.BytesIO(content)
    for _ in range(_PICKLES_OF_OLD_TORCH if content.startswith(_OLD_TORCH) else 1):
        names = _imports_of_next(file)
        if names is None:
            return None
        found |= names
    return frozenset(found)


def imports_in_zip(archive: zipfile.ZipFile, names: list[str]) -> frozenset[str] | None:
    """Return what the pickles *names* in a zip import, or None when that of one is not told."""
    if len(names) > _MOST_IN_ZIP:
        return None
    found: set[str] = set()
    for name in names:
        imports = imports_of(_read(archive, name))
        if imports is None:
            return None
        found |= imports
    return frozenset(found)


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return the beginning of an entry of a zip, or nothing where it is damaged."""
    try:
        with archive.open(name) as stream:
            return stream.read(MOST_BYTES)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError):
        return b""  # which is no pickle


def _imports_of_next(file: BinaryIO) -> set[str] | None:
    """Return what the pickle that *file* stands at imports, or None when nothing tells."""
    found: set[str] = set()
    strings = _Strings()
    try:
        for count, (name, argument) in enumerate(_operations(file)):
            if count == _MOST_OPERATIONS or name in _UNTOLD:
                return None
            if name in {"GLOBAL", "INST"}:
                module, _, attribute = str(argument).partition(" ")
                found.add(".".join(in_python_3(module, attribute)))
            elif name == "STACK_GLOBAL":
                full = strings.last_two()
                if full is None:
                    return None
                found.add(full)
            strings.follow(name, argument)
    except (ValueError, IndexError, UnicodeError, OverflowError):  # damaged
        return None
    return found


def in_python_3(module: str, name: str) -> tuple[str, str]:
    """Return a name as `pickle` looks it up in pickles that Python 2 wrote, or that it can read."""
    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[module, name]
    return IMPORT_MAPPING.get(module, module), name


def _operations(file: BinaryIO) -> Iterator[tuple[str, object]]:
    for operation, argument, _ in pickletools.genops(file):
        yield operation.name, argument


class _Strings:
    """The strings that a pickle has put on its stack last, and those that it keeps by number."""

    def __init__(self) -> None:
        self._last: list[str | None] = []
        self._kept: dict[int, str | None] = {}

    def follow(self, name: str, argument: object) -> None:
        """Take one operation into account."""
        top = self._last[-1] if self._last else None
        if name == "MEMOIZE":
            self._kept[len(self._kept)] = top
        elif name in _KEPT:
            self._kept[int(str(argument))] = top
        elif name in _TAKEN:
            self._push(self._kept.get(int(str(argument))))
        elif name not in _ASIDE:
            self._push(str(argument) if name in _STRINGS else None)

    def last_two(self) -> str | None:
        """Return them joined by a dot, or None when the last two values are no strings."""
        module, name = [None, None, *self._last][-2:]
        return None if module is None or name is None else f"{module}.{name}"

    def _push(self, value: str | None) -> None:
        self._last = [*self._last[-1:], value]
