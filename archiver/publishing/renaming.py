"""Renaming in one step, as the operating system offers it beyond ``os.rename``."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# From <linux/fs.h> and <fcntl.h>.
_RENAME_NOREPLACE = 1
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


def rename_to_new(source: Path, target: Path) -> None:
    """Rename, unless there is something under the new name.

    Raises:
        FileExistsError: There is something.
    """
    try:
        _renameat2(source, target, _RENAME_NOREPLACE)
    except OSError as error:
        if not _is_unsupported(error):
            raise
        # Between these two steps another process can come; the system offers no better.
        if os.path.lexists(target):
            raise FileExistsError(
                errno.EEXIST, os.strerror(errno.EEXIST), str(source), None, str(target)
            ) from error
        source.rename(target)


def exchange(one: Path, other: Path) -> bool:
    """Give each of two files or folders the other's name, in one step.

    Returns:
        Whether the system can do that; if not, nothing has happened.
    """
    try:
        _renameat2(one, other, _RENAME_EXCHANGE)
    except OSError as error:
        if _is_unsupported(error):
            return False
        raise
    return True


def _is_unsupported(error: OSError) -> bool:
    """Tell whether the system or the file system lacks the call."""
    return error.errno in {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP}


def _renameat2(source: Path, target: Path, flags: int) -> None:
    """Call Linux's ``renameat2``, which Python does not offer."""
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    import ctypes

    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    result = function(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), flags)
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(source), None, str(target))
