"""Does a Python file parse?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from archiver.outline import Outline, read_outline

if TYPE_CHECKING:
    from pathlib import Path


def parse(path: Path, role: str) -> tuple[Outline | None, list[str]]:
    """Read what a Python file defines.

    Args:
        path: The file, which exists.
        role: What it is to the archive, for the sentence.

    Returns:
        What it defines and no problem, or None and the sentence that says where it does not parse.
    """
    try:
        return read_outline(path), []
    except SyntaxError as error:
        place = f"{path}:{error.lineno}" if error.lineno else str(path)
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return None, [
            f"the {role} does not parse: {place}: {error.msg or error} (read by Python {version})"
        ]
