"""Can a source be read at all?"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def unreadable_problem(path: Path, role: str) -> str | None:
    """Say why a source cannot be packed, whatever is in it, or None.

    Args:
        path: The file; links are followed.
        role: What it is to the archive, for the sentence.
    """
    subject = f"the {role} {path}"
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return f"{subject} is a folder, where a file is needed"
        if not stat.S_ISREG(mode):
            return f"{subject} is no regular file but a pipe, a socket or a device"
        path.open("rb").close()
    except FileNotFoundError:
        if path.is_symlink():
            return f"{subject} is a link to {os.readlink(path)}, which does not exist"  # noqa: PTH115
        return f"{subject} does not exist"
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        return f"{subject} cannot be read: {reason}"
    return None
