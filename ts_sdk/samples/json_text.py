"""JSON as people read it."""

import json


def json_text(value: object, *, indent: int | None = None) -> str:
    """*value* as JSON, with letters of all languages as they are.

    Raises:
        ValueError: It has an integer of too many digits, or holds itself.
        TypeError: It is no JSON value.
        RecursionError: It is nested too deeply.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which only an escape can spell
        return json.dumps(value, indent=indent)
    return text
