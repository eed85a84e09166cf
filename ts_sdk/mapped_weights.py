"""Weights that stay in their archive: mapped into memory there, never extracted.

That is done for safetensors which the packer stored aligned, with their SHA-256 in RECORD, and only
where nothing asks for a file of that name: the handler is one that comes with this library and
loads as `BaseHandler` does, and no Python file of the archive speaks of safetensors.
"""

import importlib.metadata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archiver.first_bytes import is_safetensors
from archiver.text import HEAD_SIZE
from ts_sdk.entry_points import GROUP
from ts_sdk.handler import BaseHandler

if TYPE_CHECKING:
    from archiver import Archive
    from archiver.member import Member
    from ts_sdk.cache import ExtractionCache
    from ts_sdk.timing import PhaseTimes

_THIS = "ts-sdk"
_LOADING = ("_load_model", "_load_pickled_model", "_loading_options")
_MENTION = b"safetensors"


@dataclass(frozen=True)
class MappedWeights:
    """The serialized model of an archive, in memory.

    Attributes:
        name: The member, which need not be extracted.
        content: Its bytes, writable; what is written there stays in this process.
    """

    name: str
    content: memoryview


def map_weights(
    archive: "Archive", cache: "ExtractionCache", times: "PhaseTimes"
) -> MappedWeights | None:
    """The weights of *archive* where they lie in it; None where they have to be extracted.

    They are compared with their SHA-256, once for each file.

    Args:
        archive: What is being loaded.
        cache: Which remembers what was compared.
        times: Which learns how long it took.

    Raises:
        archiver.CorruptArchiveError: They are not what was packed.
        CacheError: The cache, which remembers what was compared, cannot be used.
    """
    member = _mappable(archive)
    if member is None or not _is_left_alone(archive):
        return None
    with times.measure("map weights"):
        content = archive.map_member(member.name)
        if content is None:
            return None
        cache.verify_in_place(archive, member, content)
    return MappedWeights(member.name, content)


def _mappable(archive: "Archive") -> "Member | None":
    model = archive.manifest.model
    if archive.form != "mar" or not (model.serialized_file and model.model_file):
        return None
    member = archive.member(model.serialized_file)
    if not member.is_aligned or member.sha256 is None:
        return None
    with archive.open_member(member.name) as stream:
        return member if is_safetensors(stream.read(HEAD_SIZE)) else None


def _is_left_alone(archive: "Archive") -> bool:
    """Whether no code but `BaseHandler`'s looks for the serialized file."""
    names = [member.name for member in archive.members]
    named = (archive.manifest.model.handler or "base_handler").removesuffix(".py")
    files = {f"{named.partition(':')[0]}.py", f"{named.partition(':')[0].rpartition('/')[2]}.py"}
    if files & set(names) or not _loads_as_base(named):
        return False
    sources = (name for name in names if name.endswith(".py"))
    return not any(_MENTION in archive.read(name) for name in sources)


def _loads_as_base(named: str) -> bool:
    """Whether *named* is a handler of this library that leaves the loading to `BaseHandler`."""
    if named == "base_handler":
        return True
    for entry in importlib.metadata.entry_points(group=GROUP, name=named):
        if entry.dist is None or entry.dist.name != _THIS:
            return False
        try:
            found = entry.load()
        except Exception:  # noqa: BLE001 - which is reported where the handler is looked for
            return False
        return all(getattr(found, name, None) is getattr(BaseHandler, name) for name in _LOADING)
    return False
