"""Run-length encoded masks, as those of COCO: `pycocotools.mask.decode` reads them.

The pixels are taken column by column. A mask is the lengths of its runs, by turns of pixels outside
and inside, beginning with those outside. In the text each length but the first three is told as its
difference from the length two before, in groups of 5 bits, the lowest first, each one character
from ``0`` on; the sixth bit says that more groups follow (maskApi.c of the COCO API, version 2.0).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rle = dict[str, Any]
"""``{"size": [height, width], "counts": text}``."""

_BITS = 5
_MORE = 1 << _BITS
_LOW_BITS = _MORE - 1
_SIGN = 1 << (_BITS - 1)
_FIRST_CHARACTER = 48
_ABSOLUTE = 3
"""How many lengths are told as they are."""


def encode(mask: NDArray[np.bool_]) -> Rle:
    """The mask ``(H, W)`` of bools as text."""
    runs = encode_classes(mask)
    return runs.get(True) or _rle(mask.shape, np.array([mask.size]))


def encode_classes(numbers: NDArray[Any]) -> dict[Any, Rle]:
    """The mask of each class in a map.

    Args:
        numbers: The class of each pixel, ``(H, W)`` integers or bools.

    Returns:
        Class number → its mask, in ascending order of the numbers.
    """
    flat = numbers.T.reshape(-1)
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts = np.concatenate([[0], changes])[: len(flat)]
    ends = np.append(changes, len(flat))[: len(flat)]
    found = flat[starts]
    return {
        number.item(): _rle(numbers.shape, _lengths(starts[mine], ends[mine], len(flat)))
        for number in np.unique(found)
        for mine in [found == number]
    }


def decode(rle: Mapping[str, Any]) -> NDArray[np.bool_]:
    """The mask ``(H, W)`` of bools that *rle* holds.

    Raises:
        ValueError: It is damaged: the runs do not add up to its size.
    """
    height, width = rle["size"]
    lengths = _lengths_in(rle["counts"])
    if sum(lengths) != height * width or min(lengths) < 0:
        raise ValueError(
            f"the runs of a mask of {height} x {width} pixels must add up to {height * width}, "
            f"not to {sum(lengths)}"
        )
    inside = np.arange(len(lengths)) % 2 == 1
    return np.repeat(inside, lengths).reshape(width, height).T


def _lengths(starts: NDArray[Any], ends: NDArray[Any], size: int) -> NDArray[Any]:
    """Lengths of the runs outside and inside by turns, of those inside from *starts* to *ends*."""
    edges = np.empty(2 * len(starts) + 1, np.int64)
    edges[0:-1:2], edges[1::2], edges[-1] = starts, ends, size
    lengths = np.diff(edges, prepend=0)
    return lengths if lengths[-1] else lengths[:-1]


def _rle(shape: tuple[int, ...], lengths: NDArray[Any]) -> Rle:
    told = lengths.copy()
    told[_ABSOLUTE:] -= lengths[_ABSOLUTE - 2 : -2]
    return {"size": list(shape), "counts": "".join(map(_characters, told.tolist()))}


def _characters(number: int) -> str:
    text = ""
    while True:
        group = number & _LOW_BITS
        number >>= _BITS
        is_last = number == (-1 if group & _SIGN else 0)
        text += chr(_FIRST_CHARACTER + (group if is_last else group | _MORE))
        if is_last:
            return text


def _lengths_in(counts: str | bytes) -> list[int]:
    codes = counts.encode() if isinstance(counts, str) else counts
    lengths: list[int] = []
    number = bits = 0
    for code in codes:
        group = code - _FIRST_CHARACTER
        number |= (group & _LOW_BITS) << bits
        bits += _BITS
        if group & _MORE:
            continue
        if group & _SIGN:
            number -= 1 << bits
        lengths.append(number + (lengths[-2] if len(lengths) >= _ABSOLUTE else 0))
        number = bits = 0
    return lengths or [0]
