"""Folders that no other user may write to, because code is run from them."""

import os
import stat
from pathlib import Path

from ts_sdk.errors import CacheError

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def make_private(folder: Path) -> None:
    """Create *folder* for this user alone, or check that the one which is there may be trusted.

    Raises:
        CacheError: It cannot be created, is no folder, belongs to another user, or others may
            write to it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        _check(folder)
    except OSError as error:
        raise CacheError(
            f"the extraction cache {folder} cannot be created ({error.strerror}); "
            "set TS_SDK_CACHE_DIR to a folder that you may write to"
        ) from error


def _check(folder: Path) -> None:
    status = folder.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise CacheError(
            f"the extraction cache {folder} is no folder; remove it or set TS_SDK_CACHE_DIR"
        )
    if not hasattr(os, "geteuid"):
        return  # access lists of Windows: a profile's folders belong to its user
    if status.st_uid != os.geteuid():
        raise CacheError(
            f"the extraction cache {folder} belongs to another user (uid {status.st_uid}, this "
            f"process runs as {os.geteuid()}); set TS_SDK_CACHE_DIR to a folder of your own"
        )
    if status.st_mode & _WRITABLE_BY_OTHERS:
        raise CacheError(
            f"other users may write to the extraction cache {folder} "
            f"(mode {stat.S_IMODE(status.st_mode):04o}) and so put code where it is run; "
            f"if you trust what is in it, run 'chmod go-w {folder}'; if not, remove it"
        )
