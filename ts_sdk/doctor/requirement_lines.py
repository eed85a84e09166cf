"""The lines of a requirements file."""

import codecs
import re
from collections.abc import Iterator

_COMMENT = re.compile(r"(^|\s)#.*$")
_OPTION_OF_ONE = re.compile(r"\s--[a-z].*$")


def requirement_lines(content: bytes) -> Iterator[tuple[int, str]]:
    """Yield each line that asks for a package with its number; options are left out."""
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else ""
    text = content.decode(encoding or "utf-8-sig", errors="replace")
    begun, parts = 0, ""
    for number, physical in enumerate([*text.splitlines(), ""], start=1):
        begun = begun or number
        if physical.endswith("\\"):
            parts += physical[:-1]
            continue
        line = _OPTION_OF_ONE.sub("", _COMMENT.sub("", parts + physical)).strip()
        if line and not line.startswith("-"):
            yield begun, line
        begun, parts = 0, ""
