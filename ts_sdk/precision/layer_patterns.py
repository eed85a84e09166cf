"""Which layers are to stay in float32: patterns of names, checked against the model."""

import difflib
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ts_sdk.errors import PrecisionError
from ts_sdk.precision.structure import is_within, layer_names

if TYPE_CHECKING:
    from torch import nn

_SHOWN = 5


def layers_to_keep(core: "nn.Module", patterns: Sequence[str]) -> tuple[str, ...]:
    """The layers of *core* that *patterns* name, without those that lie inside of another one.

    Args:
        core: The model.
        patterns: Names of layers as `named_modules` gives them, or shell patterns of such names:
            ``*`` stands for any text, dots included.

    Raises:
        PrecisionError: A pattern fits no layer; the message shows names that are near.
    """
    names = layer_names(core)
    found: set[str] = set()
    for pattern in patterns:
        fitting = [name for name in names if fnmatchcase(name, pattern)]
        if not fitting:
            raise PrecisionError(_no_such_layer(core, pattern, names))
        found.update(fitting)
    kept = frozenset(found)
    return tuple(
        name for name in names if name in kept and not is_within(name.rpartition(".")[0], kept)
    )


def _no_such_layer(core: "nn.Module", pattern: str, names: Sequence[str]) -> str:
    kind = getattr(core, "original_name", type(core).__name__)
    near = difflib.get_close_matches(pattern, names, n=_SHOWN)
    words = [word for word in re.findall(r"\w+", pattern) if not word.isdecimal()]
    near = near or [name for name in names if any(word in name for word in words)][:_SHOWN]
    if near:
        hint = f"; did you mean {' or '.join(near)}?"
    elif names:
        hint = f"; its layers are {', '.join(names[:_SHOWN])}{', ...' if names[_SHOWN:] else ''}"
    else:
        hint = "; it has none"
    return f"keep_float32: {kind} has no layer {pattern!r}{hint}"
