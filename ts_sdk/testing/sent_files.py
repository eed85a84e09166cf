"""The bytes of files that are sent."""

import os
from pathlib import Path
from typing import Any

from ts_sdk.rows import BODY, Request

BINARY = "application/octet-stream"
"""The content type of bytes of which no more is known."""


def bytes_of_file(path: str | os.PathLike[str]) -> bytes:
    """What is in a file.

    Raises:
        RequestError: It cannot be read.
    """
    content: Any = Request.sent(Path(path), content_type=BINARY).parts[BODY]
    return bytes(content)
