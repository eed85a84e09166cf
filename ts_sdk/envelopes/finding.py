"""Finding the envelope that an archive names."""

from typing import TYPE_CHECKING

from archiver.nearest import nearest_name
from ts_sdk.blame import explain
from ts_sdk.envelopes.base import BaseEnvelope
from ts_sdk.envelopes.body import BodyEnvelope
from ts_sdk.envelopes.json_instances import JSONEnvelope
from ts_sdk.envelopes.kserve import KServeEnvelope
from ts_sdk.envelopes.kservev2 import KServev2Envelope
from ts_sdk.errors import HandlerLoadError

if TYPE_CHECKING:
    from types import ModuleType

    from ts_sdk.imports import ArchiveCode

_ENVELOPES: dict[str, type[BaseEnvelope]] = {
    "body": BodyEnvelope,
    "json": JSONEnvelope,
    "kserve": KServeEnvelope,
    "kservev2": KServev2Envelope,
}
_RENAMED = {"kfserving": "kserve", "kfservingv2": "kservev2"}
"""Names of TorchServe before release 0.6 → what they are called since."""

_PHASE = "find envelope"


def find_envelope(name: str, folder_code: "ArchiveCode | None" = None) -> type[BaseEnvelope]:
    """The envelope class called *name*.

    Args:
        name: ``body``, ``json``, ``kserve``, ``kservev2``, or the name of a file in the archive
            that defines a subclass of `BaseEnvelope`, with or without ``.py``.
        folder_code: The archive's modules; None where only the envelopes of this package count.

    Raises:
        HandlerLoadError: There is no such envelope, or importing it failed.
    """
    known = _ENVELOPES.get(_RENAMED.get(name, name))
    if known is not None:
        return known
    file = f"{name.removesuffix('.py')}.py"
    if folder_code is not None and (folder_code.folder / file).is_file():
        return _class_in(_import(folder_code, file), file)
    near = nearest_name(name, [*_ENVELOPES, *_RENAMED])
    raise HandlerLoadError(
        f"there is no envelope {name!r}{f'; did you mean {near!r}?' if near else ''} "
        f"(there are {', '.join(_ENVELOPES)}, and files of the archive)",
        phase=_PHASE,
    )


def _import(code: "ArchiveCode", file: str) -> "ModuleType":
    try:
        return code.import_file(file)
    except (Exception, SystemExit) as error:
        raise HandlerLoadError(
            f"importing the envelope {file} failed: {explain(error, code.folder)}", phase=_PHASE
        ) from error


def _class_in(module: "ModuleType", file: str) -> type[BaseEnvelope]:
    classes = (value for value in vars(module).values() if isinstance(value, type))
    found = [
        each
        for each in dict.fromkeys(classes)
        if issubclass(each, BaseEnvelope) and each.__module__ == module.__name__
    ]
    leaves = [one for one in found if not any(one in other.__mro__[1:] for other in found)]
    if len(leaves) != 1:
        names = ", ".join(one.__name__ for one in leaves) or "none"
        raise HandlerLoadError(
            f"{file} must define one envelope, a subclass of BaseEnvelope; it defines {names}",
            phase=_PHASE,
        )
    return leaves[0]
