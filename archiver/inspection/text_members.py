"""What the members that people write say: labels, settings, requirements."""

from __future__ import annotations

import json
import re

# A key of a block mapping's first level: a plain or quoted scalar without indentation.
_KEY = re.compile(
    r"""^(?: '([^'\n]+)' | "([^"\n]+)" | ([^\s#'"\-\[\]{}&*!|>%@`,?:][^\n#]*?) )\s*:(?:\s|$)""",
    re.MULTILINE | re.VERBOSE,
)


def count_labels(content: bytes) -> int:
    """Return how many classes index_to_name.json names.

    Raises:
        ValueError: It is not what TorchServe's handlers read.
    """
    try:
        labels = json.loads(content)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if isinstance(labels, dict) and isinstance(labels.get("object_type_names"), list):
        labels = labels["object_type_names"]
    if not isinstance(labels, dict | list):
        raise ValueError("it is neither an object nor has it a list 'object_type_names'")  # noqa: TRY004 - what is wrong is the file, not the call
    return len(labels)


def config_keys(content: bytes) -> tuple[str, ...]:
    """Return the keys of a YAML mapping's first level, in the block style that people write.

    Reading it in full takes a YAML parser, which `pack` and the loader use and the standard
    library lacks.
    """
    text = content.decode("utf-8-sig", errors="replace")
    found = [next(filter(None, match.groups())).strip() for match in _KEY.finditer(text)]
    return tuple(dict.fromkeys(found))


def requirement_lines(content: bytes) -> tuple[str, ...]:
    """Return the lines of a requirements file without its comments."""
    text = content.decode("utf-8-sig", errors="replace")
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines())
    return tuple(line for line in lines if line)
