"""Request bodies on the command line.

``--json`` alone asks for JSON output; followed by a JSON object, list or string it gives a request
body, as ``--body`` always does. What follows it tells the two apart, before the parser sees them.
"""

import argparse
import json
from collections.abc import Sequence

_FIRST_CHARACTERS = ("{", "[", '"')
_MOST_SHOWN = 60


def with_bodies_named(arguments: Sequence[str]) -> list[str]:
    """*arguments* with ``--body=…`` in place of each ``--json`` that has a body."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    named: list[str] = []
    for argument in arguments[:end]:
        if named and named[-1] == "--json" and argument.startswith(_FIRST_CHARACTERS):
            named[-1] = f"--body={argument}"
        elif argument.startswith("--json="):
            named.append(f"--body={argument.removeprefix('--json=')}")
        else:
            named.append(argument)
    return [*named, *arguments[end:]]


def parse_body(text: str) -> object:
    """The value of ``--body``, decoded; `argparse` reports what is wrong with it."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        shown = text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
        raise argparse.ArgumentTypeError(f"{shown!r} is no JSON: {error}") from error
