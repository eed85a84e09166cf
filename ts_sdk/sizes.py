"""Sizes in bytes as people write them; `archiver.sizes` has how they read them."""

import re

_FACTORS = {
    "": 1,
    "k": 10**3,
    "m": 10**6,
    "g": 10**9,
    "t": 10**12,
    "ki": 2**10,
    "mi": 2**20,
    "gi": 2**30,
    "ti": 2**40,
}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?\s*", re.ASCII | re.IGNORECASE)


def parse_size(text: str) -> int:
    """The number of bytes that *text* stands for.

    Args:
        text: A number, with or without a unit: ``20GB`` (or ``20G``) is 20 · 10⁹ bytes, ``20GiB``
            20 · 2³⁰; upper and lower case are the same.

    Raises:
        ValueError: It is no size.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no size; write a number with a unit, such as 500MB or 20GiB")
    number, unit = match.groups()
    return int(float(number) * _FACTORS[(unit or "").lower()])
