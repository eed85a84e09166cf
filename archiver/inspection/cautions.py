"""What to know before an archive is used, told by what was found in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.names import MANIFEST_NAME, RECORD_NAME
from archiver.sizes import format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archiver.inspection.facts import InspectedMember, Inspection
    from archiver.inspection.serialized_file import SerializedFile

# What is smaller is unpacked in no time, and gains nothing from being mapped.
_WORTH_MAPPING_BYTES = 1 << 20
_SHOWN = 4


def cautions(facts: Inspection) -> Iterator[str]:
    """Say, one sentence each, what could be better or should be known."""
    if not facts.has_manifest:
        yield f"there is no {MANIFEST_NAME}: what is shown is assumed from the files' names"
    if facts.record == "absent" and facts.form != "folder":
        yield f"there is no {RECORD_NAME}: that nothing was changed cannot be verified"
    yield from _handler_cautions(facts)
    if facts.form == "mar":
        for member in facts.members:
            yield from _storage_cautions(member)
    for serialized in facts.serialized:
        yield from _pickle_cautions(serialized)


def _handler_cautions(facts: Inspection) -> Iterator[str]:
    """Say why the handler could not be started."""
    handler = facts.handler
    if handler.declared is None:
        yield "no handler is named, so that one has to be chosen when it is loaded"
    elif handler.member is None and not handler.is_built_in:
        yield f"the handler {handler.declared!r} is neither in the archive nor built in"


def _storage_cautions(inspected: InspectedMember) -> Iterator[str]:
    """Say why weights are slower to load than they could be."""
    member = inspected.member
    if inspected.kind != "weights" or member.size < _WORTH_MAPPING_BYTES:
        return
    size = format_size(member.size)
    if member.method != "stored":
        yield f"{member.name} ({size}) is deflated, which makes its first load slow"
    elif not member.is_aligned:
        yield f"{member.name} ({size}) is not aligned, so that it cannot be mapped where it lies"


def _pickle_cautions(serialized: SerializedFile) -> Iterator[str]:
    """Say which pickles are more than weights, or may be."""
    more = serialized.more_than_weights
    if more:
        named = ", ".join(more[:_SHOWN]) + (", ..." if more[_SHOWN:] else "")
        yield (
            f"{serialized.name} holds a pickle of more than weights (it imports {named}): whoever "
            "reads it without weights_only=True runs what is in it"
        )
    elif serialized.pickles and serialized.imports is None:
        yield (
            f"{serialized.name} holds pickles that could not be looked through here; "
            "'mar doctor' tells what they import"
        )
