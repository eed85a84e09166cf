"""What a pickle imports, and how dangerous that is, as picklescan tells."""

from dataclasses import dataclass
from typing import IO, cast

from archiver.inspection.pickle_imports import in_python_3
from archiver.sizes import format_size
from ts_sdk.doctor.quiet import quiet

_OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""What `torch.save` began its files with before PyTorch 1.6: a number, pickled."""
# What picklescan knows under other names only: they open files or import by name.
_ALSO_DANGEROUS = frozenset(
    {
        "_io.open",
        "_pyio.open",
        "builtins.__import__",
        "codecs.open",
        "importlib.__import__",
        "importlib.import_module",
        "io.open",
    }
)
# An operation takes one to three reads, and is kept in memory: this is 300 MiB at the most. A state
# dict of 50,000 tensors and a vocabulary of 400,000 words take less.
_MOST_READS = 3_000_000


@dataclass(frozen=True, slots=True, order=True)
class Global:
    """A name that a pickle imports.

    Attributes:
        module: The module, as Python 3 calls it.
        name: What is imported from it.
        is_dangerous: Whether it is known to let a pickle run anything.
    """

    module: str
    name: str
    is_dangerous: bool = False

    @property
    def full(self) -> str:
        """``module.name``."""
        return f"{self.module}.{self.name}"


class NotScannedError(Exception):
    """A pickle was not looked at; the message says why."""


def globals_of(
    file: IO[bytes], size: int, most_bytes: int
) -> tuple[tuple[Global, ...], str | None]:
    """What the pickle in *file* imports.

    Args:
        file: The pickle, at its beginning; it can seek.
        size: How many bytes it has.
        most_bytes: The largest that is looked at; of the format of old `torch.save` files, whose
            numbers lie behind the pickles, any size is.

    Returns:
        Its imports, and what is wrong with it or None.

    Raises:
        NotScannedError: It is too large, or so damaged that nothing can be told.
    """
    from picklescan.scanner import SafetyLevel, scan_pickle_bytes, scan_pytorch

    is_old_torch = file.read(len(_OLD_TORCH)) == _OLD_TORCH
    file.seek(0)
    if size > most_bytes and not is_old_torch:
        raise NotScannedError(f"it has {format_size(size)}, too much for a pickle to be examined")
    try:
        with quiet("picklescan"):
            scan = scan_pytorch if is_old_torch else scan_pickle_bytes
            result = scan(cast("IO[bytes]", _Metered(file)), "")
    except _TooLongError as error:
        raise NotScannedError("it has more operations than are examined") from error
    except Exception as error:
        raise NotScannedError(f"it is damaged: {error}") from error
    found = set()
    for each in result.globals:
        module, name = in_python_3(each.module, each.name)
        is_dangerous = f"{module}.{name}" in _ALSO_DANGEROUS
        found.add(Global(module, name, is_dangerous or each.safety is SafetyLevel.Dangerous))
    return tuple(sorted(found)), "it is damaged" if result.scan_err else None


class _TooLongError(Exception):
    """A pickle has more operations than are looked at."""


class _Metered:
    """A file that ends with an error when it was read from too often."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = _MOST_READS
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        self._count()
        return self._file.read(size)

    def readline(self) -> bytes:
        self._count()
        return self._file.readline()

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _TooLongError
