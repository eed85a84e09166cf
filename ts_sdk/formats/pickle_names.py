"""What a pickle would import besides tensors, told without running any of it."""

import pickletools
import zipfile
from typing import BinaryIO

_PICKLES_IN_OLD_FORMAT = 4
_HARMLESS_PREFIXES = ("collections.OrderedDict", "torch._utils._rebuild_")


def unsafe_names(file: BinaryIO) -> tuple[str, ...]:
    """What the pickle in *file* imports besides tensors, as ``module.name``.

    Args:
        file: What `torch.save` wrote, in its present or its old format, or a bare pickle.

    Returns:
        The names, sorted; none where there are none, or where the file is damaged.
    """
    import torch

    try:
        if zipfile.is_zipfile(file):
            file.seek(0)
            names = torch.serialization.get_unsafe_globals_in_checkpoint(file)
        else:
            file.seek(0)
            names = _names_in_bare_pickles(file)
    except Exception:  # noqa: BLE001 - damaged: there is nothing to be told from it
        return ()
    return tuple(sorted(names))


def _names_in_bare_pickles(file: BinaryIO) -> list[str]:
    """What a bare pickle imports, or several, as `torch.save` wrote before torch 1.6."""
    names = set()
    strings: list[str] = []
    for number in range(_PICKLES_IN_OLD_FORMAT):
        if number and not file.read(1):
            break
        file.seek(-1 if number else 0, 1)
        for operation, argument, _position in pickletools.genops(file):
            if operation.name == "GLOBAL":
                names.add(str(argument).replace(" ", "."))
            elif operation.name == "STACK_GLOBAL":
                names.add(".".join(strings[-2:]))
            elif isinstance(argument, str):
                strings.append(argument)
    return [
        name
        for name in names
        if not name.startswith(_HARMLESS_PREFIXES)
        and not (name.startswith("torch.") and name.endswith("Storage"))
    ]
